//! A backup in a test's hands: made, read back, restored with the plain tools.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use backup_tests::Project;
use backup_tests::artifacts::{manifest, sha256};
use backup_tests::servers::{PostgresServer, program};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const FORMATS: [&str; 3] = ["sql", "custom", "directory"];

/// A project whose environment `dev` has the database of a URL.
pub fn project(url: &(impl ToString + ?Sized)) -> Project {
    Project::with_urls(&[("dev", url.to_string())])
}

/// A backup that was made.
#[derive(Debug)]
pub struct Backup {
    /// What was answered.
    pub result: Value,
    /// Its manifest.
    pub manifest: Value,
    /// The file or folder.
    pub artifact: PathBuf,
}

impl Backup {
    /// Makes one of `dev`.
    pub fn make(project: &Project, parameters: Value) -> Self {
        Self::make_with(project, &mut project.host(), parameters)
    }

    /// Makes one of `dev` with a host of one's own.
    pub fn make_with(project: &Project, host: &mut Command, parameters: Value) -> Self {
        let envelope = create(host, parameters);
        assert_eq!(envelope["status"], "success", "{envelope:#}");
        let result = envelope["result"].clone();
        let manifest = manifest(project, "dev", result["backup_id"].as_str().unwrap());
        let artifact = project.path(result["file_path"].as_str().unwrap());
        Self { result, manifest, artifact }
    }

    /// Makes one with a database's URL alone.
    pub fn of(url: &(impl ToString + ?Sized), format: &str) -> Self {
        let project = project(url);
        let made = Self::make(&project, json!({"format": format}));
        // The project goes now; what was said of it stays.
        Self { artifact: PathBuf::new(), ..made }
    }

    pub fn id(&self) -> &str {
        self.result["backup_id"].as_str().unwrap()
    }

    /// The rows by table, as recorded; none may be unknown.
    pub fn row_counts(&self) -> BTreeMap<String, u64> {
        let counts = self.manifest["row_counts"].as_object().unwrap();
        let known = |count: &Value| count.as_u64().unwrap_or_else(|| panic!("{counts:?}"));
        counts.iter().map(|(table, count)| (table.clone(), known(count))).collect()
    }

    pub fn warnings(&self) -> Vec<String> {
        let warnings = self.result["warnings"].as_array().cloned().unwrap_or_default();
        warnings.iter().map(|warning| warning.as_str().unwrap().to_owned()).collect()
    }

    /// Fails where the caller was told something.
    pub fn assert_no_warnings(&self) {
        assert_eq!(self.warnings(), [""; 0]);
    }

    /// Fails unless the manifest tells the artifact's size and checksum, by the usual tools' reckoning.
    pub fn assert_recorded_bytes(&self) {
        let (bytes, digest) = if self.artifact.is_dir() {
            let mut files: Vec<PathBuf> = std::fs::read_dir(&self.artifact)
                .unwrap()
                .map(|file| file.unwrap().path())
                .collect();
            files.sort();
            let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
            let line = |file: &PathBuf| format!("{}  {}\n", sha256(file), name(file));
            let lines = files.iter().map(line).collect::<Vec<_>>().concat();
            let digest = Sha256::digest(lines);
            let digest =
                digest.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
            (files.iter().map(|file| file.metadata().unwrap().len()).sum(), digest)
        } else {
            (self.artifact.metadata().unwrap().len(), sha256(&self.artifact))
        };
        assert_eq!(self.manifest["artifact"]["size_bytes"], bytes);
        assert_eq!(self.manifest["artifact"]["sha256"], digest);
        assert_eq!(self.result["size_bytes"], bytes);
        assert_eq!(self.result["sha256"], digest);
    }

    /// Restores it into a new database as a person without this program would.
    pub fn restore(&self, server: &PostgresServer, database: &str) {
        match self.manifest["artifact"]["format"].as_str().unwrap() {
            "sql" => server.restore_plain(&self.artifact, database),
            _ => server.restore_archive(&self.artifact, database),
        }
    }
}

/// Asks for a backup of `dev` and returns the envelope.
pub fn create(host: &mut Command, mut parameters: Value) -> Value {
    parameters["environment"] = "dev".into();
    ask(host, &json!({"operation": "create-backup", "parameters": parameters}))
}

/// Sends a host one request and returns its envelope.
pub fn ask(host: &mut Command, request: &Value) -> Value {
    let mut answers = Project::converse(host, format!("{request}\n").as_bytes());
    assert_eq!(answers.envelopes.len(), 1, "{answers:?}");
    answers.envelopes.remove(0)
}

/// Asks for a backup that must be refused with a code, and returns the envelope.
pub fn refused(project: &Project, host: &mut Command, code: &str) -> Value {
    let envelope = create(host, json!({}));
    assert_eq!(envelope["code"], code, "{envelope:#}");
    assert_eq!(project.catalogue()["backups"].as_array().map_or(0, Vec::len), 0);
    envelope
}

/// The first suggestion of an error.
pub fn suggestion(envelope: &Value, place: usize) -> &str {
    envelope["recovery"]["suggestions"][place].as_str().unwrap_or_else(|| panic!("{envelope:#}"))
}

pub fn verify(project: &Project, id: &str, level: &str) -> Value {
    let parameters = json!({"backup_id": id, "level": level});
    project.ask(&json!({"operation": "verify-backup", "parameters": parameters}))
}

/// Deletes a backup, with the confirmation that the last good one asks for.
pub fn delete(project: &Project, id: &str) {
    let parameters = json!({"backup_id": id});
    let mut answer = project.ask(&json!({"operation": "delete-backup", "parameters": parameters}));
    if answer["code"] == "last_good_backup" {
        answer = project.ask(&answer["recovery"]["next_request"]);
    }
    assert_eq!(answer["status"], "success", "{answer:#}");
}

/// Changes the project's `.env`: the lines are added.
pub fn add_variables(project: &Project, variables: &[(&str, String)]) {
    let path = project.path(".env");
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (name, value) in variables {
        writeln!(text, "{name}='{value}'").unwrap();
    }
    std::fs::write(path, text).unwrap();
}

/// The exact number of rows of every table that a record must count: ordinary tables and leaf partitions,
/// without those of extensions and of other servers.
pub fn expected_row_counts(server: &PostgresServer, database: &str) -> BTreeMap<String, u64> {
    let rows = server.query(
        database,
        r#"SELECT CASE WHEN nspname || relname ~ '[."]' THEN format('"%s"."%s"',
                  replace(nspname, '"', '""'), replace(relname, '"', '""'))
                  ELSE nspname || '.' || relname END,
                  (xpath('/row/rows/text()', query_to_xml(format('SELECT count(*) AS rows FROM ONLY %I.%I',
                  nspname, relname), true, true, '')))[1]
           FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
           WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema'
           AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass
                           AND objid = pg_class.oid AND deptype = 'e')"#,
    );
    let row = |row: Vec<Option<String>>| {
        (row[0].clone().unwrap(), row[1].as_ref().unwrap().parse().unwrap())
    };
    rows.into_iter().map(row).collect()
}

/// The major version of the system's `pg_dump`.
pub fn client_version() -> String {
    let output = Command::new(program("pg_dump")).arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let version = text.split_whitespace().nth(2).unwrap();
    version.to_owned()
}
