//! Thousands of damaged requests to one host: each line is answered, nothing else happens.
//!
//! The generator's seed is fixed, so a failure repeats itself. `BACKUP_MANAGER_TORTURE=1` sends many more.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use backup_tests::{Conversation, Project, Schemas};
use serde_json::{Value, json};

const LINES: usize = 10_000;
const TORTURE_LINES: usize = 200_000;
/// How many lines are sent before their answers are read.
const BATCH: usize = 100;
/// What the peak may grow by after everything large has been sent once, in KiB; the catalogue grows too.
const GROWTH_KIB: u64 = 8 * 1024;
const TORTURE_GROWTH_KIB: u64 = 16 * 1024;
const LONGEST_ANSWER: usize = 25_000;
const SECRET: &str = "hunter2hunter2";

#[test]
fn damaged_requests_are_answered_one_by_one_and_do_no_harm() {
    let torture = std::env::var_os("BACKUP_MANAGER_TORTURE").is_some();
    let (lines, growth) =
        if torture { (TORTURE_LINES, TORTURE_GROWTH_KIB) } else { (LINES, GROWTH_KIB) };
    let outside = tempfile::tempdir().unwrap();
    let project = Project::bookshop();
    let existing = contents(&project.root());
    let escape = format!("escape-{}", std::process::id());
    let mut generator = Generator::new(0x5eed_0001, &project, outside.path(), &escape);

    let mut command = project.host();
    command.env("STAGING_DATABASE_URL", format!("postgresql://user:{SECRET}@db.example.com/shop"));
    command.env("HOME", outside.path()).env("TMPDIR", outside.path());
    let mut host = Conversation::start(&mut command);
    let mut answered = BTreeMap::<String, usize>::new();
    let mut settled = 0;
    for batch in 0..lines / BATCH {
        let sent: Vec<Vec<u8>> = (0..BATCH).map(|_| generator.line()).collect();
        for line in &sent {
            host.send(line);
            host.send("\n");
        }
        for line in sent.iter().filter(|line| !is_blank(line)) {
            let answer = host.hear();
            let outcome = judge(line, &answer);
            *answered.entry(outcome).or_default() += 1;
        }
        assert!(host.is_silent(), "an answer too many after batch {batch}");
        if batch == 1_000 / BATCH {
            settled = peak_memory(host.process());
        }
    }
    let grown = peak_memory(host.process()) - settled;
    assert!(grown < growth, "the peak grew by {grown} KiB");
    let ending = host.end();
    assert!(ending.stdout.is_empty() && ending.status.code() == Some(1), "{:?}", ending.status);
    assert!(!ending.stderr.contains("panicked") && !ending.stderr.contains(SECRET));

    // The damage was various: what it should have provoked, it did.
    for outcome in [
        "success",
        "invalid_json",
        "invalid_encoding",
        "line_too_long",
        "invalid_request",
        "unknown_operation",
        "unknown_parameter",
        "environment_not_found",
        "backup_not_found",
        "unsupported_database",
    ] {
        assert!(answered.contains_key(outcome), "nothing was answered {outcome}: {answered:?}");
    }
    assert_nothing_escaped(&project, outside.path(), &escape, &existing);
}

/// Fails where an answer is not what every answer must be. Says how the request ended.
fn judge(line: &[u8], answer: &str) -> String {
    let sent = || String::from_utf8_lossy(&line[..line.len().min(500)]).into_owned();
    assert!(answer.chars().count() <= LONGEST_ANSWER, "too long an answer to {}", sent());
    assert!(!answer.contains(SECRET), "a secret in the answer to {}", sent());
    let envelope: Value =
        serde_json::from_str(answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
    let faults = Schemas::committed().faults("envelope", &envelope);
    assert!(faults.is_empty(), "{faults:?}\n{answer}\n{}", sent());
    assert_ne!(envelope["code"], "internal", "{answer}\n{}", sent());
    envelope["code"].as_str().or(envelope["status"].as_str()).unwrap().to_owned()
}

fn is_blank(line: &[u8]) -> bool {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).iter().all(u8::is_ascii_whitespace)
}

/// Every file below a folder, with its content.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
    found
}

fn assert_nothing_escaped(
    project: &Project,
    outside: &Path,
    escape: &str,
    existing: &BTreeMap<PathBuf, Vec<u8>>,
) {
    assert!(contents(outside).is_empty(), "outside: {:?}", contents(outside).keys());
    let root = project.root();
    for folder in root.ancestors().skip(1).chain([Path::new("/etc")]) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            assert!(!name.contains(escape), "{} in {}", name, folder.display());
        }
    }
    let now = contents(&root);
    for (path, content) in existing {
        assert_eq!(now.get(path), Some(content), "{} was changed", path.display());
    }
    let partial = |path: &&PathBuf| path.to_string_lossy().contains(".partial");
    assert_eq!(now.keys().find(partial), None, "nothing half is left");
}

