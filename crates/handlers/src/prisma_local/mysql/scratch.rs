//! Restoring into a scratch database of the same server, which is gone afterwards or takes the live one's place.
//!
//! A scratch database is known by its name, which has a digest of the database that it is beside, and by a table in it,
//! the first that is made there. While it is used, the session that made it holds a named lock; one whose lock is free
//! was left by a run that died. Events are withheld, since they would fire there: their definitions lie in a table.

use std::time::Instant;

use backup_core::{
    Error, Interrupt, LiveDatabase, LiveState, Migrations, Run, RunId, ScratchOrder,
    ScratchRestored, seconds_of, sha256_of_lines,
};
use backup_protocol::{Format, RowCounts};

use super::connect::{Reached, Reaching};
use super::definitions;
use super::folder_script;
use super::inspect::{self, Rows};
use super::load_filter::{Events, LoadFilter};
use super::outside;
use super::relocation::Relocation;
use super::replica;
use super::session::{Session, SessionEnd, plain_words};
use crate::prisma_local::loading::LoadTool;
use crate::prisma_local::migrations::{self, MIGRATION_COLUMNS};
use crate::prisma_local::scratch::{PREFIX, is_of_a_run, with_left, with_plain_words};
use crate::tools::Family;

/// How the name of the table begins that holds a journal; the run's id follows.
pub(super) const JOURNAL: &str = "backup_manager_scratch_journal_";
/// What of a digest goes into a name: names have at most 64 characters.
const DIGEST_CHARACTERS: usize = 16;
/// What the client says where a right is missing, by the server's numbers.
const DENIED: [&str; 3] = ["ERROR 1044 ", "ERROR 1142 ", "ERROR 1227 "];

/// Restores a backup into a scratch database, counts what is in it, and drops it.
pub(super) fn restore(
    reaching: &Reaching,
    reached: &mut Reached,
    order: &ScratchOrder,
    run: &Run,
) -> Result<ScratchRestored, Error> {
    let (scratch, restored) = restore_beside(reaching, reached, order, run)?;
    let left = discard(reaching, reached, &scratch);
    with_left(restored, left)
}

/// Restores a backup into a scratch database, counts what is in it, and leaves it, for [`discard`] or to take the live
/// one's place. Its name comes also where it did not load.
pub(super) fn restore_beside(
    reaching: &Reaching,
    reached: &mut Reached,
    order: &ScratchOrder,
    run: &Run,
) -> Result<(Scratch, Result<ScratchRestored, Error>), Error> {
    let failed = |end| reaching.failed(end);
    replica::refuse(reaching, reached)?;
    outside::refuse(reaching, reached, order, run)?;
    let [live, user] = reached.session.row("SELECT DATABASE(), CURRENT_USER()").map_err(failed)?;
    let prefix = prefix(&live);
    let swept = sweep(reaching, reached, &live, &prefix, &user);
    let scratch = Scratch { name: format!("{prefix}{}", run.id), run: run.id.clone(), live, user };
    // From here on the work is tidied up after, also where the run is interrupted: nothing is left on a server.
    let calm = Reaching { interrupt: Interrupt::default(), ..reaching.clone() };
    reached.session.listen_to(&calm.interrupt);
    create(reaching, reached, &scratch)?;
    let restored = mark(reaching, reached, &scratch)
        .and_then(|()| run.interrupt.check())
        .and_then(|()| load_and_count(reaching, reached, &scratch, order, run));
    let restored = restored.map(|restored| {
        let warnings = swept.into_iter().chain(restored.warnings).collect();
        ScratchRestored { warnings, ..restored }
    });
    Ok((scratch, restored))
}

/// Drops a scratch database, also where the run was interrupted; a sentence where that fails.
pub(super) fn discard(reaching: &Reaching, reached: &Reached, scratch: &Scratch) -> Option<String> {
    let calm = Reaching { interrupt: Interrupt::default(), ..reaching.clone() };
    drop_scratch(&calm, reached, &scratch.live, &scratch.name, &scratch.user)
}

