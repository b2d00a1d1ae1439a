//! Writing so that a crash or a power cut leaves the old or the new, never a part.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::partial::PartialFile;
use crate::run::RunId;

/// Nobody but the owner reads a backup: it holds what the database holds.
pub const FILE_MODE: u32 = 0o600;
/// Nobody but the owner lists backups.
pub const FOLDER_MODE: u32 = 0o700;

/// Creates a folder and its parents; those that exist are left as they are.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    // The new entries must outlive a power cut as well as what is put into the folder.
    folder.ancestors().skip(1).take_while(|parent| parent.parent().is_some()).take(4).try_for_each(
        |parent| match sync_folder(parent) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            other => other,
        },
    )
}

/// Makes a folder's entries durable.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Opens a file that must not exist yet, for its owner alone.
pub fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(path)
}

/// Opens a file in whose place anything may be: a link is not followed, a FIFO does not keep who opens it waiting.
pub fn open_regular(path: &Path, options: &OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = options.clone();
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or(0));
    let file = options.open(path).map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::LOOP) => io::Error::other("it is a symbolic link"),
        _ => error,
    })?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is no regular file"))
    }
}

/// Creates a folder that must not exist yet, for its owner alone, and opens it.
pub fn create_new_folder(path: &Path) -> io::Result<File> {
    DirBuilder::new().mode(FOLDER_MODE).create(path)?;
    File::open(path)
}

/// Removes a file, or a folder with all that is in it; links are removed, never followed.
pub fn remove(path: &Path) -> io::Result<()> {
    if std::fs::symlink_metadata(path)?.is_dir() {
        std::fs::remove_dir_all(path)
    } else {
        std::fs::remove_file(path)
    }
}

/// Writes a small file that must not exist yet: it is there whole or not at all.
pub fn write_new_file(path: &Path, content: &[u8], run: &RunId) -> io::Result<()> {
    write_one_of_many(path, content, run)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// The same for one of many files in a folder, which the caller syncs once.
pub fn write_one_of_many(path: &Path, content: &[u8], run: &RunId) -> io::Result<()> {
    stage(path, run, |out| out.write_all(content))?.publish(path)
}

/// Replaces a file: a reader sees the old content or the new.
pub fn replace_file(
    path: &Path,
    run: &RunId,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut partial = stage(path, run, write)?;
    partial.replace(path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn stage(
    path: &Path,
    run: &RunId,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<PartialFile> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = PartialFile::create(folder, &name, run)?;
    let mut out = io::BufWriter::new(partial.file());
    write(&mut out)?;
    out.flush()?;
    drop(out);
    partial.file().sync_all()?;
    Ok(partial)
}

/// Gives a finished file its final name, never over an existing file.
pub fn publish(partial: &Path, name: &Path) -> io::Result<()> {
    match renameat_with(CWD, partial, CWD, name, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // Some file systems (NFS among them) have no such rename: a link never replaces either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            if partial.is_dir() {
                // A folder has no second link, and is never renamed over one that holds anything: what may
                // be there is empty.
                return std::fs::rename(partial, name);
            }
            std::fs::hard_link(partial, name)?;
            std::fs::remove_file(partial)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishing_never_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let (partial, name) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&partial, "new").unwrap();
        std::fs::write(&name, "old").unwrap();
        assert_eq!(publish(&partial, &name).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&name).unwrap(), "old");
        std::fs::remove_file(&name).unwrap();
        publish(&partial, &name).unwrap();
        assert_eq!(std::fs::read_to_string(&name).unwrap(), "new");
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_and_no_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        std::fs::write(&path, "old").unwrap();
        let run = RunId::random().unwrap();
        replace_file(&path, &run, |_| Err(io::Error::other("no"))).unwrap_err();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_written_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let nested = folder.path().join("x/y");
        create_folder(&nested).unwrap();
        write_new_file(&nested.join("f"), b"", &RunId::random().unwrap()).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&nested), mode(&nested.join("f"))), (FOLDER_MODE, FILE_MODE));
    }
}
