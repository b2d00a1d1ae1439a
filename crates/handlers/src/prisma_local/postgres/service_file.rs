//! What libpq takes from no variable and must stand in no argument: a service file, for its owner alone.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use backup_core::{Error, RunId, Secret, private_folder};

use crate::process::ToolCommand;

/// The service's name in its file.
const SERVICE: &str = "backup-manager";
/// How the files' names begin; the process that wrote one follows.
const PREFIX: &str = "service-";

/// A service file; it goes when this does, and when this program dies.
#[derive(Debug)]
pub(super) struct ServiceFile {
    path: PathBuf,
}

impl ServiceFile {
    /// Writes the parameters down.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write(parameters: &[(&'static str, Secret)]) -> Result<Self, Error> {
        let folder = private_folder()?;
        remove_abandoned(&folder);
        let name = format!("{PREFIX}{}-{}", std::process::id(), RunId::random()?);
        let file = Self { path: folder.join(name) };
        let mut text = format!("[{SERVICE}]\n");
        for (name, value) in parameters {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name}={}", value.expose_secret());
        }
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file.path);
        opened
            .and_then(|mut opened| opened.write_all(text.as_bytes()))
            .map_err(|error| Error::storage("write", &file.path, error))?;
        Ok(file)
    }

    /// Adds the service to a command.
    pub(super) fn tell(&self, command: ToolCommand) -> ToolCommand {
        let path = self.path.to_string_lossy().into_owned();
        command
            .variable("PGSERVICEFILE", Secret::new(path))
            .variable("PGSERVICE", Secret::new(SERVICE.to_owned()))
            .remove_with_parent(&self.path)
    }
}

impl Drop for ServiceFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "a service file is gone already");
        }
    }
}

/// Removes the files of processes that are no more: killed with the one that would have removed them.
fn remove_abandoned(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.split_once('-')?.0.parse::<i32>().ok());
        let process = process.and_then(rustix::process::Pid::from_raw);
        let is_dead = process.is_some_and(|process| {
            rustix::process::test_kill_process(process) == Err(rustix::io::Errno::SRCH)
        });
        if is_dead && let Err(error) = std::fs::remove_file(entry.path()) {
            tracing::debug!(%error, "an abandoned service file stays");
        }
    }
}