/// A scratch database.
#[derive(Clone, Debug)]
pub(super) struct Scratch {
    pub name: String,
    /// The run that makes it.
    pub run: RunId,
    /// Beside which database it is.
    pub live: String,
    /// Who makes it, as in a grant.
    pub user: String,
}

impl Scratch {
    /// The table that marks it.
    fn marker(&self) -> String {
        format!("{PREFIX}{}", self.run)
    }

    /// The table with the events that were withheld.
    pub(super) fn events(&self) -> String {
        format!("{PREFIX}events_{}", self.run)
    }

    /// Whether a table is none of those that were restored.
    pub(super) fn is_own(&self, table: &str) -> bool {
        table.starts_with(PREFIX) && table.ends_with(self.run.as_str())
    }
}

/// Makes it as the live one is: with its character set and its rules for comparing texts.
fn create(reaching: &Reaching, reached: &mut Reached, scratch: &Scratch) -> Result<(), Error> {
    let failed = |end| reaching.failed(end);
    let Scratch { name, .. } = scratch;
    let [locked, charset, collation] = reached
        .session
        .row(&format!(
            "SELECT coalesce(GET_LOCK('{name}', 10), 0), default_character_set_name, \
             default_collation_name FROM information_schema.schemata WHERE schema_name = DATABASE()"
        ))
        .map_err(failed)?;
    if locked != "1" {
        return Err(Error::internal("the lock on a new scratch database is not free"));
    }
    let statement =
        format!("CREATE DATABASE {} CHARACTER SET {charset} COLLATE {collation}", quoted(name));
    reached.session.run(&statement).map_err(|end| denied_or(reaching, &scratch.user, end))
}

fn mark(reaching: &Reaching, reached: &mut Reached, scratch: &Scratch) -> Result<(), Error> {
    let marker = format!("{}.{}", quoted(&scratch.name), quoted(&scratch.marker()));
    let events = format!("{}.{}", quoted(&scratch.name), quoted(&scratch.events()));
    let statement = format!(
        "CREATE TABLE {marker} (beside varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin); \
         INSERT INTO {marker} VALUES (DATABASE()); \
         CREATE TABLE {events} (id int PRIMARY KEY AUTO_INCREMENT, mode text, client text, connection text, \
         database_collation text, zone text, definition longblob) CHARACTER SET utf8mb4"
    );
    reached.session.run(&statement).map_err(|end| denied_or(reaching, &scratch.user, end))
}

/// The error where a right on scratch databases is missing, with the one that is enough; else the usual one.
fn denied_or(reaching: &Reaching, user: &str, end: SessionEnd) -> Error {
    match end {
        SessionEnd::Ended(end) if DENIED.iter().any(|denied| end.words.contains(denied)) => {
            Error::PermissionDenied {
                missing: vec!["no right to make, fill and drop scratch databases".to_owned()],
                grants: vec![format!(
                    "GRANT ALL ON `{}%`.* TO {}",
                    PREFIX.replace('_', "\\_"),
                    inspect::quoted_user(user)
                )],
                words: Some(plain_words(&end.words)),
            }
        }
        end => reaching.failed(end),
    }
}

/// Drops it in a session of its own, since the other one may have ended with an error; a sentence where that fails.
fn drop_scratch(
    reaching: &Reaching,
    reached: &Reached,
    live: &str,
    name: &str,
    user: &str,
) -> Option<String> {
    let dropped = reaching.open_in(reached, live).and_then(|mut session| {
        let statement = format!("DROP DATABASE IF EXISTS {}", quoted(name));
        session.run(&statement).map_err(|end| denied_or(reaching, user, end))
    });
    let why = match dropped.err()? {
        Error::PermissionDenied { words: Some(words), .. } => words,
        error => error.to_string(),
    };
    Some(format!(
        "The scratch database {name} is still there ({why}); the next verification by restoring removes it, where it may"
    ))
}

