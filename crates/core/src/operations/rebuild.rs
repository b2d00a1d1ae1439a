//! `rebuild-catalogue`: `backups.json` anew from the manifests and notes, which are the truth.

use std::collections::HashSet;

use backup_protocol::{RebuildCatalogueParameters, RebuildCatalogueResult};
use serde_json::{Map, Value};

use super::Done;
use super::session::Session;
use super::store::Store;
use crate::backup_id::BackupId;
use crate::catalogue::{CatalogueText, Salvaged};
use crate::error::Error;
use crate::host::Host;
use crate::progress::Step;
use crate::records::RecordStatus;
use crate::run::Run;
use crate::storage;

/// How many names of each kind one answer shows.
const MOST_SHOWN: usize = 30;
/// The most characters of a name that are shown.
const LONGEST_SHOWN: usize = 200;

/// What the folders and the old catalogue give.
#[derive(Default)]
struct Gathered {
    found: Vec<(chrono::DateTime<chrono::Utc>, BackupId, Map<String, Value>)>,
    foreign: Vec<String>,
    unreadable: Vec<String>,
}

pub(super) async fn rebuild(
    host: &Host<'_>,
    parameters: &RebuildCatalogueParameters,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    let project = session.open_project(host)?;
    run.step(Step::ConfigurationLoaded);
    let store = Store::of(&project)?;
    refuse_newer(&store)?;
    let dry_run = parameters.dry_run.unwrap_or_default();
    let locks = if dry_run {
        None
    } else {
        // Both before anything is read: what others record meanwhile must not be overwritten.
        Some((store.lock(run).await?, store.catalogue.lock(run).await?))
    };
    let mut gathered = gather(&store, dry_run)?;
    gathered.found.sort_by(|(one_time, one, _), (other_time, other, _)| {
        (one_time, one).cmp(&(other_time, other))
    });
    let mut result = RebuildCatalogueResult {
        records: 0,
        from_manifests: gathered.found.len() as u64,
        from_old_catalogue: 0,
        dropped: Vec::new(),
        kept_as: None,
        foreign_files: some(&gathered.foreign),
        unreadable: some(&gathered.unreadable),
        dry_run,
    };
    let old = store.catalogue.salvage()?;
    let catalogue = assemble(&store, gathered.found, &old, &mut result)?;
    result.records = catalogue.len() as u64;
    if let Some((_location, lock)) = locks {
        run.interrupt.check()?;
        run.step(Step::RecordingMetadata);
        if !old.is_whole || !result.dropped.is_empty() {
            result.kept_as = store.catalogue.keep_copy(run)?.map(|path| project.shown(&path));
        }
        store.catalogue.write(lock, catalogue).commit(run)?;
    }
    let message = if dry_run {
        format!("Catalogue would have {} records; nothing was written", result.records)
    } else {
        format!("Catalogue rebuilt with {} records", result.records)
    };
    Done::new(&result, message)
}

/// A newer catalogue may say what this version cannot.
fn refuse_newer(store: &Store<'_>) -> Result<(), Error> {
    match store.catalogue.check_writable() {
        Err(error @ Error::CatalogueNewer { .. }) => Err(error),
        _ => Ok(()),
    }
}

fn gather(store: &Store<'_>, dry_run: bool) -> Result<Gathered, Error> {
    let project = store.project;
    let mut gathered = Gathered::default();
    for folder in store.location.folders()? {
        if !dry_run {
            storage::sweep_partials(&folder.path)?;
        }
        let report = storage::report(folder.entries()?);
        let shown = |name: &str| project.shown(&folder.path.join(name));
        gathered.foreign.extend(report.foreign.iter().map(|name| shown(name)));
        for id in &report.manifests {
            match folder.record(id, &report.entries) {
                Ok(record) if !store.location.is_of(&project.identity(), &record.manifest) => {}
                Ok(record) if record.standing().status == RecordStatus::Deleting => {}
                Ok(record) => {
                    let entry = store.catalogue_record(&folder, &record)?;
                    gathered.found.push((record.manifest.created_at, id.clone(), entry));
                }
                Err(Error::CatalogueDamaged { path, detail }) => {
                    gathered.unreadable.push(format!("{}: {detail}", project.shown(&path)));
                }
                Err(error) => gathered.unreadable.push(format!("{id}: {error}")),
            }
        }
    }
    Ok(gathered)
}

/// Puts the records together: those with a manifest renewed, those without kept where their artifact is.
fn assemble(
    store: &Store<'_>,
    found: Vec<(chrono::DateTime<chrono::Utc>, BackupId, Map<String, Value>)>,
    old: &Salvaged,
    result: &mut RebuildCatalogueResult,
) -> Result<CatalogueText, Error> {
    let mut catalogue = old.empty.clone();
    let with_manifest: HashSet<&str> = found.iter().map(|(_, id, _)| id.as_str()).collect();
    let mut seen = HashSet::new();
    for (id, path, text) in &old.records {
        if !seen.insert(id.as_str()) {
            continue;
        }
        if with_manifest.contains(id.as_str()) {
            // Renewed below; what this version does not know of it survives.
            catalogue.keep(id, text);
        } else if storage::is_artifact(&store.project.root.join(path)) {
            catalogue.keep(id, text);
            result.from_old_catalogue += 1;
        } else if result.dropped.len() < MOST_SHOWN {
            result.dropped.push(shortened(id));
        }
    }
    for (_, id, entry) in found {
        catalogue.put(&id, entry).map_err(Error::internal)?;
    }
    Ok(catalogue)
}

fn some(names: &[String]) -> Vec<String> {
    names.iter().take(MOST_SHOWN).map(|name| shortened(name)).collect()
}

fn shortened(name: &str) -> String {
    name.chars().take(LONGEST_SHOWN).collect()
}
