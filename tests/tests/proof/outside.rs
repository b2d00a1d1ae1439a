//! A scratch database on a live server reaches nothing of what is live there.

use backup_tests::Project;
use backup_tests::servers::{MariadbOptions, MariadbServer, PASSWORD};
use serde_json::json;

use crate::{made, project, proof, proven, record};

/// A server with a database whose table shows the rows of another database's.
fn federated() -> MariadbServer {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    server.sql("", "INSTALL SONAME 'ha_federatedx'");
    server.create_database("remote");
    server.create_database("near");
    server.sql("remote", "CREATE TABLE there (id int, word varchar(10)); INSERT INTO there VALUES (1, 'x'), (2, 'y')");
    server.sql(
        "",
        &format!(
            "CREATE SERVER elsewhere FOREIGN DATA WRAPPER mysql OPTIONS (HOST '127.0.0.1', DATABASE 'remote', \
             USER 'root', PASSWORD '{}', PORT {})",
            PASSWORD.replace('\\', "\\\\").replace('\'', "''"),
            server.port()
        ),
    );
    server.sql("near", "CREATE TABLE far (id int, word varchar(10)) ENGINE=FEDERATED CONNECTION='elsewhere/there'; CREATE TABLE own (id int); INSERT INTO own VALUES (1)");
    server
}

#[test]
fn rows_that_a_table_shows_from_elsewhere_are_neither_dumped_nor_written_there() {
    let server = federated();
    let project = project(server.url("near"));
    let refused = project.ask(&json!({"operation": "create-backup", "parameters": {"environment": "dev", "format": "directory"}}));
    assert_eq!(refused["code"], "invalid_request", "{refused:#}");
    let made = project.succeed(&refused["recovery"]["next_request"]);
    assert!(
        made["warnings"].to_string().contains("elsewhere are not in the dump: far"),
        "{made:#}"
    );
    let id = made["backup_id"].as_str().unwrap();
    let failed = project.fail(&proof(id), "unsupported_database");
    assert!(failed["error"].as_str().unwrap().contains("far (FEDERATED)"), "{failed:#}");
    assert_eq!(record(&project, id)["status"], "valid");
    assert_eq!(server.value("remote", "SELECT count(*) FROM there"), "2");
}

#[test]
fn a_folder_with_such_rows_that_somebody_else_made_is_refused_too() {
    let server = federated();
    let project = Project::with_urls(&[("dev", server.url("near"))]);
    let id = made(&project, "sql", &json!(false));
    // As it was made before: the rows are in it.
    let artifact = project.backups().join(format!("dev/{id}.sql"));
    let text = std::fs::read_to_string(&artifact).unwrap();
    let text =
        text.replace("-- Dump completed", "INSERT INTO `far` VALUES (3, 'z');\n-- Dump completed");
    std::fs::write(&artifact, &text).unwrap();
    let path = project.backups().join(format!("dev/{id}.manifest.json"));
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let digest = backup_tests::artifacts::sha256(&artifact);
    for name in ["sha256", "raw_sha256"] {
        manifest["artifact"][name] = json!(digest);
    }
    for name in ["size_bytes", "raw_size_bytes"] {
        manifest["artifact"][name] = json!(text.len());
    }
    std::fs::write(&path, manifest.to_string()).unwrap();
    project.fail(&proof(&id), "unsupported_database");
    assert_eq!(server.value("remote", "SELECT count(*) FROM there"), "2");
}

#[test]
fn foreign_keys_into_another_database_are_refused_where_that_database_is() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    let other = MariadbServer::start_own(&MariadbOptions::default());
    for name in ["auth", "shop"] {
        server.create_database(name);
    }
    other.create_database("anything");
    server
        .sql("auth", "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2)");
    server.sql("shop", "CREATE TABLE orders (id int PRIMARY KEY, user int, FOREIGN KEY (user) REFERENCES auth.users (id)); INSERT INTO orders VALUES (1, 1)");
    let project =
        Project::with_urls(&[("dev", server.url("shop")), ("other", other.url("anything"))]);
    for format in ["sql", "directory"] {
        let id = made(&project, format, &json!(false));
        project.configure(|configuration| configuration["verification"] = json!({}));
        let failed = project.fail(&proof(&id), "unsupported_database");
        assert!(
            failed["error"].as_str().unwrap().contains("foreign keys into the database auth"),
            "{failed:#}"
        );
        assert_eq!(record(&project, &id)["status"], "valid");
        server.sql("auth", "DELETE FROM users WHERE id = 2; INSERT INTO users VALUES (2)");
        let variable = Project::url_variable("other");
        project.configure(|configuration| {
            configuration["verification"] = json!({"database_url_env": variable});
        });
        proven(&project, &id);
    }
}

#[test]
fn what_names_its_own_database_reaches_nothing_of_it() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    server.create_database("shop");
    server.sql(
        "shop",
        "CREATE SEQUENCE numbers; CREATE TABLE items (id int PRIMARY KEY DEFAULT nextval(numbers), word varchar(10)); \
         INSERT INTO items (word) VALUES ('a'); CREATE VIEW next AS SELECT nextval(numbers) AS number; \
         CREATE TRIGGER shop.stamps BEFORE INSERT ON shop.items FOR EACH ROW SET NEW.word = 'b'; \
         ALTER DATABASE COLLATE utf8mb4_bin; CREATE FUNCTION in_other() RETURNS int RETURN 1; \
         ALTER DATABASE COLLATE utf8mb4_general_ci",
    );
    let project = project(server.url("shop"));
    let id = made(&project, "sql", &json!(false));
    let artifact = project.backups().join(format!("dev/{id}.sql"));
    assert!(std::fs::read_to_string(artifact).unwrap().contains("ALTER DATABASE `shop`"));
    proven(&project, &id);
    // Also where nothing of that is there any more.
    server.sql(
        "shop",
        "DROP TRIGGER stamps; DROP VIEW next; ALTER TABLE items ALTER id DROP DEFAULT; DROP SEQUENCE numbers; \
         ALTER DATABASE COLLATE latin1_bin",
    );
    proven(&project, &id);
    assert_eq!(
        server.value(
            "shop",
            "SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = 'shop'"
        ),
        "0"
    );
    assert_eq!(server.value("shop", "SELECT @@collation_database"), "latin1_bin");
}
