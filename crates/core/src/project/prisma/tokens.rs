//! Words, texts and punctuation of Prisma's schemas and of its configuration in TypeScript or JavaScript:
//! just enough to find what is written outright, without taking comments and texts for code.

/// Whose grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `schema.prisma`: texts in double quotes, and the end of a line ends a setting.
    Schema,
    /// TypeScript and JavaScript.
    Script,
}

/// A piece of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A name, a keyword or a number.
    Word(&'a str),
    /// A text that stands there as it is.
    Text(&'a str),
    /// A text with escapes or insertions, or a regular expression: not known.
    Opaque,
    /// Anything else, by character.
    Punctuation(char),
    /// The end of a line; schemas only.
    LineEnd,
}

/// Cuts a source into tokens, without blanks and comments. What is broken becomes some tokens too.
pub fn tokens(source: &str, language: Language) -> Vec<Token<'_>> {
    let mut reader = Reader { rest: source, language, tokens: Vec::new() };
    while let Some(letter) = reader.rest.chars().next() {
        reader.step(letter);
    }
    reader.tokens
}

struct Reader<'a> {
    rest: &'a str,
    language: Language,
    tokens: Vec<Token<'a>>,
}

impl<'a> Reader<'a> {
    fn step(&mut self, letter: char) {
        match letter {
            '\n' if self.language == Language::Schema => {
                self.take(1);
                self.tokens.push(Token::LineEnd);
            }
            letter if letter.is_whitespace() => {
                self.take(letter.len_utf8());
            }
            '/' if self.rest.starts_with("//") => {
                self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
            }
            '/' if self.rest.starts_with("/*") => {
                let end = self.rest.get(2..).and_then(|inside| inside.find("*/"));
                self.take(end.map_or(self.rest.len(), |end| end + 4));
            }
            '"' => self.text(letter),
            '\'' | '`' if self.language == Language::Script => self.text(letter),
            '/' if self.language == Language::Script && self.an_expression_may_begin() => {
                self.regular_expression();
            }
            letter if is_of_a_word(letter) => {
                let end = self.rest.find(|letter| !is_of_a_word(letter));
                let word = self.take(end.unwrap_or(self.rest.len()));
                self.tokens.push(Token::Word(word));
            }
            letter => {
                self.take(letter.len_utf8());
                self.tokens.push(Token::Punctuation(letter));
            }
        }
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    /// A text to its closing quote. Only one in backquotes goes beyond the end of its line.
    fn text(&mut self, quote: char) {
        let inside = self.rest.get(1..).unwrap_or_default();
        let mut is_plain = true;
        let mut escaped = false;
        let mut end = None;
        for (place, letter) in inside.char_indices() {
            match letter {
                _ if escaped => escaped = false,
                '\\' => (escaped, is_plain) = (true, false),
                '\n' if quote != '`' => break,
                '$' if quote == '`' => is_plain = false,
                _ if letter == quote => {
                    end = Some(place);
                    break;
                }
                _ => {}
            }
        }
        let Some(end) = end else {
            // Never closed: nothing on this line is known.
            self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
            return self.tokens.push(Token::Opaque);
        };
        let text = inside.get(..end).unwrap_or_default();
        self.take(end + 2);
        self.tokens.push(if is_plain { Token::Text(text) } else { Token::Opaque });
    }

    /// Whether a `/` here begins a regular expression and does not divide.
    fn an_expression_may_begin(&self) -> bool {
        match self.tokens.last() {
            None | Some(Token::Word("return" | "typeof" | "case")) => true,
            Some(Token::Punctuation(before)) => !matches!(before, ')' | ']' | '}'),
            Some(_) => false,
        }
    }

    fn regular_expression(&mut self) {
        let (mut escaped, mut in_class) = (false, false);
        let mut end = 0;
        for (place, letter) in self.rest.char_indices().skip(1) {
            end = place + letter.len_utf8();
            match letter {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '[' => in_class = true,
                ']' => in_class = false,
                '/' if !in_class => break,
                _ => {}
            }
        }
        self.take(end.max(1));
        self.tokens.push(Token::Opaque);
    }
}

fn is_of_a_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '$')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(source: &str, language: Language) -> String {
        let shown = tokens(source, language).into_iter().map(|token| match token {
            Token::Word(word) => word.to_owned(),
            Token::Text(text) => format!("<{text}>"),
            Token::Opaque => "?".to_owned(),
            Token::Punctuation(letter) => letter.to_string(),
            Token::LineEnd => ";".to_owned(),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_texts_are_told_apart() {
        let script = |source| shown(source, Language::Script);
        assert_eq!(script("a // b\nc /* d\n */ e"), "a c e");
        assert_eq!(script("'a // b' \"c /* d\" `e`"), "<a // b> <c /* d> <e>");
        assert_eq!(script("'it\\'s' `${x}` \"q\"; /a'[/]b/.test(x)"), "? ? <q> ; ? . test ( x )");
        assert_eq!(script("x = /'\"`/g, y"), "x = ? g , y");
        assert_eq!(script("a / b / 'c'"), "a / b / <c>");
        assert_eq!(script("'never closed\nnext"), "? next");
        assert_eq!(script("`two\nlines`"), "<two\nlines>");
        assert_eq!(script("/* never closed"), "");
        let schema = |source| shown(source, Language::Schema);
        assert_eq!(schema("url = env(\"X\") // env(\"Y\")\nb"), "url = env ( <X> ) ; b");
        assert_eq!(schema("/// it's \"x\n@default(\"a\\\"b\")"), "; @ default ( ? )");
    }

    proptest! {
        #[test]
        fn any_text_is_some_tokens(text in "(?s).{0,80}", noise in "[/*'\"`\\\\\\[\\]\n{}x$ ]{0,40}") {
            for language in [Language::Schema, Language::Script] {
                tokens(&text, language);
                tokens(&noise, language);
            }
        }
    }
}
