//! The names of skills and operations, and how a misspelt name finds its neighbour.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who is spoken to: the backup manager, or one of its handlers directly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Skill {
    /// The backup manager: creates, verifies, records and manages backups.
    #[default]
    BackupManager,
    /// The handler that dumps databases with their native tools.
    HandlerDbPrisma,
    /// The handler that takes RDS and Aurora snapshots.
    HandlerCloudAws,
    /// The handler that takes Cloud SQL backups.
    HandlerCloudGcp,
}

impl Skill {
    /// Every skill, in the order `describe` lists them.
    pub const ALL: [Self; 4] =
        [Self::BackupManager, Self::HandlerDbPrisma, Self::HandlerCloudAws, Self::HandlerCloudGcp];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BackupManager => "backup-manager",
            Self::HandlerDbPrisma => "handler-db-prisma",
            Self::HandlerCloudAws => "handler-cloud-aws",
            Self::HandlerCloudGcp => "handler-cloud-gcp",
        }
    }

    /// The skill of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|skill| skill.name() == name)
    }

    /// The operations that this skill takes.
    pub const fn operations(self) -> &'static [Operation] {
        match self {
            Self::BackupManager => &Operation::ALL,
            Self::HandlerDbPrisma | Self::HandlerCloudAws | Self::HandlerCloudGcp => {
                &Operation::OF_HANDLERS
            }
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Make a backup, prove it, record it.
    CreateBackup,
    /// Show recorded backups, newest first.
    ListBackups,
    /// Examine a backup again.
    VerifyBackup,
    /// Remove a backup.
    DeleteBackup,
    /// Remove the backups that need not be kept.
    CleanupBackups,
    /// Keep a backup for ever.
    PinBackup,
    /// Keep a backup for ever no longer.
    UnpinBackup,
    /// Bring a backup back.
    RestoreBackup,
    /// Ask whether a verified backup covers the state of a database.
    Guard,
    /// Build the catalogue anew from the manifests and notes.
    RebuildCatalogue,
    /// Tell how runs in the background are getting on, and how they ended.
    BackupStatus,
    /// End a run in the background.
    CancelBackup,
    /// Tell what this program is and takes.
    Describe,
}

impl Operation {
    /// Every operation, in the order `describe` lists them.
    pub const ALL: [Self; 13] = [
        Self::CreateBackup,
        Self::ListBackups,
        Self::VerifyBackup,
        Self::DeleteBackup,
        Self::CleanupBackups,
        Self::PinBackup,
        Self::UnpinBackup,
        Self::RestoreBackup,
        Self::Guard,
        Self::RebuildCatalogue,
        Self::BackupStatus,
        Self::CancelBackup,
        Self::Describe,
    ];

    /// What a handler takes when it is addressed directly.
    pub const OF_HANDLERS: [Self; 5] = [
        Self::CreateBackup,
        Self::ListBackups,
        Self::VerifyBackup,
        Self::DeleteBackup,
        Self::Describe,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateBackup => "create-backup",
            Self::ListBackups => "list-backups",
            Self::VerifyBackup => "verify-backup",
            Self::DeleteBackup => "delete-backup",
            Self::CleanupBackups => "cleanup-backups",
            Self::PinBackup => "pin-backup",
            Self::UnpinBackup => "unpin-backup",
            Self::RestoreBackup => "restore-backup",
            Self::Guard => "guard",
            Self::RebuildCatalogue => "rebuild-catalogue",
            Self::BackupStatus => "backup-status",
            Self::CancelBackup => "cancel-backup",
            Self::Describe => "describe",
        }
    }

    /// Other spellings that are taken.
    pub const fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::CreateBackup => &["backup"],
            Self::RestoreBackup => &["restore"],
            _ => &[],
        }
    }

    /// One line that says what the operation does.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::CreateBackup => "Make a backup of an environment's database, prove it, record it",
            Self::ListBackups => "List the recorded backups, newest first",
            Self::VerifyBackup => "Examine a backup again and record what was found",
            Self::DeleteBackup => "Remove a backup: artifact, manifest, notes and record",
            Self::CleanupBackups => "Remove the backups that need not be kept, or show which",
            Self::PinBackup => "Keep a backup for ever: no retention removes it",
            Self::UnpinBackup => "Let a pinned backup expire again",
            Self::RestoreBackup => {
                "Bring a backup back into an environment's database, after a safety backup"
            }
            Self::Guard => "Say whether a verified backup covers a database's state, or make one",
            Self::RebuildCatalogue => "Build backups.json anew from the manifests and notes",
            Self::BackupStatus => {
                "Tell how runs in the background are getting on, and how they ended"
            }
            Self::CancelBackup => "End a run in the background cleanly",
            Self::Describe => "Tell versions, skills, operations, handlers and limits",
        }
    }
}

