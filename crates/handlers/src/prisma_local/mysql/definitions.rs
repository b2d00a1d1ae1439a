//! What of a database is not in its tables: triggers, views, routines and events, as scripts of the server's own dump
//! tool, which keep definers, modes, character sets and time zones.

use std::collections::BTreeSet;
use std::io::{Read, Write};

use backup_core::Error;
use serde::{Deserialize, Serialize};

use super::connect::{Reached, Reaching};
use super::dump::tool_failure;
use super::inspect::{self, Objects};
use super::load_filter::{Events, LoadFilter};
use super::pieces::pieces;
use super::relocation::Relocation;
use super::replay::refusal;
use super::scratch::quoted;
use super::script::{ScriptCheck, ScriptContents};
use super::session::{Session, SessionEnd};
use crate::prisma_local::dump_tool::incomplete;
use crate::process::{OutputEnd, Stdin, ToolOutput};
use crate::tools::Family;

/// MySQL's tool asks for histograms, which only MySQL 8 has, since this version.
const COLUMN_STATISTICS_SINCE: u32 = 8;

/// The tool's options by which it writes nothing that another option does not ask for.
const NOTHING: [&str; 2] = ["--no-create-info", "--skip-triggers"];

/// What a database consists of, and how all of it but the tables is made again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Definitions {
    /// Tables and sequences.
    pub tables: Vec<String>,
    pub triggers: Vec<String>,
    /// The tables that have triggers.
    pub triggered: Vec<String>,
    pub views: Vec<String>,
    /// Views that show what is not there.
    #[serde(default)]
    pub broken_views: Vec<String>,
    pub routines: Vec<Routine>,
    pub events: Vec<String>,
    /// Foreign keys to tables that are not there.
    #[serde(default)]
    pub dangling_keys: Vec<ForeignKey>,
    /// Each of these takes what it makes away first, so that it may run again.
    pub trigger_script: Script,
    pub view_script: Script,
    pub routine_script: Script,
    pub event_script: Script,
}

/// A stored program that is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Routine {
    /// As in `DROP …`.
    pub kind: String,
    pub name: String,
}

/// A foreign key to a table of the same database that is not there: it cannot be renamed with its table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ForeignKey {
    pub table: String,
    pub name: String,
    /// As `SHOW CREATE TABLE` tells it.
    pub definition: String,
}

/// Statements for the client. They are bytes: a stored program is in the character set in which it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(super) struct Script(pub Vec<u8>);

impl From<Script> for String {
    fn from(script: Script) -> Self {
        hexadecimal(&script.0)
    }
}

impl From<String> for Script {
    fn from(digits: String) -> Self {
        let value = |digit: &u8| char::from(*digit).to_digit(16).unwrap_or_default();
        let byte = |pair: &[u8]| pair.iter().fold(0, |byte, digit| byte << 4 | value(digit));
        let bytes = digits.as_bytes().chunks(2).map(byte);
        Self(bytes.map(|byte| u8::try_from(byte).unwrap_or_default()).collect())
    }
}

/// Bytes as the server reads them after `0x`.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The names of what a database consists of.
pub(super) fn names(session: &mut Session) -> Result<Definitions, SessionEnd> {
    let objects = inspect::objects(session)?;
    let triggered: Vec<[String; 1]> = session.query(
        "SELECT DISTINCT event_object_table FROM information_schema.triggers \
         WHERE trigger_schema = DATABASE() ORDER BY 1",
    )?;
    // A view that lost what it shows has no type among the tables.
    let views: Vec<[String; 1]> = session.query(
        "SELECT table_name FROM information_schema.views WHERE table_schema = DATABASE() ORDER BY 1",
    )?;
    let views: Vec<String> = views.into_iter().map(|[name]| name).collect();
    let names = |names: &BTreeSet<String>| names.iter().cloned().collect();
    let kinds = [
        ("PROCEDURE", &objects.procedures),
        ("FUNCTION", &objects.functions),
        ("PACKAGE BODY", &objects.package_bodies),
        ("PACKAGE", &objects.packages),
    ];
    let routine = |kind: &str, name: &String| Routine { kind: kind.to_owned(), name: name.clone() };
    let routines = kinds
        .into_iter()
        .flat_map(|(kind, names)| names.iter().map(move |name| routine(kind, name)))
        .collect();
    let tables = objects.tables.iter().chain(&objects.sequences);
    Ok(Definitions {
        tables: tables.filter(|name| !views.contains(name)).cloned().collect(),
        triggers: names(&objects.triggers),
        triggered: triggered.into_iter().map(|[name]| name).collect(),
        views,
        routines,
        events: names(&objects.events),
        ..Definitions::default()
    })
}