/// The most memory that a process has used, in KiB.
fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Makes requests and damages them.
struct Generator {
    state: u64,
    requests: Vec<Value>,
    tricks: Vec<Value>,
    count: usize,
}

impl Generator {
    fn new(seed: u64, project: &Project, outside: &Path, escape: &str) -> Self {
        Self {
            state: seed,
            requests: requests(),
            tricks: tricks(&project.root(), outside, escape),
            count: 0,
        }
    }

    /// The next number: xorshift64*.
    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % bound.max(1)
    }

    /// The next line, without a newline in it.
    fn line(&mut self) -> Vec<u8> {
        self.count += 1;
        let mut line = match self.count % 1_000 {
            // What is slow or large comes seldom, and in the first thousand.
            500 => json!({"operation": "create-backup", "parameters": {"environment": "dev"}})
                .to_string()
                .into_bytes(),
            501 => vec![b'x'; 1024 * 1024 + 1],
            502 => {
                let label = "ä".repeat(500_000);
                json!({"operation": "list-backups", "parameters": {"label": label}})
                    .to_string()
                    .into_bytes()
            }
            503 => format!("{{\"operation\":{}", "[".repeat(500_000)).into_bytes(),
            _ => self.damaged(),
        };
        for byte in &mut line {
            if *byte == b'\n' {
                *byte = b' ';
            }
        }
        line
    }

    fn damaged(&mut self) -> Vec<u8> {
        let number = self.below(self.requests.len());
        let mut request = self.requests[number].clone();
        for _ in 0..self.below(3) {
            self.damage_value(&mut request);
        }
        let mut line = request.to_string().into_bytes();
        if self.below(2) == 0 {
            for _ in 0..=self.below(4) {
                self.damage_bytes(&mut line);
            }
        }
        line
    }

    /// Replaces, renames, adds or removes something in the request.
    fn damage_value(&mut self, request: &mut Value) {
        let value = self.value();
        let object =
            if self.below(4) == 0 { Some(&mut *request) } else { request.get_mut("parameters") };
        let Some(fields) = object.and_then(Value::as_object_mut) else { return };
        let keys: Vec<String> = fields.keys().cloned().collect();
        let key = keys.get(self.below(keys.len())).cloned().unwrap_or_default();
        match self.below(6) {
            0 => {
                fields.remove(&key);
            }
            1 => {
                let taken = fields.remove(&key).unwrap_or_default();
                fields.insert(format!("{key}s"), taken);
            }
            2 => {
                let names =
                    ["id", "environment", "label", "backup_id", "working_directory", "tags", "x"];
                let name = names[self.below(names.len())];
                fields.insert(name.to_owned(), value);
            }
            _ => {
                fields.insert(key, value);
            }
        }
    }

    /// A value that is wrong in most places.
    fn value(&mut self) -> Value {
        match self.below(12) {
            0 => Value::Null,
            1 => json!(self.next()),
            2 => json!(-1),
            3 => json!(1e308),
            4 => json!(true),
            5 => json!([[], {}, "x"]),
            6 => json!({"a": {"b": ["c"]}}),
            7 => "x".repeat(self.below(3_000)).into(),
            8 => {
                let letter = |number: u64| char::from(u8::try_from(number % 128).unwrap());
                let length = self.below(20);
                (0..length).map(|_| letter(self.next())).collect::<String>().into()
            }
            _ => {
                let number = self.below(self.tricks.len());
                self.tricks[number].clone()
            }
        }
    }

    fn damage_bytes(&mut self, line: &mut Vec<u8>) {
        let (from, length) = (self.below(line.len()), self.below(12));
        let to = (from + length).min(line.len());
        match self.below(8) {
            0 => line.truncate(from),
            1 => {
                line.drain(from..to);
            }
            2 => {
                let piece = line[from..to].to_vec();
                let at = self.below(line.len() + 1);
                line.splice(at..at, piece);
            }
            3 => {
                let at = self.below(line.len() + 1);
                let byte = u8::try_from(self.next() % 256).unwrap();
                line.insert(at, byte);
            }
            4 => {
                let at = self.below(line.len() + 1);
                let deep = b"[{\"a\":"[..][self.below(2)..].repeat(self.below(300));
                line.splice(at..at, deep);
            }
            5 => line.extend_from_slice(b"{\"operation\":\"describe\"}"),
            _ => {
                if let Some(byte) = line.get_mut(from) {
                    *byte ^= 1 << (self.next() % 8);
                }
            }
        }
    }
}

