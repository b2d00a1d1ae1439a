//! How long backups are kept: for how many days each one is made, which of them a plan removes, and whether
//! the clock can be believed. Pure rules: `now` and everything else is handed in.

mod clock;
mod period;
mod plan;
mod policy;

#[cfg(test)]
mod properties;

pub use clock::{CLOCK_DIFFERENCE, Clock, Witness};
pub use period::{RetentionSettings, days};
pub use plan::{Candidate, Decision, Plan, is_future, newest_good};
pub use policy::{KeepRules, Policy};
