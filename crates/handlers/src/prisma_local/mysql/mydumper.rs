//! `mydumper` at work: a folder with files of text for every table, written by several threads where writers are
//! kept out while these begin.

use std::path::Path;

use backup_core::{ClientPackage, Compression, DumpOrder, Error, MySqlTlsMode, Run};

use super::connect::{Reached, Reaching};
use super::dump::{
    Outcome, both, left_out, migrations_of, refuse_missing_rows, rows_of, tool_failure,
};
use super::folder_script;
use super::inspect::{self, Objects};
use crate::prisma_local::dump_tool::{DumpTool, incomplete};
use crate::prisma_local::folder;
use crate::process::ToolEnd;
use crate::tools::{Tool, ToolName, Version, find_all, newest};

const MYDUMPER: ToolName =
    ToolName { programs: &["mydumper"], spoken: "mydumper", client: ClientPackage::Mydumper };
/// `--compress` takes the name of an algorithm, and files of settings are read by default, since this version.
const NAMED_COMPRESSION_SINCE: Version = Version { major: 0, minor: 12, patch: 0 };

/// The newest one, if it can hold everything.
pub(super) fn fitting_tool(reaching: &Reaching, objects: &Objects) -> Result<Tool, Error> {
    let launcher = &reaching.launcher;
    let tools = find_all(MYDUMPER, &reaching.settings, launcher, &reaching.interrupt)?;
    let tool = newest(tools)?;
    let connection = reaching.database.connection.mysql_connection();
    if connection.tls.mode.is_some_and(|mode| mode >= MySqlTlsMode::Required) {
        return Err(Error::FormatUnsuitable {
            format: "directory",
            detail: "mydumper does not check the server's certificate, which the URL asks for"
                .to_owned(),
            instead: "sql",
        });
    }
    if let Some(table) = objects.with_rows_elsewhere.first() {
        return Err(Error::FormatUnsuitable {
            format: "directory",
            detail: format!(
                "mydumper writes the rows that {table} shows from elsewhere, and would write them there when it is brought back"
            ),
            instead: "sql",
        });
    }
    refuse_what_it_loses(tool.candidate.version, &connection.database, objects)?;
    Ok(tool)
}

/// Writes the folder.
pub(super) fn dump(
    reaching: &Reaching,
    reached: &mut Reached,
    order: &DumpOrder,
    before: &Objects,
    path: &Path,
    run: &Run,
) -> Result<Outcome, Error> {
    let settings = &reaching.settings;
    let tool = fitting_tool(reaching, before)?;
    let version = tool.candidate.version;
    let connection = &reaching.database.connection;
    let mut output = std::ffi::OsString::from("--outputdir=");
    output.push(path);
    let mut command = reaching
        .mydumper_command(&tool)
        .arguments(
            ["--routines", "--triggers", "--events", "--hex-blob"]
                .iter()
                .filter(
                    // Older versions write every binary value so.
                    |option| **option != "--hex-blob" || version >= NAMED_COMPRESSION_SINCE,
                )
                .copied(),
        )
        .argument(format!("--database={}", connection.database))
        .argument(output);
    // Without the lock only one thread has all of its rows of one instant.
    command = if settings.global_read_lock {
        command.argument(format!("--threads={}", settings.threads))
    } else {
        command.arguments(["--threads=1", "--no-locks"])
    };
    let (compression, option) = compression(order.form.compression, version);
    command = command.arguments(option);
    let failed = |end: &ToolEnd| tool_failure(reaching, MYDUMPER.spoken, end);
    let dump_tool = DumpTool {
        name: MYDUMPER.spoken,
        launcher: &reaching.launcher,
        settings,
        run,
        expected_bytes: order.expected_bytes,
        failure: &failed,
    };
    let running = dump_tool.start(&command)?;
    let end = dump_tool.watch(running, path, || folder::bytes(path).unwrap_or_default())?;
    folder::sync(path)?;
    let read = folder_script::read(path, &order.migrations_table, run)?;
    let contents = read.map_err(|flaw| incomplete(flaw, Some(end.words.clone())))?;
    if let Some(finding) = left_out(before, &contents) {
        let after = inspect::objects(&mut reached.session).map_err(|end| reaching.failed(end))?;
        if let Some(finding) = left_out(&both(before, &after), &contents) {
            return Err(incomplete(finding, Some(end.words)));
        }
        tracing::info!(finding, "objects changed while they were dumped");
    }
    let row_counts = rows_of(before, &contents);
    refuse_missing_rows(reaching, reached, before, &row_counts)?;
    Ok(Outcome {
        passed: None,
        row_counts,
        migrations: migrations_of(&contents),
        compression,
        tool: tool.recorded(MYDUMPER.spoken),
        words: without_known_words(&end.words),
        warning: warning(version, before),
    })
}

