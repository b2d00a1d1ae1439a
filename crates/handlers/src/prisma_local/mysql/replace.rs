//! A scratch database takes the live one's place.
//!
//! A database has no name that could be changed: its tables are renamed, all of them out and all of the others in, by
//! one statement. A table that has triggers cannot be renamed into another database, and what makes or drops a trigger
//! commits by itself, as do views, routines and events; so what there was and what there shall be is written down first
//! ([`journal`](super::journal)), and whoever comes next finishes it or takes it back ([`finish`](super::finish)).
//!
//! ```text
//!  lock   ── LOCK TABLES ── DROP TRIGGER … ──┬─ UNLOCK ── LOCK the new ones (waits) ── CREATE TRIGGER … ── UNLOCK
//!  rename ─────────────────────────── RENAME (waits) ──── done
//! ```
//!
//! Nobody writes while the triggers are away: the rename is waiting already when the lock is given up, and comes before
//! whoever else waits; MariaDB lets no session rename that holds such a lock itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use backup_core::{Error, Interrupt, Replaced, Run};

use super::connect::{Reached, Reaching};
use super::definitions::{self, Definitions};
use super::events;
use super::finish::{self, Settled, lock_statement, put_back};
use super::inspect::literal;
use super::journal::{Evidence, Journal};
use super::replay::Refused;
use super::replica;
use super::rights;
use super::scratch::{Scratch, quoted};
use super::session::{Session, SessionEnd, plain_words};
use crate::prisma_local::scratch::replaced_suffix;
use crate::tools::Family;

/// How long a statement of the swap waits for the locks of others, in seconds: whoever reads then waits for it.
const LOCK_SECONDS: u32 = 5;
/// How often the swap is tried, and how long others are let pass between two attempts.
const ATTEMPTS: u32 = 12;
const PAUSE: Duration = Duration::from_millis(500);
/// How long it is waited until the rename waits.
const QUEUEING: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(2);
/// What the client says where a lock was not to be had in time, by the server's numbers.
const BUSY: [&str; 2] = ["ERROR 1205 ", "ERROR 1213 "];
/// How many privileges on routines a warning names.
const MOST_GRANTS: usize = 20;
/// The longest name of a database, in characters.
const LONGEST_NAME: usize = 64;

/// Refuses a database that a swap would break, and a user who may not swap.
pub(super) fn check(reaching: &Reaching, reached: &mut Reached) -> Result<(), Error> {
    replica::refuse_restore(reaching, reached)?;
    refuse_old(reached)?;
    refuse_foreign_keys(reached).map_err(|end| reaching.failed(end))??;
    rights::refuse_missing(reached).map_err(|end| reaching.failed(end))?
}

/// Before these versions a server that crashes in the midst of a rename of several tables leaves some of them renamed.
fn refuse_old(reached: &Reached) -> Result<(), Error> {
    let (major, minor) = (reached.version.major, reached.version.minor);
    let whole = match reached.family {
        Family::MySql => major >= 8,
        Family::MariaDb => (major, minor) >= (10, 6),
        Family::Postgres | Family::Mydumper => true,
    };
    if whole {
        return Ok(());
    }
    Err(Error::UnsupportedDatabase {
        what: "a server that renames several tables as one is needed to restore into: MySQL 8.0 or MariaDB 10.6".to_owned(),
    })
}

