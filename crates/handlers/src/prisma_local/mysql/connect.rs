//! Reaching a server: the client, the session, and the dump tool that fits.

use std::path::Path;

use backup_core::{
    ClientPackage, Error, Interrupt, MySqlEndpoint, MySqlTlsMode, Secret, ServerDatabase,
    ToolSettings,
};

use super::session::{Session, SessionEnd, plain_words};
use crate::process::{Launcher, ToolCommand};
use crate::tools::{Candidate, Family, Tool, ToolName, Version, Wanted, choose, find_all};

/// The command-line client, of either family.
const CLIENT: ToolName =
    ToolName { programs: &["mariadb", "mysql"], spoken: "mysql", client: ClientPackage::MySql };
/// The dump tool, of either family.
pub(super) const DUMP: ToolName = ToolName {
    programs: &["mariadb-dump", "mysqldump"],
    spoken: "mysqldump",
    client: ClientPackage::MySql,
};

/// How long connecting may take unless the URL says otherwise, in seconds.
const CONNECT_TIMEOUT_SECONDS: u32 = 15;
/// MariaDB's clients check the server's certificate by themselves since this version.
const MARIADB_VERIFIES_SINCE: Version = Version { major: 11, minor: 3, patch: 0 };

/// `mydumper` reads a file of settings of the system's since this version.
const MYDUMPER_READS_SETTINGS_SINCE: Version = Version { major: 0, minor: 12, patch: 0 };

/// A server that answers.
#[derive(Debug)]
pub(super) struct Reached {
    pub session: Session,
    /// The client that the server lets in.
    pub client: Tool,
    /// The dump tool that fits.
    pub tool: Tool,
    pub family: Family,
    pub version: Version,
    /// The product and version as the server tells them.
    pub server: String,
    pub warnings: Vec<String>,
}

/// What reaching a server takes.
#[derive(Clone, Debug)]
pub(super) struct Reaching {
    pub database: ServerDatabase,
    pub settings: ToolSettings,
    pub launcher: Launcher,
    pub interrupt: Interrupt,
}

impl Reaching {
    /// Finds the tools, connects, and makes the session last.
    pub(super) fn reach(&self) -> Result<Reached, Error> {
        let dump_tools = find_all(DUMP, &self.settings, &self.launcher, &self.interrupt)?;
        let clients = find_all(CLIENT, &self.settings, &self.launcher, &self.interrupt)?;
        let (mut session, client) = self.open_any(&clients)?;
        let [version] = session.row("SELECT VERSION()").map_err(|end| self.failed(end))?;
        self.refuse_plain(&mut session)?;
        let family = if version.contains("MariaDB") { Family::MariaDb } else { Family::MySql };
        let server = format!("{family} {version}");
        let number = Version::parse(version.strip_prefix("5.5.5-").unwrap_or(&version));
        let number = number.unwrap_or_default();
        self.refuse_limit(&mut session)?;
        prepare(&mut session, family, number).map_err(|end| self.failed(end))?;
        let candidates: Vec<Candidate> = dump_tools.iter().map(|tool| tool.candidate).collect();
        let wanted = Wanted { family, version: number };
        let tool = choose(wanted, &candidates).and_then(|place| dump_tools.get(place));
        let tool = tool.cloned().ok_or_else(|| mismatch(&candidates, &server, family))?;
        let warnings = other_tool_warning(tool.candidate, family, number).into_iter().collect();
        Ok(Reached { session, client, tool, family, version: number, server, warnings })
    }

    /// MariaDB's clients go on without encryption where the server has none, also where it is asked for.
    fn refuse_plain(&self, session: &mut Session) -> Result<(), Error> {
        let mode = self.database.connection.mysql_connection().tls.mode;
        if mode.is_none_or(|mode| mode < MySqlTlsMode::Required) {
            return Ok(());
        }
        let cipher: Result<[String; 2], SessionEnd> = session.row("SHOW STATUS LIKE 'Ssl_cipher'");
        let [_, cipher] = cipher.map_err(|end| self.failed(end))?;
        if cipher.is_empty() {
            let detail = "the URL asks for encryption, which the server does not offer";
            return Err(self.unreachable(detail.to_owned()));
        }
        Ok(())
    }

    /// A limit that the server sets for every session would leave out rows in the dump.
    fn refuse_limit(&self, session: &mut Session) -> Result<(), Error> {
        let [limit] =
            session.row("SELECT @@global.sql_select_limit").map_err(|end| self.failed(end))?;
        if limit == u64::MAX.to_string() {
            return Ok(());
        }
        Err(Error::UnsupportedDatabase {
            what: format!(
                "the server's sql_select_limit is {limit}: a dump would miss rows; set it to DEFAULT"
            ),
        })
    }