/// Requests of every kind; nearly all of them write nothing.
fn requests() -> Vec<Value> {
    let id = "backup-20250124-140000-pre-v2-migration";
    let file = ".fractary/plugins/faber-db/backups/dev/backup-20250124-140000.sql";
    vec![
        json!({"operation": "create-backup",
            "parameters": {"environment": "dev", "dry_run": true}}),
        json!({"id": 7, "operation": "backup",
            "parameters": {"environment": "dev", "dry_run": true, "label": "before",
            "reason": "pre-migration", "tags": ["a", "b"], "compression": "zstd", "format": "sql",
            "retention_days": 5, "wait_seconds": 1, "idempotency_key": "k"}}),
        json!({"id": "a", "operation": "create-backup",
            "parameters": {"environment": "staging", "progress": true}}),
        json!({"operation": "create-backup",
            "parameters": {"environment": "none", "label": "x"}, "working_directory": "."}),
        json!({"operation": "list-backups"}),
        json!({"id": 1.5, "operation": "list-backups",
            "parameters": {"environment": "dev", "sort": "asc", "limit": 3,
            "since": "2025-01-24T14:00:00Z", "status": "verified", "detail": true}}),
        json!({"operation": "list-backups",
            "parameters": {"cursor": format!("2025-01-24T14:00:00Z_{id}")}}),
        json!({"operation": "verify-backup", "parameters": {"backup_id": id, "level": "quick"}}),
        json!({"operation": "verify-backup",
            "parameters": {"backup_id": id, "environment": "dev", "progress": true}}),
        json!({"operation": "delete-backup", "parameters": {"backup_id": id, "dry_run": true}}),
        json!({"operation": "delete-backup",
            "parameters": {"backup_id": id, "confirm": "1.0123456789abcdef.00"}}),
        json!({"operation": "rebuild-catalogue", "parameters": {"dry_run": true}}),
        json!({"operation": "describe", "parameters": {"operation": "create-backup"}}),
        json!({"skill": "backup-manager", "operation": "list-backups",
            "parameters": {"working_directory": "prisma"}}),
        json!({"skill": "handler-db-prisma", "operation": "create-backup",
            "parameters": {"environment": "staging", "database_url_env": "STAGING_DATABASE_URL",
            "output_file": file}}),
        json!({"skill": "handler-db-prisma", "operation": "create-backup",
            "parameters": {"environment": "dev", "output_file": "dumps/one.sqlite"}}),
        json!({"skill": "handler-db-prisma", "operation": "list-backups",
            "parameters": {"environment": "dev"}}),
        json!({"skill": "handler-db-prisma", "operation": "verify-backup",
            "parameters": {"file_path": file}}),
        json!({"skill": "handler-db-prisma", "operation": "delete-backup",
            "parameters": {"file_path": file}}),
        json!({"skill": "handler-cloud-aws", "operation": "list-backups"}),
    ]
}

/// Texts that try to lead out of the project or into a shell.
fn tricks(root: &Path, outside: &Path, escape: &str) -> Vec<Value> {
    let mut tricks: Vec<Value> = [
        "../../../../etc/passwd",
        "..",
        ".",
        "/",
        "",
        "dev/../../..",
        "..\\..\\x",
        "~/x",
        "C:\\x",
        "dev\0",
        "-rf",
        "--output=x",
        "$(touch x)",
        "`touch x`",
        "; touch x",
        "%2e%2e%2f",
        "\u{202e}dev",
        "ＤＥＶ",
        "dev\n",
        "CON",
        "*",
        "file:///etc/passwd",
        "backup-20250124-140000/../../x",
        "backup-99999999-999999",
        "production",
        "dev",
        ".env",
        "prisma/dev.db",
        "prisma/schema.prisma",
        ".fractary/plugins/faber-db/config.json",
        ".git/config",
        "2025-13-99",
        "0001-01-01",
        "+262143-01-01T00:00:00Z",
        "handler-db-prisma",
    ]
    .map(Value::from)
    .into();
    for ending in ["", ".sql", ".sqlite", "/x.sql.gz"] {
        for start in [
            format!("../{escape}"),
            format!("prisma/../../{escape}"),
            format!("/etc/{escape}"),
            format!("./{escape}/../../{escape}"),
        ] {
            tricks.push(format!("{start}{ending}").into());
        }
        tricks.push(format!("{}/{escape}{ending}", outside.display()).into());
        tricks.push(format!("{}/../{escape}{ending}", root.display()).into());
    }
    tricks.push(outside.display().to_string().into());
    tricks.push("x".repeat(5_000).into());
    tricks
}
