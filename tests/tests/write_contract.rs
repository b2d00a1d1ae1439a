//! A process killed at any instant leaves a whole backup or nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backup_tests::Project;
use backup_tests::artifacts::{
    assert_all_verify, assert_nothing_is_half, assert_records_are_whole, files_of, recorded_ids,
    records,
};
use backup_tests::databases::fill_large;
use backup_tests::live_host::{LiveHost, torture, wait_until};
use serde_json::{Value, json};

/// A run that is over: nobody holds its partials.
const DEAD_RUN: &str = "00000000deadbeef";

fn create(environment: &str, format: &str, compression: &Value) -> Value {
    json!({"operation": "create-backup", "parameters": {
        "environment": environment, "format": format, "compression": compression
    }})
}

/// Forms in an order that spreads the kills over all of them.
fn form(turn: u32) -> (&'static str, Value) {
    let compressions = [json!(true), json!(false), json!("zstd")];
    let formats = ["custom", "sql"];
    (formats[turn as usize % 2], compressions[turn as usize / 2 % 3].clone())
}

/// Starts a request and kills the host so long after it was sent. Says whether it had answered.
fn kill_after(project: &Project, request: &Value, delay: Duration) -> bool {
    let mut host = LiveHost::start(&mut project.host());
    // A host that has answered is up: the delay measures the work, not the start.
    assert_eq!(host.ask(&json!({"operation": "describe"}))["status"], "success");
    host.send(request);
    std::thread::sleep(delay);
    host.kill();
    host.answer().is_some()
}

/// How long a request takes in a host that is up.
fn measured(project: &Project, request: &Value) -> Duration {
    let mut host = LiveHost::start(&mut project.host());
    host.ask(&json!({"operation": "describe"}));
    let begun = Instant::now();
    assert_eq!(host.ask(request)["status"], "success");
    begun.elapsed()
}

/// Takes the backups of staging away; what dev has is adopted again.
fn clear_staging(project: &Project) {
    for path in files_of(project, "staging") {
        std::fs::remove_file(path).unwrap();
    }
    std::fs::remove_file(project.backups().join("backups.json")).unwrap();
}

/// Numbers between 0 and 1 that differ at every run and are spread evenly.
fn spread(turns: u32) -> impl Iterator<Item = (u32, f64)> {
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let offset = f64::from(clock.subsec_nanos()) / 1e9;
    (0..turns).map(move |turn| (turn, (f64::from(turn) * 0.618_033_988_75 + offset).fract()))
}

#[test]
fn a_create_killed_at_any_instant_leaves_a_whole_backup_or_nothing() {
    let project = Project::bookshop();
    fill_large(&project.database("staging"), 20);
    let requests: Vec<Value> = (0..6)
        .map(|turn| {
            let (format, compression) = form(turn);
            create("staging", format, &compression)
        })
        .collect();
    let durations: Vec<Duration> =
        requests.iter().map(|request| measured(&project, request)).collect();
    clear_staging(&project);

    let (mut partials, mut unrecorded, mut answered) = (0, 0, 0);
    for (turn, share) in spread(if torture() { 150 } else { 25 }) {
        let which = turn as usize % requests.len();
        // A little beyond the end, so that the last instants are hit as well.
        let delay = durations[which].mul_f64(share * 1.1);
        let told = kill_after(&project, &requests[which], delay);

        let left = project.files();
        let half = left.iter().any(|file| file.contains(".partial"));
        assert_records_are_whole(&project);
        let recorded = recorded_ids(&project);
        let manifests: Vec<String> = left
            .iter()
            .filter_map(|file| file.strip_prefix("staging/")?.strip_suffix(".manifest.json"))
            .map(str::to_owned)
            .collect();
        let complete = manifests.iter().any(|id| !recorded.contains(id));
        assert!(!told || !complete, "what was answered is recorded");
        (partials, unrecorded, answered) = (
            partials + u32::from(half),
            unrecorded + u32::from(complete),
            answered + u32::from(told),
        );

        let next = next_create(&project);
        assert_eq!(next.get("warnings"), None, "nothing is foreign: {next:#}");
        assert_nothing_is_half(&project);
        let after = recorded_ids(&project);
        assert!(recorded.iter().chain(&manifests).all(|id| after.contains(id)), "nothing is lost");
        if turn % 8 == 7 {
            // Reading all of them again at every turn would take longer than making them.
            assert_all_verify(&project);
            clear_staging(&project);
        }
    }
    println!("partials {partials}, complete and not recorded {unrecorded}, answered {answered}");
    assert!(partials > 0, "the kills hit the work");
    assert_all_verify(&project);
}

