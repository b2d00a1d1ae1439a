//! What makes each single object again, out of the script that makes all of a kind: the statement that creates it, with
//! the settings that the dump tool gives the session before and takes back after it.
//!
//! ```text
//!  header ── settings · DROP · CREATE · settings back ── settings · DROP · CREATE · settings back ── footer
//! ```
//!
//! What stands in for a view until all tables are there is left out, and with it the `DROP TABLE` before it, which would
//! take a table that somebody made meanwhile: views are made in the order in which they need each other.

use std::collections::BTreeSet;

use super::definitions::Script;
use super::events::delimiter;
use super::scratch::quoted;
use super::script::{Kind, ScriptCheck};

/// What makes one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The object's name.
    pub name: String,
    /// What it makes, as a person calls it.
    pub what: String,
    /// It may be run in any session.
    pub text: Vec<u8>,
    /// What gives the database its own collation back, where the piece gave it another one.
    pub collation: Option<Vec<u8>>,
}

impl Piece {
    /// A piece that is no part of a script.
    pub(super) fn of(what: String, statements: &[&str]) -> Self {
        let statements: Vec<&[u8]> =
            statements.iter().map(|statement| statement.as_bytes()).collect();
        Self { name: String::new(), what, text: ended(&statements), collation: None }
    }
}

/// What a statement of a script is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It keeps a setting of the session's from before the script.
    Header,
    /// It gives such a setting back.
    Footer,
    /// It keeps a setting for one object.
    Keeps,
    /// Any other setting.
    Sets,
    /// It gives the database another collation.
    Collates,
    DropsTable,
    Drops,
    Creates,
}

/// How statements begin and what in them tells their role.
const OF_SCRIPT: &[u8] = b"@OLD_";
const OF_OBJECT: &[u8] = b"SET @saved";
const KEEPS: &[u8] = b"SET @";
const SETS: &[u8] = b"SET ";
const COLLATES: &[u8] = b"ALTER DATABASE ";
const DROPS_TABLE: &[u8] = b"DROP TABLE ";
const DROPS: &[u8] = b"DROP ";
const DELIMITER: &[u8] = b"DELIMITER ";

/// A statement without its end.
struct Statement {
    role: Role,
    text: Vec<u8>,
    /// What it creates: nothing where that only stands in for a view.
    created: Option<(Kind, String)>,
}

/// The pieces of a script, in the order in which they are made.
pub(super) fn pieces(script: &Script) -> Vec<Piece> {
    let mut statements = statements(&script.0);
    let of_object = |statement: &Statement| {
        !matches!(statement.role, Role::Header | Role::Sets | Role::Keeps)
            || statement.text_head().starts_with(OF_OBJECT)
    };
    let begin = statements.iter().position(of_object).unwrap_or(statements.len());
    let mut rest = statements.split_off(begin);
    let header = statements;
    let footer: Vec<Statement> =
        rest.extract_if(.., |statement| statement.role == Role::Footer).collect();
    let mut made = Vec::new();
    for statements in objects(rest) {
        let created = statements.iter().find_map(|statement| statement.created.clone());
        let Some((kind, name)) = created else { continue };
        let Some(spoken) = kind.spoken() else { continue };
        let collation: Vec<&[u8]> = statements
            .iter()
            .filter(|statement| statement.role == Role::Collates)
            .map(|statement| statement.text.as_slice())
            .collect();
        let collation = collation.last().map(|last| ended(&[last]));
        let all: Vec<&[u8]> = header
            .iter()
            .chain(&statements)
            .chain(&footer)
            .map(|statement| statement.text.as_slice())
            .collect();
        let what = format!("{spoken} {name}");
        made.push((kind, Piece { name, what, text: ended(&all), collation }));
    }
    // The order of triggers is the one in which they act.
    let (views, others): (Vec<_>, Vec<_>) =
        made.into_iter().partition(|(kind, _)| *kind == Kind::View);
    let pieces = |made: Vec<(Kind, Piece)>| made.into_iter().map(|(_, piece)| piece).collect();
    let (views, mut others): (Vec<Piece>, Vec<Piece>) = (pieces(views), pieces(others));
    others.extend(in_order_of_need(views));
    others
}

