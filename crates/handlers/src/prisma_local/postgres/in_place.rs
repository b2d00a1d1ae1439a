//! A backup restored within the live database, in one transaction: for a user who may not swap databases.
//!
//! The transaction first keeps all others from writing, so that the safety backup that is made then holds everything. Then
//! everything of the database's own is dropped, the dump is loaded, its rows are counted, and only then the transaction is
//! committed. Until that instant the old content is all there is: a kill, an error or a lost connection takes everything
//! back.

use std::time::{Duration, Instant};

use backup_core::{
    Error, Interrupt, LiveState, Run, ScratchOrder, ScratchRestored, ToolSettings, seconds_of,
};

use super::connect::{Reached, Reaching, prepare};
use super::own_objects::{self, Object, TableLock};
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
/// How long rows are counted at most before they replace others for good.
const COUNTING: Duration = Duration::from_hours(24);

/// A transaction in which nobody else can write, and in which the database is emptied and restored. Dropped, it takes
/// everything back.
#[derive(Debug)]
pub(super) struct Transaction {
    session: Session,
    /// The server's numbers of it, and of the process that it is in.
    number: String,
    process: String,
    /// What was there when it began: what the safety backup holds.
    objects: Vec<Object>,
    large_objects: String,
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
    let session = &mut reached.session;
    refuse_what_fires(session).map_err(failed)??;
    let (needed, room) = own_objects::locks(session).map_err(failed)?;
    // The server has a little more room than it says, and others need some of it.
    if needed > room.saturating_add(room / 4) {
        return Err(Error::UnsupportedDatabase {
            what: format!(
                "a restore in place of this database takes about {needed} locks, and the server has room for {room}; raise max_locks_per_transaction"
            ),
        });
    }
    let temporary = own_objects::temporary_users(session).map_err(failed)?;
    if !temporary.is_empty() {
        return Err(Error::UnsupportedDatabase {
            what: format!(
                "temporary tables of other sessions use what would be dropped: {}; end those sessions first",
                temporary.join(", ")
            ),
        });
    }
    let (mut missing, mut grants) = own_objects::others(session).map_err(failed)?;
    let lacking = own_objects::missing_rights(session).map_err(failed)?;
    missing.extend(lacking.0);
    grants.extend(lacking.1);
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::MayNotReplace { missing, grants, in_place: false })
}

fn refuse_what_fires(session: &mut Session) -> Result<Result<(), Error>, SessionEnd> {
    let refused = |what| Ok(Err(Error::UnsupportedDatabase { what }));
    let [language] = session
        .row("SELECT count(*)::text FROM pg_catalog.pg_language WHERE lanname = 'plpgsql'")?;
    if language == "0" {
        return refused(
            "the database has no language plpgsql, without which nothing is restored in place"
                .to_owned(),
        );
    }
    // A superuser's session keeps those silent that do not insist.
    let loud: Vec<[String; 1]> = session.query(
        "SELECT evtname FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D' \
         AND (evtenabled <> 'O' OR pg_catalog.current_setting('is_superuser') <> 'on')",
    )?;
    match loud.first() {
        None => Ok(Ok(())),
        Some([name]) => refused(format!(
            "the database has the event trigger {name}, which would fire while everything is dropped and restored in place; disable it first"
        )),
    }
}

