//! Killed at any instant, while the application goes on reading: the tables are those of one instant or of the other, and
//! all the rest is once the next operation has finished what was begun, on this machine or on another one.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use backup_tests::Project;
use backup_tests::live_host::{LiveHost, torture, wait_until};
use backup_tests::servers::{Dialect, MariadbOptions, MariadbServer, Session, large_table};
use serde_json::{Value, json};

use super::{Whole, assert_tidy, beside, create_definer, load_shop, project, whole};
use crate::{made, restore};

/// Makes the database anew, as the restore changes it.
fn reset(server: &MariadbServer) {
    for name in beside(server, "killed", "_replaced_") {
        server.sql("", &format!("DROP DATABASE `{name}`"));
    }
    server.sql("", "DROP DATABASE IF EXISTS killed; CREATE DATABASE killed");
    load_shop(server, "killed", "new");
}

/// An application that reads two tables at once, again and again. They are never of two instants, and never away.
fn read(server: &MariadbServer, stop: &AtomicBool, seen: &AtomicU32) {
    while !stop.load(Ordering::Relaxed) {
        let question = "SELECT concat(min(s.word), '-', max(s.word), '-', min(o.word), '-', max(o.word)) FROM state s JOIN other o ON o.state = s.id";
        let words = server.value("killed", question);
        assert!(words == "old-old-old-old" || words == "new-new-new-new", "{words}");
        seen.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn killed_at_any_instant_it_is_wholly_old_or_wholly_new_once_somebody_came_after() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    create_definer(&server);
    server.create_database("killed");
    load_shop(&server, "killed", "old");
    server.sql("killed", &large_table(Dialect::Mysql, 1024 * 1024));
    let old = whole(&server, "killed");
    let here = project(server.url("killed"));
    let elsewhere = project(server.url("killed"));
    let id = made(&here, "sql", &json!(true));
    let mut request = restore(&id);
    request["parameters"]["skip_safety_backup"] = true.into();
    reset(&server);
    let new = whole(&server, "killed");
    let began = Instant::now();
    let mut host = LiveHost::start(&mut here.host());
    host.send(&request);
    host.wait_for_words("Replacing the database");
    let swapping = Instant::now();
    assert_eq!(host.answer().unwrap()["status"], "success");
    let (all, swap) = (began.elapsed(), swapping.elapsed());
    drop(host);
    assert_eq!(whole(&server, "killed"), old);
    let (mut before, mut after, mut finished) = (0, 0, 0);
    let rounds = if torture() { 50 } else { 10 };
    let seen = AtomicU32::new(0);
    for round in 0..rounds {
        reset(&server);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| read(&server, &stop, &seen));
            let mut host = LiveHost::start(&mut here.host());
            host.send(&request);
            if round % 4 == 0 {
                // At any instant at all.
                std::thread::sleep(all * round / rounds);
            } else {
                // While it swaps, which is soon over.
                host.wait_for_words("Replacing the database");
                std::thread::sleep(swap * 11 / 10 * round / rounds);
            }
            if round + 1 == rounds {
                host.answer();
            }
            host.kill();
            stop.store(true, Ordering::Relaxed);
        });
        // Whoever comes next has what is in the project, or only what is at the server.
        let next = if round % 2 == 0 { &here } else { &elsewhere };
        let result = match round % 3 {
            0 => next.succeed(&json!({"operation": "verify-backup", "parameters": {"backup_id": id, "level": "restore"}, "working_directory": here.root()})),
            _ => next.succeed(&json!({"operation": "create-backup", "parameters": {"environment": "dev"}})),
        };
        finished += usize::from(result["warnings"].to_string().contains("was interrupted"));
        let is = whole(&server, "killed");
        if is == old {
            after += 1;
            assert_eq!(beside(&server, "killed", "_replaced_").len(), 1, "round {round}");
        } else {
            before += 1;
            assert_eq!(is, new, "round {round}");
            assert_eq!(beside(&server, "killed", "_replaced_"), [""; 0], "round {round}");
        }
    }
    eprintln!("{before} old, {after} new, {finished} finished by who came next, {seen:?} reads");
    assert!(before > 0 && after > 0, "{before} old, {after} new");
    assert!(finished > 0 || !torture(), "nothing was ever half done");
    here.succeed(&request);
    assert_eq!(whole(&server, "killed"), old);
    here.create("dev");
    assert_tidy(&server, &here);
}

