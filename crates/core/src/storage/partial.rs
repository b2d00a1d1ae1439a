//! What is being written, a file or a folder of files: created new, marked with this host, locked while its
//! writer lives.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::durable;
use super::names::PartialName;
use crate::run::RunId;

/// How often another process may take a fresh file for a dead one before that is a fault.
const CREATION_ATTEMPTS: u32 = 8;

/// A partial file or folder; removed when dropped unless it was published.
#[derive(Debug)]
pub struct PartialFile {
    /// The open file; of a folder a handle to lock and sync.
    file: File,
    path: PathBuf,
    published: bool,
}

impl PartialFile {
    /// Creates and locks the partial of `final_name` in `folder`.
    ///
    /// # Errors
    /// It cannot be created or locked.
    pub fn create(folder: &Path, final_name: &str, run: &RunId) -> io::Result<Self> {
        Self::create_with(folder, final_name, run, durable::create_new)
    }

    /// Creates and locks the partial of a folder `final_name` in `folder`.
    ///
    /// # Errors
    /// It cannot be created or locked.
    pub fn create_folder(folder: &Path, final_name: &str, run: &RunId) -> io::Result<Self> {
        Self::create_with(folder, final_name, run, durable::create_new_folder)
    }

    fn create_with(
        folder: &Path,
        final_name: &str,
        run: &RunId,
        create: impl Fn(&Path) -> io::Result<File>,
    ) -> io::Result<Self> {
        let path = folder.join(PartialName::compose(final_name, run));
        for _ in 0..CREATION_ATTEMPTS {
            let file = create(&path)?;
            file.lock()?;
            // Between creation and lock a sweep may have taken it for a dead writer's.
            if is_still_named(&file, &path)? {
                return Ok(Self { file, path, published: false });
            }
        }
        Err(io::Error::other("a partial file was removed as often as it was created"))
    }

    /// The file; of a folder a handle to sync it by.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Its path while it is being written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it has its final name.
    pub const fn is_published(&self) -> bool {
        self.published
    }

    /// Gives it its final name, never over an existing file. It stays locked until dropped.
    ///
    /// # Errors
    /// The name is taken, or the rename failed; the partial is then still there.
    pub fn publish(&mut self, name: &Path) -> io::Result<()> {
        durable::publish(&self.path, name)?;
        self.published = true;
        Ok(())
    }

    /// Gives it its final name in place of what has that name now.
    ///
    /// # Errors
    /// The rename failed; the old file is untouched.
    pub fn replace(&mut self, name: &Path) -> io::Result<()> {
        std::fs::rename(&self.path, name)?;
        self.published = true;
        Ok(())
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed now is swept by the next writing operation.
            if let Err(error) = durable::remove(&self.path) {
                tracing::debug!(path = %self.path.display(), %error, "partial file left for the next sweep");
            }
        }
    }
}

/// Locks a partial file whose writer is dead; none while the writer lives or when it is gone.
pub(super) fn lock_abandoned(path: &Path) -> io::Result<Option<File>> {
    let file = match File::open(path) {
        Ok(file) => file,
        // Gone, or somebody else's: whether its writer lives cannot be told.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => Ok(is_still_named(&file, path)?.then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether the path still leads to the open file.
pub(crate) fn is_still_named(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(named) => Ok(named.dev() == open.dev() && named.ino() == open.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_and_removed_as_a_file_is() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunId::random().unwrap();
        let partial = PartialFile::create_folder(folder.path(), "x.dir", &run).unwrap();
        let path = partial.path().to_path_buf();
        std::fs::write(path.join("toc.dat"), "x").unwrap();
        assert!(lock_abandoned(&path).unwrap().is_none());
        drop(partial);
        assert!(!path.exists());
        let mut partial = PartialFile::create_folder(folder.path(), "x.dir", &run).unwrap();
        let name = folder.path().join("x.dir");
        std::fs::create_dir(&name).unwrap();
        assert_eq!(partial.publish(&name).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        std::fs::remove_dir(&name).unwrap();
        partial.publish(&name).unwrap();
        assert!(name.is_dir() && !partial.path().exists());
    }

    #[test]
    fn a_living_writer_is_left_alone_and_a_dead_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunId::random().unwrap();
        let partial = PartialFile::create(folder.path(), "x.sql", &run).unwrap();
        let path = partial.path().to_path_buf();
        assert!(lock_abandoned(&path).unwrap().is_none());
        drop(partial);
        assert!(!path.exists());
        std::fs::write(&path, "").unwrap();
        assert!(lock_abandoned(&path).unwrap().is_some());
    }
}
