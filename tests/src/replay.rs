//! Recorded conversations, held against the host as it is.
//!
//! A case is a folder `fixtures/replay/<operation>/<case>/`: `request.jsonl` is what is sent, line by line,
//! `expected.jsonl` what is answered, `setup.json` (optional) a list of steps that come before:
//!
//! | step | does |
//! |---|---|
//! | `{"configure": {…}}` | merges into the configuration; null removes |
//! | `{"variables": {…}}` | sets variables of the host's environment |
//! | `{"postgres": {"environment": …, "database": …, "user": …}}` | makes a database on the shared PostgreSQL server for an environment; its URL names the superuser, or a new role without rights; every name belongs to one case |
//! | `{"sql": {"environment": …, "script": …}}` | runs a script on a live database, as superuser on PostgreSQL |
//! | `{"write": {"path": …, "text": …}}` | writes a file, with its folders |
//! | `{"program": {"path": …, "text": …}}` | writes a shell script that may be run; `$real` is the real program of that file name |
//! | `{"patch": {"path": …, "json": …}}` | merges into a JSON file; null removes |
//! | `{"truncate": {"path": …, "bytes": …}}` | cuts a file |
//! | `{"flip": {"path": …, "at": …}}` | changes one byte of a file |
//! | `{"remove": path}` | removes a file or a folder |
//! | `{"hold": path}` | holds the lock of a file for the length of the case, as another process would |
//! | `{"await": path}` | waits until a file is there, such as one that a program writes |
//! | `{"hasten": n}` | lets the clock of hosts run so many times as fast, where a long patience must end |
//! | `{"ask": {…}}` | sends a request that must succeed |
//!
//! Names such as `<second 1>` (see `normaliser`) may stand in requests and paths. In a request
//! `<1048576 x>` is that many letters, `<byte ff>` that byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};

use crate::conversation::Conversation;
use crate::live_host::wait_until;
use crate::normaliser::Normaliser;
use crate::schemas::Schemas;
use crate::servers::{PostgresServer, program};
use crate::{Project, repository};

/// The variable that turns a test into a recording.
const BLESS: &str = "BLESS";
const HOW_TO_BLESS: &str = "BLESS=1 cargo test -p backup-tests --test replay";

/// A recorded conversation.
#[derive(Debug)]
pub struct Case {
    folder: PathBuf,
}

impl Case {
    /// The folder of all cases.
    pub fn home() -> PathBuf {
        repository().join("fixtures/replay")
    }

