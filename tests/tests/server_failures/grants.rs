//! Users who may not read everything: named, with what helps, and that really helps.

use backup_tests::Project;
use backup_tests::servers::{MariadbServer, PASSWORD, PostgresServer};
use serde_json::{Value, json};

use crate::shop::{Server, answer, forms_of};

fn request(format: &str) -> Value {
    json!({"operation": "create-backup", "parameters": {"environment": "dev", "format": format}})
}

/// Fails unless a create in every format is refused because the user may not read everything; returns what is
/// said to be missing, and the statements that would help.
fn refused(server: Server<'_>, project: &Project) -> (Vec<String>, Vec<String>) {
    let mut said = None;
    for (_, format) in forms_of(server) {
        let failed = answer(&mut project.host(), &request(format));
        assert_eq!(failed["status"], "error", "{format}: {failed:#}");
        assert_eq!(failed["code"], "permission_denied", "{format}: {failed:#}");
        assert_eq!(failed["error"], "The database user may not read everything");
        assert_eq!(failed["retryable"], false, "{failed:#}");
        assert_eq!(project.files(), [""; 0], "{format}: {failed:#}");
        let texts =
            |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
        let suggestions = texts(&failed["recovery"]["suggestions"]);
        assert!(suggestions.iter().any(|text| text.contains("$DEV_DATABASE_URL")), "{failed:#}");
        let statements = suggestions
            .iter()
            .filter_map(|text| text.strip_prefix("Let an administrator run: "))
            .map(str::to_owned)
            .collect();
        let now = (texts(&failed["result"]["missing"]), statements);
        if let Some(before) = said.replace(now.clone()) {
            assert_eq!(before, now, "every format says the same");
        }
    }
    said.unwrap()
}

/// Fails unless a create succeeds, of MariaDB as a script: not every `mydumper` writes all that is there.
fn assert_succeeds(server: Server<'_>, project: &Project) {
    let formats = forms_of(server).into_iter();
    for (_, format) in formats.filter(|(server, format)| server.is_postgres() || *format == "sql") {
        let made = answer(&mut project.host(), &request(format));
        assert_eq!(made["status"], "success", "{format}: {made:#}");
    }
}

/// A user's project that is refused until an administrator has run what the answers say.
fn helped(server: Server<'_>, database: &str, user: &str, missing: &[&str], statement: &str) {
    let url = match server {
        Server::Postgres(server) => server.url_with(user, PASSWORD, database, &[]),
        Server::Mariadb(server) => server.url_with(user, PASSWORD, database, &[]),
    };
    let project = Project::with_urls(&[("dev", url)]);
    let (said, statements) = refused(server, &project);
    for name in missing {
        assert!(said.iter().any(|line| line.contains(name)), "{name} is not in {said:?}");
    }
    assert!(
        statements.iter().any(|said| said.contains(statement)),
        "{statement} is not in {statements:?}"
    );
    for statement in &statements {
        server.sql(database, &format!("{statement};"));
    }
    assert_succeeds(server, &project);
}

fn postgres() -> &'static PostgresServer {
    PostgresServer::shared()
}

/// A database where a user may read all but what a test takes away.
fn reader(about: &str) -> (String, String) {
    let database = Server::postgres().new_shop(about);
    let user = format!("{database}-Reader");
    postgres().create_role(&user, PASSWORD, "");
    postgres().sql(
        &database,
        &format!(
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO \"{user}\"; \
             GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO \"{user}\";"
        ),
    );
    (database, user)
}

#[test]
fn a_postgres_user_who_may_read_all_is_enough() {
    let (database, user) = reader("enough");
    let url = postgres().url_with(&user, PASSWORD, &database, &[]);
    assert_succeeds(Server::postgres(), &Project::with_urls(&[("dev", url)]));
}

