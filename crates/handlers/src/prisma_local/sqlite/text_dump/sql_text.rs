//! Just enough of SQL's grammar to copy the statements of a schema.

/// What a piece of SQL text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// White space.
    Space,
    /// `-- ...`, without the line feed.
    LineComment,
    /// `/* ... */`; an unclosed one reaches to the end of the text.
    BlockComment { closed: bool },
    /// A quoted name or string.
    Quoted,
    /// A keyword, a bare name or a number.
    Word,
    /// Any other single character.
    Symbol,
}

/// A piece of SQL text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    pub(super) text: &'a [u8],
}

impl Token<'_> {
    /// Whether this is the keyword, however it is capitalised.
    pub(super) fn is_keyword(&self, keyword: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(keyword.as_bytes())
    }

    /// Whether the parser sees this at all.
    pub(super) fn is_code(&self) -> bool {
        matches!(self.kind, TokenKind::Quoted | TokenKind::Word | TokenKind::Symbol)
    }
}

/// Splits SQL text into pieces that together are the whole text.
pub(super) fn tokens(sql: &[u8]) -> impl Iterator<Item = Token<'_>> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        let first = *rest.first()?;
        let (kind, length) = match (first, rest.get(1)) {
            (b'-', Some(b'-')) => (TokenKind::LineComment, line_length(rest)),
            (b'/', Some(b'*')) => block_comment(rest),
            (b'\'' | b'"' | b'`', _) => (TokenKind::Quoted, quoted_length(rest, first)),
            (b'[', _) => (TokenKind::Quoted, bracketed_length(rest)),
            _ if is_space(first) => (TokenKind::Space, run_length(rest, is_space)),
            _ if is_word(first) => (TokenKind::Word, run_length(rest, is_word)),
            _ => (TokenKind::Symbol, 1),
        };
        let (text, after) = rest.split_at(length);
        rest = after;
        Some(Token { kind, text })
    })
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

fn run_length(text: &[u8], belongs: fn(u8) -> bool) -> usize {
    text.iter().position(|byte| !belongs(*byte)).unwrap_or(text.len())
}

fn line_length(text: &[u8]) -> usize {
    text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len())
}

fn block_comment(text: &[u8]) -> (TokenKind, usize) {
    // The star that opens the comment cannot also close it.
    match text[2..].windows(2).position(|pair| pair == b"*/") {
        Some(inside) => (TokenKind::BlockComment { closed: true }, inside + 4),
        None => (TokenKind::BlockComment { closed: false }, text.len()),
    }
}

fn bracketed_length(text: &[u8]) -> usize {
    text.iter().position(|byte| *byte == b']').map_or(text.len(), |last| last + 1)
}

fn quoted_length(text: &[u8], quote: u8) -> usize {
    let mut place = 1;
    while let Some(byte) = text.get(place) {
        place += 1;
        if *byte == quote {
            if text.get(place) != Some(&quote) {
                return place;
            }
            place += 1;
        }
    }
    text.len()
}

/// A statement of the schema, as it can be put into a dump.
pub(super) struct LoadableStatement<'a> {
    /// What SQLite parses of it.
    pub(super) sql: &'a [u8],
    /// What ends the statement.
    pub(super) terminator: &'static str,
    /// Whether the statement, once loaded, is stored as the same text. The shell drops
    /// the carriage return of a CR LF pair, and a comment at the end needs its own end.
    pub(super) keeps_its_text: bool,
    /// Whether a CR LF pair is part of a name or a string.
    pub(super) has_quoted_line_break: bool,
}

/// Looks at how a statement of the schema can be ended, and what loading it loses.
pub(super) fn loadable_statement(stored: &[u8]) -> LoadableStatement<'_> {
    let sql = stored.split(|byte| *byte == 0).next().unwrap_or(stored);
    let mut last = TokenKind::Space;
    let mut has_quoted_line_break = false;
    for token in tokens(sql) {
        last = token.kind;
        has_quoted_line_break |= token.kind == TokenKind::Quoted && has_line_break_pair(token.text);
    }
    let terminator = match last {
        TokenKind::LineComment => "\n;\n",
        TokenKind::BlockComment { closed: false } => "*/;\n",
        _ => ";\n",
    };
    let keeps_its_text =
        terminator == ";\n" && sql.len() == stored.len() && !has_line_break_pair(sql);
    LoadableStatement { sql, terminator, keeps_its_text, has_quoted_line_break }
}

/// Whether the text has a carriage return that the shell's line reader drops.
pub(super) fn has_line_break_pair(text: &[u8]) -> bool {
    text.windows(2).any(|pair| pair == b"\r\n")
}

/// The module named in a `CREATE VIRTUAL TABLE` statement.
pub(super) fn virtual_table_module(sql: &[u8]) -> Option<String> {
    let mut code = tokens(sql).filter(Token::is_code);
    // The name is the fourth piece, so that a table called "using" is not mistaken.
    let using = code.by_ref().skip(4).find(|token| token.is_keyword("USING"));
    using.and_then(|_| code.next()).map(|module| unquoted(module))
}

fn unquoted(name: Token<'_>) -> String {
    let text = String::from_utf8_lossy(name.text).into_owned();
    match (name.kind, text.chars().next()) {
        (TokenKind::Quoted, Some(quote)) if text.len() > 1 => {
            let inside = &text[1..text.len() - 1];
            inside.replace(&format!("{quote}{quote}"), &quote.to_string())
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_of_a_virtual_table_is_found() {
        for (sql, module) in [
            ("CREATE VIRTUAL TABLE docs USING fts5(a, b)", "fts5"),
            ("CREATE VIRTUAL TABLE \"using\" /* USING x */ using\n\"fts5\"(a)", "fts5"),
            ("CREATE VIRTUAL TABLE using USING [rtree]", "rtree"),
            ("CREATE VIRTUAL TABLE 'a'' USING b' USING fts4", "fts4"),
        ] {
            assert_eq!(virtual_table_module(sql.as_bytes()).as_deref(), Some(module), "{sql}");
        }
    }

    #[test]
    fn a_comment_at_the_end_is_ended_before_the_semicolon() {
        for (sql, terminator) in [
            ("CREATE VIEW v AS SELECT 1", ";\n"),
            ("CREATE VIEW v AS SELECT 1 -- one", "\n;\n"),
            ("CREATE VIEW v AS SELECT '-- one'", ";\n"),
            ("CREATE VIEW v AS SELECT 1 /* one", "*/;\n"),
            ("CREATE VIEW v AS SELECT 1 /*/", "*/;\n"),
            ("CREATE VIEW v AS SELECT 1 /* one */", ";\n"),
            ("CREATE VIEW v AS SELECT ']' AS [a'b] -- x\n", ";\n"),
        ] {
            assert_eq!(loadable_statement(sql.as_bytes()).terminator, terminator, "{sql}");
        }
    }
}
