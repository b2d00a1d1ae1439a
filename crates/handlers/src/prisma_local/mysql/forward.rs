//! What follows a swap: the rest of the database becomes what belongs to its new tables, and the database that keeps what
//! was replaced gets what belonged to the old ones.

use std::collections::{BTreeMap, BTreeSet};

use backup_core::Error;

use super::connect::{Reached, Reaching};
use super::definitions::{self, Definitions, Routine};
use super::finish::waiting;
use super::inspect::literal;
use super::journal::Journal;
use super::pieces::pieces;
use super::replay::{Refused, Replay};
use super::scratch::quoted;
use super::session::{Session, SessionEnd};

/// How many objects a warning names.
const MOST_NAMED: usize = 5;

/// Makes the rest of the database what belongs to its new tables.
pub(super) fn forward(
    reaching: &Reaching,
    journal: &Journal,
    replay: &mut Replay,
    locked: Option<Session>,
) -> Result<Vec<String>, Error> {
    let failed = |end| reaching.failed(end);
    let Journal { old, new, .. } = journal;
    let by_lock = locked.map(|mut locked| locked.run_script(&new.trigger_script.0));
    if !matches!(by_lock, Some(Ok(()))) {
        replay.make(&new.trigger_script)?;
    }
    own_defaults(reaching, replay, journal)?;
    let mut warnings = part(reaching, replay, journal)?;
    add_dangling_keys(reaching, replay, journal)?;
    let there = definitions::names(replay.session()).map_err(failed)?;
    // What was made since the swap is somebody's work: only what belonged to the old tables goes.
    drop_routines(replay, &there.routines, old, new)?;
    replay.make(&new.routine_script)?;
    // Of the views only those that are kept.
    let views: Vec<String> = pieces(&old.view_script).into_iter().map(|piece| piece.name).collect();
    let wanted: Vec<String> = new.views.iter().chain(&new.broken_views).cloned().collect();
    drop_others(replay, "view", &of_old(&there.views, &views), &wanted)?;
    replay.make(&new.view_script)?;
    let mut known = old.events.clone();
    known.extend(new.events.iter().cloned());
    drop_others(replay, "event", &of_old(&there.events, &known), &[])?;
    replay.make(&new.event_script)?;
    warnings.extend(differences(replay.session(), journal).map_err(failed)?);
    Ok(warnings)
}

/// Drops the foreign keys of what was replaced that lead to what is new: tables that they led to were not there, and are
/// now.
fn part(reaching: &Reaching, replay: &mut Replay, journal: &Journal) -> Result<Vec<String>, Error> {
    let keys: Result<Vec<[String; 2]>, SessionEnd> = replay.session().query(&format!(
        "SELECT DISTINCT table_name, constraint_name FROM information_schema.key_column_usage \
         WHERE table_schema = {} AND referenced_table_schema = DATABASE()",
        literal(&journal.replaced)
    ));
    let mut warnings = Vec::new();
    for [table, key] in keys.map_err(|end| reaching.failed(end))? {
        let statement = format!(
            "ALTER TABLE {}.{} DROP FOREIGN KEY {}",
            quoted(&journal.replaced),
            quoted(&table),
            quoted(&key)
        );
        let what = format!("removal of the foreign key {key} of {table} in {}", journal.replaced);
        if replay.run(what, &[&statement])? {
            warnings.push(format!(
                "The foreign key {key} of {table} led to a table that was not there; what was replaced is kept without it"
            ));
        }
    }
    Ok(warnings)
}

/// Has the defaults of columns name the sequences where they are now.
fn own_defaults(reaching: &Reaching, replay: &mut Replay, journal: &Journal) -> Result<(), Error> {
    let scratch = format!("{}.", quoted(&journal.scratch));
    let columns: Result<Vec<[String; 3]>, SessionEnd> = replay.session().query(&format!(
        "SELECT table_name, column_name, column_default FROM information_schema.columns \
         WHERE table_schema = DATABASE() AND locate({}, column_default) > 0",
        literal(&scratch)
    ));
    // All of a table at once: the server looks for the sequences of the others as well.
    let mut changes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for [table, column, default] in columns.map_err(|end| reaching.failed(end))? {
        let default = default.replace(&scratch, &format!("{}.", quoted(&journal.live)));
        let change = format!("ALTER COLUMN {} SET DEFAULT ({default})", quoted(&column));
        changes.entry(table).or_default().push(change);
    }
    for (table, changes) in changes {
        let statement = format!("ALTER TABLE {} {}", quoted(&table), changes.join(", "));
        replay.run(format!("defaults of {table}"), &[&statement])?;
    }
    Ok(())
}

