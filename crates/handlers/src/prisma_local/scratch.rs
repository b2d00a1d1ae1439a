//! What the scratch databases of all servers have in common.

use std::time::Duration;

use backup_core::{Error, Run, RunId, ScratchRestored};

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
    fn only_names_of_our_own_are_swept() {
        let run = "0a".repeat(RunId::LENGTH / 2);
        assert!(is_of_a_run(&format!("{PREFIX}{run}"), PREFIX));
        assert!(!is_of_a_run(&format!("{PREFIX}another_{run}"), PREFIX));
        assert!(!is_of_a_run(PREFIX, PREFIX));
        assert!(!is_of_a_run("backup_manager_scratch_of_mine", PREFIX));
        assert!(!is_of_a_run("shop", PREFIX));
    }
}
