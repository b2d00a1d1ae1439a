//! The project: its root, its configuration, its variables, its database.

mod dotenv;
mod prisma;
mod root;

use std::path::{Path, PathBuf};

use crate::configuration::{Configuration, EnvironmentSettings, HandlerChoice};
use crate::database::{
    DatabaseTarget, ParsedUrl, ServerDatabase, ServerEngine, ServerUrl, SqliteDatabase,
};
use crate::error::Error;
use crate::redaction::Redactor;
use crate::secret::Secret;
use crate::storage::Location;

pub use root::Surroundings;

/// Where the plugin keeps its things, under the root.
pub const PLUGIN_FOLDER: &str = ".fractary/plugins/faber-db";

/// A project whose configuration was read.
#[derive(Debug)]
pub struct Project {
    /// The root, absolute and with links resolved.
    pub root: PathBuf,
    /// The configuration's file.
    pub configuration_path: PathBuf,
    /// The configuration.
    pub configuration: Configuration,
}

/// What an environment's URL leads to.
#[derive(Debug)]
pub struct ResolvedDatabase {
    /// The database.
    pub target: DatabaseTarget,
    /// What the caller should know.
    pub warnings: Vec<String>,
}

impl Project {
    /// Finds and reads the project that `working_directory` is in.
    ///
    /// # Errors
    /// There is no such folder, no configuration, or one with a mistake.
    pub fn open(
        surroundings: &Surroundings<'_>,
        working_directory: Option<&str>,
    ) -> Result<Self, Error> {
        let (root, configuration_path) = root::find(surroundings, working_directory)?;
        let text = match std::fs::read_to_string(&configuration_path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::ConfigNotFound { expected: configuration_path });
            }
            Err(error) => return Err(Error::storage("read", &configuration_path, error)),
        };
        let configuration = Configuration::parse(&text, &configuration_path)?;
        Ok(Self { root, configuration_path, configuration })
    }

    /// The settings of an environment.
    ///
    /// # Errors
    /// There is no such environment.
    pub fn environment(&self, given: &str) -> Result<EnvironmentSettings<'_>, Error> {
        self.configuration.environment(given, &self.configuration_path)
    }

    /// The folder of the catalogue, the locks and, unless configured otherwise, the backups.
    pub fn state_folder(&self) -> PathBuf {
        self.root.join(PLUGIN_FOLDER).join("backups")
    }

    /// Where the artifacts are kept.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] where that is not a local folder.
    pub fn location(&self) -> Result<Location, Error> {
        Location::resolve(self)
    }

    /// What tells this project from others that keep their backups at the same location: its git
    /// remote, else its root.
    pub fn identity(&self) -> String {
        match root::git_remote(&self.root) {
            Some(remote) => crate::digest::of_parts(["remote", &remote]),
            None => crate::digest::of_parts(["root", &self.root.to_string_lossy()]),
        }
    }

    /// A path as answers and records show it: relative to the root where it lies inside.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// Finds the database of an environment and teaches the redactor what is secret about it.
    ///
    /// # Errors
    /// The variable is not set, or leads to nothing that can be backed up.
    pub fn database(
        &self,
        surroundings: &Surroundings<'_>,
        environment: &EnvironmentSettings<'_>,
        variable: Option<&str>,
        redactor: &mut Redactor,
    ) -> Result<ResolvedDatabase, Error> {
        let variable = match variable {
            Some(variable) => variable,
            None => environment.url_variable()?,
        };
        let url = self.variable(surroundings, variable)?;
        redactor.learn_url(url.expose_secret());
        let parsed = ParsedUrl::parse(url.expose_secret())?;
        for secret in parsed.secrets() {
            redactor.learn(secret);
        }
        let mut warnings = Vec::new();
        match environment.handler(parsed.is_local())? {
            HandlerChoice::PrismaLocal { instead_of_snapshots: false } => {}
            HandlerChoice::PrismaLocal { instead_of_snapshots: true } => warnings.push(format!(
                "Snapshots are configured, but the database of {} is on this machine: its native tools are used",
                environment.name
            )),
            choice => return Err(unsupported_choice(choice)),
        }
        match parsed {
            ParsedUrl::Sqlite { path, .. } => {
                let path = prisma::sqlite_file(&self.root, &path, variable)?;
                let target = DatabaseTarget::Sqlite(SqliteDatabase { path });
                Ok(ResolvedDatabase { target, warnings })
            }
            ParsedUrl::Server(url) => {
                Ok(ResolvedDatabase { target: server(url, variable), warnings })
            }
        }
    }

    /// The files of the configured environments' live databases, as far as they can be found.
    pub fn live_databases(&self, surroundings: &Surroundings<'_>) -> Vec<PathBuf> {
        let names = self.configuration.environments.keys();
        names
            .filter_map(|name| {
                let environment = self.environment(name).ok()?;
                let mut redactor = Redactor::default();
                let found = self.database(surroundings, &environment, None, &mut redactor).ok()?;
                match found.target {
                    DatabaseTarget::Sqlite(database) => Some(database.path),
                    DatabaseTarget::Postgres(_) | DatabaseTarget::MySql(_) => None,
                }
            })
            .collect()
    }

    fn variable(&self, surroundings: &Surroundings<'_>, variable: &str) -> Result<Secret, Error> {
        if let Some(value) = (surroundings.variable)(variable).filter(|value| !value.is_empty()) {
            return Ok(Secret::new(value));
        }
        dotenv::variable(&self.root.join(".env"), variable)
    }
}

fn server(connection: ServerUrl, variable: &str) -> DatabaseTarget {
    let engine = connection.engine;
    let variable = variable.to_owned();
    let database = ServerDatabase { connection, pooled: None, variable, direct_variable: None };
    match engine {
        ServerEngine::Postgres => DatabaseTarget::Postgres(database),
        ServerEngine::MySql => DatabaseTarget::MySql(database),
    }
}

fn unsupported_choice(choice: HandlerChoice) -> Error {
    let what = match choice {
        HandlerChoice::AwsInstance => "RDS instance snapshots",
        HandlerChoice::AwsCluster => "Aurora cluster snapshots",
        HandlerChoice::GcpSql => "Cloud SQL backups",
        HandlerChoice::PrismaLocal { .. } => "native dumps",
    };
    Error::UnsupportedDatabase { what: format!("this version does not make {what}") }
}
