//! Restoring into a scratch database of the same server, which is gone afterwards.
//!
//! A scratch database is known by its name and by two marks that say beside which database it is: its connection limit,
//! with which it is made, and its comment, which it has until it takes the live one's place. While it is used, the session that made it holds an advisory lock; one whose lock is free was left by a run that died.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use backup_core::{Error, Interrupt, LiveState, Run, ScratchOrder, ScratchRestored, seconds_of};
use backup_protocol::Format;

use super::archive;
use super::connect::{PSQL, Reached, Reaching};
use super::dump::lock_wait;
use super::examine::PG_RESTORE;
use super::pouring;
use super::quiet;
use super::script::Omitted;
use super::session::{Session, SessionEnd, identifier, literal, plain_words};
use super::snapshot::{self, MigrationsTable};
use crate::prisma_local::loading::LoadTool;
use crate::prisma_local::scratch::{PREFIX, is_of_a_run, with_left, with_plain_words};
use crate::tools::{Tool, Version, find_all, newest};

/// How its comment begins; the live database's number follows.
const MARK: &str = "scratch database of backup-manager beside database ";
/// Its connection limit: nobody's choice, and beyond what any server allows; the live database's number is part of it.
/// (A query's text; `live` is the live database's row.)
const LIMIT: &str = "(1073741824 + live.oid::bigint % 1073741823)";
/// The first half of the key of the lock on a scratch database: `scrt` in ASCII.
const LOCK_KEY: u32 = 0x7363_7274;
/// How long the end of the sessions in a scratch database is waited for.
const DROP_PATIENCE: Duration = Duration::from_secs(10);
const DROP_POLL: Duration = Duration::from_millis(100);
/// `DROP DATABASE` ends the sessions in it since this version.
const FORCE_SINCE: u32 = 13;
const ONE_JOB: NonZeroUsize = NonZeroUsize::MIN;
/// The SQLSTATE of something that is in use.
const IN_USE: &str = "55006";
/// The SQLSTATE of a missing right.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// A scratch database.
#[derive(Clone, Debug)]
pub(super) struct Scratch {
    pub name: String,
    /// The options of the sessions in it.
    pub options: &'static str,
}

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
    check(reaching, reached)?;
    let failed = |end| reaching.failed(end);
    let options = quiet::options(reaching, reached, order, run)?;
    let session = &mut reached.session;
    let version = reached.version;
    session.run("SET default_transaction_read_only = off").map_err(failed)?;
    let warnings = sweep(reaching, reached, options).map_err(failed)?;
    let scratch = Scratch { name: format!("{PREFIX}{}", run.id), options };
    // A moment, in which nothing is left half: whoever interrupts is heard after it.
    let session = &mut reached.session;
    session.listen_to(&Interrupt::default());
    let made = create(session, version, &scratch.name).map_err(failed);
    session.listen_to(&run.interrupt);
    made??;
    let marked = mark(session, &scratch.name).map_err(failed);
    let restored = marked
        .and_then(|()| load_and_count(reaching, reached, &scratch, order, run))
        .map(|restored| {
            let warnings = warnings.into_iter().chain(restored.warnings).collect();
            ScratchRestored { warnings, ..restored }
        });
    Ok((scratch, restored))
}

/// Refuses a server on which none can be made.
pub(super) fn check(reaching: &Reaching, reached: &mut Reached) -> Result<(), Error> {
    if reached.is_standby {
        return Err(Error::UnsupportedDatabase {
            what: "a standby can hold no scratch database".to_owned(),
        });
    }
    let asked = reached.session.row(
        "SELECT r.rolname, (r.rolcreatedb OR r.rolsuper)::text FROM pg_catalog.pg_roles r \
         WHERE r.rolname = current_user",
    );
    let [user, may] = asked.map_err(|end| reaching.failed(end))?;
    if may == "true" { Ok(()) } else { Err(denied(&user, None)) }
}

fn denied(user: &str, words: Option<String>) -> Error {
    Error::PermissionDenied {
        missing: vec!["no CREATEDB, which a scratch database needs".to_owned()],
        grants: vec![format!("ALTER ROLE {} CREATEDB", identifier(user))],
        words,
    }
}