/// Starts a request, waits until a file shows up in the environment's folder, and kills the host so long
/// after that. Says whether it had answered.
fn kill_once(project: &Project, request: &Value, shows_up: &str, delay: Duration) -> bool {
    let mut host = LiveHost::start(&mut project.host());
    host.ask(&json!({"operation": "describe"}));
    let folder = project.backups().join("staging");
    host.send(request);
    let begun = Instant::now();
    let is_there = || {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.file_name().to_string_lossy().contains(shows_up))
    };
    // Without a pause: it is there for some hundred microseconds only.
    while !is_there() && begun.elapsed() < Duration::from_secs(2) {}
    let seen = Instant::now();
    while seen.elapsed() < delay {}
    host.kill();
    host.answer().is_some()
}

#[test]
fn a_create_killed_while_it_publishes_leaves_a_whole_backup_or_nothing() {
    // A small database, killed at instants that follow the staged manifest.
    let project = Project::bookshop();
    let request = create("staging", "custom", &json!(false));
    let (mut unrecorded, mut made, turns) = (0, 0, if torture() { 400 } else { 40 });
    for (_, share) in spread(turns) {
        let before = recorded_ids(&project);
        kill_once(&project, &request, ".manifest.json.", Duration::from_millis(12).mul_f64(share));
        assert_records_are_whole(&project);
        let recorded = recorded_ids(&project);
        assert!(before.iter().all(|id| recorded.contains(id)));
        let files = files_of(&project, "staging");
        let manifests =
            files.iter().filter(|path| path.to_string_lossy().ends_with(".manifest.json"));
        let waiting = files.iter().filter(|path| {
            let name = path.to_string_lossy();
            name.ends_with(".partial") && name.contains(".manifest.json.")
        });
        let complete = manifests.count();
        unrecorded += usize::from(complete > ids_in(&project, "staging") || waiting.count() > 0);
        made += u32::from(recorded.len() > before.len());

        next_create(&project);
        assert_nothing_is_half(&project);
        assert!(ids_in(&project, "staging") >= complete, "what was complete is adopted");
    }
    assert_all_verify(&project);
    println!("{made} of {turns} were recorded, {unrecorded} were killed in between");
}

/// How many backups of an environment are recorded.
fn ids_in(project: &Project, environment: &str) -> usize {
    records(project).iter().filter(|record| record["environment"] == environment).count()
}

/// A create in another environment, whose ids are told apart by their suffix.
fn next_create(project: &Project) -> Value {
    project.succeed(&json!({"operation": "create-backup", "parameters": {
        "environment": "dev", "label": "next"
    }}))
}

#[test]
fn a_verification_killed_at_any_instant_leaves_nothing() {
    let project = Project::bookshop();
    fill_large(&project.database("staging"), 10);
    let made = project.succeed(&create("staging", "custom", &json!("zstd")));
    let request =
        json!({"operation": "verify-backup", "parameters": {"backup_id": made["backup_id"]}});
    let duration = measured(&project, &request);
    for (_, share) in spread(if torture() { 60 } else { 10 }) {
        kill_after(&project, &request, duration.mul_f64(share * 1.1));
        assert_records_are_whole(&project);
        next_create(&project);
        assert_nothing_is_half(&project);
    }
    assert_all_verify(&project);
}

