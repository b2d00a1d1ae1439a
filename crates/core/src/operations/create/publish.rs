//! The write contract: from a proven partial file to a recorded backup.
//!
//! Manifest staged and synced → globals renamed, where there are some → artifact renamed → manifest renamed →
//! folder synced → catalogue. A process that is killed in between leaves partials that are swept, or artifact
//! and staged manifest, which are adopted.

use std::cmp::Reverse;
use std::io::Write;
use std::path::Path;

use backup_protocol::IntegrityCheck;
use chrono::{DateTime, Utc};

use super::Claim;
use super::order::BackupOrder;
use crate::backup_id::{BackupId, expires_at};
use crate::catalogue::RecordView;
use crate::error::Error;
use crate::handler::{Checksums, DatabaseFacts, Dumped};
use crate::host::Host;
use crate::operations::find::{self, Found};
use crate::operations::store::{Store, write_note};
use crate::records::{
    Artifact, DatabaseFactsRecorded, GlobalsFile, MANIFEST_VERSION, Manifest, ManifestRun, Note,
    NoteKind, Record, Verification,
};
use crate::retention::CLOCK_DIFFERENCE;
use crate::run::Run;
use crate::shrinkage::{self, Content};
use crate::storage::{self, PartialFile};
use crate::verification;

/// What is known of an artifact that passed its verification.
pub(super) struct Proven {
    pub facts: DatabaseFacts,
    pub dumped: Dumped,
    pub checksums: Checksums,
    pub verified_at: DateTime<Utc>,
}

/// Publishes and records the backup. A warning comes with it where only the catalogue could not be written:
/// the backup is then complete, and the next writing operation records it.
pub(super) async fn publish(
    host: &Host<'_>,
    store: &Store<'_>,
    order: &BackupOrder,
    claim: &mut Claim,
    proven: Proven,
    run: &Run,
) -> Result<(Record, Vec<String>), Error> {
    let mut manifest = manifest(host, store, order, claim, proven, run);
    let loss = shrinkage_warning(store, &manifest)?;
    if let Some((former, warning)) = &loss {
        manifest.shrunk_since = Some(former.id.to_string());
        manifest.warnings.push(warning.clone());
    }
    let folder = &order.folder.path;
    let artifact_path = folder.join(&claim.artifact_name);
    let manifest_path = order.folder.manifest_path(&claim.id);
    let globals_path = manifest.globals.as_ref().map(|globals| folder.join(&globals.file_name));
    let mut staged = stage(&manifest, order, claim, run)?;
    let published = publish_files(claim, globals_path.as_deref(), &artifact_path).and_then(|()| {
        let failed = |error| Error::storage("publish", &manifest_path, error);
        staged.publish(&manifest_path).map_err(failed)
    });
    if let Err(error) = published {
        // Without its manifest what was published would be a stranger's.
        globals_path.iter().try_for_each(|path| storage::remove(path))?;
        if claim.files.artifact.is_published() {
            storage::remove(&artifact_path)?;
        }
        return Err(error);
    }
    storage::sync_folder(folder).map_err(|error| Error::storage("sync", folder, error))?;
    let record = Record { manifest, notes: Vec::new() };
    let run = &run.committed();
    let recorded = store.record(&order.folder, &claim.id, run).await;
    let unrecorded = recorded.err().map(|error| {
        format!("The backup is complete, but backups.json could not be written ({error}); the next writing operation records it")
    });
    let unheld = match &loss {
        Some((former, _)) => hold_former(store, former, (host.clock)(), run).await.err(),
        None => None,
    };
    let unheld = unheld
        .map(|error| format!("The backup before the loss could not be marked ({error}): pin it"));
    Ok((record, unrecorded.into_iter().chain(unheld).collect()))
}

/// Notes on the backup before a loss that it is that one: it stays, whatever becomes of the one that shows the loss.
async fn hold_former(
    store: &Store<'_>,
    former: &Found,
    now: DateTime<Utc>,
    run: &Run,
) -> Result<(), Error> {
    let _lock = store.lock(run).await?;
    let held = former.record.as_ref().is_some_and(Record::is_before_loss);
    if held || !former.folder.manifest_path(&former.id).exists() {
        return Ok(());
    }
    let note = Note::new(&former.id, NoteKind::BeforeLoss, now, &run.id);
    write_note(&former.folder, &former.id, &note, run)?;
    store.record(&former.folder, &former.id, run).await
}

