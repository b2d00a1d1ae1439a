//! Prisma's migrations, from the rows of their table.

use super::rows::RowCount;

/// One row of the migrations table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MigrationRow {
    /// `migration_name`
    pub(crate) name: String,
    /// `started_at`, as the server writes a time: `2024-02-29 12:34:56.789`, UTC.
    pub(crate) started_at: String,
    /// `finished_at`
    pub(crate) finished_at: Option<String>,
    /// `rolled_back_at`
    pub(crate) rolled_back_at: Option<String>,
}

const COLUMNS: [&str; 4] = ["migration_name", "started_at", "finished_at", "rolled_back_at"];

/// Where in a row of the migrations table the columns are that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MigrationColumns([usize; COLUMNS.len()]);

impl MigrationColumns {
    /// Found by their names; none where one is missing: that table is not Prisma's.
    pub(super) fn among(names: &[String]) -> Option<Self> {
        let mut places = [0; COLUMNS.len()];
        for (place, wanted) in places.iter_mut().zip(COLUMNS) {
            *place = names.iter().position(|name| name == wanted)?;
        }
        Some(Self(places))
    }
}

/// Takes the rows of an `INSERT` into the migrations table apart.
#[derive(Debug)]
pub(super) struct MigrationCapture {
    columns: MigrationColumns,
    column: usize,
    value: Option<String>,
    values: [Option<String>; COLUMNS.len()],
    rows: Vec<MigrationRow>,
}

impl MigrationCapture {
    pub(super) fn new(columns: MigrationColumns) -> Self {
        Self { columns, column: 0, value: None, values: Default::default(), rows: Vec::new() }
    }

    /// A number, `NULL`, or the character set of the text behind it.
    pub(super) fn word(&mut self, word: &[u8]) {
        if !word.starts_with(b"_") && !word.eq_ignore_ascii_case(b"NULL") {
            self.value = Some(String::from_utf8_lossy(word).into_owned());
        }
    }

    pub(super) fn quoted(&mut self, text: &[u8]) {
        self.value = Some(String::from_utf8_lossy(text).into_owned());
    }

    /// A symbol, after it was counted.
    pub(super) fn symbol(&mut self, symbol: u8, count: RowCount) {
        match (symbol, count.depth()) {
            (b'(', 1) => {
                self.column = 0;
                self.value = None;
                self.values = Default::default();
            }
            (b',', 1) => self.end_value(),
            (b')', 0) => {
                self.end_value();
                self.end_row();
            }
            _ => {}
        }
    }

    pub(super) fn into_rows(self) -> Vec<MigrationRow> {
        self.rows
    }

    fn end_value(&mut self) {
        let value = self.value.take();
        let places = self.columns.0.iter().zip(&mut self.values);
        if let Some((_, kept)) = places.into_iter().find(|(place, _)| **place == self.column) {
            *kept = value;
        }
        self.column += 1;
    }

    fn end_row(&mut self) {
        let [name, started_at, finished_at, rolled_back_at] = std::mem::take(&mut self.values);
        if let (Some(name), Some(started_at)) = (name, started_at) {
            self.rows.push(MigrationRow { name, started_at, finished_at, rolled_back_at });
        }
    }
}
