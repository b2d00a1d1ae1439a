//! A backup restored within the live database, in one transaction: for a user who may not swap databases.
//!
//! Everything of the database's own is dropped, the dump is loaded, its rows are counted, and only then the transaction is
//! committed. Until that instant everybody else waits and the old content is all there is: a kill, an error or a lost
//! connection takes everything back.

use std::time::{Duration, Instant};

use backup_core::{Error, Interrupt, LiveState, Run, ScratchOrder, ScratchRestored, ToolSettings};

use super::connect::{Reached, Reaching, prepare};
use super::own_objects;
use super::pouring;
use super::quiet;
use super::replace::{self, while_ending};
use super::scratch::leave_subscriptions;
use super::script::{Kept, Omitted};
use super::session::{Session, SessionEnd, plain_words};
use super::snapshot::{self, MigrationsTable};

/// The server tells what became of a transaction since this version.
const TRANSACTION_STATUS_SINCE: u32 = 10;
/// How long the locks on everything are tried to be had.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one attempt waits: whoever wants to read waits behind it.
const LOCK_WAIT: &str = "5s";
/// How long others may go on before those of their sessions end that are in the way.
const GRACE: Duration = Duration::from_secs(1);
/// SQLSTATEs: a lock was not to be had; two waited for each other.
const IN_USE: [&str; 2] = ["55P03", "40P01"];
/// How long the server may take to tell what became of a transaction.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
const ANSWER_POLL: Duration = Duration::from_millis(200);

/// A transaction in which the database has been emptied and restored. Dropped, it takes everything back.
#[derive(Debug)]
pub(super) struct Transaction {
    session: Session,
    /// The server's number of it.
    number: String,
}

/// Refuses a database of which not everything could be dropped and made again, and what would fire meanwhile.
pub(super) fn check(reaching: &Reaching, reached: &mut Reached) -> Result<(), Error> {
    replace::refuse_what_breaks(reaching, reached)?;
    let failed = |end| reaching.failed(end);
    if reached.version.major < TRANSACTION_STATUS_SINCE {
        return Err(Error::UnsupportedDatabase {
            what: format!(
                "PostgreSQL before {TRANSACTION_STATUS_SINCE} does not tell what became of a transaction, without which nothing is restored in place"
            ),
        });
    }
    refuse_event_triggers(&mut reached.session).map_err(failed)??;
    let (mut missing, mut grants) = own_objects::others(&mut reached.session).map_err(failed)?;
    let lacking = own_objects::missing_rights(&mut reached.session).map_err(failed)?;
    missing.extend(lacking.0);
    grants.extend(lacking.1);
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::MayNotReplace { missing, grants, in_place: false })
}

fn refuse_event_triggers(session: &mut Session) -> Result<Result<(), Error>, SessionEnd> {
    // A superuser's session keeps those silent that do not insist.
    let loud: Vec<[String; 1]> = session.query(
        "SELECT evtname FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D' \
         AND (evtenabled <> 'O' OR pg_catalog.current_setting('is_superuser') <> 'on')",
    )?;
    Ok(loud.into_iter().next().map_or(Ok(()), |[name]| {
        Err(Error::UnsupportedDatabase {
            what: format!(
                "the database has the event trigger {name}, which would fire while everything is dropped and restored in place; disable it first"
            ),
        })
    }))
}

/// Empties the database and restores the backup into it, and counts what is in it then, all in a transaction that stays
/// open.
pub(super) fn restore(
    reaching: &Reaching,
    reached: &mut Reached,
    order: &ScratchOrder,
    run: &Run,
) -> Result<(Transaction, ScratchRestored), Error> {
    check(reaching, reached)?;
    let failed = |end| reaching.failed(end);
    let options = quiet::options(reaching, reached, order, run)?;
    let [live] = reached.session.row("SELECT pg_catalog.current_database()").map_err(failed)?;
    // Nothing that can be seen from here tells a server that is busy from one that hangs.
    let settings = ToolSettings { stall: Duration::MAX, ..reaching.settings.clone() };
    let patient = Reaching { settings, ..reaching.clone() };
    let mut session = patient.open_in(&reached.psql, &live, options)?;
    let kept = own_objects::kept(&mut session).map_err(failed)?;
    let drops = own_objects::drops(&mut session, reached.version).map_err(failed)?;
    empty(&mut session, &mut reached.session, &drops).map_err(failed)?.map_err(|words| {
        let detail = "the database could not be emptied; it is as it was".to_owned();
        Error::RestoreFailed { detail, words: Some(words) }
    })?;
    let begun = Instant::now();
    let [number] = session.row("SELECT pg_catalog.txid_current()::text").map_err(failed)?;
    load(reaching, reached, &mut session, order, kept.clone(), run)?;
    let seconds = begun.elapsed().as_secs_f64();
    let state = look(reaching, &mut session, order, &number).map_err(failed)?;
    let (LiveState { row_counts, migrations }, subscriptions) = state;
    let warnings = warnings(&kept, &subscriptions);
    let restored = ScratchRestored { row_counts, migrations, seconds, warnings };
    Ok((Transaction { session, number }, restored))
}