    /// The operations that have cases, and `no-request`.
    pub fn operations() -> BTreeSet<String> {
        let names = folders(&Self::home()).into_iter();
        names.map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    /// The cases of one operation, by name.
    pub fn of(operation: &str) -> Vec<Self> {
        folders(&Self::home().join(operation)).into_iter().map(|folder| Self { folder }).collect()
    }

    /// Every case.
    pub fn all() -> Vec<Self> {
        folders(&Self::home())
            .iter()
            .flat_map(|operation| folders(operation))
            .map(|folder| Self { folder })
            .collect()
    }

    /// The envelopes that are expected.
    pub fn expected(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join("expected.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn name(&self) -> String {
        self.folder.strip_prefix(repository()).unwrap().display().to_string()
    }

    /// Replays the case. Says what differs from what was recorded, and what no schema knows.
    fn replay(&self) -> Result<(), String> {
        let mut stage = Stage::set(&self.folder);
        let requests = std::fs::read_to_string(self.folder.join("request.jsonl")).unwrap();
        let mut host = Conversation::start(&mut stage.host());
        let mut answers = Vec::new();
        let mut faults = Vec::new();
        let mut all_succeeded = true;
        for line in requests.lines() {
            let sent = unfold(&stage.normaliser.fill_in(line));
            let answer: Value = serde_json::from_str(&host.ask(&sent)).unwrap();
            all_succeeded &= answer["status"] == "success";
            faults.extend(exchange_faults(&sent, &answer));
            answers.push(stage.normaliser.normalise(answer));
        }
        let ending = host.end();
        let status = i32::from(!all_succeeded);
        if ending.status.code() != Some(status) || !ending.stdout.is_empty() {
            faults
                .push(format!("the host should end with {status} and no more answers: {ending:?}"));
        }
        faults.extend(message_faults(&ending.stderr));
        faults.extend(stage.file_faults());
        faults.extend(self.differences(&answers));
        if faults.is_empty() {
            Ok(())
        } else {
            Err(format!("{}:\n{}", self.name(), faults.join("\n")))
        }
    }

    fn differences(&self, answers: &[Value]) -> Option<String> {
        let path = self.folder.join("expected.jsonl");
        let mut found = String::new();
        for answer in answers {
            writeln!(found, "{answer}").unwrap();
        }
        if std::env::var_os(BLESS).is_some() {
            std::fs::write(path, found).unwrap();
            return None;
        }
        let expected = std::fs::read_to_string(path).unwrap_or_default();
        (expected != found).then(|| {
            let difference = difference(&pretty(&expected), &pretty(&found));
            format!("{difference}If the new answers are right: {HOW_TO_BLESS}")
        })
    }
}

/// Replays the cases of an operation; fails with what differs in all of them.
pub fn replay(operation: &str) {
    let cases = Case::of(operation);
    assert!(!cases.is_empty(), "no cases of {operation}");
    let faults: Vec<String> = cases.iter().filter_map(|case| case.replay().err()).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n\n"));
}

/// A project in the state in which a conversation begins.
struct Stage {
    project: Project,
    normaliser: Normaliser,
    variables: Vec<(String, String)>,
    /// Files that a step wrote, which no schema needs to know.
    written: Vec<PathBuf>,
    /// The databases at the server, by their environments.
    at_server: BTreeMap<String, String>,
    held: Vec<File>,
    haste: Option<u64>,
}

impl Stage {
    fn set(case: &Path) -> Self {
        let project = Project::bookshop();
        let normaliser = Normaliser::new(&project.root());
        let (variables, written, at_server, held) = Default::default();
        let mut stage =
            Self { project, normaliser, variables, written, at_server, held, haste: None };
        if let Ok(text) = std::fs::read_to_string(case.join("setup.json")) {
            let steps: Vec<Map<String, Value>> = serde_json::from_str(&text).unwrap();
            for (name, step) in steps.iter().flatten() {
                stage.take_step(name, step);
            }
        }
        stage
    }

    fn host(&self) -> Command {
        let mut host = match self.haste {
            Some(times) => self.project.host_under_clock(&format!("+0 x{times}")),
            None => self.project.host(),
        };
        let variables = self.variables.iter();
        host.envs(variables.map(|(name, value)| (name, self.normaliser.fill_in(value))));
        host
    }

    fn path(&self, text: &Value) -> PathBuf {
        self.project.path(&self.normaliser.fill_in(text.as_str().unwrap()))
    }

    fn take_step(&mut self, name: &str, step: &Value) {
        match name {
            "configure" => self.project.configure(|configuration| merge(configuration, step)),
            "variables" => {
                let variables = step.as_object().unwrap().iter();
                self.variables
                    .extend(variables.map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())));
            }
            "postgres" => self.move_to_postgres(step),
            "sql" => self.run_script(step),
            "write" => {
                self.write(step, "", 0o644);
            }
            "program" => {
                let name = Path::new(step["path"].as_str().unwrap()).file_name().unwrap();
                let real = program(name.to_str().unwrap());
                self.write(step, &format!("#!/bin/sh\nreal='{}'\n", real.display()), 0o755);
            }
            "patch" => {
                let path = self.path(&step["path"]);
                let text = std::fs::read_to_string(&path).unwrap();
                let mut value = serde_json::from_str(&text).unwrap();
                merge(&mut value, &step["json"]);
                std::fs::write(path, value.to_string()).unwrap();
            }
            "truncate" => {
                let file = File::options().write(true).open(self.path(&step["path"]));
                file.unwrap().set_len(step["bytes"].as_u64().unwrap()).unwrap();
            }
            "flip" => flip(&self.path(&step["path"]), step["at"].as_u64().unwrap()),
            "remove" => {
                let path = self.path(step);
                if path.is_dir() {
                    std::fs::remove_dir_all(path).unwrap();
                } else {
                    std::fs::remove_file(path).unwrap();
                }
            }
            "hold" => {
                let path = self.path(step);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                let file = File::options().append(true).create(true).open(path).unwrap();
                file.try_lock().unwrap();
                self.held.push(file);
            }
            "await" => {
                let path = self.path(step);
                wait_until("the file is there", || path.exists());
            }
            "hasten" => self.haste = step.as_u64(),
            "ask" => {
                let request = self.normaliser.fill_in(&step.to_string());
                let input = format!("{request}\n");
                let mut answers = Project::converse(&mut self.host(), input.as_bytes());
                let answer = answers.envelopes.remove(0);
                assert_eq!(answer["status"], "success", "{answer:#}");
                self.normaliser.normalise(answer);
            }
            other => panic!("setup.json has no step {other}"),
        }
    }