/// Drops a scratch database; a sentence where that fails.
pub(super) fn discard(
    reaching: &Reaching,
    reached: &mut Reached,
    scratch: &Scratch,
) -> Option<String> {
    // Also where the run was interrupted: nothing of it is left on a server.
    let reaching = &Reaching { interrupt: Interrupt::default(), ..reaching.clone() };
    reached.session.listen_to(&reaching.interrupt);
    let words = match drop_database(reaching, reached, scratch) {
        Ok(words) => words?,
        Err(_) => "the connection was lost".to_owned(),
    };
    let name = &scratch.name;
    Some(format!(
        "The scratch database {name} is still there ({words}); the next verification by restoring removes it"
    ))
}

/// Makes it as the live one is: with its encoding, its rules for comparing texts, and its tablespace.
fn create(
    session: &mut Session,
    version: Version,
    name: &str,
) -> Result<Result<(), Error>, SessionEnd> {
    take_lock(session, name)?;
    // Always named: the one of template0 is the cluster's, which may be another one.
    let provider = match version.major {
        ..15 => "''",
        15 => {
            "CASE datlocprovider WHEN 'i' THEN pg_catalog.format(' LOCALE_PROVIDER icu ICU_LOCALE %L', daticulocale) ELSE ' LOCALE_PROVIDER libc' END"
        }
        16 => {
            "CASE datlocprovider WHEN 'i' THEN pg_catalog.format(' LOCALE_PROVIDER icu ICU_LOCALE %L', daticulocale) \
               || coalesce(pg_catalog.format(' ICU_RULES %L', nullif(daticurules, '')), '') ELSE ' LOCALE_PROVIDER libc' END"
        }
        17.. => {
            "CASE datlocprovider WHEN 'i' THEN pg_catalog.format(' LOCALE_PROVIDER icu ICU_LOCALE %L', datlocale) \
               || coalesce(pg_catalog.format(' ICU_RULES %L', nullif(daticurules, '')), '') \
               WHEN 'b' THEN pg_catalog.format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', datlocale) ELSE ' LOCALE_PROVIDER libc' END"
        }
    };
    let [statement] = session.row(&format!(
        "SELECT pg_catalog.format('CREATE DATABASE %I CONNECTION LIMIT ' || {LIMIT} || ' TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', \
         {}, pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype) || {provider} \
         || CASE t.spcname WHEN 'pg_default' THEN '' ELSE pg_catalog.format(' TABLESPACE %I', t.spcname) END \
         FROM pg_catalog.pg_database live JOIN pg_catalog.pg_tablespace t ON t.oid = live.dattablespace \
         WHERE live.datname = pg_catalog.current_database()",
        literal(name)
    ))?;
    let Some([state, sentence]) = session.refusal(&statement)? else { return Ok(Ok(())) };
    if state != INSUFFICIENT_PRIVILEGE {
        let detail = "the scratch database could not be made".to_owned();
        return Ok(Err(Error::RestoreFailed { detail, words: Some(sentence) }));
    }
    let [user] = session.row("SELECT current_user::text")?;
    Ok(Err(denied(&user, Some(sentence))))
}

fn mark(session: &mut Session, name: &str) -> Result<(), SessionEnd> {
    let [own] = session.row(
        "SELECT oid::text FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()",
    )?;
    session.run(&format!(
        "COMMENT ON DATABASE {} IS {}",
        identifier(name),
        literal(&format!("{MARK}{own}"))
    ))
}

