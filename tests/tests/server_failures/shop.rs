//! A shop whose database is on a real server, and what there may be left of a failure: nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use backup_tests::Project;
use backup_tests::live_host::wait_until;
use backup_tests::servers::{MariadbServer, PostgresServer, Session};
use serde_json::{Value, json};

/// How long after its end something of a run may still be seen: the system takes a moment to tell.
pub const MOMENT: Duration = Duration::from_secs(5);

/// How often the system and the servers are asked for news.
const GLANCE: Duration = Duration::from_millis(10);

/// The server of a shop.
#[derive(Clone, Copy)]
pub enum Server<'a> {
    Postgres(&'a PostgresServer),
    Mariadb(&'a MariadbServer),
}

impl Server<'static> {
    /// The servers that all tests share.
    pub fn postgres() -> Self {
        Self::Postgres(PostgresServer::shared())
    }

    pub fn mariadb() -> Self {
        Self::Mariadb(MariadbServer::shared())
    }
}

/// What a shop is backed up as.
pub type Form<'a> = (Server<'a>, &'static str);

/// Every format of an engine.
pub fn forms_of(server: Server<'_>) -> Vec<Form<'_>> {
    let formats: &[_] =
        if server.is_postgres() { &["sql", "custom", "directory"] } else { &["sql", "directory"] };
    formats.iter().map(|format| (server, *format)).collect()
}

/// Does the same on both engines, at the same time.
pub fn on_both_engines(test: impl Fn(Server<'static>) + Sync) {
    std::thread::scope(|scope| {
        for server in [Server::postgres(), Server::mariadb()] {
            let test = &test;
            scope.spawn(move || test(server));
        }
    });
}

/// Does the same for a shop of every form of both engines, at the same time: mostly they wait.
pub fn in_every_form(about: &str, test: impl Fn(&Shop<'_>) + Sync) {
    std::thread::scope(|scope| {
        for form in [Server::postgres(), Server::mariadb()].into_iter().flat_map(forms_of) {
            let test = &test;
            scope.spawn(move || test(&Shop::new(form, about)));
        }
    });
}

const POSTGRES: &str = "
CREATE TABLE customers (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO customers SELECT n, 'customer ' || n FROM generate_series(1, 200) AS n;
CREATE TABLE orders (id integer PRIMARY KEY, customer integer REFERENCES customers, placed timestamptz, note text);
INSERT INTO orders SELECT n, 1 + n % 200, timestamptz '2025-01-20' + n * interval '1 minute', md5(n::text)
    FROM generate_series(1, 4000) AS n;
CREATE SEQUENCE held;
";

const MARIADB: &str = "
CREATE TABLE customers (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO customers SELECT seq, concat('customer ', seq) FROM seq_1_to_200;
CREATE TABLE orders (id integer PRIMARY KEY, customer integer, placed datetime, note text,
    FOREIGN KEY (customer) REFERENCES customers (id));
INSERT INTO orders SELECT seq, 1 + seq % 200, '2025-01-20' + INTERVAL seq MINUTE, md5(seq) FROM seq_1_to_4000;
CREATE TABLE zz_held (id integer PRIMARY KEY);
INSERT INTO zz_held VALUES (1);
";

impl Server<'_> {
    /// Makes a database with the shop's tables and returns its name.
    pub fn new_shop(self, about: &str) -> String {
        match self {
            Self::Postgres(server) => {
                let database = server.new_database(about);
                server.sql(&database, POSTGRES);
                database
            }
            Self::Mariadb(server) => {
                let database = server.new_database(about);
                server.sql(&database, MARIADB);
                database
            }
        }
    }

    pub fn sql(self, database: &str, text: &str) -> String {
        match self {
            Self::Postgres(server) => server.sql(database, text),
            Self::Mariadb(server) => server.sql(database, text),
        }
    }

    pub fn url(self, database: &str) -> String {
        match self {
            Self::Postgres(server) => server.url(database),
            Self::Mariadb(server) => server.url(database),
        }
    }

    /// The URL with an address in the place of the host's name: another spelling of the same.
    pub fn url_by_address(self, database: &str) -> String {
        match self {
            Self::Postgres(server) => server.address(database).host("127.0.0.1").to_string(),
            Self::Mariadb(server) => server.address(database).host("127.0.0.1").to_string(),
        }
    }

    pub fn is_postgres(self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Keeps every dump of a shop from coming to its end: it gets to the last object, which is held.
    pub fn hold(self, database: &str) -> Session {
        match self {
            Self::Postgres(server) => {
                let mut session = server.session(database);
                session.sql("BEGIN; DROP SEQUENCE held;");
                session
            }
            Self::Mariadb(server) => {
                let mut session = server.session(database);
                session.sql("LOCK TABLES zz_held WRITE;");
                session
            }
        }
    }

    /// A connection that looks at the others.
    fn observer(self) -> Session {
        match self {
            Self::Postgres(server) => server.session("postgres"),
            Self::Mariadb(server) => server.session(""),
        }
    }

    /// Waits until a query about the server's sessions answers so. Returns the answer.
    fn wait_for(self, query: &str, is_so: impl Fn(&str) -> bool) -> String {
        let mut observer = self.observer();
        let mut answer = String::new();
        wait_until(query, || {
            std::thread::sleep(GLANCE);
            observer.sql(query).trim().clone_into(&mut answer);
            is_so(&answer)
        });
        answer
    }

    /// Waits until a dump has come to what is held. Returns the server's name for its session.
    pub fn wait_until_held(self, database: &str) -> String {
        self.wait_for(&self.held_sessions(database), |answer| !answer.is_empty())
    }

    /// Waits until nothing is kept waiting any more: a server notices that a client is gone only then.
    pub fn wait_until_free(self, database: &str) {
        self.wait_for(&self.held_sessions(database), str::is_empty);
    }

    /// The query for the sessions that wait for what `hold` keeps.
    fn held_sessions(self, database: &str) -> String {
        match self {
            Self::Postgres(_) => format!(
                "SELECT pid FROM pg_stat_activity WHERE datname = '{database}' \
                 AND wait_event_type = 'Lock' AND query LIKE '%held%';"
            ),
            Self::Mariadb(_) => format!(
                "SELECT id FROM information_schema.processlist WHERE db = '{database}' \
                 AND state = 'Waiting for table metadata lock';"
            ),
        }
    }

    /// Waits until so many runs have or want the server's lock of a database.
    pub fn wait_for_runs(self, database: &str, runs: usize) {
        let query = match self {
            Self::Postgres(_) => format!(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' \
                 AND application_name LIKE 'backup-manager %';"
            ),
            // Who has it, its dump, who holds that one, and who wants the lock.
            Self::Mariadb(_) => format!(
                "SELECT count(*) DIV 2 FROM information_schema.processlist WHERE db = '{database}';"
            ),
        };
        self.wait_for(&query, |answer| answer == runs.to_string());
    }

    /// How many sessions a database has, this one aside.
    pub fn sessions(self, database: &str) -> usize {
        let count = match self {
            Self::Postgres(server) => server.value(
                "postgres",
                &format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'"),
            ),
            Self::Mariadb(server) => server.value(
                "",
                &format!(
                    "SELECT count(*) FROM information_schema.processlist WHERE db = '{database}'"
                ),
            ),
        };
        count.parse().unwrap()
    }

    /// The other sessions that a backup has beside the one that dumps: the server's names for them. The
    /// oldest session holds the dump.
    pub fn sessions_beside(self, database: &str, dump: &str) -> Vec<String> {
        let rows = match self {
            Self::Postgres(server) => server.query(
                "postgres",
                &format!(
                    "SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND pid <> {dump} \
                     AND application_name LIKE 'backup-manager%'"
                ),
            ),
            Self::Mariadb(server) => server.query(
                "",
                &format!(
                    "SELECT id FROM information_schema.processlist WHERE db = '{database}' AND id <> {dump} \
                     AND id > (SELECT min(id) FROM information_schema.processlist WHERE db = '{database}')"
                ),
            ),
        };
        rows.into_iter().map(|mut row| row.remove(0).unwrap()).collect()
    }

    /// Ends a session, as an administrator does.
    pub fn end_session(self, session: &str) {
        match self {
            Self::Postgres(server) => {
                server.sql("postgres", &format!("SELECT pg_terminate_backend({session})"))
            }
            Self::Mariadb(server) => server.sql("", &format!("KILL {session}")),
        };
    }

    /// Stops it at once, as a crash would.
    pub fn stop_now(self) {
        match self {
            Self::Postgres(server) => server.stop_now(),
            Self::Mariadb(server) => server.stop_now(),
        }
    }

    pub fn start_again(self) {
        match self {
            Self::Postgres(server) => server.start_again(),
            Self::Mariadb(server) => server.start_again(),
        }
    }
}

/// A project whose `dev` has a database on a server.
pub struct Shop<'a> {
    pub project: Project,
    pub server: Server<'a>,
    pub format: &'static str,
    pub database: String,
}

impl<'a> Shop<'a> {
    /// A shop with a database of its own.
    pub fn new((server, format): Form<'a>, about: &str) -> Self {
        let database = server.new_shop(about);
        let project = Project::with_urls(&[("dev", server.url(&database))]);
        Self { project, server, format, database }
    }

    /// Does not wait longer for a tool that is silent.
    pub fn wait_for_silent_tools(&self, seconds: u32) {
        self.project.configure(|configuration| {
            configuration["backup"]["stall_seconds"] = json!(seconds);
        });
    }

    /// The tool that dumps, as process listings call it.
    pub fn dump_tool(&self) -> &'static str {
        match (self.server, self.format) {
            (Server::Postgres(_), _) => "pg_dump",
            (Server::Mariadb(_), "directory") => "mydumper",
            (Server::Mariadb(_), _) => "mariadb-dump",
        }
    }

    /// For messages of failed tests.
    pub fn about(&self) -> String {
        format!("{} {}", self.dump_tool(), self.format)
    }

    /// The request for a backup.
    pub fn request(&self) -> Value {
        json!({"operation": "create-backup", "parameters": {"environment": "dev", "format": self.format}})
    }

    /// The host's command. All its tools can be told by it.
    pub fn host(&self) -> Command {
        let mut host = self.project.host();
        mark(&mut host, &self.project);
        host
    }

    /// What of this shop's hosts and tools is running.
    pub fn processes(&self) -> Vec<Process> {
        processes_of(&self.project)
    }

    /// The tool that dumps now.
    pub fn dump_process(&self) -> Process {
        let mut tools = self.processes();
        tools.retain(|process| process.name == self.dump_tool());
        assert!(!tools.is_empty(), "nothing dumps");
        tools.remove(0)
    }

    /// The folder of the artifacts.
    pub fn folder(&self) -> PathBuf {
        self.project.backups().join("dev")
    }

    /// Whatever is in it, by name.
    pub fn entries(&self) -> Vec<String> {
        entries(&self.folder())
    }

    /// Fails unless all is as if nothing had been asked: no record, no file, no folder, no process, no session.
    pub fn assert_nothing_is_left(&self, about: &str) {
        let records = self.project.catalogue()["backups"].clone();
        assert!(records.as_array().is_none_or(Vec::is_empty), "{about}: {records:#}");
        assert_eq!(self.entries(), [""; 0], "{about}");
        self.assert_nothing_runs(about, MOMENT);
    }

    /// Fails unless no process is left after so long.
    pub fn assert_no_process_runs(&self, about: &str, patience: Duration) {
        assert_none_soon(about, patience, || {
            let left = self.processes();
            (!left.is_empty()).then(|| format!("{left:?}"))
        });
    }

    /// Fails unless no process and no session is left after so long.
    pub fn assert_nothing_runs(&self, about: &str, patience: Duration) {
        self.assert_no_process_runs(about, patience);
        let sessions = || {
            let left = self.server.sessions(&self.database);
            (left > 0).then(|| format!("{left} sessions"))
        };
        assert_none_soon(about, patience, sessions);
    }

    /// A backup, and nothing beside it: every entry of the folder is of a recorded backup.
    pub fn assert_next_succeeds(&self) {
        let about = self.about();
        let answer = answer(&mut self.host(), &self.request());
        assert_eq!(answer["status"], "success", "{about}: {answer:#}");
        let catalogue = self.project.catalogue();
        let ids: Vec<&str> = catalogue["backups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["backup_id"].as_str().unwrap())
            .collect();
        for entry in self.entries() {
            assert!(!entry.contains(".partial"), "{about}: {entry} is left");
            let (id, _) = entry.split_once('.').unwrap();
            assert!(ids.contains(&id), "{about}: {entry} belongs to nothing recorded");
        }
        let verify = json!({"operation": "verify-backup", "parameters": {"backup_id": answer["result"]["backup_id"]}});
        let verified = self::answer(&mut self.host(), &verify);
        assert_eq!(verified["status"], "success", "{about}: {verified:#}");
    }
}

/// Whatever is in a folder, by name.
pub fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Waits until there is nothing any more; fails when it takes longer.
pub fn assert_none_soon(about: &str, patience: Duration, left: impl Fn() -> Option<String>) {
    let begun = Instant::now();
    while let Some(left) = left() {
        assert!(begun.elapsed() < patience, "{about}: after {:?}: {left}", begun.elapsed());
        std::thread::sleep(GLANCE);
    }
}

/// Sends one request and returns its envelope.
pub fn answer(host: &mut Command, request: &Value) -> Value {
    let mut answers = Project::converse(host, format!("{request}\n").as_bytes());
    assert_eq!(answers.envelopes.len(), 1, "{answers:?}");
    assert!(!answers.stderr.contains("panicked"), "{answers:?}");
    answers.envelopes.remove(0)
}

/// Lets all processes of a project's host be told from others: they inherit its folder for temporary files.
pub fn mark(host: &mut Command, project: &Project) {
    host.env("TMPDIR", project.root());
}

/// A process.
#[derive(Debug)]
pub struct Process {
    pub id: u32,
    /// What process listings call it.
    pub name: String,
    pub parent: u32,
}

/// Every process with a project's mark: its hosts, their supervisors and tools.
pub fn processes_of(project: &Project) -> Vec<Process> {
    let mark = format!("TMPDIR={}\0", project.root().display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if !String::from_utf8_lossy(&environment).contains(&mark) {
            continue;
        }
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let Some((head, tail)) = stat.rsplit_once(") ") else { continue };
        let name = head.split_once('(').unwrap().1.to_owned();
        let parent = tail.split(' ').nth(1).unwrap().parse().unwrap();
        found.push(Process { id, name, parent });
    }
    found
}
