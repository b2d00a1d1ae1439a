//! What the rules must know before a dump: sizes, what there is by kind, and whether the user may read it all.

use std::collections::{BTreeMap, BTreeSet};

use std::time::Duration;

use backup_core::{DatabaseFacts, Error};

use super::grants::Grants;
use super::outside;
use super::session::{Session, SessionEnd};
use crate::tools::{Family, Version};

/// How many tables a warning names.
const MOST_NAMED: usize = 5;
/// MySQL has a privilege of its own for the text of routines since this version.
const SHOW_ROUTINE_SINCE: Version = Version { major: 8, minor: 0, patch: 20 };

/// Types of MariaDB's own.
const RARE_TYPES: [&str; 4] = ["inet4", "inet6", "uuid", "vector"];

/// Everything of a database that a dump must hold, by kind and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Objects {
    pub tables: BTreeSet<String>,
    /// How many rows the server's statistics say that a table has, where they say so.
    pub estimated_rows: BTreeMap<String, u64>,
    pub sequences: BTreeSet<String>,
    pub views: BTreeSet<String>,
    pub triggers: BTreeSet<String>,
    pub procedures: BTreeSet<String>,
    pub functions: BTreeSet<String>,
    pub packages: BTreeSet<String>,
    pub package_bodies: BTreeSet<String>,
    pub events: BTreeSet<String>,
    /// The names of all columns.
    pub columns: BTreeSet<String>,
    /// Tables with types that older tools do not know.
    pub with_rare_types: BTreeSet<String>,
    /// Tables that show the rows of others, and have none of their own in a dump.
    pub with_rows_of_others: BTreeSet<String>,
    /// Those of them whose rows are not in tables of this server.
    pub with_rows_elsewhere: BTreeSet<String>,
    /// Tables that keep former versions of their rows.
    pub system_versioned: BTreeSet<String>,
    /// Those of them that tell the versions apart by transactions, not by times.
    pub versioned_by_transaction: BTreeSet<String>,
    /// Tables whose engine knows no transactions.
    pub without_transactions: BTreeSet<String>,
    /// Tables with columns that `SELECT *` does not show.
    pub with_invisible_columns: BTreeSet<String>,
    /// Whether new sessions take a backslash for itself.
    pub no_backslash_escapes: bool,
}

impl Objects {
    /// The names of everything that the server runs.
    pub(super) fn names_of_programs(&self) -> impl Iterator<Item = &String> {
        let routines = self.procedures.iter().chain(&self.functions).chain(&self.packages);
        routines.chain(&self.triggers).chain(&self.events)
    }
}

