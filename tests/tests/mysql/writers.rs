//! Backups beside somebody who writes without pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use backup_tests::live_host::wait_until;
use backup_tests::servers::{Dialect, MariadbServer, large_table};
use serde_json::{Value, json};

use crate::{Made, create, folder, project};

/// Writes one row into the first table of a dump and one into the last, in one transaction.
const WRITE: &str = "START TRANSACTION; INSERT INTO a_pulse () VALUES (); INSERT INTO z_pulse () VALUES (); COMMIT;";

/// Somebody who writes without pause.
struct Writer {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    fn start(server: &'static MariadbServer, database: &str) -> Self {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counter) = (Arc::clone(&stop), Arc::clone(&written));
        let mut session = server.session(database);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                session.sql(WRITE);
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        let writer = Self { stop, written, thread: Some(thread) };
        writer.wait_for(3);
        writer
    }

    fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    fn wait_for(&self, more: u64) {
        let before = self.written();
        wait_until("the writer writes", || self.written() >= before + more);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = self.thread.take().unwrap().join();
    }
}

fn database() -> String {
    let server = MariadbServer::shared();
    let database = server.new_database("busy");
    server.sql(&database, "CREATE TABLE a_pulse (id int AUTO_INCREMENT PRIMARY KEY, at timestamp(6) DEFAULT current_timestamp(6)); CREATE TABLE z_pulse LIKE a_pulse");
    server.sql(&database, &large_table(Dialect::Mysql, 4 << 20));
    database
}

/// A backup of one instant: both tables have the rows of the same transactions, without a gap.
fn assert_is_one_instant(made: &Made, between: std::ops::RangeInclusive<u64>) {
    let server = MariadbServer::shared();
    let copy = made.restored(server);
    let rows = made.rows();
    assert_eq!(rows, server.row_counts(&copy));
    assert_eq!(rows["a_pulse"], rows["z_pulse"], "both tables are of one instant");
    assert!(between.contains(&rows["a_pulse"]), "{} in {between:?}", rows["a_pulse"]);
    let last = server.value(&copy, "SELECT max(id) FROM z_pulse");
    assert_eq!(last, rows["z_pulse"].to_string(), "no row is missing before the last");
}

fn beside_a_writer(requests: &[Value], global_read_lock: bool) {
    let server = MariadbServer::shared();
    let database = database();
    let project = project(server.url(&database));
    project.configure(|settings| {
        settings["backup"] = json!({"global_read_lock": global_read_lock, "threads": 2});
    });
    let writer = Writer::start(server, &database);
    for request in requests {
        let before = writer.written();
        let made = Made::by(&project, request);
        // One more may have been committed than the writer had counted.
        assert_is_one_instant(&made, before..=writer.written() + 1);
        made.assert_verifies(&project);
        writer.wait_for(3);
    }
}

#[test]
fn a_backup_beside_a_busy_writer_is_of_one_instant() {
    beside_a_writer(&[create("sql", &json!(false)), create("sql", &json!(true)), folder()], false);
}

#[test]
fn with_the_global_read_lock_as_well() {
    beside_a_writer(&[create("sql", &json!("zstd")), folder()], true);
}
