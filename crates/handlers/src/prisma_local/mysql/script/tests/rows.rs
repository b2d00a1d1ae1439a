//! Rows, and those of the migrations table.

use super::super::migrations::MigrationRow;
use super::*;

fn counted(statements: &str) -> BTreeMap<String, u64> {
    contents(statements).rows
}

#[test]
fn every_form_of_insert_is_counted() {
    for statement in [
        "INSERT INTO `t` VALUES (1),(2);",
        "INSERT INTO `t` VALUES\n(1),\n(2);",
        "INSERT INTO `t` (`a`, `b (c`) VALUES (1,2),(3,4);",
        "INSERT  IGNORE INTO `t` VALUES (1),(2);",
        "REPLACE INTO `t` VALUES (1),(2);",
        "INSERT DELAYED IGNORE INTO `t` VALUES (1),(2);",
        "insert into t values(1),(2);",
        "INSERT INTO `shop`.`t` VALUES (1);\nINSERT INTO `shop`.t VALUES (1);",
        "/*!50000 INSERT INTO `t` VALUES (1),/* (3), */(2) */;",
        "INSERT INTO `t` VALUES (CONVERT('(' USING UTF8MB4)),(f(g((1)),')'));",
        "INSERT INTO `t` VALUES (-1,--1,-.5,- 2),(1 -- ),(\n,2 # ),(\n);",
        "INSERT INTO `t` VALUES (0x28292C28,_binary '),(',b'101'),(x'28',NULL,1.5e-7);",
    ] {
        assert_eq!(counted(statement), rows([("t", 2)]), "{statement}");
    }
}

#[test]
fn texts_end_where_the_server_ends_them() {
    for text in [
        r"'it''s'",
        r"'it\'s'",
        r"'\\'",
        r"'\\\''",
        "''",
        "''''",
        r#"'"'"#,
        r"'`'",
        r#""),(\"""#,
        r#""a""b'""#,
        "'-- ),(\n'",
        "'/* '",
        "'; '",
        "'),('",
        r"'\n),(\0'",
    ] {
        let long = text.repeat(40).replace("''''", "");
        for text in [text, &long] {
            let statement =
                format!("INSERT INTO `t` VALUES ({text},1),({text},{text}),(2,{text});");
            assert_eq!(counted(&statement), rows([("t", 3)]), "{statement}");
        }
    }
}

/// Rows are counted in blocks: whatever matters is tried at every place of one.
#[test]
fn nothing_is_missed_between_two_blocks() {
    for length in 0..140 {
        let (digits, spaces) = ("1".repeat(length), " ".repeat(length));
        for statement in [
            format!("INSERT INTO `t` VALUES ({digits}-- ),(\n,2),(3);"),
            format!("INSERT INTO `t` VALUES (1){spaces}-- ,(2)\n,(3);"),
            format!("INSERT INTO `t` VALUES ({digits}-1,-{digits}),(--1,2);"),
            format!("INSERT INTO `t` VALUES ('{digits}\\'),('),('{digits}''),(');"),
            format!("INSERT INTO `t` VALUES (f('{digits}\\')'),2),(\"{spaces}),(\");"),
            format!("INSERT INTO `t` VALUES (0x{digits});INSERT INTO `t` VALUES (1);"),
            format!(
                "DELIMITER |\nINSERT INTO `t` VALUES (1),(2{digits})|\nSELECT (1|\nDELIMITER ;\n"
            ),
            format!(
                "SET sql_mode='NO_BACKSLASH_ESCAPES';\nINSERT INTO `t` VALUES ('{digits}\\'),('');"
            ),
        ] {
            assert_eq!(counted(&statement), rows([("t", 2)]), "{statement}");
        }
    }
}

#[test]
fn the_clients_command_is_one_only_between_statements() {
    let statements = "CREATE TABLE t (\n  DELIMITER int\n);\nINSERT INTO t VALUES (1);\n";
    assert_eq!(counted(statements), rows([("t", 1)]));
}