/// Foreign keys are renamed with their tables: those of other databases would lead to what was replaced.
fn refuse_foreign_keys(reached: &mut Reached) -> Result<Result<(), Error>, SessionEnd> {
    let crossing: Vec<[String; 2]> = reached.session.query(
        "SELECT DISTINCT concat(table_schema, '.', table_name, ' (', constraint_name, ')'), \
         referenced_table_schema = DATABASE() FROM information_schema.key_column_usage \
         WHERE referenced_table_schema IS NOT NULL \
         AND (table_schema = DATABASE()) <> (referenced_table_schema = DATABASE()) ORDER BY 1 LIMIT 20",
    )?;
    let named = |inwards: &str| {
        let names = crossing.iter().filter(|[_, leads_in]| leads_in == inwards);
        names.map(|[name, _]| name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (inwards, outwards) = (named("1"), named("0"));
    if !inwards.is_empty() {
        let what = format!(
            "foreign keys of other databases lead into it and would lead to what is replaced: {inwards}; drop them first"
        );
        return Ok(Err(Error::UnsupportedDatabase { what }));
    }
    if !outwards.is_empty() {
        let what = format!(
            "its foreign keys lead into other databases, and those of what is replaced would keep rows there from being deleted: {outwards}; drop them first"
        );
        return Ok(Err(Error::UnsupportedDatabase { what }));
    }
    Ok(Ok(()))
}

/// Gives the tables of the scratch database the place of the live ones, with all that belongs to them.
pub(super) fn replace(
    reaching: &Reaching,
    reached: &mut Reached,
    beside: &mut Option<Scratch>,
    run: &Run,
) -> Result<Replaced, Error> {
    check(reaching, reached)?;
    let lost = || Error::internal("nothing was restored beside it");
    let scratch = &beside.clone().ok_or_else(lost)?;
    // What the server is told from here on it does, whatever this program hears meanwhile.
    let reaching = &Reaching { interrupt: Interrupt::default(), ..reaching.clone() };
    reached.session.listen_to(&reaching.interrupt);
    let journal = prepare(reaching, reached, scratch, run)?;
    let grants = routine_grants(reaching, reached, &scratch.live);
    let mut session = reaching.open_in(reached, &scratch.live)?;
    // From here on it is the journal's: while that is there, nobody else may drop it.
    *beside = None;
    let written = journal.write(reaching, &mut session);
    let swapped = written
        .and_then(|()| clear(reaching, reached, scratch, &journal))
        .and_then(|()| swap(reaching, reached, &journal, run));
    let (locked, since, failed) = match swapped {
        Ok(Swapped { locked, unguarded_since }) => (locked, unguarded_since, None),
        Err(error) => (None, None, Some(error)),
    };
    match (finish::settle(reaching, reached, &journal, locked), failed) {
        // It may have been swapped although the connection was lost.
        (Ok(Settled::Forward(mut warnings)), _) => {
            warnings.extend(since.map(|since| gap_warning(since.elapsed())));
            warnings.extend(grants);
            let aside = (!journal.old.are_none()).then_some(journal.replaced);
            Ok(Replaced { aside, warnings })
        }
        (Ok(Settled::Backward(warnings)), Some(error)) => Err(error.with_remains(warnings)),
        (Ok(Settled::Already), Some(error)) => Err(error),
        (Ok(_), None) => Err(Error::internal("the tables were swapped and are not")),
        (Err(error), failed) => {
            let remains = format!(
                "The restore is half done; its journal tells the next backup or restore of this database how to finish it or take it back ({error})"
            );
            Err(failed.unwrap_or(error).with_remains([remains]))
        }
    }
}

/// A warning about privileges on single routines: the server forgets them with the routine, and no dump has them.
fn routine_grants(reaching: &Reaching, reached: &Reached, live: &str) -> Option<String> {
    let mut session = reaching.open_in(reached, live).ok()?;
    // Who may not read them is told nothing.
    let rows: Vec<[String; 1]> = session
        .query(&format!(
            "SELECT DISTINCT concat(routine_name, ' for ', user) FROM mysql.procs_priv WHERE db = {} \
             ORDER BY 1 LIMIT {MOST_GRANTS}",
            literal(live)
        ))
        .ok()?;
    let names: Vec<String> = rows.into_iter().map(|[name]| name).collect();
    (!names.is_empty()).then(|| {
        format!(
            "Privileges on single routines went with them; grant them again: {}",
            names.join(", ")
        )
    })
}

fn gap_warning(gap: Duration) -> String {
    format!(
        "Who wrote into the new tables within the first {} ms after the swap may have missed their triggers",
        gap.as_millis()
    )
}

/// Everything that will be needed, read before anything is changed.
fn prepare(
    reaching: &Reaching,
    reached: &mut Reached,
    scratch: &Scratch,
    run: &Run,
) -> Result<Journal, Error> {
    let failed = |end| reaching.failed(end);
    let old = definitions::read(reaching, reached, &scratch.live)?;
    let new = definitions::read(reaching, reached, &scratch.name)?.relocated(&scratch.live);
    let mut session = reaching.open_in(reached, &scratch.name)?;
    let dangling_keys = definitions::dangling_keys(&mut session).map_err(failed)?;
    let events::Withheld { names: events, script: event_script, trial } =
        events::withheld(&mut session, &scratch.events()).map_err(failed)?;
    // All else was made here already.
    let tried = session.run_script(&trial.0);
    tried.map_err(|end| finish::refused(reaching, "an event of the backup cannot be made", end))?;
    definitions::refuse_inseparable("events", &events, &event_script)?;
    let own = |table: &String| !scratch.is_own(table);
    let tables = new.tables.into_iter().filter(own).collect();
    let new = Definitions { tables, events, dangling_keys, event_script, ..new };
    let suffix = replaced_suffix(run, |suffix| {
        reached.session.has_rows(&format!(
            "SELECT 1 FROM information_schema.schemata WHERE schema_name = {}",
            literal(&replaced_name(&scratch.live, suffix))
        ))
    });
    let replaced = replaced_name(&scratch.live, &suffix.map_err(failed)?);
    let (live, name) = (scratch.live.clone(), scratch.name.clone());
    Ok(Journal::new(&scratch.run, live, name, replaced, old, new))
}

/// Makes room: the database for what is replaced, and away with what keeps tables of the backup from being renamed.
fn clear(
    reaching: &Reaching,
    reached: &mut Reached,
    scratch: &Scratch,
    journal: &Journal,
) -> Result<(), Error> {
    let failed = |end| reaching.failed(end);
    let [charset, collation] = reached
        .session
        .row("SELECT @@character_set_database, @@collation_database")
        .map_err(failed)?;
    let mut session = reaching.open_in(reached, &scratch.name)?;
    session
        .run(&format!(
            "CREATE DATABASE {} CHARACTER SET {charset} COLLATE {collation}",
            quoted(&journal.replaced)
        ))
        .map_err(|end| {
            let pattern = rights::replaced_pattern(&journal.live);
            rights::denied_or(reaching, &pattern, &scratch.user, end)
        })?;
    for trigger in &journal.new.triggers {
        session.run(&format!("DROP TRIGGER {}", quoted(trigger))).map_err(failed)?;
    }
    for key in &journal.new.dangling_keys {
        let (table, name) = (quoted(&key.table), quoted(&key.name));
        let statement = format!("ALTER TABLE {table} DROP FOREIGN KEY {name}");
        session.run(&statement).map_err(failed)?;
    }
    Ok(())
}

/// Takes away what is not locked with its tables: nothing of the old database may act by itself on the new tables, and
/// a view of it may have the name of one of the backup's tables.
fn withdraw(reaching: &Reaching, reached: &Reached, journal: &Journal) -> Result<(), Error> {
    let failed = |end| reaching.failed(end);
    let mut live = reaching.open_in(reached, &journal.live)?;
    for event in &journal.old.events {
        live.run(&format!("DROP EVENT IF EXISTS {}", quoted(event))).map_err(failed)?;
    }
    let views = journal.old.views.iter().chain(&journal.old.broken_views);
    for view in views.filter(|view| journal.new.tables.contains(view)) {
        live.run(&format!("DROP VIEW IF EXISTS {}", quoted(view))).map_err(failed)?;
    }
    Ok(())
}

/// What a swap left.
struct Swapped {
    /// The session that keeps others out of the new tables until they have their triggers.
    locked: Option<Session>,
    /// Since when others can write into tables that have not all of their triggers; none where they cannot.
    unguarded_since: Option<Instant>,
}

/// What one attempt came to.
enum Attempt {
    Done(Swapped),
    /// Somebody else held a table; the server's words.
    Busy(String),
}

fn swap(
    reaching: &Reaching,
    reached: &Reached,
    journal: &Journal,
    run: &Run,
) -> Result<Swapped, Error> {
    let mut words = String::new();
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            let refused = put_back(reaching, reached, journal)?;
            if let Some(Refused { what, words, .. }) = refused.into_iter().next() {
                let detail = format!("{what} could not be put back between two attempts");
                return Err(Error::RestoreFailed { detail, words: Some(words) });
            }
            std::thread::sleep(PAUSE);
        }
        run.interrupt.check()?;
        withdraw(reaching, reached, journal)?;
        match try_to_swap(reaching, reached, journal)? {
            Attempt::Done(swapped) => return Ok(swapped),
            Attempt::Busy(said) => {
                tracing::info!(attempt, said, "the tables are in use");
                words = said;
            }
        }
    }
    Err(Error::RestoreFailed {
        detail: format!(
            "others kept the tables locked, {ATTEMPTS} times for {LOCK_SECONDS} s; the database is as it was"
        ),
        words: Some(words),
    })
}

