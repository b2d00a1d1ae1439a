//! From an environment's variable to its database.

use std::path::PathBuf;

use super::prisma::{MissingFile, PrismaProject, sqlite_file};
use super::{Project, Surroundings, dotenv};
use crate::configuration::{EnvironmentSettings, HandlerChoice};
use crate::database::{
    DatabaseTarget, ParsedUrl, ServerDatabase, ServerEngine, ServerUrl, SqliteDatabase,
    secrets_of_query,
};
use crate::error::Error;
use crate::redaction::Redactor;
use crate::secret::Secret;

/// Variables from which the clients take a password that the URL does not say.
const PASSWORD_VARIABLES: [&str; 2] = ["PGPASSWORD", "MYSQL_PWD"];

/// What an environment's URL leads to.
#[derive(Debug)]
pub struct ResolvedDatabase {
    /// The database.
    pub target: DatabaseTarget,
    /// What the caller should know.
    pub warnings: Vec<String>,
}

impl Project {
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
        self.find(surroundings, environment, variable, MissingFile::IsAnError, redactor)
    }

    /// Finds the database of an environment that is to be restored: its file may be missing.
    ///
    /// # Errors
    /// The variable is not set, or leads to nothing that can be restored.
    pub fn database_to_restore(
        &self,
        surroundings: &Surroundings<'_>,
        environment: &EnvironmentSettings<'_>,
        redactor: &mut Redactor,
    ) -> Result<ResolvedDatabase, Error> {
        self.find(surroundings, environment, None, MissingFile::IsToBeMade, redactor)
    }

    fn find(
        &self,
        surroundings: &Surroundings<'_>,
        environment: &EnvironmentSettings<'_>,
        variable: Option<&str>,
        missing: MissingFile,
        redactor: &mut Redactor,
    ) -> Result<ResolvedDatabase, Error> {
        let variable = match variable {
            Some(variable) => variable,
            None => environment.url_variable()?,
        };
        let mut search = Search {
            project: self,
            surroundings,
            environment,
            variable,
            missing,
            prisma: PrismaProject::read(&self.root),
            redactor,
            warnings: Vec::new(),
        };
        let target = search.target()?;
        Ok(ResolvedDatabase { target, warnings: search.warnings })
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
}

/// The search for one database.
struct Search<'a> {
    project: &'a Project,
    surroundings: &'a Surroundings<'a>,
    environment: &'a EnvironmentSettings<'a>,
    variable: &'a str,
    missing: MissingFile,
    prisma: PrismaProject,
    redactor: &'a mut Redactor,
    warnings: Vec<String>,
}