fn load_and_count(
    reaching: &Reaching,
    reached: &mut Reached,
    scratch: &Scratch,
    order: &ScratchOrder,
    run: &Run,
) -> Result<ScratchRestored, Error> {
    let begun = Instant::now();
    load(reaching, reached, scratch, order, run)?;
    let seconds = seconds_of(begun.elapsed());
    let mut session = reaching.open_in(&reached.psql, &scratch.name, scratch.options)?;
    let failed = |end| reaching.failed(end);
    let subscriptions = leave_subscriptions(&mut session).map_err(failed)?;
    let warning = (!subscriptions.is_empty())
        .then(|| format!("Subscriptions are not brought back: {}", subscriptions.join(", ")));
    let schema = order.migrations_schema.as_deref();
    let place = MigrationsTable::in_schema(schema, &order.migrations_table);
    let wait = lock_wait(&reaching.settings);
    let state = snapshot::read_state(&mut session, &place, wait, reaching.settings.row_counting);
    let LiveState { row_counts, migrations } = state.map_err(failed)?;
    let warnings = warning.into_iter().collect();
    Ok(ScratchRestored { row_counts, migrations, seconds, warnings })
}

/// Without a single error.
fn load(
    reaching: &Reaching,
    reached: &mut Reached,
    scratch: &Scratch,
    order: &ScratchOrder,
    run: &Run,
) -> Result<(), Error> {
    let unknown = pouring::unknown_settings(&mut reached.session);
    let settings = unknown.map_err(|end| reaching.failed(end))?;
    let omitted = Omitted { roles: order.left_out, settings, ..Omitted::default() };
    let loaded = if order.form.format == Format::Sql {
        load_script(reaching, reached, scratch, order, omitted, run)
    } else {
        let tools = find_all(PG_RESTORE, &reaching.settings, &reaching.launcher, &run.interrupt)?;
        let tool = newest(tools)?;
        let is_newer = tool.candidate.version.major > reached.version.major;
        if is_newer && !omitted.settings.is_empty() {
            // It would begin with what the server refuses; as a script that can be left out.
            load_script(reaching, reached, scratch, order, omitted, run)
        } else {
            load_archive(reaching, reached, &tool, scratch, order, run)
        }
    };
    loaded.map_err(|error| with_plain_words(error, plain_words))
}

/// By several jobs; where that fails, anew by one. Jobs can wait for each other (two indexes of one table that is
/// clustered on one of them are enough), and the server then ends one of them; or it has no room for so many.
fn load_archive(
    reaching: &Reaching,
    reached: &mut Reached,
    tool: &Tool,
    scratch: &Scratch,
    order: &ScratchOrder,
    run: &Run,
) -> Result<(), Error> {
    let jobs = reaching.settings.threads;
    match archive::load(reaching, tool, scratch, order, jobs, run) {
        Err(Error::RestoreFailed { detail, .. }) if jobs > ONE_JOB => {
            // Without the tool's words: they may have rows in them.
            tracing::info!(detail, "restored anew by one job");
        }
        loaded => return loaded,
    }
    let failed = |end| reaching.failed(end);
    if let Some(words) = drop_database(reaching, reached, scratch).map_err(failed)? {
        let detail = "the scratch database could not be emptied".to_owned();
        return Err(Error::RestoreFailed { detail, words: Some(words) });
    }
    let version = reached.version;
    create(&mut reached.session, version, &scratch.name).map_err(failed)??;
    mark(&mut reached.session, &scratch.name).map_err(failed)?;
    archive::load(reaching, tool, scratch, order, ONE_JOB, run)
}

fn load_script(
    reaching: &Reaching,
    reached: &Reached,
    Scratch { name, options }: &Scratch,
    order: &ScratchOrder,
    omitted: Omitted,
    run: &Run,
) -> Result<(), Error> {
    let command = reaching.command_in(&reached.psql.path, name, options).arguments([
        "--no-psqlrc",
        "--no-password",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
    ]);
    let (name, launcher) = (PSQL.spoken, &reaching.launcher);
    LoadTool { name, launcher, threads: reaching.settings.threads, run }.feed_with(
        &command,
        |mut input| {
            if omitted == Omitted::default() {
                return pouring::pour(reaching, order, run, &mut input);
            }
            let passed = pouring::pour_through(reaching, order, omitted, run, &mut input)?;
            Ok(passed.is_some())
        },
    )
}