fn try_to_swap(
    reaching: &Reaching,
    reached: &Reached,
    journal: &Journal,
) -> Result<Attempt, Error> {
    let wait = format!("SET SESSION lock_wait_timeout = {LOCK_SECONDS}");
    let mut lock = finish::open(reaching, reached, journal, "lock")?;
    let mut rename = finish::open(reaching, reached, journal, "rename")?;
    let busy_or = |end| busy_or(reaching, end);
    lock.run(&wait).and_then(|()| rename.run(&wait)).map_err(|end| reaching.failed(end))?;
    if !journal.old.tables.is_empty()
        && let Err(end) = lock.run(&lock_statement(&journal.old.tables))
    {
        return busy_or(end).map(Attempt::Busy);
    }
    for trigger in &journal.old.triggers {
        let statement = format!("DROP TRIGGER IF EXISTS {}", quoted(trigger));
        if let Err(end) = lock.run(&statement) {
            return busy_or(end).map(Attempt::Busy);
        }
    }
    let [id] = rename.row("SELECT CONNECTION_ID()").map_err(|end| reaching.failed(end))?;
    let statement = rename_statement(journal);
    let done = AtomicBool::new(false);
    let (renamed, exchanged) = std::thread::scope(|scope| {
        let renaming = scope.spawn(|| {
            let renamed = rename.run(&statement);
            done.store(true, Ordering::SeqCst);
            (renamed, Instant::now())
        });
        let exchanged = exchange_locks(lock, &id, journal, &done);
        (renaming.join(), exchanged)
    });
    match renamed.map_err(|_| Error::internal("the rename panicked"))? {
        (Ok(()), at) => Ok(Attempt::Done(lock_new(exchanged, at, journal))),
        (Err(end), _) => busy_or(end).map(Attempt::Busy),
    }
}

