//! MySQL and MariaDB: `mysqldump` or `mariadb-dump` within one transaction, spoken to through the command-line
//! client; `mydumper` where a folder is wanted.
//!
//! | format | artifact | compression |
//! |---|---|---|
//! | `sql` | a script | ours |
//! | `directory` | `mydumper`'s folder | `mydumper`'s |

mod connect;
mod definitions;
mod dump;
mod events;
mod examine;
mod finish;
mod folder_script;
mod forward;
mod grants;
mod inspect;
mod journal;
mod load_filter;
mod missing;
mod mydumper;
mod outside;
mod pieces;
mod relocation;
mod replace;
mod replaced;
mod replay;
mod replica;
mod reserve;
mod rights;
mod scratch;
mod script;
mod session;
mod unapplied;
mod words;

use std::time::Duration;

use async_trait::async_trait;
use backup_core::{
    ArtifactForm, Database, DatabaseFacts, Destination, DumpOrder, Dumped, Error, Interrupt,
    LiveDatabase, Replaced, ReplacedDatabase, Run, ScratchOrder, ScratchRestored, ServerDatabase,
    ToolSettings,
};
use backup_protocol::Format;

use super::aside::{Lent, blocking};
use super::server_disk;
use crate::process::Launcher;
use connect::{Reached, Reaching};
use missing::Presence;
use scratch::Scratch;

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
    /// The scratch database that was restored beside it and is still there.
    beside: Option<Scratch>,
    presence: Presence,
}

impl MySqlDatabase {
    /// Finds the tools and connects.
    pub(super) async fn connect(
        database: &ServerDatabase,
        settings: &ToolSettings,
        launcher: &Launcher,
        run: &Run,
    ) -> Result<Self, Error> {
        Self::reach(database, settings, launcher, run, |reaching| {
            Ok((reaching.reach()?, Presence::There))
        })
        .await
    }

    /// The same, also where the database is not there.
    pub(super) async fn connect_to_restore(
        database: &ServerDatabase,
        settings: &ToolSettings,
        launcher: &Launcher,
        run: &Run,
    ) -> Result<Self, Error> {
        Self::reach(database, settings, launcher, run, missing::reach).await
    }

    async fn reach(
        database: &ServerDatabase,
        settings: &ToolSettings,
        launcher: &Launcher,
        run: &Run,
        reach: impl FnOnce(&Reaching) -> Result<(Reached, Presence), Error> + Send + 'static,
    ) -> Result<Self, Error> {
        let reaching = Reaching {
            database: database.clone(),
            settings: settings.clone(),
            launcher: launcher.clone(),
            interrupt: run.interrupt.clone(),
        };
        let connected = blocking(move || {
            let (reached, presence) = reach(&reaching)?;
            Ok(Connected { reaching, reached, beside: None, presence })
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
            .work(move |Connected { reaching, reached, .. }| {
                let name = &reaching.database.connection.database;
                let taken = reserve::reserve(&mut reached.session, name, patience, &interrupt)
                    .map_err(|end| reaching.failed(end))?;
                if taken { Ok(()) } else { Err(reserve::in_use()) }
            })
            .await
    }

    async fn settle(&mut self, patience: Duration, run: &Run) -> Result<Vec<String>, Error> {
        let interrupt = run.interrupt.clone();
        self.0
            .work(move |Connected { reaching, reached, presence, .. }| {
                if matches!(presence, Presence::Missing) {
                    return Ok(Vec::new());
                }
                finish::settle_all(reaching, reached, patience, &interrupt)
            })
            .await
    }

    async fn inspect(&mut self, form: ArtifactForm, _run: &Run) -> Result<DatabaseFacts, Error> {
        self.0
            .work(move |Connected { reaching, reached, .. }| {
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
            .work(move |Connected { reaching, reached, .. }| {
                dump::dump(reaching, reached, &order, destination, &run)
            })
            .await
    }

    async fn check_scratch(&mut self, _run: &Run) -> Result<(), Error> {
        self.0.work(|Connected { reaching, reached, .. }| replica::refuse(reaching, reached)).await
    }

    async fn restore_scratch(
        &mut self,
        order: ScratchOrder,
        run: &Run,
    ) -> Result<ScratchRestored, Error> {
        let run = run.clone();
        self.0
            .work(move |Connected { reaching, reached, .. }| {
                scratch::restore(reaching, reached, &order, &run)
            })
            .await
    }

    async fn free_space(&mut self, _run: &Run) -> Result<Option<u64>, Error> {
        self.0
            .work(|Connected { reaching, reached, .. }| {
                // The same name is the same machine: a container has one of its own.
                let asked = reached.session.row("SELECT @@GLOBAL.datadir, @@GLOBAL.hostname");
                let [place, host] = asked.map_err(|end| reaching.failed(end))?;
                Ok(if server_disk::is_called(&host) {
                    server_disk::free_space(&place)
                } else {
                    None
                })
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
            .work(move |Connected { reaching, reached, presence, .. }| {
                if matches!(presence, Presence::Missing) {
                    return Ok(LiveDatabase::Missing);
                }
                scratch::state(reaching, reached, &table, counted)
            })
            .await
    }

    async fn check_replaceable(&mut self, _run: &Run) -> Result<(), Error> {
        self.0
            .work(|Connected { reaching, reached, presence, .. }| match presence {
                Presence::Missing => {
                    replica::refuse_restore(&missing::elsewhere(reaching), reached)
                }
                _ => replace::check(reaching, reached),
            })
            .await
    }

    async fn restore_beside(
        &mut self,
        order: ScratchOrder,
        run: &Run,
    ) -> Result<ScratchRestored, Error> {
        let run = run.clone();
        self.0
            .work(move |Connected { reaching, reached, beside, presence }| {
                missing::make(reaching, reached, presence)?;
                let (made, restored) = scratch::restore_beside(reaching, reached, &order, &run)?;
                *beside = Some(made);
                restored
            })
            .await
    }

    async fn discard_beside(&mut self) -> Option<String> {
        let discarded = self.0.work(|Connected { reaching, reached, beside, presence }| {
            let left = beside.take().and_then(|left| scratch::discard(reaching, reached, &left));
            let reaching = &Reaching { interrupt: Interrupt::default(), ..reaching.clone() };
            Ok(left.or(missing::take_back(reaching, reached, presence)))
        });
        discarded.await.unwrap_or_else(|error| Some(error.to_string()))
    }

    async fn replaced_databases(&mut self, _run: &Run) -> Result<Vec<ReplacedDatabase>, Error> {
        self.0.work(|Connected { reaching, reached, .. }| replaced::list(reaching, reached)).await
    }

    async fn remove_replaced(&mut self, name: &str, _run: &Run) -> Result<(), Error> {
        let name = name.to_owned();
        self.0
            .work(move |Connected { reaching, reached, .. }| {
                replaced::remove(reaching, reached, &name)
            })
            .await
    }

    async fn replace(&mut self, run: &Run) -> Result<Replaced, Error> {
        let run = run.clone();
        self.0
            .work(move |Connected { reaching, reached, beside, .. }| {
                replace::replace(reaching, reached, beside, &run)
            })
            .await
    }
}