/// The statements of each object.
fn objects(statements: Vec<Statement>) -> Vec<Vec<Statement>> {
    let mut objects = Vec::new();
    let mut current: Vec<Statement> = Vec::new();
    for statement in statements {
        let is_created = current.iter().any(|statement| statement.role == Role::Creates);
        let collations =
            current.iter().filter(|statement| statement.role == Role::Collates).count();
        let belongs = match statement.role {
            Role::Sets => true,
            // A second one gives back what a first one changed.
            Role::Collates => collations == 1,
            _ => false,
        };
        if is_created && !belongs {
            objects.push(std::mem::take(&mut current));
        }
        if statement.role != Role::DropsTable {
            current.push(statement);
        }
    }
    objects.push(current);
    objects
}

/// Those last that name others: a view is refused while what it shows is not there.
fn in_order_of_need(views: Vec<Piece>) -> Vec<Piece> {
    let names: Vec<String> = views.iter().map(|view| quoted(&view.name)).collect();
    let needs = |place: usize, view: &Piece| -> BTreeSet<usize> {
        let needed = names.iter().enumerate().filter(|(other, name)| {
            *other != place && memchr::memmem::find(&view.text, name.as_bytes()).is_some()
        });
        needed.map(|(other, _)| other).collect()
    };
    let with_needs = |(place, view): (usize, Piece)| (place, needs(place, &view), view);
    let mut waiting: Vec<_> = views.into_iter().enumerate().map(with_needs).collect();
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let left: BTreeSet<usize> = waiting.iter().map(|(place, ..)| *place).collect();
        // Where each names another one, the first begins.
        let next = waiting.iter().position(|(_, needs, _)| needs.is_disjoint(&left));
        ordered.push(waiting.remove(next.unwrap_or_default()).2);
    }
    ordered
}

/// The statements of a script. The dump tool ends each at a line's end.
fn statements(script: &[u8]) -> Vec<Statement> {
    let mut check = ScriptCheck::new("");
    let mut delimiter = b";".to_vec();
    let (mut statements, mut text) = (Vec::new(), Vec::new());
    for line in script.split_inclusive(|byte| *byte == b'\n') {
        check.feed(line);
        text.extend_from_slice(line);
        if !check.is_between_statements() {
            continue;
        }
        let created = check.take_created();
        let whole = std::mem::take(&mut text);
        let whole = whole.trim_ascii();
        if let Some(other) = whole.strip_prefix(DELIMITER) {
            delimiter = other.trim_ascii().to_vec();
        } else if let Some(statement) = whole.strip_suffix(delimiter.as_slice()) {
            let text = statement.trim_ascii_end().to_vec();
            statements.push(Statement { role: role(&text), text, created });
        }
    }
    statements
}

impl Statement {
    fn text_head(&self) -> &[u8] {
        head(&self.text)
    }
}

/// What a statement is for.
fn role(text: &[u8]) -> Role {
    let head = head(text);
    let has = |wanted: &[u8]| memchr::memmem::find(text, wanted).is_some();
    match () {
        () if head.starts_with(b"CREATE") => Role::Creates,
        () if head.starts_with(DROPS_TABLE) => Role::DropsTable,
        () if head.starts_with(DROPS) => Role::Drops,
        () if head.starts_with(COLLATES) => Role::Collates,
        () if head.starts_with(KEEPS) && has(OF_SCRIPT) => Role::Header,
        () if head.starts_with(KEEPS) => Role::Keeps,
        () if head.starts_with(SETS) && has(OF_SCRIPT) => Role::Footer,
        () => Role::Sets,
    }
}

