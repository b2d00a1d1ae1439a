//! A MariaDB server for the tests.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::address::Address;
use super::client::{Session, fed, finished, succeed};
use super::folder::ServerFolder;
use super::process::{self, ServerProcess, Start, loopback_addresses};
use super::programs::program;
use super::tls::{Certificate, TlsFiles};
use super::{PASSWORD, unused_name};

/// The administrator.
const ROOT: &str = "root";

/// What the installation and the server are told: little memory, and nothing waits for the disk.
const SETTINGS: [&str; 11] = [
    "--debug-no-sync",
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=64M",
    "--innodb-flush-method=nosync",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-doublewrite=0",
    "--innodb-use-native-aio=0",
    "--aria-pagecache-buffer-size=8M",
    "--key-buffer-size=8M",
    "--character-set-server=utf8mb4",
    "--skip-name-resolve",
];

/// How a server differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct MariadbOptions {
    settings: Vec<String>,
    certificate: Option<Certificate>,
}

impl MariadbOptions {
    /// With an option of `mariadbd`, such as `--lower-case-table-names=1`.
    #[must_use]
    pub fn setting(mut self, option: &str) -> Self {
        self.settings.push(option.to_owned());
        self
    }

    /// With a binary log, and so with GTIDs.
    #[must_use]
    pub fn binary_log(self) -> Self {
        self.setting("--log-bin=binlog").setting("--server-id=1").setting("--sync-binlog=0")
    }

    /// With TLS, where the client wants it.
    #[must_use]
    pub fn tls(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// With TLS, and nothing else over TCP. For client certificates see `REQUIRE` in `create_user`.
    #[must_use]
    pub fn only_tls(self) -> Self {
        self.setting("--require-secure-transport=on")
    }
}

/// A running server.
#[derive(Debug)]
pub struct MariadbServer {
    // Before the folder: what runs in it must have ended when it goes.
    process: Mutex<Option<ServerProcess>>,
    options: MariadbOptions,
    port: u16,
    tls: Option<TlsFiles>,
    folder: ServerFolder,
}

impl MariadbServer {
    /// The server that the tests of this program share, each with databases of its own; started by the
    /// first test that needs it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<MariadbServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::start_own(&MariadbOptions::default()))
    }

    /// Starts one for a test that stops or reconfigures it, or that looks at all that is on it.
    pub fn start_own(options: &MariadbOptions) -> Self {
        let folder = ServerFolder::new();
        let mut install = folder.command(&program("mariadb-install-db"));
        install
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .arg(format!("--datadir={}", folder.join("data").display()))
            // A server that starts removes what looks like a temporary table of its own from the folder.
            .arg(format!("--tmpdir={}", folder.path().display()))
            .args(SETTINGS);
        succeed(&mut install);
        folder.write("first.sql", &accounts());
        let tls = options.certificate.map(|certificate| TlsFiles::install(&folder, certificate));
        let options = options.clone();
        let (process, port) =
            start(&folder).at_a_free_port(|port| command(&folder, &options, port));
        let server = Self { process: Mutex::new(Some(process)), options, port, tls, folder };
        server.folder.write_ours("client.cnf", &server.client_settings());
        server
    }

    /// Makes an empty database; its name may be anything.
    pub fn create_database(&self, name: &str) {
        self.sql("", &format!("CREATE DATABASE {}", identifier(name)));
    }

    /// Makes an empty database with a name that no other has, and returns the name.
    pub fn new_database(&self, about: &str) -> String {
        let name = unused_name(about);
        self.create_database(&name);
        name
    }

    /// Makes a user for every host; `options` as in `CREATE USER`, such as `REQUIRE X509`; each grant as in
    /// ``SELECT, TRIGGER ON `shop`.*``.
    pub fn create_user(&self, name: &str, password: &str, options: &str, grants: &[&str]) {
        let user = format!("{}@'%'", literal(name));
        let password = literal(password);
        let mut text = format!("CREATE USER {user} IDENTIFIED BY {password} {options};\n");
        for grant in grants {
            writeln!(text, "GRANT {grant} TO {user};").unwrap();
        }
        self.sql("", &text);
    }

    /// Runs statements as administrator, as the client reads them, and returns what it printed or
    /// complained of.
    pub fn try_sql(&self, database: &str, text: &str) -> Result<String, String> {
        let mut client = self.client("mariadb", database);
        client.args(["--batch", "--skip-column-names"]);
        finished(&fed(&mut client, text.as_bytes()))
    }

    /// Runs statements that must succeed.
    pub fn sql(&self, database: &str, text: &str) -> String {
        self.try_sql(database, text).unwrap_or_else(|words| panic!("{words}\n{text:.400}"))
    }

    /// Runs statements as administrator and returns the rows; nulls, and texts that are `NULL`, are `None`.
    pub fn query(&self, database: &str, text: &str) -> Vec<Vec<Option<String>>> {
        let value = |value: &str| (value != "NULL").then(|| unescaped(value));
        let printed = self.sql(database, text);
        printed.split_terminator('\n').map(|row| row.split('\t').map(value).collect()).collect()
    }

