//! Artifacts that are a folder of files.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use backup_core::{Compression, Depth, Error, Examination, Run, sha256_of_lines};

use super::reading;

/// The files of a folder, by name, with their lengths; something that is no file is an error.
pub(super) fn files(folder: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if !metadata.is_file() {
            let name = entry.file_name();
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is no file", name.to_string_lossy()),
            ));
        }
        files.push((entry.file_name().to_string_lossy().into_owned(), metadata.len()));
    }
    files.sort();
    Ok(files)
}

/// How many bytes its files have.
pub(super) fn bytes(folder: &Path) -> io::Result<u64> {
    Ok(files(folder)?.iter().map(|(_, bytes)| bytes).sum())
}

/// Makes every file and the folder itself durable.
pub(super) fn sync(folder: &Path) -> Result<(), Error> {
    let sync = |path: PathBuf| {
        let synced = File::open(&path).and_then(|file| file.sync_all());
        synced.map_err(|error| Error::storage("sync", &path, error))
    };
    let files = files(folder).map_err(|error| Error::storage("read", folder, error))?;
    files.into_iter().try_for_each(|(name, _)| sync(folder.join(name)))?;
    sync(folder.to_path_buf())
}

/// The bytes of all files together, and the digest of the lines `<sha256>  <name>` by which `sha256sum` would
/// list them. A folder that holds something else than files is flawed.
pub(super) fn examine(folder: &Path, run: &Run) -> Result<Examination, Error> {
    let files = match files(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Ok(Examination {
                stored_bytes: 0,
                stored_sha256: String::new(),
                raw: None,
                flaw: Some(error.to_string()),
                row_counts: None,
            });
        }
        Err(error) => return Err(Error::storage("read", folder, error)),
    };
    let mut lines = Vec::with_capacity(files.len());
    let mut stored_bytes = 0;
    for (name, _) in files {
        let path = folder.join(&name);
        let found = reading::read(
            &path,
            Compression::None,
            NonZeroUsize::MIN,
            Depth::Bytes,
            &mut io::sink(),
            run,
        )?;
        stored_bytes += found.stored_bytes;
        lines.push(format!("{}  {name}\n", found.stored_sha256));
    }
    Ok(Examination {
        stored_bytes,
        stored_sha256: sha256_of_lines(&lines),
        raw: None,
        flaw: None,
        row_counts: None,
    })
}
