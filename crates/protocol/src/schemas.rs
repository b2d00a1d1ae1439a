//! The JSON schemas of requests and answers, made from the types.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::parameters::{
    BackupStatusParameters, CancelBackupParameters, CleanupBackupsParameters,
    CreateBackupParameters, DeleteBackupParameters, DescribeParameters, GuardParameters,
    HandlerCreateParameters, HandlerDeleteParameters, HandlerDescribeParameters,
    HandlerListParameters, HandlerVerifyParameters, ListBackupsParameters, PinBackupParameters,
    RebuildCatalogueParameters, RestoreBackupParameters, VerifyBackupParameters,
};
use crate::results::{
    BackupStatusResult, CancelBackupResult, CleanupBackupsResult, CreateBackupResultOrPlan,
    DeleteBackupResult, GuardResult, HandlerCreateResult, HandlerDeleteResult, HandlerListResult,
    HandlerVerifyResult, ListBackupsResult, OrStarted, PinBackupResult, RebuildCatalogueResult,
    RestoreBackupResult, ResultOrFacts, VerifyBackupResult,
};
use crate::{DescribeResult, Envelope, Event, Operation, Request, Skill};

/// A type's schema, with everything it refers to written in place.
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    Value::from(settings.into_generator().into_root_schema_for::<T>())
}

/// The schema of an operation's request to a skill.
pub fn request_schema(skill: Skill, operation: Operation) -> Value {
    let mut schema = match (skill, operation) {
        (Skill::BackupManager, Operation::CreateBackup) => of_request::<CreateBackupParameters>(),
        (Skill::BackupManager, Operation::ListBackups) => of_request::<ListBackupsParameters>(),
        (Skill::BackupManager, Operation::VerifyBackup) => of_request::<VerifyBackupParameters>(),
        (Skill::BackupManager, Operation::DeleteBackup) => of_request::<DeleteBackupParameters>(),
        (_, Operation::CleanupBackups) => of_request::<CleanupBackupsParameters>(),
        (_, Operation::PinBackup | Operation::UnpinBackup) => of_request::<PinBackupParameters>(),
        (_, Operation::RestoreBackup) => of_request::<RestoreBackupParameters>(),
        (_, Operation::Guard) => of_request::<GuardParameters>(),
        (_, Operation::RebuildCatalogue) => of_request::<RebuildCatalogueParameters>(),
        (_, Operation::BackupStatus) => of_request::<BackupStatusParameters>(),
        (_, Operation::CancelBackup) => of_request::<CancelBackupParameters>(),
        (Skill::BackupManager, Operation::Describe) => of_request::<DescribeParameters>(),
        (_, Operation::CreateBackup) => of_request::<HandlerCreateParameters>(),
        (_, Operation::ListBackups) => of_request::<HandlerListParameters>(),
        (_, Operation::VerifyBackup) => of_request::<HandlerVerifyParameters>(),
        (_, Operation::DeleteBackup) => of_request::<HandlerDeleteParameters>(),
        (_, Operation::Describe) => of_request::<HandlerDescribeParameters>(),
    };
    let spellings: Vec<&str> =
        std::iter::once(operation.name()).chain(operation.aliases().iter().copied()).collect();
    set(&mut schema, "/properties/operation/enum", json!(spellings));
    let only_skill = match skill {
        Skill::BackupManager => json!({
            "type": ["string", "null"],
            "enum": [skill.name(), null],
            "description": "Who is spoken to. Default: `backup-manager`.",
        }),
        _ => {
            json!({ "type": "string", "enum": [skill.name()], "description": "Who is spoken to." })
        }
    };
    set(&mut schema, "/properties/skill", only_skill);
    let needs_parameters = schema.pointer("/properties/parameters/required").is_some();
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        if skill != Skill::BackupManager {
            required.push("skill".into());
        }
        if needs_parameters {
            required.push("parameters".into());
        }
    }
    set(&mut schema, "/title", format!("Request of {}", operation.name()).into());
    schema
}

fn of_request<P: JsonSchema>() -> Value {
    let mut schema = schema_of::<Request<P>>();
    // An absent object is an empty one; null is read as absent, but nobody needs to be told to send it.
    set(&mut schema, "/properties/parameters", schema_of::<P>());
    for wordy in ["/properties/parameters/$schema", "/properties/parameters/title"] {
        unset(&mut schema, wordy);
    }
    schema
}

/// The schema of the answer to an operation, however it ended.
pub fn answer_schema(skill: Skill, operation: Operation) -> Value {
    let mut schema = match (skill, operation) {
        (Skill::BackupManager, Operation::CreateBackup) => {
            of_answer::<OrStarted<CreateBackupResultOrPlan>>()
        }
        (Skill::BackupManager, Operation::ListBackups) => of_answer::<ListBackupsResult>(),
        (Skill::BackupManager, Operation::VerifyBackup) => {
            of_answer::<OrStarted<VerifyBackupResult>>()
        }
        (Skill::BackupManager, Operation::DeleteBackup) => of_answer::<DeleteBackupResult>(),
        (_, Operation::CleanupBackups) => of_answer::<CleanupBackupsResult>(),
        (_, Operation::PinBackup | Operation::UnpinBackup) => of_answer::<PinBackupResult>(),
        (_, Operation::RestoreBackup) => of_answer::<OrStarted<RestoreBackupResult>>(),
        (_, Operation::Guard) => of_answer::<GuardResult>(),
        (_, Operation::RebuildCatalogue) => of_answer::<RebuildCatalogueResult>(),
        (_, Operation::BackupStatus) => of_answer::<BackupStatusResult>(),
        (_, Operation::CancelBackup) => of_answer::<CancelBackupResult>(),
        (_, Operation::Describe) => of_answer::<DescribeResult>(),
        (_, Operation::CreateBackup) => of_answer::<HandlerCreateResult>(),
        (_, Operation::ListBackups) => of_answer::<HandlerListResult>(),
        (_, Operation::VerifyBackup) => of_answer::<HandlerVerifyResult>(),
        (_, Operation::DeleteBackup) => of_answer::<HandlerDeleteResult>(),
    };
    set(&mut schema, "/title", format!("Answer to {}", operation.name()).into());
    schema
}

fn of_answer<R: JsonSchema>() -> Value {
    schema_of::<Envelope<ResultOrFacts<R>>>()
}

/// The schema of every answer, whatever was asked.
pub fn envelope_schema() -> Value {
    let mut schema = schema_of::<Envelope<serde_json::Map<String, Value>>>();
    set(&mut schema, "/title", "Envelope".into());
    schema
}

/// The schema of the event lines.
pub fn event_schema() -> Value {
    schema_of::<Event>()
}

fn set(schema: &mut Value, pointer: &str, value: Value) {
    if let Some((parent, key)) = pointer.rsplit_once('/')
        && let Some(object) = schema.pointer_mut(parent).and_then(Value::as_object_mut)
    {
        object.insert(key.to_owned(), value);
    }
}

fn unset(schema: &mut Value, pointer: &str) {
    if let Some((parent, key)) = pointer.rsplit_once('/')
        && let Some(object) = schema.pointer_mut(parent).and_then(Value::as_object_mut)
    {
        object.shift_remove(key);
    }
}
