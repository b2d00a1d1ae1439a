//! A scratch database takes the live one's place.
//!
//! Both get their new names in one transaction, from another database: a kill leaves both as they were or both as
//! they shall be. The first rename's lock keeps newcomers out, and the server waits five seconds for the sessions that
//! are there; a second connection ends them meanwhile. Clients see one error, and reconnect to the new one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use backup_core::{Error, Interrupt, LiveState, Run};

use super::carry_over;
use super::connect::{Reached, Reaching};
use super::dump::lock_wait;
use super::in_place;
use super::quiet;
use super::scratch::Scratch;
use super::session::{Session, SessionEnd, identifier, literal};
use super::snapshot::{self, MigrationsTable};
use crate::prisma_local::scratch::replaced_suffix;

/// The databases from which others are renamed: the first that is not renamed itself.
pub(super) const MAINTENANCE: [&str; 2] = ["postgres", "template1"];
/// How often the sessions in the way are ended.
const ENDING: Duration = Duration::from_millis(50);
/// How long the swap is tried: each attempt waits five seconds for sessions to go.
const SWAP_PATIENCE: Duration = Duration::from_secs(30);
/// SQLSTATEs: somebody is connected; a lock was not to be had.
const IN_USE: [&str; 2] = ["55006", "55P03"];
/// The first version with subscriptions.
const SUBSCRIPTIONS_SINCE: u32 = 10;
/// The longest name of a database, in bytes.
const LONGEST_NAME: usize = 63;

/// Refuses a database that a swap would break, and a user who may not swap.
pub(super) fn check(reaching: &Reaching, reached: &mut Reached) -> Result<(), Error> {
    refuse_what_breaks(reaching, reached)?;
    match refuse_swap(reaching, &mut reached.session) {
        Err(Error::MayNotReplace { missing, grants, .. }) => {
            let in_place = in_place::check(reaching, reached).is_ok();
            Err(Error::MayNotReplace { missing, grants, in_place })
        }
        checked => checked,
    }
}

/// Refuses a database that no restore brings back whole.
pub(super) fn refuse_what_breaks(reaching: &Reaching, reached: &mut Reached) -> Result<(), Error> {
    if reached.is_standby {
        return Err(Error::UnsupportedDatabase {
            what: "a standby cannot be restored into; restore into its primary".to_owned(),
        });
    }
    if reached.version.major >= SUBSCRIPTIONS_SINCE {
        let asked = reached.session.row(
            "SELECT count(*)::text FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d \
             ON d.oid = s.subdbid WHERE d.datname = pg_catalog.current_database()",
        );
        let [subscriptions] = asked.map_err(|end| reaching.failed(end))?;
        if subscriptions != "0" {
            return Err(Error::UnsupportedDatabase {
                what: format!(
                    "the database has {subscriptions} subscriptions, which would go on in what is replaced; drop them first"
                ),
            });
        }
    }
    let asked = reached.session.row(
        "SELECT (SELECT count(*) FROM pg_catalog.pg_prepared_xacts WHERE database = d.datname)::text, \
         (SELECT count(*) FROM pg_catalog.pg_replication_slots WHERE database = d.datname)::text \
         FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()",
    );
    let [prepared, slots] = asked.map_err(|end| reaching.failed(end))?;
    if prepared == "0" && slots == "0" {
        return Ok(());
    }
    Err(Error::UnsupportedDatabase {
        what: format!(
            "the database has {prepared} prepared transactions and {slots} logical replication slots, which no restore brings back; end them first"
        ),
    })
}

/// What the live database holds; its rows where they are to be counted.
pub(super) fn state(
    reaching: &Reaching,
    reached: &mut Reached,
    migrations_table: &str,
    counted: bool,
) -> Result<LiveState, Error> {
    let place = MigrationsTable::of(reaching, migrations_table);
    let session = &mut reached.session;
    let state = if counted {
        let settings = &reaching.settings;
        snapshot::read_state(session, &place, lock_wait(settings), settings.row_counting)
    } else {
        // Without the tables' locks, for which it would wait.
        snapshot::read_migrations(session, &place)
            .map(|migrations| LiveState { migrations, ..LiveState::default() })
    };
    state.map_err(|end| reaching.failed(end))
}

