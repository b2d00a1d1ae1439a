//! The events of a backup: they are withheld from the scratch database, where they would fire, and tried there in a form
//! that never does.

use std::collections::BTreeSet;

use super::definitions::Script;
use super::inspect::literal;
use super::scratch::quoted;
use super::script::ScriptCheck;
use super::session::{Session, SessionEnd};

/// What stands between an event's schedule and what it does, as the server writes it.
const COMPLETION: &[u8] = b" ON COMPLETION ";
const NOT_PRESERVED: &[u8] = b"NOT PRESERVE ";
const PRESERVED: &[u8] = b"PRESERVE ";
const ENABLED: &[u8] = b"ENABLE";
const DISABLED: &[u8] = b"DISABLE";
/// The settings of a session as they are while nothing of an event is said.
const USUAL: &str = "SET sql_mode = '', character_set_client = utf8mb4, collation_connection = utf8mb4_general_ci;\n";

/// The events that were withheld from a scratch database.
#[derive(Debug, Default)]
pub(super) struct Withheld {
    pub names: Vec<String>,
    /// What makes them.
    pub script: Script,
    /// What makes them where they never fire.
    pub trial: Script,
}

/// Reads the events that were withheld.
pub(super) fn withheld(session: &mut Session, table: &str) -> Result<Withheld, SessionEnd> {
    let rows: Vec<[String; 6]> = session.query(&format!(
        "SELECT mode, client, connection, database_collation, zone, hex(definition) FROM {} ORDER BY id",
        quoted(table)
    ))?;
    let [own] = session.row("SELECT @@collation_database")?;
    let mut withheld = Withheld::default();
    for [mode, client, connection, collation, zone, definition] in rows {
        let definition = Script::from(definition).0;
        let delimiter = delimiter(&definition);
        let statement = |definition: &[u8]| {
            let begin = format!("DELIMITER {delimiter}\n");
            let end = format!("\n{delimiter}\nDELIMITER ;\n");
            [begin.as_bytes(), definition, end.as_bytes()].concat()
        };
        let names = events_of(&statement(&definition))?;
        let drop = |name: &String| format!("DROP EVENT IF EXISTS {};\n", quoted(name));
        let drops: String = names.iter().map(drop).collect();
        let collate = |to: &str| {
            let statement = || format!("ALTER DATABASE COLLATE {to};\n");
            if collation == own { String::new() } else { statement() }
        };
        let before = format!(
            "{drops}{}SET sql_mode = {}, character_set_client = {client}, collation_connection = {connection}, time_zone = {};\n",
            collate(&collation),
            literal(&mode),
            literal(&zone)
        );
        let after = format!("{USUAL}{}", collate(&own));
        for (script, definition) in [
            (&mut withheld.script, Some(definition.clone())),
            (&mut withheld.trial, disabled(&definition)),
        ] {
            let Some(definition) = definition else { continue };
            script
                .0
                .extend([before.as_bytes(), &statement(&definition), after.as_bytes()].concat());
        }
        withheld.names.extend(names);
    }
    Ok(withheld)
}

/// The definition of an event that never fires; none where it is not as the server writes it.
fn disabled(definition: &[u8]) -> Option<Vec<u8>> {
    let place = outside_quotes(definition, COMPLETION)? + COMPLETION.len();
    let rest = definition.get(place..)?;
    let kept = [NOT_PRESERVED, PRESERVED].into_iter().find(|kept| rest.starts_with(kept))?;
    let rest = rest.get(kept.len()..)?;
    let Some(rest) = rest.strip_prefix(ENABLED) else { return Some(definition.to_vec()) };
    let begin = definition.get(..place + kept.len())?;
    Some([begin, DISABLED, rest].concat())
}

/// Where words stand outside of names and texts.
fn outside_quotes(text: &[u8], words: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (place, byte) in text.iter().enumerate() {
        match quote {
            Some(open) if open == *byte => quote = None,
            None if matches!(byte, b'`' | b'\'' | b'"') => quote = Some(*byte),
            None if text.get(place..).is_some_and(|rest| rest.starts_with(words)) => {
                return Some(place);
            }
            _ => {}
        }
    }
    None
}

/// The names of the events that statements make.
fn events_of(statements: &[u8]) -> Result<BTreeSet<String>, SessionEnd> {
    let mut check = ScriptCheck::new("");
    check.feed(b"-- MariaDB dump \n");
    check.feed(statements);
    check.feed(b"-- Dump completed\n");
    let contents = check.finish().map_err(|flaw| SessionEnd::fault(&flaw.to_string()))?;
    Ok(contents.events)
}

/// A delimiter that is not in a definition.
pub(super) fn delimiter(definition: &[u8]) -> String {
    let is_in = |delimiter: &str| {
        definition.windows(delimiter.len()).any(|window| window == delimiter.as_bytes())
    };
    let mut number = 0_u64;
    loop {
        let delimiter = format!(";;{number};");
        if !is_in(&delimiter) {
            return delimiter;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_definition_has_its_delimiter() {
        assert_eq!(delimiter(b"SELECT ';;0; ;;1;'"), ";;2;");
    }

    #[test]
    fn an_event_is_disabled_where_it_says_so_and_nowhere_else() {
        let of =
            |text: &str| disabled(text.as_bytes()).map(|text| String::from_utf8(text).unwrap());
        let event = "EVENT `a ON COMPLETION PRESERVE ENABLE` ON SCHEDULE AT '2030' ON COMPLETION NOT PRESERVE ENABLE DO SELECT ' ON COMPLETION PRESERVE ENABLE'";
        let expected = event.replace("NOT PRESERVE ENABLE DO", "NOT PRESERVE DISABLE DO");
        assert_eq!(of(event), Some(expected.clone()));
        assert_eq!(of(&expected), Some(expected));
        assert_eq!(of("EVENT `a` ON SCHEDULE EVERY 1 DAY DO SELECT 1"), None);
    }
}