/// A statement behind the mark of a comment that only some servers read.
fn head(text: &[u8]) -> &[u8] {
    let Some(rest) = text.strip_prefix(b"/*!").or_else(|| text.strip_prefix(b"/*M!")) else {
        return text;
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    rest.get(digits..).unwrap_or_default().trim_ascii_start()
}

/// Statements with their ends, for the client: with another delimiter only where one holds a semicolon.
fn ended(statements: &[&[u8]]) -> Vec<u8> {
    let mut script = Vec::new();
    for statement in statements {
        if statement.contains(&b';') {
            let delimiter = delimiter(statement);
            script.extend_from_slice(format!("DELIMITER {delimiter}\n").as_bytes());
            script.extend_from_slice(statement);
            script.extend_from_slice(format!("\n{delimiter}\nDELIMITER ;\n").as_bytes());
        } else {
            script.extend_from_slice(statement);
            // Behind a comment it would be a part of that.
            let is_setting = statement.starts_with(SETS) || statement.starts_with(b"/*!");
            script.extend_from_slice(if is_setting { b";\n" } else { b"\n;\n" });
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(script: &str) -> Vec<(String, String)> {
        let text = |piece: Piece| (piece.what, String::from_utf8(piece.text).unwrap());
        pieces(&Script(script.as_bytes().to_vec())).into_iter().map(text).collect()
    }

    #[test]
    fn each_trigger_has_its_settings_and_those_of_the_script() {
        let script = "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n\
            /*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n\
            ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_bin ;\n\
            /*!50003 SET @saved_sql_mode       = @@sql_mode */ ;\n/*!50003 SET sql_mode              = '' */ ;\n\
            /*!50032 DROP TRIGGER IF EXISTS `b` */;\nDELIMITER ;;\n\
            /*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER `b` BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a = 1; END \n*/;;\nDELIMITER ;\n\
            /*!50003 SET sql_mode              = @saved_sql_mode */ ;\n\
            ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ;\n\
            /*!50003 SET @saved_sql_mode       = @@sql_mode */ ;\n/*!50003 SET sql_mode              = 'ANSI' */ ;\n\
            /*!50032 DROP TRIGGER IF EXISTS `a` */;\nDELIMITER ;;\n\
            /*!50003 CREATE*/ /*!50003 TRIGGER \"a\" BEFORE INSERT ON `b` FOR EACH ROW SET @a = 1 \n*/;;\nDELIMITER ;\n\
            /*!50003 SET sql_mode              = @saved_sql_mode */ ;\n\
            /*!40101 SET SQL_MODE=@OLD_SQL_MODE */;\n-- Dump completed\n";
        let header =
            "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n";
        let footer = "/*!50003 SET sql_mode              = @saved_sql_mode */;\n";
        let last = "/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;\n";
        let saved = "/*!50003 SET @saved_sql_mode       = @@sql_mode */;\n";
        let (first, second) = ("trigger b".to_owned(), "trigger a".to_owned());
        let expected = [
            (
                first,
                format!(
                    "{header}ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_bin\n;\n{saved}/*!50003 SET sql_mode              = '' */;\n/*!50032 DROP TRIGGER IF EXISTS `b` */;\nDELIMITER ;;0;\n/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER `b` BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a = 1; END \n*/\n;;0;\nDELIMITER ;\n{footer}ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin\n;\n{last}"
                ),
            ),
            (
                second,
                format!(
                    "{header}{saved}/*!50003 SET sql_mode              = 'ANSI' */;\n/*!50032 DROP TRIGGER IF EXISTS `a` */;\n/*!50003 CREATE*/ /*!50003 TRIGGER \"a\" BEFORE INSERT ON `b` FOR EACH ROW SET @a = 1 \n*/;\n{footer}{last}"
                ),
            ),
        ];
        assert_eq!(of(script), expected);
        let collations: Vec<Option<Vec<u8>>> = pieces(&Script(script.as_bytes().to_vec()))
            .into_iter()
            .map(|piece| piece.collation)
            .collect();
        let back = b"ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin\n;\n".to_vec();
        assert_eq!(collations, [Some(back), None]);
    }

    #[test]
    fn views_are_made_after_those_that_they_show_and_no_table_is_dropped() {
        let stand_in = |name: &str| {
            format!(
                "DROP TABLE IF EXISTS `{name}`;\n/*!50001 DROP VIEW IF EXISTS `{name}`*/;\nSET @saved_cs_client     = @@character_set_client;\n/*!50001 CREATE VIEW `{name}` AS SELECT\n 1 AS `x` */;\nSET character_set_client = @saved_cs_client;\n"
            )
        };
        let view = |name: &str, of: &str| {
            format!(
                "/*!50001 DROP VIEW IF EXISTS `{name}`*/;\n/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`root`@`%` SQL SECURITY DEFINER */\n/*!50001 VIEW `{name}` AS select 1 from {of} */;\n"
            )
        };
        let all = [("a", "`c`"), ("b", "`t`"), ("c", "`b`"), ("d", "`e`"), ("e", "`d`")];
        let stand_ins: String = all.iter().map(|(name, _)| stand_in(name)).collect();
        let views: String = all.iter().map(|(name, of)| view(name, of)).collect();
        let made = of(&format!("{stand_ins}{views}"));
        let names: Vec<&str> = made.iter().map(|(what, _)| what.as_str()).collect();
        assert_eq!(names, ["view b", "view c", "view a", "view d", "view e"]);
        assert!(made.iter().all(|(_, text)| !text.contains("DROP TABLE")), "{made:#?}");
        assert_eq!(made[0].1, view("b", "`t`"));
    }
}
