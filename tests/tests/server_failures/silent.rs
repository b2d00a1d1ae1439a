//! Servers that keep us waiting: nobody waits for ever, and nobody who is told to stop goes on waiting.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use backup_tests::live_host::wait_until;
use backup_tests::{Conversation, Project};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::shop::{
    MOMENT, Server, Shop, answer, assert_none_soon, in_every_form, mark, on_both_engines,
    processes_of,
};

fn request(format: &str) -> Value {
    json!({"operation": "create-backup", "parameters": {"environment": "dev", "format": format}})
}

/// A server that takes connections and says nothing, and the URLs of both engines that lead to it.
fn silent(parameters: &str) -> (TcpListener, [String; 2]) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let urls = ["postgresql", "mysql"]
        .map(|scheme| format!("{scheme}://app:secret@127.0.0.1:{port}/shop{parameters}"));
    (listener, urls)
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for_longer_than_the_url_says() {
    let (_listener, urls) = silent("?connect_timeout=2");
    std::thread::scope(|scope| {
        for url in urls {
            scope.spawn(move || {
                let project = Project::with_urls(&[("dev", &url)]);
                let begun = Instant::now();
                let failed = answer(&mut project.host(), &request("sql"));
                assert_eq!(failed["code"], "connection_failed", "{failed:#}");
                assert_eq!(failed["retryable"], true, "{failed:#}");
                assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
            });
        }
    });
}

/// Tells a host that waits to stop; it must do so at once.
fn assert_stops(host: Conversation, about: &str) {
    let begun = Instant::now();
    host.signal(Signal::TERM);
    let ending = host.await_end();
    assert!(begun.elapsed() < MOMENT, "{about}: it took {:?}", begun.elapsed());
    assert_eq!(ending.status.code(), Some(143), "{about}: {ending:?}");
    let answer: Value = serde_json::from_str(&ending.stdout[0]).unwrap();
    assert_eq!(answer["status"], "cancelled", "{about}: {answer:#}");
}

#[test]
fn a_host_that_waits_for_a_silent_server_stops_when_it_is_told_to() {
    let (_listener, urls) = silent("");
    for url in urls {
        let project = Project::with_urls(&[("dev", &url)]);
        let mut command = project.host();
        mark(&mut command, &project);
        let mut host = Conversation::start(&mut command);
        host.send(format!("{}\n", request("sql")));
        wait_until("its client runs", || {
            let tools = processes_of(&project);
            tools.iter().any(|tool| ["psql", "mariadb"].contains(&tool.name.as_str()))
        });
        assert_stops(host, &url);
        assert_none_soon("tools", Duration::ZERO, || {
            processes_of(&project).pop().map(|tool| format!("{tool:?}"))
        });
    }
}

#[test]
fn a_host_that_waits_for_another_run_at_the_server_stops_when_it_is_told_to() {
    on_both_engines(|server| {
        let shop = Shop::new((server, "sql"), "waiting");
        let other = Project::with_urls(&[("dev", server.url_by_address(&shop.database))]);
        let held = server.hold(&shop.database);
        let mut first = Conversation::start(&mut other.host());
        first.send(format!("{}\n", request("sql")));
        server.wait_until_held(&shop.database);
        let mut second = Conversation::start(&mut shop.host());
        let mut patient = request("sql");
        patient["parameters"]["wait_seconds"] = json!(600);
        second.send(format!("{patient}\n"));
        server.wait_for_runs(&shop.database, 2);
        assert_stops(second, &shop.about());
        shop.assert_no_process_runs("the waiting one", Duration::ZERO);
        drop(held);
        let made: Value = serde_json::from_str(&first.hear()).unwrap();
        assert_eq!(made["status"], "success", "the first is undisturbed: {made:#}");
    });
}

#[test]
fn a_table_that_somebody_locks_for_too_long_is_named() {
    in_every_form("locked", |shop| {
        let about = shop.about();
        let Server::Postgres(server) = shop.server else { return };
        shop.wait_for_silent_tools(2);
        let mut holder = server.session(&shop.database);
        holder.sql("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE;");
        let failed = answer(&mut shop.host(), &shop.request());
        assert_eq!(failed["status"], "error", "{about}: {failed:#}");
        assert_eq!(failed["retryable"], true, "{about}: {failed:#}");
        let words = failed["prisma_output"].as_str().unwrap_or_default();
        assert!(words.contains("lock") && words.contains("orders"), "{about}: {failed:#}");
        drop(holder);
        shop.assert_nothing_is_left(&about);
        shop.assert_next_succeeds();
    });
}