    /// The first value that a query returns, as text.
    pub fn value(&self, database: &str, text: &str) -> String {
        let mut rows = self.query(database, text);
        assert!(!rows.is_empty(), "no row: {text}");
        rows.remove(0).remove(0).unwrap_or_default()
    }

    /// A connection that stays open between two texts: to hold a lock, a snapshot, a transaction.
    pub fn session(&self, database: &str) -> Session {
        let mut client = self.client("mariadb", database);
        client.args(["--batch", "--skip-column-names", "--unbuffered"]);
        Session::start(client, |mark| format!("\n;SELECT '{mark}';\n"))
    }

    /// The URL of a database for the administrator, who has a password full of metacharacters.
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

    /// The address of a database for the administrator, to be changed. The host is `localhost` and means
    /// TCP, as in Prisma; the client programs would take the name for a socket.
    pub fn address(&self, database: &str) -> Address {
        let socket = self.socket().display().to_string();
        Address::new("mysql", self.port, database)
            .user(ROOT, PASSWORD)
            .with_socket("socket", socket)
    }

    /// The port, on every loopback address that the machine has.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// A file of settings that brings a client to the server as administrator: for tools that take the
    /// password from nowhere else but their arguments.
    pub fn settings_file(&self) -> PathBuf {
        self.folder.join("client.cnf")
    }

    fn client_settings(&self) -> String {
        let password = PASSWORD.replace('\\', "\\\\").replace('"', "\\\"");
        format!(
            "[client]\nuser=\"{ROOT}\"\npassword=\"{password}\"\nsocket=\"{}\"\n",
            self.socket().display()
        )
    }

    /// The files that the clients of a server with TLS need.
    pub fn tls(&self) -> &TlsFiles {
        self.tls.as_ref().expect("the server was started with TLS")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        process::log(&self.folder)
    }

    /// The server's process.
    pub fn process(&self) -> u32 {
        process::server_process(&self.folder)
    }

    /// Stops it at once, as a crash would. Its data stays.
    pub fn stop_now(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(process) = process.take() {
            process.end("KILL");
        }
    }

    /// Starts it again after a stop, at the same port.
    pub fn start_again(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(process.is_none(), "it runs");
        *process =
            Some(start(&self.folder).again(&command(&self.folder, &self.options, self.port)));
    }

    /// A client program as administrator over the socket; secrets are not in its arguments. Without a
    /// database where that is empty.
    pub(super) fn client(&self, name: &str, database: &str) -> Command {
        let mut command = self.bare_client(name);
        if !database.is_empty() {
            // In two parts the name is an option wherever it begins with a hyphen.
            command.arg(format!("--database={database}"));
        }
        command
    }

    /// A client program that is told its databases otherwise.
    pub(super) fn bare_client(&self, name: &str) -> Command {
        let mut command = Command::new(program(name));
        command
            .env_clear()
            .envs([("PATH", crate::START_OF_PATH), ("LC_ALL", "C.UTF-8"), ("TZ", "UTC")])
            .env("MYSQL_PWD", PASSWORD)
            .args(["--no-defaults", "--user", ROOT, "--default-character-set=utf8mb4"])
            .arg(format!("--socket={}", self.socket().display()))
            .stdin(Stdio::null());
        command
    }
}

fn start(folder: &ServerFolder) -> Start<'_> {
    Start { folder, ending: "KILL", is_ready: |words| words.contains("ready for connections") }
}

fn command(folder: &ServerFolder, options: &MariadbOptions, port: u16) -> Command {
    let mut server = Command::new(program("mariadbd"));
    let path = |name: &str| folder.join(name).display().to_string();
    server
        .arg("--no-defaults")
        .args(SETTINGS)
        .arg(format!("--datadir={}", path("data")))
        .arg(format!("--socket={}", path("socket")))
        .arg(format!("--tmpdir={}", folder.path().display()))
        .arg(format!("--init-file={}", path("first.sql")))
        .arg(format!("--port={port}"))
        .arg(format!("--bind-address={}", loopback_addresses()));
    if options.certificate.is_some() {
        for (option, file) in
            [("ca", "authority.crt"), ("cert", "server.crt"), ("key", "server.key")]
        {
            server.arg(format!("--ssl-{option}={}", path(file)));
        }
    }
    server.args(&options.settings);
    server
}

/// Runs at every start, before the server serves: from then on the administrator has a password, and is the
/// only one.
fn accounts() -> String {
    let password = literal(PASSWORD);
    let mut lines = vec![
        "SET sql_log_bin = 0;".to_owned(),
        "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host != 'localhost');"
            .to_owned(),
        "FLUSH PRIVILEGES;".to_owned(),
    ];
    for host in ["localhost", "%"] {
        let root = format!("'{ROOT}'@'{host}'");
        lines.push(format!("CREATE USER IF NOT EXISTS {root};"));
        lines.push(format!("ALTER USER {root} IDENTIFIED BY {password};"));
        lines.push(format!("GRANT ALL ON *.* TO {root} WITH GRANT OPTION;"));
    }
    lines.join("\n") + "\n"
}

/// A name as SQL spells it.
pub(super) fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as SQL spells it.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Undoes what the client does to the characters that separate.
fn unescaped(value: &str) -> String {
    let (mut text, mut characters) = (String::new(), value.chars());
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('0') => '\0',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    text
}