    /// Connects with the first client that can: not every one knows how every server wants to be spoken to.
    fn open_any(&self, clients: &[Tool]) -> Result<(Session, Tool), Error> {
        let database = &self.database.connection.database;
        let stall = self.settings.stall;
        let mut refused = None;
        for client in clients {
            let command = self.client_command(client);
            match Session::open(&command, database, &self.launcher, stall, &self.interrupt) {
                Ok(session) => return Ok((session, client.clone())),
                Err(SessionEnd::Ended(end)) if end.words.contains("Authentication plugin") => {
                    refused.get_or_insert(SessionEnd::Ended(end));
                }
                Err(end) => return Err(self.failed(end)),
            }
        }
        let nothing = || SessionEnd::fault("a search that succeeds finds a client");
        Err(self.failed(refused.unwrap_or_else(nothing)))
    }

    /// The command of the client.
    pub(super) fn client_command(&self, client: &Tool) -> ToolCommand {
        self.command(client.candidate, &client.path)
            .argument(format!("--connect-timeout={}", self.connect_timeout()))
    }

    /// A session in another database of the same server.
    pub(super) fn open_in(&self, reached: &Reached, database: &str) -> Result<Session, Error> {
        let command = self.client_command(&reached.client);
        let stall = self.settings.stall;
        let opened = Session::open(&command, database, &self.launcher, stall, &self.interrupt);
        let prepared = opened.and_then(|mut session| {
            prepare(&mut session, reached.family, reached.version)?;
            Ok(session)
        });
        prepared.map_err(|end| self.failed(end))
    }

    /// The command of `mydumper`, which takes some options by other names.
    pub(super) fn mydumper_command(&self, tool: &Tool) -> ToolCommand {
        let connection = self.database.connection.mysql_connection();
        // What a person's own option files say could connect elsewhere or leave something out.
        let mut command = ToolCommand::new(&tool.path)
            .low_priority(self.settings.low_priority)
            .variable("HOME", Secret::new("/nonexistent".to_owned()));
        if tool.candidate.version >= MYDUMPER_READS_SETTINGS_SINCE {
            command = command.argument("--defaults-file=/dev/null");
        }
        command = match connection.endpoint {
            MySqlEndpoint::Tcp { host, port } => {
                // Its library takes that name for a socket, and it has no option that says otherwise.
                let host = if host == "localhost" { "127.0.0.1" } else { host.as_str() };
                command.arguments([format!("--host={host}"), format!("--port={port}")])
            }
            MySqlEndpoint::Socket(path) => command.argument(format!("--socket={path}")),
        };
        command = command.arguments(connection.user.map(|user| format!("--user={user}")));
        command = with_password(command, connection.password);
        let files = [
            ("--ca", connection.tls.authorities),
            ("--cert", connection.tls.certificate),
            ("--key", connection.tls.key),
        ];
        let files = files.into_iter().filter_map(|(name, path)| Some(format!("{name}={}", path?)));
        let encrypted = connection.tls.mode.is_some_and(|mode| mode >= MySqlTlsMode::Required);
        command.arguments(encrypted.then_some("--ssl")).arguments(files)
    }

    /// The command of a tool, connected as the URL says, and by nothing else: what a person's own option files
    /// say could leave something out.
    pub(super) fn command(&self, tool: Candidate, program: &Path) -> ToolCommand {
        let connection = self.database.connection.mysql_connection();
        let mut command = ToolCommand::new(program)
            .low_priority(self.settings.low_priority)
            .argument("--no-defaults");
        command = match &connection.endpoint {
            MySqlEndpoint::Tcp { host, port } => command.arguments([
                "--protocol=TCP".to_owned(),
                format!("--host={host}"),
                format!("--port={port}"),
            ]),
            MySqlEndpoint::Socket(path) => {
                command.arguments(["--protocol=SOCKET".to_owned(), format!("--socket={path}")])
            }
        };
        if let Some(user) = &connection.user {
            command = command.argument(format!("--user={user}"));
        }
        // The login file is read even without defaults; it would win over the URL's password.
        let nowhere = Secret::new("/nonexistent".to_owned());
        command = command.variable("MYSQL_TEST_LOGIN_FILE", nowhere);
        command = with_password(command, connection.password);
        command.arguments(tls_arguments(&connection.tls, tool))
    }

    /// How long connecting may take, in seconds.
    pub(super) fn connect_timeout(&self) -> u32 {
        let connection = self.database.connection.mysql_connection();
        connection.connect_timeout.unwrap_or(CONNECT_TIMEOUT_SECONDS)
    }

    /// The error of a session that ended.
    pub(super) fn failed(&self, end: SessionEnd) -> Error {
        end.into_error(plain_words, |words| self.unreachable(words))
    }

