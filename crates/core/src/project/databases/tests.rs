use std::collections::BTreeMap;
use std::path::Path;

use super::*;

const SCHEMA: &str = "datasource db {
  provider  = \"postgresql\"
  url       = env(\"APP_URL\")
  directUrl = env(\"APP_DIRECT\")
}
";

/// A project with one environment, `dev`.
struct Case {
    folder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
    redactor: Redactor,
}

impl Case {
    fn new(environment: &str, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join(crate::project::PLUGIN_FOLDER).join("config.json");
        std::fs::create_dir_all(configuration.parent().unwrap()).unwrap();
        std::fs::write(configuration, format!("{{\"environments\": {{\"dev\": {environment}}}}}"))
            .unwrap();
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { folder, variables: variables.collect(), redactor: Redactor::default() }
    }

    fn with(self, file: &str, text: &str) -> Self {
        let path = self.folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn find(&mut self, variable: Option<&str>) -> Result<ResolvedDatabase, Error> {
        let look_up = |name: &str| self.variables.get(name).cloned();
        let surroundings =
            Surroundings { variable: &look_up, current_directory: self.folder.path() };
        let project = Project::open(&surroundings, None)?;
        let environment = project.environment("dev")?;
        project.database(&surroundings, &environment, variable, &mut self.redactor)
    }

    /// The hosts of the connection and of the pooled URL, and what is warned of.
    fn route(&mut self, variable: Option<&str>) -> (String, Option<String>, Vec<String>) {
        let found = self.find(variable).unwrap();
        let (DatabaseTarget::Postgres(database) | DatabaseTarget::MySql(database)) = found.target
        else {
            panic!("{:?}", found.target)
        };
        let host = |url: &ServerUrl| url.hosts[0].host.clone();
        (host(&database.connection), database.pooled.as_ref().map(host), found.warnings)
    }
}

const OWN: &str = r#"{"connection_string_env": "APP_URL"}"#;
const WITH_DIRECT: &str =
    r#"{"connection_string_env": "APP_URL", "direct_connection_string_env": "OTHER_DIRECT"}"#;
const URLS: [(&str, &str); 4] = [
    ("APP_URL", "postgresql://u:hunter2a@pool:6543/shop?pgbouncer=true&schema=app"),
    ("APP_DIRECT", "postgres://u:hunter2b@direct:5432/shop"),
    ("OTHER_DIRECT", "postgres://u:hunter2c@other/shop"),
    ("DIRECT_URL", "postgres://u:p@nobodys/shop"),
];

fn routed(connection: &str, pooled: Option<&str>) -> (String, Option<String>, Vec<String>) {
    (connection.to_owned(), pooled.map(str::to_owned), Vec::new())
}

#[test]
fn the_direct_url_is_the_configured_one_else_the_schemas() {
    let schema = |case: Case| case.with("prisma/schema.prisma", SCHEMA);
    assert_eq!(Case::new(OWN, &URLS).route(None), routed("pool", None));
    assert_eq!(schema(Case::new(OWN, &URLS)).route(None), routed("direct", Some("pool")));
    assert_eq!(schema(Case::new(WITH_DIRECT, &URLS)).route(None), routed("other", Some("pool")));
    let configuration = "export default { datasource: { url: env('APP_URL'),
        directUrl: process.env.OTHER_DIRECT } }";
    let mut case = schema(Case::new(OWN, &URLS)).with("prisma.config.ts", configuration);
    assert_eq!(case.route(None), routed("other", Some("pool")));
}

#[test]
fn both_urls_are_kept_with_their_variables_and_learnt() {
    let mut case = Case::new(OWN, &URLS).with("prisma/schema.prisma", SCHEMA);
    let found = case.find(None).unwrap();
    let DatabaseTarget::Postgres(database) = found.target else { panic!() };
    assert_eq!(database.variable, "APP_URL");
    assert_eq!(database.connection_variable(), "APP_DIRECT");
    assert_eq!(database.schema(), Some("app"));
    assert!(database.own_url().says_pgbouncer && !database.connection.says_pgbouncer);
    assert_eq!(case.redactor.clean("a hunter2a b hunter2b c"), "a *** b *** c");
    assert!(!format!("{database:?}").contains("hunter2"));
}

#[test]
fn another_environments_direct_url_is_never_used() {
    let elsewhere = SCHEMA.replace("APP_URL", "DATABASE_URL");
    let mut case = Case::new(OWN, &URLS).with("prisma/schema.prisma", &elsewhere);
    assert_eq!(case.route(None), routed("pool", None));
    // A variable that a handler's request names is the environment's own, or has no direct one.
    let mut case = Case::new(WITH_DIRECT, &URLS).with("prisma/schema.prisma", SCHEMA);
    assert_eq!(case.route(Some("APP_URL")), routed("other", Some("pool")));
    assert_eq!(case.route(Some("DIRECT_URL")), routed("nobodys", None));
    assert_eq!(case.route(Some("OTHER_DIRECT")), routed("other", None));
    let mut case = Case::new("{}", &URLS).with("prisma/schema.prisma", SCHEMA);
    assert_eq!(case.route(Some("APP_URL")), routed("pool", None));
}

