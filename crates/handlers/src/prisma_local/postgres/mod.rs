//! PostgreSQL: `pg_dump` within one exported snapshot, spoken to through `psql`.
//!
//! | format | artifact | compression |
//! |---|---|---|
//! | `sql` | a script | ours |
//! | `custom` | `pg_dump`'s archive in one file | `pg_dump`'s |
//! | `directory` | `pg_dump`'s archive in a folder, dumped by several jobs | `pg_dump`'s |

mod archive;
mod carry_over;
mod connect;
mod dump;
mod examine;
mod foresight;
mod globals;
mod in_place;
mod inspect;
mod missing;
mod own_objects;
mod pouring;
mod quiet;
mod replace;
mod replaced;
mod reserve;
mod scratch;
mod script;
mod service_file;
mod session;
mod snapshot;
mod words;

use std::time::Duration;

use async_trait::async_trait;
use backup_core::{
    ArtifactForm, Database, DatabaseFacts, Destination, DumpOrder, Dumped, Error, LiveDatabase,
    Replaced, ReplacedDatabase, RestoreManner, Run, ScratchOrder, ScratchRestored, ServerDatabase,
    ToolSettings,
};
use backup_protocol::Format;

use super::aside::{Lent, blocking};
use crate::process::Launcher;
use connect::{Reached, Reaching};
use missing::Presence;
use scratch::Scratch;

pub(super) use examine::examine;

/// The extension of an artifact before our own compression.
pub(super) fn extension(format: Format) -> Result<&'static str, Error> {
    match format {
        Format::Sql => Ok(".sql"),
        Format::Custom => Ok(".dump"),
        Format::Directory => Ok(".dir"),
        Format::Snapshot => Err(Error::FormatUnavailable {
            engine: "PostgreSQL",
            format: format.name(),
            available: "sql (a script), custom (pg_dump's archive) or directory (the same in a folder)",
            instead: "sql",
        }),
    }
}

/// A PostgreSQL database that was reached.
#[derive(Debug)]
pub(super) struct PostgresDatabase(Lent<Connected>);

/// Where the database is, and the session with it.
#[derive(Debug)]
struct Connected {
    reaching: Reaching,
    reached: Reached,
    /// What was restored and has not replaced it yet.
    beside: Option<Beside>,
    manner: RestoreManner,
    presence: Presence,
}

/// What was restored, and nobody sees yet.
#[derive(Debug)]
enum Beside {
    Scratch(Scratch),
    /// Within the database itself.
    Transaction(Box<in_place::Transaction>),
}

impl PostgresDatabase {
    /// Finds the tools and connects.
    pub(super) async fn connect(
        database: &ServerDatabase,
        settings: &ToolSettings,
        launcher: &Launcher,
        run: &Run,
    ) -> Result<Self, Error> {
        let manner = RestoreManner::default();
        Self::reach(database, settings, launcher, manner, run, |reaching| {
            Ok((reaching.reach()?, Presence::There))
        })
        .await
    }

    /// The same, also where the database is not there.
    pub(super) async fn connect_to_restore(
        database: &ServerDatabase,
        settings: &ToolSettings,
        launcher: &Launcher,
        manner: RestoreManner,
        run: &Run,
    ) -> Result<Self, Error> {
        Self::reach(database, settings, launcher, manner, run, missing::reach).await
    }

    async fn reach(
        database: &ServerDatabase,
        settings: &ToolSettings,
        launcher: &Launcher,
        manner: RestoreManner,
        run: &Run,
        reach: impl FnOnce(&Reaching) -> Result<(Reached, Presence), Error> + Send + 'static,
    ) -> Result<Self, Error> {
        let reaching = Reaching::new(database, settings, launcher, &run.interrupt)?;
        let connected = blocking(move || {
            let (reached, presence) = reach(&reaching)?;
            Ok(Connected { reaching, reached, beside: None, manner, presence })
        })
        .await?;
        Ok(Self(Lent::new(connected)))
    }
}

#[async_trait]
impl Database for PostgresDatabase {
    async fn reserve(&mut self, patience: Duration, run: &Run) -> Result<(), Error> {
        let (id, interrupt) = (run.id.clone(), run.interrupt.clone());
        self.0
            .work(move |Connected { reaching, reached, .. }| {
                reserve::reserve(&mut reached.session, patience, &id, &interrupt)
                    .map_err(|end| reaching.failed(end))?
                    .into_result()
            })
            .await
    }

