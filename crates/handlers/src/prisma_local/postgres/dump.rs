//! `pg_dump` at work: as text through this program, or in its own formats into the partial artifact.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use backup_core::{
    Checksums, Compression, Destination, DumpOrder, Dumped, Error, Interrupt, Run, Signal,
    ToolSettings,
};
use backup_protocol::{Format, RowCounts};

use super::connect::{PG_DUMP, Reached, Reaching};
use super::globals;
use super::script::{ScriptCheck, ScriptContents};
use super::session::Session;
use super::snapshot::{self, MigrationsTable, Snapshot};
use super::words::{self, failure};
use crate::prisma_local::dump_tool::{self, Checked, DumpTool, incomplete};
use crate::prisma_local::{folder, migrations};
use crate::process::{ToolCommand, ToolEnd};
use crate::tools::{Family, Tool, Wanted, choose};

/// `pg_dump` compresses with zstd since this version.
const ZSTD_SINCE: u32 = 16;
/// The highest level of gzip that `pg_dump` takes, and the one that it is given unless another is asked for.
const HIGHEST_GZIP_LEVEL: i32 = 9;
const GZIP_LEVEL: i32 = 6;
/// A table that has a tenth fewer rows in the dump than its statistics say is counted, where they say at least
/// so many.
const STATISTICS_ERROR: u64 = 10;
const COUNTED_FROM_ROWS: u64 = 100;
/// The shortest text that creates a table, in bytes: `CREATE TABLE a.b ();`.
const SHORTEST_TABLE_BYTES: u64 = 20;

/// The `pg_dump` that fits the server.
pub(super) fn fitting_tool(reached: &Reached) -> Result<Tool, Error> {
    let candidates: Vec<_> = reached.dump_tools.iter().map(|tool| tool.candidate).collect();
    let wanted = Wanted { family: Family::Postgres, version: reached.version };
    let chosen = choose(wanted, &candidates).and_then(|place| reached.dump_tools.get(place));
    chosen.cloned().ok_or_else(|| {
        let newest = candidates.iter().map(|candidate| candidate.version).max();
        Error::ToolVersionMismatch {
            tool: PG_DUMP.spoken,
            tool_version: newest.unwrap_or_default().to_string(),
            server: reached.server.clone(),
            package: format!("postgresql-client-{}", reached.version.major),
            client: PG_DUMP.client,
        }
    })
}

/// A dump that is being made.
struct Dumping<'a> {
    reaching: &'a Reaching,
    order: &'a DumpOrder,
    tool: &'a Tool,
    snapshot: &'a Snapshot,
    encoding: &'a str,
    run: &'a Run,
}

/// What a dump came to.
struct Outcome {
    passed: Option<Checksums>,
    row_counts: RowCounts,
    compression: Compression,
    words: String,
}

/// Writes the artifact.
pub(super) fn dump(
    reaching: &Reaching,
    reached: &mut Reached,
    order: &DumpOrder,
    destination: Destination,
    run: &Run,
) -> Result<Dumped, Error> {
    let tool = fitting_tool(reached)?;
    let place = MigrationsTable::of(reaching, &order.migrations_table);
    // Before the snapshot: the session may end with the dump.
    let mut tools = BTreeMap::from([tool.recorded(PG_DUMP.spoken)]);
    let Destination { file, path, globals, .. } = destination;
    let globals = match globals {
        Some((file, path)) => {
            let dumped = globals::dump(reaching, reached, &tool, file, &path, run)?;
            tools.extend([dumped.tool]);
            Some((dumped.bytes, dumped.sha256))
        }
        None => None,
    };
    let snapshot = snapshot::begin(
        &mut reached.session,
        &place,
        reached.is_standby,
        lock_wait(&reaching.settings),
    );
    let snapshot = snapshot.map_err(|end| reaching.failed(end))?;
    let encoding = reached.encoding.clone();
    let dumping =
        Dumping { reaching, order, tool: &tool, snapshot: &snapshot, encoding: &encoding, run };
    let session = &mut reached.session;
    let outcome = match order.form.format {
        Format::Sql => dumping.stream(file, &path, session)?,
        Format::Custom => dumping.write_file(&file, &path, session)?,
        Format::Directory | Format::Snapshot => dumping.write_folder(&path, session)?,
    };
    let mut warnings = dump_tool::warnings(PG_DUMP.spoken, &outcome.words);
    warnings.extend(migrations::warning(&snapshot.migrations));
    Ok(Dumped {
        passed: outcome.passed,
        expected_minimum: expected_minimum(order.form.format, &outcome.row_counts),
        migrations: snapshot.migrations,
        row_counts: outcome.row_counts,
        globals,
        server: Some(reached.server.clone()),
        compression: outcome.compression,
        writers_blocked_seconds: None,
        tools,
        warnings,
    })
}