/// Begins the transaction and drops everything; the server's words where it refuses.
fn empty(
    session: &mut Session,
    other: &mut Session,
    drops: &[String],
) -> Result<Result<(), String>, SessionEnd> {
    let [process] = session.row("SELECT pg_catalog.pg_backend_pid()::text")?;
    let in_the_way = format!(
        "SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a \
         JOIN pg_catalog.pg_roles theirs ON theirs.oid = a.usesysid \
         JOIN pg_catalog.pg_roles own ON own.rolname = current_user \
         WHERE a.pid = ANY (pg_catalog.pg_blocking_pids({process})) AND (own.rolsuper OR NOT theirs.rolsuper \
         AND (pg_catalog.pg_has_role(theirs.oid, 'USAGE') OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE')))"
    );
    // One message to the server, for its answer is one.
    let drops = drops.join("\\; ");
    let deadline = Instant::now() + PATIENCE;
    loop {
        session.run(&format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = '{LOCK_WAIT}'"
        ))?;
        let refused = while_ending(other, &in_the_way, GRACE, || session.refusal(&drops))?;
        let Some([state, sentence]) = refused else {
            session.run("SET LOCAL lock_timeout = 0")?;
            return Ok(Ok(()));
        };
        session.run("ROLLBACK")?;
        if !IN_USE.contains(&state.as_str()) || Instant::now() >= deadline {
            return Ok(Err(sentence));
        }
    }
}

/// Without a single error, and without the transaction's end.
fn load(
    reaching: &Reaching,
    reached: &mut Reached,
    session: &mut Session,
    order: &ScratchOrder,
    kept: Vec<Kept>,
    run: &Run,
) -> Result<(), Error> {
    let unknown = pouring::unknown_settings(&mut reached.session);
    let settings = unknown.map_err(|end| reaching.failed(end))?;
    let omitted = Omitted { roles: order.left_out, settings, transactions: true, kept };
    let loaded = session.run_script(&run.interrupt, |input| {
        pouring::pour_through(reaching, order, omitted, run, input)
    });
    loaded.map_err(|end| {
        end.into_error(plain_words, |words| Error::RestoreFailed {
            detail: "the backup could not be loaded; the database is as it was".to_owned(),
            words: Some(words),
        })
    })
}

/// What is there now, as only this transaction sees it, and the subscriptions that are not brought back.
fn look(
    reaching: &Reaching,
    session: &mut Session,
    order: &ScratchOrder,
    number: &str,
) -> Result<(LiveState, Vec<String>), SessionEnd> {
    // The script has set what it needed.
    session.run("RESET SESSION AUTHORIZATION")?;
    prepare(session)?;
    session.speak_as_stored()?;
    let [now] = session.row("SELECT pg_catalog.txid_current()::text")?;
    if now != number {
        return Err(SessionEnd::fault("the script has ended the transaction that it was to be in"));
    }
    let subscriptions = leave_subscriptions(session)?;
    let schema = order.migrations_schema.as_deref();
    let place = MigrationsTable::in_schema(schema, &order.migrations_table);
    let state = snapshot::read_state_within(session, &place, reaching.settings.row_counting)?;
    Ok((state, subscriptions))
}

fn warnings(kept: &[Kept], subscriptions: &[String]) -> Vec<String> {
    let names: Vec<String> = kept
        .iter()
        .map(|kept| match kept {
            Kept::Schema(name) => format!("the schema {name}"),
            Kept::Extension(name) => format!("the extension {name}"),
        })
        .collect();
    let kept = (!names.is_empty())
        .then(|| format!("What belongs to others stays as it was: {}", names.join(", ")));
    let subscriptions = (!subscriptions.is_empty())
        .then(|| format!("Subscriptions are not brought back: {}", subscriptions.join(", ")));
    kept.into_iter().chain(subscriptions).collect()
}

/// Commits it, and asks the server whether it did.
pub(super) fn commit(
    reaching: &Reaching,
    reached: &mut Reached,
    Transaction { mut session, number }: Transaction,
) -> Result<(), Error> {
    // Without statistics the first queries would be planned badly.
    session.run("ANALYZE").map_err(|end| reaching.failed(end))?;
    // What the server is told from here on it does, whatever this program hears meanwhile.
    let reaching = &Reaching { interrupt: Interrupt::default(), ..reaching.clone() };
    session.listen_to(&reaching.interrupt);
    reached.session.listen_to(&reaching.interrupt);
    let committed = session.run("COMMIT");
    drop(session);
    let words = committed.err().map(|end| reaching.failed(end).with_reason());
    let deadline = Instant::now() + ANSWER_PATIENCE;
    loop {
        let detail = match status(reaching, reached, &number) {
            Ok(status) if status == "committed" => return Ok(()),
            Ok(status) if status == "aborted" => {
                "the server took the transaction back; the database is as it was".to_owned()
            }
            Ok(_) | Err(_) if Instant::now() < deadline => {
                std::thread::sleep(ANSWER_POLL);
                continue;
            }
            Ok(status) => format!("the server does not tell whether it was done: {status}"),
            Err(error) => format!("the server does not tell whether it was done: {error}"),
        };
        return Err(Error::RestoreFailed { detail, words });
    }
}

/// What became of a transaction, in the server's word.
fn status(reaching: &Reaching, reached: &mut Reached, number: &str) -> Result<String, Error> {
    let question = format!("SELECT coalesce(pg_catalog.txid_status({number}), 'unknown')");
    if let Ok([status]) = reached.session.row(&question) {
        return Ok(status);
    }
    *reached = reaching.reach()?;
    let [status] = reached.session.row(&question).map_err(|end| reaching.failed(end))?;
    Ok(status)
}
