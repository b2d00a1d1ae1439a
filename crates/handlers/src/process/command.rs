//! What to run, with which environment, and the running of it.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use backup_core::Secret;

use super::running::RunningTool;
use super::supervise::own_process;

/// Variables that a tool gets from this program's environment: what it needs to run, and how connections
/// are secured. Nothing that says which database, and nothing that changes what a dump holds.
const INHERITED: [&str; 31] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "TZ",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "KRB5CCNAME",
    "KRB5_CONFIG",
    "KRB5_KTNAME",
    "OPENSSL_CONF",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "PGPASSFILE",
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLCRL",
    "PGSSLCRLDIR",
    "PGSSLSNI",
    "PGSSLMINPROTOCOLVERSION",
    "PGSSLMAXPROTOCOLVERSION",
    "PGSSLNEGOTIATION",
    "PGREQUIREAUTH",
    "PGREQUIREPEER",
    "PGCHANNELBINDING",
    "PGGSSENCMODE",
    "PGKRBSRVNAME",
    "LIBMYSQL_PLUGIN_DIR",
];

/// Starts tools.
#[derive(Clone, Debug)]
pub(crate) struct Launcher {
    supervisor: PathBuf,
}

/// A tool that is to be run.
#[derive(Clone, Debug)]
pub(crate) struct ToolCommand {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, Secret)>,
    low_priority: bool,
    remove_with_parent: Option<PathBuf>,
    discards_output: bool,
}

/// What a tool's stdin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stdin {
    /// Nothing to read.
    Empty,
    /// What this program writes.
    Piped,
}

impl Launcher {
    /// Starts tools under `supervisor`, which is this program.
    pub(crate) const fn new(supervisor: PathBuf) -> Self {
        Self { supervisor }
    }

    /// Starts a tool. Its stderr is a pipe, and so is its stdout unless it is discarded.
    ///
    /// # Errors
    /// The system's reason for not starting the supervisor. That the tool itself cannot be started shows in
    /// how it ends.
    pub(crate) fn start(&self, tool: &ToolCommand, stdin: Stdin) -> io::Result<RunningTool> {
        let mut command = Command::new(&self.supervisor);
        command.arg("supervise").arg("--parent").arg(own_process().to_string());
        if tool.low_priority {
            command.arg("--low-priority");
        }
        if let Some(secret) = &tool.remove_with_parent {
            command.arg("--remove-with-parent").arg(secret);
        }
        command.arg("--").arg(&tool.program).args(&tool.arguments);
        command.env_clear();
        let inherited = INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.envs(inherited);
        // A tool's words are matched here and there, and people compare them with what they find elsewhere.
        command.env("LC_ALL", "C.UTF-8").env("LANGUAGE", "C");
        for (name, value) in &tool.environment {
            command.env(name, value.expose_secret());
        }
        command.stdin(match stdin {
            Stdin::Empty => Stdio::null(),
            Stdin::Piped => Stdio::piped(),
        });
        command.stdout(if tool.discards_output { Stdio::null() } else { Stdio::piped() });
        command.stderr(Stdio::piped());
        // A signal from the terminal is this program's to pass on.
        command.process_group(0);
        RunningTool::new(command.spawn()?)
    }
}

impl ToolCommand {
    /// A tool without arguments.
    pub(crate) fn new(program: &Path) -> Self {
        Self {
            program: program.to_path_buf(),
            arguments: Vec::new(),
            environment: Vec::new(),
            low_priority: false,
            remove_with_parent: None,
            discards_output: false,
        }
    }

    /// Its stdout leads nowhere: a pipe that nobody reads would stop it once it is full.
    #[must_use]
    pub(crate) const fn discard_output(mut self) -> Self {
        self.discards_output = true;
        self
    }

    /// Adds an argument, which every user of the machine can see: never a secret.
    #[must_use]
    pub(crate) fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments, which every user of the machine can see: never a secret.
    #[must_use]
    pub(crate) fn arguments<T: Into<OsString>>(
        mut self,
        arguments: impl IntoIterator<Item = T>,
    ) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets a variable, which only this user's processes can see.
    #[must_use]
    pub(crate) fn variable(mut self, name: impl Into<OsString>, value: Secret) -> Self {
        self.environment.push((name.into(), value));
        self
    }

    /// A file with secrets for the tool, which goes when this program dies.
    #[must_use]
    pub(crate) fn remove_with_parent(mut self, secret: &Path) -> Self {
        self.remove_with_parent = Some(secret.to_path_buf());
        self
    }

    /// Hands on a variable of this program's environment, where it is set.
    #[must_use]
    pub(crate) fn inherited_variable(self, name: &str) -> Self {
        match std::env::var(name) {
            Ok(value) => self.variable(name, Secret::new(value)),
            Err(_) => self,
        }
    }

    /// Sets a variable unless the tool gets one of that name already.
    #[must_use]
    pub(crate) fn default_variable(self, name: &str, value: Secret) -> Self {
        let set = self.environment.iter().any(|(known, _)| known == name)
            || INHERITED.contains(&name) && std::env::var_os(name).is_some();
        if set { self } else { self.variable(name, value) }
    }

    /// Whether the tool gets the processor and the disk last.
    #[must_use]
    pub(crate) const fn low_priority(mut self, low: bool) -> Self {
        self.low_priority = low;
        self
    }
}
