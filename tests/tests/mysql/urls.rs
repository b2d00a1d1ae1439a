//! Every way to a database: schemes, sockets, IPv6, odd names, TLS, a server with a binary log.

use std::sync::OnceLock;

use backup_tests::servers::{Certificate, MariadbOptions, MariadbServer, PASSWORD};

use crate::{Made, comes_back, folder, plain, project};

/// A server with TLS and a binary log, whose names of tables know no case.
fn guarded() -> &'static MariadbServer {
    static GUARDED: OnceLock<MariadbServer> = OnceLock::new();
    GUARDED.get_or_init(|| {
        let options = MariadbOptions::default()
            .tls(Certificate::ForLocalhost)
            .binary_log()
            .setting("--lower-case-table-names=1")
            .setting("--gtid-strict-mode=on");
        let server = MariadbServer::start_own(&options);
        server.create_database("shop");
        server.sql(
            "shop",
            "CREATE TABLE Items (id int AUTO_INCREMENT PRIMARY KEY, label text); INSERT INTO items (label) VALUES ('a'), ('b');\
             CREATE TRIGGER g BEFORE INSERT ON items FOR EACH ROW SET NEW.label = 'c'; CREATE VIEW V AS SELECT id FROM Items;\
             CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 1; CREATE SEQUENCE s",
        );
        server
    })
}

fn shop() -> (&'static MariadbServer, String) {
    let server = MariadbServer::shared();
    let database = server.new_database("shop");
    server.sql(
        &database,
        "CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1), (2)",
    );
    (server, database)
}

#[test]
fn every_way_to_a_server_leads_there() {
    let (server, database) = shop();
    let address = || server.address(&database);
    assert!(address().to_string().contains("p%40ss"), "the password has metacharacters");
    let mut urls: Vec<String> = vec![
        address().to_string(),
        address().host("127.0.0.1").to_string(),
        address().host("::1").to_string(),
        address().socket().to_string(),
        address()
            .parameter("connection_limit", "1")
            .parameter("pool_timeout", "0")
            .parameter("schema", "ignored")
            .to_string(),
    ];
    urls.push(urls[0].replacen("mysql:", "mariadb:", 1));
    for url in urls {
        let project = project(&url);
        for request in [plain(), folder()] {
            let made = Made::by(&project, &request);
            assert_eq!(made.rows()["items"], 2, "{url}");
            assert_eq!(made.manifest["database"]["name"], database);
        }
    }
}

#[test]
fn users_and_passwords_may_be_anything() {
    let (server, database) = shop();
    for (user, password) in
        [("o'user@x:/?#", PASSWORD), ("--dash", "-p"), ("empty", ""), ("a b", " ")]
    {
        server.create_user(
            user,
            password,
            "",
            &["SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE ON *.*"],
        );
        let project = project(server.address(&database).user(user, password));
        for request in [plain(), folder()] {
            assert_eq!(Made::by(&project, &request).rows()["items"], 2, "{user}");
        }
    }
}

#[test]
fn a_database_may_be_called_anything() {
    let server = MariadbServer::shared();
    for name in [
        "back`tick \\ slash/",
        "--all-databases",
        "größe ☕ ",
        "it's \"quoted\"",
        "per%cent_ a=b&c?#",
        "UPPER dot.ted; $HOME",
    ] {
        let name = name.trim_end();
        server.create_database(name);
        server.sql(name, "CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items (id) VALUES (1), (2);\
            CREATE PROCEDURE p() SELECT 1; CREATE VIEW v AS SELECT id FROM items; CREATE TRIGGER g BEFORE INSERT ON items FOR EACH ROW SET NEW.id = 1");
        let made = comes_back(server, name, &plain());
        assert_eq!(made.manifest["database"]["name"], name);
    }
}

#[test]
fn a_certificate_that_need_not_be_valid_is_not_checked() {
    let server = guarded();
    let another = server.tls().another_authority.display().to_string();
    let parameters = [("sslcert", another.as_str()), ("sslaccept", "accept_invalid_certs")];
    let project = project(server.url_with("root", PASSWORD, "shop", &parameters));
    assert_eq!(Made::by(&project, &plain()).rows()["items"], 2);
}

#[test]
fn a_server_with_a_binary_log_and_without_case_is_backed_up_whole() {
    let server = guarded();
    let grants = ["SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE ON shop.*", "SELECT ON mysql.proc"];
    server.create_user("limited", "secret", "", &grants);
    let position = || server.value("", "SELECT @@gtid_binlog_pos");
    for name in ["shop", "Shop"] {
        let project = project(server.url_with("limited", "secret", name, &[]));
        for request in [plain(), folder()] {
            let before = position();
            let answer = project.ask(&request);
            assert_eq!(answer["status"], "success", "{name}: {answer:#}");
            assert_eq!(position(), before, "a backup writes nothing");
            let made = Made::of(&project, answer["result"].clone());
            if request == plain() {
                assert!(!made.text().contains("gtid_"), "{}", made.text());
            }
            made.assert_comes_back(&project, server, "shop");
        }
    }
}

