//! A PostgreSQL server for the tests.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::address::Address;
use super::client::{Session, fed, finished, succeed};
use super::folder::ServerFolder;
use super::process::{self, ServerProcess, Start, loopback_addresses};
use super::programs::{postgres_server, program};
use super::tls::{Certificate, TlsFiles};
use super::{PASSWORD, rows, unused_name};

/// The superuser. Only this one needs no password at the socket.
const SUPERUSER: &str = "postgres";

/// Little memory, and nothing waits for the disk: what a process wrote survives its crash all the same.
const SETTINGS: [(&str, &str); 10] = [
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("shared_buffers", "16MB"),
    ("max_connections", "60"),
    ("max_locks_per_transaction", "256"),
    ("max_wal_size", "2GB"),
    ("jit", "off"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("lc_messages", "C"),
];

/// How a server differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    version: Option<u16>,
    settings: Vec<(String, String)>,
    access: Vec<String>,
    certificate: Option<Certificate>,
    only_tls: bool,
    client_certificates: bool,
    icu: bool,
}

impl PostgresOptions {
    /// With ICU as the provider of collations, unless a database says otherwise.
    #[must_use]
    pub fn icu(mut self) -> Self {
        self.icu = true;
        self
    }

    /// Of the version that `scripts/test` fetches, for the server only: the clients stay the system's.
    #[must_use]
    pub fn version(mut self, version: u16) -> Self {
        self.version = Some(version);
        self
    }

    /// With a line of `postgresql.conf`; the last one of a name holds.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a line of `pg_hba.conf` before the usual ones.
    #[must_use]
    pub fn access(mut self, line: &str) -> Self {
        self.access.push(line.to_owned());
        self
    }

    /// With TLS, where the client wants it.
    #[must_use]
    pub fn tls(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// With TLS, and nothing else over TCP.
    #[must_use]
    pub fn only_tls(mut self) -> Self {
        self.only_tls = true;
        self
    }

    /// Over TCP a certificate that names the user takes the place of the password.
    #[must_use]
    pub fn client_certificates(mut self) -> Self {
        self.client_certificates = true;
        self.only_tls()
    }

    fn configuration(&self) -> String {
        let mut text = String::new();
        let mut setting = |name: &str, value: &str| {
            writeln!(text, "{name} = '{}'", value.replace('\'', "''")).unwrap();
        };
        for (name, value) in SETTINGS {
            setting(name, value);
        }
        setting("listen_addresses", &loopback_addresses());
        if self.certificate.is_some() {
            setting("ssl", "on");
            setting("ssl_cert_file", "../server.crt");
            setting("ssl_key_file", "../server.key");
            setting("ssl_ca_file", "../authority.crt");
        }
        for (name, value) in &self.settings {
            setting(name, value);
        }
        text
    }

    fn access_rules(&self) -> String {
        let kind = if self.only_tls { "hostssl" } else { "host" };
        let method = if self.client_certificates { "cert" } else { "scram-sha-256" };
        let mut lines = self.access.clone();
        lines.push(format!("local all {SUPERUSER} trust"));
        lines.push(format!("local replication {SUPERUSER} trust"));
        lines.push("local all all scram-sha-256".to_owned());
        for what in ["all", "replication"] {
            lines.push(format!("{kind} {what} all 127.0.0.1/32 {method}"));
            lines.push(format!("{kind} {what} all ::1/128 {method}"));
        }
        lines.join("\n") + "\n"
    }
}

/// A running server.
#[derive(Debug)]
pub struct PostgresServer {
    // Before the folder: what runs in it must have ended when it goes.
    process: Mutex<Option<ServerProcess>>,
    programs: PathBuf,
    port: u16,
    tls: Option<TlsFiles>,
    folder: ServerFolder,
}

impl PostgresServer {
    /// The server that the tests of this program share, each with databases of its own; started by the
    /// first test that needs it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::start_own(&PostgresOptions::default()))
    }

