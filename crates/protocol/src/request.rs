//! The request: what a caller sends on one line.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::parameters::{
    BackupStatusParameters, CancelBackupParameters, CleanupBackupsParameters,
    CreateBackupParameters, DeleteBackupParameters, DescribeParameters, GuardParameters,
    HandlerCreateParameters, HandlerDeleteParameters, HandlerDescribeParameters,
    HandlerListParameters, HandlerVerifyParameters, ListBackupsParameters, PinBackupParameters,
    RebuildCatalogueParameters, RestoreBackupParameters, VerifyBackupParameters,
};
use crate::{MAX_REQUEST_ID_CHARACTERS, OperationName, Skill};

/// A request's id: a string or a number, kept as the text it was sent in, so that `1.0` is not
/// echoed as `1` and no large number loses digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The id written as `json`, if that is a string or a number of bearable length.
    pub fn from_json(json: &str) -> Option<Self> {
        let acceptable = json.len() <= MAX_REQUEST_ID_CHARACTERS
            && match json.as_bytes().first() {
                Some(b'"') => serde_json::from_str::<String>(json).is_ok(),
                Some(b'-' | b'0'..=b'9') => serde_json::from_str::<f64>(json).is_ok(),
                _ => false,
            };
        acceptable.then(|| Self(json.to_owned()))
    }

    /// The id as JSON text.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl Serialize for RequestId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.clone())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_json(raw.get()).ok_or_else(|| {
            serde::de::Error::custom(format_args!(
                "invalid value: something else, expected a string or a number of at most {MAX_REQUEST_ID_CHARACTERS} characters"
            ))
        })
    }
}

impl JsonSchema for RequestId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RequestId".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"] })
    }
}

/// The JSON form of a request. `P` is the type of its parameters.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request<P> {
    /// Any string or number; the answer carries it unchanged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<RequestId>,
    /// Who is spoken to; `backup-manager` when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "Option<Skill>")]
    pub skill: Option<String>,
    /// What to do.
    pub operation: String,
    /// The operation's options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<P>,
    /// The project's folder; also accepted inside `parameters`. Default: `CLAUDE_DB_CWD`, else the
    /// current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}

/// What is to be done, with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Make a backup.
    CreateBackup(CreateBackupParameters),
    /// Show backups.
    ListBackups(ListBackupsParameters),
    /// Examine a backup.
    VerifyBackup(VerifyBackupParameters),
    /// Remove a backup.
    DeleteBackup(DeleteBackupParameters),
    /// Remove the backups that need not be kept.
    CleanupBackups(CleanupBackupsParameters),
    /// Keep a backup for ever.
    PinBackup(PinBackupParameters),
    /// Keep a backup for ever no longer.
    UnpinBackup(PinBackupParameters),
    /// Bring a backup back.
    RestoreBackup(RestoreBackupParameters),
    /// Ask whether a backup covers the state.
    Guard(GuardParameters),
    /// Build the catalogue anew.
    RebuildCatalogue(RebuildCatalogueParameters),
    /// Tell how runs in the background are getting on.
    BackupStatus(BackupStatusParameters),
    /// End a run in the background.
    CancelBackup(CancelBackupParameters),
    /// Tell what this program is.
    Describe(DescribeParameters),
    /// A handler is to make an artifact that nothing records.
    HandlerCreate(HandlerCreateParameters),
    /// A handler is to show the artifacts of an environment.
    HandlerList(HandlerListParameters),
    /// A handler is to examine an artifact.
    HandlerVerify(HandlerVerifyParameters),
    /// A handler is to remove an artifact that nothing records.
    HandlerDelete(HandlerDeleteParameters),
    /// Tell what a handler can do.
    HandlerDescribe(HandlerDescribeParameters),
}

impl Command {
    /// The environment that the request names, as sent.
    pub fn environment(&self) -> Option<&str> {
        match self {
            Self::CreateBackup(parameters) => Some(&parameters.environment),
            Self::ListBackups(parameters) => parameters.environment.as_deref(),
            Self::VerifyBackup(parameters) => parameters.environment.as_deref(),
            Self::DeleteBackup(parameters) => parameters.environment.as_deref(),
            Self::CleanupBackups(parameters) => parameters.environment.as_deref(),
            Self::PinBackup(parameters) | Self::UnpinBackup(parameters) => {
                parameters.environment.as_deref()
            }
            Self::RestoreBackup(parameters) => Some(&parameters.environment),
            Self::Guard(parameters) => Some(&parameters.environment),
            Self::HandlerCreate(parameters) => Some(&parameters.environment),
            Self::HandlerList(parameters) => parameters.environment.as_deref(),
            Self::HandlerVerify(parameters) => parameters.environment.as_deref(),
            Self::HandlerDelete(parameters) => parameters.environment.as_deref(),
            Self::RebuildCatalogue(_)
            | Self::BackupStatus(_)
            | Self::CancelBackup(_)
            | Self::Describe(_)
            | Self::HandlerDescribe(_) => None,
        }
    }