    /// Writes the file that a step says, with these permissions whatever the umask is.
    fn write(&mut self, step: &Value, before: &str, mode: u32) {
        let path = self.path(&step["path"]);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = self.normaliser.fill_in(step["text"].as_str().unwrap());
        std::fs::write(&path, format!("{before}{text}")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        self.written.push(path);
    }

    fn move_to_postgres(&mut self, step: &Value) {
        let server = PostgresServer::shared();
        let database = step["database"].as_str().unwrap();
        server.create_database(database);
        let mut address = server.address(database);
        if let Some(user) = step["user"].as_str() {
            server.create_role(user, "secret", "");
            address = address.user(user, "secret");
        }
        let environment = step["environment"].as_str().unwrap();
        self.variables.push((Project::url_variable(environment), address.to_string()));
        self.at_server.insert(environment.to_owned(), database.to_owned());
        self.normaliser.know_postgres(&server.value("postgres", "SHOW server_version"));
    }

    fn run_script(&self, step: &Value) {
        let (environment, script) =
            (step["environment"].as_str().unwrap(), step["script"].as_str().unwrap());
        match self.at_server.get(environment) {
            Some(database) => {
                PostgresServer::shared().sql(database, script);
            }
            None => self.project.database(environment).execute_batch(script).unwrap(),
        }
    }

    /// What the schemas find wrong with the files that the host wrote.
    fn file_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for file in self.project.files() {
            let path = self.project.backups().join(&file);
            let schema = match file.as_str() {
                "backups.json" => "catalogue",
                file if file.ends_with(".manifest.json") => "manifest",
                file if file.contains(".note.") => "note",
                _ => continue,
            };
            if self.written.contains(&path) {
                continue;
            }
            let value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            let found = Schemas::committed().faults(schema, &value);
            faults.extend(found.into_iter().map(|fault| format!("{file}: {fault}")));
        }
        faults
    }
}

/// What the schemas find wrong with a request that was understood, and with its answer.
fn exchange_faults(sent: &[u8], answer: &Value) -> Vec<String> {
    let schemas = Schemas::committed();
    let request: Value = serde_json::from_slice(sent).unwrap_or_default();
    let mut faults = schemas.answer_faults(request["skill"].as_str(), answer);
    let refused = ["invalid_json", "invalid_encoding", "line_too_long", "invalid_request"]
        .into_iter()
        .chain(["unknown_operation", "unknown_parameter"])
        .any(|code| answer["code"] == code);
    if !refused {
        faults.extend(schemas.request_faults(&request));
    }
    faults
}

