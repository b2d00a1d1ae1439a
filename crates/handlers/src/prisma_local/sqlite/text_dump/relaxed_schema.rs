//! A table's statement without what keeps unusual values out.

use super::sql_text::{Token, tokens};

/// Rewrites a `CREATE TABLE` statement so that its columns have neither types nor NOT
/// NULL constraints, and everything that shapes the stored data is as it was.
///
/// Columns marked in `keeps_type` keep their type. STRICT tables must have types and get
/// the one that takes everything.
pub(super) fn relaxed_table_statement(sql: &[u8], keeps_type: &[bool], strict: bool) -> Vec<u8> {
    let mut relaxing = Relaxing { keeps_type, strict, depth: 0, column: 0, state: State::Before };
    let mut relaxed = Vec::with_capacity(sql.len());
    let pieces: Vec<Token<'_>> = tokens(sql).collect();
    let mut place = 0;
    while let Some(token) = pieces.get(place) {
        let dropped = relaxing.dropped_here(&pieces[place..]);
        if dropped == 0 {
            relaxed.extend_from_slice(token.text);
            if relaxing.takes_any_type_after(token) {
                relaxed.extend_from_slice(b" ANY ");
            }
        } else {
            relaxed.push(b' ');
        }
        place += dropped.max(1);
    }
    relaxed
}

/// Where in the statement the rewriting is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the parenthesis that opens the columns.
    Before,
    /// Before a column's name.
    Name,
    /// Just past a column's name.
    NameSeen,
    /// In a column's type.
    Type,
    /// In a column's constraints.
    Constraints,
    /// In a constraint of the table, or past the columns.
    Rest,
}

struct Relaxing<'a> {
    keeps_type: &'a [bool],
    strict: bool,
    depth: usize,
    column: usize,
    state: State,
}

impl Relaxing<'_> {
    /// How many pieces to leave out here; moves on past the first of `ahead`.
    fn dropped_here(&mut self, ahead: &[Token<'_>]) -> usize {
        let Some(token) = ahead.first() else { return 0 };
        if !token.is_code() {
            return 0;
        }
        let outermost = self.depth == 1;
        match token.text {
            b"(" => self.depth += 1,
            b")" => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        match self.state {
            State::Before if token.text == b"(" => self.state = State::Name,
            State::Before | State::Rest if !outermost => {}
            _ if outermost && token.text == b")" => self.state = State::Rest,
            _ if outermost && token.text == b"," => {
                self.column += 1;
                self.state = State::Name;
            }
            State::Name => {
                let constraint = TABLE_CONSTRAINTS.iter().any(|word| token.is_keyword(word));
                self.state = if constraint { State::Rest } else { State::NameSeen };
            }
            State::NameSeen | State::Type => return self.dropped_of_type(ahead, outermost),
            State::Constraints if outermost => return dropped_not_null(ahead),
            _ => {}
        }
        0
    }

    fn dropped_of_type(&mut self, ahead: &[Token<'_>], outermost: bool) -> usize {
        if outermost && COLUMN_CONSTRAINTS.iter().any(|word| ahead[0].is_keyword(word)) {
            self.state = State::Constraints;
            return dropped_not_null(ahead);
        }
        self.state = State::Type;
        usize::from(!self.keeps_this_type())
    }

    fn keeps_this_type(&self) -> bool {
        self.keeps_type.get(self.column).copied().unwrap_or(true)
    }

    fn takes_any_type_after(&self, token: &Token<'_>) -> bool {
        self.strict && self.state == State::NameSeen && token.is_code() && !self.keeps_this_type()
    }
}

const TABLE_CONSTRAINTS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];
const COLUMN_CONSTRAINTS: [&str; 11] = [
    "CONSTRAINT",
    "PRIMARY",
    "NOT",
    "NULL",
    "UNIQUE",
    "CHECK",
    "DEFAULT",
    "COLLATE",
    "REFERENCES",
    "GENERATED",
    "AS",
];

/// How many pieces a NOT NULL constraint at this place takes, with its conflict clause.
fn dropped_not_null(ahead: &[Token<'_>]) -> usize {
    let code = || ahead.iter().enumerate().filter(|(_, token)| token.is_code());
    let matches_words = |words: &[&str]| {
        code().zip(words).filter(|((_, token), word)| token.is_keyword(word)).count() == words.len()
    };
    let taken = match (
        matches_words(&["NOT", "NULL"]),
        matches_words(&["NOT", "NULL", "ON", "CONFLICT"]),
    ) {
        (true, true) => 5,
        (true, false) => 2,
        (false, _) => return 0,
    };
    code().nth(taken - 1).map_or(ahead.len(), |(last, _)| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_relaxed(sql: &str, keeps: &[bool], strict: bool, expected: &str) {
        let relaxed = relaxed_table_statement(sql.as_bytes(), keeps, strict);
        let relaxed = String::from_utf8(relaxed).unwrap();
        let words: Vec<&str> = relaxed.split_whitespace().collect();
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn types_and_not_null_go_and_all_else_stays() {
        assert_relaxed(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, \"a b\" VARCHAR(10, 2) NOT /* x */ NULL ON CONFLICT FAIL DEFAULT 'NOT NULL' COLLATE NOCASE, c, d INT UNIQUE REFERENCES x(y) NOT DEFERRABLE, e TEXT AS (a NOT NULL) STORED NOT NULL, CHECK (a NOT NULL), PRIMARY KEY (c, d)) WITHOUT ROWID",
            &[true, false, false, false, true],
            false,
            "CREATE TABLE t(id INTEGER PRIMARY KEY, \"a b\" DEFAULT 'NOT NULL' COLLATE NOCASE, c, d UNIQUE REFERENCES x(y) NOT DEFERRABLE, e TEXT AS (a NOT NULL) STORED , CHECK (a NOT NULL), PRIMARY KEY (c, d)) WITHOUT ROWID",
        );
    }

    #[test]
    fn strict_tables_get_the_type_that_takes_everything() {
        assert_relaxed(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, a INT NOT NULL) STRICT",
            &[true, false],
            true,
            "CREATE TABLE t(id INTEGER PRIMARY KEY, a ANY ) STRICT",
        );
    }
}
