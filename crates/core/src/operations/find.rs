//! Finding a backup by its id.

use std::path::{Path, PathBuf};

use backup_protocol::Format;

use super::store::Store;
use crate::backup_id::BackupId;
use crate::environment::EnvironmentName;
use crate::error::Error;
use crate::handler::{ArtifactForm, Compression};
use crate::locks::ManifestLock;
use crate::records::{Record, RecordStatus, Standing};
use crate::storage::{self, EnvironmentFolder};

/// A backup that was found: in the catalogue, at the location, or both.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub id: BackupId,
    pub folder: EnvironmentFolder,
    /// Manifest and notes; none for a record of the older shape.
    pub record: Option<Record>,
    pub artifact: PathBuf,
    pub size: u64,
    /// The recorded checksum; none in records of the older shape.
    pub sha256: Option<String>,
    pub standing: Standing,
}

impl Found {
    /// A backup with a manifest, as it lies in its folder.
    pub(super) fn recorded(id: &BackupId, folder: &EnvironmentFolder, record: Record) -> Self {
        let artifact = &record.manifest.artifact;
        Self {
            id: id.clone(),
            folder: folder.clone(),
            artifact: folder.path.join(&artifact.file_name),
            size: artifact.size_bytes,
            sha256: Some(artifact.sha256.clone()),
            standing: record.standing(),
            record: Some(record),
        }
    }

    /// What the artifact should be, from the manifest or else from the file's name.
    pub(super) fn form(&self) -> Option<NamedForm<'_>> {
        let Some(record) = &self.record else { return form_by_name(&self.artifact) };
        let artifact = &record.manifest.artifact;
        let compression = [Compression::None, Compression::Gzip, Compression::Zstd]
            .into_iter()
            .find(|known| known.name() == artifact.compression)?;
        let form = ArtifactForm { format: artifact.format, compression };
        Some(NamedForm { form, engine: Some(&record.manifest.database.engine) })
    }
}

/// What an artifact is, and of which engine where that is known.
pub(super) struct NamedForm<'a> {
    pub form: ArtifactForm,
    pub engine: Option<&'a str>,
}

/// What a file's or folder's name says it is. A text dump may be any engine's.
pub(super) fn form_by_name(path: &Path) -> Option<NamedForm<'static>> {
    let name = path.file_name()?.to_str()?;
    let (name, compression) = [Compression::Gzip, Compression::Zstd]
        .into_iter()
        .find_map(|known| Some((name.strip_suffix(known.extension())?, known)))
        .unwrap_or((name, Compression::None));
    let (format, engine) = match name.rsplit_once('.')?.1 {
        "sql" => (Format::Sql, None),
        "sqlite" => (Format::Custom, Some("sqlite")),
        // What a tool compressed itself is not compressed again.
        "dump" if compression == Compression::None => (Format::Custom, Some("postgres")),
        "dir" if compression == Compression::None => (Format::Directory, None),
        _ => return None,
    };
    Some(NamedForm { form: ArtifactForm { format, compression }, engine })
}

/// Reads the id that a request names.
pub(super) fn parse_id(text: &str) -> Result<BackupId, Error> {
    BackupId::parse(text).map_err(|error| Error::InvalidParameter {
        parameter: "backup_id",
        detail: error.to_string(),
    })
}

