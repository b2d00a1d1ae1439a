//! `mysqldump` or `mariadb-dump` at work, as text through this program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::time::Instant;

use backup_core::{
    Checksums, Compression, Destination, DumpOrder, Dumped, Error, Migrations, Run, seconds_of,
};
use backup_protocol::{Format, RowCounts};

use super::connect::{DUMP, Reached, Reaching};
use super::inspect::{self, Objects, Rows};
use super::mydumper;
use super::script::{ScriptCheck, ScriptContents};
use super::words::failure;
use crate::prisma_local::dump_tool::{self, Checked, DumpTool, incomplete};
use crate::prisma_local::migrations;
use crate::process::{ToolCommand, ToolEnd};
use crate::tools::{Candidate, Family, Version};

/// MySQL's tool asks for histograms, which only MySQL 8 has, since this version.
const COLUMN_STATISTICS_SINCE: u32 = 8;
/// MariaDB's tool writes the former versions of rows since this version.
const HISTORY_SINCE: Version = Version { major: 10, minor: 11, patch: 0 };
/// The shortest text that creates a table, in bytes: ``CREATE TABLE `a` (``.
const SHORTEST_TABLE_BYTES: u64 = 18;
/// How many names a finding lists.
const MOST_NAMED: usize = 5;
/// The most that one row may have, in bytes: the protocol's own limit, 1 GiB.
const LARGEST_PACKET: u64 = 1024 * 1024 * 1024;
/// How the line begins by which MariaDB's tool forbids its own client to run other programs. MySQL's client
/// stops at it, whichever of its two forms it has.
const SANDBOX_LINES: [&[u8]; 2] = [b"/*!999999\\- ", b"/*M!999999\\- "];
/// The longest such line that is looked for, in bytes.
const LONGEST_SANDBOX_LINE: usize = 256;

/// What a dump came to.
pub(super) struct Outcome {
    pub passed: Option<Checksums>,
    pub row_counts: RowCounts,
    pub migrations: Migrations,
    pub compression: Compression,
    pub tool: (String, String),
    pub words: String,
    /// What the tool is known to lose.
    pub warning: Option<String>,
}

/// Writes the artifact.
pub(super) fn dump(
    reaching: &Reaching,
    reached: &mut Reached,
    order: &DumpOrder,
    destination: Destination,
    run: &Run,
) -> Result<Dumped, Error> {
    let begun = Instant::now();
    let before = inspect::objects(&mut reached.session).map_err(|end| reaching.failed(end))?;
    let outcome = match order.form.format {
        Format::Directory => {
            mydumper::dump(reaching, reached, order, &before, &destination.path, run)?
        }
        Format::Sql | Format::Custom | Format::Snapshot => {
            stream(reaching, reached, order, &before, destination.file, &destination.path, run)?
        }
    };
    let seconds = seconds_of(begun.elapsed());
    let mut warnings = dump_tool::warnings(&outcome.tool.0, &outcome.words);
    warnings.extend(migrations::warning(&outcome.migrations));
    warnings.extend(outcome.warning);
    if let Some(table) = before.versioned_by_transaction.first() {
        warnings.push(format!(
            "Former versions of rows are not in the dump: mariadb-dump cannot write those of {table}, which tells them apart by transactions"
        ));
    } else if let Some(table) = before.system_versioned.first()
        && !keeps_history(reached.tool.candidate)
    {
        warnings.push(format!(
            "Former versions of rows are not in the dump ({table} and its like): mariadb-dump writes them since {HISTORY_SINCE}"
        ));
    }
    Ok(Dumped {
        passed: outcome.passed,
        expected_minimum: expected_minimum(order.form.format, &outcome.row_counts),
        migrations: outcome.migrations,
        row_counts: outcome.row_counts,
        globals: None,
        server: Some(reached.server.clone()),
        compression: outcome.compression,
        // The lock lasts as long as the tool.
        writers_blocked_seconds: reaching.settings.global_read_lock.then_some(seconds),
        tools: BTreeMap::from([outcome.tool]),
        warnings,
    })
}

/// A text dump has some bytes for every table and, for every row, at least `(1),`.
fn expected_minimum(format: Format, row_counts: &RowCounts) -> u64 {
    if format != Format::Sql {
        return 0;
    }
    let rows: u64 = row_counts.values().flatten().sum();
    rows.saturating_mul(4).saturating_add(row_counts.len() as u64 * SHORTEST_TABLE_BYTES)
}