    pub(super) fn unreachable(&self, detail: String) -> Error {
        let connection = self.database.connection.mysql_connection();
        let place = match connection.endpoint {
            MySqlEndpoint::Tcp { host, port } => format!("--host={host} --port={port}"),
            MySqlEndpoint::Socket(path) => format!("--socket={path}"),
        };
        let user = connection.user.map(|user| format!(" --user={user} -p")).unwrap_or_default();
        let test_command = format!("mysql {place}{user} {}", connection.database);
        Error::ConnectionFailed { detail, test_command }
    }
}

/// The URL's password, or else the one of this program's environment.
fn with_password(command: ToolCommand, password: Option<Secret>) -> ToolCommand {
    match password {
        Some(password) => command.variable("MYSQL_PWD", password),
        None => command.inherited_variable("MYSQL_PWD"),
    }
}

/// The options of encryption, which the two families spell differently.
fn tls_arguments(tls: &backup_core::MySqlTls, tool: Candidate) -> Vec<String> {
    // A client that is given authorities checks against them, whatever else it is told.
    let checks = tls.mode.is_none_or(|mode| mode >= MySqlTlsMode::VerifyCa);
    let authorities = if checks { &tls.authorities } else { &None };
    let files =
        [("--ssl-ca", authorities), ("--ssl-cert", &tls.certificate), ("--ssl-key", &tls.key)];
    let files =
        files.into_iter().filter_map(|(name, path)| Some(format!("{name}={}", path.as_ref()?)));
    let mode: &[&str] = match (tool.family, tls.mode) {
        (Family::MySql, None) => &["--ssl-mode=PREFERRED", "--get-server-public-key"],
        (Family::MySql, Some(mode)) => match mode {
            MySqlTlsMode::Disabled => &["--ssl-mode=DISABLED", "--get-server-public-key"],
            MySqlTlsMode::Preferred => &["--ssl-mode=PREFERRED", "--get-server-public-key"],
            MySqlTlsMode::Required => &["--ssl-mode=REQUIRED"],
            MySqlTlsMode::VerifyCa => &["--ssl-mode=VERIFY_CA"],
            MySqlTlsMode::VerifyIdentity => &["--ssl-mode=VERIFY_IDENTITY"],
        },
        (_, Some(MySqlTlsMode::Disabled)) => &["--skip-ssl"],
        // Encrypted where the server can; a certificate that nobody asked to check is not checked.
        (_, None | Some(MySqlTlsMode::Preferred)) if tool.version >= MARIADB_VERIFIES_SINCE => {
            &["--skip-ssl-verify-server-cert"]
        }
        (_, None | Some(MySqlTlsMode::Preferred)) => &[],
        (_, Some(MySqlTlsMode::Required)) => &["--ssl", "--skip-ssl-verify-server-cert"],
        // MariaDB's clients check both or nothing.
        (_, Some(MySqlTlsMode::VerifyCa | MySqlTlsMode::VerifyIdentity)) => {
            &["--ssl", "--ssl-verify-server-cert"]
        }
    };
    mode.iter().map(|&option| option.to_owned()).chain(files).collect()
}

/// Sees to it that nothing ends the session early, and that sizes are told as they are now.
fn prepare(session: &mut Session, family: Family, version: Version) -> Result<(), SessionEnd> {
    // In ANSI mode the server would quote names otherwise than they are read here.
    session.run("SET SESSION sql_mode = ''")?;
    session.run(
        "SET SESSION wait_timeout = 2147483, net_read_timeout = 86400, net_write_timeout = 86400",
    )?;
    match family {
        Family::MariaDb => session.run("SET SESSION max_statement_time = 0"),
        _ if version.major >= 8 => {
            session.run("SET SESSION max_execution_time = 0, information_schema_stats_expiry = 0")
        }
        _ => session.run("SET SESSION max_execution_time = 0"),
    }
}

fn mismatch(candidates: &[Candidate], server: &str, family: Family) -> Error {
    let newest = candidates.iter().map(|candidate| candidate.version).max();
    let client = match family {
        Family::MariaDb => ClientPackage::MariaDb,
        _ => ClientPackage::MySql,
    };
    Error::ToolVersionMismatch {
        tool: DUMP.spoken,
        tool_version: newest.unwrap_or_default().to_string(),
        server: server.to_owned(),
        package: client.package().to_owned(),
        client,
    }
}

/// A tool that was not made for this server.
fn other_tool_warning(tool: Candidate, family: Family, version: Version) -> Option<String> {
    let older = tool.version.series(tool.family) < version.series(family);
    let what = match (tool.family == family, older) {
        (true, false) => return None,
        (true, true) => format!("an older {family}"),
        (false, _) => tool.family.to_string(),
    };
    Some(format!(
        "The dump was made by the tool of {what} ({}); its objects were compared with the server's",
        tool.version
    ))
}
