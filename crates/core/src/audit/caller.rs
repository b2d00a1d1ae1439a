//! Who asked: what the environment says of the user, the agent and its session.

use super::entry::Caller;
use crate::project::Surroundings;
use crate::redaction::Redactor;
use crate::storage;

/// Names whoever calls, where nothing else does: a cron job, a script.
const CALLER_VARIABLE: &str = "BACKUP_MANAGER_CALLER";
/// Variables that name an agent's session.
const SESSION_VARIABLES: [&str; 2] = ["CLAUDE_CODE_SESSION_ID", "CLAUDE_SESSION_ID"];
/// Set by Claude Code for what it starts.
const CLAUDE_CODE_VARIABLE: &str = "CLAUDECODE";
/// Longer words are cut.
const LONGEST: usize = 200;

/// Reads the environment.
pub(super) fn of(surroundings: &Surroundings<'_>, redactor: &Redactor) -> Caller {
    let variable = |name: &str| {
        let value = (surroundings.variable)(name).filter(|value| !value.is_empty())?;
        let value: String = value.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        Some(redactor.clean(&value))
    };
    let claude_code = || variable(CLAUDE_CODE_VARIABLE).map(|_| "claude-code".to_owned());
    Caller {
        user: variable("USER").or_else(|| variable("LOGNAME")),
        user_id: rustix::process::geteuid().as_raw(),
        host: storage::host_name(),
        process_id: std::process::id(),
        agent: variable(CALLER_VARIABLE).or_else(claude_code),
        session: SESSION_VARIABLES.into_iter().find_map(variable),
    }
}
