//! Finishing a swap, or taking it back: whatever was done of it, and as often as it takes.

use std::time::Duration;

use backup_core::{Error, Interrupt};

use super::connect::{Reached, Reaching};
use super::definitions;
use super::forward;
use super::inspect::literal;
use super::journal::{Evidence, Journal, has_tables, pending};
use super::replay::{Refused, Replay};
use super::replica;
use super::reserve;
use super::scratch::quoted;
use super::session::{Session, SessionEnd, plain_words};
use super::unapplied;

/// The sessions of a swap, each of which holds a named lock: who comes after them waits until the server has ended them.
pub(super) const SESSIONS: [&str; 3] = ["lock", "rename", "define"];
/// How long that may take, in seconds: longer than any of their statements waits for a lock.
const ENDING_SECONDS: u32 = 60;
/// How long definitions wait for the locks of others, in seconds.
const LOCK_SECONDS: u32 = 30;
/// How often it is looked which way a swap went.
const LOOKS: u32 = 3;

/// Which way a swap went.
#[derive(Debug)]
pub(super) enum Settled {
    /// The backup is in place; what there is to say about it.
    Forward(Vec<String>),
    /// The live database is as it was; what there is to say about it.
    Backward(Vec<String>),
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
    let mut said = unapplied::left(reaching)?;
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
            Settled::Backward(warnings) => {
                said.extend(warnings);
                "taken back".to_owned()
            }
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
    let mut replay = Replay::new(reaching, &journal.live, || {
        waiting(reaching, open(reaching, reached, journal, "define")?)
    })?;
    let mut refused = Vec::new();
    let evidence = decide(reaching, reached, journal, replay.session())?;
    let mut warnings = match evidence {
        Evidence::Swapped => {
            let mut warnings = forward::forward(reaching, journal, &mut replay, locked)?;
            refused.extend(forward::keep_old(reaching, reached, journal, &mut warnings)?);
            warnings
        }
        Evidence::Finished => Vec::new(),
        Evidence::NotSwapped | Evidence::TakenBack => {
            drop(locked);
            refused.extend(backward(reaching, reached, journal, replay.session())?);
            Vec::new()
        }
    };
    if evidence != Evidence::Finished {
        refused.splice(..0, replay.take_refused());
        warnings.extend(unapplied::keep(reaching, journal, &refused)?);
    }
    journal.remove(reaching, replay.session())?;
    Ok(match evidence {
        Evidence::Swapped => Settled::Forward(warnings),
        Evidence::Finished => Settled::Already,
        Evidence::NotSwapped | Evidence::TakenBack => Settled::Backward(warnings),
    })
}

/// A session in which definitions wait for the locks of others.
pub(super) fn waiting(reaching: &Reaching, mut session: Session) -> Result<Session, Error> {
    let wait = format!("SET SESSION lock_wait_timeout = {LOCK_SECONDS}");
    session.run(&wait).map_err(|end| reaching.failed(end))?;
    Ok(session)
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

/// Puts back what was taken away before the tables could be swapped: what of it was refused.
fn backward(
    reaching: &Reaching,
    reached: &Reached,
    journal: &Journal,
    session: &mut Session,
) -> Result<Vec<Refused>, Error> {
    let refused = put_back(reaching, reached, journal)?;
    let replaced = quoted(&journal.replaced);
    let kept = has_tables(session, &journal.replaced);
    if !kept.map_err(|end| reaching.failed(end))? {
        let statement = format!("DROP DATABASE IF EXISTS {replaced}");
        session.run(&statement).map_err(|end| reaching.failed(end))?;
    }
    Ok(refused)
}

/// Makes the triggers, views and events again that are missing, while nobody can write into their tables: what of them
/// was refused.
pub(super) fn put_back(
    reaching: &Reaching,
    reached: &Reached,
    journal: &Journal,
) -> Result<Vec<Refused>, Error> {
    let (old, live) = (&journal.old, &journal.live);
    let open = || waiting(reaching, reaching.open_in(reached, live)?);
    let mut replay = Replay::new(reaching, live, open)?;
    let there = definitions::names(replay.session()).map_err(|end| reaching.failed(end))?;
    let mut views = old.views.iter().chain(&old.broken_views);
    if views.any(|view| !there.views.contains(view)) {
        replay.make_missing(&old.view_script, &there.views)?;
    }
    if old.events.iter().any(|event| !there.events.contains(event)) {
        replay.make_missing(&old.event_script, &there.events)?;
    }
    if old.triggers.iter().all(|trigger| there.triggers.contains(trigger)) {
        return Ok(replay.take_refused());
    }
    let mut locked = open()?;
    let by_lock = locked
        .run(&lock_statement(&old.triggered))
        .and_then(|()| locked.run_script(&old.trigger_script.0));
    if by_lock.is_err() {
        // Better with a gap than not at all.
        replay.make_missing(&old.trigger_script, &there.triggers)?;
    }
    Ok(replay.take_refused())
}

/// The statement that keeps others out of tables.
pub(super) fn lock_statement(tables: &[String]) -> String {
    let tables: Vec<String> =
        tables.iter().map(|table| format!("{} WRITE", quoted(table))).collect();
    format!("LOCK TABLES {}", tables.join(", "))
}