/// A database with subscriptions cannot be dropped, and what they replicate from keeps its slots: they were
/// restored without connecting.
pub(super) fn leave_subscriptions(session: &mut Session) -> Result<Vec<String>, SessionEnd> {
    let [readable] = session.row(
        "SELECT pg_catalog.has_table_privilege('pg_catalog.pg_subscription', 'SELECT')::text",
    )?;
    if readable != "true" {
        // Only who may read them can have restored them.
        return Ok(Vec::new());
    }
    let names: Vec<[String; 1]> = session.query(
        "SELECT subname FROM pg_catalog.pg_subscription WHERE subdbid = \
         (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
    )?;
    let names: Vec<String> = names.into_iter().map(|[name]| name).collect();
    for name in names.iter().map(|name| identifier(name)) {
        session.run(&format!(
            "ALTER SUBSCRIPTION {name} DISABLE; ALTER SUBSCRIPTION {name} SET (slot_name = NONE); \
             DROP SUBSCRIPTION {name}"
        ))?;
    }
    Ok(names)
}

/// Drops it; the server's words where that fails.
fn drop_database(
    reaching: &Reaching,
    reached: &mut Reached,
    Scratch { name, options }: &Scratch,
) -> Result<Option<String>, SessionEnd> {
    let force = if reached.version.major >= FORCE_SINCE { " WITH (FORCE)" } else { "" };
    let statement = format!("DROP DATABASE IF EXISTS {}{force}", identifier(name));
    let deadline = Instant::now() + DROP_PATIENCE;
    let mut left_subscriptions = false;
    loop {
        match reached.session.refusal(&statement)? {
            None => {
                release_lock(&mut reached.session, name)?;
                return Ok(None);
            }
            Some([state, sentence]) if state != IN_USE || Instant::now() >= deadline => {
                return Ok(Some(sentence));
            }
            Some(_) if !left_subscriptions => {
                left_subscriptions = true;
                let inside = reaching.open_in(&reached.psql, name, options);
                if let Ok(mut session) = inside
                    && let Err(end) = leave_subscriptions(&mut session)
                {
                    tracing::debug!(?end, "subscriptions are left in a scratch database");
                }
            }
            Some(_) => std::thread::sleep(DROP_POLL),
        }
    }
}

/// Drops the scratch databases that runs on this database left behind when they died.
fn sweep(
    reaching: &Reaching,
    reached: &mut Reached,
    options: &'static str,
) -> Result<Vec<String>, SessionEnd> {
    let left: Vec<[String; 1]> = reached.session.query(&format!(
        "SELECT d.datname FROM pg_catalog.pg_database d \
         JOIN pg_catalog.pg_database live ON live.datname = pg_catalog.current_database() \
         LEFT JOIN pg_catalog.pg_shdescription s ON s.objoid = d.oid \
         AND s.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass \
         WHERE pg_catalog.left(d.datname::text, {}) = {} \
         AND (s.description = {} || live.oid::text OR d.datconnlimit = {LIMIT})",
        PREFIX.len(),
        literal(PREFIX),
        literal(MARK)
    ))?;
    let mut warnings = Vec::new();
    for [name] in left.into_iter().filter(|[name]| is_of_a_run(name, PREFIX)) {
        let question = format!("SELECT pg_catalog.pg_try_advisory_lock{}", lock(&name));
        let [free] = reached.session.row(&question)?;
        if free != "t" {
            continue;
        }
        let scratch = Scratch { name, options };
        if let Some(words) = drop_database(reaching, reached, &scratch)? {
            let name = &scratch.name;
            warnings.push(format!("The scratch database {name} could not be dropped: {words}"));
            release_lock(&mut reached.session, name)?;
        }
    }
    Ok(warnings)
}

/// The key of a scratch database's lock, as arguments.
fn lock(name: &str) -> String {
    format!("({LOCK_KEY}, pg_catalog.hashtext({}))", literal(name))
}

fn take_lock(session: &mut Session, name: &str) -> Result<(), SessionEnd> {
    session.run(&format!("SELECT pg_catalog.pg_advisory_lock{}", lock(name)))
}

fn release_lock(session: &mut Session, name: &str) -> Result<(), SessionEnd> {
    session.run(&format!("SELECT pg_catalog.pg_advisory_unlock{}", lock(name)))
}
