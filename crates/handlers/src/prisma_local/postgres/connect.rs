//! Reaching a server: the tools, the session, and whether it is the server itself that answers.

use std::path::Path;
use std::sync::Arc;

use backup_core::{
    ClientPackage, Error, Interrupt, LibpqEnvironment, Secret, ServerDatabase, ServerUrl,
    ToolSettings,
};

use super::service_file::ServiceFile;
use super::session::{Session, SessionEnd, plain_words};
use super::words;
use crate::process::{Launcher, ToolCommand};
use crate::tools::{Family, Tool, ToolName, Version, find_all, newest};

pub(super) const PSQL: ToolName =
    ToolName { programs: &["psql"], spoken: "psql", client: ClientPackage::Postgres };
pub(super) const PG_DUMP: ToolName =
    ToolName { programs: &["pg_dump"], spoken: "pg_dump", client: ClientPackage::Postgres };

/// How long connecting may take unless the URL says otherwise, in seconds.
const CONNECT_TIMEOUT: (&str, &str) = ("PGCONNECT_TIMEOUT", "15");
/// Where systems keep the authorities that they trust: Debian and Alpine, Red Hat, BSD and macOS.
const SYSTEM_AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
/// The name by which a database's administrator knows our sessions.
pub(super) const APPLICATION_NAME: &str = "backup-manager";

/// A server that answers.
#[derive(Debug)]
pub(super) struct Reached {
    pub session: Session,
    pub psql: Tool,
    /// Every usable `pg_dump`.
    pub dump_tools: Vec<Tool>,
    pub version: Version,
    /// The product and version as the server tells them.
    pub server: String,
    pub is_standby: bool,
    /// The encoding of the database, which the dump has too: no name or value is lost in another one.
    pub encoding: String,
    pub warnings: Vec<String>,
}

/// Where a URL leads, as the client library is told.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub environment: LibpqEnvironment,
    service: Option<Arc<ServiceFile>>,
}

impl Place {
    fn of(url: &ServerUrl) -> Result<Self, Error> {
        let environment = url.libpq_environment();
        let service = match environment.service.as_slice() {
            [] => None,
            parameters => Some(Arc::new(ServiceFile::write(parameters)?)),
        };
        Ok(Self { environment, service })
    }
}

/// What reaching a server takes.
#[derive(Clone, Debug)]
pub(super) struct Reaching {
    pub database: ServerDatabase,
    /// Where the dump comes from.
    pub connection: Place,
    pub settings: ToolSettings,
    pub launcher: Launcher,
    pub interrupt: Interrupt,
}

impl Reaching {
    pub(super) fn new(
        database: &ServerDatabase,
        settings: &ToolSettings,
        launcher: &Launcher,
        interrupt: &Interrupt,
    ) -> Result<Self, Error> {
        Ok(Self {
            connection: Place::of(&database.connection)?,
            database: database.clone(),
            settings: settings.clone(),
            launcher: launcher.clone(),
            interrupt: interrupt.clone(),
        })
    }

    /// Finds the tools, connects, and makes the session fit for a backup.
    pub(super) fn reach(&self) -> Result<Reached, Error> {
        let dump_tools = find_all(PG_DUMP, &self.settings, &self.launcher, &self.interrupt)?;
        let psql = newest(find_all(PSQL, &self.settings, &self.launcher, &self.interrupt)?)?;
        let mut session = self.open(&psql, &self.connection)?;
        self.refuse_pooler(&psql, &mut session)?;
        let warnings = self.same_database(&psql, &mut session)?;
        let reached = prepare(&mut session).map_err(|end| self.failed(end))?;
        let [number, version, standby] = reached;
        let encoding = session.speak_as_stored().map_err(|end| self.failed(end))?;
        Ok(Reached {
            session,
            psql,
            dump_tools,
            version: version_of(&number),
            server: format!("{} {version}", Family::Postgres),
            is_standby: standby == "true",
            encoding,
            warnings,
        })
    }