/// Begins the transaction: from now on nobody else can write.
pub(super) fn hold(
    reaching: &Reaching,
    reached: &mut Reached,
    interrupt: &Interrupt,
) -> Result<Transaction, Error> {
    // Nothing that can be seen from here tells a server that is busy from one that hangs.
    let settings = ToolSettings { stall: Duration::MAX, ..reaching.settings.clone() };
    let patient = Reaching { settings, interrupt: interrupt.clone(), ..reaching.clone() };
    let mut session = patient.open_same(&reached.psql)?;
    let failed = |end| unchanged(reaching, end);
    let [process] = session.row("SELECT pg_catalog.pg_backend_pid()::text").map_err(failed)?;
    session
        .run(&format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = '{LOCK_WAIT}'"
        ))
        .map_err(failed)?;
    let [number] = session.row("SELECT pg_catalog.txid_current()::text").map_err(failed)?;
    refuse_another_database(reaching, reached, &process, &number)?;
    let lock = own_objects::lock_tables(TableLock::Exclusive);
    // One that was made while the others were waited for must be locked as well.
    let deadline = Instant::now() + PATIENCE;
    let objects = loop {
        let locked = try_until_free(&mut session, &mut reached.session, &process, &lock);
        locked.map_err(failed)?.map_err(|words| Error::RestoreFailed {
            detail: "the tables are in use, and nothing was changed".to_owned(),
            words: Some(words),
        })?;
        let objects = own_objects::list(&mut session).map_err(failed)?;
        if own_objects::are_locked(&mut session, TableLock::Exclusive).map_err(failed)? {
            break objects;
        }
        interrupt.check()?;
        if Instant::now() >= deadline {
            let detail = "tables are made all the time, and nothing was changed".to_owned();
            return Err(Error::RestoreFailed { detail, words: None });
        }
    };
    let large_objects = own_objects::large_objects(&mut session).map_err(failed)?;
    Ok(Transaction { session, number, process, objects, large_objects })
}

/// Behind one address there may be several servers, and behind a pooler's name any database: everything that was looked
/// at so far must be what is emptied.
fn refuse_another_database(
    reaching: &Reaching,
    reached: &mut Reached,
    process: &str,
    number: &str,
) -> Result<(), Error> {
    let asked = reached.session.row(&format!(
        "SELECT coalesce(pg_catalog.txid_status({number}) = 'in progress', false)::text, \
         (SELECT count(*) FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_database d ON d.oid = a.datid \
         WHERE a.pid = {process} AND d.datname = pg_catalog.current_database())::text"
    ));
    match asked {
        Ok([status, count]) if status == "true" && count == "1" => Ok(()),
        // A server that has not come so far with its numbers refuses the question.
        Ok(_) | Err(SessionEnd::Ended(_)) => Err(Error::UnsupportedDatabase {
            what: "the URL does not lead to the same database each time, so that none can be restored in place; name the database's own address".to_owned(),
        }),
        Err(end) => Err(reaching.failed(end)),
    }
}

/// Empties the database and restores the backup into it, and counts what is in it then. The transaction stays open.
pub(super) fn restore(
    reaching: &Reaching,
    reached: &mut Reached,
    transaction: &mut Transaction,
    order: &ScratchOrder,
    run: &Run,
) -> Result<ScratchRestored, Error> {
    let failed = |end| unchanged(reaching, end);
    let options = quiet::options(reaching, reached, order, run)?;
    let settings = quiet::as_statements(options);
    transaction.session.run(&settings).map_err(failed)?;
    // Others may have made or changed something meanwhile that no lock on a table keeps them from.
    check(reaching, reached)?;
    empty(reaching, reached, transaction)?;
    let session = &mut transaction.session;
    let kept = own_objects::kept(session).map_err(failed)?;
    let schemas = own_objects::staying_schemas(session).map_err(failed)?;
    let unknown = pouring::unknown_settings(&mut reached.session);
    let omitted = Omitted {
        roles: order.left_out,
        settings: unknown.map_err(failed)?,
        transactions: true,
        kept: kept.clone(),
        schemas,
    };
    let begun = Instant::now();
    let extensions = load(reaching, transaction, order, omitted, run)?;
    let seconds = seconds_of(begun.elapsed());
    let (LiveState { row_counts, migrations }, subscriptions) =
        look(transaction, order, &extensions).map_err(failed)?;
    if let Some((table, _)) = row_counts.iter().find(|(_, count)| count.is_none()) {
        let detail = format!("{table} could not be counted; the database is as it was");
        return Err(Error::RestoreFailed { detail, words: None });
    }
    let warnings = warnings(&kept, &subscriptions);
    Ok(ScratchRestored { row_counts, migrations, seconds, warnings })
}

