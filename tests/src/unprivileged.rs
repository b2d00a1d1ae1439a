//! A host that permissions hold for: as root the tests drop to a user that owns nothing else.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::{Project, binary};

/// The user that is nobody, everywhere.
pub(crate) const NOBODY: u32 = 65534;

/// A project that belongs to a user without privileges, and that user's hosts.
#[derive(Debug)]
pub struct Unprivileged {
    /// The project.
    pub project: Project,
    program: PathBuf,
    _folder: Option<TempDir>,
    user: Option<u32>,
}

impl Unprivileged {
    /// Hands a project over to the user. Call it when the project is complete.
    pub fn owning(project: Project) -> Self {
        if !we_are_root() {
            let program = binary().to_path_buf();
            return Self { project, program, _folder: None, user: None };
        }
        give_away(&project.root());
        // The build's folder may lie where nobody else can look.
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let program = folder.path().join("backup-manager");
        if std::fs::hard_link(binary(), &program).is_err() {
            std::fs::copy(binary(), &program).unwrap();
        }
        Self { project, program, _folder: Some(folder), user: Some(NOBODY) }
    }

    /// Hands what was added to the project since over as well.
    pub fn give_away(&self) {
        if self.user.is_some() {
            give_away(&self.project.root());
        }
    }

    /// The host's command, as the user.
    pub fn host(&self) -> Command {
        let template = self.project.host();
        let mut command = Command::new(&self.program);
        command.env_clear().current_dir(self.project.root());
        for (name, value) in template.get_envs() {
            command.env(name, value.unwrap());
        }
        command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    /// Sends one request as the user and returns its envelope.
    pub fn ask(&self, request: &Value) -> Value {
        let mut answers = Project::converse(&mut self.host(), format!("{request}\n").as_bytes());
        assert_eq!(answers.envelopes.len(), 1, "{answers:?}");
        answers.envelopes.remove(0)
    }

    /// Sends a request that must succeed and returns its result.
    pub fn succeed(&self, request: &Value) -> Value {
        let envelope = self.ask(request);
        assert_eq!(envelope["status"], "success", "{envelope:#}");
        envelope["result"].clone()
    }
}

/// Whether permissions do not hold for the tests themselves.
pub(crate) fn we_are_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Hands a path, and what is below it, to the user that is nobody.
pub(crate) fn give_away(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_symlink() {
                give_away(&path);
            }
        }
    }
}

/// Permissions that a path has for a while.
#[derive(Debug)]
pub struct Permissions {
    path: PathBuf,
    before: std::fs::Permissions,
}

impl Permissions {
    /// Gives a path permissions until dropped.
    pub fn of(path: PathBuf, mode: u32) -> Self {
        let before = path.metadata().unwrap().permissions();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        Self { path, before }
    }
}

impl Drop for Permissions {
    fn drop(&mut self) {
        let _ = std::fs::set_permissions(&self.path, self.before.clone());
    }
}
