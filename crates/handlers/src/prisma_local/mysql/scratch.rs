//! Restoring into a scratch database of the same server, which is gone afterwards.
//!
//! A scratch database is known by its name, which has a digest of the database that it is beside, and by a table in it,
//! the first that is made there. While it is used, the session that made it holds a named lock; one whose lock is free was left by a run that
//! died. Events are withheld: they would fire there.

use std::time::Instant;

use backup_core::{
    Error, Interrupt, LiveState, Migrations, Run, RunId, ScratchOrder, ScratchRestored,
    sha256_of_lines,
};
use backup_protocol::{Format, RowCounts};

use super::connect::{Reached, Reaching};
use super::folder_script;
use super::inspect::{self, Rows};
use super::load_filter::LoadFilter;
use super::outside;
use super::session::{Session, SessionEnd, plain_words};
use crate::prisma_local::loading::LoadTool;
use crate::prisma_local::migrations::{self, MIGRATION_COLUMNS};
use crate::tools::Family;

/// How the name of every scratch database begins; the digest of the live one's name and a run's id follow.
const PREFIX: &str = "backup_manager_scratch_";
/// What of a digest goes into a name: names have at most 64 characters.
const DIGEST_CHARACTERS: usize = 16;
/// The table that marks it, and says beside which database it was made.
const MARKER: &str = "backup_manager_scratch";
/// What the client says where a right is missing, by the server's numbers.
const DENIED: [&str; 2] = ["ERROR 1044 ", "ERROR 1227 "];

/// Restores a backup into a scratch database, counts what is in it, and drops it.
pub(super) fn restore(
    reaching: &Reaching,
    reached: &mut Reached,
    order: &ScratchOrder,
    run: &Run,
) -> Result<ScratchRestored, Error> {
    let failed = |end| reaching.failed(end);
    outside::refuse(reaching, reached, order, run)?;
    let [live] = reached.session.row("SELECT DATABASE()").map_err(failed)?;
    let prefix = prefix(&live);
    sweep(&mut reached.session, &prefix).map_err(failed)?;
    let name = format!("{prefix}{}", run.id);
    create(reaching, reached, &name)?;
    let restored = load_and_count(reaching, reached, &name, order, run);
    // Also where the run was interrupted: nothing of it is left on a server.
    reached.session.listen_to(&Interrupt::default());
    let dropped = reached.session.run(&format!("DROP DATABASE {}", quoted(&name)));
    let left = dropped.is_err().then(|| {
        format!(
            "The scratch database {name} is still there; the next verification by restoring removes it"
        )
    });
    restored.map(|restored| {
        let warnings = restored.warnings.into_iter().chain(left).collect();
        ScratchRestored { warnings, ..restored }
    })
}

/// Makes it as the live one is: with its character set and its rules for comparing texts.
fn create(reaching: &Reaching, reached: &mut Reached, name: &str) -> Result<(), Error> {
    let session = &mut reached.session;
    let failed = |end| reaching.failed(end);
    session.run(&format!("SELECT GET_LOCK('{name}', 10)")).map_err(failed)?;
    let [charset, collation, user] = session
        .row(
            "SELECT default_character_set_name, default_collation_name, CURRENT_USER() \
             FROM information_schema.schemata WHERE schema_name = DATABASE()",
        )
        .map_err(failed)?;
    let made = session.run(&format!(
        "CREATE DATABASE {} CHARACTER SET {charset} COLLATE {collation}",
        quoted(name)
    ));
    made.map_err(|end| match end {
        SessionEnd::Ended(end) if DENIED.iter().any(|denied| end.words.contains(denied)) => {
            Error::PermissionDenied {
                missing: vec!["no right to make a scratch database".to_owned()],
                grants: vec![format!(
                    "GRANT ALL ON `{}%`.* TO {}",
                    PREFIX.replace('_', "\\_"),
                    inspect::quoted_user(&user)
                )],
                words: Some(plain_words(&end.words)),
            }
        }
        end => failed(end),
    })?;
    session
        .run(&format!(
            "CREATE TABLE {0}.{MARKER} (beside varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin); \
             INSERT INTO {0}.{MARKER} VALUES (DATABASE())",
            quoted(name)
        ))
        .map_err(failed)
}