/// Refuses a user who may not swap.
fn refuse_swap(reaching: &Reaching, session: &mut Session) -> Result<(), Error> {
    let asked = session.row(
        "SELECT d.datname, current_user::text, r.rolsuper::text, pg_catalog.pg_has_role(d.datdba, 'MEMBER')::text, \
         r.rolcreatedb::text, pg_catalog.pg_has_role('pg_signal_backend', 'MEMBER')::text, \
         (SELECT count(*) FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_roles s ON s.oid = a.usesysid \
          WHERE a.datname = d.datname AND s.rolsuper AND a.pid <> pg_catalog.pg_backend_pid())::text \
         FROM pg_catalog.pg_database d, pg_catalog.pg_roles r \
         WHERE d.datname = pg_catalog.current_database() AND r.rolname = current_user",
    );
    let [database, user, is_super, owns, creates, signals, supers] =
        asked.map_err(|end| reaching.failed(end))?;
    if is_super == "true" {
        return Ok(());
    }
    let user = identifier(&user);
    let database = identifier(&database);
    let mut missing = Vec::new();
    let mut grants = Vec::new();
    if owns != "true" {
        missing.push(format!("{user} does not own {database}"));
        grants.push(format!("ALTER DATABASE {database} OWNER TO {user}"));
    }
    if creates != "true" {
        missing.push("no CREATEDB, which renaming a database needs".to_owned());
        grants.push(format!("ALTER ROLE {user} CREATEDB"));
    }
    if signals != "true" {
        missing.push("no right to end the sessions of others".to_owned());
        grants.push(format!("GRANT pg_signal_backend TO {user}"));
    }
    if supers != "0" {
        missing.push(format!(
            "{supers} superusers are connected, whose sessions only a superuser ends"
        ));
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::MayNotReplace { missing, grants, in_place: false })
}

/// That the server has no statistics of what was restored, for this reason.
pub(super) fn without_statistics(words: &str) -> String {
    format!("What was restored could not be analysed: {words}")
}

/// Gives the scratch database the live one's place. Says what the old one is called then, and what the caller should know.
pub(super) fn replace(
    reaching: &Reaching,
    reached: &mut Reached,
    scratch: &Scratch,
    run: &Run,
) -> Result<(String, Vec<String>), Error> {
    // Without statistics the first queries would be planned badly.
    let mut inside = reaching.open_in(&reached.psql, &scratch.name, scratch.options)?;
    let refused = inside.refusal("ANALYZE").map_err(|end| reaching.failed(end))?;
    drop(inside);
    let warnings = refused.map(|[_, sentence]| without_statistics(&sentence)).into_iter().collect();
    // What the server is told from here on it does, whatever this program hears meanwhile.
    let reaching = &Reaching { interrupt: Interrupt::default(), ..reaching.clone() };
    reached.session.listen_to(&reaching.interrupt);
    let failed = |end| reaching.failed(end);
    // As the server knows it: a URL need not name it.
    let [live] = reached.session.row("SELECT pg_catalog.current_database()").map_err(failed)?;
    refuse_what_breaks(reaching, reached)?;
    refuse_swap(reaching, &mut reached.session)?;
    let carried = carry_over::read(&mut reached.session, &scratch.name).map_err(failed)?;
    let maintenance = MAINTENANCE.into_iter().find(|name| *name != live).unwrap_or(MAINTENANCE[0]);
    let mut session = reaching.open_in(&reached.psql, maintenance, quiet::WRITING)?;
    let mut other = reaching.open_in(&reached.psql, maintenance, quiet::WRITING)?;
    for statement in &carried.before {
        if let Some([_, sentence]) = session.refusal(statement).map_err(failed)? {
            // A setting's value may be anybody's secret.
            let what = statement.split(" TO ").next().unwrap_or_default();
            return Err(Error::RestoreFailed {
                detail: "what belongs to the database could not be carried over".to_owned(),
                words: Some(format!("{sentence} ({what})")),
            });
        }
    }
    let suffix = replaced_suffix(run, |suffix| {
        has_database(reaching, reached, maintenance, &replaced_name(&live, suffix))
    })?;
    let old = replaced_name(&live, &suffix);
    let renames = format!(
        // One message to the server: psql sends what follows an escaped semicolon with it.
        "BEGIN\\; ALTER DATABASE {live} RENAME TO {old}\\; ALTER DATABASE {scratch} RENAME TO {live}\\; \
         COMMENT ON DATABASE {live} IS {comment}\\; COMMIT",
        live = identifier(&live),
        old = identifier(&old),
        scratch = identifier(&scratch.name),
        comment = carried.comment
    );
    let swapped = match swap(&mut session, &mut other, &live, &renames) {
        // The connection may have been lost before or after the server did it.
        Err(_) if has_database(reaching, reached, maintenance, &old)? => Ok(None),
        swapped => swapped.map_err(failed),
    };
    // Our own session was in the way as well. Where it does not come back, what was done is done all the same.
    match reaching.open_in(&reached.psql, &live, "") {
        Ok(reopened) => reached.session = reopened,
        Err(error) => tracing::info!(%error, "no session in the database after its swap"),
    }
    match swapped? {
        None => Ok((old, warnings)),
        Some(words) => Err(Error::RestoreFailed {
            detail: "the database could not be renamed; it is as it was".to_owned(),
            words: Some(words),
        }),
    }
}

