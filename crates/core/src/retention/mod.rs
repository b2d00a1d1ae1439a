//! How long backups are kept.

mod period;

pub use period::{RetentionSettings, days};