fn stream(
    reaching: &Reaching,
    reached: &mut Reached,
    order: &DumpOrder,
    before: &Objects,
    file: File,
    path: &Path,
    run: &Run,
) -> Result<Outcome, Error> {
    let name = tool_name(reached.tool.candidate.family);
    let failed = |end: &ToolEnd| tool_failure(reaching, name, end);
    let dump_tool = DumpTool {
        name,
        launcher: &reaching.launcher,
        settings: &reaching.settings,
        run,
        expected_bytes: order.expected_bytes,
        failure: &failed,
    };
    let mut script = ScriptCheck::new(&order.migrations_table);
    let mut sandbox = SandboxLine::new(reached.family);
    let compression = order.form.compression;
    let command = command(reaching, reached, before);
    let streamed = dump_tool.stream(&command, file, path, compression, |bytes| {
        script.feed(bytes);
        Checked { left_out: sandbox.length_in(bytes), tables_done: script.tables_done() }
    })?;
    let words = streamed.words;
    let contents = script.finish();
    let contents = contents.map_err(|error| incomplete(error.to_string(), Some(words.clone())))?;
    if let Some(finding) = left_out(before, &contents) {
        // What was changed meanwhile may be in it or not; what was there all the time must be.
        let after = inspect::objects(&mut reached.session).map_err(|end| reaching.failed(end))?;
        if let Some(finding) = left_out(&both(before, &after), &contents) {
            return Err(incomplete(finding, Some(words)));
        }
        tracing::info!(finding, "objects changed while they were dumped");
    }
    let row_counts = rows_of(before, &contents);
    refuse_missing_rows(reaching, reached, before, &row_counts)?;
    Ok(Outcome {
        passed: Some(streamed.checksums),
        row_counts,
        migrations: migrations_of(&contents),
        compression,
        tool: reached.tool.recorded(tool_name(reached.tool.candidate.family)),
        words,
        warning: None,
    })
}

/// The error of a tool's end, with what the URL says added.
pub(super) fn tool_failure(reaching: &Reaching, tool: &str, end: &ToolEnd) -> Error {
    match failure(tool, end) {
        Error::ConnectionFailed { detail, .. } => reaching.unreachable(detail),
        other => other,
    }
}

const fn tool_name(family: Family) -> &'static str {
    match family {
        Family::MariaDb => "mariadb-dump",
        _ => DUMP.spoken,
    }
}

fn command(reaching: &Reaching, reached: &Reached, objects: &Objects) -> ToolCommand {
    let tool = &reached.tool;
    let mut command = reaching.command(tool.candidate, &tool.path).arguments([
        "--quick".to_owned(),
        "--routines".to_owned(),
        "--triggers".to_owned(),
        "--events".to_owned(),
        "--hex-blob".to_owned(),
        "--no-tablespaces".to_owned(),
        "--comments".to_owned(),
        "--dump-date".to_owned(),
        "--default-character-set=utf8mb4".to_owned(),
        format!("--max-allowed-packet={LARGEST_PACKET}"),
    ]);
    // One excludes the other: a consistent read, or writers that wait.
    command = command.argument(if reaching.settings.global_read_lock {
        "--lock-all-tables"
    } else {
        "--single-transaction"
    });
    if !objects.sequences.is_empty() {
        // A default that takes the next value of a sequence cannot be loaded while other tables are locked.
        command = command.argument("--skip-add-locks");
    }
    let is_by_time =
        !objects.system_versioned.is_empty() && objects.versioned_by_transaction.is_empty();
    if is_by_time && keeps_history(tool.candidate) {
        command = command.argument("--dump-history");
    }
    if tool.candidate.family == Family::MySql {
        // Without it a dump sets the server's whole history of transactions when it is loaded.
        command = command.argument("--set-gtid-purged=OFF");
        if tool.candidate.version.major >= COLUMN_STATISTICS_SINCE {
            command = command.argument("--column-statistics=0");
        }
    }
    command.argument("--").argument(reaching.database.connection.database.clone())
}

/// Whether the tool can write the former versions of rows too.
fn keeps_history(tool: Candidate) -> bool {
    tool.family == Family::MariaDb && tool.version >= HISTORY_SINCE
}

/// What must be in a dump and is not.
pub(super) fn left_out(objects: &Objects, contents: &ScriptContents) -> Option<String> {
    if let Some(line) = contents.insufficient.first() {
        return Some(format!("the tool left something out: {line}"));
    }
    let tables: BTreeSet<String> = contents.rows.keys().cloned().collect();
    let kinds = [
        ("tables", &objects.tables, &tables),
        ("sequences", &objects.sequences, &contents.sequences),
        ("views", &objects.views, &contents.views),
        ("triggers", &objects.triggers, &contents.triggers),
        ("procedures", &objects.procedures, &contents.procedures),
        ("functions", &objects.functions, &contents.functions),
        ("packages", &objects.packages, &contents.packages),
        ("package bodies", &objects.package_bodies, &contents.package_bodies),
        ("events", &objects.events, &contents.events),
    ];
    kinds.into_iter().find_map(|(kind, expected, found)| {
        let missing: Vec<&String> = expected.iter().filter(|name| !has(found, name)).collect();
        if missing.is_empty() {
            return None;
        }
        let named: Vec<&str> = missing.iter().take(MOST_NAMED).map(|name| name.as_str()).collect();
        Some(format!(
            "{} of {} {kind} are missing: {}",
            missing.len(),
            expected.len(),
            named.join(", ")
        ))
    })
}

