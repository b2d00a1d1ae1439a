//! Reading a dump back by the same check that watched it pass.

use std::io;

use backup_core::{Compression, Depth, Error, Examination, Run};
use backup_protocol::{Format, RowCounts};

use super::folder_script;
use super::script::{ScriptCheck, ScriptContents};
use crate::prisma_local::{Artifact, folder, reading};

/// No migrations are looked for when a dump is read back: they are in its manifest.
const NO_TABLE: &str = "";

/// Examines a dump.
pub(in crate::prisma_local) fn examine(
    artifact: &Artifact,
    run: &Run,
) -> Result<Examination, Error> {
    let path = artifact.path.as_path();
    let threads = artifact.settings.threads;
    let in_depth = artifact.depth != Depth::Bytes;
    if artifact.form.format == Format::Directory {
        let found = folder::examine(path, run)?;
        if !in_depth || found.flaw.is_some() {
            return Ok(found);
        }
        return Ok(with(found, folder_script::read(path, NO_TABLE, run)?));
    }
    if !in_depth {
        return reading::read(
            path,
            Compression::None,
            threads,
            artifact.depth,
            &mut io::sink(),
            run,
        );
    }
    let mut script = ScriptCheck::new(NO_TABLE);
    let found =
        reading::read(path, artifact.form.compression, threads, artifact.depth, &mut script, run)?;
    if found.flaw.is_some() {
        return Ok(found);
    }
    Ok(with(found, script.finish().map_err(|incomplete| incomplete.to_string())))
}

fn with(found: Examination, contents: Result<ScriptContents, String>) -> Examination {
    match contents {
        Ok(contents) => Examination { row_counts: Some(rows(&contents)), ..found },
        Err(flaw) => Examination { flaw: Some(flaw), ..found },
    }
}

fn rows(contents: &ScriptContents) -> RowCounts {
    contents.rows.iter().map(|(table, rows)| (table.clone(), Some(*rows))).collect()
}