#[test]
fn a_direct_url_that_is_not_set_is_not_used() {
    let mut case = Case::new(OWN, &URLS[..1]).with("prisma/schema.prisma", SCHEMA);
    assert_eq!(case.route(None), routed("pool", None));
    let (connection, pooled, warnings) = Case::new(WITH_DIRECT, &URLS[..1]).route(None);
    assert_eq!((connection.as_str(), pooled), ("pool", None));
    assert_eq!(warnings, ["OTHER_DIRECT is not set: the database of dev is read through APP_URL"]);
    let mut case = Case::new(WITH_DIRECT, &URLS[..1])
        .with(".env", "OTHER_DIRECT='postgres://u:p@dotenv/shop'\n");
    assert_eq!(case.route(None), routed("dotenv", Some("pool")));
    let same = [URLS[0], ("OTHER_DIRECT", URLS[0].1)];
    assert_eq!(Case::new(WITH_DIRECT, &same).route(None), routed("pool", None));
}

#[test]
fn a_direct_url_to_another_database_is_an_error_that_names_both_variables() {
    for direct in [
        "postgres://u:hunter2secret@direct/store",
        "mysql://u:hunter2secret@direct/shop",
        "file:./shop?x=hunter2secret",
    ] {
        let error =
            Case::new(WITH_DIRECT, &[URLS[0], ("OTHER_DIRECT", direct)]).find(None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Configuration invalid: OTHER_DIRECT: leads to another database than APP_URL: both must name \
             the same engine and database",
            "{direct}"
        );
    }
    for (direct, expected) in [
        ("postgres://u:hunter/2@direct/shop", "OTHER_DIRECT: the postgresql URL cannot be read"),
        ("prisma://x/?api_key=hunter2", "OTHER_DIRECT: a prisma:// URL leads to a proxy"),
    ] {
        let error =
            Case::new(WITH_DIRECT, &[URLS[0], ("OTHER_DIRECT", direct)]).find(None).unwrap_err();
        assert!(matches!(error, Error::ConfigInvalid { .. }));
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.to_string().contains("hunter"), "{error}");
    }
}

#[test]
fn certificates_are_where_prisma_looks_for_them() {
    let url = "postgresql://u:p@h/d?sslmode=require&sslcert=../ca.pem&sslidentity=c.p12";
    let mut case = Case::new(OWN, &[("APP_URL", url)]).with("prisma/schema.prisma", SCHEMA);
    let found = case.find(None).unwrap();
    let DatabaseTarget::Postgres(database) = found.target else { panic!() };
    let environment = database.connection.libpq_environment();
    let root = case.folder.path().canonicalize().unwrap();
    assert_eq!(
        Path::new(environment.variable("PGSSLROOTCERT").unwrap().expose_secret()),
        root.join("prisma/../ca.pem")
    );
    assert!(found.warnings[0].contains("PKCS #12") && found.warnings[0].contains("APP_URL"));
}

#[test]
fn what_speaks_postgresql_but_is_none_is_refused() {
    let cockroach = SCHEMA.replace("postgresql", "cockroachdb");
    let mut case = Case::new(OWN, &URLS).with("prisma/schema.prisma", &cockroach);
    let error = case.find(None).unwrap_err().to_string();
    assert_eq!(error, "Unsupported database: cockroachdb databases");
    assert_eq!(case.route(Some("DIRECT_URL")), routed("nobodys", None));
}

#[test]
fn version_eights_sqlite_variable_holds_a_path() {
    let configuration = "import { defineConfig } from '@prisma/orm-sqlite/config';
        export default { orm: defineConfig({ db: { connection: process.env.APP_URL! } }) }";
    for path in ["./app.db", "app.db", "file:./app.db"] {
        let mut case = Case::new(OWN, &[("APP_URL", path)])
            .with("prisma.config.ts", configuration)
            .with("app.db", "");
        let found = case.find(None).unwrap();
        let root = case.folder.path().canonicalize().unwrap();
        let expected = DatabaseTarget::Sqlite(SqliteDatabase { path: root.join("app.db") });
        assert_eq!(found.target, expected, "{path}");
    }
    let mut case = Case::new(OWN, &[("APP_URL", "./app.db")]).with("app.db", "");
    assert!(case.find(None).unwrap_err().to_string().contains("no scheme"));
}

#[test]
fn passwords_of_the_clients_own_variables_are_learnt() {
    let mut variables = URLS.to_vec();
    variables.extend([("PGPASSWORD", "swordfish"), ("MYSQL_PWD", "swordfist")]);
    let mut case = Case::new(OWN, &variables);
    case.find(None).unwrap();
    assert_eq!(case.redactor.clean("swordfish swordfist"), "*** ***");
}