fn load_and_count(
    reaching: &Reaching,
    reached: &Reached,
    scratch: &Scratch,
    order: &ScratchOrder,
    run: &Run,
) -> Result<ScratchRestored, Error> {
    let begun = Instant::now();
    load(reaching, reached, scratch, order, run)?;
    let seconds = seconds_of(begun.elapsed());
    let mut session = reaching.open_in(reached, &scratch.name)?;
    let LiveState { migrations, mut row_counts } =
        read_state(reaching, reached.family, &mut session, &order.migrations_table, true)?;
    row_counts.retain(|table, _| !scratch.is_own(table));
    Ok(ScratchRestored { row_counts, migrations, seconds, warnings: Vec::new() })
}

/// What the live database holds; its rows where they are to be counted. One with views that show what is not there can
/// be dumped by no tool.
pub(super) fn state(
    reaching: &Reaching,
    reached: &mut Reached,
    migrations_table: &str,
    counted: bool,
) -> Result<LiveDatabase, Error> {
    if counted {
        let names = definitions::names(&mut reached.session);
        let views = names.map_err(|end| reaching.failed(end))?.views;
        let live = &reaching.database.connection.database;
        let broken = definitions::broken_views(reaching, reached, live, &views)?;
        if let Some(view) = broken.first() {
            let words = format!("the view {view} shows what is not there");
            return Ok(LiveDatabase::Unreadable(words));
        }
    }
    let (family, session) = (reached.family, &mut reached.session);
    read_state(reaching, family, session, migrations_table, counted).map(LiveDatabase::Readable)
}

fn read_state(
    reaching: &Reaching,
    family: Family,
    session: &mut Session,
    migrations_table: &str,
    counted: bool,
) -> Result<LiveState, Error> {
    let failed = |end| reaching.failed(end);
    let migrations = read_migrations(session, migrations_table).map_err(failed)?;
    let mut row_counts = RowCounts::new();
    if !counted {
        return Ok(LiveState { row_counts, migrations });
    }
    let objects = inspect::objects(session).map_err(failed)?;
    let tables = objects.tables.difference(&objects.with_rows_of_others);
    let tables: Vec<&String> = tables.collect();
    row_counts.extend(tables.iter().map(|table| ((*table).clone(), None)));
    let deadline = Instant::now() + reaching.settings.row_counting;
    for table in tables {
        let left = deadline.saturating_duration_since(Instant::now());
        // A dump has the former rows too, where its tool could write them.
        let versioned = objects.system_versioned.contains(table);
        let rows = if versioned { Rows::Former } else { Rows::Current };
        let counted = inspect::count(session, table, rows, family, left).map_err(failed)?;
        // The time is over, and with it the session.
        let Some(count) = counted else { break };
        row_counts.insert(table.clone(), Some(count));
    }
    Ok(LiveState { row_counts, migrations })
}

/// Without a single error.
fn load(
    reaching: &Reaching,
    reached: &Reached,
    scratch: &Scratch,
    order: &ScratchOrder,
    run: &Run,
) -> Result<(), Error> {
    let tool = LoadTool {
        name: "mysql",
        launcher: &reaching.launcher,
        threads: reaching.settings.threads,
        run,
    };
    // What a dump holds is taken as it is, and no word of it is a command of the client's.
    let command = reaching.client_command(&reached.client).arguments([
        "--batch",
        "--binary-mode",
        "--default-character-set=utf8mb4",
        "--max-allowed-packet=1G",
    ]);
    // An index may take longer than the server lets others work.
    let limit = (reached.family == Family::MariaDb)
        .then_some("--init-command=SET SESSION max_statement_time = 0");
    let command = command.arguments(limit).arguments(["--", scratch.name.as_str()]);
    let sequences = reaching.open_in(reached, &scratch.live).and_then(|mut session| {
        inspect::objects(&mut session).map_err(|end| reaching.failed(end))
    })?;
    let sequences = sequences.sequences;
    let events = Events::KeptIn(quoted(&scratch.events()));
    let loaded = if order.form.format == Format::Directory {
        let scripts = folder_script::in_order_of_loading(&order.artifact);
        let failed = |error| Error::storage("read", &order.artifact, error);
        tool.feed(&command, &scripts.map_err(failed)?, |input| LoadFilter::of_folder(input, events))
    } else {
        let script = [(order.artifact.clone(), order.form.compression)];
        tool.feed(&command, &script, |input| {
            let filter = LoadFilter::of_dump(input, events);
            let relocation = Relocation::new(filter, &scratch.name);
            Ok(relocation.leaving_sequences(&scratch.live, sequences))
        })
    };
    loaded.map_err(|error| with_plain_words(error, plain_words))
}

