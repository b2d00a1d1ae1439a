//! SIGKILL at chosen and at random instants of a create, a verification and a delete.

use super::*;

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