impl Search<'_> {
    fn target(&mut self) -> Result<DatabaseTarget, Error> {
        let url = self.value(self.variable)?;
        let parsed = self.parse(&url)?;
        match self.environment.handler(parsed.is_local())? {
            HandlerChoice::PrismaLocal { instead_of_snapshots: false } => {}
            HandlerChoice::PrismaLocal { instead_of_snapshots: true } => self.warnings.push(format!(
                "Snapshots are configured, but the database of {} is on this machine: its native tools are used",
                self.environment.name
            )),
            choice => return Err(unsupported_choice(choice)),
        }
        match parsed {
            ParsedUrl::Sqlite { path, .. } => {
                let root = &self.project.root;
                let folders = &self.prisma.folders;
                let path = sqlite_file(root, folders, &path, self.variable, self.missing)?;
                Ok(DatabaseTarget::Sqlite(SqliteDatabase { path }))
            }
            ParsedUrl::Server(own) => self.server(own, &url),
        }
    }

    /// The value of a variable, from the surroundings, else from the project's `.env`.
    fn value(&self, variable: &str) -> Result<Secret, Error> {
        let value = (self.surroundings.variable)(variable).filter(|value| !value.is_empty());
        match value {
            Some(value) => Ok(Secret::new(value)),
            None => dotenv::variable(&self.project.root.join(".env"), variable),
        }
    }

    /// Reads a URL and has its secrets learnt, also where it cannot be read.
    fn parse(&mut self, url: &Secret) -> Result<ParsedUrl, Error> {
        let text = url.expose_secret();
        self.redactor.learn_url(text);
        if let Some((_, query)) = text.split_once('?') {
            for secret in secrets_of_query(query) {
                self.redactor.learn(secret.expose_secret());
            }
        }
        // Version 8 of Prisma has no URL for SQLite, but a path.
        let is_a_path = self.prisma.sqlite_path.as_deref() == Some(self.variable)
            && !text.trim().split('/').next().unwrap_or_default().contains(':');
        let parsed =
            if is_a_path { ParsedUrl::sqlite(text.trim())? } else { ParsedUrl::parse(text)? };
        for secret in parsed.secrets() {
            self.redactor.learn(secret);
        }
        Ok(parsed)
    }

    fn server(&mut self, own: ServerUrl, own_text: &Secret) -> Result<DatabaseTarget, Error> {
        let datasource = &self.prisma.datasource;
        if self.prisma.is_of(self.variable) && datasource.provider.as_deref() == Some("cockroachdb")
        {
            return Err(Error::UnsupportedDatabase { what: "cockroachdb databases".to_owned() });
        }
        for variable in PASSWORD_VARIABLES {
            if let Some(password) = (self.surroundings.variable)(variable) {
                self.redactor.learn(&password);
            }
        }
        let engine = own.engine;
        let direct = self.direct(&own, own_text)?;
        let (connection, pooled, direct_variable) = match direct {
            Some((direct, variable)) => (direct, Some(own), Some(variable)),
            None => (own, None, None),
        };
        let database = ServerDatabase {
            connection: self.placed(connection),
            pooled: pooled.map(|url| self.placed(url)),
            variable: self.variable.to_owned(),
            direct_variable,
        };
        if database.connection.has_only_prismas_identity() {
            self.warnings.push(format!(
                "The dump tools cannot read the PKCS #12 file of sslidentity in {}; where the server asks for a client certificate, add sslcert and sslkey",
                database.connection_variable()
            ));
        }
        Ok(match engine {
            ServerEngine::Postgres => DatabaseTarget::Postgres(database),
            ServerEngine::MySql => DatabaseTarget::MySql(database),
        })
    }

    /// The direct URL with its variable: only the environment's own, and only for the same database.
    fn direct(
        &mut self,
        own: &ServerUrl,
        own_text: &Secret,
    ) -> Result<Option<(ServerUrl, String)>, Error> {
        // Somebody's variable in a handler's request has no direct one.
        if self.environment.url_variable().ok() != Some(self.variable) {
            return Ok(None);
        }
        let configured = self.environment.direct_url_variable();
        let in_prisma = self
            .prisma
            .datasource
            .direct_url
            .as_deref()
            .filter(|_| self.prisma.is_of(self.variable));
        let Some(variable) = configured.or(in_prisma).filter(|name| *name != self.variable) else {
            return Ok(None);
        };
        let variable = variable.to_owned();
        let url = match self.value(&variable) {
            Ok(url) => url,
            Err(Error::DatabaseUrlMissing { .. }) => {
                if configured.is_some() {
                    self.warnings.push(format!(
                        "{variable} is not set: the database of {} is read through {}",
                        self.environment.name, self.variable
                    ));
                }
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if url == *own_text {
            return Ok(None);
        }
        let direct = match self.parse(&url) {
            Ok(ParsedUrl::Server(direct)) if direct.names_the_same_database(own) => direct,
            Ok(_) => {
                let detail = format!(
                    "leads to another database than {}: both must name the same engine and database",
                    self.variable
                );
                return Err(self.wrong_direct(variable, detail));
            }
            Err(Error::UnsupportedDatabase { what }) => {
                return Err(self.wrong_direct(variable, what));
            }
            Err(error) => return Err(error),
        };
        Ok(Some((direct, variable)))
    }

    fn wrong_direct(&self, variable: String, detail: String) -> Error {
        Error::ConfigInvalid { path: self.project.root.join(".env"), place: variable, detail }
    }

    /// The URL with the paths of its certificates made absolute.
    fn placed(&self, mut url: ServerUrl) -> ServerUrl {
        url.place_files(|path| self.prisma.certificate(&self.project.root, path));
        url
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

#[cfg(test)]
mod tests;