/// A restore that was killed in its swap: the triggers are away, and whoever holds one of the scratch database's tables
/// stops the rename.
pub(super) struct KilledInSwap {
    pub(super) here: Project,
    request: Value,
    /// What a restore brings back, and what was there.
    old: Whole,
    pub(super) new: Whole,
    scratch: String,
    pub(super) holder: Session,
}

const TRIGGERS: &str =
    "SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = 'killed'";

impl KilledInSwap {
    pub(super) fn on(server: &MariadbServer) -> Self {
        create_definer(server);
        server.create_database("killed");
        load_shop(server, "killed", "old");
        let old = whole(server, "killed");
        let here = project(server.url("killed"));
        let id = made(&here, "sql", &json!(true));
        reset(server);
        let new = whole(server, "killed");
        let mut request = restore(&id);
        request["parameters"]["skip_safety_backup"] = true.into();
        let mut host = LiveHost::start(&mut here.host());
        host.send(&request);
        host.wait_for_words("Replacing the database");
        let scratch = server.value("", "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'backup\\_manager\\_scratch\\_%'");
        let mut holder = server.session(&scratch);
        holder.sql("BEGIN; SELECT * FROM state;");
        wait_until("the triggers are away", || server.value("", TRIGGERS) == "0");
        host.kill();
        Self { here, request, old, new, scratch, holder }
    }
}

#[test]
fn killed_while_the_triggers_are_away_it_is_whole_once_somebody_came_after() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    let KilledInSwap { here, request, old, new, mut holder, .. } = KilledInSwap::on(&server);
    // Another machine has only what is at the server. A plan changes nothing.
    let elsewhere = project(server.url("killed"));
    let mut plan = request.clone();
    plan["parameters"]["dry_run"] = true.into();
    here.succeed(&plan);
    assert_eq!(server.value("", TRIGGERS), "0");
    let result = std::thread::scope(|scope| {
        let next = scope.spawn(|| {
            elsewhere.succeed(
                &json!({"operation": "create-backup", "parameters": {"environment": "dev"}}),
            )
        });
        std::thread::sleep(Duration::from_secs(1));
        holder.sql("COMMIT;");
        next.join().unwrap()
    });
    assert!(result["warnings"].to_string().contains("was interrupted"), "{result:#}");
    let is = whole(&server, "killed");
    assert!(is == old || is == new);
    // What is in the project is of no use any more.
    here.create("dev");
    assert_eq!(whole(&server, "killed"), is);
    assert_tidy(&server, &here);
}

#[test]
fn a_journal_that_somebody_else_wrote_is_not_replayed() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    let KilledInSwap { here, old, new, scratch, mut holder, .. } = KilledInSwap::on(&server);
    holder.sql("COMMIT;");
    let journal = server.value("", &format!("SELECT table_name FROM information_schema.tables WHERE table_schema = '{scratch}' AND table_name LIKE 'backup\\_manager\\_scratch\\_journal%'"));
    server
        .sql(&scratch, &format!("UPDATE `{journal}` SET text = concat(text, ' ') WHERE part = 0"));
    let create = json!({"operation": "create-backup", "parameters": {"environment": "dev"}});
    let elsewhere = project(server.url("killed"));
    let refused = elsewhere.fail(&create, "restore_failed");
    assert!(refused["error"].as_str().unwrap().contains(&scratch), "{refused:#}");
    // Where the project has the journal, it is finished or taken back.
    here.succeed(&create);
    let is = whole(&server, "killed");
    assert!(is == old || is == new);
    elsewhere.succeed(&create);
    assert_tidy(&server, &here);
}