/// How long somebody else's exclusive lock is waited for: the tool gives up before it counts as hung.
pub(super) fn lock_wait(settings: &ToolSettings) -> Duration {
    settings.stall * 4 / 5
}

/// A text dump has some bytes for every table and, for every row, at least its newline; what compresses itself
/// may be as small as it likes.
fn expected_minimum(format: Format, row_counts: &RowCounts) -> u64 {
    match format {
        Format::Sql => {
            let rows: u64 = row_counts.values().flatten().sum();
            rows.saturating_add(row_counts.len() as u64 * SHORTEST_TABLE_BYTES)
        }
        Format::Custom | Format::Directory | Format::Snapshot => 0,
    }
}

impl Dumping<'_> {
    fn command(&self, format: &str) -> ToolCommand {
        let reaching = self.reaching;
        // The tool gives up before it counts as hung, and names the table that somebody holds exclusively.
        let lock_wait = lock_wait(&reaching.settings).as_millis();
        reaching.command(&self.tool.path).arguments([
            format!("--format={format}"),
            "--no-password".to_owned(),
            format!("--snapshot={}", self.snapshot.name),
            format!("--lock-wait-timeout={lock_wait}"),
            format!("--encoding={}", self.encoding),
        ])
    }

    fn dump_tool<'b>(&'b self, failure: &'b dyn Fn(&ToolEnd) -> Error) -> DumpTool<'b> {
        DumpTool {
            name: PG_DUMP.spoken,
            launcher: &self.reaching.launcher,
            settings: &self.reaching.settings,
            run: self.run,
            expected_bytes: self.order.expected_bytes,
            failure,
        }
    }

    fn failure(&self, end: &ToolEnd) -> Error {
        match failure(PG_DUMP.spoken, end) {
            Error::ConnectionFailed { detail, .. } => self.reaching.unreachable(detail),
            other => other,
        }
    }

    /// Text, through this program.
    fn stream(&self, file: File, path: &Path, session: &mut Session) -> Result<Outcome, Error> {
        let compression = self.order.form.compression;
        let mut script = ScriptCheck::new();
        let failure = |end: &ToolEnd| self.failure(end);
        let streamed = self.dump_tool(&failure).stream(
            &self.command("plain"),
            file,
            path,
            compression,
            |bytes| {
                script.feed(bytes);
                Checked { left_out: 0, tables_done: script.tables_done() }
            },
        )?;
        let words = streamed.words;
        let contents = script.finish();
        let contents =
            contents.map_err(|error| incomplete(error.to_string(), Some(words.clone())))?;
        self.refuse_rewritten(session)?;
        let row_counts = self.rows_of(&contents, session)?;
        Ok(Outcome { passed: Some(streamed.checksums), row_counts, compression, words })
    }

    /// A table that was rewritten between the snapshot and the tool's lock on it has lost its rows in the dump.
    fn refuse_rewritten(&self, session: &mut Session) -> Result<(), Error> {
        let rewritten = snapshot::rewritten(session, &self.snapshot.tables);
        let rewritten = rewritten.map_err(|end| self.reaching.failed(end))?;
        if rewritten.is_empty() { Ok(()) } else { Err(words::rewritten(&rewritten)) }
    }

    /// The rows of every table that must be there, as the dump has them.
    fn rows_of(
        &self,
        contents: &ScriptContents,
        session: &mut Session,
    ) -> Result<RowCounts, Error> {
        let mut counts = RowCounts::new();
        let mut suspicious = Vec::new();
        for table in &self.snapshot.tables {
            let rows = contents.rows.get(&table.name).copied();
            counts.insert(table.name.recorded(), rows);
            if rows.is_some_and(|rows| is_short(rows, table.live_rows)) {
                suspicious.push(table.clone());
            }
        }
        // Whether the statistics are old or the dump is short, the snapshot knows.
        let time = self.reaching.settings.row_counting;
        let mut proven = RowCounts::new();
        snapshot::count_rows(session, &suspicious, time, &mut proven)
            .map_err(|end| self.reaching.failed(end))?;
        let short: Vec<String> = proven
            .iter()
            .filter_map(|(table, count)| Some((table, (*count)?, counts.get(table).copied()??)))
            .filter(|(_, count, found)| count != found)
            .map(|(table, count, found)| format!("{table} has {found} of {count} rows"))
            .collect();
        if short.is_empty() { Ok(counts) } else { Err(incomplete(short.join(", "), None)) }
    }

    /// One archive file, which the tool goes back in to write where each table begins.
    fn write_file(
        &self,
        file: &File,
        path: &Path,
        session: &mut Session,
    ) -> Result<Outcome, Error> {
        let size = || path.metadata().map_or(0, |metadata| metadata.len());
        let outcome = self.write(path, "custom", None, size, session)?;
        file.sync_all().map_err(|error| Error::storage("sync", path, error))?;
        Ok(outcome)
    }

    /// A folder of archive files, written by several jobs.
    fn write_folder(&self, path: &Path, session: &mut Session) -> Result<Outcome, Error> {
        let jobs = format!("--jobs={}", self.reaching.settings.threads);
        let size = || folder::bytes(path).unwrap_or_default();
        let outcome = self.write(path, "directory", Some(jobs), size, session)?;
        folder::sync(path)?;
        Ok(outcome)
    }

    fn write(
        &self,
        path: &Path,
        format: &str,
        jobs: Option<String>,
        size: impl Fn() -> u64,
        session: &mut Session,
    ) -> Result<Outcome, Error> {
        let (compression, argument) = self.own_compression();
        let mut file = OsString::from("--file=");
        file.push(path);
        let command = self.command(format).argument(argument).argument(file).arguments(jobs);
        let (end, row_counts) = self.watch_and_count(&command, path, size, session)?;
        Ok(Outcome { passed: None, row_counts, compression, words: end.words })
    }

    /// Waits for the tool, and counts rows in the snapshot meanwhile: what is read back later is held against
    /// them.
    fn watch_and_count(
        &self,
        command: &ToolCommand,
        path: &Path,
        size: impl Fn() -> u64,
        session: &mut Session,
    ) -> Result<(ToolEnd, RowCounts), Error> {
        let stop = Interrupt::default();
        let tables = &self.snapshot.tables;
        let mut counts: RowCounts =
            tables.iter().map(|table| (table.name.recorded(), None)).collect();
        let failure = |end: &ToolEnd| self.failure(end);
        let tool = self.dump_tool(&failure);
        let running = tool.start(command)?;
        let time = self.reaching.settings.row_counting;
        if !snapshot::can_lock_all(tables) {
            // What could not be locked is looked at when the dump is done, and the session must live until then.
            let end = tool.watch(running, path, size)?;
            self.refuse_rewritten(session)?;
            return Ok((end, counts));
        }
        session.listen_to(&stop);
        let ended = std::thread::scope(|scope| {
            let counting = scope.spawn(|| snapshot::count_rows(session, tables, time, &mut counts));
            let ended = tool.watch(running, path, size);
            // Whoever waits for the dump does not wait for a count.
            stop.raise(Signal::Terminate);
            if let Ok(Err(end)) = counting.join() {
                tracing::debug!(?end, "the counting of rows ended early");
            }
            ended
        });
        Ok((ended?, counts))
    }

    /// How the tool compresses, and the argument that says so.
    fn own_compression(&self) -> (Compression, String) {
        let level = self.reaching.settings.compression_level;
        let gzip = level.map_or(GZIP_LEVEL, |level| level.min(HIGHEST_GZIP_LEVEL));
        match self.order.form.compression {
            Compression::None => (Compression::None, "--compress=0".to_owned()),
            Compression::Zstd if self.tool.candidate.version.major >= ZSTD_SINCE => {
                let level = level.map(|level| format!(":level={level}")).unwrap_or_default();
                (Compression::Zstd, format!("--compress=zstd{level}"))
            }
            Compression::Gzip | Compression::Zstd => {
                (Compression::Gzip, format!("--compress={gzip}"))
            }
        }
    }
}

/// Whether a table must be counted: its statistics, which are good to some percent, say that it has more rows.
const fn is_short(rows: u64, live_rows: u64) -> bool {
    live_rows >= COUNTED_FROM_ROWS && rows < live_rows - live_rows / STATISTICS_ERROR
}
