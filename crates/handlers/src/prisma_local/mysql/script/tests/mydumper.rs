//! The files of a `mydumper` folder: those of 0.10, and what later versions write differently.

use super::super::metadata::UnfinishedMydumper;
use super::super::migrations::MigrationRow;
use super::*;

const HEAD: &str = "/*!40101 SET NAMES binary*/;
/*!40014 SET FOREIGN_KEY_CHECKS=0*/;

/*!40103 SET TIME_ZONE='+00:00' */;
";

fn read_file(
    text: &str,
    columns: Option<MigrationColumns>,
) -> Result<ScriptContents, IncompleteScript> {
    let mut check = ScriptCheck::of_mydumper(TABLE, columns);
    check.feed(text.as_bytes());
    check.finish()
}

fn file(body: &str) -> ScriptContents {
    read_file(&[HEAD, body].concat(), None).unwrap()
}

#[test]
fn rows_are_counted_in_every_version() {
    let first = "INSERT INTO `t` VALUES\n(1,\"it\\'s; \\\"x\\\" ),(\"),\n(-2,\"\\\\\");\n";
    let later = "INSERT INTO `t` (`a`,`b`) VALUES(1,CONVERT(\"{\\\"a\\\": \\\"(\\\"}\" USING UTF8MB4))\n,(2,_binary \"),(\")\n;\n";
    for body in [first, later] {
        assert_eq!(file(body).rows, rows([("t", 2)]), "{body}");
    }
}

#[test]
fn a_file_ends_behind_a_statement() {
    assert_eq!(read_file("", None), Ok(ScriptContents::default()));
    let text = [HEAD, "INSERT INTO `t` VALUES\n(1,\"x;\"),\n(2,\"y\");\n"].concat();
    assert!(read_file(&text, None).is_ok());
    let last = text.len() - "INSERT INTO `t` VALUES\n(1,\"x;\"),\n(2,\"y\");\n".len();
    for length in last + 1..text.len() {
        assert!(read_file(&text[..length], None).is_err(), "{length}");
    }
}

/// It writes no `DELIMITER`: within a program a space follows the semicolon at a line's end.
#[test]
fn a_stored_program_ends_with_the_line() {
    let text = "DROP PROCEDURE IF EXISTS `proc`;
CREATE DEFINER=`trigger`@`%` PROCEDURE `proc`()
BEGIN
  INSERT INTO `values` VALUES (1,2,3); 
  SELECT 1; SELECT ';', 2; -- it's over; 
END -- of proc;
SET character_set_client = @PREV_CHARACTER_SET_CLIENT;
CREATE DEFINER=`root`@`localhost` FUNCTION `f`(x INT) RETURNS int(11)
    DETERMINISTIC
RETURN x + 1;
CREATE DEFINER=`root`@`localhost` EVENT `e` ON SCHEDULE EVERY 1 DAY DO BEGIN SELECT 1; END;
CREATE DEFINER=\"root\"@\"localhost\" TRIGGER \"ansi trg\" BEFORE UPDATE ON \"values\" FOR EACH ROW SET @y = '';
";
    let expected = ScriptContents {
        procedures: names(["proc"]),
        functions: names(["f"]),
        events: names(["e"]),
        triggers: names(["ansi trg"]),
        ..ScriptContents::default()
    };
    assert_eq!(file(text), expected);
    let within = text.find("  SELECT 1").unwrap();
    assert_eq!(
        read_file(&text[..within], None),
        Err(IncompleteScript::Within(Unfinished::Statement))
    );
}

#[test]
fn files_of_a_folder_add_up() {
    let mut folder = ScriptContents::default();
    for body in [
        "CREATE TABLE `t` (\n  `a` int(11) DEFAULT NULL\n) ENGINE=InnoDB;\n",
        "INSERT INTO `t` VALUES\n(1),\n(2);\n",
        "INSERT INTO `t` VALUES\n(3);\n",
        "CREATE TABLE `v`(\n`a` int\n)ENGINE=MyISAM;\n",
        "DROP TABLE IF EXISTS `v`;\nDROP VIEW IF EXISTS `v`;\nCREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` \
         SQL SECURITY DEFINER VIEW `v` AS select 1 AS `a`;\n",
        "INSERT INTO `s` VALUES\n(1005,1);\n",
        "CREATE TABLE `s` (\n  `next_not_cached_value` bigint(21) NOT NULL\n) ENGINE=InnoDB SEQUENCE=1;\n",
    ] {
        folder.absorb(file(body));
    }
    let expected = ScriptContents {
        rows: rows([("t", 3)]),
        views: names(["v"]),
        sequences: names(["s"]),
        ..ScriptContents::default()
    };
    assert_eq!(folder, expected);
}

#[test]
fn migrations_are_read_with_the_columns_of_the_other_file() {
    let columns = file(
        "CREATE TABLE `_prisma_migrations` (
  `migration_name` varchar(255) NOT NULL,
  `rolled_back_at` datetime(3) DEFAULT NULL,
  `finished_at` datetime(3) DEFAULT NULL,
  `started_at` datetime(3) NOT NULL
) ENGINE=InnoDB;
",
    )
    .migration_columns;
    assert!(columns.is_some());
    let text = "INSERT INTO `_prisma_migrations` VALUES\n(\"1_init\",NULL,\"2024-01-01 10:00:00.000\",\"2024-01-01 09:00:00.000\");\n";
    assert_eq!(read_file(text, None).unwrap().migrations, []);
    let expected = MigrationRow {
        name: "1_init".to_owned(),
        started_at: "2024-01-01 09:00:00.000".to_owned(),
        finished_at: Some("2024-01-01 10:00:00.000".to_owned()),
        rolled_back_at: None,
    };
    assert_eq!(read_file(text, columns).unwrap().migrations, [expected]);
}

#[test]
fn metadata_says_when_the_dump_was_finished() {
    let first = "Started dump at: 2026-11-25 02:40:03\nSHOW MASTER STATUS:\n\tLog: bin.000001\n\n\
                 Finished dump at: 2026-11-25 02:40:03\n";
    assert_eq!(MydumperMetadata::read(first), Ok(MydumperMetadata::default()));
    for length in 0..first.len() - 1 {
        assert_eq!(MydumperMetadata::read(&first[..length]), Err(UnfinishedMydumper));
    }
}

#[test]
fn later_metadata_counts_the_rows() {
    let text = "# Started dump at: 2024-02-29 12:34:56
[config]
quote-character = BACKTICK

[myloader_session_variables]
SQL_MODE='NO_AUTO_VALUE_ON_ZERO,' /*!40101

[`shop`.`Item`]
real_table_name=Item
rows = 12

[`shop`.`mydumper_0`]
real_table_name=odd\u{1000}0name
rows = 3
data_checksum = 1A2B

[`shop`.`cheap`]
real_table_name=cheap
rows = 0
is_view = 1

[`shop`.`older`]
Rows = 4

[`shop`]
schema_checksum = 0
[config]
max-statement-size = 1000
# Finished dump at: 2024-02-29 12:35:00
";
    let metadata = MydumperMetadata::read(text).unwrap();
    assert_eq!(metadata.rows, rows([("Item", 12), ("odd\nname", 3), ("older", 4)]));
    let quoted = text.replace('`', "\"");
    assert_eq!(MydumperMetadata::read(&quoted), Ok(metadata));
    let unfinished = text.replace("# Finished", "# Began");
    assert_eq!(MydumperMetadata::read(&unfinished), Err(UnfinishedMydumper));
}