/// Drops everything of the database's own, and nothing else.
fn empty(
    reaching: &Reaching,
    reached: &mut Reached,
    Transaction { session, process, objects, large_objects, .. }: &mut Transaction,
) -> Result<(), Error> {
    let failed = |end| unchanged(reaching, end);
    let refused = |what: &str, words| {
        let detail = format!("{what}; the database is as it was");
        Error::RestoreFailed { detail, words }
    };
    let bystanders = own_objects::bystanders(session).map_err(failed)?;
    if own_objects::large_objects(session).map_err(failed)? != *large_objects {
        return Err(refused("meanwhile large objects were written to", None));
    }
    // Once everything is locked nothing is waited for any more, and what is known is compared and dropped at one instant.
    let lock = own_objects::lock_tables(TableLock::AccessExclusive);
    let drops = own_objects::empty(reached.version, objects);
    let emptied =
        try_until_free(session, &mut reached.session, process, &format!("{lock}\\; {drops}"));
    if let Err(words) = emptied.map_err(failed)? {
        let now = own_objects::list(session).map_err(failed)?;
        let changed = own_objects::missing(&now, objects);
        return Err(match changed.filter(|_| words.contains(own_objects::CHANGED)) {
            Some(names) => refused(&format!("meanwhile there were made or changed: {names}"), None),
            None => refused("the database could not be emptied", Some(words)),
        });
    }
    let left = own_objects::list(session).map_err(failed)?;
    if let Some(names) = own_objects::missing(&left, &[]) {
        return Err(refused(&format!("these could not be dropped: {names}"), None));
    }
    let still_there = own_objects::bystanders(session).map_err(failed)?;
    if let Some(names) = own_objects::missing(&bystanders, &still_there) {
        return Err(refused(&format!("this would be dropped with it: {names}"), None));
    }
    session.run("SET LOCAL lock_timeout = 0").map_err(failed)
}

/// Runs a statement in the transaction until no lock of others stands in its way; the server's words where it refuses.
fn try_until_free(
    session: &mut Session,
    other: &mut Session,
    process: &str,
    statement: &str,
) -> Result<Result<(), String>, SessionEnd> {
    let in_the_way = format!(
        "SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a \
         JOIN pg_catalog.pg_roles theirs ON theirs.oid = a.usesysid \
         JOIN pg_catalog.pg_roles own ON own.rolname = current_user \
         WHERE a.pid = ANY (pg_catalog.pg_blocking_pids({process})) AND (own.rolsuper OR NOT theirs.rolsuper \
         AND (pg_catalog.pg_has_role(theirs.oid, 'USAGE') OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE')))"
    );
    let deadline = Instant::now() + PATIENCE;
    loop {
        session.run("SAVEPOINT attempt")?;
        let refused = while_ending(other, &in_the_way, GRACE, || session.refusal(statement))?;
        let Some([state, sentence]) = refused else {
            session.run("RELEASE SAVEPOINT attempt")?;
            return Ok(Ok(()));
        };
        session.run("ROLLBACK TO SAVEPOINT attempt")?;
        if !IN_USE.contains(&state.as_str()) || Instant::now() >= deadline {
            return Ok(Err(sentence));
        }
    }
}

/// Without a single error, and without the transaction's end. Answers the extensions that the script asks for.
fn load(
    reaching: &Reaching,
    transaction: &mut Transaction,
    order: &ScratchOrder,
    omitted: Omitted,
    run: &Run,
) -> Result<Vec<String>, Error> {
    let mut extensions = Vec::new();
    let loaded = transaction.session.run_script(&run.interrupt, |input| {
        let passed = pouring::pour_through(reaching, order, omitted, run, input)?;
        let whole = passed.is_some();
        extensions = passed.unwrap_or_default();
        Ok(whole)
    });
    loaded.map_err(|end| unchanged(reaching, end))?;
    Ok(extensions)
}