    /// Starts one for a test that stops or reconfigures it, or that looks at all that is on it.
    pub fn start_own(options: &PostgresOptions) -> Self {
        let folder = ServerFolder::new();
        let programs = postgres_server(options.version);
        let programs = folder.reachable(&programs);
        let password = folder.write("password", PASSWORD);
        let mut initdb = folder.command(&programs.join("initdb"));
        initdb
            .args(["--pgdata=data", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
            .args(["--auth=scram-sha-256", "--username", SUPERUSER, "--pwfile"])
            .arg(password);
        if options.icu {
            initdb.args(["--locale-provider=icu", "--icu-locale=en"]);
        }
        succeed(&mut initdb);
        let tls = options.certificate.map(|certificate| TlsFiles::install(&folder, certificate));
        folder.write("data/postgresql.conf", &options.configuration());
        folder.write("data/pg_hba.conf", &options.access_rules());
        Self::begin(folder, programs, tls)
    }

    /// Starts a server whose data folder is complete.
    fn begin(folder: ServerFolder, programs: PathBuf, tls: Option<TlsFiles>) -> Self {
        let (process, port) =
            start(&folder).at_a_free_port(|port| command(&folder, &programs, port));
        Self { process: Mutex::new(Some(process)), programs, port, tls, folder }
    }

    /// Starts a streaming standby of this server. Both live on their own.
    #[must_use]
    pub fn standby(&self) -> Self {
        let folder = ServerFolder::new();
        let mut copy = folder.command(&program("pg_basebackup"));
        copy.args(["--pgdata=data", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
            .env("PGHOST", self.folder.path())
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", SUPERUSER);
        succeed(&mut copy);
        if self.tls.is_some() {
            for name in ["server.crt", "server.key", "authority.crt"] {
                folder.write(name, &std::fs::read_to_string(self.folder.join(name)).unwrap());
            }
        }
        Self::begin(folder, self.programs.clone(), None)
    }

    /// Waits until a standby of this server has all that was written so far.
    pub fn wait_for_standby(&self, standby: &Self) {
        let written = self.value("postgres", "SELECT pg_current_wal_lsn()");
        let question = format!("SELECT pg_last_wal_replay_lsn() >= '{written}'");
        crate::live_host::wait_until("the standby follows", || {
            standby.value("postgres", &question) == "t"
        });
    }

    /// Makes an empty database; its name may be anything.
    pub fn create_database(&self, name: &str) {
        self.sql("postgres", &format!("CREATE DATABASE {} TEMPLATE template0", identifier(name)));
    }

    /// Makes a role that may log in; `options` as in `CREATE ROLE`, such as `CREATEDB`.
    pub fn create_role(&self, name: &str, password: &str, options: &str) {
        let (name, password) = (identifier(name), literal(password));
        self.sql("postgres", &format!("CREATE ROLE {name} LOGIN PASSWORD {password} {options}"));
    }

    /// Makes an empty database with a name that no other has, and returns the name.
    pub fn new_database(&self, about: &str) -> String {
        let name = unused_name(about);
        self.create_database(&name);
        name
    }

    /// Runs statements as superuser, as `psql` reads them, and returns what it printed or complained of.
    pub fn try_sql(&self, database: &str, text: &str) -> Result<String, String> {
        self.read(database, text, &["--tuples-only", "--no-align"])
    }

    /// Runs statements that must succeed.
    pub fn sql(&self, database: &str, text: &str) -> String {
        self.try_sql(database, text).unwrap_or_else(|words| panic!("{words}\n{text:.400}"))
    }

    /// Runs statements as superuser and returns the rows; nulls are `None`.
    pub fn query(&self, database: &str, text: &str) -> Vec<Vec<Option<String>>> {
        let null = format!("null={}", rows::NULL);
        let printed = self.read(database, text, &["--csv", "--tuples-only", "--pset", &null]);
        rows::parse(&printed.unwrap_or_else(|words| panic!("{text}: {words}")))
    }

    /// The first value that a query returns, as text.
    pub fn value(&self, database: &str, text: &str) -> String {
        let mut rows = self.query(database, text);
        assert!(!rows.is_empty(), "no row: {text}");
        rows.remove(0).remove(0).unwrap_or_default()
    }

    /// A connection that stays open between two texts: to hold a lock, a snapshot, a transaction.
    pub fn session(&self, database: &str) -> Session {
        self.session_of(database, SUPERUSER, "")
    }

    /// The same, of somebody else.
    pub fn session_of(&self, database: &str, role: &str, password: &str) -> Session {
        let mut psql = self.client("psql", database);
        psql.env("PGUSER", role).env("PGPASSWORD", password);
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]);
        Session::start(psql, |mark| format!("\n;\\echo {mark}\n"))
    }

    /// The URL of a database for the superuser, who has a password full of metacharacters.
    pub fn url(&self, database: &str) -> String {
        self.address(database).to_string()
    }

    /// The URL of a database for somebody, with parameters.
    pub fn url_with(
        &self,
        user: &str,
        password: &str,
        database: &str,
        parameters: &[(&str, &str)],
    ) -> String {
        let address = self.address(database).user(user, password);
        let add = |address: Address, (name, value): &(&str, &str)| address.parameter(name, value);
        parameters.iter().fold(address, add).to_string()
    }

    /// The address of a database for the superuser, to be changed.
    pub fn address(&self, database: &str) -> Address {
        let socket = self.socket_folder().display().to_string();
        Address::new("postgresql", self.port, database)
            .user(SUPERUSER, PASSWORD)
            .with_socket("host", socket)
    }

    /// The port, on every loopback address that the machine has.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the socket.
    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// The files that the clients of a server with TLS need.
    pub fn tls(&self) -> &TlsFiles {
        self.tls.as_ref().expect("the server was started with TLS")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        process::log(&self.folder)
    }

    /// The server's process, whose children serve one connection each.
    pub fn process(&self) -> u32 {
        process::server_process(&self.folder)
    }

    /// Stops it at once, as a crash would. Its data stays.
    pub fn stop_now(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(process) = process.take() {
            process.end("QUIT");
        }
    }

    /// Starts it again after a stop, at the same port.
    pub fn start_again(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(process.is_none(), "it runs");
        let server = command(&self.folder, &self.programs, self.port);
        *process = Some(start(&self.folder).again(&server));
    }

    /// A client program as superuser over the socket; names and secrets are not in its arguments.
    pub(super) fn client(&self, name: &str, database: &str) -> Command {
        let mut command = Command::new(program(name));
        command
            .env_clear()
            .envs([("PATH", crate::START_OF_PATH), ("LC_ALL", "C.UTF-8"), ("PGTZ", "UTC")])
            .env("PGHOST", self.folder.path())
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", SUPERUSER)
            .env("PGDATABASE", database)
            .stdin(Stdio::null());
        command
    }

    fn read(&self, database: &str, text: &str, arguments: &[&str]) -> Result<String, String> {
        let mut psql = self.client("psql", database);
        psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]).args(arguments);
        finished(&fed(&mut psql, text.as_bytes()))
    }
}

fn start(folder: &ServerFolder) -> Start<'_> {
    Start {
        folder,
        ending: "QUIT",
        is_ready: |words| words.contains("database system is ready to accept"),
    }
}

fn command(folder: &ServerFolder, programs: &Path, port: u16) -> Command {
    let mut server = Command::new(programs.join("postgres"));
    server.args(["-D", "data", "-p", &port.to_string(), "-k"]).arg(folder.path());
    server
}

/// A name as SQL spells it.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL spells it.
pub fn literal(text: &str) -> String {
    if text.contains('\\') {
        format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}