/// What became of the locks when the rename was to go ahead.
enum Exchanged {
    /// The new tables are locked, since the instant in which they were there.
    Locked(Session),
    /// Nothing is locked now.
    Unlocked(Session),
    /// The session ended: that locks nothing either.
    Ended,
}

/// Gives up the locks on the old tables once the rename waits for them, and waits behind it for those on the new ones.
fn exchange_locks(
    mut lock: Session,
    rename: &str,
    journal: &Journal,
    done: &AtomicBool,
) -> Exchanged {
    let question = format!(
        "SELECT 1 FROM information_schema.processlist WHERE id = {rename} AND state LIKE 'Waiting%'"
    );
    let deadline = Instant::now() + QUEUEING;
    let mut waits = journal.old.tables.is_empty();
    while !waits && Instant::now() < deadline {
        match lock.has_rows(&question) {
            Ok(found) => waits = found,
            Err(_) => return Exchanged::Ended,
        }
        std::thread::sleep(POLL);
    }
    if journal.new.triggers.is_empty() || !can_queue(journal) {
        return match lock.run("UNLOCK TABLES") {
            Ok(()) => Exchanged::Unlocked(lock),
            Err(_) => Exchanged::Ended,
        };
    }
    let statement = format!("UNLOCK TABLES; {}", lock_statement(&journal.new.tables));
    loop {
        let is_last = done.load(Ordering::SeqCst);
        if lock.run(&statement).is_err() {
            return Exchanged::Ended;
        }
        match journal.evidence(&mut lock) {
            Ok(Evidence::Swapped) => return Exchanged::Locked(lock),
            // What the rename waited for were not these tables: it is let pass once more.
            Ok(_) if !is_last => {}
            // It failed; the locks go with the session.
            Ok(_) | Err(_) => return Exchanged::Ended,
        }
    }
}