/// Reads what a database consists of, with the scripts that make it again.
pub(super) fn read(
    reaching: &Reaching,
    reached: &Reached,
    database: &str,
) -> Result<Definitions, Error> {
    let failed = |end| reaching.failed(end);
    let mut session = reaching.open_in(reached, database)?;
    let mut found = names(&mut session).map_err(failed)?;
    let broken = broken_views(reaching, reached, database, &found.views)?;
    let broken_script = broken_script(&mut session, database, &broken).map_err(failed)?;
    found.views.retain(|view| !broken.contains(view));
    found.broken_views = broken;
    let script = |wanted: bool, options: &[&str], names: &[String]| {
        if wanted { dumped(reaching, reached, database, options, names) } else { Ok(Vec::new()) }
    };
    let with = |option| NOTHING.into_iter().chain([option]).collect::<Vec<_>>();
    let triggers = ["--no-create-info", "--triggers", "--add-drop-trigger"];
    let scripts = [
        script(!found.triggers.is_empty(), &triggers, &[])?,
        script(!found.views.is_empty(), &["--skip-triggers"], &found.views)?,
        script(!found.routines.is_empty(), &with("--routines"), &[])?,
        script(!found.events.is_empty(), &with("--events"), &[])?,
    ];
    refuse_missing(&found, &scripts)?;
    let [trigger_script, mut view_script, routine_script, event_script] = scripts.map(Script);
    let routines: Vec<String> = found.routines.iter().map(|routine| routine.name.clone()).collect();
    for (kind, names, script) in [
        ("triggers", &found.triggers, &trigger_script),
        ("views", &found.views, &view_script),
        ("routines", &routines, &routine_script),
        ("events", &found.events, &event_script),
    ] {
        refuse_inseparable(kind, names, script)?;
    }
    view_script.0.extend(broken_script);
    Ok(Definitions { trigger_script, view_script, routine_script, event_script, ..found })
}

/// What is in a script and cannot be told apart could be lost where something else of it is refused.
pub(super) fn refuse_inseparable(
    kind: &str,
    names: &[String],
    script: &Script,
) -> Result<(), Error> {
    let pieces = pieces(script);
    let is_missing = |name: &&String| !pieces.iter().any(|piece| piece.name == **name);
    match names.iter().find(is_missing) {
        None => Ok(()),
        Some(name) => {
            let detail = format!("the script of its {kind} does not tell {name} from the others");
            Err(incomplete(detail, None))
        }
    }
}

/// Those of the views that show what is not there. One whose definer may not see it, or is not there, is none of them:
/// the dump tool can read it, and the server makes it.
pub(super) fn broken_views(
    reaching: &Reaching,
    reached: &Reached,
    database: &str,
    views: &[String],
) -> Result<Vec<String>, Error> {
    let mut session = reaching.open_in(reached, database)?;
    let mut broken = Vec::new();
    for view in views {
        let checked = session.query(&format!("CHECK TABLE {}", quoted(view)));
        let told: Vec<[String; 4]> = checked.map_err(|end| reaching.failed(end))?;
        if told.iter().any(|[_, _, kind, _]| kind.eq_ignore_ascii_case("error")) {
            // The client ends where it is refused.
            let mut asked = reaching.open_in(reached, database)?;
            let Err(end) = asked.run(&format!("SHOW FIELDS FROM {}", quoted(view))) else {
                continue;
            };
            refusal(end).map_err(|end| reaching.failed(end))?;
            broken.push(view.clone());
        }
    }
    Ok(broken)
}

/// What would make views that show what is not there, as the dump tool would write it.
fn broken_script(
    session: &mut Session,
    database: &str,
    views: &[String],
) -> Result<Vec<u8>, SessionEnd> {
    let mut script = format!("-- Host: localhost    Database: {database}\n");
    for view in views {
        let name = quoted(view);
        let [_, text, _, _] = session.row(&format!("SHOW CREATE VIEW {name}"))?;
        let begins = [format!(" VIEW {}.{name}", quoted(database)), format!(" VIEW {name}")];
        let parts = begins.iter().find_map(|begin| text.split_once(begin));
        let (before, after) =
            parts.ok_or_else(|| SessionEnd::fault("a view does not tell its definition"))?;
        script.extend([format!(
            "/*!50001 DROP VIEW IF EXISTS {name}*/;\n/*!50001 {before} */\n/*!50001 VIEW {name}{after} */;\n"
        )]);
    }
    Ok(if views.is_empty() { Vec::new() } else { script.into_bytes() })
}

impl Definitions {
    /// Whether there is nothing that could be kept.
    pub(super) fn are_none(&self) -> bool {
        self.tables.is_empty()
            && self.views.is_empty()
            && self.routines.is_empty()
            && self.events.is_empty()
    }
}

