//! `list-backups`: reads the catalogue, the folders only where that says too little, and never tidies.

use std::collections::{BTreeMap, btree_map};
use std::path::Path;

use backup_protocol::{
    BackupSummary, ListBackupsParameters, ListBackupsResult, ListStatus, MAX_ANSWER_CHARACTERS,
    SortOrder,
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::Done;
use super::session::{Session, check_range};
use super::store::Store;
use crate::backup_id::BackupId;
use crate::catalogue::RecordView;
use crate::environment::EnvironmentName;
use crate::error::Error;
use crate::host::Host;
use crate::records::{Record, RecordStatus};
use crate::size;
use crate::storage::{self, EnvironmentFolder, FolderEntry};

/// How many backups a page shows unless asked otherwise.
pub(super) const DEFAULT_LIMIT: u32 = 20;
/// How many a page shows at most.
pub(super) const MOST: u32 = 500;
/// What a page's backups may take of the answer, in bytes; the rest is for the envelope around them.
pub(super) const PAGE_BYTES: usize = MAX_ANSWER_CHARACTERS - 3_000;

/// A place in the order of backups: by true time, then by id.
type Place = (DateTime<Utc>, String);

pub(super) fn list(
    host: &Host<'_>,
    parameters: &ListBackupsParameters,
    session: &mut Session,
) -> Result<Done, Error> {
    check_range("limit", parameters.limit, 1..=MOST)?;
    let since = parameters.since.as_deref().map(read_since).transpose()?;
    let cursor = parameters.cursor.as_deref().map(read_cursor).transpose()?;
    let project = session.open_project(host)?;
    if let Some(environment) = &parameters.environment {
        listed_environment(&project, environment)?;
    }
    let store = Store::of(&project)?;
    let snapshot = store.catalogue.read()?;
    let (views, mut warnings) = snapshot.views()?;
    let mut matching: Vec<(DateTime<Utc>, &RecordView<'_>)> = views
        .iter()
        .filter(|view| matches(view, parameters))
        .map(|view| (view.created_at(), view))
        .filter(|(created_at, _)| since.is_none_or(|since| *created_at >= since))
        .collect();
    let ascending = parameters.sort == Some(SortOrder::Asc);
    matching.sort_unstable_by(|(one_time, one), (other_time, other)| {
        let order = (one_time, one.id()).cmp(&(other_time, other.id()));
        if ascending { order } else { order.reverse() }
    });
    let total_count = matching.len() as u64;
    let remaining = matching.into_iter().filter(|(created_at, view)| {
        cursor.as_ref().is_none_or(|(time, id)| {
            let place = (created_at, view.id());
            if ascending { place > (time, id.as_str()) } else { place < (time, id.as_str()) }
        })
    });
    let limit = usize::try_from(parameters.limit.unwrap_or(DEFAULT_LIMIT)).unwrap_or(usize::MAX);
    let detail = parameters.detail.unwrap_or_default();
    let page = page(&store, remaining, limit, detail)?;
    warnings.extend(page.warnings);
    let message = format!("{} of {total_count} backups", page.backups.len());
    let result = ListBackupsResult {
        backups: page.backups,
        total_count,
        next_cursor: page.next_cursor,
        warnings,
    };
    Done::new(&result, message)
}

/// An environment may be listed when it is configured, or when backups of it are left.
pub(super) fn listed_environment(
    project: &crate::project::Project,
    given: &str,
) -> Result<(), Error> {
    match project.environment(given) {
        Err(error @ Error::EnvironmentNotFound { .. }) => {
            let name = EnvironmentName::parse(given).map_err(Error::internal)?;
            let left = project.location()?.folder(&name).path.is_dir();
            if left { Ok(()) } else { Err(error) }
        }
        other => other.map(|_| ()),
    }
}

fn matches(view: &RecordView<'_>, parameters: &ListBackupsParameters) -> bool {
    let same = |asked: &Option<String>, found: Option<&str>| {
        asked.as_deref().is_none_or(|asked| found == Some(asked))
    };
    !view.id().is_empty()
        && same(&parameters.environment, Some(view.environment()))
        && same(&parameters.label, view.label.as_deref())
        && same(&parameters.reason, view.reason.as_deref())
        && parameters.status.is_none_or(|asked| {
            let standing = view.standing();
            match asked {
                ListStatus::Valid => standing.status == RecordStatus::Valid,
                ListStatus::Invalid => standing.status == RecordStatus::Invalid,
                ListStatus::Deleting => standing.status == RecordStatus::Deleting,
                ListStatus::Verified => standing.is_verified(),
            }
        })
}

/// The folders' entries by environment, read once a page and not once a backup.
type Folders = BTreeMap<String, Vec<FolderEntry>>;

struct Page {
    backups: Vec<Map<String, Value>>,
    next_cursor: Option<String>,
    warnings: Vec<String>,
}

fn page<'v>(
    store: &Store<'_>,
    views: impl Iterator<Item = (DateTime<Utc>, &'v RecordView<'v>)>,
    limit: usize,
    detail: bool,
) -> Result<Page, Error> {
    let mut page = Page { backups: Vec::new(), next_cursor: None, warnings: Vec::new() };
    let mut bytes = 0;
    let mut folders = BTreeMap::new();
    let mut last: Option<Place> = None;
    for (created_at, view) in views {
        let mut shown = if detail {
            detailed(store, view, &mut folders)?
        } else {
            concise(store, view, &mut folders)?
        };
        let mut length = json_length(&shown);
        if length > PAGE_BYTES {
            page.warnings.push(cut(&mut shown));
            length = json_length(&shown);
        }
        if page.backups.len() == limit || (bytes + length > PAGE_BYTES && !page.backups.is_empty())
        {
            page.next_cursor = last.map(|(time, id)| write_cursor(time, &id));
            break;
        }
        bytes += length;
        page.backups.push(shown);
        last = Some((created_at, view.id().to_owned()));
    }
    Ok(page)
}

fn json_length(shown: &Map<String, Value>) -> usize {
    // One more for the comma between two.
    serde_json::to_string(shown).map_or(0, |text| text.len() + 1)
}

fn concise(
    store: &Store<'_>,
    view: &RecordView<'_>,
    folders: &mut Folders,
) -> Result<Map<String, Value>, Error> {
    let mut standing = view.standing();
    // Somebody may rely on it, and only a note holds.
    if standing.pinned
        && let Some((_, record)) = recorded(store, view, folders)?
    {
        standing.pinned = record.standing().pinned;
    }
    let summary = BackupSummary {
        backup_id: view.id().to_owned(),
        created_at: view.created_at(),
        migrations_count: view.migrations_count(),
        last_migration: view.last_migration().map(str::to_owned),
        environment: view.environment().to_owned(),
        label: view.label.as_deref().map(str::to_owned),
        reason: view.reason.as_deref().map(str::to_owned),
        size_human: size::human(view.size_bytes.unwrap_or_default()),
        format: view.format,
        status: standing.status.name().to_owned(),
        verified: standing.is_verified(),
        pinned: standing.pinned,
        file_exists: artifact_exists(store, view),
        expires_at: view.expires_at(),
    };
    match serde_json::to_value(summary).map_err(Error::internal)? {
        Value::Object(summary) => Ok(summary),
        _ => Err(Error::internal("a summary is an object")),
    }
}

fn artifact_exists(store: &Store<'_>, view: &RecordView<'_>) -> bool {
    storage::is_artifact(&store.project.root.join(Path::new(view.file_path())))
}

/// The whole record: manifest and notes; for a record without a manifest what the catalogue has.
fn detailed(
    store: &Store<'_>,
    view: &RecordView<'_>,
    folders: &mut Folders,
) -> Result<Map<String, Value>, Error> {
    let Some((folder, record)) = recorded(store, view, folders)? else {
        return without_manifest(store, view, folders);
    };
    let artifact = folder.path.join(&record.manifest.artifact.file_name);
    let mut detail = record.to_detail(&store.project.shown(&artifact))?;
    detail.insert("verified".to_owned(), record.standing().is_verified().into());
    detail.insert("file_exists".to_owned(), storage::is_artifact(&artifact).into());
    Ok(detail)
}

/// Manifest and notes, and where they are; none for a record without a manifest that can be read.
fn recorded(
    store: &Store<'_>,
    view: &RecordView<'_>,
    folders: &mut Folders,
) -> Result<Option<(EnvironmentFolder, Record)>, Error> {
    let environment = EnvironmentName::parse(view.environment()).ok();
    let (Some(environment), Ok(id)) = (environment, BackupId::parse(view.id())) else {
        return Ok(None);
    };
    let folder = store.location.folder(&environment);
    let entries = match folders.entry(environment.to_string()) {
        btree_map::Entry::Occupied(entries) => entries.into_mut(),
        btree_map::Entry::Vacant(place) => place.insert(folder.entries()?),
    };
    let record = folder.record(&id, entries).ok();
    Ok(record.map(|record| (folder, record)))
}

/// What the catalogue has of a record, unknown fields too.
fn without_manifest(
    store: &Store<'_>,
    view: &RecordView<'_>,
    folders: &mut Folders,
) -> Result<Map<String, Value>, Error> {
    let catalogue = store.catalogue.salvage()?;
    let text = catalogue.records.iter().find(|(id, ..)| id == view.id());
    let whole = text.and_then(|(_, _, text)| serde_json::from_str::<Map<String, Value>>(text).ok());
    let mut detail = whole.unwrap_or_default();
    for (name, value) in concise(store, view, folders)? {
        detail.entry(name).or_insert(value);
    }
    Ok(detail)
}

/// Cuts what is long in one record, and says so.
fn cut(shown: &mut Map<String, Value>) -> String {
    for (longest_list, longest_text) in [(50, 2_000), (10, 200)] {
        for (name, value) in shown.iter_mut() {
            shorten(name, value, longest_list, longest_text);
        }
        if json_length(shown) <= PAGE_BYTES {
            break;
        }
    }
    while json_length(shown) > PAGE_BYTES {
        let Some(last) = shown.keys().next_back().cloned() else { break };
        shown.shift_remove(&last);
    }
    "a record is too long for one answer: its lists and texts are cut; the manifest has them whole"
        .to_owned()
}

/// Keeps the newest of a list, the first of an object's fields and the beginning of a text.
fn shorten(name: &str, value: &mut Value, longest_list: usize, longest_text: usize) {
    match value {
        Value::Array(values) => {
            if values.len() > longest_list {
                let left_out = values.len() - longest_list;
                values.drain(..left_out);
                if name == "migrations_list" {
                    values.insert(0, json!(format!("… {left_out} earlier migrations")));
                }
            }
            for value in values {
                shorten(name, value, longest_list, longest_text);
            }
        }
        Value::Object(fields) if fields.len() > longest_list => {
            *value = json!(format!("{} entries", fields.len()));
        }
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                shorten(name, value, longest_list, longest_text);
            }
        }
        Value::String(text) => {
            if let Some((end, _)) = text.char_indices().nth(longest_text) {
                text.truncate(end);
                text.push('…');
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn read_since(text: &str) -> Result<DateTime<Utc>, Error> {
    crate::catalogue::read_time(text).ok_or_else(|| Error::InvalidParameter {
        parameter: "since",
        detail: "must be a time like 2025-01-24T14:00:00Z or a date like 2025-01-24".to_owned(),
    })
}

pub(super) fn write_cursor(time: DateTime<Utc>, id: &str) -> String {
    format!("{}_{id}", time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

pub(super) fn read_cursor(text: &str) -> Result<Place, Error> {
    let parsed = text
        .split_once('_')
        .and_then(|(time, id)| Some((crate::catalogue::read_time(time)?, id.to_owned())));
    parsed.ok_or_else(|| Error::InvalidParameter {
        parameter: "cursor",
        detail: "must be the next_cursor of an earlier answer".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let time: DateTime<Utc> = "2025-01-24T14:00:00.5Z".parse().unwrap();
        let place = read_cursor(&write_cursor(time, "backup-20250124-140000-a")).unwrap();
        assert_eq!(place, (time, "backup-20250124-140000-a".to_owned()));
        assert!(read_cursor("x").is_err());
    }
}
