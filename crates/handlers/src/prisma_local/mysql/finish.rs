//! Finishing a swap, or taking it back: whatever was done of it, and as often as it takes.

use std::collections::BTreeSet;
use std::time::Duration;

use backup_core::{Error, Interrupt};

use super::connect::{Reached, Reaching};
use super::definitions::{self, Definitions, Routine, Script};
use super::inspect::literal;
use super::journal::{Evidence, Journal, pending};
use super::replica;
use super::reserve;
use super::scratch::quoted;
use super::session::{Session, SessionEnd, plain_words};

/// The sessions of a swap, each of which holds a named lock: who comes after them waits until the server has ended them.
pub(super) const SESSIONS: [&str; 3] = ["lock", "rename", "define"];
/// How long that may take, in seconds: longer than any of their statements waits for a lock.
const ENDING_SECONDS: u32 = 60;
/// How long definitions wait for the locks of others, in seconds.
const LOCK_SECONDS: u32 = 30;
/// How often it is looked which way a swap went.
const LOOKS: u32 = 3;
/// How many objects a warning names.
const MOST_NAMED: usize = 5;

/// Which way a swap went.
#[derive(Debug)]
pub(super) enum Settled {
    /// The backup is in place; what there is to say about it.
    Forward(Vec<String>),
    /// The live database is as it was.
    Backward,
    /// There was nothing left to do.
    Already,
}

/// Settles the swaps that runs left which died. Says what was done.
pub(super) fn settle_all(
    reaching: &Reaching,
    reached: &mut Reached,
    patience: Duration,
    interrupt: &Interrupt,
) -> Result<Vec<String>, Error> {
    let failed = |end| reaching.failed(end);
    let [live] = reached.session.row("SELECT DATABASE()").map_err(failed)?;
    let mut said = Vec::new();
    let journals = pending(reaching, reached, &live)?;
    // What a replica shows of a restore is for its source to finish.
    if journals.is_empty() || replica::refuse_restore(reaching, reached).is_err() {
        return Ok(said);
    }
    for journal in journals {
        let mut session = reaching.open_in(reached, &live)?;
        // Who holds it is alive and at work on it.
        if !take(&mut session, &journal.scratch, 0).map_err(failed)? {
            continue;
        }
        // By the name that other runs know it by.
        let name = &reaching.database.connection.database;
        let reserved = reserve::reserve(&mut session, name, patience, interrupt);
        if !reserved.map_err(failed)? {
            return Err(reserve::in_use());
        }
        for name in SESSIONS {
            let lock = format!("{}/{name}", journal.scratch);
            if !take(&mut session, &lock, ENDING_SECONDS).map_err(failed)? {
                return Err(reserve::in_use());
            }
            session.run(&format!("DO RELEASE_LOCK('{lock}')")).map_err(failed)?;
        }
        // Another one may have settled it while this one waited.
        if !pending(reaching, reached, &live)?.contains(&journal) {
            continue;
        }
        let calm = Reaching { interrupt: Interrupt::default(), ..reaching.clone() };
        let settled = settle(&calm, reached, &journal, None).map_err(|error| {
            let remains = "An earlier restore of this database was interrupted, and could not be finished or taken back now";
            error.with_remains([remains.to_owned()])
        });
        let what = match settled? {
            Settled::Forward(warnings) => {
                said.extend(warnings);
                if journal.old.are_none() {
                    "finished".to_owned()
                } else {
                    format!("finished; what was there before it is kept as {}", journal.replaced)
                }
            }
            Settled::Backward => "taken back".to_owned(),
            Settled::Already => continue,
        };
        said.push(format!("A restore that was interrupted was {what}"));
    }
    Ok(said)
}

/// Takes a named lock for as long as the session lives. Says whether it did.
pub(super) fn take(session: &mut Session, lock: &str, seconds: u32) -> Result<bool, SessionEnd> {
    let lock = literal(lock);
    let [taken] = session.row(&format!("SELECT coalesce(GET_LOCK({lock}, {seconds}), 0)"))?;
    Ok(taken == "1")
}

/// Opens one of a swap's sessions.
pub(super) fn open(
    reaching: &Reaching,
    reached: &Reached,
    journal: &Journal,
    name: &str,
) -> Result<Session, Error> {
    let mut session = reaching.open_in(reached, &journal.live)?;
    let lock = format!("{}/{name}", journal.scratch);
    let taken = take(&mut session, &lock, ENDING_SECONDS).map_err(|end| reaching.failed(end))?;
    if taken { Ok(session) } else { Err(Error::internal("a session of this swap goes on")) }
}

