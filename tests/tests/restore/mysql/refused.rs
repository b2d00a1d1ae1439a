//! What cannot be brought back is refused before anything is touched.

use backup_tests::Project;
use backup_tests::servers::{MariadbOptions, MariadbServer};
use serde_json::{Value, json};

use super::{assert_tidy, beside, create_definer, load_shop, project, whole};
use crate::{made, restore};

/// Nothing was touched: not the live database, and no safety backup was made.
fn refuses(server: &MariadbServer, project: &Project, id: &str, code: &str) -> Value {
    let before = whole(server, "shop");
    let records = project.catalogue()["backups"].as_array().map(Vec::len);
    let failed = project.fail(&restore(id), code);
    assert_eq!(whole(server, "shop"), before);
    assert_eq!(project.catalogue()["backups"].as_array().map(Vec::len), records);
    assert_eq!(beside(server, "shop", "_replaced_"), [""; 0]);
    failed
}

#[test]
fn foreign_keys_across_databases() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    for name in ["shop", "billing"] {
        server.create_database(name);
    }
    server.sql("shop", "CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1)");
    let project = project(server.url("shop"));
    let id = made(&project, "sql", &json!(false));
    server.sql("billing", "CREATE TABLE bills (item int, CONSTRAINT its_item FOREIGN KEY (item) REFERENCES shop.items (id))");
    let failed = refuses(&server, &project, &id, "unsupported_database");
    let error = failed["error"].as_str().unwrap();
    assert!(error.contains("billing.bills (its_item)"), "{error}");
    server.sql("billing", "DROP TABLE bills; CREATE TABLE users (id int PRIMARY KEY)");
    server.sql("shop", "CREATE TABLE orders (user int, CONSTRAINT its_user FOREIGN KEY (user) REFERENCES billing.users (id))");
    let failed = refuses(&server, &project, &id, "unsupported_database");
    assert!(failed["error"].as_str().unwrap().contains("shop.orders (its_user)"), "{failed:#}");
    server.sql("shop", "DROP TABLE orders");
    project.succeed(&restore(&id));
}

#[test]
fn a_replica_and_a_server_that_only_reads() {
    let server = MariadbServer::start_own(&MariadbOptions::default().binary_log());
    server.create_database("shop");
    server.sql("shop", "CREATE TABLE items (id int); INSERT INTO items VALUES (1)");
    let project = project(server.url("shop"));
    let id = made(&project, "sql", &json!(false));
    let position = || server.query("", "SHOW MASTER STATUS");
    let before = position();
    server.sql("", "SET GLOBAL read_only = ON");
    refuses(&server, &project, &id, "unsupported_database");
    server.sql(
        "",
        "SET GLOBAL read_only = OFF; CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1",
    );
    refuses(&server, &project, &id, "unsupported_database");
    assert_eq!(position(), before);
    server.sql("", "RESET SLAVE ALL");
    project.succeed(&restore(&id));
    // A replica of it does what was done: nothing is kept from the log.
    assert_ne!(position(), before);
}

#[test]
fn who_lacks_rights_is_told_the_grants_that_are_enough() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    create_definer(&server);
    server.create_database("shop");
    load_shop(&server, "shop", "old");
    let before = whole(&server, "shop");
    let grants = [
        "SELECT, SHOW VIEW, TRIGGER, EVENT ON *.*",
        "ALL ON `backup\\_manager\\_scratch\\_%`.*",
        "SELECT, INSERT, DELETE ON `shop`.*",
    ];
    server.create_user("restorer", "secret", "", &grants);
    let project = project(server.address("shop").user("restorer", "secret"));
    let id = made(&project, "sql", &json!(true));
    server.sql("shop", "DELETE FROM other; UPDATE state SET word = 'new'");
    let failed = refuses(&server, &project, &id, "permission_denied");
    let missing = failed["result"]["missing"].to_string();
    assert!(missing.contains("shop definer@%") && missing.contains("CREATE ROUTINE"), "{missing}");
    let advice: Vec<&str> = failed["recovery"]["suggestions"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|line| line.as_str().unwrap().split_once("run: "))
        .map(|(_, sql)| sql)
        .collect();
    assert_eq!(advice.len(), 3, "{failed:#}");
    for (place, sql) in advice.iter().enumerate() {
        // None of them is told in vain.
        if place > 0 {
            refuses(&server, &project, &id, "permission_denied");
        }
        server.sql("", sql);
    }
    let result = project.succeed(&restore(&id));
    assert_eq!(whole(&server, "shop"), before);
    assert_eq!(beside(&server, "shop", "_replaced_"), [result["replaced"].as_str().unwrap()]);
    assert_tidy(&server, &project);
}

/// Puts other bytes in the place of a backup, as if they had been made so.
fn forge(project: &Project, id: &str, edit: impl Fn(&str) -> String) {
    let artifact = project.backups().join(format!("dev/{id}.sql"));
    let text = edit(&std::fs::read_to_string(&artifact).unwrap());
    std::fs::write(&artifact, &text).unwrap();
    let path = project.backups().join(format!("dev/{id}.manifest.json"));
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let digest = backup_tests::artifacts::sha256(&artifact);
    for name in ["sha256", "raw_sha256"] {
        manifest["artifact"][name] = json!(digest);
    }
    for name in ["size_bytes", "raw_size_bytes"] {
        manifest["artifact"][name] = json!(text.len());
    }
    std::fs::write(&path, manifest.to_string()).unwrap();
}

#[test]
fn what_does_not_load_and_what_differs_leaves_the_live_database_alone() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    create_definer(&server);
    server.create_database("shop");
    load_shop(&server, "shop", "old");
    let project = project(server.url("shop"));
    server.sql("", "CREATE DATABASE shop_replaced_20250124140000");
    server.sql("shop", "INSERT INTO items (word) VALUES ('more')");
    let before = whole(&server, "shop");
    let cases: [(&str, &str, &str); 3] = [
        (
            "-- Dump completed",
            "INSERT INTO nowhere VALUES (1);\n-- Dump completed",
            "restore_failed",
        ),
        ("-- Dump completed", "DELETE FROM items;\n-- Dump completed", "verification_failed"),
        // Withheld while it loads, and tried all the same.
        ("DO DELETE FROM items", "DO DELETE FRUM items", "restore_failed"),
    ];
    for (wanted, instead, code) in cases {
        let id = made(&project, "sql", &json!(false));
        forge(&project, &id, |text| text.replacen(wanted, instead, 1));
        let mut request = restore(&id);
        request["parameters"]["skip_safety_backup"] = true.into();
        project.fail(&request, code);
        assert_eq!(whole(&server, "shop"), before, "{instead}");
        assert_eq!(beside(&server, "shop", "_replaced_"), ["shop_replaced_20250124140000"]);
        assert_tidy(&server, &project);
    }
}
