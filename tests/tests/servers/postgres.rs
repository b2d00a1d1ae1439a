//! PostgreSQL: ways in, TLS, a standby, another version.

use backup_tests::live_host::wait_until;
use backup_tests::servers::{
    Certificate, Dialect, PASSWORD, PostgresOptions, PostgresServer, large_table, many_tables,
};

use crate::psql;

const WHO: &str = "SELECT current_user || ' in ' || current_database()";

#[test]
fn it_answers_over_both_families_and_the_socket_and_wants_the_password() {
    let server = PostgresServer::shared();
    let database = "odd \"name\" of='a' d/b?ä";
    server.create_database(database);
    server.create_role("role:of/all", "secret'\\@:/?#", "CREATEDB");
    for host in ["localhost", "127.0.0.1", "::1"] {
        let url = server.address(database).host(host).to_string();
        assert_eq!(psql(&url, WHO).unwrap(), format!("postgres in {database}"), "{url}");
    }
    let role = server.address(database).user("role:of/all", "secret'\\@:/?#");
    for url in [role.to_string(), role.clone().socket().to_string()] {
        assert_eq!(psql(&url, WHO).unwrap(), format!("role:of/all in {database}"), "{url}");
    }
    let wrong = server.address(database).user("role:of/all", "wrong");
    for url in [wrong.to_string(), wrong.clone().socket().to_string()] {
        assert!(psql(&url, WHO).unwrap_err().contains("password authentication failed"), "{url}");
    }
    let url = server.address(database).host_before("127.0.0.1", 1).to_string();
    assert_eq!(psql(&url, WHO).unwrap(), format!("postgres in {database}"), "the second host");
}

#[test]
fn queries_tell_nulls_from_texts_and_keep_every_character() {
    let server = PostgresServer::shared();
    let rows =
        server.query("postgres", "SELECT NULL, '', E'a,\"b\"\\n😀' UNION ALL SELECT '1', '2', '3'");
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(rows[0], [None, some(""), some("a,\"b\"\n😀")]);
    assert_eq!(rows[1], [some("1"), some("2"), some("3")]);
    assert!(server.try_sql("postgres", "SELECT 1; SELECT wrong").unwrap_err().contains("wrong"));
}

#[test]
fn a_session_holds_what_it_took() {
    let server = PostgresServer::shared();
    let database = server.new_database("held");
    let mut session = server.session(&database);
    session.sql("CREATE TABLE held (id integer)");
    assert_eq!(session.sql("BEGIN; LOCK TABLE held; SELECT 1;").trim(), "1");
    let impatient = "SET lock_timeout = '50ms'; SELECT * FROM held";
    assert!(server.try_sql(&database, impatient).unwrap_err().contains("lock timeout"));
    drop(session);
    wait_until("the lock is free", || server.try_sql(&database, impatient).is_ok());
}

#[test]
fn with_tls_the_server_proves_that_it_is_localhost() {
    let server = PostgresServer::start_own(
        &PostgresOptions::default().tls(Certificate::ForLocalhost).only_tls(),
    );
    let ask = |mode: &str, authority: &std::path::Path| {
        let url = server
            .address("postgres")
            .parameter("sslmode", mode)
            .parameter("sslrootcert", authority.to_str().unwrap());
        psql(&url.to_string(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    };
    assert_eq!(ask("verify-full", &server.tls().authority).unwrap(), "t");
    let another = &server.tls().another_authority;
    assert!(ask("verify-full", another).unwrap_err().contains("certificate verify failed"));
    let plain = server.address("postgres").parameter("sslmode", "disable").to_string();
    assert!(psql(&plain, WHO).unwrap_err().contains("no encryption"));
}

#[test]
fn with_the_wrong_host_in_the_certificate_only_verify_full_refuses() {
    let server =
        PostgresServer::start_own(&PostgresOptions::default().tls(Certificate::ForAnotherHost));
    let ask = |mode: &str| {
        let authority = server.tls().authority.to_str().unwrap();
        let url = server.address("postgres").parameter("sslmode", mode);
        psql(&url.parameter("sslrootcert", authority).to_string(), WHO)
    };
    assert_eq!(ask("verify-ca").unwrap(), "postgres in postgres");
    assert!(ask("verify-full").unwrap_err().contains("elsewhere.example"));
}

#[test]
fn a_client_certificate_takes_the_place_of_the_password() {
    let options = PostgresOptions::default().tls(Certificate::ForLocalhost).client_certificates();
    let server = PostgresServer::start_own(&options);
    server.create_role("reader", "unused", "");
    let address = server.address("postgres").user("reader", "").without_password();
    let ask = |client: &backup_tests::servers::ClientCertificate| {
        let url = address
            .clone()
            .parameter("sslcert", client.certificate.to_str().unwrap())
            .parameter("sslkey", client.key.to_str().unwrap());
        psql(&url.to_string(), WHO)
    };
    assert_eq!(ask(&server.tls().client("reader")).unwrap(), "reader in postgres");
    assert!(ask(&server.tls().client("other")).unwrap_err().contains("authentication failed"));
    ask(&server.tls().forged_client("reader")).unwrap_err();
    assert!(psql(&address.to_string(), WHO).unwrap_err().contains("client certificate"));
}

#[test]
fn a_standby_follows_and_writes_nothing() {
    let server = PostgresServer::start_own(&PostgresOptions::default());
    let standby = server.standby();
    server.create_database("shop");
    server.sql("shop", "CREATE TABLE book AS SELECT n FROM generate_series(1, 1000) AS n");
    server.wait_for_standby(&standby);
    assert_eq!(psql(&standby.url("shop"), "SELECT count(*) FROM book").unwrap(), "1000");
    assert!(standby.try_sql("shop", "DELETE FROM book").unwrap_err().contains("read-only"));
    server.assert_same("shop", &standby, "shop");
}

#[test]
fn a_server_of_another_version_answers() {
    let server = PostgresServer::start_own(&PostgresOptions::default().version(18));
    let version = psql(&server.url("postgres"), "SHOW server_version_num").unwrap();
    assert!(version.starts_with("18"), "{version}");
    assert!(server.url("postgres").len() > PASSWORD.len());
}

#[test]
fn it_is_stopped_as_by_a_crash_and_started_again_with_its_data() {
    let server = PostgresServer::start_own(&PostgresOptions::default());
    server.sql("postgres", "CREATE TABLE kept AS SELECT 1 AS n");
    server.stop_now();
    assert!(psql(&server.url("postgres"), WHO).unwrap_err().contains("refused"));
    server.start_again();
    assert_eq!(psql(&server.url("postgres"), "SELECT n FROM kept").unwrap(), "1");
    assert!(server.log().contains("database system was interrupted"), "{}", server.log());
}

#[test]
fn generated_databases_have_the_size_that_was_asked_for() {
    let server = PostgresServer::shared();
    let database = server.new_database("sized");
    server.sql(&database, &many_tables(Dialect::Postgres, 20));
    server.sql(&database, &large_table(Dialect::Postgres, 4 << 20));
    let counts = server.row_counts(&database);
    assert_eq!(counts.len(), 21);
    assert_eq!(counts["public.table_0020"], 10);
    assert_eq!(counts["public.large_table"], 4934);
    let size: u64 = server.value(&database, "SELECT pg_table_size('large_table')").parse().unwrap();
    assert!((4 << 20..6 << 20).contains(&size), "{size}");
}