/// Finishes a swap or takes it back, by what is really there. `locked` holds the locks on the new tables that get
/// triggers.
pub(super) fn settle(
    reaching: &Reaching,
    reached: &Reached,
    journal: &Journal,
    locked: Option<Session>,
) -> Result<Settled, Error> {
    let failed = |end| reaching.failed(end);
    let mut session = open(reaching, reached, journal, "define")?;
    let wait = format!("SET SESSION lock_wait_timeout = {LOCK_SECONDS}");
    session.run(&wait).map_err(failed)?;
    let settled = match decide(reaching, reached, journal, &mut session)? {
        Evidence::Swapped => {
            Settled::Forward(forward(reaching, reached, journal, &mut session, locked)?)
        }
        Evidence::Finished => Settled::Already,
        Evidence::NotSwapped | Evidence::TakenBack => {
            drop(locked);
            backward(reaching, reached, journal, &mut session)?;
            Settled::Backward
        }
    };
    journal.remove(reaching, &mut session)?;
    Ok(settled)
}

/// Which way it goes. Nobody else can make it go the other way afterwards.
fn decide(
    reaching: &Reaching,
    reached: &Reached,
    journal: &Journal,
    session: &mut Session,
) -> Result<Evidence, Error> {
    let scratch = quoted(&journal.scratch);
    let statement = format!(
        "SET SESSION lock_wait_timeout = {LOCK_SECONDS}; RENAME TABLE {scratch}.{} TO {scratch}.{}",
        quoted(&journal.swap_table()),
        quoted(&journal.undone_table())
    );
    for _ in 0..LOOKS {
        match journal.evidence(session).map_err(|end| reaching.failed(end))? {
            Evidence::NotSwapped => {
                // It may be swapped in this instant; then this fails, and another look tells.
                let mut other = reaching.open_in(reached, &journal.live)?;
                if let Err(end) = other.run(&statement) {
                    tracing::debug!(?end, "a swap goes on");
                }
            }
            evidence => return Ok(evidence),
        }
    }
    Err(Error::RestoreFailed {
        detail: "whether an earlier restore swapped the tables cannot be told yet".to_owned(),
        words: None,
    })
}

/// Makes the rest of the database what belongs to its new tables, and of the other one what belonged to the old.
fn forward(
    reaching: &Reaching,
    reached: &Reached,
    journal: &Journal,
    session: &mut Session,
    locked: Option<Session>,
) -> Result<Vec<String>, Error> {
    let failed = |end| refused(reaching, "what belongs to the tables could not be made", end);
    let Journal { new, .. } = journal;
    let by_lock = locked.map(|mut locked| locked.run_script(&new.trigger_script.0));
    if !matches!(by_lock, Some(Ok(()))) {
        session.run_script(&new.trigger_script.0).map_err(failed)?;
    }
    own_defaults(session, journal).map_err(failed)?;
    let mut warnings = part(session, journal).map_err(failed)?;
    add_dangling_keys(session, journal).map_err(failed)?;
    let there = definitions::names(session).map_err(failed)?;
    // What was made since the swap is somebody's work: only what belonged to the old tables goes.
    let Journal { old, .. } = journal;
    drop_routines(session, &there.routines, old, new).map_err(failed)?;
    session.run_script(&new.routine_script.0).map_err(failed)?;
    let views = of_old(&there.views, &old.views);
    drop_others(session, "VIEW", &views, &new.views).map_err(failed)?;
    session.run_script(&new.view_script.0).map_err(failed)?;
    let mut known = old.events.clone();
    known.extend(new.events.iter().cloned());
    let events = drop_others(session, "EVENT", &of_old(&there.events, &known), &[]);
    events.and_then(|()| session.run_script(&new.event_script.0)).map_err(failed)?;
    warnings.extend(keep_old(reaching, reached, journal)?);
    warnings.extend(differences(session, journal).map_err(failed)?);
    Ok(warnings)
}

/// Drops the foreign keys of what was replaced that lead to what is new: tables that they led to were not there, and are
/// now.
fn part(session: &mut Session, journal: &Journal) -> Result<Vec<String>, SessionEnd> {
    let keys: Vec<[String; 2]> = session.query(&format!(
        "SELECT DISTINCT table_name, constraint_name FROM information_schema.key_column_usage \
         WHERE table_schema = {} AND referenced_table_schema = DATABASE()",
        literal(&journal.replaced)
    ))?;
    let mut warnings = Vec::new();
    for [table, key] in keys {
        session.run(&format!(
            "ALTER TABLE {}.{} DROP FOREIGN KEY {}",
            quoted(&journal.replaced),
            quoted(&table),
            quoted(&key)
        ))?;
        warnings.push(format!(
            "The foreign key {key} of {table} led to a table that was not there; what was replaced is kept without it"
        ));
    }
    Ok(warnings)
}