    /// The command of a tool, connected as the environment's connection says.
    pub(super) fn command(&self, program: &Path) -> ToolCommand {
        self.command_to(program, &self.connection)
    }

    fn command_to(&self, program: &Path, place: &Place) -> ToolCommand {
        let mut command = ToolCommand::new(program).low_priority(self.settings.low_priority);
        for (name, value) in &place.environment.variables {
            command = command.variable(*name, value.clone());
        }
        if place.environment.variable("PGPASSWORD").is_none() {
            command = command.inherited_variable("PGPASSWORD");
        }
        for (name, value) in &place.environment.defaults {
            if let Some(value) = default_value(name, value) {
                command = command.default_variable(name, value);
            }
        }
        let (name, seconds) = CONNECT_TIMEOUT;
        command = command
            .default_variable(name, Secret::new(seconds.to_owned()))
            .variable("PGAPPNAME", Secret::new(APPLICATION_NAME.to_owned()));
        match &place.service {
            Some(service) => service.tell(command),
            None => command,
        }
    }

    /// The command of a tool, connected to another database of the same server, its sessions with options of their
    /// own beside those of the URL.
    pub(super) fn command_in(&self, program: &Path, database: &str, options: &str) -> ToolCommand {
        let own = self.connection.environment.variable("PGOPTIONS");
        let own = own.map(|own| format!("{} ", own.expose_secret())).unwrap_or_default();
        self.command(program)
            .variable("PGDATABASE", Secret::new(database.to_owned()))
            .variable("PGOPTIONS", Secret::new(format!("{own}{options}")))
    }

    /// A session in another database of the same server, fit to read everything there.
    pub(super) fn open_in(
        &self,
        psql: &Tool,
        database: &str,
        options: &str,
    ) -> Result<Session, Error> {
        let command = self.command_in(&psql.path, database, options);
        let opened = Session::open(&command, &self.launcher, self.settings.stall, &self.interrupt);
        let prepared = opened.and_then(|mut session| {
            prepare(&mut session)?;
            session.speak_as_stored()?;
            Ok(session)
        });
        prepared.map_err(|end| self.failed(end))
    }

    /// Another session in the same place, fit to read everything there.
    pub(super) fn open_same(&self, psql: &Tool) -> Result<Session, Error> {
        let mut session = self.open(psql, &self.connection)?;
        let prepared = prepare(&mut session).and_then(|_| session.speak_as_stored());
        prepared.map_err(|end| self.failed(end))?;
        Ok(session)
    }

    fn open(&self, psql: &Tool, place: &Place) -> Result<Session, Error> {
        let command = self.command_to(&psql.path, place);
        Session::open(&command, &self.launcher, self.settings.stall, &self.interrupt)
            .map_err(|end| self.failed(end))
    }

    /// The error of a session that ended.
    pub(super) fn failed(&self, end: SessionEnd) -> Error {
        end.into_error(plain_words, |words| {
            words::disturbed(&words).unwrap_or_else(|| self.unreachable(words))
        })
    }

    pub(super) fn unreachable(&self, detail: String) -> Error {
        let test_command = format!("psql ${}", self.database.connection_variable());
        Error::ConnectionFailed { detail, test_command }
    }

    /// A pooler gives every transaction any session: what a dump sets in one it would miss in the next. Two
    /// sessions that share a server process, or one that changes it, tell.
    fn refuse_pooler(&self, psql: &Tool, first: &mut Session) -> Result<(), Error> {
        let process = "SELECT pg_catalog.pg_backend_pid()";
        let [before] = first.row(process).map_err(|end| self.failed(end))?;
        let mut second = self.open(psql, &self.connection)?;
        let begun = second.run("BEGIN").and_then(|()| second.row::<1>(process));
        let [other] = match begun {
            Ok(row) => row,
            Err(SessionEnd::Ended(end)) if end.words.contains("statement pooling") => {
                return Err(Error::Pooled { mode: "statement" });
            }
            Err(end) => return Err(self.failed(end)),
        };
        let [after] = first.row(process).map_err(|end| self.failed(end))?;
        if other == before || after != before {
            return Err(Error::Pooled { mode: "transaction" });
        }
        Ok(())
    }

