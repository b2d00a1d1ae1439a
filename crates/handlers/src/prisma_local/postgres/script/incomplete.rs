//! What a script may lack.

use super::{ScriptKind, TableName};

/// Why a script is not whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IncompleteScript {
    /// Not a single byte.
    #[error("it is empty")]
    Empty,
    /// It begins with something else, or breaks off before it says what it is.
    #[error("it does not begin as a SQL script by pg_dump, pg_restore or pg_dumpall")]
    NotADump,
    /// It breaks off among the rows of a table.
    #[error("it ends within the rows of {table}, after {rows} of them")]
    WithinRows {
        /// The table.
        table: TableName,
        /// How many of its rows are there to their end.
        rows: u64,
    },
    /// It breaks off within something.
    #[error("it ends within {0}")]
    Within(Part),
    /// Its last line is not there to its end.
    #[error("it ends without the comment \"{}\"", .0.completion())]
    NoCompletion(ScriptKind),
    /// There is more after its last line.
    #[error("something follows the comment \"{}\"", .0.completion())]
    Followed(ScriptKind),
    /// A `\restrict` line has no counterpart.
    #[error(r"it ends without the \unrestrict line that belongs to its \restrict line")]
    StillRestricted,
    /// Lines are lost or mixed up.
    #[error(r"its \restrict and \unrestrict lines do not belong together")]
    RestrictionsDiffer,
}

/// What a script can break off within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A statement without its semicolon.
    Statement,
    /// A string in single quotes.
    Text,
    /// A string in dollar quotes, such as the body of a function.
    DollarQuoted,
    /// A name in double quotes.
    Name,
    /// A comment between `/*` and `*/`.
    BlockComment,
    /// A line that begins with a backslash.
    MetaCommand,
}

impl std::fmt::Display for Part {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Statement => "a statement",
            Self::Text => "a string",
            Self::DollarQuoted => "a dollar-quoted string",
            Self::Name => "a quoted name",
            Self::BlockComment => "a comment",
            Self::MetaCommand => "a line for psql",
        })
    }
}