/// Has the defaults of columns name the sequences where they are now.
fn own_defaults(session: &mut Session, journal: &Journal) -> Result<(), SessionEnd> {
    let scratch = format!("{}.", quoted(&journal.scratch));
    let columns: Vec<[String; 3]> = session.query(&format!(
        "SELECT table_name, column_name, column_default FROM information_schema.columns \
         WHERE table_schema = DATABASE() AND locate({}, column_default) > 0",
        literal(&scratch)
    ))?;
    for [table, column, default] in columns {
        let default = default.replace(&scratch, &format!("{}.", quoted(&journal.live)));
        session.run(&format!(
            "ALTER TABLE {} ALTER COLUMN {} SET DEFAULT ({default})",
            quoted(&table),
            quoted(&column)
        ))?;
    }
    Ok(())
}

/// Makes the foreign keys again whose tables are not there.
fn add_dangling_keys(session: &mut Session, journal: &Journal) -> Result<(), SessionEnd> {
    for key in &journal.new.dangling_keys {
        let is_there = session.has_rows(&format!(
            "SELECT 1 FROM information_schema.table_constraints WHERE table_schema = DATABASE() \
             AND table_name = {} AND constraint_name = {}",
            literal(&key.table),
            literal(&key.name)
        ))?;
        if !is_there {
            session.run(&format!(
                "SET SESSION foreign_key_checks = 0; ALTER TABLE {} ADD {}; SET SESSION foreign_key_checks = 1",
                quoted(&key.table),
                key.definition
            ))?;
        }
    }
    Ok(())
}

fn drop_others(
    session: &mut Session,
    kind: &str,
    there: &[String],
    wanted: &[String],
) -> Result<(), SessionEnd> {
    for name in there.iter().filter(|name| !wanted.contains(name)) {
        session.run(&format!("DROP {kind} IF EXISTS {}", quoted(name)))?;
    }
    Ok(())
}

/// What is there of what is known.
fn of_old(there: &[String], known: &[String]) -> Vec<String> {
    there.iter().filter(|name| known.contains(name)).cloned().collect()
}

fn drop_routines(
    session: &mut Session,
    there: &[Routine],
    old: &Definitions,
    new: &Definitions,
) -> Result<(), SessionEnd> {
    let goes =
        |routine: &&Routine| old.routines.contains(routine) && !new.routines.contains(routine);
    for Routine { kind, name } in there.iter().filter(goes) {
        session.run(&format!("DROP {kind} IF EXISTS {}", quoted(name)))?;
    }
    Ok(())
}

/// Gives the database that keeps what was replaced what belongs to its tables. Events would fire there: their
/// definitions are kept in a table.
fn keep_old(
    reaching: &Reaching,
    reached: &Reached,
    journal: &Journal,
) -> Result<Vec<String>, Error> {
    let Journal { old, replaced, run, .. } = journal;
    let mut warnings = Vec::new();
    let mut live = reaching.open_in(reached, &journal.live)?;
    if !journal.keeps_replaced(&mut live).map_err(|end| reaching.failed(end))? {
        warnings.push(format!("{replaced}, which kept what was replaced, was removed meanwhile"));
        return Ok(warnings);
    }
    drop(live);
    let scripts = [
        ("triggers", old.trigger_script.relocated(replaced)),
        ("routines", old.routine_script.clone()),
        ("views", old.view_script.relocated(replaced)),
    ];
    for (kind, Script(script)) in scripts {
        let mut session = reaching.open_in(reached, replaced)?;
        if let Err(end) = session.run_script(&script) {
            let words = words(end)?;
            warnings
                .push(format!("Not all {kind} of what was replaced are in {replaced}: {words}"));
        }
    }
    if !old.broken_views.is_empty() {
        warnings.push(format!(
            "Views that showed what was not there are not kept: {}",
            old.broken_views.join(", ")
        ));
    }
    if !old.events.is_empty() {
        let table = format!("backup_manager_events_{run}");
        let place = quoted(&table);
        let statement = format!(
            "CREATE TABLE IF NOT EXISTS {place} (script longblob) COMMENT 'withheld, since they would fire here'; \
             DELETE FROM {place}; INSERT INTO {place} VALUES (0x{})",
            definitions::hexadecimal(&old.event_script.0)
        );
        let mut session = reaching.open_in(reached, replaced)?;
        session.run(&statement).map_err(|end| reaching.failed(end))?;
        warnings.push(format!(
            "The events of what was replaced are kept as a script in the table {table} of {replaced}, where they cannot fire"
        ));
    }
    Ok(warnings)
}

