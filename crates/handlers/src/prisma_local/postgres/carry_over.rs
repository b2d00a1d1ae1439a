//! What belongs to a database and is in no dump of it: its owner, privileges, settings, limits, comment and labels.
//! They are read from the live one and written as statements about the one that takes its place.

use super::session::{Session, SessionEnd, identifier, literal};

/// Settings whose value is a list of names, each quoted by itself: what `pg_dump` takes apart too
/// (`variable_is_guc_list_quote`).
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// Statements about the new database.
#[derive(Debug)]
pub(super) struct CarryOver {
    /// In any order, before the swap.
    pub before: Vec<String>,
    /// Within the swap: until then the comment is the mark of a scratch database.
    pub comment: String,
}

/// Reads what must be carried over from the session's database to another one.
pub(super) fn read(session: &mut Session, to: &str) -> Result<CarryOver, SessionEnd> {
    let name = identifier(to);
    let [owner, limit, template, has_comment, comment] = session.row(
        "SELECT pg_catalog.pg_get_userbyid(d.datdba), d.datconnlimit::text, d.datistemplate::text, \
         (c.description IS NOT NULL)::text, coalesce(c.description, '') \
         FROM pg_catalog.pg_database d LEFT JOIN pg_catalog.pg_shdescription c \
         ON c.objoid = d.oid AND c.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass \
         WHERE d.datname = pg_catalog.current_database()",
    )?;
    let mut before = privileges(session, &name, &owner)?;
    before.push(format!("ALTER DATABASE {name} CONNECTION LIMIT {limit}"));
    if template == "true" {
        before.push(format!("ALTER DATABASE {name} IS_TEMPLATE true"));
    }
    before.extend(settings(session, &name)?);
    before.extend(labels(session, &name)?);
    // Last: from then on only the owner may go on.
    before.push(format!("ALTER DATABASE {name} OWNER TO {}", identifier(&owner)));
    let comment = if has_comment == "true" { literal(&comment) } else { "NULL".to_owned() };
    Ok(CarryOver { before, comment })
}

/// Nothing where they are what every database has.
fn privileges(session: &mut Session, name: &str, owner: &str) -> Result<Vec<String>, SessionEnd> {
    let [own] = session.row(
        "SELECT (datacl IS NOT NULL)::text FROM pg_catalog.pg_database \
         WHERE datname = pg_catalog.current_database()",
    )?;
    if own != "true" {
        return Ok(Vec::new());
    }
    let entries: Vec<[String; 4]> = session.query(
        "SELECT a.grantee::text, CASE a.grantee WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee) END, \
         a.privilege_type, a.is_grantable::text \
         FROM pg_catalog.pg_database d, pg_catalog.aclexplode(d.datacl) a \
         WHERE d.datname = pg_catalog.current_database()",
    )?;
    let mut statements = vec![
        format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC"),
        format!("REVOKE ALL ON DATABASE {name} FROM {}", identifier(owner)),
    ];
    for [number, grantee, privilege, grantable] in entries {
        let grantee = if number == "0" { "PUBLIC".to_owned() } else { identifier(&grantee) };
        let option = if grantable == "true" { " WITH GRANT OPTION" } else { "" };
        statements.push(format!("GRANT {privilege} ON DATABASE {name} TO {grantee}{option}"));
    }
    Ok(statements)
}

/// The settings of the database, and those of roles within it.
fn settings(session: &mut Session, name: &str) -> Result<Vec<String>, SessionEnd> {
    let settings: Vec<[String; 3]> = session.query(
        "SELECT s.setrole::text, CASE s.setrole WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(s.setrole) END, \
         pg_catalog.unnest(s.setconfig) \
         FROM pg_catalog.pg_db_role_setting s WHERE s.setdatabase = \
         (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
    )?;
    let statement = |[number, role, setting]: [String; 3]| {
        let (setting, value) = setting.split_once('=')?;
        let whose = if number == "0" {
            format!("DATABASE {name}")
        } else {
            format!("ROLE {} IN DATABASE {name}", identifier(&role))
        };
        let value = if LISTS.contains(&setting) {
            list(value).iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ")
        } else {
            literal(value)
        };
        Some(format!("ALTER {whose} SET {} TO {value}", dotted(setting)))
    };
    Ok(settings.into_iter().filter_map(statement).collect())
}

/// A setting's name, which an extension's own has in two parts.
fn dotted(setting: &str) -> String {
    setting.split('.').map(identifier).collect::<Vec<_>>().join(".")
}

/// The names in a list, without their quotes.
fn list(value: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut quoted = false;
    let mut letters = value.chars().peekable();
    while let Some(letter) = letters.next() {
        let Some(name) = names.last_mut() else { break };
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                name.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(String::new()),
            blank if blank.is_whitespace() && !quoted => {}
            other => name.push(other),
        }
    }
    names
}

fn labels(session: &mut Session, name: &str) -> Result<Vec<String>, SessionEnd> {
    let labels: Vec<[String; 2]> = session.query(
        "SELECT provider, label FROM pg_catalog.pg_shseclabel \
         WHERE classoid = 'pg_catalog.pg_database'::pg_catalog.regclass AND objoid = \
         (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
    )?;
    let statement = |[provider, label]: [String; 2]| {
        let provider = identifier(&provider);
        format!("SECURITY LABEL FOR {provider} ON DATABASE {name} IS {}", literal(&label))
    };
    Ok(labels.into_iter().map(statement).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_taken_apart() {
        assert_eq!(list("\"$user\", public"), ["$user", "public"]);
        assert_eq!(list("\"a \"\"b\"\", c\",d"), ["a \"b\", c", "d"]);
        assert_eq!(list("\"\""), [""]);
    }

    #[test]
    fn names_of_extensions_settings_have_two_parts() {
        assert_eq!(dotted("app.tenant"), "\"app\".\"tenant\"");
    }
}
