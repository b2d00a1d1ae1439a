//! MySQL and MariaDB: `mysqldump` or `mariadb-dump` within one transaction, spoken to through the command-line
//! client; `mydumper` where a folder is wanted.
//!
//! | format | artifact | compression |
//! |---|---|---|
//! | `sql` | a script | ours |
//! | `directory` | `mydumper`'s folder | `mydumper`'s |

mod connect;
mod dump;
mod examine;
mod folder_script;
mod grants;
mod inspect;
mod load_filter;
mod mydumper;
mod outside;
mod relocation;
mod replica;
mod reserve;
mod scratch;
mod script;
mod session;
mod words;

use std::time::Duration;

use async_trait::async_trait;
use backup_core::{
    ArtifactForm, Database, DatabaseFacts, Destination, DumpOrder, Dumped, Error, LiveDatabase,
    Run, ScratchOrder, ScratchRestored, ServerDatabase, ToolSettings,
};
use backup_protocol::Format;

use super::aside::{Lent, blocking};
use crate::process::Launcher;
use connect::{Reached, Reaching};

pub(super) use examine::examine;

/// The extension of an artifact before our own compression.
pub(super) fn extension(format: Format) -> Result<&'static str, Error> {
    match format {
        Format::Sql => Ok(".sql"),
        Format::Directory => Ok(".dir"),
        Format::Custom | Format::Snapshot => Err(Error::FormatUnavailable {
            engine: "MySQL",
            format: format.name(),
            available: "sql (a script) or directory (mydumper's folder)",
            instead: "sql",
        }),
    }
}

/// A MySQL or MariaDB database that was reached.
#[derive(Debug)]
pub(super) struct MySqlDatabase(Lent<Connected>);

/// Where the database is, and the session with it.
#[derive(Debug)]
struct Connected {
    reaching: Reaching,
    reached: Reached,
}

impl MySqlDatabase {
    /// Finds the tools and connects.
    pub(super) async fn connect(
        database: &ServerDatabase,
        settings: &ToolSettings,
        launcher: &Launcher,
        run: &Run,
    ) -> Result<Self, Error> {
        let reaching = Reaching {
            database: database.clone(),
            settings: settings.clone(),
            launcher: launcher.clone(),
            interrupt: run.interrupt.clone(),
        };
        let connected = blocking(move || {
            let reached = reaching.reach()?;
            Ok(Connected { reaching, reached })
        })
        .await?;
        Ok(Self(Lent::new(connected)))
    }
}

#[async_trait]
impl Database for MySqlDatabase {
    async fn reserve(&mut self, patience: Duration, run: &Run) -> Result<(), Error> {
        let interrupt = run.interrupt.clone();
        self.0
            .work(move |Connected { reaching, reached }| {
                let name = &reaching.database.connection.database;
                let taken = reserve::reserve(&mut reached.session, name, patience, &interrupt)
                    .map_err(|end| reaching.failed(end))?;
                if taken { Ok(()) } else { Err(reserve::in_use()) }
            })
            .await
    }

    async fn inspect(&mut self, form: ArtifactForm, _run: &Run) -> Result<DatabaseFacts, Error> {
        self.0
            .work(move |Connected { reaching, reached }| {
                let failed = |end| reaching.failed(end);
                let session = &mut reached.session;
                let objects = inspect::objects(session).map_err(failed)?;
                let lock = reaching.settings.global_read_lock;
                // As the server spells it: grants are in its spelling.
                let [database] = session.row("SELECT DATABASE()").map_err(failed)?;
                let rights = inspect::Rights {
                    family: reached.family,
                    version: reached.version,
                    database: &database,
                    global_read_lock: lock,
                };
                if let Some(error) = rights.missing(session).map_err(failed)? {
                    return Err(error);
                }
                if form.format == Format::Directory {
                    mydumper::fitting_tool(reaching, &objects)?;
                }
                let facts = inspect::facts(session, &objects, lock).map_err(failed)?;
                let warnings = reached.warnings.iter().cloned().chain(facts.warnings).collect();
                Ok(DatabaseFacts { warnings, ..facts })
            })
            .await
    }

    async fn dump(
        &mut self,
        order: DumpOrder,
        destination: Destination,
        run: &Run,
    ) -> Result<Dumped, Error> {
        let run = run.clone();
        self.0
            .work(move |Connected { reaching, reached }| {
                dump::dump(reaching, reached, &order, destination, &run)
            })
            .await
    }

    async fn check_scratch(&mut self, _run: &Run) -> Result<(), Error> {
        self.0.work(|Connected { reaching, reached }| replica::refuse(reaching, reached)).await
    }

    async fn restore_scratch(
        &mut self,
        order: ScratchOrder,
        run: &Run,
    ) -> Result<ScratchRestored, Error> {
        let run = run.clone();
        self.0
            .work(move |Connected { reaching, reached }| {
                scratch::restore(reaching, reached, &order, &run)
            })
            .await
    }

    async fn state(
        &mut self,
        migrations_table: &str,
        counted: bool,
        _run: &Run,
    ) -> Result<LiveDatabase, Error> {
        let table = migrations_table.to_owned();
        self.0
            .work(move |Connected { reaching, reached }| {
                scratch::state(reaching, reached, &table, counted).map(LiveDatabase::Readable)
            })
            .await
    }
}