/// What is there now, as only this transaction sees it, and the subscriptions that are not brought back.
fn look(
    Transaction { session, number, .. }: &mut Transaction,
    order: &ScratchOrder,
    extensions: &[String],
) -> Result<(LiveState, Vec<String>), SessionEnd> {
    // The script has set what it needed.
    session.run("RESET SESSION AUTHORIZATION")?;
    prepare(session)?;
    session.speak_as_stored()?;
    let [now] = session.row("SELECT pg_catalog.txid_current()::text")?;
    if now != *number {
        return Err(SessionEnd::fault("the script has ended the transaction that it was to be in"));
    }
    session.run(&own_objects::drop_others_than(extensions))?;
    let subscriptions = leave_subscriptions(session)?;
    let schema = order.migrations_schema.as_deref();
    let place = MigrationsTable::in_schema(schema, &order.migrations_table);
    let state = snapshot::read_state_within(session, &place, COUNTING)?;
    Ok((state, subscriptions))
}

fn warnings(kept: &[Kept], subscriptions: &[String]) -> Vec<String> {
    // It is in every database.
    let told = kept.iter().filter(|kept| **kept != Kept::Extension("plpgsql".to_owned()));
    let names: Vec<String> = told
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

/// The error of a session that ended, and its transaction with it.
fn unchanged(reaching: &Reaching, end: SessionEnd) -> Error {
    match end {
        SessionEnd::Ended(end) => Error::RestoreFailed {
            detail: "the backup could not be loaded; the database is as it was".to_owned(),
            words: Some(plain_words(&end.words)).filter(|words| !words.is_empty()),
        },
        end => reaching.failed(end),
    }
}

/// Commits it, and asks the server whether it did. Answers what the caller should know.
pub(super) fn commit(
    reaching: &Reaching,
    reached: &mut Reached,
    Transaction { mut session, number, process, .. }: Transaction,
) -> Result<Vec<String>, Error> {
    let failed = |end| unchanged(reaching, end);
    session.run("SAVEPOINT analysis").map_err(failed)?;
    // Without statistics the first queries would be planned badly.
    let refused = session.refusal("ANALYZE").map_err(failed)?;
    if refused.is_some() {
        session.run("ROLLBACK TO SAVEPOINT analysis").map_err(failed)?;
    }
    // What the server is told from here on it does, whatever this program hears meanwhile.
    let reaching = &Reaching { interrupt: Interrupt::default(), ..reaching.clone() };
    session.listen_to(&reaching.interrupt);
    reached.session.listen_to(&reaching.interrupt);
    session.wait_for(reaching.settings.stall);
    let words = match session.run("COMMIT") {
        Err(SessionEnd::Ended(end)) => Some(plain_words(&end.words)),
        Ok(()) | Err(_) => None,
    };
    drop(session);
    became_committed(reaching, reached, &number, &process, words)?;
    Ok(refused.map(|[_, sentence]| replace::without_statistics(&sentence)).into_iter().collect())
}

/// Waits until the server tells that the transaction was committed. One whose session is gone and that is at work still is
/// ended: nobody could use the database meanwhile.
fn became_committed(
    reaching: &Reaching,
    reached: &mut Reached,
    number: &str,
    process: &str,
    words: Option<String>,
) -> Result<(), Error> {
    let deadline = Instant::now() + ANSWER_PATIENCE;
    loop {
        let told = status(reaching, reached, number, process);
        let detail = match told {
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
fn status(
    reaching: &Reaching,
    reached: &mut Reached,
    number: &str,
    process: &str,
) -> Result<String, Error> {
    let question = format!("SELECT coalesce(pg_catalog.txid_status({number}), 'unknown')");
    let status = match reached.session.row(&question) {
        Ok([status]) => status,
        Err(_) => {
            *reached = reaching.reach()?;
            let [status] = reached.session.row(&question).map_err(|end| reaching.failed(end))?;
            status
        }
    };
    if status == "in progress" {
        let ended = reached.session.refusal(&format!(
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
             WHERE pid = {process} AND backend_xid::text::pg_catalog.int8 = {number} % 4294967296"
        ));
        ended.map_err(|end| reaching.failed(end))?;
    }
    Ok(status)
}
