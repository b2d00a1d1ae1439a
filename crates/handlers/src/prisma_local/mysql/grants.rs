//! What the user may do, read from the grants that the server shows: whoever lacks a right to read something
//! is not told that it exists, and the tool leaves it out and succeeds.

use std::collections::BTreeSet;

/// Privileges on everything and on one database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Grants {
    everywhere: BTreeSet<String>,
    database: BTreeSet<String>,
    /// Privileges on `mysql.proc`, where MariaDB keeps routines.
    routines_table: BTreeSet<String>,
    /// What is taken away again from the database (MySQL's partial revokes).
    revoked: BTreeSet<String>,
}

impl Grants {
    /// Reads the lines of `SHOW GRANTS`, as far as they matter to `database`.
    pub(super) fn read<'a>(lines: impl IntoIterator<Item = &'a str>, database: &str) -> Self {
        let mut grants = Self::default();
        for line in lines {
            let Some((given, privileges, object)) = parts(line) else { continue };
            let place = match object.as_str() {
                "*.*" => &mut grants.everywhere,
                "`mysql`.`proc`" => &mut grants.routines_table,
                object => match object.strip_suffix(".*").map(unquoted) {
                    Some(pattern) if !given && matches(&pattern, database) => &mut grants.revoked,
                    Some(pattern) if matches(&pattern, database) => &mut grants.database,
                    Some(pattern) if pattern == "mysql" => &mut grants.routines_table,
                    _ => continue,
                },
            };
            place.extend(privileges);
        }
        grants
    }

    /// Whether a privilege holds everywhere.
    pub(super) fn everywhere(&self, privilege: &str) -> bool {
        holds(&self.everywhere, privilege)
    }

    /// Whether a privilege holds on the whole database.
    pub(super) fn on_database(&self, privilege: &str) -> bool {
        holds(&self.database, privilege)
            || self.everywhere(privilege) && !holds(&self.revoked, privilege)
    }

    /// Whether every routine of the database shows, at least by name.
    pub(super) fn shows_routines(&self) -> bool {
        let any = ["EXECUTE", "ALTER ROUTINE", "CREATE ROUTINE", "SHOW CREATE ROUTINE"];
        any.iter().any(|privilege| self.on_database(privilege))
            || ["SELECT", "SHOW_ROUTINE"].iter().any(|privilege| self.everywhere(privilege))
            || holds(&self.routines_table, "SELECT")
    }
}

fn holds(privileges: &BTreeSet<String>, wanted: &str) -> bool {
    privileges.contains(wanted)
        || privileges.contains("ALL PRIVILEGES")
        || privileges.contains("ALL")
}

/// `GRANT a, b (c) ON object TO …` → whether it is given or revoked, the privileges that hold for the whole
/// object, and the object. None for grants of roles and of routines.
fn parts(line: &str) -> Option<(bool, Vec<String>, String)> {
    let (given, rest) = match line.strip_prefix("GRANT ") {
        Some(rest) => (true, rest),
        None => (false, line.strip_prefix("REVOKE ")?),
    };
    let end = outside_quotes(rest, if given { " TO " } else { " FROM " })?;
    let rest = rest.get(..end)?;
    let start = outside_quotes(rest, " ON ")?;
    let (privileges, object) = (rest.get(..start)?, rest.get(start + " ON ".len()..)?);
    let object = object.strip_prefix("TABLE ").unwrap_or(object);
    let mut list = Vec::new();
    let mut depth = 0_u32;
    let mut name = String::new();
    let mut for_columns = false;
    for letter in privileges.chars().chain([',']) {
        match letter {
            '(' => (depth, for_columns) = (depth + 1, true),
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                let privilege = std::mem::take(&mut name).trim().to_ascii_uppercase();
                // A right to some columns is none to the whole.
                if !for_columns && !privilege.is_empty() {
                    list.push(privilege);
                }
                for_columns = false;
            }
            letter if depth == 0 => name.push(letter),
            _ => {}
        }
    }
    Some((given, list, object.to_owned()))
}

/// Where a word stands outside of quoted names.
fn outside_quotes(text: &str, word: &str) -> Option<usize> {
    let mut quote = None;
    for (place, letter) in text.char_indices() {
        match quote {
            Some(open) if open == letter => quote = None,
            None if matches!(letter, '`' | '\'' | '"') => quote = Some(letter),
            None if text.get(place..).is_some_and(|rest| rest.starts_with(word)) => {
                return Some(place);
            }
            _ => {}
        }
    }
    None
}

fn unquoted(name: &str) -> String {
    let inner = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')).unwrap_or(name);
    inner.replace("``", "`")
}

/// Whether a grant's pattern means the database: `%` and `_` stand for any letters and for one, unless a
/// backslash is before them.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    matches_from(&pattern, &name)
}

fn matches_from(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        (['%', rest @ ..], _) => (0..=name.len())
            .any(|skipped| name.get(skipped..).is_some_and(|name| matches_from(rest, name))),
        (['\\', escaped, rest @ ..], [letter, name @ ..]) => {
            letter == escaped && matches_from(rest, name)
        }
        (['_', rest @ ..], [_, name @ ..]) => matches_from(rest, name),
        ([wanted, rest @ ..], [letter, name @ ..]) => wanted == letter && matches_from(rest, name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_on_the_database_and_on_everything_count() {
        let lines = [
            "GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*5F'",
            r"GRANT SELECT, SHOW VIEW ON `my\_shop`.* TO `app`@`%`",
            "GRANT SELECT (`a`, `b`), INSERT ON `my_shop`.`t` TO `app`@`%`",
            "GRANT TRIGGER ON `other`.* TO `app`@`%`",
            "GRANT `role ON x`@`%` TO `app`@`%`",
        ];
        let grants = Grants::read(lines, "my_shop");
        assert!(grants.on_database("SELECT") && grants.on_database("SHOW VIEW"));
        assert!(!grants.on_database("TRIGGER") && !grants.on_database("INSERT"));
        assert!(!grants.everywhere("SELECT") && !grants.shows_routines());
        assert!(!Grants::read(lines, "myXshop").on_database("SELECT"));
    }

    #[test]
    fn all_is_all_but_for_what_is_revoked() {
        let all = ["GRANT ALL PRIVILEGES ON `app%`.* TO `app`@`%` WITH GRANT OPTION"];
        let grants = Grants::read(all, "app_live");
        assert!(grants.on_database("EVENT") && grants.shows_routines());
        let lines =
            ["GRANT SELECT, TRIGGER ON *.* TO `a`@`%`", "REVOKE SELECT ON `shop`.* FROM `a`@`%`"];
        let grants = Grants::read(lines, "shop");
        assert!(!grants.on_database("SELECT") && grants.on_database("TRIGGER"));
    }

    #[test]
    fn a_right_to_columns_is_none_to_the_table() {
        let lines = ["GRANT SELECT (`odd , ON name`), UPDATE ON `shop`.* TO `a`@`%`"];
        let grants = Grants::read(lines, "shop");
        assert!(!grants.on_database("SELECT") && grants.on_database("UPDATE"));
    }
}