/// What the caller should know where the database has lost much since its last verified backup, and that
/// backup. One from the future says nothing, and one that cannot be read gives way to the one before it.
fn shrinkage_warning(
    store: &Store<'_>,
    manifest: &Manifest,
) -> Result<Option<(Found, String)>, Error> {
    let snapshot = store.catalogue.read()?;
    let (views, _) = snapshot.views()?;
    let mut former: Vec<&RecordView<'_>> = views
        .iter()
        .filter(|view| view.database_identity.as_deref() == Some(&manifest.database.identity))
        .filter(|view| view.standing().is_verified())
        .filter(|view| view.created_at() - manifest.created_at <= CLOCK_DIFFERENCE)
        .collect();
    former.sort_by_key(|view| Reverse((view.created_at(), view.id().to_owned())));
    let readable = |view: &&RecordView<'_>| {
        let found = find::find(store, &BackupId::parse(view.id()).ok()?, None).ok()?;
        (found.record.is_some() && storage::is_artifact(&found.artifact)).then_some(found)
    };
    let Some(former) = former.iter().find_map(readable) else { return Ok(None) };
    let Some(record) = &former.record else { return Ok(None) };
    let was = content(&record.manifest);
    let warning = shrinkage::warning(former.id.as_str(), was, content(manifest));
    Ok(warning.map(|warning| (former, warning)))
}

fn content(manifest: &Manifest) -> Content<'_> {
    Content {
        row_counts: &manifest.row_counts,
        raw_bytes: manifest.artifact.raw_size_bytes,
        format: manifest.artifact.format,
    }
}

/// Gives globals and artifact their names, the artifact last: where it is, the globals are.
fn publish_files(claim: &mut Claim, globals_path: Option<&Path>, path: &Path) -> Result<(), Error> {
    if let (Some(globals), Some(path)) = (&mut claim.files.globals, globals_path) {
        globals.publish(path).map_err(|error| Error::storage("publish", path, error))?;
    }
    claim.files.artifact.publish(path).map_err(|error| Error::storage("publish", path, error))
}

fn stage(
    manifest: &Manifest,
    order: &BackupOrder,
    claim: &Claim,
    run: &Run,
) -> Result<PartialFile, Error> {
    let folder = &order.folder.path;
    let failed = |error| Error::storage("write a manifest in", folder, error);
    let name = storage::manifest_name(&claim.id);
    let staged = PartialFile::create(folder, &name, &run.id).map_err(failed)?;
    let mut text = serde_json::to_vec_pretty(manifest).map_err(Error::internal)?;
    text.push(b'\n');
    let mut file = staged.file();
    file.write_all(&text).and_then(|()| staged.file().sync_all()).map_err(failed)?;
    Ok(staged)
}

fn manifest(
    host: &Host<'_>,
    store: &Store<'_>,
    order: &BackupOrder,
    claim: &Claim,
    proven: Proven,
    run: &Run,
) -> Manifest {
    let Proven { facts, dumped, checksums, verified_at } = proven;
    let handler = host.handler_for(&order.target);
    let warnings = [&order.warnings, &claim.warnings, &facts.warnings, &dumped.warnings];
    Manifest {
        manifest_version: MANIFEST_VERSION.to_owned(),
        backup_id: claim.id.to_string(),
        environment: order.folder.environment.to_string(),
        project: store.project.identity(),
        outside_project: !store.location.is_inside_project(),
        database: DatabaseFactsRecorded {
            engine: order.target.engine().to_owned(),
            name: order.target.name(),
            identity: order.target.project_identity(&store.project.root),
            size_bytes: facts.size,
            server: dumped.server,
        },
        created_at: claim.created_at,
        label: order.label.clone(),
        reason: order.reason.clone(),
        tags: order.tags.clone(),
        artifact: Artifact {
            file_name: claim.artifact_name.clone(),
            format: order.form.format,
            compression: dumped.compression.name().to_owned(),
            size_bytes: checksums.stored_bytes,
            sha256: checksums.stored_sha256,
            raw_size_bytes: checksums.raw_bytes,
            raw_sha256: checksums.raw_sha256,
        },
        globals: dumped.globals.map(|(size_bytes, sha256)| GlobalsFile {
            file_name: storage::globals_name(&claim.id),
            size_bytes,
            sha256,
        }),
        backup_method: handler.backup_method(&order.target, order.form.format).to_owned(),
        handler: handler.describe().name,
        tools: dumped.tools,
        migrations: dumped.migrations,
        row_counts: dumped.row_counts,
        retention_days: order.retention_days,
        expires_at: expires_at(claim.created_at, order.retention_days),
        verification: Verification {
            integrity_check: IntegrityCheck::Passed,
            file_readable: true,
            file_exists: true,
            verified_at,
            level: verification::REACHED,
        },
        duration_seconds: run.seconds(),
        writers_blocked_seconds: dumped.writers_blocked_seconds,
        idempotency: order.idempotency.clone(),
        shrunk_since: None,
        created_by: "backup-manager".to_owned(),
        run: ManifestRun {
            id: run.id.to_string(),
            host: storage::host_name(),
            program_version: host.version.to_owned(),
        },
        warnings: warnings.into_iter().flatten().cloned().collect(),
    }
}