/// Statistics are estimates; where a dump has much less than they say, the table is counted. What it has now is
/// not what it had then, but a table that had many rows before and after had them in between.
pub(super) fn refuse_missing_rows(
    reaching: &Reaching,
    reached: &mut Reached,
    before: &Objects,
    row_counts: &RowCounts,
) -> Result<(), Error> {
    let suspicious = before.estimated_rows.iter().filter_map(|(table, estimate)| {
        let rows = row_counts.get(table).copied()??;
        dump_tool::is_suspicious(rows, *estimate).then_some((table, rows))
    });
    let deadline = Instant::now() + reaching.settings.row_counting;
    for (table, rows) in suspicious {
        let left = deadline.saturating_duration_since(Instant::now());
        let counted =
            inspect::count(&mut reached.session, table, Rows::Current, reached.family, left);
        match counted.map_err(|end| reaching.failed(end))? {
            Some(count) if dump_tool::is_suspicious(rows, count) => {
                return Err(incomplete(format!("{table} has {rows} of about {count} rows"), None));
            }
            Some(_) => {}
            // The time is over, and with it the session.
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Names of triggers and routines may differ in case between the dictionary and the text.
fn has(found: &BTreeSet<String>, name: &str) -> bool {
    found.contains(name) || found.iter().any(|other| other.to_lowercase() == name.to_lowercase())
}

/// What was there before and after.
pub(super) fn both(before: &Objects, after: &Objects) -> Objects {
    let both = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
        one.intersection(other).cloned().collect()
    };
    Objects {
        tables: both(&before.tables, &after.tables),
        sequences: both(&before.sequences, &after.sequences),
        views: both(&before.views, &after.views),
        triggers: both(&before.triggers, &after.triggers),
        procedures: both(&before.procedures, &after.procedures),
        functions: both(&before.functions, &after.functions),
        packages: both(&before.packages, &after.packages),
        package_bodies: both(&before.package_bodies, &after.package_bodies),
        events: both(&before.events, &after.events),
        estimated_rows: BTreeMap::new(),
        columns: BTreeSet::new(),
        with_rare_types: BTreeSet::new(),
        with_rows_of_others: BTreeSet::new(),
        with_rows_elsewhere: BTreeSet::new(),
        system_versioned: BTreeSet::new(),
        versioned_by_transaction: BTreeSet::new(),
        without_transactions: BTreeSet::new(),
        with_invisible_columns: BTreeSet::new(),
        no_backslash_escapes: before.no_backslash_escapes,
    }
}

/// The rows of every table that is in the dump, also of those that were made while it was written.
pub(super) fn rows_of(before: &Objects, contents: &ScriptContents) -> RowCounts {
    let own =
        contents.rows.iter().filter(|(table, _)| !before.with_rows_of_others.contains(*table));
    own.map(|(table, rows)| (table.clone(), Some(*rows))).collect()
}

/// The migrations' state that is in the dump.
pub(super) fn migrations_of(contents: &ScriptContents) -> Migrations {
    let mut rows: Vec<_> =
        contents.migrations.iter().filter(|migration| migration.rolled_back_at.is_none()).collect();
    rows.sort_by(|one, other| (&one.started_at, &one.name).cmp(&(&other.started_at, &other.name)));
    migrations::state(rows.into_iter().map(|row| (row.name.clone(), row.finished_at.is_some())))
}

/// The first line of a dump of MariaDB's tool, where the server is MySQL: its client stops at that line.
struct SandboxLine {
    looking: bool,
}

impl SandboxLine {
    const fn new(server: Family) -> Self {
        Self { looking: matches!(server, Family::MySql) }
    }

    /// How many bytes at the start of the dump's first bytes are that line.
    fn length_in(&mut self, bytes: &[u8]) -> usize {
        if !std::mem::take(&mut self.looking) {
            return 0;
        }
        let start = bytes.get(..LONGEST_SANDBOX_LINE.min(bytes.len())).unwrap_or_default();
        if !SANDBOX_LINES.iter().any(|line| start.starts_with(line)) {
            return 0;
        }
        start.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sandbox_line_goes_only_where_mysql_would_stop_at_it() {
        let dump = b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump\n";
        assert_eq!(SandboxLine::new(Family::MySql).length_in(dump), 41);
        assert_eq!(SandboxLine::new(Family::MariaDb).length_in(dump), 0);
        assert_eq!(SandboxLine::new(Family::MySql).length_in(b"-- MySQL dump\n"), 0);
        let mut line = SandboxLine::new(Family::MySql);
        assert_eq!((line.length_in(b"-- a\n"), line.length_in(dump)), (0, 0));
    }
}
