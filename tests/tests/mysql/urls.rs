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