#[test]
fn a_delete_killed_at_any_instant_is_finished_or_never_happened() {
    let project = Project::bookshop();
    let mut hosts = 0;
    for (turn, share) in spread(if torture() { 300 } else { 40 }) {
        let (format, compression) = form(turn);
        let made = project.succeed(&create("staging", format, &compression));
        let newest = project.create("staging");
        let id = made["backup_id"].as_str().unwrap();
        let request = json!({"operation": "delete-backup", "parameters": {"backup_id": id}});
        let told =
            kill_once(&project, &request, ".deleting.", Duration::from_millis(8).mul_f64(share));
        next_create(&project);
        assert_nothing_is_half(&project);
        let recorded = recorded_ids(&project);
        let there = recorded.iter().any(|known| known == id);
        let files = files_of(&project, "staging");
        let named = files.iter().any(|file| file.to_string_lossy().contains(id));
        assert_eq!(there, named, "whole or gone: {files:?}");
        assert!(!told || !there, "what was answered is done");
        hosts += u32::from(!there);
        let kept = newest["backup_id"].as_str().unwrap();
        assert!(recorded.iter().any(|known| known == kept));
    }
    println!("{hosts} deletions went through");
    assert_all_verify(&project);
}

/// A project with one finished backup of staging, and the pieces it is made of.
struct Pieces {
    project: Project,
    id: String,
    artifact: PathBuf,
    manifest: PathBuf,
    /// The mark of this machine in the names of partial files.
    host: String,
}

impl Pieces {
    fn new() -> Self {
        let project = Project::bookshop();
        let host = mark_of_this_machine(&project);
        let made = project.create("staging");
        let id = made["backup_id"].as_str().unwrap().to_owned();
        let folder = project.backups().join("staging");
        let artifact = folder.join(format!("{id}.sqlite"));
        let manifest = folder.join(format!("{id}.manifest.json"));
        Self { project, id, artifact, manifest, host }
    }

    /// The name that a piece has while it is being written.
    fn partial(piece: &Path, host: &str, run: &str) -> PathBuf {
        let name = piece.file_name().unwrap().to_str().unwrap();
        piece.with_file_name(format!("{name}.{host}.{run}.partial"))
    }

    fn stage(&self, piece: &Path) -> PathBuf {
        let partial = Self::partial(piece, &self.host, DEAD_RUN);
        std::fs::rename(piece, &partial).unwrap();
        partial
    }

    fn forget_the_record(&self) {
        std::fs::remove_file(self.project.backups().join("backups.json")).unwrap();
    }

    /// The next create, in another environment; says what it warned about.
    fn tidy(&self) -> String {
        let made = next_create(&self.project);
        made.get("warnings").map_or_else(String::new, Value::to_string)
    }

    fn is_listed(&self) -> bool {
        let listed = self.project.succeed(&json!({"operation": "list-backups"}));
        listed["backups"].as_array().unwrap().iter().any(|backup| backup["backup_id"] == *self.id)
    }

    fn files(&self) -> Vec<String> {
        self.project.files().into_iter().filter(|file| file.starts_with("staging/")).collect()
    }

    fn is_adopted(&self) {
        assert!(self.is_listed());
        assert_nothing_is_half(&self.project);
        assert_all_verify(&self.project);
    }

    fn is_gone(&self) {
        assert!(!self.is_listed());
        assert_eq!(self.files(), [""; 0]);
        let request = json!({"operation": "verify-backup", "parameters": {"backup_id": self.id}});
        self.project.fail(&request, "backup_not_found");
    }

