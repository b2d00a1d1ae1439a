//! A project to back up: the bookshop, in a temporary folder.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::servers::program;
use crate::{binary, repository};

/// Where the binary finds other programs.
pub const START_OF_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A project in a temporary folder.
#[derive(Debug)]
pub struct Project {
    folder: TempDir,
}

/// What a host answered until it ended.
#[derive(Debug)]
pub struct Answers {
    /// Its envelopes, in order.
    pub envelopes: Vec<Value>,
    /// Its stdout as it was.
    pub stdout: String,
    /// Its stderr as it was.
    pub stderr: String,
    /// Its exit status; none after a signal.
    pub status: Option<i32>,
}

impl Project {
    /// The bookshop with a database for each of dev, staging and production.
    pub fn bookshop() -> Self {
        Self::bookshop_in(tempfile::tempdir().unwrap())
    }

    /// The same in a folder of this project.
    #[must_use]
    pub fn nested_bookshop(&self) -> Self {
        Self::bookshop_in(
            tempfile::Builder::new().prefix("nested").tempdir_in(self.root()).unwrap(),
        )
    }

    fn bookshop_in(folder: TempDir) -> Self {
        let project = Self { folder };
        let fixture = repository().join("fixtures/projects/bookshop");
        for file in [".env", ".fractary/plugins/faber-db/config.json", "prisma/schema.prisma"] {
            let target = project.path(file);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::copy(fixture.join(file), target).unwrap();
        }
        let script = std::fs::read_to_string(fixture.join("prisma/bookshop.sql")).unwrap();
        for environment in ["dev", "staging", "production"] {
            project.database(environment).execute_batch(&script).unwrap();
        }
        project
    }

    /// A project without tables whose environments have the databases that the URLs say: a configuration, a
    /// `.env` and a schema. The variables are `DEV_DATABASE_URL`, `PROD_DATABASE_URL` and so on.
    pub fn with_urls<Url: AsRef<str>>(environments: &[(&str, Url)]) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        let (mut settings, mut variables) = (serde_json::Map::new(), String::new());
        for (environment, url) in environments {
            let (variable, url) = (Self::url_variable(environment), url.as_ref());
            assert!(!url.contains(['\'', '\n']), "such a URL wants its own .env: {url}");
            settings.insert((*environment).to_owned(), json!({"connection_string_env": variable}));
            writeln!(variables, "{variable}='{url}'").unwrap();
        }
        let first = environments.first().map_or("", |(_, url)| url.as_ref());
        let provider = match first.split(':').next() {
            Some("mysql") => "mysql",
            Some("postgres" | "postgresql") => "postgresql",
            _ => "sqlite",
        };
        let variable = environments.first().map(|(name, _)| Self::url_variable(name));
        let schema = format!(
            "datasource db {{\n  provider = \"{provider}\"\n  url      = env(\"{}\")\n}}\n",
            variable.unwrap_or_default()
        );
        let configuration = json!({
            "schema_version": "1.0",
            "database": {"provider": provider, "hosting": "local", "migration_tool": "prisma"},
            "environments": settings,
            "migrations": {"table": "_prisma_migrations"}
        });
        for (file, text) in [
            (".env", variables),
            (".fractary/plugins/faber-db/config.json", configuration.to_string()),
            ("prisma/schema.prisma", schema),
        ] {
            let target = project.path(file);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::write(target, text).unwrap();
        }
        project
    }

    /// The variable that has an environment's URL.
    pub fn url_variable(environment: &str) -> String {
        let name = if environment == "production" { "prod" } else { environment };
        format!("{}_DATABASE_URL", name.to_ascii_uppercase().replace('-', "_"))
    }

    /// The project's root, links resolved.
    pub fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    /// A path in the project.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    /// The folder of the catalogue and, by default, the backups.
    pub fn backups(&self) -> PathBuf {
        self.path(".fractary/plugins/faber-db/backups")
    }

    /// The live database of an environment.
    pub fn database(&self, environment: &str) -> Connection {
        Connection::open(self.path(&format!("prisma/{environment}.db"))).unwrap()
    }

    /// Changes the configuration.
    pub fn configure(&self, change: impl FnOnce(&mut Value)) {
        let path = self.path(".fractary/plugins/faber-db/config.json");
        let mut configuration: Value =
            serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut configuration);
        std::fs::write(path, configuration.to_string()).unwrap();
    }

    /// The catalogue; an empty object where there is none.
    pub fn catalogue(&self) -> Value {
        match std::fs::read_to_string(self.backups().join("backups.json")) {
            Ok(text) => serde_json::from_str(&text).expect("the catalogue is JSON"),
            Err(_) => json!({}),
        }
    }

    /// Every file below the backups' folder that is neither a lock, `.gitignore` nor the audit trail, relative, sorted.
    pub fn files(&self) -> Vec<String> {
        fn walk(folder: &Path, base: &Path, files: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    walk(&path, base, files);
                } else {
                    files.push(path.strip_prefix(base).unwrap().display().to_string());
                }
            }
        }
        let mut files = Vec::new();
        walk(&self.backups(), &self.backups(), &mut files);
        files.retain(|file| {
            !file.ends_with(".lock")
                && ![".gitignore", ".newest-id", "audit.jsonl", "audit.head"]
                    .contains(&file.as_str())
        });
        files.sort();
        files
    }

    /// The host's command, started in the project with an empty environment.
    pub fn host(&self) -> Command {
        self.in_project(Command::new(binary()))
    }

    /// The same under another clock, as `faketime` reads it: `+40d`, `+0 x100`.
    pub fn host_under_clock(&self, clock: &str) -> Command {
        let mut command = Command::new(program("faketime"));
        command.args(["-f", clock]).arg(binary());
        self.in_project(command)
    }

    fn in_project(&self, mut command: Command) -> Command {
        command.env_clear().env("PATH", START_OF_PATH).current_dir(self.root());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Sends bytes as they are and waits for the host's end.
    pub fn send(&self, input: &[u8]) -> Answers {
        Self::converse(&mut self.host(), input)
    }

    /// Sends bytes to a host and waits for its end.
    pub fn converse(command: &mut Command, input: &[u8]) -> Answers {
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // Written aside: a host that answers meanwhile must not wait for us, nor we for it.
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        let _ = writer.join().unwrap();
        let stdout = String::from_utf8(output.stdout).expect("stdout is UTF-8");
        let envelopes = stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            })
            .collect();
        let stderr = String::from_utf8(output.stderr).expect("stderr is UTF-8");
        Answers { envelopes, stdout, stderr, status: output.status.code() }
    }

    /// Sends one request and returns its envelope.
    pub fn ask(&self, request: &Value) -> Value {
        let mut answers = self.send(format!("{request}\n").as_bytes());
        assert_eq!(answers.envelopes.len(), 1, "{answers:?}");
        answers.envelopes.remove(0)
    }

    /// Sends a request that must succeed and returns its result.
    pub fn succeed(&self, request: &Value) -> Value {
        let envelope = self.ask(request);
        assert_eq!(envelope["status"], "success", "{envelope:#}");
        envelope["result"].clone()
    }

    /// Sends a request that must fail with a code and returns its envelope.
    pub fn fail(&self, request: &Value, code: &str) -> Value {
        let envelope = self.ask(request);
        assert_eq!(envelope["status"], "error", "{envelope:#}");
        assert_eq!(envelope["code"], code, "{envelope:#}");
        envelope
    }

    /// Makes a backup and returns its result.
    pub fn create(&self, environment: &str) -> Value {
        self.succeed(
            &json!({"operation": "create-backup", "parameters": {"environment": environment}}),
        )
    }
}
