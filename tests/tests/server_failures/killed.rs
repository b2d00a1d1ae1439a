//! Signals to the host, to what stands between it and a tool, and to the tool: everything ends, nothing is left.

use std::time::{Duration, Instant, SystemTime};

use backup_tests::live_host::{LiveHost, torture, wait_until};
use backup_tests::servers::{Dialect, large_table};
use backup_tests::{Conversation, Project};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::shop::{MOMENT, Shop, in_every_form, on_both_engines};

/// How long a tool may live without its host.
const SECOND: Duration = Duration::from_secs(1);

fn send(signal: Signal, process: u32) {
    let process = Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    kill_process(process, signal).unwrap();
}

/// A host at work on a dump that does not come to its end.
fn held(shop: &Shop<'_>) -> LiveHost {
    let mut host = LiveHost::start(&mut shop.host());
    host.send(&shop.request());
    shop.server.wait_until_held(&shop.database);
    host
}

#[test]
fn no_tool_outlives_a_killed_host() {
    in_every_form("killed", |shop| {
        let about = shop.about();
        let session = shop.server.hold(&shop.database);
        let mut host = held(shop);
        let tools = shop.processes().into_iter().filter(|process| process.name == shop.dump_tool());
        assert!(tools.count() > 0, "{about}");
        host.kill();
        shop.assert_no_process_runs(&about, SECOND);
        drop(session);
        shop.assert_nothing_runs(&about, MOMENT);
        shop.assert_next_succeeds();
    });
}

/// How many times a host is killed in each form.
fn kills() -> u32 {
    if torture() { 100 } else { 4 }
}

/// Enough for a dump to be caught in the midst of its rows.
fn enlarge(shop: &Shop<'_>) {
    let dialect = if shop.server.is_postgres() { Dialect::Postgres } else { Dialect::Mysql };
    shop.server.sql(&shop.database, &large_table(dialect, 2 << 20));
    shop.server.sql(&shop.database, "CREATE TABLE large_too AS SELECT * FROM large_table");
}

#[test]
fn a_host_may_be_killed_at_any_instant() {
    in_every_form("any_instant", |shop| {
        enlarge(shop);
        let begun = Instant::now();
        shop.assert_next_succeeds();
        let whole = begun.elapsed();
        for turn in 0..kills() {
            let mut host = LiveHost::start(&mut shop.host());
            host.send(&shop.request());
            // Spread over the run, a little different every time.
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let jitter = f64::from(now.subsec_nanos() % 97) / 97.0;
            let share = (f64::from(turn) + jitter) / f64::from(kills());
            std::thread::sleep(whole.mul_f64(share));
            host.kill();
            let about = format!("{} at {share:.2}", shop.about());
            shop.assert_no_process_runs(&about, SECOND);
        }
        shop.assert_next_succeeds();
        shop.assert_nothing_runs(&shop.about(), MOMENT);
    });
}

fn assert_failed(host: &mut LiveHost, about: &str) -> Value {
    let failed = host.answer().unwrap();
    assert_eq!(failed["status"], "error", "{about}: {failed:#}");
    let code = failed["code"].as_str().unwrap();
    assert!(["verification_failed", "connection_failed"].contains(&code), "{about}: {failed:#}");
    failed
}

#[test]
fn a_tool_without_its_supervisor_is_stopped() {
    in_every_form("unsupervised", |shop| {
        let about = shop.about();
        shop.wait_for_silent_tools(2);
        let session = shop.server.hold(&shop.database);
        let mut host = held(shop);
        let tool = shop.dump_process();
        let supervisor = shop.processes().into_iter().find(|process| process.id == tool.parent);
        let supervisor = supervisor.unwrap();
        assert_eq!(supervisor.name, "backup-tool");
        send(Signal::KILL, supervisor.id);
        assert_failed(&mut host, &about);
        drop(session);
        // The host itself has not ended.
        wait_until("the tool is gone", || {
            shop.processes().iter().all(|process| process.id == host.process())
        });
        host.end();
        shop.assert_nothing_is_left(&about);
        shop.assert_next_succeeds();
    });
}