fn load_and_count(
    reaching: &Reaching,
    reached: &Reached,
    name: &str,
    order: &ScratchOrder,
    run: &Run,
) -> Result<ScratchRestored, Error> {
    let begun = Instant::now();
    load(reaching, reached, name, order, run)?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut session = reaching.open_in(reached, name)?;
    let LiveState { migrations, row_counts } =
        read_state(reaching, reached.family, &mut session, &order.migrations_table, true)?;
    Ok(ScratchRestored { row_counts, migrations, seconds, warnings: Vec::new() })
}

/// What the live database holds; its rows where they are to be counted.
pub(super) fn state(
    reaching: &Reaching,
    reached: &mut Reached,
    migrations_table: &str,
    counted: bool,
) -> Result<LiveState, Error> {
    read_state(reaching, reached.family, &mut reached.session, migrations_table, counted)
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
    let tables: Vec<&String> = tables.filter(|table| *table != MARKER).collect();
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
    name: &str,
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
        "--",
        name,
    ]);
    let loaded = if order.form.format == Format::Directory {
        let scripts = folder_script::in_order_of_loading(&order.artifact);
        let failed = |error| Error::storage("read", &order.artifact, error);
        tool.feed(&command, &scripts.map_err(failed)?, LoadFilter::of_folder)
    } else {
        let script = [(order.artifact.clone(), order.form.compression)];
        tool.feed(&command, &script, |input| Ok(LoadFilter::of_dump(input)))
    };
    loaded.map_err(|error| match error {
        Error::RestoreFailed { detail, words } => {
            Error::RestoreFailed { detail, words: words.map(|words| plain_words(&words)) }
        }
        other => other,
    })
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
fn prefix(live: &str) -> String {
    let digest = sha256_of_lines(&[live.to_owned()]);
    let digest: String = digest.chars().take(DIGEST_CHARACTERS).collect();
    format!("{PREFIX}{digest}_")
}

/// Drops the scratch databases that runs on this database left behind when they died. One without the table is ours
/// only while it is empty: the run died before it could make it.
fn sweep(session: &mut Session, prefix: &str) -> Result<(), SessionEnd> {
    let left: Vec<[String; 1]> = session.query(&format!(
        "SELECT s.schema_name FROM information_schema.schemata s \
         LEFT JOIN information_schema.tables t ON t.table_schema = s.schema_name \
         WHERE left(s.schema_name, {}) = '{prefix}' GROUP BY s.schema_name \
         HAVING count(t.table_name) = 0 OR max(t.table_name = '{MARKER}') = 1",
        prefix.len()
    ))?;
    for [name] in left.into_iter().filter(|[name]| is_scratch_name(name, prefix)) {
        let [free] = session.row(&format!("SELECT coalesce(GET_LOCK('{name}', 0), 0)"))?;
        if free == "1" {
            session.run(&format!("DROP DATABASE IF EXISTS {}", quoted(&name)))?;
            session.run(&format!("SELECT RELEASE_LOCK('{name}')"))?;
        }
    }
    Ok(())
}

fn is_scratch_name(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|run| {
        run.len() == RunId::LENGTH && run.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_our_own_are_swept() {
        let prefix = prefix("shop");
        let name = format!("{prefix}{}", "0a".repeat(RunId::LENGTH / 2));
        assert!(is_scratch_name(&name, &prefix) && name.len() <= 64);
        assert!(!is_scratch_name(&name, &super::prefix("another")));
        assert!(!is_scratch_name(&prefix, &prefix));
        assert!(!is_scratch_name("shop", &prefix));
    }
}
