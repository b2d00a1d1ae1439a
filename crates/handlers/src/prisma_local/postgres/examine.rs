//! Reading a dump back: text by the same check that watched it pass, the tool's own formats through
//! `pg_restore`, which turns them into text.

use std::io::Read;
use std::path::Path;

use backup_core::{ClientPackage, Compression, Depth, Error, Examination, Run};
use backup_protocol::{Format, RowCounts};

use super::script::{ScriptCheck, ScriptContents};
use crate::prisma_local::{Artifact, folder, reading};
use crate::process::{Launcher, OutputEnd, Stdin, ToolCommand, ToolOutput};
use crate::tools::{ToolName, find_all, newest};

pub(super) const PG_RESTORE: ToolName =
    ToolName { programs: &["pg_restore"], spoken: "pg_restore", client: ClientPackage::Postgres };
/// What `pg_restore` says of an archive that only a newer one can read.
const TOO_NEW: [&str; 2] = ["unsupported version", "does not support compression"];

/// Examines a dump.
pub(in crate::prisma_local) fn examine(
    artifact: &Artifact,
    launcher: &Launcher,
    run: &Run,
) -> Result<Examination, Error> {
    let path = artifact.path.as_path();
    let threads = artifact.settings.threads;
    match artifact.form.format {
        Format::Sql => {
            let compression = match artifact.depth {
                Depth::Bytes => Compression::None,
                Depth::Structure | Depth::Thorough => artifact.form.compression,
            };
            let mut script = ScriptCheck::new();
            let found =
                reading::read(path, compression, threads, artifact.depth, &mut script, run)?;
            Ok(if artifact.depth == Depth::Bytes { found } else { with_script(found, script) })
        }
        Format::Custom => {
            let found = reading::read(
                path,
                Compression::None,
                threads,
                artifact.depth,
                &mut std::io::sink(),
                run,
            )?;
            with_archive(found, artifact, launcher, run)
        }
        Format::Directory | Format::Snapshot => {
            let found = folder::examine(path, run)?;
            with_archive(found, artifact, launcher, run)
        }
    }
}

fn with_script(found: Examination, script: ScriptCheck) -> Examination {
    if found.flaw.is_some() {
        return found;
    }
    match script.finish() {
        Ok(contents) => Examination { row_counts: Some(rows(&contents)), ..found },
        Err(incomplete) => Examination { flaw: Some(incomplete.to_string()), ..found },
    }
}

fn rows(contents: &ScriptContents) -> RowCounts {
    contents.rows.iter().map(|(table, rows)| (table.recorded(), Some(*rows))).collect()
}

fn with_archive(
    found: Examination,
    artifact: &Artifact,
    launcher: &Launcher,
    run: &Run,
) -> Result<Examination, Error> {
    if artifact.depth == Depth::Bytes || found.flaw.is_some() {
        return Ok(found);
    }
    let read = read_archive(&artifact.path, artifact, launcher, run)?;
    Ok(match read {
        Ok(contents) => Examination { row_counts: Some(rows(&contents)), ..found },
        Err(flaw) => Examination { flaw: Some(flaw), ..found },
    })
}

/// Has every byte of an archive decompressed and turned into text; what is wrong with it is a finding.
fn read_archive(
    path: &Path,
    artifact: &Artifact,
    launcher: &Launcher,
    run: &Run,
) -> Result<Result<ScriptContents, String>, Error> {
    let settings = &artifact.settings;
    let tool = newest(find_all(PG_RESTORE, settings, launcher, &run.interrupt)?)?;
    let failed = |error| Error::storage("run", &tool.path, error);
    let command = ToolCommand::new(&tool.path)
        .low_priority(settings.low_priority)
        .argument("--file=-")
        .argument("--")
        .argument(path);
    let mut running = launcher.start(&command, Stdin::Empty).map_err(failed)?;
    let stdout = running.take_stdout().ok_or_else(|| Error::internal("no stdout"))?;
    let mut output = ToolOutput::new(stdout, settings.stall, &run.interrupt);
    let mut script = ScriptCheck::new();
    let mut chunk = vec![0; 256 * 1024];
    loop {
        match output.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => script.feed(chunk.get(..read).unwrap_or_default()),
            Err(error) => {
                return Err(match output.end() {
                    Some(OutputEnd::Interrupted) => Error::Interrupted,
                    _ => failed(error),
                });
            }
        }
    }
    let end = running.wait(settings.stall, &run.interrupt).map_err(failed)?;
    run.interrupt.check()?;
    let end = end.ok_or_else(|| failed(std::io::Error::other("pg_restore does not end")))?;
    if end.is_success() {
        return Ok(script.finish().map_err(|incomplete| incomplete.to_string()));
    }
    if TOO_NEW.iter().any(|phrase| end.words.contains(phrase)) {
        return Err(Error::ToolVersionMismatch {
            tool: PG_RESTORE.spoken,
            tool_version: tool.candidate.version.to_string(),
            server: "this dump".to_owned(),
            package: ClientPackage::Postgres.package().to_owned(),
            client: ClientPackage::Postgres,
        });
    }
    if end.status.code().is_none() {
        // Killed: that says nothing about the archive.
        return Err(failed(std::io::Error::other(end.manner())));
    }
    Ok(Err(format!("pg_restore cannot read it: {}", end.words)))
}
