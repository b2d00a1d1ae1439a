//! Every state that a killed process can leave, made by hand.

use super::*;

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
            "artifact": self.artifact.file_name().unwrap().to_str().unwrap(), "last_good": true,
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
fn a_removal_that_was_begun_takes_nothing_of_another_backup_with_it() {
    let pieces = Pieces::new();
    let other = pieces.project.create("staging");
    let note = pieces.deleting_note();
    let artifact = other["file_path"].as_str().unwrap();
    let name = Path::new(artifact).file_name().unwrap().to_str().unwrap();
    let manifest = format!("{}.manifest.json", other["backup_id"].as_str().unwrap());
    for named in [name, &manifest] {
        let text = std::fs::read_to_string(&note).unwrap();
        let mut text: Value = serde_json::from_str(&text).unwrap();
        text["artifact"] = json!(named);
        std::fs::write(&note, text.to_string()).unwrap();
        assert_eq!(pieces.tidy(), "");
        assert!(!pieces.is_listed());
        assert!(pieces.project.path(artifact).exists());
        assert_all_verify(&pieces.project);
        std::fs::write(&note, text.to_string()).unwrap();
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