#[test]
fn a_postgres_table_that_may_not_be_read_is_named() {
    let (database, user) = reader("tableless");
    postgres().sql(
        &database,
        &format!(
            "CREATE TABLE \"Secret Orders\" (id integer); \
             REVOKE SELECT ON orders FROM \"{user}\";"
        ),
    );
    let missing = [r#"table "public"."orders""#, r#""public"."Secret Orders""#];
    helped(Server::postgres(), &database, &user, &missing, &format!("TO \"{user}\""));
}

#[test]
fn a_postgres_sequence_and_a_schema_that_may_not_be_read_are_named() {
    let (database, user) = reader("schemaless");
    postgres().sql(
        &database,
        &format!(
            "CREATE SCHEMA \"Back Office\"; CREATE TABLE \"Back Office\".staff (id integer); \
             REVOKE SELECT ON SEQUENCE held FROM \"{user}\";"
        ),
    );
    let missing = [r#"schema "Back Office""#, r#"sequence "public"."held""#];
    helped(Server::postgres(), &database, &user, &missing, "GRANT ");
}

#[test]
fn a_postgres_large_object_that_may_not_be_read_is_refused() {
    let (database, user) = reader("objectless");
    postgres().sql(&database, "SELECT lo_from_bytea(0, 'large')");
    let url = postgres().url_with(&user, PASSWORD, &database, &[]);
    let (said, _) = refused(Server::postgres(), &Project::with_urls(&[("dev", url)]));
    assert!(said.iter().any(|line| line.contains("large object")), "{said:?}");
}

#[test]
fn rows_that_a_policy_hides_are_missed() {
    let (database, user) = reader("policed");
    postgres().sql(
        &database,
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY a_few ON orders USING (customer < 10);",
    );
    let statement = format!("ALTER ROLE \"{user}\" BYPASSRLS");
    let missing = [r#"hides rows of "public"."orders""#];
    helped(Server::postgres(), &database, &user, &missing, &statement);
}

#[test]
fn a_policy_that_holds_for_the_owner_too_hides_no_rows_in_silence() {
    let (database, user) = reader("forced");
    postgres().sql(
        &database,
        &format!(
            "ALTER TABLE orders OWNER TO \"{user}\"; ALTER TABLE orders ENABLE ROW LEVEL SECURITY; \
             ALTER TABLE orders FORCE ROW LEVEL SECURITY; \
             CREATE POLICY a_few ON orders USING (customer < 10);"
        ),
    );
    helped(
        Server::postgres(),
        &database,
        &user,
        &[r#"hides rows of "public"."orders""#],
        "BYPASSRLS",
    );
}

/// A shop with something of every kind.
fn everything(about: &str) -> String {
    let server = Server::mariadb();
    let database = server.new_shop(about);
    server.sql(
        &database,
        "CREATE VIEW dear AS SELECT * FROM orders WHERE id > 10;
         CREATE TRIGGER stamped BEFORE INSERT ON orders FOR EACH ROW SET NEW.placed = now();
         CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM orders WHERE id < 0;
         CREATE PROCEDURE tidy() DELETE FROM orders WHERE id < 0;
         CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN n * 2;",
    );
    database
}

/// The rights of a user who may read all of a database.
const RIGHTS: [&str; 5] = ["SELECT", "SHOW VIEW", "TRIGGER", "EVENT", "EXECUTE"];

fn mariadb_user(database: &str, name: &str, rights: &[&str]) -> String {
    let user = format!("{database}{name}");
    // The bar must not stand for any letter: what helps must help here and nowhere else.
    let place = database.replace('_', "\\_");
    let mut grants = vec!["SELECT ON `mysql`.`proc`".to_owned()];
    if !rights.is_empty() {
        grants.push(format!("{} ON `{place}`.*", rights.join(", ")));
    }
    let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
    MariadbServer::shared().create_user(&user, PASSWORD, "", &grants);
    user
}

#[test]
fn a_mariadb_user_without_one_right_is_told_which() {
    let database = everything("rights");
    for right in RIGHTS {
        // Reading the routines' own table shows them all.
        if right == "EXECUTE" {
            continue;
        }
        let rights: Vec<&str> = RIGHTS.into_iter().filter(|other| *other != right).collect();
        let user = mariadb_user(&database, &right.replace(' ', "_"), &rights);
        helped(
            Server::mariadb(),
            &database,
            &user,
            &[&format!("no {right} ")],
            &format!("GRANT {right} ON"),
        );
    }
}

#[test]
fn a_mariadb_user_without_all_rights_is_told_all() {
    let database = everything("rightless");
    let user = mariadb_user(&database, "O'Hara", &["INSERT"]);
    helped(
        Server::mariadb(),
        &database,
        &user,
        &["no SELECT", "no TRIGGER", "no EVENT", "no SHOW VIEW"],
        "GRANT SELECT",
    );
}

#[test]
fn a_mariadb_user_who_may_read_all_is_enough() {
    let database = everything("enough");
    let user = mariadb_user(&database, "reader", &RIGHTS);
    let url = MariadbServer::shared().url_with(&user, PASSWORD, &database, &[]);
    assert_succeeds(Server::mariadb(), &Project::with_urls(&[("dev", url)]));
}

#[test]
fn mariadb_routines_that_do_not_show_are_missed() {
    let database = everything("routines");
    let place = database.replace('_', "\\_");
    let rights = format!("SELECT, SHOW VIEW, TRIGGER, EVENT ON `{place}`.*");
    let user = format!("{database}reader");
    MariadbServer::shared().create_user(&user, PASSWORD, "", &[&rights]);
    helped(Server::mariadb(), &database, &user, &["routines"], "GRANT ");
}

#[test]
fn a_mariadb_user_with_rights_to_single_tables_only_is_refused() {
    let database = everything("tables");
    let user = format!("{database}reader");
    let rights = [
        format!("SELECT ON `{database}`.`orders`"),
        format!("SELECT ON `{database}`.`customers`"),
        "SELECT ON `mysql`.`proc`".to_owned(),
    ];
    let rights: Vec<&str> = rights.iter().map(String::as_str).collect();
    MariadbServer::shared().create_user(&user, PASSWORD, "", &rights);
    helped(Server::mariadb(), &database, &user, &["no SELECT"], "GRANT SELECT");
}