/// Makes the foreign keys again whose tables are not there.
fn add_dangling_keys(
    reaching: &Reaching,
    replay: &mut Replay,
    journal: &Journal,
) -> Result<(), Error> {
    for key in &journal.new.dangling_keys {
        let is_there = replay.session().has_rows(&format!(
            "SELECT 1 FROM information_schema.table_constraints WHERE table_schema = DATABASE() \
             AND table_name = {} AND constraint_name = {}",
            literal(&key.table),
            literal(&key.name)
        ));
        if !is_there.map_err(|end| reaching.failed(end))? {
            let statement = format!("ALTER TABLE {} ADD {}", quoted(&key.table), key.definition);
            let (off, on) =
                ("SET SESSION foreign_key_checks = 0", "SET SESSION foreign_key_checks = 1");
            let what = format!("foreign key {} of {}", key.name, key.table);
            replay.run(what, &[off, &statement, on])?;
        }
    }
    Ok(())
}

fn drop_others(
    replay: &mut Replay,
    kind: &str,
    there: &[String],
    wanted: &[String],
) -> Result<(), Error> {
    for name in there.iter().filter(|name| !wanted.contains(name)) {
        remove(replay, kind, name)?;
    }
    Ok(())
}

fn remove(replay: &mut Replay, kind: &str, name: &str) -> Result<(), Error> {
    let statement = format!("DROP {} IF EXISTS {}", kind.to_uppercase(), quoted(name));
    replay.run(format!("removal of the {kind} {name} of what was replaced"), &[&statement])?;
    Ok(())
}

/// What is there of what is known.
fn of_old(there: &[String], known: &[String]) -> Vec<String> {
    there.iter().filter(|name| known.contains(name)).cloned().collect()
}

fn drop_routines(
    replay: &mut Replay,
    there: &[Routine],
    old: &Definitions,
    new: &Definitions,
) -> Result<(), Error> {
    let goes =
        |routine: &&Routine| old.routines.contains(routine) && !new.routines.contains(routine);
    for Routine { kind, name } in there.iter().filter(goes) {
        remove(replay, &kind.to_lowercase(), name)?;
    }
    Ok(())
}

/// Gives the database that keeps what was replaced what belongs to its tables. Events would fire there: their
/// definitions are kept in a table. Answers what was refused.
pub(super) fn keep_old(
    reaching: &Reaching,
    reached: &Reached,
    journal: &Journal,
    warnings: &mut Vec<String>,
) -> Result<Vec<Refused>, Error> {
    let Journal { old, replaced, run, .. } = journal;
    let failed = |end| reaching.failed(end);
    let mut live = reaching.open_in(reached, &journal.live)?;
    if !journal.keeps_replaced(&mut live).map_err(failed)? {
        warnings.push(format!("{replaced}, which kept what was replaced, was removed meanwhile"));
        return Ok(Vec::new());
    }
    let open = || waiting(reaching, reaching.open_in(reached, replaced)?);
    let mut replay = Replay::new(reaching, replaced, open)?;
    replay.make(&old.trigger_script.relocated(replaced))?;
    replay.make(&old.routine_script)?;
    replay.make(&old.view_script.relocated(replaced))?;
    if !old.events.is_empty() {
        let table = format!("backup_manager_events_{run}");
        let place = quoted(&table);
        let statements = [
            format!(
                "CREATE TABLE IF NOT EXISTS {place} (script longblob) COMMENT 'withheld, since they would fire here'"
            ),
            format!("DELETE FROM {place}"),
            format!(
                "INSERT INTO {place} VALUES (0x{})",
                definitions::hexadecimal(&old.event_script.0)
            ),
        ];
        let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
        if replay.run(format!("table {table} with the events"), &statements)? {
            warnings.push(format!(
                "The events of what was replaced are kept as a script in the table {table} of {replaced}, where they cannot fire"
            ));
        }
    }
    Ok(replay.take_refused())
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