/// Older versions ask for rows with `SELECT *`, which does not show invisible columns, and name files after
/// tables as they are.
fn refuse_what_it_loses(version: Version, database: &str, objects: &Objects) -> Result<(), Error> {
    if version >= NAMED_COMPRESSION_SINCE {
        return Ok(());
    }
    let unsuitable = |detail: String| {
        Err(Error::FormatUnsuitable {
            format: "directory",
            detail: format!("mydumper {version} {detail}"),
            instead: "sql",
        })
    };
    if objects.no_backslash_escapes {
        return unsuitable("does not know the server's mode NO_BACKSLASH_ESCAPES".to_owned());
    }
    // It crashes at some of them.
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if !database.chars().all(is_plain) || database.starts_with('-') {
        return unsuitable(format!("cannot write a database with a name like {database}"));
    }
    let misleading = |name: &&String| is_called_as_files_are(name);
    if let Some(table) = objects.tables.iter().chain(&objects.views).find(misleading) {
        return unsuitable(format!("takes the table {table} for one of its own kinds of files"));
    }
    if let Some(table) = objects.system_versioned.first() {
        return unsuitable(format!("loses the former versions of rows of {table}"));
    }
    if let Some(table) = objects.with_invisible_columns.first() {
        return unsuitable(format!("loses the invisible columns of {table}"));
    }
    if let Some(name) = objects.packages.first() {
        return unsuitable(format!("loses packages such as {name}"));
    }
    let odd = |name: &&String| name.contains(['`', '\'', '"', '/', ';']);
    let mut names = objects.tables.iter().chain(&objects.views).chain(&objects.columns);
    if let Some(name) = names.find(odd).or_else(|| objects.names_of_programs().find(odd)) {
        return unsuitable(format!("cannot write what has a name like {name}"));
    }
    if let Some(table) = objects.with_rare_types.first() {
        return unsuitable(format!("does not write every value of {table} as it is"));
    }
    Ok(())
}

/// Whether the file of such a table is called as one of another kind is, or of another table.
fn is_called_as_files_are(table: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    table.contains("-schema")
        || table.ends_with(".sql")
        || table.ends_with("-checksum")
        || table.split('.').skip(1).any(is_part)
}

/// What the caller should know of a folder that an older version wrote.
fn warning(version: Version, objects: &Objects) -> Option<String> {
    let name = objects.names_of_programs().next()?;
    (version < NAMED_COMPRESSION_SINCE).then(|| {
        format!(
            "mydumper {version} does not keep the sql_mode, time zone and every blank of stored programs ({name} and its like); the sql format does"
        )
    })
}

/// What it says about several threads does not hold for the one that it was given.
fn without_known_words(words: &str) -> String {
    let known = |line: &&str| !line.contains("no-locks mode");
    words.lines().filter(known).collect::<Vec<_>>().join("\n")
}

/// How the tool compresses, and the options that say so.
fn compression(wanted: Compression, version: Version) -> (Compression, Option<&'static str>) {
    let named = version >= NAMED_COMPRESSION_SINCE;
    match wanted {
        Compression::None => (Compression::None, None),
        Compression::Zstd if named => (Compression::Zstd, Some("--compress=ZSTD")),
        Compression::Gzip if named => (Compression::Gzip, Some("--compress=GZIP")),
        Compression::Gzip | Compression::Zstd => (Compression::Gzip, Some("--compress")),
    }
}
