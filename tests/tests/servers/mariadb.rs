//! MariaDB: ways in, TLS, its binary log.

use std::process::Command;

use backup_tests::live_host::wait_until;
use backup_tests::servers::{
    Certificate, Dialect, MariadbOptions, MariadbServer, PASSWORD, large_table, many_tables,
    program,
};

use crate::told;

/// What the client says over TCP.
fn ask(
    server: &MariadbServer,
    user: &str,
    password: &str,
    more: &[&str],
) -> Result<String, String> {
    let mut command = Command::new(program("mariadb"));
    command
        .env_clear()
        .env("MYSQL_PWD", password)
        .args(["--no-defaults", "--protocol=tcp", "--batch", "--skip-column-names"])
        .args(["--user", user, "--execute=SELECT current_user()"])
        .arg(format!("--port={}", server.port()))
        .args(more);
    told(&mut command)
}

#[test]
fn it_answers_over_both_families_and_the_socket_and_wants_the_password() {
    let server = MariadbServer::shared();
    server.create_database("odd `name` of='a' d/b?ä");
    server.create_user("o'user", "secret'\\@:/?#", "", &["SELECT ON *.*"]);
    for host in ["--host=127.0.0.1", "--host=::1", "--host=localhost"] {
        assert_eq!(ask(server, "root", PASSWORD, &[host]).unwrap(), "root@%", "{host}");
        let user = ask(server, "o'user", "secret'\\@:/?#", &[host, "--database=mysql"]);
        assert_eq!(user.unwrap(), "o'user@%");
    }
    assert!(ask(server, "root", "wrong", &[]).unwrap_err().contains("Access denied"));
    assert!(ask(server, "root", "", &[]).unwrap_err().contains("Access denied"));
    assert!(ask(server, "nobody", "", &[]).unwrap_err().contains("Access denied"));
    assert_eq!(server.value("odd `name` of='a' d/b?ä", "SELECT current_user()"), "root@localhost");
    let url = server.address("a b").host("::1").socket().to_string();
    assert!(url.starts_with("mysql://root:p%40ss%3A"), "{url}");
    assert!(url.ends_with("/socket") && url.contains("/a%20b?socket=/tmp/"), "{url}");
}

#[test]
fn queries_keep_every_character() {
    let server = MariadbServer::shared();
    let rows = server.query("", "SELECT NULL, '', 'a\\t\\\\\\n\\0\\r😀' UNION ALL SELECT 1, 2, 3");
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(rows[0], [None, some(""), some("a\t\\\n\0\r😀")]);
    assert_eq!(rows[1], [some("1"), some("2"), some("3")]);
    assert!(server.try_sql("", "SELECT 1; SELECT wrong").unwrap_err().contains("wrong"));
}

#[test]
fn a_session_holds_what_it_took() {
    let server = MariadbServer::shared();
    let database = server.new_database("held");
    let mut session = server.session(&database);
    session.sql("CREATE TABLE held (id integer)");
    assert_eq!(session.sql("LOCK TABLES held WRITE; SELECT 1;").trim(), "1");
    let impatient = "SET lock_wait_timeout = 0; SELECT * FROM held";
    assert!(server.try_sql(&database, impatient).unwrap_err().contains("Lock wait timeout"));
    drop(session);
    wait_until("the lock is free", || server.try_sql(&database, impatient).is_ok());
}

#[test]
fn with_tls_the_server_proves_that_it_is_localhost_and_asks_the_client_too() {
    let options = MariadbOptions::default().tls(Certificate::ForLocalhost).only_tls();
    let server = MariadbServer::start_own(&options);
    let authority = format!("--ssl-ca={}", server.tls().authority.display());
    let verified = [authority.as_str(), "--ssl-verify-server-cert", "--host=localhost"];
    assert_eq!(ask(&server, "root", PASSWORD, &verified).unwrap(), "root@%");
    let another = format!("--ssl-ca={}", server.tls().another_authority.display());
    assert!(ask(&server, "root", PASSWORD, &[&another]).unwrap_err().contains("certificate"));
    let refused = ask(&server, "root", PASSWORD, &["--skip-ssl"]).unwrap_err();
    assert!(refused.contains("secure") || refused.contains("Access denied"), "{refused}");
    server.create_user("known", "secret", "REQUIRE X509", &[]);
    ask(&server, "known", "secret", &verified).unwrap_err();
    let client = server.tls().client("known");
    let certificate = format!("--ssl-cert={}", client.certificate.display());
    let key = format!("--ssl-key={}", client.key.display());
    let known = [&verified[..], &[&certificate, &key]].concat();
    assert_eq!(ask(&server, "known", "secret", &known).unwrap(), "known@%");
}

#[test]
fn with_the_wrong_host_in_the_certificate_only_verification_refuses() {
    let options = MariadbOptions::default().tls(Certificate::ForAnotherHost);
    let server = MariadbServer::start_own(&options);
    let authority = format!("--ssl-ca={}", server.tls().authority.display());
    assert_eq!(ask(&server, "root", PASSWORD, &[&authority]).unwrap(), "root@%");
    let verified = [authority.as_str(), "--ssl-verify-server-cert", "--host=localhost"];
    ask(&server, "root", PASSWORD, &verified).unwrap_err();
}

#[test]
fn with_a_binary_log_it_is_stopped_as_by_a_crash_and_started_again_with_its_data() {
    let server = MariadbServer::start_own(&MariadbOptions::default().binary_log());
    server.create_database("shop");
    server.sql("shop", "CREATE TABLE kept AS SELECT 1 AS n");
    assert!(!server.value("", "SELECT @@gtid_binlog_pos").is_empty());
    server.stop_now();
    ask(&server, "root", PASSWORD, &[]).unwrap_err();
    server.start_again();
    assert_eq!(server.value("shop", "SELECT n FROM kept"), "1");
}

#[test]
fn generated_databases_have_the_size_that_was_asked_for() {
    let server = MariadbServer::shared();
    let database = server.new_database("sized");
    server.sql(&database, &many_tables(Dialect::Mysql, 20));
    server.sql(&database, &large_table(Dialect::Mysql, 4 << 20));
    let counts = server.row_counts(&database);
    assert_eq!(counts.len(), 21);
    assert_eq!(counts["table_0020"], 10);
    assert_eq!(counts["large_table"], 4934);
}
