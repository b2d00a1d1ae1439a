//! What a restore would change: a pure comparison of what is there with what was recorded.

use std::collections::BTreeSet;

use backup_protocol::{MigrationsCompared, RowCounts, RowsCompared};

use crate::handler::{LiveDatabase, LiveState};
use crate::records::Manifest;

/// How many migrations and tables are named.
const MOST_NAMED: usize = 50;

/// The differences.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Differences {
    pub migrations: MigrationsCompared,
    pub rows: Vec<RowsCompared>,
    pub more_tables: u64,
}

/// Compares what a database holds with what a backup of it holds. Without a database everything is new.
pub(super) fn compare(live: Option<&LiveState>, manifest: &Manifest) -> Differences {
    let nothing = LiveState::default();
    let live = live.unwrap_or(&nothing);
    let mut lost: Vec<String> = live
        .migrations
        .migrations_list
        .iter()
        .filter(|name| !manifest.migrations.migrations_list.contains(name))
        .cloned()
        .collect();
    let more_lost = lost.len().saturating_sub(MOST_NAMED) as u64;
    lost.truncate(MOST_NAMED);
    let mut rows = different_rows(&live.row_counts, &manifest.row_counts);
    let more_tables = rows.len().saturating_sub(MOST_NAMED) as u64;
    rows.truncate(MOST_NAMED);
    let migrations = MigrationsCompared {
        current: live.migrations.last_migration.clone(),
        restored: manifest.migrations.last_migration.clone(),
        lost,
        more_lost,
    };
    Differences { migrations, rows, more_tables }
}

fn different_rows(live: &RowCounts, backup: &RowCounts) -> Vec<RowsCompared> {
    let tables: BTreeSet<&String> = live.keys().chain(backup.keys()).collect();
    let count = |counts: &RowCounts, table: &String| counts.get(table).copied().flatten();
    tables
        .into_iter()
        .filter(|table| live.get(*table) != backup.get(*table) || count(live, table).is_none())
        .map(|table| RowsCompared {
            table: table.clone(),
            current: count(live, table),
            restored: count(backup, table),
        })
        .collect()
}

/// What would be lost, in one line each, for whoever is asked.
pub(super) fn consequences(
    differences: &Differences,
    environment: &str,
    source: &str,
    live: &LiveDatabase,
    safety_backup: bool,
) -> Vec<String> {
    let mut lines = Vec::new();
    if source != environment {
        lines.push(format!("The backup is one of {source}: its data comes into {environment}"));
    }
    lines.push(match live {
        LiveDatabase::Missing => {
            format!("There is no database of {environment} now: nothing can be kept of it")
        }
        LiveDatabase::Unreadable(words) => format!(
            "The database of {environment} cannot be read, so no safety backup is taken: {words}"
        ),
        LiveDatabase::Readable(_) if safety_backup => {
            "What is there now is kept in a safety backup first".to_owned()
        }
        LiveDatabase::Readable(_) => {
            "What is there now is lost: no safety backup is taken".to_owned()
        }
    });
    let MigrationsCompared { lost, more_lost, .. } = &differences.migrations;
    if !lost.is_empty() {
        let count = lost.len() as u64 + more_lost;
        lines.push(format!("{count} applied migrations are undone: {}", lost.join(", ")));
    }
    let fewer = differences.rows.iter().filter(|rows| rows.current > rows.restored);
    for rows in fewer.take(10) {
        let number =
            |count: Option<u64>| count.map_or("none".to_owned(), |count| count.to_string());
        lines.push(format!(
            "{}: {} rows become {}",
            rows.table,
            number(rows.current),
            number(rows.restored)
        ));
    }
    lines
}