/// Whether who waits for the new tables is sure to wait for the rename. The server takes the locks of a statement one
/// after the other, by name: where the first of them is one of both, it is the one that the rename waits for.
fn can_queue(journal: &Journal) -> bool {
    let first = |tables: &[String]| tables.iter().min().cloned();
    let (old, new) = (first(&journal.old.tables), first(&journal.new.tables));
    old.is_some() && old == new
}

/// Keeps others out of the new tables until they have their triggers.
fn lock_new(exchanged: Exchanged, renamed: Instant, journal: &Journal) -> Swapped {
    if journal.new.triggers.is_empty() {
        return Swapped { locked: None, unguarded_since: None };
    }
    match exchanged {
        Exchanged::Locked(lock) => Swapped { locked: Some(lock), unguarded_since: None },
        Exchanged::Unlocked(mut lock) => {
            let locked = lock.run(&lock_statement(&journal.new.triggered));
            Swapped { locked: locked.is_ok().then_some(lock), unguarded_since: Some(renamed) }
        }
        Exchanged::Ended => Swapped { locked: None, unguarded_since: Some(renamed) },
    }
}

/// The server's words where somebody else held what was needed; else the error.
fn busy_or(reaching: &Reaching, end: SessionEnd) -> Result<String, Error> {
    match end {
        SessionEnd::Ended(end) if BUSY.iter().any(|busy| end.words.contains(busy)) => {
            Ok(plain_words(&end.words))
        }
        other => Err(finish::refused(
            reaching,
            "the tables could not be renamed; the database is as it was",
            other,
        )),
    }
}

/// All tables out and all tables in, by one statement.
fn rename_statement(journal: &Journal) -> String {
    let Journal { live, scratch, replaced, old, new, .. } = journal;
    let swap = journal.swap_table();
    let renames = |from: &str, to: &str, tables: &[String]| -> Vec<String> {
        let rename = |table: &String| {
            let table = quoted(table);
            format!("{}.{table} TO {}.{table}", quoted(from), quoted(to))
        };
        tables.iter().map(rename).collect()
    };
    let all = [
        renames(live, replaced, &old.tables),
        renames(scratch, live, &new.tables),
        renames(scratch, replaced, &[swap]),
    ];
    format!("RENAME TABLE {}", all.concat().join(", "))
}

/// The name of what was replaced, cut to the engine's limit.
pub(super) fn replaced_name(live: &str, suffix: &str) -> String {
    let kept: String = live.chars().take(LONGEST_NAME - suffix.len()).collect();
    format!("{kept}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_between_letters() {
        assert_eq!(
            replaced_name("shop", "_replaced_20250124140000"),
            "shop_replaced_20250124140000"
        );
        let long = replaced_name(&"ü".repeat(64), "_replaced_20250124140000");
        assert_eq!(long.chars().count(), LONGEST_NAME);
        assert!(long.starts_with("üü"));
    }
}