#[test]
fn every_supervisor_may_be_killed_at_once() {
    in_every_form("no_supervisor", |shop| {
        let about = shop.about();
        shop.wait_for_silent_tools(2);
        let session = shop.server.hold(&shop.database);
        let mut host = held(shop);
        for process in shop.processes() {
            if process.name == "backup-tool" {
                send(Signal::KILL, process.id);
            }
        }
        assert_failed(&mut host, &about);
        drop(session);
        host.end();
        shop.assert_nothing_is_left(&about);
        shop.assert_next_succeeds();
    });
}

#[test]
fn a_tool_that_was_stopped_in_its_tracks_has_stalled() {
    in_every_form("stopped", |shop| {
        let about = shop.about();
        shop.wait_for_silent_tools(1);
        let session = shop.server.hold(&shop.database);
        let mut host = held(shop);
        send(Signal::STOP, shop.dump_process().id);
        drop(session);
        let failed = assert_failed(&mut host, &about);
        assert_eq!(failed["code"], "verification_failed", "{about}: {failed:#}");
        let finding = failed["result"]["finding"].as_str().unwrap();
        assert!(finding.contains("wrote nothing for 1 s"), "{about}: {failed:#}");
        host.end();
        shop.assert_nothing_is_left(&about);
        shop.assert_next_succeeds();
    });
}

#[test]
fn a_client_that_was_stopped_in_its_tracks_is_no_server() {
    on_both_engines(|server| {
        let shop = Shop::new((server, "sql"), "frozen");
        let other = Project::with_urls(&[("dev", server.url_by_address(&shop.database))]);
        shop.wait_for_silent_tools(1);
        let session = server.hold(&shop.database);
        // The first one has the server's lock; the second one asks for it again and again.
        let mut first = LiveHost::start(&mut other.host());
        first.send(&shop.request());
        server.wait_until_held(&shop.database);
        let mut second = LiveHost::start(&mut shop.host());
        second.send(&shop.request());
        let client = if server.is_postgres() { "psql" } else { "mariadb" };
        server.wait_for_runs(&shop.database, 2);
        let clients = shop.processes().into_iter().filter(|process| process.name == client);
        clients.for_each(|client| send(Signal::STOP, client.id));
        let failed = assert_failed(&mut second, client);
        assert_eq!(failed["code"], "connection_failed", "{failed:#}");
        let words = failed["prisma_output"].as_str().unwrap();
        assert_eq!(words, "the server did not answer for 1 s");
        second.end();
        shop.assert_no_process_runs(client, MOMENT);
        assert_eq!(shop.entries(), [""; 0]);
        drop(session);
        assert_eq!(first.answer().unwrap()["status"], "success");
    });
}

#[test]
fn an_interrupted_dump_is_cancelled_and_its_tools_are_gone() {
    in_every_form("interrupted", |shop| {
        for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            let session = shop.server.hold(&shop.database);
            let about = format!("{} {signal:?}", shop.about());
            let mut host = Conversation::start(&mut shop.host());
            host.send(format!("{}\n", shop.request()));
            shop.server.wait_until_held(&shop.database);
            let begun = Instant::now();
            host.signal(signal);
            let ending = host.await_end();
            assert!(begun.elapsed() < MOMENT, "{about}: it took {:?}", begun.elapsed());
            assert_eq!(ending.status.code(), Some(status), "{about}: {ending:?}");
            assert_eq!(ending.stdout.len(), 1, "{about}: {ending:?}");
            let answer: Value = serde_json::from_str(&ending.stdout[0]).unwrap();
            assert_eq!(answer["status"], "cancelled", "{about}: {answer:#}");
            assert_eq!(answer["code"], "interrupted", "{about}: {answer:#}");
            // The host waited for its tools.
            shop.assert_no_process_runs(&about, Duration::ZERO);
            drop(session);
            shop.server.wait_until_free(&shop.database);
        }
        shop.assert_nothing_is_left(&shop.about());
        shop.assert_next_succeeds();
    });
}
