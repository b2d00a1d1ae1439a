//! From the bytes of one line to a request, or to the reason why it is none.
//!
//! The strict types do the reading. Only when they refuse is the line read a second time, loosely, to
//! say what is wrong in words that name the place but never repeat a value: a value in the wrong place
//! may be a secret.

mod fault;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::parameters::{
    BackupStatusParameters, CancelBackupParameters, CleanupBackupsParameters,
    CreateBackupParameters, DeleteBackupParameters, DescribeParameters, GuardParameters,
    HandlerCreateParameters, HandlerDeleteParameters, HandlerDescribeParameters,
    HandlerListParameters, HandlerVerifyParameters, ListBackupsParameters, PinBackupParameters,
    RebuildCatalogueParameters, RestoreBackupParameters, VerifyBackupParameters,
};
use crate::{
    Command, IncomingRequest, MAX_LINE_BYTES, Operation, OperationName, Request, RequestId, Skill,
    names::nearest_operation, nearest,
};

pub use fault::{Rejected, RequestFault};

/// Reads one line, without its newline. A byte order mark and a carriage return are passed over.
///
/// # Errors
/// The line is no request; [`Rejected`] says why and carries what can be echoed.
pub fn read_request(line: &[u8]) -> Result<IncomingRequest, Box<Rejected>> {
    if line.len() > MAX_LINE_BYTES {
        return Err(Box::new(Rejected::unreadable(RequestFault::LineTooLong)));
    }
    let text = std::str::from_utf8(line).map_err(|error| {
        let position = error.valid_up_to() + 1;
        Box::new(Rejected::unreadable(RequestFault::NotUtf8 { position }))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    // Serde takes a list for a struct, field by field.
    if !text.starts_with('{') {
        return Err(Box::new(Rejected::unreadable(no_object(text))));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let request: Request<Box<RawValue>> = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| reject(text, Level::Envelope, &error, None))?;
    reader.end().map_err(|error| {
        let detail = without_values(&error.to_string());
        Box::new(Rejected::unreadable(RequestFault::NotJson { detail }))
    })?;
    understand(text, request)
}

/// Finds the skill and the operation, then reads the parameters with the operation's own type.
fn understand(
    text: &str,
    request: Request<Box<RawValue>>,
) -> Result<IncomingRequest, Box<Rejected>> {
    let loose = |fault| Box::new(loosely(text, fault));
    let skill = match request.skill.as_deref() {
        None => Skill::default(),
        Some(name) => Skill::from_name(name).ok_or_else(|| {
            loose(RequestFault::UnknownSkill {
                given: shown(name),
                nearest: nearest(name, Skill::ALL.map(Skill::name)),
            })
        })?,
    };
    let operation = OperationName::from_spelling(&request.operation)
        .filter(|name| skill.operations().contains(&name.operation()))
        .ok_or_else(|| loose(unknown_operation(&request.operation, skill)))?;
    let parameters = request.parameters.as_deref().map_or("{}", RawValue::get);
    if !parameters.starts_with('{') {
        let found =
            serde_json::from_str(parameters).map_or("something else", |value| kind_of(&value));
        let (path, expected) = ("parameters".to_owned(), "an object".to_owned());
        return Err(loose(RequestFault::WrongType { path, expected, found }));
    }
    let command = read_command(text, skill, operation, parameters)?;
    let inside = command.working_directory();
    if let (Some(beside), Some(inside)) = (request.working_directory.as_deref(), inside)
        && beside != inside
    {
        return Err(loose(RequestFault::Duplicate { path: "working_directory".to_owned() }));
    }
    let working_directory = request.working_directory.clone().or(inside.map(str::to_owned));
    Ok(IncomingRequest { id: request.id, skill, operation, command, working_directory })
}

fn unknown_operation(given: &str, skill: Skill) -> RequestFault {
    let known = || {
        OperationName::all_spellings().filter(move |spelling| {
            OperationName::from_spelling(spelling)
                .is_some_and(|name| skill.operations().contains(&name.operation()))
        })
    };
    RequestFault::UnknownOperation {
        given: shown(given),
        nearest: nearest_operation(given, known()),
        known: known().collect(),
    }
}

fn read_command(
    text: &str,
    skill: Skill,
    operation: OperationName,
    parameters: &str,
) -> Result<Command, Box<Rejected>> {
    let place = (text, operation, parameters);
    match (skill, operation.operation()) {
        (Skill::BackupManager, Operation::CreateBackup) => {
            read::<CreateBackupParameters>(place).map(Command::CreateBackup)
        }
        (Skill::BackupManager, Operation::ListBackups) => {
            read::<ListBackupsParameters>(place).map(Command::ListBackups)
        }
        (Skill::BackupManager, Operation::VerifyBackup) => {
            read::<VerifyBackupParameters>(place).map(Command::VerifyBackup)
        }
        (Skill::BackupManager, Operation::DeleteBackup) => {
            read::<DeleteBackupParameters>(place).map(Command::DeleteBackup)
        }
        (_, Operation::Guard) => read::<GuardParameters>(place).map(Command::Guard),
        (_, Operation::CleanupBackups) => {
            read::<CleanupBackupsParameters>(place).map(Command::CleanupBackups)
        }
        (_, Operation::PinBackup) => read::<PinBackupParameters>(place).map(Command::PinBackup),
        (_, Operation::UnpinBackup) => read::<PinBackupParameters>(place).map(Command::UnpinBackup),
        (_, Operation::RestoreBackup) => {
            read::<RestoreBackupParameters>(place).map(Command::RestoreBackup)
        }
        (_, Operation::RebuildCatalogue) => {
            read::<RebuildCatalogueParameters>(place).map(Command::RebuildCatalogue)
        }
        (_, Operation::BackupStatus) => {
            read::<BackupStatusParameters>(place).map(Command::BackupStatus)
        }
        (_, Operation::CancelBackup) => {
            read::<CancelBackupParameters>(place).map(Command::CancelBackup)
        }
        (Skill::BackupManager, Operation::Describe) => {
            read::<DescribeParameters>(place).map(Command::Describe)
        }
        (_, Operation::CreateBackup) => {
            read::<HandlerCreateParameters>(place).map(Command::HandlerCreate)
        }
        (_, Operation::ListBackups) => {
            read::<HandlerListParameters>(place).map(Command::HandlerList)
        }
        (_, Operation::VerifyBackup) => {
            read::<HandlerVerifyParameters>(place).map(Command::HandlerVerify)
        }
        (_, Operation::DeleteBackup) => {
            read::<HandlerDeleteParameters>(place).map(Command::HandlerDelete)
        }
        (_, Operation::Describe) => {
            read::<HandlerDescribeParameters>(place).map(Command::HandlerDescribe)
        }
    }
}

fn read<P: DeserializeOwned + JsonSchema>(
    (text, operation, parameters): (&str, OperationName, &str),
) -> Result<P, Box<Rejected>> {
    let mut reader = serde_json::Deserializer::from_str(parameters);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let mut rejected = reject(text, Level::Parameters, &error, Some(property_names::<P>()));
        rejected.operation = Some(operation);
        rejected
    })
}