    /// The note that a removal begins with.
    fn deleting_note(&self) -> PathBuf {
        let note = self.artifact.with_file_name(format!(
            "{}.note.20250124T140000000.deleting.{DEAD_RUN}.json",
            self.id
        ));
        let text = json!({
            "note_version": "1.0", "backup_id": self.id, "kind": "deleting",
            "at": "2025-01-24T14:00:00Z", "run_id": DEAD_RUN, "host": "here",
            "artifact": self.artifact.file_name().unwrap().to_str().unwrap(),
        });
        std::fs::write(&note, text.to_string()).unwrap();
        note
    }
}

/// Reads the mark off the partials of a create that is stopped in its tracks.
fn mark_of_this_machine(project: &Project) -> String {
    let mut host = LiveHost::start(&mut project.host());
    fill_large(&project.database("production"), 5);
    host.send(&create("production", "sql", &json!(true)));
    wait_until("a partial", || !files_of(project, "production").is_empty());
    host.pause();
    let name = files_of(project, "production")[0].display().to_string();
    host.resume();
    assert_eq!(host.answer().unwrap()["status"], "success");
    let id = project.catalogue()["backups"][0]["backup_id"].as_str().unwrap().to_owned();
    let token =
        project.ask(&json!({"operation": "delete-backup", "parameters": {"backup_id": id}}));
    project.succeed(&token["recovery"]["next_request"]);
    let parts: Vec<&str> = name.rsplit('.').collect();
    assert_eq!(parts[0], "partial");
    parts[2].to_owned()
}

#[test]
fn partials_of_a_dead_run_are_removed_with_their_companions() {
    let pieces = Pieces::new();
    pieces.forget_the_record();
    std::fs::remove_file(&pieces.manifest).unwrap();
    let partial = pieces.stage(&pieces.artifact);
    // Several, so that no order of the folder hides one behind the other.
    for number in 0..12 {
        let base = partial.to_str().unwrap().replace(DEAD_RUN, &format!("{number:016x}"));
        for end in ["-journal", "", "-wal", "-shm"] {
            std::fs::write(format!("{base}{end}"), "half").unwrap();
        }
    }
    let left =
        pieces.project.backups().join(format!("backups.json.{}.{DEAD_RUN}.partial", pieces.host));
    std::fs::write(&left, "{").unwrap();
    assert_eq!(pieces.tidy(), "");
    assert!(!left.exists());
    pieces.is_gone();
}

#[test]
fn listing_describing_and_planning_remove_nothing() {
    let pieces = Pieces::new();
    pieces.stage(&pieces.manifest);
    pieces.forget_the_record();
    let before = pieces.project.files();
    pieces.project.succeed(&json!({"operation": "list-backups"}));
    pieces.project.succeed(&json!({"operation": "describe"}));
    pieces.project.succeed(
        &json!({"operation": "create-backup", "parameters": {"environment": "dev", "dry_run": true}}),
    );
    pieces
        .project
        .succeed(&json!({"operation": "rebuild-catalogue", "parameters": {"dry_run": true}}));
    assert_eq!(pieces.project.files(), before);
}

#[test]
fn an_artifact_with_a_staged_manifest_is_adopted() {
    let pieces = Pieces::new();
    pieces.stage(&pieces.manifest);
    pieces.forget_the_record();
    assert!(!pieces.is_listed());
    assert_eq!(pieces.tidy(), "");
    pieces.is_adopted();
}

#[test]
fn a_staged_manifest_whose_artifact_was_never_renamed_goes_with_it() {
    let pieces = Pieces::new();
    pieces.stage(&pieces.manifest);
    pieces.stage(&pieces.artifact);
    pieces.forget_the_record();
    assert_eq!(pieces.tidy(), "");
    pieces.is_gone();
}

#[test]
fn an_artifact_with_its_manifest_and_no_record_is_adopted() {
    let pieces = Pieces::new();
    pieces.forget_the_record();
    assert_eq!(pieces.tidy(), "");
    pieces.is_adopted();
}