/// Reads what there is.
pub(super) fn objects(session: &mut Session) -> Result<Objects, SessionEnd> {
    let mut objects = Objects::default();
    let tables: Vec<[String; 5]> = session.query(
        "SELECT t.table_name, t.table_type, coalesce(e.transactions, ''), \
         coalesce(t.table_rows, 0), coalesce(t.engine, '') \
         FROM information_schema.tables t \
         LEFT JOIN information_schema.engines e ON e.engine = t.engine \
         WHERE t.table_schema = DATABASE()",
    )?;
    for [name, kind, transactions, rows, engine] in tables {
        match kind.as_str() {
            "VIEW" | "SYSTEM VIEW" => objects.views.insert(name),
            "SEQUENCE" => objects.sequences.insert(name),
            "TEMPORARY" | "LOCAL TEMPORARY" | "GLOBAL TEMPORARY" => continue,
            _ => {
                if transactions == "NO" {
                    objects.without_transactions.insert(name.clone());
                }
                if kind == "SYSTEM VERSIONED" {
                    objects.system_versioned.insert(name.clone());
                }
                let is_elsewhere = outside::ENGINES.contains(&engine.as_str());
                if is_elsewhere {
                    objects.with_rows_elsewhere.insert(name.clone());
                }
                if is_elsewhere || outside::MERGE.contains(&engine.as_str()) {
                    objects.with_rows_of_others.insert(name.clone());
                } else {
                    let rows = rows.parse().ok();
                    objects.estimated_rows.extend(rows.map(|rows| (name.clone(), rows)));
                }
                objects.tables.insert(name)
            }
        };
    }
    let columns: Vec<[String; 3]> = session.query(
        "SELECT table_name, column_name, lower(data_type) FROM information_schema.columns \
         WHERE table_schema = DATABASE()",
    )?;
    for [table, column, kind] in columns {
        if RARE_TYPES.contains(&kind.as_str()) {
            objects.with_rare_types.insert(table);
        }
        objects.columns.insert(column);
    }
    let invisible: Vec<[String; 1]> = session.query(
        "SELECT DISTINCT table_name FROM information_schema.columns \
         WHERE table_schema = DATABASE() AND extra LIKE '%INVISIBLE%'",
    )?;
    objects.with_invisible_columns = invisible
        .into_iter()
        .map(|[name]| name)
        .filter(|name| objects.tables.contains(name))
        .collect();
    if !objects.system_versioned.is_empty() {
        let by_transaction: Vec<[String; 1]> = session.query(
            "SELECT DISTINCT table_name FROM information_schema.columns \
             WHERE table_schema = DATABASE() AND generation_expression = 'ROW START' \
             AND data_type = 'bigint'",
        )?;
        objects.versioned_by_transaction = by_transaction.into_iter().map(|[name]| name).collect();
    }
    let triggers: Vec<[String; 1]> = session.query(
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
    )?;
    objects.triggers = triggers.into_iter().map(|[name]| name).collect();
    let routines: Vec<[String; 2]> = session.query(
        "SELECT routine_name, routine_type FROM information_schema.routines \
         WHERE routine_schema = DATABASE()",
    )?;
    for [name, kind] in routines {
        match kind.as_str() {
            "PROCEDURE" => objects.procedures.insert(name),
            "FUNCTION" => objects.functions.insert(name),
            "PACKAGE BODY" => objects.package_bodies.insert(name),
            _ => objects.packages.insert(name),
        };
    }
    let events: Vec<[String; 1]> = session.query(
        "SELECT event_name FROM information_schema.events WHERE event_schema = DATABASE()",
    )?;
    objects.events = events.into_iter().map(|[name]| name).collect();
    let [mode] = session.row("SELECT @@global.sql_mode")?;
    objects.no_backslash_escapes = mode.split(',').any(|mode| mode == "NO_BACKSLASH_ESCAPES");
    Ok(objects)
}

/// Which rows of a table are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// Those that it has now.
    Current,
    /// Those that it once had as well, where it keeps them.
    Former,
}

/// How many rows a table has; none where counting them takes longer than there is time.
pub(super) fn count(
    session: &mut Session,
    table: &str,
    rows: Rows,
    family: Family,
    time: Duration,
) -> Result<Option<u64>, SessionEnd> {
    let limit = match family {
        Family::MariaDb => {
            format!("SET STATEMENT max_statement_time = {} FOR ", time.as_secs_f64())
        }
        _ => String::new(),
    };
    let hint = match family {
        Family::MySql => format!("/*+ MAX_EXECUTION_TIME({}) */ ", time.as_millis().max(1)),
        _ => String::new(),
    };
    let table = table.replace('`', "``");
    let former = if rows == Rows::Former { " FOR SYSTEM_TIME ALL" } else { "" };
    let counted: Result<[String; 1], SessionEnd> =
        session.row(&format!("{limit}SELECT {hint}count(*) FROM `{table}`{former}"));
    match counted {
        Ok([count]) => Ok(count.parse().ok()),
        // The client ends with the first error, and this is the last question that it is asked.
        Err(SessionEnd::Ended(_)) => Ok(None),
        Err(end) => Err(end),
    }
}

/// Measures the database, and warns of what one instant does not hold.
pub(super) fn facts(
    session: &mut Session,
    objects: &Objects,
    global_read_lock: bool,
) -> Result<DatabaseFacts, SessionEnd> {
    let [size, rows, time] = session.row(
        "SELECT coalesce(sum(data_length + index_length), 0), coalesce(sum(data_length), 0), UNIX_TIMESTAMP() \
         FROM information_schema.tables WHERE table_schema = DATABASE()",
    )?;
    let mut warnings = Vec::new();
    if !objects.without_transactions.is_empty() && !global_read_lock {
        warnings.push(format!(
            "Tables without transactions (MyISAM and its like) are not of the same instant as the others if they are written to meanwhile: {}; backup.global_read_lock keeps writers out",
            some_of(&objects.without_transactions)
        ));
    }
    if !objects.with_rows_elsewhere.is_empty() {
        warnings.push(format!(
            "Rows that tables show from elsewhere are not in the dump: {}",
            some_of(&objects.with_rows_elsewhere)
        ));
    }
    Ok(DatabaseFacts {
        size: size.parse().unwrap_or_default(),
        row_bytes: rows.parse().ok().filter(|bytes| *bytes > 0),
        server_time: time.parse().ok(),
        warnings,
        ..DatabaseFacts::default()
    })
}

