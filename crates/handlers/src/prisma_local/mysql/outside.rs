//! What in a dump reaches out of the database that it is loaded into: tables whose rows are elsewhere, and foreign keys
//! into other databases. In a scratch database they would reach the live ones.

use std::collections::BTreeSet;

use backup_core::{Error, ScratchOrder};
use backup_protocol::Format;

use super::connect::{Reached, Reaching};
use super::folder_script;
use super::inspect::literal;
use crate::prisma_local::lines;

/// Engines of tables that show the rows of other places. `mysqldump` leaves these rows out, and `mariadb-dump` those of
/// more of them (`ignore_table_data` in its source).
pub(super) const ENGINES: [&str; 5] = ["FEDERATED", "CONNECT", "SPIDER", "OQGRAPH", "VP"];
/// The engine of tables that show the rows of other tables of the server.
pub(super) const MERGE: [&str; 2] = ["MRG_MyISAM", "MRG_ISAM"];

/// How the lines begin that `SHOW CREATE TABLE` writes.
const TABLE: &[u8] = b"CREATE TABLE ";
const ENGINE: &[u8] = b") ENGINE=";
const UNION: &[u8] = b" UNION=(";
const CONSTRAINT: &[u8] = b"CONSTRAINT ";
const REFERENCES: &[u8] = b" REFERENCES ";

/// What was found.
#[derive(Debug, Default)]
struct Outside {
    table: String,
    /// Tables, each with its engine.
    rows_elsewhere: Vec<String>,
    /// The databases that foreign keys lead to.
    referenced: BTreeSet<String>,
}

/// Refuses a dump that would reach the live databases of the server from a scratch database.
pub(super) fn refuse(
    reaching: &Reaching,
    reached: &mut Reached,
    order: &ScratchOrder,
    run: &backup_core::Run,
) -> Result<(), Error> {
    let failed = |error| Error::storage("read", &order.artifact, error);
    let scripts = if order.form.format == Format::Directory {
        let scripts = folder_script::in_order_of_loading(&order.artifact).map_err(failed)?;
        let defines = |path: &std::path::Path| path.to_string_lossy().contains("-schema.sql");
        scripts.into_iter().filter(|(path, _)| defines(path)).collect()
    } else {
        vec![(order.artifact.clone(), order.form.compression)]
    };
    let mut outside = Outside::default();
    for (script, compression) in scripts {
        let threads = reaching.settings.threads;
        lines::scan(&script, compression, threads, run, &mut |line| outside.look(line))?;
    }
    if let Some(table) = outside.rows_elsewhere.first() {
        return Err(Error::UnsupportedDatabase {
            what: format!(
                "the dump has the table {table}, whose rows are elsewhere: restored beside the live database it would reach them"
            ),
        });
    }
    let there = outside.there(reached).map_err(|end| reaching.failed(end))?;
    there.map_or(Ok(()), |database| {
        Err(Error::UnsupportedDatabase {
            what: format!(
                "the dump has foreign keys into the database {database}, which is on this server: a scratch database would keep its rows from being deleted; name another server in verification.database_url_env"
            ),
        })
    })
}

impl Outside {
    fn look(&mut self, line: &[u8]) {
        let line = line.trim_ascii_start();
        if let Some(rest) = line.strip_prefix(TABLE) {
            self.table = quoted_name(rest).map_or_else(String::new, |(name, _)| name);
        } else if let Some(rest) = line.strip_prefix(ENGINE) {
            let end = rest.iter().position(|byte| !is_of_engine(*byte)).unwrap_or(rest.len());
            let engine = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
            let is = |known: &&str| known.eq_ignore_ascii_case(&engine);
            let elsewhere = ENGINES.iter().any(&is) || MERGE.iter().any(is) && unites_others(rest);
            if elsewhere {
                self.rows_elsewhere.push(format!("{} ({engine})", self.table));
            }
        } else if line.starts_with(CONSTRAINT)
            && let Some(place) = find(line, REFERENCES)
            && let Some(rest) = line.get(place + REFERENCES.len()..)
            && let Some((database, rest)) = quoted_name(rest)
            && rest.starts_with(b".")
        {
            self.referenced.insert(database);
        }
    }

    /// The first of the referenced databases that the server has.
    fn there(&self, reached: &mut Reached) -> Result<Option<String>, super::session::SessionEnd> {
        for database in &self.referenced {
            let [count] = reached.session.row(&format!(
                "SELECT count(*) FROM information_schema.schemata WHERE schema_name = {}",
                literal(database)
            ))?;
            if count != "0" {
                return Ok(Some(database.clone()));
            }
        }
        Ok(None)
    }
}

const fn is_of_engine(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether the tables of a `UNION=(…)` are of other databases: those of its own are not qualified.
fn unites_others(options: &[u8]) -> bool {
    find(options, UNION).is_some_and(|place| {
        let list = options.get(place..).unwrap_or_default();
        let end = list.iter().position(|byte| *byte == b')').unwrap_or(list.len());
        find(list.get(..end).unwrap_or_default(), b"`.`").is_some()
    })
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// A name in backticks, and what follows it.
fn quoted_name(text: &[u8]) -> Option<(String, &[u8])> {
    let mut rest = text.strip_prefix(b"`")?;
    let mut name = Vec::new();
    loop {
        let end = rest.iter().position(|byte| *byte == b'`')?;
        name.extend_from_slice(rest.get(..end)?);
        rest = rest.get(end + 1..)?;
        match rest.strip_prefix(b"`") {
            Some(more) => {
                name.push(b'`');
                rest = more;
            }
            None => return Some((String::from_utf8_lossy(&name).into_owned(), rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &[&str]) -> (Vec<String>, Vec<String>) {
        let mut outside = Outside::default();
        for line in lines {
            outside.look(line.as_bytes());
        }
        (outside.rows_elsewhere, outside.referenced.into_iter().collect())
    }

    #[test]
    fn engines_that_show_other_places_are_found() {
        let (tables, databases) = found(&[
            "CREATE TABLE `far``off` (",
            "  `id` int(11) DEFAULT NULL COMMENT ') ENGINE=FEDERATED'",
            ") ENGINE=FEDERATED DEFAULT CHARSET=utf8mb4 CONNECTION='mysql://…'",
            "CREATE TABLE `own` (",
            ") ENGINE=MRG_MyISAM DEFAULT CHARSET=utf8mb4 UNION=(`one`,`two`)",
            "CREATE TABLE `others` (",
            ") ENGINE=MRG_MyISAM UNION=(`one`,`shop`.`two`)",
            "CREATE TABLE `plain` (",
            ") ENGINE=InnoDB COMMENT='ENGINE=SPIDER'",
        ]);
        assert_eq!(tables, ["far`off (FEDERATED)", "others (MRG_MyISAM)"]);
        assert!(databases.is_empty());
    }

    #[test]
    fn foreign_keys_into_other_databases_are_found() {
        let (tables, databases) = found(&[
            "  CONSTRAINT `a` FOREIGN KEY (`user`) REFERENCES `users` (`id`) ON DELETE CASCADE,",
            "  CONSTRAINT `b` FOREIGN KEY (`user`,`x`) REFERENCES `au``th`.`users` (`id`, `x`)",
            "  `text` varchar(99) DEFAULT ' REFERENCES `no`.`t`'",
        ]);
        assert_eq!((tables.len(), databases), (0, vec!["au`th".to_owned()]));
    }
}
