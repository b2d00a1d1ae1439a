//! The parts of `sql_mode` that decide where a quoted text ends. The tools set the mode of each stored
//! program before it.

/// How quoted texts are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SqlMode {
    no_backslash_escapes: bool,
    ansi_quotes: bool,
}

/// Modes that include `ANSI_QUOTES`.
const WITH_ANSI_QUOTES: [&str; 7] =
    ["ANSI_QUOTES", "ANSI", "ORACLE", "MSSQL", "DB2", "MAXDB", "POSTGRESQL"];

impl SqlMode {
    /// The mode of this list of names.
    fn of_names(names: &str) -> Self {
        let mut mode = Self::default();
        for name in names.split(',') {
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            mode.no_backslash_escapes |= is("NO_BACKSLASH_ESCAPES");
            mode.ansi_quotes |= WITH_ANSI_QUOTES.into_iter().any(is);
        }
        mode
    }

    /// Whether a backslash within this kind of quotes takes the next byte for itself.
    pub(super) fn escapes_within(self, quote: u8) -> bool {
        match quote {
            b'`' => false,
            b'"' => !self.no_backslash_escapes && !self.ansi_quotes,
            _ => !self.no_backslash_escapes,
        }
    }
}

/// A `SET` statement, read for the mode that it sets.
#[derive(Debug, Default)]
pub(super) struct SetStatement {
    /// The last word was the variable's name.
    named: bool,
    /// Its value comes next.
    expected: bool,
    found: Option<SqlMode>,
}

impl SetStatement {
    pub(super) fn word(&mut self, word: &[u8]) {
        self.expected = false;
        self.named = word.eq_ignore_ascii_case(b"sql_mode");
    }

    pub(super) fn quoted(&mut self, text: &[u8]) {
        if self.expected {
            self.found = Some(SqlMode::of_names(&String::from_utf8_lossy(text)));
        }
        *self = Self { found: self.found, ..Self::default() };
    }

    pub(super) fn symbol(&mut self, symbol: u8) {
        if self.expected && symbol == b'@' {
            // What was saved before: no tool changes it while it writes table data.
            self.found = Some(SqlMode::default());
        }
        self.expected = self.named && symbol == b'=';
        self.named = false;
    }

    /// The mode that is in force after this statement, if it sets one.
    pub(super) fn result(&self) -> Option<SqlMode> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_whole() {
        let mode = SqlMode::of_names("STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES");
        assert_eq!(b"'\"`".map(|quote| mode.escapes_within(quote)), [false; 3]);
        let mode = SqlMode::of_names("REAL_AS_FLOAT,PIPES_AS_CONCAT,ANSI_QUOTES");
        assert_eq!(b"'\"`".map(|quote| mode.escapes_within(quote)), [true, false, false]);
        let mode = SqlMode::of_names("NO_BACKSLASH_ESCAPES_NOT,ANSI_QUOTESS,");
        assert_eq!(b"'\"`".map(|quote| mode.escapes_within(quote)), [true, true, false]);
    }
}
