//! A person's own option files and variables change nothing.

use std::path::Path;

use backup_tests::Project;
use backup_tests::servers::MariadbServer;
use serde_json::Value;

use crate::{Made, folder, plain, project};

/// What a person may have in `~/.my.cnf`: another server, and a dump with less in it.
const OPTIONS: &str = "\
[client]
host = nowhere.invalid
port = 1
socket = /nowhere/socket
user = nobody
password = wrong
ssl-ca = /nowhere/authority.crt
ssl-verify-server-cert
init-command = SET SESSION sql_select_limit = 1
default-character-set = latin1
max-allowed-packet = 1024

[mysql]
database = mysql
batch
xml
skip-column-names
init-command = SET SESSION sql_select_limit = 0
[mariadb-client]
vertical
[mariadb]
html

[mysqldump]
where = 1=0
no-data
no-create-info
skip-triggers
skip-comments
compact
ignore-table = ignored.t
[mariadb-dump]
no-data
xml

[mydumper]
host = nowhere.invalid
no-data = true
regex = ^nothing
init-command = SET SESSION sql_select_limit = 1
password = wrong
where = 1=0
[mydumper_session_variables]
sql_select_limit = 1
";

fn home(project: &Project) -> std::path::PathBuf {
    let home = project.path("home");
    std::fs::create_dir(&home).unwrap();
    for name in [".my.cnf", "my.cnf", ".mydumper.cnf", "mydumper.cnf"] {
        std::fs::write(home.join(name), OPTIONS).unwrap();
    }
    // Not what MySQL's tool would write; whoever opens it fails.
    std::fs::write(home.join(".mylogin.cnf"), b"\0\0\0\0no login path").unwrap();
    home
}

fn ask(project: &Project, home: &Path, request: &Value) -> Value {
    let mut host = project.host();
    host.env("HOME", home)
        .env("MYSQL_HOME", home)
        .env("MARIADB_HOME", home)
        .env("MYSQL_GROUP_SUFFIX", "_suffix")
        .env("MYSQL_HOST", "nowhere.invalid")
        .env("MYSQL_TCP_PORT", "1")
        .env("MYSQL_UNIX_PORT", "/nowhere/socket")
        .env("MYSQL_PWD", "wrong")
        .env("MYSQL_TEST_LOGIN_FILE", home.join(".mylogin.cnf"));
    let mut answers = Project::converse(&mut host, request.to_string().as_bytes());
    answers.envelopes.remove(0)
}

#[test]
fn option_files_and_variables_of_a_person_change_nothing() {
    let server = MariadbServer::shared();
    let database = server.new_database("ignored");
    server.sql(&database, "CREATE TABLE t (id int PRIMARY KEY, words text); INSERT INTO t VALUES (1, 'größe ☕'), (2, 'b'), (3, repeat('c', 5000));\
        CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.words = 1; CREATE VIEW v AS SELECT id FROM t");
    for url in [server.url(&database), server.address(&database).socket().to_string()] {
        let project = project(&url);
        let home = home(&project);
        for request in [plain(), folder()] {
            let answer = ask(&project, &home, &request);
            assert_eq!(answer["status"], "success", "{url}: {answer:#}");
            let made = Made::of(&project, answer["result"].clone());
            assert_eq!(made.rows()["t"], 3);
            made.assert_comes_back(&project, server, &database);
        }
    }
}

#[test]
fn the_language_of_the_machine_changes_nothing() {
    let server = MariadbServer::shared();
    let database = server.new_database("größe ☕");
    server.sql(&database, "CREATE TABLE `ü ☕` (`ö` int PRIMARY KEY COMMENT 'ä', words text); INSERT INTO `ü ☕` VALUES (1, 'größe ☕ 😀')");
    let project = project(server.url(&database));
    let mut host = project.host();
    host.env("LC_ALL", "C").env("LANGUAGE", "de");
    let mut answers = Project::converse(&mut host, plain().to_string().as_bytes());
    let answer = answers.envelopes.remove(0);
    assert_eq!(answer["status"], "success", "{answer:#}");
    let made = Made::of(&project, answer["result"].clone());
    assert_eq!(made.manifest["row_counts"], serde_json::json!({"ü ☕": 1}));
    made.assert_comes_back(&project, server, &database);
}

#[test]
fn a_file_that_a_persons_options_write_into_is_not_touched() {
    let server = MariadbServer::shared();
    let database = server.new_database("untouched");
    server.sql(&database, "CREATE TABLE t (id int)");
    let project = project(server.url(&database));
    let home = home(&project);
    let dump = home.join("dump.sql");
    std::fs::write(&dump, "kept").unwrap();
    let options = format!("[mysqldump]\nresult-file = {}\n", dump.display());
    std::fs::write(home.join(".my.cnf"), options).unwrap();
    let answer = ask(&project, &home, &plain());
    assert_eq!(answer["status"], "success", "{answer:#}");
    assert_eq!(std::fs::read_to_string(&dump).unwrap(), "kept");
}