#[test]
fn names_are_read_as_the_server_reads_them() {
    let statements = "CREATE TABLE `select` (a int);
INSERT INTO `INTO` VALUES (1);
INSERT INTO `VALUES` (`VALUES`) VALUES (1);
INSERT INTO `a``b` VALUES (1);
INSERT INTO `ÄÖ 表` VALUES (1);
INSERT INTO `a\\` VALUES (1);
INSERT INTO `it's; -- ` VALUES (1);
";
    let expected = ["INTO", "VALUES", "a\\", "a`b", "it's; -- ", "ÄÖ 表"].map(|name| (name, 1));
    let mut expected = rows(expected);
    expected.insert("select".to_owned(), 0);
    assert_eq!(counted(statements), expected);
}

#[test]
fn what_a_stored_program_inserts_is_not_counted() {
    let body = "DELIMITER ;;
CREATE PROCEDURE `p`()
BEGIN INSERT INTO `t` VALUES (1);
INSERT INTO `u` VALUES (1);
END ;;
DELIMITER ;
INSERT INTO `t` VALUES (1);
";
    assert_eq!(counted(body), rows([("t", 1)]));
}

const CREATE: &str = "CREATE TABLE `_prisma_migrations` (
  `id` varchar(36) NOT NULL,
  `finished_at` datetime(3) DEFAULT NULL COMMENT 'a, `migration_name`',
  `migration_name` varchar(255) NOT NULL,
  `logs` text DEFAULT NULL,
  `rolled_back_at` datetime(3) DEFAULT NULL,
  `started_at` datetime(3) NOT NULL DEFAULT current_timestamp(3),
  `steps` decimal(3,1) NOT NULL,
  PRIMARY KEY (`id`,`started_at`),
  KEY `x` (`logs`(10))
) ENGINE=InnoDB;
";

fn migration(name: &str, finished: Option<&str>, rolled_back: Option<&str>) -> MigrationRow {
    MigrationRow {
        name: name.to_owned(),
        started_at: "2024-01-01 09:59:59.000".to_owned(),
        finished_at: finished.map(str::to_owned),
        rolled_back_at: rolled_back.map(str::to_owned),
    }
}

#[test]
fn migrations_are_found_by_the_columns_of_the_table() {
    let insert = r#"INSERT INTO `_prisma_migrations` VALUES
('a','2024-01-01 10:00:00.123','1_init',NULL,NULL,'2024-01-01 09:59:59.000',1.5),
('b',NULL,_utf8mb4 '2_it\'s "bad" \\',' it failed: (1),(2)\n -- ''x''',NULL,'2024-01-01 09:59:59.000',-1),
('c',NULL,'3_ü','x','2024-01-03 11:00:00.000','2024-01-01 09:59:59.000',0);
"#;
    let contents = contents(&[CREATE, insert].concat());
    let expected = [
        migration("1_init", Some("2024-01-01 10:00:00.123"), None),
        migration("2_it's \"bad\" \\", None, None),
        migration("3_ü", None, Some("2024-01-03 11:00:00.000")),
    ];
    assert_eq!(contents.migrations, expected);
    assert_eq!(contents.rows, rows([(TABLE, 3)]));
}

#[test]
fn migrations_are_found_by_the_columns_that_the_rows_name() {
    let insert = "INSERT INTO `_prisma_migrations` (`started_at`, `rolled_back_at`, `migration_name`, `finished_at`) \
                  VALUES ('2024-01-01 09:59:59.000',NULL,'1_init',NULL);\n";
    for create in ["", CREATE] {
        let contents = contents(&[create, insert].concat());
        assert_eq!(contents.migrations, [migration("1_init", None, None)]);
    }
}

#[test]
fn a_table_of_that_name_that_is_not_prismas_has_no_migrations() {
    let other = CREATE.replace("`rolled_back_at`", "`undone_at`");
    for create in ["", &other] {
        let insert = "INSERT INTO `_prisma_migrations` VALUES ('a',1,2,3,4,5,6);\n";
        let contents = contents(&[create, insert].concat());
        assert_eq!(contents.migrations, []);
        assert_eq!(contents.migration_columns, None);
        assert_eq!(contents.rows, rows([(TABLE, 1)]));
    }
}