fn has_database(
    reaching: &Reaching,
    reached: &Reached,
    from: &str,
    name: &str,
) -> Result<bool, Error> {
    let mut session = reaching.open_in(&reached.psql, from, "")?;
    let question = format!(
        "SELECT count(*)::text FROM pg_catalog.pg_database WHERE datname = {}",
        literal(name)
    );
    let [count] = session.row(&question).map_err(|end| reaching.failed(end))?;
    Ok(count != "0")
}

/// Renames both, while another session ends those that are in the way; the server's words where it refuses.
fn swap(
    session: &mut Session,
    other: &mut Session,
    live: &str,
    renames: &str,
) -> Result<Option<String>, SessionEnd> {
    let deadline = Instant::now() + SWAP_PATIENCE;
    let ending = format!(
        "SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a \
         JOIN pg_catalog.pg_roles theirs ON theirs.oid = a.usesysid \
         JOIN pg_catalog.pg_roles own ON own.rolname = current_user \
         WHERE a.datname = {} AND (own.rolsuper OR NOT theirs.rolsuper)",
        literal(live)
    );
    while_ending(other, &ending, Duration::ZERO, || {
        loop {
            let Some([state, sentence]) = session.refusal(renames)? else { return Ok(None) };
            session.run("ROLLBACK")?;
            if !IN_USE.contains(&state.as_str()) || Instant::now() >= deadline {
                return Ok(Some(sentence));
            }
        }
    })
}

/// Does the work while another session asks the server again and again to end those that are in the way, after a time of
/// grace.
pub(super) fn while_ending<T>(
    other: &mut Session,
    ending: &str,
    grace: Duration,
    work: impl FnOnce() -> T,
) -> T {
    let done = AtomicBool::new(false);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let ended = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if begun.elapsed() >= grace {
                    // Whom it may not end, the work's own answer will tell.
                    other.refusal(ending)?;
                }
                std::thread::sleep(ENDING);
            }
            Ok(())
        });
        let outcome = work();
        done.store(true, Ordering::Relaxed);
        // That the helper's session broke matters only where the work did.
        let _: Result<Result<(), SessionEnd>, _> = ended.join();
        outcome
    })
}

/// The name of what was replaced, cut to the engine's limit.
pub(super) fn replaced_name(live: &str, suffix: &str) -> String {
    let mut end = live.len().min(LONGEST_NAME - suffix.len());
    while !live.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", live.get(..end).unwrap_or_default())
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
        let long = replaced_name(&"ü".repeat(40), "_replaced_20250124140000");
        assert!(long.len() <= LONGEST_NAME && long.starts_with("üü"));
    }
}
