//! The files of a `mydumper` folder, read as one dump.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use backup_core::{Compression, Error, Run};

use super::script::{MydumperMetadata, ScriptCheck, ScriptContents};
use crate::pipeline::{Hashed, Interruptible, ReadError, read_artifact};
use crate::prisma_local::folder;

/// The file that tells that the dump was finished; partial while it is not.
const METADATA: &str = "metadata";
/// The longest such file, in bytes: a section for every table.
const LONGEST_METADATA: u64 = 64 * 1024 * 1024;

/// What the folder holds, or what is wrong with it.
pub(super) fn read(
    path: &Path,
    migrations_table: &str,
    run: &Run,
) -> Result<Result<ScriptContents, String>, Error> {
    let failed = |error| Error::storage("read", path, error);
    let metadata = match File::open(path.join(METADATA)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Err("mydumper's metadata is missing".to_owned()));
        }
        Err(error) => return Err(failed(error)),
    };
    let mut text = String::new();
    metadata.take(LONGEST_METADATA).read_to_string(&mut text).map_err(failed)?;
    let metadata = match MydumperMetadata::read(&text) {
        Ok(metadata) => metadata,
        Err(unfinished) => return Ok(Err(unfinished.to_string())),
    };
    let mut names: Vec<(String, Compression)> = folder::files(path)
        .map_err(failed)?
        .into_iter()
        .filter_map(|(name, _)| Some((name.clone(), script_compression(&name)?)))
        .collect();
    // Files that create come first: those with rows do not name the columns.
    names.sort_by_key(|(name, _)| !name.contains("-schema"));
    let mut contents = ScriptContents::default();
    for (name, compression) in names {
        run.interrupt.check()?;
        let mut check = ScriptCheck::of_mydumper(migrations_table, contents.migration_columns);
        if let Err(flaw) = read_file(&path.join(&name), compression, &mut check, run)? {
            return Ok(Err(format!("{name}: {flaw}")));
        }
        match check.finish() {
            Ok(part) => contents.absorb(part),
            Err(incomplete) => return Ok(Err(format!("{name}: {incomplete}"))),
        }
    }
    // What the tool says that it wrote must be there.
    let short = metadata
        .rows
        .iter()
        .find(|(table, rows)| contents.rows.get(*table).is_some_and(|found| found != *rows));
    Ok(match short {
        Some((table, rows)) => {
            let found = contents.rows.get(table).copied().unwrap_or_default();
            Err(format!("{table} has {found} of {rows} rows"))
        }
        None => Ok(contents),
    })
}

/// The scripts of a folder in the order in which they load: tables, rows, stored programs, triggers, views. What
/// creates the database is not among them.
pub(super) fn in_order_of_loading(path: &Path) -> std::io::Result<Vec<(PathBuf, Compression)>> {
    const LATE: [&str; 3] = ["-schema-post.sql", "-schema-triggers.sql", "-schema-view.sql"];
    let mut scripts: Vec<(usize, String, Compression)> = folder::files(path)?
        .into_iter()
        .filter(|(name, _)| !name.contains("-schema-create.sql"))
        .filter_map(|(name, _)| {
            let compression = script_compression(&name)?;
            let late = LATE.iter().position(|kind| name.contains(kind));
            let place = match late {
                Some(place) => place + 2,
                None => usize::from(!name.contains("-schema.sql")),
            };
            Some((place, name, compression))
        })
        .collect();
    scripts.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    Ok(scripts.into_iter().map(|(_, name, compression)| (path.join(name), compression)).collect())
}

/// How a file with text is compressed; none for other files.
fn script_compression(name: &str) -> Option<Compression> {
    let (name, compression) = match (name.strip_suffix(".gz"), name.strip_suffix(".zst")) {
        (Some(name), _) => (name, Compression::Gzip),
        (_, Some(name)) => (name, Compression::Zstd),
        _ => (name, Compression::None),
    };
    name.ends_with(".sql").then_some(compression)
}

fn read_file(
    path: &Path,
    compression: Compression,
    sink: &mut dyn Write,
    run: &Run,
) -> Result<Result<(), String>, Error> {
    let failed = |error| Error::storage("read", path, error);
    let file = File::open(path).map_err(failed)?;
    let source = Interruptible::new(file, &run.interrupt);
    match read_artifact(source, compression, NonZeroUsize::MIN, Hashed::Stored, sink) {
        Ok(_) => Ok(Ok(())),
        Err(ReadError::Io(error)) => {
            run.interrupt.check()?;
            Err(failed(error))
        }
        Err(flaw) => Ok(Err(flaw.to_string())),
    }
}
