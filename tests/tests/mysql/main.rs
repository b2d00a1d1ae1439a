//! MySQL's engine on real MariaDB servers: what is dumped comes back with the plain tools.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod contents;
mod folders;
mod formats;
mod losses;
mod record;
mod refusals;
mod settings_files;
mod urls;
mod verifying;
mod writers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use backup_tests::Project;
use backup_tests::artifacts::manifest;
use backup_tests::servers::MariadbServer;
use serde_json::{Value, json};

/// A project whose dev environment is a database of a URL.
fn project(url: impl std::fmt::Display) -> Project {
    Project::with_urls(&[("dev", url.to_string())])
}

/// The request for a backup of dev.
fn create(format: &str, compression: &Value) -> Value {
    json!({"operation": "create-backup", "parameters": {
        "environment": "dev", "format": format, "compression": compression
    }})
}

/// A text dump, uncompressed.
fn plain() -> Value {
    create("sql", &json!(false))
}

/// A folder of mydumper, uncompressed.
fn folder() -> Value {
    create("directory", &json!(false))
}

/// A backup that was made.
struct Made {
    result: Value,
    manifest: Value,
    artifact: PathBuf,
}

impl Made {
    /// Sends a request for a backup, which must succeed.
    fn by(project: &Project, request: &Value) -> Self {
        Self::of(project, project.succeed(request))
    }

    /// The backup that a result speaks of.
    fn of(project: &Project, result: Value) -> Self {
        let manifest = manifest(project, "dev", result["backup_id"].as_str().unwrap());
        let artifact = project.path(result["file_path"].as_str().unwrap());
        Self { result, manifest, artifact }
    }

    /// The exact rows by table that the manifest says.
    fn rows(&self) -> BTreeMap<String, u64> {
        let counts = self.manifest["row_counts"].as_object().unwrap();
        let exact = |count: &Value| count.as_u64().expect("every table is counted");
        counts.iter().map(|(table, count)| (table.clone(), exact(count))).collect()
    }

    /// What the caller was warned of, as one text.
    fn warnings(&self) -> String {
        let warnings = self.result["warnings"].as_array().into_iter().flatten();
        warnings.map(|warning| warning.as_str().unwrap()).collect::<Vec<_>>().join("\n")
    }

    /// The text of an uncompressed text dump.
    fn text(&self) -> String {
        String::from_utf8(std::fs::read(&self.artifact).unwrap()).expect("a dump is UTF-8")
    }

    /// Verifies it in full, which must succeed.
    fn assert_verifies(&self, project: &Project) {
        let parameters = json!({"backup_id": self.result["backup_id"], "level": "full"});
        let found =
            project.succeed(&json!({"operation": "verify-backup", "parameters": parameters}));
        assert_eq!(found["verification"]["integrity_check"], "passed");
        assert_eq!(found["verification"]["level"], "plausible_size");
    }

    /// Brings it back with the plain tools into a new database, and returns its name.
    fn restored(&self, server: &MariadbServer) -> String {
        static RESTORED: AtomicU32 = AtomicU32::new(0);
        let copy = format!("restored_{}", RESTORED.fetch_add(1, Ordering::Relaxed));
        if self.artifact.is_dir() {
            server.restore_folder(&self.artifact, &copy);
        } else {
            server.restore_plain(&self.artifact, &copy);
        }
        copy
    }

    /// It verifies, and comes back as the database still is, with the rows that the manifest says.
    fn assert_comes_back(
        &self,
        project: &Project,
        server: &MariadbServer,
        database: &str,
    ) -> String {
        self.assert_verifies(project);
        let copy = self.restored(server);
        server.assert_same(database, server, &copy);
        assert_eq!(
            self.rows(),
            server.row_counts(&copy),
            "the manifest's rows are the restored ones"
        );
        copy
    }
}

/// Makes a backup of a database that nobody writes to, and brings it back.
fn comes_back(server: &MariadbServer, database: &str, request: &Value) -> Made {
    let project = project(server.url(database));
    let made = Made::by(&project, request);
    made.assert_comes_back(&project, server, database);
    made
}

/// A folder of a database that mydumper cannot write whole is refused, with a request that works; where it can,
/// the folder comes back. Of stored programs it may warn instead, by the words for what is lost.
fn whole_or_refused(server: &MariadbServer, database: &str, warning: Option<&str>) {
    let project = project(server.url(database));
    let answer = project.ask(&folder());
    if answer["status"] == "success" {
        let made = Made::of(&project, answer["result"].clone());
        if warning.is_none_or(|words| !made.warnings().contains(words)) {
            made.assert_comes_back(&project, server, database);
        }
        return;
    }
    assert_eq!(answer["code"], "invalid_request", "{answer:#}");
    assert_eq!(answer["recovery"]["next_request"], plain(), "{answer:#}");
    assert_eq!(project.files(), [""; 0]);
}

/// How many objects of each kind a database has.
fn objects(server: &MariadbServer, database: &str) -> BTreeMap<&'static str, u64> {
    let count = |table: &str, column: &str, more: &str| -> u64 {
        let question = format!(
            "SELECT count(*) FROM information_schema.{table} WHERE {column} = DATABASE() {more}"
        );
        server.value(database, &question).parse().unwrap()
    };
    BTreeMap::from([
        ("views", count("tables", "table_schema", "AND table_type = 'VIEW'")),
        ("sequences", count("tables", "table_schema", "AND table_type = 'SEQUENCE'")),
        ("triggers", count("triggers", "trigger_schema", "")),
        ("procedures", count("routines", "routine_schema", "AND routine_type = 'PROCEDURE'")),
        ("functions", count("routines", "routine_schema", "AND routine_type = 'FUNCTION'")),
        ("packages", count("routines", "routine_schema", "AND routine_type LIKE 'PACKAGE%'")),
        ("events", count("events", "event_schema", "")),
    ])
}
