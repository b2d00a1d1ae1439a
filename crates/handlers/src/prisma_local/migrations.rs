//! The migrations' state, as every engine's table of them has it.

use backup_core::Migrations;

/// A migration is a folder of that name: file systems take no longer ones. What is longer is cut.
const LONGEST_MIGRATION_NAME: usize = 255;
/// How many failed migrations a warning names.
const MOST_NAMED: usize = 5;

/// The columns of Prisma's migrations table that are read.
pub(super) const MIGRATION_COLUMNS: [&str; 4] =
    ["migration_name", "started_at", "finished_at", "rolled_back_at"];

/// The state that the rows say, each a migration that was not rolled back and whether it was finished, by the
/// time it was begun: applied are those that were finished, failed those that were not.
pub(super) fn state(rows: impl IntoIterator<Item = (String, bool)>) -> Migrations {
    let mut migrations = Migrations::default();
    for (name, finished) in rows {
        let name: String = name.chars().take(LONGEST_MIGRATION_NAME).collect();
        if finished {
            migrations.migrations_list.push(name);
        } else {
            migrations.failed_migrations.push(name);
        }
    }
    migrations.applied_count = migrations.migrations_list.len() as u64;
    migrations.last_migration = migrations.migrations_list.last().cloned();
    migrations
}

/// What the caller should know of migrations that failed.
pub(super) fn warning(migrations: &Migrations) -> Option<String> {
    let failed = &migrations.failed_migrations;
    let some: Vec<&str> = failed.iter().take(MOST_NAMED).map(String::as_str).collect();
    let many = failed.len();
    (many > 0).then(|| format!("The database has {many} failed migrations: {}", some.join(", ")))
}
