//! Locks between processes of this machine. A dead holder's lock frees itself: the kernel holds them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::run::Run;
use crate::storage;

/// How often a taken lock is tried again.
const POLL: Duration = Duration::from_millis(20);
/// How long the short locks (catalogue, location) are waited for; they are held for milliseconds.
const SHORT_LOCK_PATIENCE: Duration = Duration::from_secs(30);

/// A lock that is held until dropped.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    path: PathBuf,
}

/// Who holds a lock, for those who wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The run's id.
    pub run_id: String,
    /// The process.
    pub process: u32,
    /// What the holder does, where that makes a difference to those who wait.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub purpose: Option<String>,
}

impl FileLock {
    /// Takes the lock, waiting up to `patience`; none when another holds it still.
    ///
    /// # Errors
    /// The file cannot be opened or locked, or the run was interrupted while it waited.
    pub async fn acquire(
        path: &Path,
        patience: Duration,
        purpose: Option<&str>,
        run: &Run,
    ) -> Result<Option<Self>, Error> {
        let failed = |error| Error::storage("lock", path, error);
        let deadline = Instant::now() + patience;
        loop {
            let file = open(path).map_err(|error| match path.parent() {
                Some(folder) => Error::creating_in(folder, error),
                None => failed(error),
            })?;
            match file.try_lock() {
                // A holder that removed its file held a lock on nothing.
                Ok(()) if !storage::is_still_named(&file, path).map_err(failed)? => continue,
                Ok(()) => {
                    let mut lock = Self { file, path: path.to_path_buf() };
                    // Who holds it is said where there is room for it; a full disk must not stop a removal.
                    if let Err(error) = lock.sign(purpose, run) {
                        tracing::debug!(path = %path.display(), %error, "lock left unsigned");
                    }
                    return Ok(Some(lock));
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            run.interrupt.check()?;
            if Instant::now() >= deadline {
                return Ok(None);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Takes a lock that is only ever held for milliseconds.
    ///
    /// # Errors
    /// [`Error::CatalogueLocked`] when it is not freed in time.
    pub async fn acquire_short(path: &Path, run: &Run) -> Result<Self, Error> {
        Self::acquire(path, SHORT_LOCK_PATIENCE, None, run)
            .await?
            .ok_or_else(|| Error::CatalogueLocked { path: path.to_path_buf() })
    }

    fn sign(&mut self, purpose: Option<&str>, run: &Run) -> io::Result<()> {
        let holder = Holder {
            run_id: run.id.to_string(),
            process: std::process::id(),
            purpose: purpose.map(str::to_owned),
        };
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(serde_json::to_string(&holder)?.as_bytes())
    }

    /// Frees the lock and removes its file, for locks of which there would be ever more.
    pub fn release_and_remove(self) {
        // Still held here, so that nobody else's lock can be removed.
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "lock file left");
        }
    }
}

/// Who holds the lock, as far as its file tells.
pub fn holder(path: &Path) -> Option<Holder> {
    let mut text = String::new();
    File::open(path).ok()?.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        storage::create_folder(folder)?;
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nofollow())
        .open(path)
}

/// A link in the place of a lock must not lead to another file.
fn nofollow() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0)
}

/// The folder of the locks that hold for all projects of this user on this machine, which nobody else can
/// read.
///
/// Not `TMPDIR` and not the home folder: cron, an agent and a person must find the same one.
///
/// # Errors
/// It cannot be created, or belongs to somebody else.
pub fn private_folder() -> Result<PathBuf, Error> {
    let user = rustix::process::geteuid().as_raw();
    let folder = PathBuf::from(format!("/tmp/backup-manager-{user}"));
    let failed = |error| Error::storage("use", &folder, error);
    storage::create_folder(&folder).map_err(failed)?;
    let found = std::fs::symlink_metadata(&folder).map_err(failed)?;
    if !found.is_dir() || found.uid() != user || found.mode() & 0o077 != 0 {
        return Err(failed(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the folder for locks is not this user's alone",
        )));
    }
    Ok(folder)
}

/// A backup in somebody's hands: readers share it, and nobody removes it meanwhile.
#[derive(Debug)]
pub struct ManifestLock {
    /// None for a backup without a manifest, which nothing but a person's request removes.
    _file: Option<File>,
}

impl ManifestLock {
    /// Shares the backup with other readers; none where it is being removed, or was.
    ///
    /// # Errors
    /// The manifest cannot be opened or locked.
    pub fn shared(manifest: &Path) -> Result<Option<Self>, Error> {
        Self::take(manifest, File::open(manifest), File::try_lock_shared)
    }

    /// Takes the backup to remove it; none while somebody reads it.
    ///
    /// # Errors
    /// The manifest cannot be opened or locked.
    pub fn exclusive(manifest: &Path) -> Result<Option<Self>, Error> {
        // Network file systems want to write for a lock that nobody shares.
        let opened = OpenOptions::new().read(true).write(true).open(manifest);
        let opened = match opened {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => File::open(manifest),
            other => other,
        };
        Self::take(manifest, opened, File::try_lock)
    }

    fn take(
        manifest: &Path,
        opened: io::Result<File>,
        lock: fn(&File) -> Result<(), TryLockError>,
    ) -> Result<Option<Self>, Error> {
        let failed = |error| Error::storage("lock", manifest, error);
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Some(Self { _file: None }));
            }
            other => other.map_err(failed)?,
        };
        match lock(&file) {
            Ok(()) if storage::is_still_named(&file, manifest).map_err(failed)? => {
                Ok(Some(Self { _file: Some(file) }))
            }
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// A database in the hands of one run; its lock's file goes with the guard.
#[derive(Debug)]
pub struct DatabaseLock(Option<FileLock>);

impl Drop for DatabaseLock {
    fn drop(&mut self) {
        if let Some(lock) = self.0.take() {
            lock.release_and_remove();
        }
    }
}

/// One create or restore per database at a time.
///
/// # Errors
/// [`Error::BackupInProgress`] names the run that holds it after `patience`.
pub async fn database_lock(
    identity: &str,
    patience: Duration,
    run: &Run,
) -> Result<DatabaseLock, Error> {
    let path = private_folder()?.join(format!("database-{identity}.lock"));
    match FileLock::acquire(&path, patience, None, run).await? {
        Some(lock) => Ok(DatabaseLock(Some(lock))),
        None => Err(Error::BackupInProgress { run_id: holder(&path).map(|holder| holder.run_id) }),
    }
}
