//! Finding a backup by its id.

use std::path::{Component, Path, PathBuf};

use backup_protocol::Format;

use super::store::Store;
use crate::backup_id::BackupId;
use crate::environment::EnvironmentName;
use crate::error::Error;
use crate::handler::{ArtifactForm, Compression};
use crate::records::{Record, Standing};
use crate::storage::EnvironmentFolder;

/// A backup that was found: in the catalogue, at the location, or both.
#[derive(Debug)]
pub(super) struct Found {
    pub id: BackupId,
    pub folder: EnvironmentFolder,
    /// Manifest and notes; none for a record of the older shape.
    pub record: Option<Record>,
    pub artifact: PathBuf,
    pub size: u64,
    pub standing: Standing,
}

impl Found {
    /// What the artifact should be, from the manifest or else from the file's name.
    pub(super) fn form(&self) -> Option<ArtifactForm> {
        match &self.record {
            Some(record) => {
                let artifact = &record.manifest.artifact;
                let compression = [Compression::None, Compression::Gzip, Compression::Zstd]
                    .into_iter()
                    .find(|known| known.name() == artifact.compression)?;
                Some(ArtifactForm { format: artifact.format, compression })
            }
            None => form_by_name(&self.artifact),
        }
    }
}

/// What a file's name says it is.
pub(super) fn form_by_name(path: &Path) -> Option<ArtifactForm> {
    let name = path.file_name()?.to_str()?;
    let (name, compression) = [Compression::Gzip, Compression::Zstd]
        .into_iter()
        .find_map(|known| Some((name.strip_suffix(known.extension())?, known)))
        .unwrap_or((name, Compression::None));
    let format = match name.rsplit_once('.')?.1 {
        "sql" => Format::Sql,
        "sqlite" => Format::Custom,
        _ => return None,
    };
    Some(ArtifactForm { format, compression })
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
        Some(view) => EnvironmentName::parse(view.environment()).ok(),
        None => None,
    };
    if let (Some(home), Some(asked)) = (&home, environment)
        && home.as_str() != asked
    {
        return Err(not_found());
    }
    let folders = match &home {
        Some(home) => vec![store.location.folder(home)],
        None => store.location.folders()?,
    };
    for folder in folders {
        if environment.is_some_and(|asked| asked != folder.environment.as_str())
            || !folder.manifest_path(id).exists()
        {
            continue;
        }
        let record = folder.record(id, &folder.entries()?)?;
        let artifact = folder.path.join(&record.manifest.artifact.file_name);
        let size = record.manifest.artifact.size_bytes;
        let standing = record.standing();
        return Ok(Found {
            id: id.clone(),
            folder,
            record: Some(record),
            artifact,
            size,
            standing,
        });
    }
    let (Some(view), Some(home)) = (view, home) else { return Err(not_found()) };
    let folder = store.location.folder(&home);
    let artifact = recorded_artifact(store, view.file_path())?;
    let notes = folder.notes(id, &folder.entries()?)?;
    Ok(Found {
        id: id.clone(),
        folder,
        record: None,
        artifact,
        size: view.size_bytes.unwrap_or_default(),
        standing: crate::records::standing(view.standing(), &notes),
    })
}

impl Found {
    /// Whether the artifact's file may be removed with the backup: a manifest names its own artifact, but a
    /// record without one could name any file of the project, the live database among them.
    pub(super) fn owns_artifact(&self, store: &Store<'_>) -> bool {
        self.record.is_some() || is_kept_here(store, &self.artifact)
    }
}

/// Whether a path leads to where backups are kept.
pub(super) fn is_kept_here(store: &Store<'_>, path: &Path) -> bool {
    let state = store.project.state_folder();
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    [store.location.root(), &state].into_iter().any(|root| {
        let root = root.canonicalize().unwrap_or(root.to_path_buf());
        folder.as_ref().is_some_and(|folder| folder.starts_with(&root))
    })
}

/// A path from the catalogue is input: it must lead into the project or the storage location.
fn recorded_artifact(store: &Store<'_>, path: &str) -> Result<PathBuf, Error> {
    let outside = || Error::CatalogueDamaged {
        path: store.catalogue.path().to_path_buf(),
        detail: "a record's file_path leads out of the project and the storage location".to_owned(),
    };
    confined(store, path).ok_or_else(outside)
}

/// The path if it leads into the project or the storage location, links resolved.
pub(super) fn confined(store: &Store<'_>, path: &str) -> Option<PathBuf> {
    let path = store.project.root.join(path);
    if path.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    let location = store.location.root();
    let roots =
        [store.project.root.clone(), location.canonicalize().unwrap_or(location.to_path_buf())];
    // The nearest folder that exists decides where a path with links leads.
    let folder = path.parent()?.ancestors().find_map(|folder| folder.canonicalize().ok())?;
    let inside = roots.iter().any(|root| folder.starts_with(root));
    (inside && path.file_name().is_some()).then_some(path)
}