#[test]
fn a_staged_manifest_beside_a_published_one_is_removed() {
    let pieces = Pieces::new();
    let partial = Pieces::partial(&pieces.manifest, &pieces.host, DEAD_RUN);
    std::fs::copy(&pieces.manifest, partial).unwrap();
    assert_eq!(pieces.tidy(), "");
    pieces.is_adopted();
}

#[test]
fn partials_of_another_machine_are_left_alone() {
    let pieces = Pieces::new();
    let elsewhere = if pieces.host == "0badcafe" { "0badcaff" } else { "0badcafe" };
    for piece in [&pieces.artifact, &pieces.manifest] {
        std::fs::rename(piece, Pieces::partial(piece, elsewhere, DEAD_RUN)).unwrap();
    }
    pieces.forget_the_record();
    let before = pieces.files();
    // They may be named; whether their writer lives cannot be told from here.
    pieces.tidy();
    assert_eq!(pieces.files(), before);
    let ids = recorded_ids(&pieces.project);
    assert!(!ids.contains(&pieces.id), "it may still be written there");
    let next = pieces.project.create("staging");
    assert_ne!(next["backup_id"], *pieces.id, "its second stays claimed");
}

#[test]
fn partials_of_a_living_process_are_left_alone() {
    let pieces = Pieces::new();
    let partial = pieces.stage(&pieces.artifact);
    let staged = pieces.stage(&pieces.manifest);
    pieces.forget_the_record();
    let locks: Vec<_> =
        [&partial, &staged].into_iter().map(|path| std::fs::File::open(path).unwrap()).collect();
    for lock in &locks {
        lock.lock().unwrap();
    }
    let before = pieces.files();
    assert_eq!(pieces.tidy(), "");
    assert_eq!(pieces.files(), before);
    drop(locks);
    pieces.tidy();
    pieces.is_gone();
}

#[test]
fn a_create_at_work_loses_nothing_to_the_creates_beside_it() {
    let project = Project::bookshop();
    fill_large(&project.database("staging"), 12);
    let mut host = LiveHost::start(&mut project.host());
    host.send(&create("staging", "sql", &json!("zstd")));
    wait_until("an artifact grows", || {
        files_of(&project, "staging")
            .iter()
            .any(|file| file.metadata().is_ok_and(|file| file.len() > 0))
    });
    host.pause();
    let at_work = files_of(&project, "staging");
    assert!(at_work.iter().all(|file| file.to_string_lossy().contains(".partial")), "{at_work:?}");
    assert_eq!(project.create("dev").get("warnings"), None);
    project.succeed(&json!({"operation": "rebuild-catalogue"}));
    assert_eq!(files_of(&project, "staging"), at_work);
    host.resume();
    assert_eq!(host.answer().unwrap()["status"], "success");
    assert_nothing_is_half(&project);
    assert_all_verify(&project);
}

#[test]
fn a_removal_that_was_begun_is_finished_whatever_is_left_of_it() {
    for (artifact, manifest, record) in [
        (true, true, true),
        (false, true, true),
        (false, false, true),
        (true, false, true),
        (false, false, false),
        (true, true, false),
    ] {
        let pieces = Pieces::new();
        pieces.deleting_note();
        if !artifact {
            std::fs::remove_file(&pieces.artifact).unwrap();
        }
        if !manifest {
            std::fs::remove_file(&pieces.manifest).unwrap();
        }
        if !record {
            pieces.forget_the_record();
        }
        assert_eq!(pieces.tidy(), "", "{artifact} {manifest} {record}");
        pieces.is_gone();
        assert_nothing_is_half(&pieces.project);
    }
}

