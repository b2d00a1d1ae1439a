//! Many at once: different databases side by side, the same one in turns, whoever asks and from wherever.

use std::collections::BTreeSet;

use backup_tests::Project;
use backup_tests::artifacts::{assert_nothing_is_half, assert_records_are_whole, recorded_ids};
use backup_tests::live_host::LiveHost;
use serde_json::{Value, json};

use crate::shop::{Server, Shop, answer, on_both_engines};

fn create(environment: &str, wait_seconds: u32) -> Value {
    json!({"operation": "create-backup", "parameters": {
        "environment": environment, "wait_seconds": wait_seconds, "progress": true
    }})
}

#[test]
fn ten_databases_are_backed_up_side_by_side() {
    let servers = [Server::postgres(), Server::mariadb()];
    let names: Vec<String> = (0..10).map(|number| format!("env{number}")).collect();
    let urls: Vec<(&str, String)> = names
        .iter()
        .zip(servers.into_iter().cycle())
        .map(|(name, server)| (name.as_str(), server.url(&server.new_shop("ten"))))
        .collect();
    let project = Project::with_urls(&urls);
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let hosts: Vec<_> = names
            .iter()
            .map(|name| {
                let project = &project;
                // None waits: none has to.
                scope.spawn(move || answer(&mut project.host(), &create(name, 0)))
            })
            .collect();
        hosts.into_iter().map(|host| host.join().unwrap()).collect()
    });
    let mut ids = BTreeSet::new();
    for answer in &answers {
        assert_eq!(answer["status"], "success", "{answer:#}");
        assert!(ids.insert(answer["result"]["backup_id"].as_str().unwrap().to_owned()));
    }
    assert_eq!(recorded_ids(&project), ids.into_iter().collect::<Vec<_>>());
    assert_nothing_is_half(&project);
    assert_records_are_whole(&project);
}

/// The id of the run at work, from its first event.
fn run_of(host: &LiveHost) -> String {
    let said = host.stderr();
    let event: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    event["run_id"].as_str().unwrap().to_owned()
}

/// A run of the shop that does not end while its database is held, and its id.
fn at_work(shop: &Shop<'_>) -> (LiveHost, String) {
    let mut host = LiveHost::start(&mut shop.host());
    host.send(&create("dev", 0));
    shop.server.wait_until_held(&shop.database);
    let run = run_of(&host);
    (host, run)
}

/// Fails unless one that does not wait hears of the other's run, and one that waits gets its backup after it.
fn take_turns(shop: &Shop<'_>, second: &Project, names_run: bool) {
    let about = shop.about();
    let held = shop.server.hold(&shop.database);
    let (mut first, run) = at_work(shop);
    let refused = answer(&mut second.host(), &create("dev", 0));
    assert_eq!(refused["status"], "error", "{about}: {refused:#}");
    assert_eq!(refused["code"], "backup_in_progress", "{about}: {refused:#}");
    assert_eq!(refused["retryable"], true, "{about}: {refused:#}");
    assert_eq!(refused["recovery"]["next_request"], create("dev", 0), "{about}: {refused:#}");
    let named = &refused["result"]["run_id"];
    if names_run {
        assert_eq!(*named, run, "{about}: {refused:#}");
    } else {
        assert!(named.is_null() || *named == run, "{about}: {refused:#}");
    }
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| answer(&mut second.host(), &create("dev", 30)));
        std::thread::sleep(std::time::Duration::from_millis(500));
        assert!(!waiting.is_finished(), "{about}: it waits");
        drop(held);
        let made = first.answer().unwrap();
        assert_eq!(made["status"], "success", "{about}: {made:#}");
        let made = waiting.join().unwrap();
        assert_eq!(made["status"], "success", "{about}: {made:#}");
    });
    first.end();
    assert_nothing_is_half(&shop.project);
    assert_nothing_is_half(second);
    shop.assert_nothing_runs(&about, crate::shop::MOMENT);
}

#[test]
fn two_of_one_database_in_one_project_take_turns() {
    on_both_engines(|server| {
        let shop = Shop::new((server, "sql"), "turns");
        take_turns(&shop, &shop.project, true);
        assert_eq!(recorded_ids(&shop.project).len(), 2);
    });
}

#[test]
fn two_checkouts_of_one_project_take_turns_at_the_server() {
    on_both_engines(|server| {
        let shop = Shop::new((server, "sql"), "checkouts");
        // Another name of the same place: no lock of this machine tells that it is.
        let other = Project::with_urls(&[("dev", server.url_by_address(&shop.database))]);
        take_turns(&shop, &other, server.is_postgres());
        assert_eq!(recorded_ids(&shop.project).len(), 1);
        assert_eq!(recorded_ids(&other).len(), 1);
    });
}

#[test]
fn a_handler_asked_directly_takes_its_turn_as_well() {
    on_both_engines(|server| {
        let shop = Shop::new((server, "sql"), "direct");
        let other = Project::with_urls(&[("dev", server.url_by_address(&shop.database))]);
        let request = json!({"skill": "handler-db-prisma", "operation": "create-backup", "parameters": {
            "environment": "dev", "output_file": "direct.sql", "wait_seconds": 0}});
        let held = server.hold(&shop.database);
        let (mut first, _) = at_work(&shop);
        for project in [&shop.project, &other] {
            let refused = answer(&mut project.host(), &request);
            assert_eq!(refused["code"], "backup_in_progress", "{refused:#}");
        }
        drop(held);
        assert_eq!(first.answer().unwrap()["status"], "success");
        first.end();
        let made = answer(&mut other.host(), &request);
        assert_eq!(made["status"], "success", "{made:#}");
    });
}

#[test]
fn the_servers_lock_of_a_killed_run_frees_itself() {
    on_both_engines(|server| {
        let shop = Shop::new((server, "sql"), "freed");
        let other = Project::with_urls(&[("dev", server.url_by_address(&shop.database))]);
        let held = server.hold(&shop.database);
        let (mut first, _) = at_work(&shop);
        first.kill();
        drop(held);
        let made = answer(&mut other.host(), &create("dev", 5));
        assert_eq!(made["status"], "success", "{made:#}");
    });
}

#[test]
fn another_database_of_the_server_is_not_held_up() {
    on_both_engines(|server| {
        let (shop, other) =
            (Shop::new((server, "sql"), "busy"), Shop::new((server, "sql"), "idle"));
        let held = server.hold(&shop.database);
        let (mut first, _) = at_work(&shop);
        let made = answer(&mut other.host(), &create("dev", 0));
        assert_eq!(made["status"], "success", "{made:#}");
        drop(held);
        assert_eq!(first.answer().unwrap()["status"], "success");
    });
}