/// Some of the names, and how many more there are.
fn some_of(names: &BTreeSet<String>) -> String {
    let some: Vec<&str> = names.iter().take(MOST_NAMED).map(String::as_str).collect();
    match names.len().saturating_sub(MOST_NAMED) {
        0 => some.join(", "),
        more => format!("{} and {more} more", some.join(", ")),
    }
}

/// What the rights of a user are held against.
#[derive(Clone, Copy)]
pub(super) struct Rights<'a> {
    pub family: Family,
    pub version: Version,
    pub database: &'a str,
    pub global_read_lock: bool,
}

impl Rights<'_> {
    /// What the user may do.
    pub(super) fn grants(&self, session: &mut Session) -> Result<Grants, SessionEnd> {
        // MariaDB shows the rights of the role in use as well; MySQL must be asked for them.
        let mut shown = "SHOW GRANTS".to_owned();
        if self.family == Family::MySql && self.version.major >= 8 {
            let [roles] = session.row("SELECT CURRENT_ROLE()")?;
            if roles != "NONE" {
                shown = format!("SHOW GRANTS FOR CURRENT_USER() USING {roles}");
            }
        }
        let lines: Vec<[String; 1]> = session.query(&shown)?;
        Ok(Grants::read(lines.iter().map(|[line]| line.as_str()), self.database))
    }

    /// Finds what the user may not read. The server does not tell the tool that there is more, so the tool
    /// leaves it out and succeeds.
    pub(super) fn missing(&self, session: &mut Session) -> Result<Option<Error>, SessionEnd> {
        let grants = self.grants(session)?;
        let [user] = session.row("SELECT CURRENT_USER()")?;
        let user = quoted_user(&user);
        let mut missing = Vec::new();
        let mut sql = Vec::new();
        let wanted = self.missing_privileges(&grants, &mut missing);
        if !wanted.is_empty() {
            let database = self.database.replace('`', "``");
            let database = database.replace('_', "\\_").replace('%', "\\%");
            sql.push(format!("GRANT {} ON `{database}`.* TO {user}", wanted.join(", ")));
        }
        let hidden: Vec<[String; 1]> = session.query(
            "SELECT concat(lower(routine_type), ' ', routine_name) \
             FROM information_schema.routines \
             WHERE routine_schema = DATABASE() AND routine_definition IS NULL LIMIT 20",
        )?;
        let shown = grants.shows_routines();
        if !shown {
            missing.push(format!("no right that shows the routines of {}", self.database));
        }
        if !hidden.is_empty() || !shown {
            missing
                .extend(hidden.iter().map(|[routine]| format!("the text of {routine} is hidden")));
            sql.push(match self.family {
                Family::MySql if self.version >= SHOW_ROUTINE_SINCE => {
                    format!("GRANT SHOW_ROUTINE ON *.* TO {user}")
                }
                _ => format!("GRANT SELECT ON `mysql`.`proc` TO {user}"),
            });
        }
        if self.global_read_lock && !grants.everywhere("RELOAD") {
            missing.push("no RELOAD, which a global read lock needs".to_owned());
            sql.push(format!("GRANT RELOAD ON *.* TO {user}"));
        }
        if missing.is_empty() {
            return Ok(None);
        }
        Ok(Some(Error::PermissionDenied { missing, grants: sql, words: None }))
    }

    /// The privileges on the database that are lacking, said in words as well.
    fn missing_privileges(&self, grants: &Grants, missing: &mut Vec<String>) -> Vec<&'static str> {
        // Views show only once there is SELECT; one round of grants must do.
        let needed = ["SELECT", "SHOW VIEW", "TRIGGER", "EVENT"].into_iter();
        let wanted: Vec<&'static str> =
            needed.filter(|privilege| !grants.on_database(privilege)).collect();
        let database = self.database;
        missing.extend(
            wanted.iter().map(|privilege| format!("no {privilege} on the whole of {database}")),
        );
        wanted
    }
}

/// `app@%` as it stands in a grant: `'app'@'%'`.
pub(super) fn quoted_user(user: &str) -> String {
    let (name, host) = user.rsplit_once('@').unwrap_or((user, "%"));
    format!("{}@{}", literal(name), literal(host))
}

/// A text as a literal.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_quoted_as_a_grant_wants_it() {
        assert_eq!(quoted_user("app@%"), "'app'@'%'");
        assert_eq!(quoted_user("o'x@y@localhost"), "'o''x@y'@'localhost'");
    }
}
