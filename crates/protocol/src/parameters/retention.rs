//! The parameters of the operations that decide how long backups are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Confirmation;

/// Keep a backup for ever: no retention removes it, and deleting it by hand asks first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PinBackupParameters {
    /// The backup's id.
    pub backup_id: String,
    /// The environment the backup belongs to; checked where it is given. Default: found by the id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// The project's folder. Default: `CLAUDE_DB_CWD`, else the current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}

/// Remove the backups that need not be kept. One goes only where every rule that is given lets it go; without a rule,
/// what has expired goes. The newest verified backup of a database stays, and so do pinned ones, labels and tags `manual`
/// and `important`, safety backups for 90 days, and the newest one before a suspicious loss.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CleanupBackupsParameters {
    /// Only backups of this environment. Default: all environments.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// Only what has expired. Default: true where no other rule is given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expired: Option<bool>,
    /// Only what is this many days old or older, from 1 to 36500. Default: of any age.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 36_500))]
    pub older_than_days: Option<u32>,
    /// Keep the newest so many verified backups of each database, from 1 to 100000. Default: no such rule.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 100_000))]
    pub keep_last: Option<u32>,
    /// Keep the newest verified backup of each of the last so many days with backups, in UTC, from 1 to 100000. Default: no
    /// such rule.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 100_000))]
    pub keep_daily: Option<u32>,
    /// The same for ISO weeks. Default: no such rule.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 100_000))]
    pub keep_weekly: Option<u32>,
    /// The same for months. Default: no such rule.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 100_000))]
    pub keep_monthly: Option<u32>,
    /// The same for years. Default: no such rule.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 100_000))]
    pub keep_yearly: Option<u32>,
    /// Remove the databases whose place restores of `environment` took, in place of backups; no rule goes with it, and it asks
    /// for a token in every environment. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replaced: Option<bool>,
    /// The token of the `confirmation_required` answer to the same request. Default: none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confirm: Option<Confirmation>,
    /// Answer with the plan; remove nothing. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dry_run: Option<bool>,
    /// How many backups of the plan one answer shows, from 1 to 500; fewer where the answer would grow beyond 25,000
    /// characters. Default: 20.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<u32>,
    /// The `next_cursor` of the answer before; with `dry_run`. Default: from the start.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cursor: Option<String>,
    /// The project's folder. Default: `CLAUDE_DB_CWD`, else the current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}
