//! Where the statements of a SQL text end, while it passes by in pieces of any size.
//!
//! The rules are those of `sqlite3_complete()` (<https://www.sqlite.org/c3ref/complete.html>): a semicolon ends a
//! statement unless it stands in a text, a quoted name or a comment, or in the body of a trigger, which ends with
//! `;`, `END` and `;`.

/// What the bytes that come next are part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Code,
    /// Until this byte; doubled it stands for itself, which needs no telling apart here.
    Quotes(u8),
    Word,
    /// After one `-` or `/`.
    Dash,
    Slash,
    LineComment,
    BlockComment,
    /// After a `*` in a comment.
    Star,
}

/// Words that decide where a statement ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// Nothing but `EXPLAIN` yet.
    Begin,
    Create,
    Trigger,
    Other,
}

/// Finds the ends of statements.
#[derive(Debug)]
pub(super) struct StatementEnds {
    within: Within,
    head: Head,
    /// Whether the last token of a trigger's body was a semicolon, and whether `END` came after it.
    after_semicolon: bool,
    after_end: bool,
    word: Vec<u8>,
}

/// The longest word that matters.
const LONGEST_WORD: usize = 9;

impl StatementEnds {
    pub(super) const fn new() -> Self {
        Self {
            within: Within::Code,
            head: Head::Begin,
            after_semicolon: false,
            after_end: false,
            word: Vec::new(),
        }
    }

    /// Looks at the next byte; whether a statement ends with it.
    pub(super) fn ends_with(&mut self, byte: u8) -> bool {
        match self.within {
            Within::Quotes(quote) => {
                if byte == quote {
                    self.within = Within::Code;
                }
                return false;
            }
            Within::LineComment => {
                if byte == b'\n' {
                    self.within = Within::Code;
                }
                return false;
            }
            Within::BlockComment | Within::Star => {
                self.within = match (self.within, byte) {
                    (Within::Star, b'/') => Within::Code,
                    (_, b'*') => Within::Star,
                    _ => Within::BlockComment,
                };
                return false;
            }
            Within::Dash if byte == b'-' => {
                self.within = Within::LineComment;
                return false;
            }
            Within::Slash if byte == b'*' => {
                self.within = Within::BlockComment;
                return false;
            }
            Within::Dash | Within::Slash => self.token(),
            Within::Word if is_of_word(byte) => {
                if self.word.len() <= LONGEST_WORD {
                    self.word.push(byte.to_ascii_uppercase());
                }
                return false;
            }
            Within::Word => self.end_word(),
            Within::Code => {}
        }
        self.within = Within::Code;
        self.begin_token(byte)
    }

    fn begin_token(&mut self, byte: u8) -> bool {
        match byte {
            b';' => return self.semicolon(),
            b'-' => self.within = Within::Dash,
            b'/' => self.within = Within::Slash,
            b'\'' | b'"' | b'`' => {
                self.token();
                self.within = Within::Quotes(byte);
            }
            b'[' => {
                self.token();
                self.within = Within::Quotes(b']');
            }
            byte if is_of_word(byte) => {
                self.word.clear();
                self.word.push(byte.to_ascii_uppercase());
                self.within = Within::Word;
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => self.token(),
        }
        false
    }

    /// A token that is no word of interest.
    fn token(&mut self) {
        self.after_semicolon = false;
        self.after_end = false;
        if self.head != Head::Trigger {
            self.head = Head::Other;
        }
    }

    fn end_word(&mut self) {
        let ends = self.after_semicolon && self.word == b"END";
        let head = match (self.head, self.word.as_slice()) {
            (Head::Begin, b"EXPLAIN") => Head::Begin,
            (Head::Begin, b"CREATE") | (Head::Create, b"TEMP" | b"TEMPORARY") => Head::Create,
            (Head::Trigger, _) | (Head::Create, b"TRIGGER") => Head::Trigger,
            _ => Head::Other,
        };
        self.token();
        (self.head, self.after_end) = (head, ends);
    }

    fn semicolon(&mut self) -> bool {
        if self.head == Head::Trigger && !self.after_end {
            self.after_semicolon = true;
            self.after_end = false;
            return false;
        }
        *self = Self::new();
        true
    }
}

const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        let mut ends = StatementEnds::new();
        let mut statements = vec![String::new()];
        for character in text.chars() {
            let mut bytes = [0; 4];
            statements.last_mut().unwrap().push(character);
            let encoded = character.encode_utf8(&mut bytes).bytes();
            if encoded.fold(false, |_, byte| ends.ends_with(byte)) {
                statements.push(String::new());
            }
        }
        statements
    }

    #[test]
    fn semicolons_end_statements_where_they_are_code() {
        for text in [
            "SELECT 1;",
            "SELECT 'a;b';",
            "SELECT 'it''s;';",
            "SELECT \"a;\"\";b\", [c;d], `e;f`;",
            "SELECT 1 -- a; b\n;",
            "SELECT 1 /* a; *b; **/ - 2 / 3;",
            "SELECT 1 - 2; ",
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT CASE WHEN 1 THEN 2 END; END;",
            "create temp trigger \"x;\" after insert on a begin select 'END;'; end ;",
            "EXPLAIN CREATE TEMPORARY TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END;",
            "CREATE TABLE trigger_log(a);",
            "INSERT INTO \"ü\" VALUES ('☕;');",
        ] {
            let statements = split(text);
            assert_eq!(statements.len(), 2, "{statements:?}");
            assert_eq!(statements[1].trim(), "", "{statements:?}");
        }
        assert_eq!(split("BEGIN;SELECT 1;COMMIT;").len(), 4);
        assert_eq!(split("CREATE TABLE a(b);CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; END;SELECT 1;").len(), 4);
    }
}