/// Why a line that does not begin an object is none.
fn no_object(text: &str) -> RequestFault {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => RequestFault::NotAnObject { found: kind_of(&value) },
        Err(error) => RequestFault::NotJson { detail: without_values(&error.to_string()) },
    }
}

/// Where in the request a type refused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Envelope,
    Parameters,
}

impl Level {
    fn path(self, inner: &str) -> String {
        match (self, inner) {
            (Self::Envelope, inner) => inner.to_owned(),
            (Self::Parameters, "." | "") => "parameters".to_owned(),
            (Self::Parameters, inner) => format!("parameters.{inner}"),
        }
    }
}

/// Says what a strict type refused, by reading the line loosely.
fn reject(
    text: &str,
    level: Level,
    error: &serde_path_to_error::Error<serde_json::Error>,
    known: Option<Vec<String>>,
) -> Box<Rejected> {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => {
            let detail = without_values(&error.to_string());
            return Box::new(Rejected::unreadable(RequestFault::NotJson { detail }));
        }
    };
    if !value.is_object() {
        let found = kind_of(&value);
        return Box::new(Rejected::unreadable(RequestFault::NotAnObject { found }));
    }
    let object = if level == Level::Parameters { value.get("parameters") } else { Some(&value) };
    let known = known.unwrap_or_else(property_names::<Request<Value>>);
    let unknown = object.and_then(Value::as_object).and_then(|object| {
        object.keys().find(|key| !known.iter().any(|name| name == *key)).cloned()
    });
    let fault = match unknown {
        Some(key) if level == Level::Envelope && belongs_inside(&value, &key) => {
            let nearest = Some(format!("parameters.{key}"));
            RequestFault::UnknownParameter { path: key, nearest, known }
        }
        Some(key) => RequestFault::UnknownParameter {
            nearest: nearest(&key, known.iter().map(String::as_str)).map(str::to_owned),
            path: level.path(&shown(&key)),
            known,
        },
        None => refused(level, error, object.unwrap_or(&Value::Null)),
    };
    Box::new(loosely(text, fault))
}

/// Whether a key beside `parameters` is one of the operation's parameters: the likeliest slip of all.
fn belongs_inside(request: &Value, key: &str) -> bool {
    let operation = request.get("operation").and_then(Value::as_str);
    let skill = request
        .get("skill")
        .and_then(Value::as_str)
        .map_or(Some(Skill::default()), Skill::from_name);
    let (Some(operation), Some(skill)) = (operation.and_then(OperationName::from_spelling), skill)
    else {
        return false;
    };
    let schema = crate::request_schema(skill, operation.operation());
    schema
        .pointer("/properties/parameters/properties")
        .is_some_and(|known| known.get(key).is_some())
}