#[test]
fn a_removal_that_was_begun_is_finished_outside_the_project_as_well() {
    for record in [true, false] {
        let elsewhere = tempfile::tempdir().unwrap();
        let project = Project::bookshop();
        let location = elsewhere.path().join("store").display().to_string();
        project.configure(|configuration| {
            configuration["backup"] = json!({"storage_location": location});
        });
        let made = project.create("staging");
        let id = made["backup_id"].as_str().unwrap();
        let folder = elsewhere.path().join("store/staging");
        // Killed after artifact and manifest were removed: before the record, and after it.
        let note = folder.join(format!("{id}.note.20250124T140000000.deleting.{DEAD_RUN}.json"));
        let manifest = std::fs::read_to_string(folder.join(format!("{id}.manifest.json"))).unwrap();
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        let text = json!({
            "note_version": "1.0", "backup_id": id, "kind": "deleting", "at": "2025-01-24T14:00:00Z",
            "run_id": DEAD_RUN, "host": "here", "artifact": format!("{id}.sqlite"),
            "project": manifest["project"],
        });
        std::fs::write(&note, text.to_string()).unwrap();
        std::fs::remove_file(folder.join(format!("{id}.sqlite"))).unwrap();
        std::fs::remove_file(folder.join(format!("{id}.manifest.json"))).unwrap();
        if !record {
            std::fs::remove_file(project.backups().join("backups.json")).unwrap();
        }
        next_create(&project);
        assert!(!recorded_ids(&project).iter().any(|known| known == id));
        let left: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "with a record: {record}; left: {left:?}");
    }
}

#[test]
fn files_of_others_are_reported_and_never_touched() {
    let project = Project::bookshop();
    project.create("dev");
    let folder = project.backups().join("dev");
    let theirs = [
        "notes.txt",
        "backup-20200101-000000.sql",
        "backup-20200101-000001-mine.sqlite.gz",
        "backup-20200101-000002.sql.partial",
        "x.sqlite-journal",
        "backup-20200101-000003.note.txt",
    ];
    for name in theirs {
        std::fs::write(folder.join(name), name).unwrap();
    }
    std::fs::create_dir(folder.join("archive")).unwrap();
    std::fs::write(folder.join("archive/old.sql"), "old").unwrap();
    std::os::unix::fs::symlink("nowhere", folder.join("link.sql")).unwrap();

    let made = project.create("dev");
    let warning = made["warnings"].to_string();
    assert!(warning.contains("left alone"), "{warning}");
    let shown = theirs.iter().filter(|name| warning.contains(**name)).count();
    assert!(
        shown >= 3 && warning.contains("more"),
        "some by name, the others by number: {warning}"
    );
    let deleted = recorded_ids(&project)[0].clone();
    project.succeed(&json!({"operation": "delete-backup", "parameters": {"backup_id": deleted}}));
    let rebuilt = project.succeed(&json!({"operation": "rebuild-catalogue"}));
    for name in theirs {
        assert!(rebuilt["foreign_files"].to_string().contains(name), "{name}");
        assert_eq!(std::fs::read_to_string(folder.join(name)).unwrap(), name);
    }
    assert_eq!(std::fs::read_to_string(folder.join("archive/old.sql")).unwrap(), "old");
    assert!(folder.join("link.sql").is_symlink());
    assert_eq!(recorded_ids(&project).len(), 1, "nothing foreign became a backup");
}

#[test]
fn a_file_in_the_way_of_an_id_is_passed_over_and_never_replaced() {
    let project = Project::bookshop();
    let folder = project.backups().join("dev");
    std::fs::create_dir_all(&folder).unwrap();
    // Every second of the next while is taken by somebody's file.
    let taken: BTreeSet<String> = (0..90)
        .map(|second| {
            let output = std::process::Command::new("date")
                .args(["-u", "-d", &format!("+{second} seconds"), "+backup-%Y%m%d-%H%M%S.sqlite"])
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        })
        .collect();
    for name in &taken {
        std::fs::write(folder.join(name), "theirs").unwrap();
    }
    let made = project.create("dev");
    let name = made["file_path"].as_str().unwrap().rsplit('/').next().unwrap();
    assert!(!taken.contains(name));
    for name in &taken {
        assert_eq!(std::fs::read_to_string(folder.join(name)).unwrap(), "theirs");
    }
}
