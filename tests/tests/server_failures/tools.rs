//! Dump tools that lie, hang, fail and die: an error every time, and nothing left.

use backup_tests::scripted_tool::{Behaviour, COMPLAINT, ScriptedTools};
use serde_json::Value;

use crate::shop::{Shop, answer, in_every_form, mark};

/// How long the shops of these tests wait for a silent tool, in seconds.
const PATIENCE: u32 = 1;

fn finding(behaviour: Behaviour) -> Option<&'static str> {
    match behaviour {
        Behaviour::HangsAtOnce | Behaviour::HangsHalfway | Behaviour::HangsDeaf => {
            Some("wrote nothing for 1 s")
        }
        Behaviour::FailsAtOnce | Behaviour::FailsAtEnd => Some("status 1"),
        Behaviour::KilledHalfway | Behaviour::KilledAtEnd => Some("signal 9"),
        _ => None,
    }
}

fn assert_is_refused(failed: &Value, behaviour: Behaviour, about: &str) {
    assert_eq!(failed["status"], "error", "{about}: {failed:#}");
    assert_eq!(failed["code"], "verification_failed", "{about}: {failed:#}");
    assert_eq!(failed["error"], "Backup verification failed - file may be corrupted");
    assert_eq!(failed["environment"], "dev");
    let found = failed["result"]["finding"].as_str().unwrap();
    assert!(!found.is_empty(), "{about}: {failed:#}");
    if let Some(words) = finding(behaviour) {
        assert!(found.contains(words), "{about}: {failed:#}");
    }
    if matches!(behaviour, Behaviour::FailsAtOnce | Behaviour::FailsAtEnd) {
        let words = failed["prisma_output"].as_str().unwrap();
        assert!(words.ends_with(COMPLAINT), "{about}: {failed:#}");
    }
}

fn refused(about: &str, behaviours: &[Behaviour]) {
    in_every_form(about, |shop| {
        shop.wait_for_silent_tools(PATIENCE);
        for behaviour in behaviours {
            refuse(shop, *behaviour);
        }
        shop.assert_next_succeeds();
    });
}

fn refuse(shop: &Shop<'_>, behaviour: Behaviour) {
    let about = format!("{} {behaviour:?}", shop.about());
    let tools = ScriptedTools::new().with(shop.dump_tool(), behaviour);
    let mut host = tools.host(&shop.project);
    mark(&mut host, &shop.project);
    let failed = answer(&mut host, &shop.request());
    assert_is_refused(&failed, behaviour, &about);
    assert_eq!(tools.processes().len(), 1, "{about}: the scripted tool was asked once");
    shop.assert_nothing_is_left(&about);
}

#[test]
fn a_tool_that_succeeds_with_a_short_dump_has_failed() {
    refused("short", &[Behaviour::Half, Behaviour::WithoutEnd, Behaviour::Nothing]);
}

#[test]
fn a_tool_that_hangs_is_stopped() {
    refused("hanging", &[Behaviour::HangsAtOnce, Behaviour::HangsHalfway, Behaviour::HangsDeaf]);
}

#[test]
fn a_tool_that_fails_or_is_killed_is_quoted() {
    refused(
        "failing",
        &[
            Behaviour::FailsAtOnce,
            Behaviour::FailsAtEnd,
            Behaviour::KilledHalfway,
            Behaviour::KilledAtEnd,
        ],
    );
}