/// The server's words where it refused something; an error where it is gone.
fn words(end: SessionEnd) -> Result<String, Error> {
    match end {
        SessionEnd::Ended(end) => Ok(plain_words(&end.words)),
        other => Err(other.into_error(plain_words, Error::internal)),
    }
}

/// The error of a session that ended, in the server's words where it refused something.
pub(super) fn refused(reaching: &Reaching, detail: &str, end: SessionEnd) -> Error {
    match end {
        SessionEnd::Ended(end) if end.words.contains("ERROR ") && !is_lost(&end.words) => {
            Error::RestoreFailed { detail: detail.to_owned(), words: Some(plain_words(&end.words)) }
        }
        other => reaching.failed(other),
    }
}

/// Whether the words tell of a lost connection: the client's own errors have numbers from 2000 on.
fn is_lost(words: &str) -> bool {
    words.contains("ERROR 20")
}

/// In what the database differs from what it is to be, table by table, and whether its foreign keys lead out of it.
fn differences(session: &mut Session, journal: &Journal) -> Result<Vec<String>, SessionEnd> {
    let there = definitions::names(session)?;
    let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<String>>();
    let kinds = [
        ("tables", &there.tables, &journal.new.tables),
        ("triggers", &there.triggers, &journal.new.triggers),
        ("views", &there.views, &journal.new.views),
        ("events", &there.events, &journal.new.events),
    ];
    let mut found = Vec::new();
    for (kind, there, wanted) in kinds {
        let (there, wanted) = (set(there), set(wanted));
        let named = |names: BTreeSet<&String>| {
            names.into_iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ")
        };
        let missing: BTreeSet<&String> = wanted.difference(&there).collect();
        let more: BTreeSet<&String> = there.difference(&wanted).collect();
        if !missing.is_empty() {
            found.push(format!("Of the backup's {kind} these are not there: {}", named(missing)));
        }
        if !more.is_empty() {
            found.push(format!("These {kind} are there and not in the backup: {}", named(more)));
        }
    }
    let outside: Vec<[String; 1]> = session.query(
        "SELECT constraint_name FROM information_schema.referential_constraints \
         WHERE constraint_schema = DATABASE() AND unique_constraint_schema <> DATABASE()",
    )?;
    let outside = outside
        .into_iter()
        .map(|[name]| format!("The foreign key {name} leads into another database"));
    found.extend(outside);
    Ok(found)
}

/// Puts back what was taken away before the tables could be swapped.
fn backward(
    reaching: &Reaching,
    reached: &Reached,
    journal: &Journal,
    session: &mut Session,
) -> Result<(), Error> {
    put_back(reaching, reached, journal)?;
    let replaced = quoted(&journal.replaced);
    let kept = session.has_rows(&format!(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = {}",
        literal(&journal.replaced)
    ));
    if !kept.map_err(|end| reaching.failed(end))? {
        let statement = format!("DROP DATABASE IF EXISTS {replaced}");
        session.run(&statement).map_err(|end| reaching.failed(end))?;
    }
    Ok(())
}

/// Makes the triggers, views and events again that are missing, while nobody can write into their tables.
pub(super) fn put_back(
    reaching: &Reaching,
    reached: &Reached,
    journal: &Journal,
) -> Result<(), Error> {
    let failed = |end| refused(reaching, "what belongs to the tables could not be put back", end);
    let old = &journal.old;
    let mut session = reaching.open_in(reached, &journal.live)?;
    let wait = format!("SET SESSION lock_wait_timeout = {LOCK_SECONDS}");
    session.run(&wait).map_err(failed)?;
    let there = definitions::names(&mut session).map_err(failed)?;
    if old.views.iter().any(|view| !there.views.contains(view)) {
        session.run_script(&old.view_script.0).map_err(failed)?;
    }
    if old.events.iter().any(|event| !there.events.contains(event)) {
        session.run_script(&old.event_script.0).map_err(failed)?;
    }
    if old.triggers.iter().all(|trigger| there.triggers.contains(trigger)) {
        return Ok(());
    }
    let mut locked = reaching.open_in(reached, &journal.live)?;
    let by_lock = locked
        .run(&format!("{wait}; {}", lock_statement(&old.triggered)))
        .and_then(|()| locked.run_script(&old.trigger_script.0));
    match by_lock {
        Ok(()) => Ok(()),
        // Better with a gap than not at all.
        Err(_) => session.run_script(&old.trigger_script.0).map_err(failed),
    }
}

/// The statement that keeps others out of tables.
pub(super) fn lock_statement(tables: &[String]) -> String {
    let tables: Vec<String> =
        tables.iter().map(|table| format!("{} WRITE", quoted(table))).collect();
    format!("LOCK TABLES {}", tables.join(", "))
}
