//! A server that goes away during a dump: an error to try again after, and nothing left.

use backup_tests::live_host::LiveHost;
use backup_tests::servers::{MariadbOptions, MariadbServer, PostgresOptions, PostgresServer};
use serde_json::Value;

use crate::shop::{Form, Server, Shop, forms_of, in_every_form};

fn assert_is_lost(failed: &Value, about: &str) {
    assert_may_be_tried_again(failed, about);
    assert_eq!(failed["error"], "Cannot connect to database for backup", "{about}");
}

fn assert_may_be_tried_again(failed: &Value, about: &str) {
    assert_eq!(failed["status"], "error", "{about}: {failed:#}");
    assert_eq!(failed["code"], "connection_failed", "{about}: {failed:#}");
    assert_eq!(failed["retryable"], true, "{about}: {failed:#}");
    assert_ne!(failed["prisma_output"].as_str().unwrap_or_default(), "", "{about}: {failed:#}");
}

/// A dump that comes to the last object and no further, when its server stops.
fn crash(form: Form<'_>) {
    let shop = Shop::new(form, "crash");
    let about = shop.about();
    let held = shop.server.hold(&shop.database);
    let mut host = LiveHost::start(&mut shop.host());
    host.send(&shop.request());
    shop.server.wait_until_held(&shop.database);
    shop.server.stop_now();
    let failed = host.answer().unwrap();
    assert_is_lost(&failed, &about);
    drop(held);
    // Nobody listens any more: the same request is answered in the same way.
    assert_is_lost(&host.ask(&shop.request()), &about);
    let (status, _) = host.end();
    assert_eq!(status.code(), Some(1), "{about}");
    shop.server.start_again();
    shop.assert_nothing_is_left(&about);
    shop.assert_next_succeeds();
}

#[test]
fn a_postgres_server_that_stops_during_a_dump_is_lost() {
    let server = PostgresServer::start_own(&PostgresOptions::default());
    forms_of(Server::Postgres(&server)).into_iter().for_each(crash);
}

#[test]
fn a_mariadb_server_that_stops_during_a_dump_is_lost() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    forms_of(Server::Mariadb(&server)).into_iter().for_each(crash);
}

#[test]
fn a_dump_whose_session_an_administrator_ends_is_lost() {
    in_every_form("ended", |shop| {
        let about = shop.about();
        let held = shop.server.hold(&shop.database);
        let mut host = LiveHost::start(&mut shop.host());
        host.send(&shop.request());
        let session = shop.server.wait_until_held(&shop.database);
        shop.server.end_session(&session);
        assert_is_lost(&host.answer().unwrap(), &about);
        drop(held);
        // The host goes on.
        let made = host.ask(&shop.request());
        assert_eq!(made["status"], "success", "{about}: {made:#}");
        host.end();
        shop.assert_nothing_runs(&about, crate::shop::MOMENT);
    });
}

#[test]
fn a_server_that_ends_the_session_beside_the_dump_does_not_hang_it() {
    in_every_form("beside", |shop| {
        let about = shop.about();
        let held = shop.server.hold(&shop.database);
        let mut host = LiveHost::start(&mut shop.host());
        host.send(&shop.request());
        let dump = shop.server.wait_until_held(&shop.database);
        for session in shop.server.sessions_beside(&shop.database, &dump) {
            shop.server.end_session(&session);
        }
        drop(held);
        // The lock is lost, the snapshot is the dump's own by now: whole, or an error; never half.
        let answer = host.answer().unwrap();
        host.end();
        if answer["status"] != "success" {
            assert_may_be_tried_again(&answer, &about);
            shop.assert_nothing_is_left(&about);
        }
        shop.assert_next_succeeds();
    });
}
