//! What the scratch databases of all servers have in common.

use std::time::Duration;

use backup_core::{Error, ReplacedDatabase, Run, RunId, ScratchRestored};

/// How the name of every scratch database begins.
pub(super) const PREFIX: &str = "backup_manager_scratch_";

/// Whether a name is what a scratch database's begins with, and a run's id.
pub(super) fn is_of_a_run(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|run| {
        run.len() == RunId::LENGTH && run.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// What tells the replaced from what was replaced before, as in `_replaced_20250124140000`: the first second since the
/// run began that is not taken.
pub(super) fn replaced_suffix<E>(
    run: &Run,
    mut is_taken: impl FnMut(&str) -> Result<bool, E>,
) -> Result<String, E> {
    let mut second = run.now;
    loop {
        let suffix = format!("_replaced_{}", second.format("%Y%m%d%H%M%S"));
        if !is_taken(&suffix)? {
            return Ok(suffix);
        }
        second += Duration::from_secs(1);
    }
}

/// Whether a name is what `replaced_name` makes of the live one's name and a suffix of [`replaced_suffix`]. One that had
/// to be cut could be another database's: it is nobody's.
fn is_replaced(name: &str, live: &str, replaced_name: impl Fn(&str, &str) -> String) -> bool {
    let suffix = name.rmatch_indices("_replaced_").next().and_then(|(at, _)| name.get(at..));
    suffix.is_some_and(|suffix| {
        let stamp = suffix.strip_prefix("_replaced_").unwrap_or_default();
        let digits = stamp.len() == 14 && stamp.bytes().all(|byte| byte.is_ascii_digit());
        let whole = name.len() == live.len() + suffix.len();
        digits && whole && replaced_name(live, suffix) == name
    })
}

/// The databases that hold what restores replaced, of those that a server has by name and size; `replaced_name` makes
/// their names of the live one's and a suffix.
pub(super) fn replaced_among(
    databases: Vec<[String; 2]>,
    live: &str,
    replaced_name: impl Fn(&str, &str) -> String,
) -> Vec<ReplacedDatabase> {
    databases
        .into_iter()
        .filter(|[name, _]| is_replaced(name, live, &replaced_name))
        .map(|[name, size]| ReplacedDatabase { name, size: size.parse().unwrap_or_default() })
        .collect()
}

/// Refuses to remove what is none of those.
pub(super) fn refuse_others(replaced: &[ReplacedDatabase], name: &str) -> Result<(), Error> {
    if replaced.iter().any(|one| one.name == name) {
        return Ok(());
    }
    Err(Error::internal(format_args!("nothing that was replaced is called {name}")))
}

/// What restoring came to, with what could not be removed afterwards.
pub(super) fn with_left(
    restored: Result<ScratchRestored, Error>,
    left: Option<String>,
) -> Result<ScratchRestored, Error> {
    match restored {
        Ok(restored) => {
            let warnings = restored.warnings.into_iter().chain(left).collect();
            Ok(ScratchRestored { warnings, ..restored })
        }
        Err(error) => Err(error.with_remains(left)),
    }
}

/// The error of a load, its words freed of what only the client knows.
pub(super) fn with_plain_words(error: Error, plain: impl Fn(&str) -> String) -> Error {
    match error {
        Error::RestoreFailed { detail, words } => {
            Error::RestoreFailed { detail, words: words.map(|words| plain(&words)) }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_database_was_replaced_by_counts() {
        let of = |name: &str| is_replaced(name, "shop", |live, suffix| format!("{live}{suffix}"));
        let cut = |live: &str, suffix: &str| format!("{}{suffix}", &live[..3]);
        assert!(!is_replaced("sho_replaced_20250124140000", "shop", cut));
        assert!(of("shop_replaced_20250124140000"));
        for other in [
            "shop",
            "shop_replaced_2025012414000",
            "shop_replaced_20250124140000_",
            "shops_replaced_20250124140000",
            "shop_replaced_+0250124140000",
            "_replaced_20250124140000",
        ] {
            assert!(!of(other), "{other}");
        }
    }

    #[test]
    fn only_names_of_our_own_are_swept() {
        let run = "0a".repeat(RunId::LENGTH / 2);
        assert!(is_of_a_run(&format!("{PREFIX}{run}"), PREFIX));
        assert!(!is_of_a_run(&format!("{PREFIX}another_{run}"), PREFIX));
        assert!(!is_of_a_run(PREFIX, PREFIX));
        assert!(!is_of_a_run("backup_manager_scratch_of_mine", PREFIX));
        assert!(!is_of_a_run("shop", PREFIX));
    }
}