/// The migrations' state; none where there is no such table, or another one of that name.
fn read_migrations(session: &mut Session, table: &str) -> Result<Migrations, SessionEnd> {
    let columns: Vec<[String; 1]> = session.query(&format!(
        "SELECT lower(column_name) FROM information_schema.columns \
         WHERE table_schema = DATABASE() AND table_name = {}",
        inspect::literal(table)
    ))?;
    let has = |wanted: &&str| columns.iter().any(|[column]| column == wanted);
    if !MIGRATION_COLUMNS.iter().all(has) {
        return Ok(Migrations::default());
    }
    let rows: Vec<[String; 2]> = session.query(&format!(
        "SELECT migration_name, finished_at IS NOT NULL FROM {} \
         WHERE rolled_back_at IS NULL ORDER BY started_at, migration_name",
        quoted(table)
    ))?;
    Ok(migrations::state(rows.into_iter().map(|[name, finished]| (name, finished == "1"))))
}

/// How the names of the scratch databases beside a database begin.
pub(super) fn prefix(live: &str) -> String {
    let digest = sha256_of_lines(&[live.to_owned()]);
    let digest: String = digest.chars().take(DIGEST_CHARACTERS).collect();
    format!("{PREFIX}{digest}_")
}

/// Drops the scratch databases that runs on this database left behind when they died. One without the table is ours
/// only while it is empty: the run died before it could make it. One with a journal is not done with. What cannot be
/// dropped is told.
fn sweep(
    reaching: &Reaching,
    reached: &Reached,
    live: &str,
    prefix: &str,
    user: &str,
) -> Vec<String> {
    let looked = reaching.open_in(reached, live).and_then(|mut session| {
        let left = leftovers(&mut session, prefix).map_err(|end| reaching.failed(end))?;
        Ok((session, left))
    });
    let Ok((mut session, left)) = looked else { return Vec::new() };
    left.into_iter()
        .filter(|name| {
            let free = session.row(&format!("SELECT coalesce(GET_LOCK('{name}', 0), 0)"));
            free.is_ok_and(|[free]| free == "1")
        })
        .filter_map(|name| drop_scratch(reaching, reached, live, &name, user))
        .collect()
}

fn leftovers(session: &mut Session, prefix: &str) -> Result<Vec<String>, SessionEnd> {
    let left: Vec<[String; 1]> = session.query(&format!(
        "SELECT s.schema_name FROM information_schema.schemata s \
         LEFT JOIN information_schema.tables t ON t.table_schema = s.schema_name \
         WHERE left(s.schema_name, {1}) = '{prefix}' GROUP BY s.schema_name \
         HAVING count(t.table_name) = 0 \
         OR max(t.table_name = concat('{PREFIX}', right(s.schema_name, {0}))) = 1 \
         AND max(t.table_name = concat('{JOURNAL}', right(s.schema_name, {0}))) = 0",
        RunId::LENGTH,
        prefix.len(),
    ))?;
    Ok(left.into_iter().map(|[name]| name).filter(|name| is_of_a_run(name, prefix)).collect())
}

pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_beside_which_database_it_is() {
        let prefix = prefix("shop");
        let name = format!("{prefix}{}", "0a".repeat(RunId::LENGTH / 2));
        assert!(is_of_a_run(&name, &prefix) && name.len() <= 64);
        assert!(!is_of_a_run(&name, &super::prefix("another")));
    }
}
