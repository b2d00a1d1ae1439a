//! A host whose backups lie on a disk of a few megabytes, in a mount namespace of its own.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::live_host::{LiveHost, wait_until};
use crate::{Project, START_OF_PATH, binary};

/// A host with a small disk under the project's backups. What is on the disk dies with the host.
#[derive(Debug)]
pub struct SmallDisk {
    /// The host.
    pub host: LiveHost,
    /// The backups' folder as the host sees it.
    pub backups: PathBuf,
}

impl SmallDisk {
    /// Starts a host with a disk of that size, as `mount` spells it.
    pub fn start(project: &Project, size: &str) -> Self {
        std::fs::create_dir_all(project.backups()).unwrap();
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
            .arg("mount -t tmpfs -o mode=0700,size=\"$1\" tmpfs \"$2\" && exec \"$3\"")
            .args(["sh", size])
            .arg(project.backups())
            .arg(binary())
            .env_clear()
            .env("PATH", format!("{START_OF_PATH}:/usr/sbin:/sbin"))
            .current_dir(project.root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let host = LiveHost::start(&mut command);
        let path = project.backups();
        let outside = path.strip_prefix("/").unwrap();
        let backups =
            Path::new("/proc").join(host.process().to_string()).join("root").join(outside);
        let small = Self { host, backups };
        wait_until("the disk is mounted and the host runs", || {
            let program = std::fs::read_link(format!("/proc/{}/exe", small.host.process()));
            program.is_ok_and(|program| program == binary())
        });
        small
    }

    /// Sends one line and waits for its envelope.
    pub fn ask(&mut self, request: &Value) -> Value {
        self.host.ask(request)
    }

    /// Fills the disk to its last byte with a file that is not ours.
    pub fn fill(&self) {
        let mut filler =
            OpenOptions::new().create(true).append(true).open(self.backups.join("filler")).unwrap();
        for size in [1 << 20, 1 << 12, 1] {
            while filler.write_all(&vec![b'f'; size]).is_ok() {}
        }
    }

    /// Gives the filled room back.
    pub fn free(&self) {
        std::fs::remove_file(self.backups.join("filler")).unwrap();
    }

    /// Every file on the disk that is no lock, relative, sorted.
    pub fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.backups.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(&self.backups).unwrap().display().to_string());
                }
            }
        }
        files.retain(|file| {
            !file.ends_with(".lock")
                && file != ".gitignore"
                && file != "audit.jsonl"
                && file != "audit.head"
                && file != ".newest-id"
                && file != "filler"
        });
        files.sort();
        files
    }

    /// The catalogue on the disk.
    pub fn catalogue(&self) -> Value {
        let text = std::fs::read_to_string(self.backups.join("backups.json")).unwrap();
        serde_json::from_str(&text).expect("the catalogue is JSON")
    }
}