/// Finds the backup of that id, in the given environment where one is given.
pub(super) fn find(
    store: &Store<'_>,
    id: &BackupId,
    environment: Option<&str>,
) -> Result<Found, Error> {
    let not_found = || Error::BackupNotFound { given: id.to_string() };
    let snapshot = store.catalogue.read()?;
    let (views, _) = snapshot.views()?;
    let view = views.iter().find(|view| view.id() == id.as_str());
    let home = match view {
        // A record of the older shape may name no environment: its artifact's folder does.
        Some(view) => EnvironmentName::parse(view.environment()).ok().or_else(|| {
            let folder = Path::new(view.file_path()).parent()?.file_name()?;
            EnvironmentName::parse(folder.to_str()?).ok()
        }),
        None => None,
    };
    // The manifest is the truth: where it lies, there the backup is, whatever the index says.
    let mut folders = store.location.folders()?;
    folders.sort_by_key(|folder| home.as_ref() != Some(&folder.environment));
    for folder in folders {
        if !folder.manifest_path(id).exists() {
            continue;
        }
        if environment.is_some_and(|asked| asked != folder.environment.as_str()) {
            let record = folder.entries().and_then(|entries| folder.record(id, &entries));
            let identity = store.project.identity();
            if record.is_ok_and(|record| store.location.is_of(&identity, &record.manifest)) {
                return Err(not_found());
            }
            continue;
        }
        let record = folder.record(id, &folder.entries()?)?;
        // At a location that projects share, only what is recorded or says so itself is this one's.
        if view.is_none() && !store.location.is_of(&store.project.identity(), &record.manifest) {
            continue;
        }
        return Ok(Found::recorded(id, &folder, record));
    }
    let (Some(view), Some(home)) = (view, home) else { return Err(not_found()) };
    if environment.is_some_and(|asked| asked != home.as_str()) {
        return Err(not_found());
    }
    let folder = store.location.folder(&home);
    let notes = folder.notes(id, &folder.entries()?);
    Ok(Found {
        id: id.clone(),
        folder,
        record: None,
        artifact: store.project.root.join(view.file_path()),
        size: view.size_bytes.unwrap_or_default(),
        sha256: view.sha256.as_deref().map(str::to_owned),
        standing: crate::records::standing(view.standing(), &notes),
    })
}

/// Finds a backup to read its artifact: nobody removes it while the lock is held.
pub(super) fn hold(
    store: &Store<'_>,
    id: &BackupId,
    environment: Option<&str>,
) -> Result<(Found, ManifestLock), Error> {
    let not_found = || Error::BackupNotFound { given: id.to_string() };
    let found = find(store, id, environment)?;
    let lock = ManifestLock::shared(&found.folder.manifest_path(id))?.ok_or_else(not_found)?;
    // Its removal may have been begun before the lock was taken.
    let found = find(store, id, environment)?;
    if found.standing.status == RecordStatus::Deleting {
        return Err(not_found());
    }
    Ok((found, lock))
}

/// Whether a path leads to where backups are kept: directly into the folder of a configured environment, and
/// to no live database. A location may be any folder, so being below it says too little.
pub(super) fn is_kept_here(store: &Store<'_>, path: &Path, live_databases: &[PathBuf]) -> bool {
    let path = storage::resolved(path);
    let names = store.project.configuration.environments.keys();
    let state = store.project.state_folder();
    let roots = [store.location.root(), &state];
    let kept = names.into_iter().any(|name| {
        roots.into_iter().any(|root| path.parent() == Some(&storage::resolved(&root.join(name))))
    });
    kept && !is_of_live_database(&path, live_databases)
}

/// Whether a path is a live database or one of the files that SQLite keeps beside it.
pub(super) fn is_of_live_database(path: &Path, live_databases: &[PathBuf]) -> bool {
    let text = path.to_string_lossy();
    live_databases.iter().any(|live| {
        let live = live.to_string_lossy();
        ["", "-wal", "-shm", "-journal"]
            .iter()
            .any(|companion| text.strip_suffix(companion) == Some(&live))
    })
}

/// The path if it leads into the project or the storage location, links and `..` resolved.
pub(super) fn confined(store: &Store<'_>, path: &str) -> Option<PathBuf> {
    let path = store.project.root.join(path);
    let name = path.file_name()?;
    let folder = storage::resolved(path.parent()?);
    let inside = [&store.project.root, store.location.root()]
        .into_iter()
        .any(|root| folder.starts_with(root));
    inside.then(|| folder.join(name))
}
