//! A database that is written to all the while: the record describes exactly what is in the dump.

use std::collections::BTreeMap;

use backup_tests::live_host::wait_until;
use backup_tests::servers::PostgresServer;
use serde_json::json;

use crate::backup::{Backup, FORMATS, expected_row_counts, project, verify};

/// Two tables that always have equally many rows, and enough of them that a dump takes its time.
const TABLES: &str = "CREATE TABLE stop (); CREATE TABLE first_half (n integer); CREATE TABLE second_half (n integer);
    INSERT INTO first_half SELECT generate_series(1, 60000); INSERT INTO second_half TABLE first_half;";

/// A row for each in one transaction after the other, until somebody says stop.
const WRITE: &str = "DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM stop) LOOP
        INSERT INTO first_half VALUES (0);
        INSERT INTO second_half VALUES (0);
        COMMIT;
        PERFORM pg_sleep(0.0005);
    END LOOP;
END $$;";

#[test]
fn a_record_tells_the_rows_of_its_dump_while_others_write() {
    let server = PostgresServer::shared();
    let database = server.new_database("written");
    server.sql(&database, TABLES);
    let project = project(&server.url(&database));
    let mut writer = server.session(&database);
    writer.send(WRITE);
    let live =
        || server.value(&database, "SELECT count(*) FROM first_half").parse::<u64>().unwrap();
    wait_until("somebody writes", || live() > 60_000);
    let mut made: BTreeMap<&str, (Backup, u64)> = BTreeMap::new();
    for format in FORMATS {
        let before = live();
        let backup = Backup::make(&project, json!({"format": format, "compression": true}));
        let rows = backup.row_counts()["public.first_half"];
        assert!((before..live()).contains(&rows), "{before}, {rows}");
        made.insert(format, (backup, rows));
    }
    server.sql(&database, "INSERT INTO stop DEFAULT VALUES");
    for (format, (backup, rows)) in made {
        assert_eq!(verify(&project, backup.id(), "full")["status"], "success");
        let copy = format!("{database}_{format}");
        backup.restore(server, &copy);
        let restored = expected_row_counts(server, &copy);
        assert_eq!(backup.row_counts(), restored, "{format}");
        assert_eq!(restored["public.second_half"], rows, "{format}: half of a transaction");
    }
}