/// stderr is for messages; JSON on it is an event.
fn message_faults(stderr: &str) -> Vec<String> {
    let events = stderr.lines().filter(|line| line.starts_with('{'));
    let mut faults: Vec<String> = events
        .flat_map(|line| {
            Schemas::committed().faults("event", &serde_json::from_str(line).unwrap_or_default())
        })
        .collect();
    if stderr.contains("panicked") {
        faults.push(stderr.to_owned());
    }
    faults
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// A JSON merge patch.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let target = target.as_object_mut().unwrap();
    for (name, value) in fields {
        if value.is_null() {
            target.shift_remove(name);
        } else {
            merge(target.entry(name).or_insert(Value::Null), value);
        }
    }
}

fn flip(path: &Path, at: u64) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[usize::try_from(at).unwrap()] ^= 0xff;
    File::create(path).unwrap().write_all(&bytes).unwrap();
}

/// Puts bytes in place of `<byte ff>` and letters in place of `<10 x>`.
fn unfold(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some(start) = rest.find('<') {
        bytes.extend_from_slice(&rest.as_bytes()[..start]);
        rest = &rest[start..];
        let end = rest.find('>').map_or(rest.len(), |end| end + 1);
        let folded = rest[..end].trim_matches(['<', '>']).split_once(' ');
        match folded {
            Some(("byte", hex)) => bytes.push(u8::from_str_radix(hex, 16).unwrap()),
            Some((count, letter)) if count.parse::<usize>().is_ok() => {
                bytes.extend(letter.repeat(count.parse().unwrap()).bytes());
            }
            _ => bytes.extend_from_slice(&rest.as_bytes()[..end]),
        }
        rest = &rest[end..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

fn pretty(lines: &str) -> Vec<String> {
    let values = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let texts = values.map(|value| serde_json::to_string_pretty(&value).unwrap());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The lines that differ, `-` expected and `+` found, with three lines around them.
fn difference(expected: &[String], found: &[String]) -> String {
    const AROUND: usize = 3;
    let marked = marked_lines(expected, found);
    let mut text = String::new();
    let mut skipped = false;
    for (index, (mark, line)) in marked.iter().enumerate() {
        let near = &marked[index.saturating_sub(AROUND)..(index + AROUND + 1).min(marked.len())];
        if near.iter().any(|(mark, _)| *mark != ' ') {
            writeln!(text, "{mark} {line}").unwrap();
            skipped = false;
        } else if !skipped {
            text.push_str("  ⋮\n");
            skipped = true;
        }
    }
    text
}

/// The longest common subsequence, with what stands between.
fn marked_lines<'a>(expected: &'a [String], found: &'a [String]) -> Vec<(char, &'a str)> {
    let mut common = vec![vec![0_usize; found.len() + 1]; expected.len() + 1];
    for (i, one) in expected.iter().enumerate().rev() {
        for (j, other) in found.iter().enumerate().rev() {
            common[i][j] = if one == other {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut marked = Vec::new();
    while i < expected.len() || j < found.len() {
        if i < expected.len() && j < found.len() && expected[i] == found[j] {
            marked.push((' ', expected[i].as_str()));
            (i, j) = (i + 1, j + 1);
        } else if i < expected.len() && (j == found.len() || common[i + 1][j] >= common[i][j + 1]) {
            marked.push(('-', expected[i].as_str()));
            i += 1;
        } else {
            marked.push(('+', found[j].as_str()));
            j += 1;
        }
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_what_was_expected_and_what_was_found() {
        let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        assert_eq!(difference(&lines("abc"), &lines("axc")), "  a\n- b\n+ x\n  c\n");
        assert_eq!(difference(&lines("abcdefgh"), &lines("abcdefg")), "  ⋮\n  e\n  f\n  g\n- h\n");
    }

    #[test]
    fn folded_bytes_unfold() {
        assert_eq!(
            unfold("{\"a\":\"<3 x><byte ff>\"} <project>"),
            b"{\"a\":\"xxx\xff\"} <project>"
        );
    }
}
