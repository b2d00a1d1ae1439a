//! URLs as Prisma's users write them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use backup_tests::servers::{PASSWORD, PostgresServer};
use serde_json::json;

use crate::backup::{Backup, FORMATS, create, project};

/// How many rows the table `marker` of the next database has: so a backup tells which one it is of.
fn marked(database: &str, rows: u32) -> &'static PostgresServer {
    let server = PostgresServer::shared();
    server.create_database(database);
    let sql = format!("CREATE TABLE marker AS SELECT generate_series(1, {rows}) AS id");
    server.sql(database, &sql);
    server
}

fn assert_reads(url: &impl ToString, format: &str, database: &str, rows: u64) {
    let url = url.to_string();
    let made = Backup::of(&url, format);
    assert_eq!(made.row_counts(), [("public.marker".to_owned(), rows)].into(), "{url}");
    assert_eq!(made.manifest["database"]["name"], database, "{url}");
    made.assert_no_warnings();
}

#[test]
fn prismas_own_parameters_lead_nowhere_else() {
    let server = marked("prismas_urls", 11);
    let prismas = "schema=public&connection_limit=1&pool_timeout=2&socket_timeout=3\
        &pgbouncer=true&statement_cache_size=0&sslaccept=accept_invalid_certs\
        &application_name=shop&connect_timeout=30";
    let url = server.url("prismas_urls");
    for format in FORMATS {
        assert_reads(&format!("{url}?{prismas}"), format, "prismas_urls", 11);
    }
    let other_scheme = url.replacen("postgresql://", "postgres://", 1);
    assert_reads(&other_scheme, "sql", "prismas_urls", 11);
    // These have no variable of libpq's: a file tells them.
    let timing = server.address("prismas_urls").parameter("keepalives_idle", "30");
    assert_reads(&timing.parameter("tcp_user_timeout", "9000"), "directory", "prismas_urls", 11);
}

#[test]
fn every_way_to_the_server_is_found() {
    let server = marked("ways", 12);
    let socket = server.socket_folder().to_str().unwrap().replace('/', "%2F");
    let address = server.address("ways");
    for (format, url) in [
        ("sql", address.clone().socket()),
        ("directory", address.clone().host(&socket)),
        ("custom", address.clone().host("::1")),
        ("sql", address.clone().host("127.0.0.1")),
        ("sql", address.clone().host_before("127.0.0.1", 1)),
        ("directory", address.clone().host_before("127.0.0.1", 1)),
    ] {
        assert_reads(&url, format, "ways", 12);
    }
}

#[test]
fn names_of_every_kind_are_taken_as_they_are() {
    let names = [
        ("two words", "sql"),
        ("quo\"t'es", "custom"),
        ("a=b", "directory"),
        ("dbname=postgres port=1", "sql"),
        ("postgresql://127.0.0.1:1/elsewhere", "directory"),
        ("-leading", "custom"),
        ("--help", "directory"),
        ("MixedCase/50%41 ?#&+", "sql"),
        ("größe 📦 \\ back", "custom"),
    ];
    let server = PostgresServer::shared();
    server.create_role("role: of/\"all\" '@%41", PASSWORD, "SUPERUSER");
    for (rows, (name, format)) in (20..).zip(names) {
        marked(name, rows);
        let url = server.url_with("role: of/\"all\" '@%41", PASSWORD, name, &[]);
        assert_reads(&url, format, name, rows.into());
    }
}

fn password_file(path: &Path) {
    let password = PASSWORD.replace('\\', "\\\\").replace(':', "\\:");
    std::fs::write(path, format!("*:*:*:postgres:{password}\n")).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

#[test]
fn without_a_password_in_the_url_libpqs_files_are_asked() {
    let server = marked("passwords", 13);
    let project = project(&server.address("passwords").without_password());
    let envelope = create(&mut project.host(), json!({}));
    assert_eq!(envelope["code"], "connection_failed", "{envelope:#}");
    let home = tempfile::tempdir().unwrap();
    let named = home.path().join("named");
    password_file(&named);
    password_file(&home.path().join(".pgpass"));
    // The jobs of a folder connect each for themselves.
    let environments = [("PGPASSFILE", named.as_path()), ("HOME", home.path())];
    for ((name, value), format) in environments.into_iter().zip(["directory", "custom"]) {
        let mut host = project.host();
        let made = Backup::make_with(&project, host.env(name, value), json!({"format": format}));
        assert_eq!(made.row_counts()["public.marker"], 13, "{name}");
    }
}

#[test]
fn what_the_surroundings_say_of_another_server_is_not_heard() {
    let server = marked("surrounded", 14);
    let project = project(&server.url("surrounded"));
    let mut host = project.host();
    for (name, value) in [
        ("PGHOST", "127.0.0.2"),
        ("PGHOSTADDR", "127.0.0.2"),
        ("PGPORT", "1"),
        ("PGDATABASE", "postgres"),
        ("PGUSER", "nobody"),
        ("PGPASSWORD", "wrong"),
        ("PGSERVICE", "nowhere"),
        ("PGOPTIONS", "-c search_path=nowhere -c row_security=on"),
        ("PGCLIENTENCODING", "LATIN1"),
        ("PGDATESTYLE", "German"),
        ("PGAPPNAME", "other"),
    ] {
        host.env(name, value);
    }
    let made = Backup::make_with(&project, &mut host, json!({}));
    assert_eq!(made.row_counts()["public.marker"], 14);
}

#[test]
fn a_wrong_password_and_a_missing_database_are_said_in_the_servers_words() {
    let server = PostgresServer::shared();
    let wrong = server.address("postgres").user("postgres", "wrong");
    for (url, words) in [
        (wrong, "password authentication failed"),
        (server.address("not there"), "does not exist"),
        (server.address("postgres").port(1), "Connection refused"),
    ] {
        let envelope = create(&mut project(&url).host(), json!({}));
        assert_eq!(envelope["code"], "connection_failed", "{envelope:#}");
        assert_eq!(envelope["error"], "Cannot connect to database for backup");
        assert!(envelope["prisma_output"].as_str().unwrap().contains(words), "{envelope:#}");
    }
}