/// Reads the foreign keys to tables that are not there.
pub(super) fn dangling_keys(session: &mut Session) -> Result<Vec<ForeignKey>, SessionEnd> {
    let found: Vec<[String; 2]> = session.query(
        "SELECT DISTINCT k.table_name, k.constraint_name FROM information_schema.key_column_usage k \
         LEFT JOIN information_schema.tables t ON t.table_schema = k.referenced_table_schema \
         AND t.table_name = k.referenced_table_name \
         WHERE k.table_schema = DATABASE() AND k.referenced_table_schema = DATABASE() AND t.table_name IS NULL",
    )?;
    let mut keys = Vec::new();
    for [table, name] in found {
        let [_, text] = session.row(&format!("SHOW CREATE TABLE {}", quoted(&table)))?;
        let beginning = format!("CONSTRAINT {} FOREIGN KEY ", quoted(&name));
        let line = text.lines().map(str::trim).find(|line| line.starts_with(&beginning));
        let line =
            line.ok_or_else(|| SessionEnd::fault("a table does not tell its foreign key"))?;
        let definition = line.trim_end_matches(',').to_owned();
        keys.push(ForeignKey { table, name, definition });
    }
    Ok(keys)
}

/// What the dump tool writes, without the name of the database.
fn dumped(
    reaching: &Reaching,
    reached: &Reached,
    database: &str,
    options: &[&str],
    names: &[String],
) -> Result<Vec<u8>, Error> {
    let tool = &reached.tool;
    let is_of_mysql = tool.candidate.family == Family::MySql;
    let mut command = reaching
        .command(tool.candidate, &tool.path)
        .arguments(["--no-data", "--skip-lock-tables", "--skip-add-locks", "--no-tablespaces"])
        .arguments(["--comments", "--default-character-set=utf8mb4"])
        .arguments(options.iter().copied());
    if is_of_mysql {
        command = command.argument("--set-gtid-purged=OFF");
    }
    if is_of_mysql && tool.candidate.version.major >= COLUMN_STATISTICS_SINCE {
        command = command.argument("--column-statistics=0");
    }
    let command = command.argument("--").argument(database).arguments(names.iter());
    let name = reached.tool.candidate.family.to_string();
    let fault = |detail: &str| Error::internal(format!("{name}'s dump tool {detail}"));
    let started = reaching.launcher.start(&command, Stdin::Empty);
    let mut tool = started.map_err(Error::internal)?;
    let stdout = tool.take_stdout().ok_or_else(|| fault("has no stdout"))?;
    let mut output = ToolOutput::new(stdout, reaching.settings.stall, &reaching.interrupt);
    let mut text = Vec::new();
    let read = output.read_to_end(&mut text);
    match output.end() {
        Some(OutputEnd::Interrupted) => return Err(Error::Interrupted),
        Some(OutputEnd::Stalled) => return Err(fault("wrote nothing for too long")),
        None => {}
    }
    let end = tool.finish().ok_or_else(|| fault("was lost"))?;
    if !end.is_success() || read.is_err() {
        return Err(tool_failure(reaching, "mysqldump", &end));
    }
    let mut filtered = Vec::new();
    let mut filter = LoadFilter::of_dump(&mut filtered, Events::Passed);
    filter.write_all(&text).and_then(|()| filter.flush()).map_err(Error::internal)?;
    drop(filter);
    Ok(filtered)
}

impl Definitions {
    /// These for a database of another name, as far as names matter to what a statement reaches.
    pub(super) fn relocated(self, target: &str) -> Self {
        Self {
            trigger_script: self.trigger_script.relocated(target),
            view_script: self.view_script.relocated(target),
            ..self
        }
    }
}

impl Script {
    /// The script for a database of another name.
    pub(super) fn relocated(&self, target: &str) -> Self {
        let mut relocated = Vec::with_capacity(self.0.len());
        let mut relocation = Relocation::new(&mut relocated, target);
        let written = relocation.write_all(&self.0).and_then(|()| relocation.flush());
        drop(relocation);
        // Writing into memory does not fail.
        if written.is_ok() { Self(relocated) } else { self.clone() }
    }
}

/// What the tool left out without a word would be lost.
fn refuse_missing(found: &Definitions, scripts: &[Vec<u8>]) -> Result<(), Error> {
    let mut contents = ScriptContents::default();
    for script in scripts.iter().filter(|script| !script.is_empty()) {
        let mut check = ScriptCheck::new("");
        check.feed(script);
        contents.absorb(check.finish().map_err(|flaw| incomplete(flaw.to_string(), None))?);
    }
    let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<String>>();
    let of_kind = |kind: &str| {
        let routines = found.routines.iter().filter(|routine| routine.kind == kind);
        routines.map(|routine| routine.name.clone()).collect()
    };
    let objects = Objects {
        triggers: set(&found.triggers),
        views: set(&found.views),
        events: set(&found.events),
        procedures: of_kind("PROCEDURE"),
        functions: of_kind("FUNCTION"),
        packages: of_kind("PACKAGE"),
        package_bodies: of_kind("PACKAGE BODY"),
        ..Objects::default()
    };
    match super::dump::left_out(&objects, &contents) {
        Some(finding) => Err(incomplete(finding, None)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_the_same_after_it_was_written_down() {
        let script = Script((0..=255).collect());
        let text = serde_json::to_string(&script).unwrap();
        assert_eq!(serde_json::from_str::<Script>(&text).unwrap(), script);
    }
}
