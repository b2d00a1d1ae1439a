//! A pooler in front of a PostgreSQL server.

use std::fmt;
use std::process::Command;

use super::address::Address;
use super::folder::ServerFolder;
use super::process::{self, ServerProcess, Start, loopback_addresses};
use super::programs::program;
use super::{PASSWORD, PostgresServer};

/// For how long a client has a connection of the server to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// As long as it is connected.
    Session,
    /// As long as a transaction lasts.
    Transaction,
    /// As long as a statement lasts; there are no transactions.
    Statement,
}

impl fmt::Display for PoolMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Session => "session",
            Self::Transaction => "transaction",
            Self::Statement => "statement",
        })
    }
}

/// A running pooler. Every role of the server can log in with its own password.
#[derive(Debug)]
pub struct Pgbouncer {
    // Before the folder: what runs in it must have ended when it goes.
    process: Option<ServerProcess>,
    port: u16,
    folder: ServerFolder,
}

impl Pgbouncer {
    /// Starts one in front of a server, as it comes: it knows no startup parameters but the usual ones.
    pub fn start(server: &PostgresServer, mode: PoolMode) -> Self {
        Self::start_with(server, mode, &[])
    }

    /// Starts one with more lines of settings, such as `ignore_startup_parameters = options`.
    pub fn start_with(server: &PostgresServer, mode: PoolMode, settings: &[&str]) -> Self {
        let folder = ServerFolder::new();
        folder.write("users", &format!("\"postgres\" \"{}\"\n", PASSWORD.replace('"', "\"\"")));
        let start = Start {
            folder: &folder,
            ending: "KILL",
            is_ready: |words| words.contains("process up:"),
        };
        let (process, port) = start.at_a_free_port(|port| {
            let text = configuration(server, mode, settings, &folder, port);
            let file = folder.write("pgbouncer.ini", &text);
            let mut command = Command::new(program("pgbouncer"));
            command.arg(file);
            command
        });
        Self { process: Some(process), port, folder }
    }

    /// The URL of a database for the superuser, through the pooler.
    pub fn url(&self, database: &str) -> String {
        self.address(database).to_string()
    }

    /// The address of a database for the superuser, through the pooler.
    pub fn address(&self, database: &str) -> Address {
        let socket = self.folder.path().display().to_string();
        Address::new("postgresql", self.port, database)
            .user("postgres", PASSWORD)
            .with_socket("host", socket)
    }

    /// The port, on every loopback address that the machine has.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        process::log(&self.folder)
    }

    /// Stops it at once.
    pub fn stop_now(&mut self) {
        if let Some(process) = self.process.take() {
            process.end("KILL");
        }
    }
}

fn configuration(
    server: &PostgresServer,
    mode: PoolMode,
    settings: &[&str],
    folder: &ServerFolder,
    port: u16,
) -> String {
    format!(
        "[databases]\n\
         * = host={} port={} auth_user=postgres\n\
         [pgbouncer]\n\
         listen_addr = {}\n\
         listen_port = {port}\n\
         unix_socket_dir = {}\n\
         auth_type = scram-sha-256\n\
         auth_file = users\n\
         pool_mode = {mode}\n\
         {}\n",
        server.socket_folder().display(),
        server.port(),
        loopback_addresses(),
        folder.path().display(),
        settings.join("\n")
    )
}
