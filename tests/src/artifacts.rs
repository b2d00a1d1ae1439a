//! Artifacts and manifests, judged without the program that made them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Project;

/// The SHA-256 of a file, in lower-case hexadecimal.
pub fn sha256(path: &Path) -> String {
    let mut file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => break,
            length => digest.update(&buffer[..length]),
        }
    }
    digest.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The manifest of a backup.
pub fn manifest(project: &Project, environment: &str, id: &str) -> Value {
    let path = project.backups().join(environment).join(format!("{id}.manifest.json"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("a manifest is JSON")
}

/// Brings an artifact back with the usual tools: `gunzip`, `zstd`, the `sqlite3` shell.
pub fn restore(artifact: &Path, target: &Path) {
    let name = artifact.file_name().unwrap().to_str().unwrap();
    let (plain, unpack) = if let Some(plain) = name.strip_suffix(".gz") {
        (plain, "gunzip -c")
    } else if let Some(plain) = name.strip_suffix(".zst") {
        (plain, "zstd -q -d -c")
    } else {
        (name, "cat")
    };
    let load = if plain.ends_with(".sql") { "sqlite3 -bail \"$2\"" } else { "cat > \"$2\"" };
    let restored = Command::new("bash")
        .args(["-c", &format!("set -o pipefail; {unpack} < \"$1\" | {load}"), "restore"])
        .args([artifact, target])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&restored.stderr).into_owned();
    assert!(restored.status.success() && words.is_empty(), "{name} does not load: {words}");
}

/// The records of the catalogue.
pub fn records(project: &Project) -> Vec<Value> {
    project.catalogue()["backups"].as_array().cloned().unwrap_or_default()
}

/// The ids that the catalogue records, sorted; each once.
pub fn recorded_ids(project: &Project) -> Vec<String> {
    let mut ids: Vec<String> = records(project)
        .iter()
        .map(|record| record["backup_id"].as_str().expect("a record has an id").to_owned())
        .collect();
    ids.sort();
    let before = ids.len();
    ids.dedup();
    assert_eq!(before, ids.len(), "an id is recorded twice: {ids:?}");
    ids
}

/// Every record's artifact and manifest are there, and the artifact holds the bytes that were proven.
pub fn assert_records_are_whole(project: &Project) {
    recorded_ids(project);
    for record in records(project) {
        let id = record["backup_id"].as_str().unwrap();
        let manifest = manifest(project, record["environment"].as_str().unwrap(), id);
        let artifact = project.path(record["file_path"].as_str().unwrap());
        assert_eq!(manifest["backup_id"], id);
        assert_eq!(artifact.metadata().unwrap().len(), manifest["artifact"]["size_bytes"], "{id}");
        assert_eq!(sha256(&artifact), manifest["artifact"]["sha256"], "{id}");
    }
}

/// Nothing is left half: every file belongs to a recorded backup, and every recorded backup is whole.
pub fn assert_nothing_is_half(project: &Project) {
    assert_records_are_whole(project);
    let ids = recorded_ids(project);
    for file in project.files() {
        let name = file.rsplit('/').next().unwrap();
        assert!(!name.contains(".partial"), "a partial is left: {file}");
        if file.contains('/') && !file.starts_with('.') {
            let (id, _) = name.split_once('.').unwrap();
            assert!(ids.iter().any(|known| known == id), "{file} belongs to nothing recorded");
        }
    }
}

/// The backup-manager's own verdict on every recorded backup.
pub fn assert_all_verify(project: &Project) {
    let ids = recorded_ids(project);
    let line = |id: &String| {
        json!({"operation": "verify-backup", "parameters": {"backup_id": id}}).to_string()
    };
    let lines = ids.iter().map(line).collect::<Vec<_>>().join("\n");
    let answers = project.send(lines.as_bytes());
    assert_eq!(answers.envelopes.len(), ids.len());
    for answer in answers.envelopes {
        assert_eq!(answer["status"], "success", "{answer:#}");
    }
}

/// Changes one byte of a file.
pub fn flip_byte(path: &Path, offset: u64) {
    use std::io::Write;
    let mut file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(&[byte[0] ^ 0xff]).unwrap();
}

/// The files of an environment, by name.
pub fn files_of(project: &Project, environment: &str) -> Vec<PathBuf> {
    let prefix = format!("{environment}/");
    let files = project.files().into_iter().filter(|file| file.starts_with(&prefix));
    files.map(|file| project.backups().join(file)).collect()
}
