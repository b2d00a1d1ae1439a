//! The rich databases: they come back from the plain tools' dumps, and what is missing is seen.

use std::path::Path;
use std::process::Command;

use backup_tests::servers::{
    Dialect, MariadbServer, PASSWORD, PostgresServer, many_tables, program,
};
use tempfile::TempDir;

use crate::told;

/// Dumps with the plain tool into a file or folder.
fn pg_dump(
    server: &PostgresServer,
    database: &str,
    folder: &TempDir,
    format: &str,
) -> std::path::PathBuf {
    let path = folder.path().join(format);
    let mut command = Command::new(program("pg_dump"));
    command
        .env_clear()
        .env("PGPASSWORD", PASSWORD)
        .args(["--host=127.0.0.1", "--username=postgres", "--dbname", database])
        .arg(format!("--port={}", server.port()))
        .args(["--format", format, "--file"])
        .arg(&path);
    told(&mut command).unwrap();
    path
}

fn shell(text: &str, path: &Path) {
    let mut command = Command::new("sh");
    told(command.args(["-c", text, "sh"]).arg(path)).unwrap();
}

#[test]
fn the_rich_postgres_database_comes_back_from_every_format() {
    let server = PostgresServer::shared();
    let database = server.new_database("rich");
    server.load_rich(&database);
    let folder = tempfile::tempdir().unwrap();
    for format in ["plain", "custom", "directory"] {
        let dump = pg_dump(server, &database, &folder, format);
        let restored = server.new_database("restored") + "_";
        if format == "plain" {
            shell("gzip -k \"$1\"", &dump);
            server.restore_plain(&dump.with_extension("gz"), &restored);
        } else {
            server.restore_archive(&dump, &restored);
        }
        server.assert_same(&database, server, &restored);
    }
    let counts = server.row_counts(&database);
    for (table, rows) in [
        ("public.no_rows", 0),
        ("public.no_columns_but_rows", 3),
        ("public.tenant_document", 80),
        ("public.\"--help\"", 2),
        ("public.\"new\nline\"", 1),
        ("public.parent", 2),
        ("public.child", 1),
        ("public._prisma_migrations", 5),
        ("\"größe 📦\".\"Ünïcödé 📚\"", 30),
    ] {
        assert_eq!(counts.get(table), Some(&rows), "{table}");
    }
    assert!(!counts.contains_key("public.measured"), "a partitioned table has no rows of its own");
}

#[test]
fn what_is_missing_in_postgres_is_told() {
    let server = PostgresServer::shared();
    let (left, right) = (server.new_database("left"), server.new_database("right"));
    for database in [&left, &right] {
        server.sql(database, &many_tables(Dialect::Postgres, 3));
        server.sql(database, "CREATE SEQUENCE counter; SELECT lo_from_bytea(7, 'a')");
    }
    assert!(server.differences(&left, server, &right).are_none());
    server.sql(&right, "UPDATE table_0002 SET label = 'other' WHERE id = 7");
    server.sql(&right, "DELETE FROM table_0003 WHERE id = 7; SELECT nextval('counter')");
    server.sql(&right, "SELECT lo_put(7, 0, 'b'); CREATE INDEX more ON table_0001 (label)");
    let told = server.differences(&left, server, &right).to_string();
    for words in [
        "+CREATE INDEX more ON public.table_0001",
        "public.table_0002: 10 rows, digest",
        "public.table_0003: 10 rows, digest",
        "| 9 rows, digest",
        "sequence public.counter: unused | at 1",
        "large object 7: postgres",
    ] {
        assert!(told.contains(words), "{words} is not told:\n{told}");
    }
    assert!(!told.contains("table_0001: "), "{told}");
}

fn mariadb_dump(server: &MariadbServer, database: &str, path: &Path) {
    let mut command = Command::new(program("mariadb-dump"));
    command
        .env_clear()
        .env("MYSQL_PWD", PASSWORD)
        .args(["--no-defaults", "--protocol=tcp", "--user=root", "--single-transaction", "--quick"])
        .args(["--routines", "--triggers", "--events", "--hex-blob"])
        .arg(format!("--port={}", server.port()))
        .arg(format!("--result-file={}", path.display()))
        .args(["--", database]);
    told(&mut command).unwrap();
}

#[test]
fn the_rich_mariadb_database_comes_back() {
    let server = MariadbServer::shared();
    let database = server.new_database("rich");
    server.load_rich(&database);
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("dump.sql");
    mariadb_dump(server, &database, &dump);
    server.restore_plain(&dump, "restored");
    server.assert_same(&database, server, "restored");
    shell("zstd -q \"$1\"", &dump);
    server.restore_plain(&folder.path().join("dump.sql.zst"), "-odd `restored`");
    server.assert_same(&database, server, "-odd `restored`");
    let counts = server.row_counts(&database);
    for (table, rows) in
        [("no_rows", 0), ("MixedCase", 1), ("mixedcase", 3), ("back`tick", 1), ("measured", 900)]
    {
        assert_eq!(counts.get(table), Some(&rows), "{table}");
    }
}

#[test]
fn a_folder_of_mydumper_comes_back() {
    let server = MariadbServer::shared();
    let database = server.new_database("folder");
    server.sql(&database, &many_tables(Dialect::Mysql, 8));
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program("mydumper"));
    command
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .arg(format!("--defaults-file={}", server.settings_file().display()))
        .args(["--threads=2", "--trx-consistency-only", "--database", &database, "--outputdir"])
        .arg(folder.path());
    told(&mut command).unwrap();
    server.restore_folder(folder.path(), "from_folder");
    server.assert_same(&database, server, "from_folder");
}

#[test]
fn what_is_missing_in_mariadb_is_told() {
    let server = MariadbServer::shared();
    let (left, right) = (server.new_database("left"), server.new_database("right"));
    for database in [&left, &right] {
        server.sql(database, &many_tables(Dialect::Mysql, 3));
        server.sql(database, "CREATE SEQUENCE counter; CREATE PROCEDURE one() SELECT 1");
    }
    assert!(server.differences(&left, server, &right).are_none());
    server.sql(&right, "UPDATE table_0002 SET label = 'other' WHERE id = 7");
    server.sql(&right, "DELETE FROM table_0003 WHERE id = 7; SELECT nextval(counter)");
    server.sql(&right, "DROP PROCEDURE one");
    let told = server.differences(&left, server, &right).to_string();
    for words in [
        "-CREATE DEFINER=`root`@`localhost` PROCEDURE `one`()",
        "table_0002: 10 rows, checksum",
        "table_0003: 10 rows, checksum",
        "| 9 rows, checksum",
        "sequence counter: 1 ",
    ] {
        assert!(told.contains(words), "{words} is not told:\n{told}");
    }
    assert!(!told.contains("table_0001: "), "{told}");
}