/// An operation as the caller spelt it; the answer echoes that spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationName {
    operation: Operation,
    spelling: &'static str,
}

impl OperationName {
    /// The operation of that name or alias.
    pub fn from_spelling(spelling: &str) -> Option<Self> {
        Operation::ALL.into_iter().find_map(|operation| {
            std::iter::once(operation.name())
                .chain(operation.aliases().iter().copied())
                .find(|known| *known == spelling)
                .map(|known| Self { operation, spelling: known })
        })
    }

    /// Every spelling that is taken.
    pub fn all_spellings() -> impl Iterator<Item = &'static str> {
        Operation::ALL.into_iter().flat_map(|operation| {
            std::iter::once(operation.name()).chain(operation.aliases().iter().copied())
        })
    }

    /// The operation meant.
    pub const fn operation(self) -> Operation {
        self.operation
    }

    /// The spelling sent.
    pub const fn spelling(self) -> &'static str {
        self.spelling
    }
}

impl fmt::Display for OperationName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.spelling)
    }
}

/// The operation that a misspelt name means, where that is beyond doubt: two slips at most, never to
/// something that destroys, or ends or allows it.
pub fn nearest_operation(
    given: &str,
    known: impl IntoIterator<Item = &'static str>,
) -> Option<&'static str> {
    const MOST_SLIPS: usize = 2;
    let nearest = nearest(given, known)?;
    let slips = strsim::damerau_levenshtein(&given.to_ascii_lowercase().replace('_', "-"), nearest);
    // What destroys, and what lets something be destroyed later.
    let destroys = OperationName::from_spelling(nearest).is_some_and(|name| {
        matches!(
            name.operation(),
            Operation::DeleteBackup
                | Operation::CancelBackup
                | Operation::CleanupBackups
                | Operation::PinBackup
                | Operation::UnpinBackup
        )
    });
    (slips <= MOST_SLIPS && !destroys).then_some(nearest)
}

/// The known name that is closest to `given`, where one is close enough to be a slip of the hand:
/// at most a third of the letters differ.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A longer name is no slip of a known one, and comparing it would cost its length squared.
    const LONGEST_NAME: usize = 64;
    if given.len() > LONGEST_NAME {
        return None;
    }
    let given = given.to_ascii_lowercase().replace('_', "-");
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&given, &name.replace('_', "-")), name))
        .filter(|(distance, name)| *distance * 3 <= name.len().max(given.len()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_echoed_as_sent() {
        let alias = OperationName::from_spelling("backup").unwrap();
        assert_eq!(alias.operation(), Operation::CreateBackup);
        assert_eq!(alias.spelling(), "backup");
        assert_eq!(OperationName::from_spelling("Backup"), None);
    }

    #[test]
    fn slips_find_their_neighbour_and_strangers_do_not() {
        let operations = || OperationName::all_spellings();
        assert_eq!(nearest("creat-backup", operations()), Some("create-backup"));
        assert_eq!(nearest("list_backups", operations()), Some("list-backups"));
        assert_eq!(nearest("drop-everything", operations()), None);
        assert_eq!(nearest_operation("creat-backup", operations()), Some("create-backup"));
        assert_eq!(nearest_operation("release-backup", operations()), None);
        assert_eq!(nearest_operation("delet-backup", operations()), None);
        assert_eq!(nearest_operation("cleanup-backup", operations()), None);
        assert_eq!(nearest_operation("pin-backups", operations()), None);
        assert_eq!(nearest_operation("cancel-backups", operations()), None);
        assert_eq!(nearest_operation("backup-staus", operations()), Some("backup-status"));
        assert_eq!(nearest(&"x".repeat(100_000), operations()), None);
    }
}