    async fn inspect(&mut self, _form: ArtifactForm, _run: &Run) -> Result<DatabaseFacts, Error> {
        self.0
            .work(|Connected { reaching, reached, .. }| {
                dump::fitting_tool(reached)?;
                let session = &mut reached.session;
                let failed = |end| reaching.failed(end);
                if let Some(error) =
                    inspect::refuse_missing_rights(session, reached.version).map_err(failed)?
                {
                    return Err(error);
                }
                let facts = inspect::facts(session).map_err(failed)?;
                let mut warnings = reached.warnings.clone();
                if reached.is_standby {
                    warnings.push(
                        "The server is a standby: rows of unlogged tables are only on its primary"
                            .to_owned(),
                    );
                }
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
        self.0.work(|Connected { reaching, reached, .. }| scratch::check(reaching, reached)).await
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

    async fn hold(&mut self, run: &Run) -> Result<(), Error> {
        let run = run.clone();
        self.0
            .work(move |Connected { reaching, reached, beside, manner, .. }| {
                if *manner == RestoreManner::InPlace {
                    let made = in_place::hold(reaching, reached, &run.interrupt)?;
                    *beside = Some(Beside::Transaction(Box::new(made)));
                }
                Ok(())
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
            .work(move |Connected { reaching, reached, beside, manner, presence }| {
                if *manner == RestoreManner::InPlace {
                    let Some(Beside::Transaction(transaction)) = beside else {
                        return Err(Error::internal("nobody was kept from writing"));
                    };
                    return in_place::restore(reaching, reached, transaction, &order, &run);
                }
                missing::make(reaching, reached, presence)?;
                let (made, restored) = scratch::restore_beside(reaching, reached, &order, &run)?;
                *beside = Some(Beside::Scratch(made));
                restored
            })
            .await
    }

    async fn discard_beside(&mut self) -> Option<String> {
        let discarded = self.0.work(|Connected { reaching, reached, beside, presence, .. }| {
            let left = match beside.take() {
                Some(Beside::Scratch(left)) => scratch::discard(reaching, reached, &left),
                // Without its session the server takes it back.
                Some(Beside::Transaction(_)) | None => None,
            };
            Ok(left.or(missing::take_back(reaching, reached, presence)))
        });
        discarded.await.unwrap_or_else(|error| Some(error.to_string()))
    }

    async fn check_replaceable(&mut self, _run: &Run) -> Result<(), Error> {
        self.0
            .work(|Connected { reaching, reached, manner, presence, .. }| {
                match (manner, presence) {
                    (RestoreManner::InPlace, Presence::Missing) => Err(Error::InvalidParameter {
                        parameter: "in_place",
                        detail:
                            "has no place: there is no such database; send the request without it"
                                .to_owned(),
                    }),
                    (RestoreManner::InPlace, _) => in_place::check(reaching, reached),
                    (RestoreManner::Swap, Presence::Missing) => scratch::check(reaching, reached),
                    (RestoreManner::Swap, _) => replace::check(reaching, reached),
                }
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
                replace::state(reaching, reached, &table, counted).map(LiveDatabase::Readable)
            })
            .await
    }

    async fn free_space(&mut self, _run: &Run) -> Result<Option<u64>, Error> {
        self.0
            .work(|Connected { reaching, reached, .. }| {
                foresight::free_space(&mut reached.session).map_err(|end| reaching.failed(end))
            })
            .await
    }

    async fn foresee(&mut self, order: &ScratchOrder, run: &Run) -> Result<Vec<String>, Error> {
        let (order, run) = (order.clone(), run.clone());
        self.0
            .work(move |Connected { reaching, reached, manner, .. }| {
                foresight::foresee(reaching, reached, &order, *manner, &run)
            })
            .await
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
            .work(move |Connected { reaching, reached, beside, presence, .. }| {
                let lost = || Error::internal("nothing was restored beside it");
                let scratch = match beside.take().ok_or_else(lost)? {
                    Beside::Scratch(scratch) => scratch,
                    Beside::Transaction(transaction) => {
                        let warnings = in_place::commit(reaching, reached, *transaction)?;
                        return Ok(Replaced { warnings, ..Replaced::default() });
                    }
                };
                // Where it does not take the place, it is there still, and must go.
                *beside = Some(Beside::Scratch(scratch.clone()));
                let (old, warnings) = replace::replace(reaching, reached, &scratch, &run)?;
                *beside = None;
                let aside = missing::remove_replaced(reaching, old, presence);
                Ok(Replaced { aside, warnings })
            })
            .await
    }
}