#[test]
fn a_limit_of_the_server_loses_no_rows() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    server.create_database("limited");
    server.sql(
        "limited",
        "CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1), (2), (3)",
    );
    server.sql("", "SET GLOBAL sql_select_limit = 2");
    let project = project(server.url("limited"));
    for request in [plain(), folder()] {
        let answer = project.ask(&request);
        if answer["status"] == "success" {
            assert_eq!(Made::of(&project, answer["result"].clone()).rows()["items"], 3);
        } else {
            assert!(answer.to_string().contains("sql_select_limit"), "{answer:#}");
        }
    }
}

#[test]
fn a_user_may_have_any_letters() {
    let (server, database) = shop();
    server.create_user(
        "größe ☕",
        "☕",
        "",
        &["SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE ON *.*"],
    );
    let project = project(server.address(&database).user("größe ☕", "☕"));
    assert_eq!(Made::by(&project, &plain()).rows()["items"], 2);
}

#[test]
fn a_certificate_is_checked_as_the_url_says() {
    let server = guarded();
    let authority = server.tls().authority.display().to_string();
    let another = server.tls().another_authority.display().to_string();
    let url = |parameters: &[(&str, &str)]| server.url_with("root", PASSWORD, "shop", parameters);
    for parameters in [
        &[("sslcert", authority.as_str())][..],
        &[("sslcert", &authority), ("sslaccept", "strict")],
        &[("sslca", &authority), ("sslmode", "VERIFY_IDENTITY")],
        &[("sslmode", "REQUIRED")],
        &[("sslmode", "DISABLED")],
    ] {
        let project = project(url(parameters));
        assert_eq!(Made::by(&project, &plain()).rows()["items"], 2, "{parameters:?}");
        let answer = project.ask(&folder());
        if answer["status"] == "success" {
            assert_eq!(Made::of(&project, answer["result"].clone()).rows()["items"], 2);
        } else {
            // mydumper does not check a certificate.
            assert_eq!(answer["code"], "invalid_request", "{parameters:?}: {answer:#}");
            assert_ne!(parameters[0].1, "DISABLED", "{answer:#}");
            assert_eq!(answer["recovery"]["next_request"], plain());
        }
    }
    for parameters in [
        &[("sslcert", another.as_str())][..],
        &[("sslcert", &another), ("sslaccept", "strict")],
        &[("sslaccept", "strict")],
        &[("sslcert", "/nowhere/authority.crt")],
    ] {
        let project = project(url(parameters));
        let answer = project.fail(&plain(), "connection_failed");
        let said = answer["prisma_output"].as_str().unwrap();
        assert!(said.contains("SSL") || said.contains("TLS"), "{parameters:?}: {said}");
        assert_eq!(project.files(), [""; 0]);
    }
}

#[test]
fn who_must_encrypt_or_show_a_certificate_can() {
    let server = guarded();
    let grants = ["SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE ON *.*"];
    server.create_user("encrypted", "secret", "REQUIRE SSL", &grants);
    server.create_user("known", "secret", "REQUIRE X509", &grants);
    let client = server.tls().client("known");
    let [certificate, key] =
        [client.certificate, client.key].map(|path| path.display().to_string());
    let authority = server.tls().authority.display().to_string();
    let certified =
        [("sslcert", certificate.as_str()), ("sslkey", &key), ("sslrootcert", &authority)];
    for url in [
        // Prisma encrypts where the server can, and so do the tools.
        server.url_with("encrypted", "secret", "shop", &[]),
        server.url_with("encrypted", "secret", "shop", &[("sslmode", "REQUIRED")]),
        server.url_with("known", "secret", "shop", &certified),
        server.url_with("known", "secret", "shop", &certified[..2]),
    ] {
        let project = project(&url);
        let answer = project.ask(&plain());
        assert_eq!(answer["status"], "success", "{url}: {answer:#}");
    }
}

#[test]
fn settings_of_the_server_change_nothing() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    server.create_database("modes");
    server.sql("modes", "CREATE TABLE items (id int AUTO_INCREMENT PRIMARY KEY, words text); INSERT INTO items (words) VALUES ('a\\\\b\\'c\\n\"'), ('')");
    let standard = server.value("", "SELECT @@global.sql_mode");
    for (settings, back) in [
        (
            "sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,IGNORE_SPACE,EMPTY_STRING_IS_NULL,PAD_CHAR_TO_FULL_LENGTH'",
            format!("sql_mode = '{standard}'"),
        ),
        (
            "max_statement_time = 30, GLOBAL autocommit = 0, GLOBAL wait_timeout = 1, GLOBAL group_concat_max_len = 4, GLOBAL read_only = 1",
            "autocommit = 1".to_owned(),
        ),
    ] {
        server.sql("", &format!("SET GLOBAL {settings}"));
        let project = project(server.url("modes"));
        let text = Made::by(&project, &plain());
        let answer = project.ask(&folder());
        server.sql("", &format!("SET GLOBAL {back}"));
        text.assert_comes_back(&project, &server, "modes");
        if answer["status"] == "success" {
            let folder = Made::of(&project, answer["result"].clone());
            folder.assert_comes_back(&project, &server, "modes");
        } else {
            assert_eq!(answer["code"], "invalid_request", "{answer:#}");
        }
    }
}
