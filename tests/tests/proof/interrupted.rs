//! Signals and kills in the midst of a proof: the live database is untouched, and what is left is removed.

use backup_tests::Conversation;
use backup_tests::live_host::{LiveHost, wait_until};
use backup_tests::servers::{Dialect, MariadbServer, PostgresServer, large_table};
use rustix::process::Signal;
use serde_json::json;

use crate::{made, project, proof, proven};

const MEBIBYTES: u64 = 24 * 1024 * 1024;

#[test]
fn a_killed_proof_on_postgres_leaves_a_database_that_the_next_one_drops() {
    let server = PostgresServer::shared();
    let database = server.new_database("killed");
    server.sql(&database, &large_table(Dialect::Postgres, MEBIBYTES));
    let project = project(server.url(&database));
    let id = made(&project, "sql", &json!(true));
    let scratch = || {
        let question = format!(
            "SELECT string_agg(d.datname, ' ') FROM pg_database d JOIN pg_shdescription s ON s.objoid = d.oid \
             WHERE s.description LIKE '%beside database ' || (SELECT oid FROM pg_database WHERE datname = '{database}')"
        );
        server.query("postgres", &question)[0][0].clone().unwrap_or_default()
    };
    let mut host = LiveHost::start(&mut project.host());
    host.send(&proof(&id));
    wait_until("the scratch database is there", || !scratch().is_empty());
    host.kill();
    let left = scratch();
    assert!(left.starts_with("backup_manager_scratch_"), "{left}");
    // One that only looks like ours stays.
    server.create_database("backup_manager_scratch_0123456789abcdef");
    proven(&project, &id);
    assert_eq!(scratch(), "");
    server.sql("postgres", "DROP DATABASE backup_manager_scratch_0123456789abcdef");
}

#[test]
fn a_killed_proof_on_mariadb_leaves_a_database_that_the_next_one_drops() {
    let server = MariadbServer::shared();
    let database = server.new_database("killed");
    server.sql(&database, &large_table(Dialect::Mysql, MEBIBYTES));
    let project = project(server.url(&database));
    let id = made(&project, "sql", &json!(true));
    let scratch = || {
        let marked = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_name LIKE 'backup\\_manager\\_scratch\\_%'";
        let beside = |place: &Vec<Option<String>>| {
            let [Some(schema), Some(table)] = place.as_slice() else { return false };
            let asked = server.try_sql("", &format!("SELECT beside FROM {schema}.{table}"));
            asked.is_ok_and(|text| text.trim() == database)
        };
        server.query("", marked).into_iter().filter(beside).collect::<Vec<_>>()
    };
    let mut host = LiveHost::start(&mut project.host());
    host.send(&proof(&id));
    wait_until("the scratch database is there", || !scratch().is_empty());
    host.kill();
    assert_eq!(scratch().len(), 1);
    proven(&project, &id);
    assert!(scratch().is_empty());
}

#[test]
fn an_interrupted_proof_drops_its_database_and_says_nothing_against_the_backup() {
    let server = PostgresServer::shared();
    let database = server.new_database("stopped");
    server.sql(&database, &large_table(Dialect::Postgres, MEBIBYTES));
    let project = project(server.url(&database));
    for format in ["sql", "directory"] {
        let id = made(&project, format, &json!(true));
        let mut host = Conversation::start(&mut project.host());
        host.send(format!("{}\n", proof(&id)));
        let mark = format!(
            "SELECT count(*) FROM pg_database d JOIN pg_shdescription s ON s.objoid = d.oid \
             WHERE s.description LIKE '%beside database ' || (SELECT oid FROM pg_database WHERE datname = '{database}')"
        );
        wait_until("it is there", || server.value("postgres", &mark) != "0");
        host.signal(Signal::TERM);
        let ending = host.await_end();
        assert_eq!(ending.status.code(), Some(143), "{ending:?}");
        assert!(ending.stdout[0].contains("\"cancelled\""), "{ending:?}");
        assert_eq!(server.value("postgres", &mark), "0", "{format}");
        proven(&project, &id);
    }
}
