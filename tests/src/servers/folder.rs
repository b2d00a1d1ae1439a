//! The folder of a server: everything that it writes is in it.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::START_OF_PATH;
use crate::unprivileged::{NOBODY, give_away, we_are_root};

/// A folder that belongs to the user whom the server runs as. It goes when this is dropped.
#[derive(Debug)]
pub(super) struct ServerFolder(PathBuf);

impl ServerFolder {
    /// Makes one. Not below `TMPDIR`: the path of a socket is a hundred bytes at most, and the server's user
    /// must be able to come here.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("backup-tests-").tempdir_in("/tmp").unwrap();
        let folder = Self(folder.keep());
        std::fs::set_permissions(&folder.0, PermissionsExt::from_mode(0o755)).unwrap();
        folder.give_away("");
        folder
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file that only the server can read.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.write_ours(name, text);
        self.give_away(name);
        path
    }

    /// Writes a file that only we can read.
    pub fn write_ours(&self, name: &str, text: &str) -> PathBuf {
        let path = self.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        path
    }

    /// Hands what is below a name in it to the server's user.
    fn give_away(&self, name: &str) {
        if we_are_root() {
            give_away(&self.join(name));
        }
    }

    /// A folder in it that both sides can write into.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.join(name);
        std::fs::create_dir_all(&path).unwrap();
        if we_are_root() {
            chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        path
    }

    /// A folder of programs, with its neighbours copied to here where the server's user cannot come to it.
    pub fn reachable(&self, programs: &Path) -> PathBuf {
        let is_open = |folder: &Path| folder.metadata().unwrap().permissions().mode() & 0o1 != 0;
        let programs = programs.canonicalize().unwrap();
        if !we_are_root() || programs.ancestors().all(is_open) {
            return programs;
        }
        let copy = Command::new("cp")
            .arg("-R")
            .arg(programs.parent().unwrap())
            .arg(self.join("native"))
            .status();
        assert!(copy.unwrap().success(), "{} is not copied", programs.display());
        self.give_away("native");
        self.join("native").join(programs.file_name().unwrap())
    }

    /// A program as the server's user, in the folder, with an environment that says nothing.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs([("PATH", START_OF_PATH), ("LC_ALL", "C.UTF-8"), ("TZ", "UTC")])
            .env("HOME", &self.0)
            .current_dir(&self.0)
            .stdin(Stdio::null());
        if we_are_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

impl Drop for ServerFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
