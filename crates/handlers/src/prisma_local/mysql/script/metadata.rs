//! The file `metadata` of a `mydumper` folder: it is renamed to that when all others are written, and tells
//! since version 0.14 how many rows each table has.

use std::collections::BTreeMap;

/// What `metadata` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MydumperMetadata {
    /// The rows dumped, by table; empty where the version does not tell.
    pub(crate) rows: BTreeMap<String, u64>,
}

/// `metadata` does not end as it does when the dump is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("mydumper's metadata does not say that the dump is finished")]
pub(crate) struct UnfinishedMydumper;

/// With a `0` where there is a digit.
const FINISHED: &str = "Finished dump at: 0000-00-00 00:00:00";

/// What a line's end in a name is written as.
const LINE_END_IN_NAMES: &str = "\u{1000}0";

/// The section of one table.
#[derive(Debug, Default)]
struct Section {
    table: Option<String>,
    rows: Option<u64>,
    is_no_table: bool,
}

impl MydumperMetadata {
    /// Reads the file's text.
    ///
    /// # Errors
    ///
    /// When it is not finished.
    pub(crate) fn read(text: &str) -> Result<Self, UnfinishedMydumper> {
        let last = text.trim_end_matches(['\n', '\r']).lines().next_back().unwrap_or_default();
        if !is_finished(last.strip_prefix("# ").unwrap_or(last)) {
            return Err(UnfinishedMydumper);
        }
        let mut metadata = Self::default();
        let mut section = Section::default();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                metadata.add(std::mem::take(&mut section));
                section.table = table_of(name);
            } else if let Some((key, value)) = line.split_once('=') {
                section.set(key.trim_end(), value);
            }
        }
        metadata.add(section);
        Ok(metadata)
    }

    fn add(&mut self, section: Section) {
        if let Section { table: Some(table), rows: Some(rows), is_no_table: false } = section {
            *self.rows.entry(table).or_default() += rows;
        }
    }
}

impl Section {
    fn set(&mut self, key: &str, value: &str) {
        match key {
            "real_table_name" => self.table = Some(value.replace(LINE_END_IN_NAMES, "\n")),
            "rows" | "Rows" => self.rows = value.trim().parse().ok(),
            "is_view" | "is_sequence" => self.is_no_table = value.trim() == "1",
            _ => {}
        }
    }
}

fn is_finished(line: &str) -> bool {
    let fits = |(found, form): (u8, u8)| match form {
        b'0' => found.is_ascii_digit(),
        _ => found == form,
    };
    line.len() == FINISHED.len() && line.bytes().zip(FINISHED.bytes()).all(fits)
}

/// The table in a section's name, the database's and the table's name in quotes of one kind. In files of later
/// versions `real_table_name` follows, which is never abbreviated.
fn table_of(section: &str) -> Option<String> {
    let between = |quote: char| {
        let inner = section.strip_prefix(quote)?.strip_suffix(quote)?;
        let (_, table) = inner.split_once(&format!("{quote}.{quote}"))?;
        Some(table.to_owned())
    };
    between('`').or_else(|| between('"'))
}