    /// A direct URL that leads to another database than the environment's own would back up the wrong one.
    fn same_database(&self, psql: &Tool, direct: &mut Session) -> Result<Vec<String>, Error> {
        let Some(pooled) = &self.database.pooled else { return Ok(Vec::new()) };
        let here = identity(direct).map_err(|end| self.failed(end))?;
        let pooled = Place::of(pooled)?;
        let there = self
            .open(psql, &pooled)
            .and_then(|mut session| identity(&mut session).map_err(|end| self.failed(end)));
        match there {
            Ok(there) if is_same(&here, &there) => Ok(Vec::new()),
            Ok(_) => Err(Error::DirectUrlElsewhere {
                direct_variable: self.database.connection_variable().to_owned(),
                variable: self.database.variable.clone(),
            }),
            Err(Error::Interrupted) => Err(Error::Interrupted),
            Err(_) => Ok(vec![format!(
                "${} could not be reached, so that it and the direct URL could not be compared on the server; both name the same database",
                self.database.variable
            )]),
        }
    }
}

/// The value of a variable that is set where nobody else sets it. The authorities that the system trusts are
/// named by their file: older libraries do not know the word `system`, and libpq's own file comes first.
fn default_value(name: &str, value: &Secret) -> Option<Secret> {
    if (name, value.expose_secret()) != ("PGSSLROOTCERT", "system") {
        return Some(value.clone());
    }
    let own = std::env::home_dir().map(|home| home.join(".postgresql/root.crt"));
    if own.is_some_and(|own| own.exists()) {
        return None;
    }
    let bundle = SYSTEM_AUTHORITIES.iter().find(|path| Path::new(path).exists());
    Some(bundle.map_or_else(|| value.clone(), |path| Secret::new((*path).to_owned())))
}

/// What tells a database from every other, as the server knows it.
fn identity(session: &mut Session) -> Result<[String; 2], SessionEnd> {
    let [database, allowed] = session.row(
        "SELECT d.oid::text || ' ' || d.datname, \
         pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')::text \
         FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()",
    )?;
    if allowed != "true" {
        return Ok([database, String::new()]);
    }
    let [system] =
        session.row("SELECT system_identifier::text FROM pg_catalog.pg_control_system()")?;
    Ok([database, system])
}

/// Whether both are the same database, as far as both know which one they are.
fn is_same(here: &[String; 2], there: &[String; 2]) -> bool {
    let [here, here_system] = here;
    let [there, there_system] = there;
    let unknown = here_system.is_empty() || there_system.is_empty();
    here == there && (unknown || here_system == there_system)
}

/// Sees to it that nothing is hidden from the session and that nothing ends it early.
pub(super) fn prepare(session: &mut Session) -> Result<[String; 3], SessionEnd> {
    session.run(
        "SET client_min_messages = warning; SET search_path = pg_catalog; \
         SET row_security = off; SET standard_conforming_strings = on; \
         SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings \
         WHERE name IN ('statement_timeout', 'lock_timeout', 'transaction_timeout', \
         'idle_in_transaction_session_timeout', 'idle_session_timeout')",
    )?;
    // Where the server can, it notices when this program is killed, and frees the lock in the midst of a query.
    session.run(
        "SELECT pg_catalog.set_config(name, '1s', false) FROM pg_catalog.pg_settings \
         WHERE name = 'client_connection_check_interval'",
    )?;
    session.row(
        "SELECT pg_catalog.current_setting('server_version_num'), \
         pg_catalog.current_setting('server_version'), pg_catalog.pg_is_in_recovery()::text",
    )
}

/// The version in the number that servers tell: 150018 is 15.18, 90624 is 9.6.24.
fn version_of(number: &str) -> Version {
    let number: u32 = number.parse().unwrap_or_default();
    if number >= 100_000 {
        return Version { major: number / 10_000, minor: number % 10_000, patch: 0 };
    }
    Version { major: number / 10_000, minor: number / 100 % 100, patch: number % 100 }
}