    /// The folder that stands among the parameters.
    pub fn working_directory(&self) -> Option<&str> {
        match self {
            Self::CreateBackup(parameters) => parameters.working_directory.as_deref(),
            Self::ListBackups(parameters) => parameters.working_directory.as_deref(),
            Self::VerifyBackup(parameters) => parameters.working_directory.as_deref(),
            Self::DeleteBackup(parameters) => parameters.working_directory.as_deref(),
            Self::CleanupBackups(parameters) => parameters.working_directory.as_deref(),
            Self::PinBackup(parameters) | Self::UnpinBackup(parameters) => {
                parameters.working_directory.as_deref()
            }
            Self::RestoreBackup(parameters) => parameters.working_directory.as_deref(),
            Self::Guard(parameters) => parameters.working_directory.as_deref(),
            Self::RebuildCatalogue(parameters) => parameters.working_directory.as_deref(),
            Self::BackupStatus(parameters) => parameters.working_directory.as_deref(),
            Self::CancelBackup(parameters) => parameters.working_directory.as_deref(),
            Self::Describe(parameters) => parameters.working_directory.as_deref(),
            Self::HandlerCreate(parameters) => parameters.working_directory.as_deref(),
            Self::HandlerList(parameters) => parameters.working_directory.as_deref(),
            Self::HandlerVerify(parameters) => parameters.working_directory.as_deref(),
            Self::HandlerDelete(parameters) => parameters.working_directory.as_deref(),
            Self::HandlerDescribe(parameters) => parameters.working_directory.as_deref(),
        }
    }

    /// Whether what was done, or failed, is to be remembered: not what only looks, nor what only plans.
    pub fn is_recorded(&self) -> bool {
        let dry_run = match self {
            Self::CreateBackup(parameters) => parameters.dry_run,
            Self::DeleteBackup(parameters) => parameters.dry_run,
            Self::CleanupBackups(parameters) => parameters.dry_run,
            Self::RestoreBackup(parameters) => parameters.dry_run,
            Self::RebuildCatalogue(parameters) => parameters.dry_run,
            Self::ListBackups(_)
            | Self::Describe(_)
            | Self::BackupStatus(_)
            | Self::HandlerList(_)
            | Self::HandlerDescribe(_) => return false,
            Self::VerifyBackup(_)
            | Self::PinBackup(_)
            | Self::UnpinBackup(_)
            | Self::Guard(_)
            | Self::CancelBackup(_)
            | Self::HandlerCreate(_)
            | Self::HandlerVerify(_)
            | Self::HandlerDelete(_) => None,
        };
        dry_run != Some(true)
    }

    /// Whether the caller wants an answer at once, and the work to go on without it.
    pub fn wants_background(&self) -> bool {
        match self {
            Self::CreateBackup(parameters) => parameters.background.unwrap_or_default(),
            Self::VerifyBackup(parameters) => parameters.background.unwrap_or_default(),
            Self::RestoreBackup(parameters) => parameters.background.unwrap_or_default(),
            _ => false,
        }
    }

    /// Whether the caller wants JSON events on stderr in place of messages for people.
    pub fn wants_events(&self) -> bool {
        match self {
            Self::CreateBackup(parameters) => parameters.progress.unwrap_or_default(),
            Self::VerifyBackup(parameters) => parameters.progress.unwrap_or_default(),
            Self::RestoreBackup(parameters) => parameters.progress.unwrap_or_default(),
            Self::Guard(parameters) => parameters.progress.unwrap_or_default(),
            _ => false,
        }
    }
}

/// A request that was read and understood.
#[derive(Clone, Debug, PartialEq)]
pub struct IncomingRequest {
    /// Its id, to be echoed.
    pub id: Option<RequestId>,
    /// Who is spoken to.
    pub skill: Skill,
    /// The operation as it was spelt.
    pub operation: OperationName,
    /// What to do.
    pub command: Command,
    /// The project's folder, from beside or among the parameters.
    pub working_directory: Option<String>,
}