/// Turns serde's message into a fault, keeping its `expected …` and dropping the value before it.
fn refused(
    level: Level,
    error: &serde_path_to_error::Error<serde_json::Error>,
    object: &Value,
) -> RequestFault {
    let path = error.path().to_string();
    let message = error.inner().to_string();
    let field = |prefix: &str| {
        message.strip_prefix(prefix).and_then(|rest| rest.split('`').next()).map(str::to_owned)
    };
    if let Some(name) = field("missing field `") {
        return RequestFault::Missing { path: level.path(&name) };
    }
    if let Some(name) = field("duplicate field `") {
        return RequestFault::Duplicate { path: level.path(&name) };
    }
    let expected = message
        .rsplit_once("expected ")
        .map_or("a valid value", |(_, expected)| expected)
        .split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned();
    let found = path
        .split('.')
        .try_fold(object, |value, key| {
            let (name, index) = key.split_once('[').unwrap_or((key, ""));
            let value = if name.is_empty() { Some(value) } else { value.get(name) };
            match index.trim_end_matches(']').parse::<usize>() {
                Ok(index) => value.and_then(|value| value.get(index)),
                Err(_) => value,
            }
        })
        .map_or("something else", kind_of);
    RequestFault::WrongType { path: level.path(&path), expected: plain(&expected), found }
}

/// Serde's names for types in words that need no Rust.
fn plain(expected: &str) -> String {
    match expected {
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        expected if expected.starts_with("struct ") => "an object".to_owned(),
        expected => expected.to_owned(),
    }
}

/// What can be echoed of a request that is refused, and its correction where that is certain.
fn loosely(text: &str, fault: RequestFault) -> Rejected {
    #[derive(Deserialize)]
    struct Echo<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let id = serde_json::from_str::<Echo<'_>>(text)
        .ok()
        .and_then(|echo| echo.id.and_then(|id| RequestId::from_json(id.get())));
    let operation =
        value.get("operation").and_then(Value::as_str).and_then(OperationName::from_spelling);
    // Of two environments nobody knows which one was meant.
    let twice = matches!(&fault, RequestFault::Duplicate { path } if path.ends_with("environment"));
    let environment = value
        .pointer("/parameters/environment")
        .and_then(Value::as_str)
        .filter(|_| !twice)
        .map(str::to_owned);
    let corrected = corrected(value, &fault);
    Rejected { id, operation, environment, fault, corrected }
}

fn corrected(mut request: Value, fault: &RequestFault) -> Option<Value> {
    match fault {
        RequestFault::UnknownOperation { nearest: Some(name), .. } => {
            request.as_object_mut()?.insert("operation".to_owned(), (*name).into());
        }
        RequestFault::UnknownSkill { nearest: Some(name), .. } => {
            request.as_object_mut()?.insert("skill".to_owned(), (*name).into());
        }
        RequestFault::UnknownParameter { path, nearest: Some(name), .. }
            if name.strip_prefix("parameters.") == Some(path) =>
        {
            let request = request.as_object_mut()?;
            let value = request.shift_remove(path)?;
            let parameters =
                request.entry("parameters").or_insert_with(|| Value::Object(Map::new()));
            let parameters = parameters.as_object_mut()?;
            if parameters.insert(path.clone(), value).is_some() {
                return None;
            }
        }
        RequestFault::UnknownParameter { path, nearest: Some(name), .. } => {
            let (object, key) = match path.strip_prefix("parameters.") {
                Some(key) => (request.get_mut("parameters")?.as_object_mut()?, key),
                None => (request.as_object_mut()?, path.as_str()),
            };
            if object.contains_key(name) {
                return None;
            }
            let value = object.remove(key)?;
            object.insert(name.clone(), value);
        }
        _ => return None,
    }
    Some(request)
}

/// The names of a type's fields, from its schema, so that they are written down once.
fn property_names<T: JsonSchema>() -> Vec<String> {
    schemars::schema_for!(T)
        .get("properties")
        .and_then(Value::as_object)
        .map(|properties| properties.keys().cloned().collect())
        .unwrap_or_default()
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.as_str().starts_with('-') => "a negative number",
        Value::Number(number) if number.as_str().contains(['.', 'e', 'E']) => "a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A name as it may be repeated in an answer: short, and nothing but a name.
fn shown(name: &str) -> String {
    const LONGEST_SHOWN: usize = 64;
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if name.len() <= LONGEST_SHOWN && !name.is_empty() && name.chars().all(plain) {
        name.to_owned()
    } else {
        "(not a name)".to_owned()
    }
}

/// The parser's message up to any value that it quotes.
fn without_values(message: &str) -> String {
    if message.starts_with("invalid type") || message.starts_with("invalid value") {
        "unexpected value".to_owned()
    } else {
        message.to_owned()
    }
}

#[cfg(test)]
mod tests;
