//! Where artifacts are kept, and how they get there without ever being half there.

mod durable;
mod host;
mod location;
mod names;
mod partial;
mod sweep;

use std::fs::Metadata;
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::error::Error;
use crate::run::RunId;

pub use durable::{
    create_folder, create_new, create_new_folder, open_regular, replace_file, sync_folder,
    write_new_file, write_one_of_many,
};
pub use host::host_name;
pub(crate) use location::resolved;
pub use location::{EnvironmentFolder, FolderEntry, Location};
pub use names::{FileKind, globals_name, manifest_name};
pub use partial::PartialFile;
pub(crate) use partial::is_still_named;
pub(crate) use sweep::remove;
pub(crate) use sweep::report;
pub use sweep::{SweepReport, remove_backup_files, sweep, sweep_partials};

/// Creates the folder of a project's catalogue, which always keeps itself out of the repository.
///
/// # Errors
/// It cannot be created.
pub fn create_state_folder(state: &Path, run: &RunId) -> Result<(), Error> {
    create_folder(state).map_err(|error| Error::creating_in(state, error))?;
    let path = state.join(".gitignore");
    if path.exists() {
        return Ok(());
    }
    match write_new_file(&path, b"*\n", run) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::creating_in(state, error)),
    }
}

/// What is free for this user where `path` is, in bytes.
///
/// # Errors
/// The file system does not say.
pub fn available_space(path: &Path) -> std::io::Result<u64> {
    let existing = path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let statistics = rustix::fs::statvfs(existing)?;
    Ok(statistics.f_bavail.saturating_mul(statistics.f_frsize))
}

/// What the file system that `file` is on takes for the time now: it stamps the file, and the stamp is read. None
/// where it cannot be had.
pub fn time_at(file: &Path) -> Option<DateTime<Utc>> {
    let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
    let stamps = rustix::fs::Timestamps { last_access: now, last_modification: now };
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::utimensat(rustix::fs::CWD, file, &stamps, flags).ok()?;
    file.symlink_metadata().ok()?.modified().ok().map(DateTime::from)
}

/// How many bytes an artifact has: a file's length, or that of all files of a folder.
///
/// # Errors
/// It is not there, or cannot be read.
pub fn artifact_bytes(path: &Path) -> std::io::Result<u64> {
    bytes_of(path, &path.symlink_metadata()?)
}

/// The same of what a link leads to.
///
/// # Errors
/// It is not there, or cannot be read.
pub fn artifact_bytes_behind_links(path: &Path) -> std::io::Result<u64> {
    bytes_of(path, &path.metadata()?)
}

fn bytes_of(path: &Path, metadata: &Metadata) -> std::io::Result<u64> {
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    std::fs::read_dir(path)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

/// Whether there is something at `path` that can be an artifact.
pub fn is_artifact(path: &Path) -> bool {
    path.is_file() || path.is_dir()
}

/// The permissions of `path`, or of its nearest parent that exists.
pub fn nearest_mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    path.ancestors().find_map(|folder| Some(folder.metadata().ok()?.permissions().mode()))
}
