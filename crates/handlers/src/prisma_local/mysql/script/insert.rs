//! An `INSERT` or `REPLACE`: its table, its columns where they are named, its rows.

use super::migrations::{MigrationCapture, MigrationColumns, MigrationRow};
use super::rows::RowCount;

/// How far an `INSERT` is read.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Table,
    BehindTable,
    Columns,
    Rows,
    /// Something that no tool writes: its rows cannot be counted.
    Unknown,
}

/// An `INSERT` being read.
#[derive(Debug)]
pub(super) struct InsertStatement {
    step: Step,
    table: String,
    columns: Vec<String>,
    count: RowCount,
    capture: Option<MigrationCapture>,
}

/// What stands between `INSERT` and its table.
const OPTIONS: [&str; 5] = ["INTO", "IGNORE", "DELAYED", "LOW_PRIORITY", "HIGH_PRIORITY"];

impl InsertStatement {
    pub(super) fn new() -> Self {
        Self {
            step: Step::Table,
            table: String::new(),
            columns: Vec::new(),
            count: RowCount::default(),
            capture: None,
        }
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    /// The named columns; none where the rows have the table's own.
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Takes the rows that follow apart.
    pub(super) fn capture(&mut self, columns: MigrationColumns) {
        self.capture = Some(MigrationCapture::new(columns));
    }

    /// Whether rows are passing of which nothing but a count is wanted.
    pub(super) fn is_counted(&self) -> bool {
        self.step == Step::Rows && self.capture.is_none()
    }

    /// The count of such rows.
    pub(super) fn counting(&mut self) -> Option<&mut RowCount> {
        self.is_counted().then_some(&mut self.count)
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.step == Step::Unknown
    }

    /// Whether the rows begin behind this word.
    pub(super) fn word(&mut self, word: &[u8]) -> bool {
        let is = |other: &str| word.eq_ignore_ascii_case(other.as_bytes());
        match self.step {
            Step::Table if OPTIONS.into_iter().any(is) => {}
            Step::Table | Step::Columns => self.name(word),
            Step::BehindTable if is("VALUES") || is("VALUE") => {
                self.step = Step::Rows;
                return true;
            }
            Step::BehindTable => self.step = Step::Unknown,
            Step::Rows => {
                if let Some(capture) = &mut self.capture {
                    capture.word(word);
                }
            }
            Step::Unknown => {}
        }
        false
    }

    pub(super) fn quoted(&mut self, text: &[u8]) {
        match &mut self.capture {
            Some(capture) => capture.quoted(text),
            None => self.name(text),
        }
    }

    pub(super) fn symbol(&mut self, symbol: u8) {
        match (&self.step, symbol) {
            // What stood before the point was the database.
            (Step::BehindTable, b'.') => self.step = Step::Table,
            (Step::BehindTable, b'(') => self.step = Step::Columns,
            (Step::Columns, b')') => self.step = Step::BehindTable,
            (Step::Rows, _) => {
                self.count.symbol(symbol);
                if let Some(capture) = &mut self.capture {
                    capture.symbol(symbol, self.count);
                }
            }
            _ => {}
        }
    }

    /// The table, how many rows it got, and the migrations that they are.
    pub(super) fn end(self) -> Option<(String, u64, Vec<MigrationRow>)> {
        let migrations = self.capture.map(MigrationCapture::into_rows).unwrap_or_default();
        (self.step == Step::Rows).then_some((self.table, self.count.rows(), migrations))
    }

    fn name(&mut self, name: &[u8]) {
        let name = String::from_utf8_lossy(name).into_owned();
        match self.step {
            Step::Table => {
                self.table = name;
                self.step = Step::BehindTable;
            }
            Step::Columns => self.columns.push(name),
            Step::BehindTable | Step::Rows | Step::Unknown => {}
        }
    }
}
