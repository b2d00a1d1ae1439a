//! Finding tools: in the configured folders, else on PATH and where they usually are.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backup_core::{ClientPackage, Error, Interrupt, ToolSettings};

use super::choice::Candidate;
use super::version::read_answer;
use crate::process::{Launcher, Stdin, ToolCommand, ToolOutput};

/// How long a tool may take to tell its version.
const VERSION_PATIENCE: Duration = Duration::from_secs(20);
/// The most that a tool is listened to when it tells its version, in bytes.
const LONGEST_ANSWER: u64 = 4096;
/// Debian's stand-in for every PostgreSQL program: it starts the one of the local cluster's version, which
/// says nothing about the server that is asked for.
const DEBIAN_WRAPPER: &str = "pg_wrapper";

/// Folders of several versions: everything before the `*` is listed, what follows is below each entry.
const VERSION_FOLDERS: [(&str, &str); 9] = [
    ("/usr/lib/postgresql", "bin"),
    ("/usr/pgsql-", "bin"),
    ("/opt/homebrew/opt/postgresql@", "bin"),
    ("/usr/local/opt/postgresql@", "bin"),
    ("/opt/homebrew/opt/mysql-client@", "bin"),
    ("/usr/local/opt/mysql-client@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "bin"),
    ("C:/Program Files/PostgreSQL", "bin"),
    ("C:/Program Files/MySQL", "bin"),
];
/// Folders of one version.
const FOLDERS: [&str; 12] = [
    "/usr/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/opt/homebrew/opt/libpq/bin",
    "/usr/local/opt/libpq/bin",
    "/opt/homebrew/opt/mysql-client/bin",
    "/usr/local/opt/mysql-client/bin",
    "/opt/homebrew/opt/mariadb/bin",
    "/usr/local/opt/mariadb/bin",
    "/usr/local/mysql/bin",
    "/usr/local/pgsql/bin",
    "/opt/mysql/bin",
];

/// A tool by its names: programs that do the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ToolName {
    /// What it is called, by family.
    pub programs: &'static [&'static str],
    /// What it is called in errors.
    pub spoken: &'static str,
    /// What it comes with.
    pub client: ClientPackage,
}

/// A tool that was found.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    /// The program.
    pub path: PathBuf,
    /// Whose it is, and its version.
    pub candidate: Candidate,
}

impl Tool {
    /// Its file name and version, for records.
    pub(crate) fn recorded(&self, name: &str) -> (String, String) {
        (name.to_owned(), self.candidate.version.to_string())
    }
}

/// Every usable program of that name, those that come first in PATH first.
///
/// # Errors
/// [`Error::ToolNotFound`] where there is none; [`Error::ToolVersionMismatch`] where one answers, but not
/// with its version.
pub(crate) fn find_all(
    name: ToolName,
    settings: &ToolSettings,
    launcher: &Launcher,
    interrupt: &Interrupt,
) -> Result<Vec<Tool>, Error> {
    let mut tools = Vec::new();
    for path in without_wrappers(programs(name, settings)) {
        interrupt.check()?;
        match ask_version(name, &path, launcher, interrupt)? {
            Answer::Version(candidate) => tools.push(Tool { path, candidate }),
            Answer::Failed => {
                tracing::debug!(tool = %path.display(), "passed over: it cannot be run");
            }
            Answer::Unreadable => {
                return Err(Error::ToolVersionMismatch {
                    tool: name.spoken,
                    tool_version: format!(
                        "at {}, which does not tell its version,",
                        path.display()
                    ),
                    server: "any server".to_owned(),
                    package: name.client.package().to_owned(),
                    client: name.client,
                });
            }
        }
    }
    interrupt.check()?;
    if tools.is_empty() {
        return Err(Error::ToolNotFound {
            tool: name.spoken,
            client: name.client,
            looked_in: settings.directories.clone(),
        });
    }
    Ok(tools)
}

/// The programs of that name, each once, whatever the paths that lead to it.
fn programs(name: ToolName, settings: &ToolSettings) -> Vec<PathBuf> {
    let folders = if settings.directories.is_empty() {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let on_path: Vec<PathBuf> =
            std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
        on_path.into_iter().chain(usual_folders()).collect()
    } else {
        settings.directories.clone()
    };
    let mut seen = BTreeSet::new();
    folders
        .iter()
        .flat_map(|folder| name.programs.iter().map(move |program| folder.join(program)))
        .filter(|path| is_executable(path))
        .filter(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())))
        .collect()
}

fn usual_folders() -> impl Iterator<Item = PathBuf> {
    let versions = VERSION_FOLDERS.iter().flat_map(|(start, below)| {
        let (parent, prefix) = match Path::new(start) {
            folder if folder.is_dir() => (folder.to_path_buf(), String::new()),
            start => {
                let prefix = start.file_name().unwrap_or_default().to_string_lossy().into_owned();
                (start.parent().unwrap_or(start).to_path_buf(), prefix)
            }
        };
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
            .map(|entry| entry.path().join(below))
            .collect();
        folders.sort();
        folders
    });
    versions.chain(FOLDERS.iter().map(PathBuf::from))
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// Debian's wrapper only where it is all there is.
fn without_wrappers(programs: Vec<PathBuf>) -> Vec<PathBuf> {
    let is_wrapper = |path: &PathBuf| {
        let target = path.canonicalize();
        target.is_ok_and(|target| target.file_name().is_some_and(|name| name == DEBIAN_WRAPPER))
    };
    let (wrappers, programs): (Vec<_>, Vec<_>) = programs.into_iter().partition(is_wrapper);
    if programs.is_empty() { wrappers } else { programs }
}

enum Answer {
    Version(Candidate),
    /// It ends with an error, as a program of another machine's kind does.
    Failed,
    /// It ends well, with other words: whatever it is, it is not to be trusted with a backup.
    Unreadable,
}

fn ask_version(
    name: ToolName,
    path: &Path,
    launcher: &Launcher,
    interrupt: &Interrupt,
) -> Result<Answer, Error> {
    let failed = |error| Error::storage("run", path, error);
    let mut command = ToolCommand::new(path);
    if name.client == ClientPackage::MySql {
        // A `result-file` in a person's file of options is emptied, whatever the tool is asked.
        command = command.argument("--no-defaults");
    }
    let command = command.argument("--version");
    let mut tool = launcher.start(&command, Stdin::Empty).map_err(failed)?;
    let mut answer = Vec::new();
    if let Some(stdout) = tool.take_stdout() {
        let output = ToolOutput::new(stdout, VERSION_PATIENCE, interrupt);
        // What cannot be read is no version.
        let _ = output.take(LONGEST_ANSWER).read_to_end(&mut answer);
    }
    let ended = tool.wait(VERSION_PATIENCE, interrupt).map_err(failed)?;
    let read = read_answer(&String::from_utf8_lossy(&answer));
    Ok(match (ended, read) {
        (Some(end), Some((family, version))) if end.is_success() => {
            Answer::Version(Candidate { family, version })
        }
        (Some(end), None) if end.is_success() => Answer::Unreadable,
        _ => Answer::Failed,
    })
}

/// The newest of several, of equals the first: it knows all that older ones do.
///
/// # Errors
/// There is none.
pub(crate) fn newest(tools: Vec<Tool>) -> Result<Tool, Error> {
    let newest = tools.into_iter().rev().max_by_key(|tool| tool.candidate.version);
    newest.ok_or_else(|| Error::internal("a search that succeeds finds a tool"))
}
