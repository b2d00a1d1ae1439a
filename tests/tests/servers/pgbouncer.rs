//! The pooler: roles pass through it, and its modes differ as they do elsewhere.

use backup_tests::servers::{Pgbouncer, PoolMode, PostgresServer};

use crate::psql;

#[test]
fn every_role_logs_in_through_it_with_its_own_password() {
    let server = PostgresServer::shared();
    let pooler = Pgbouncer::start(server, PoolMode::Session);
    assert_eq!(psql(&pooler.url("postgres"), "SELECT current_user").unwrap(), "postgres");
    server.create_role("pooled", "p\"w'\\ %", "");
    let address = pooler.address("postgres");
    for address in [address.clone(), address.clone().host("::1"), address.clone().socket()] {
        let url = address.user("pooled", "p\"w'\\ %").to_string();
        assert_eq!(psql(&url, "SELECT current_user").unwrap(), "pooled", "{url}");
    }
    psql(&address.user("pooled", "wrong").to_string(), "SELECT 1").unwrap_err();
}

#[test]
fn a_setting_stays_with_the_connection_of_the_server_except_in_session_mode() {
    let server = PostgresServer::shared();
    for (mode, seen_by_the_next) in [(PoolMode::Session, "0"), (PoolMode::Transaction, "77ms")] {
        let pooler = Pgbouncer::start(server, mode);
        psql(&pooler.url("postgres"), "SET statement_timeout = '77ms'").unwrap();
        let seen = psql(&pooler.url("postgres"), "SHOW statement_timeout").unwrap();
        assert_eq!(seen, seen_by_the_next, "{mode}");
    }
}

#[test]
fn statement_mode_has_no_transactions_and_startup_options_are_refused() {
    let pooler = Pgbouncer::start(PostgresServer::shared(), PoolMode::Statement);
    let refused = psql(&pooler.url("postgres"), "BEGIN\nSELECT 1\nCOMMIT").unwrap_err();
    assert!(refused.contains("transaction blocks not allowed"), "{refused}");
    let options = pooler.address("postgres").parameter("options", "-c row_security=off");
    let refused = psql(&options.to_string(), "SELECT 1").unwrap_err();
    assert!(refused.contains("unsupported startup parameter"), "{refused}");
}
