//! The place where a project's artifacts are kept: a folder with one folder for each environment.

use std::io;
use std::path::{Path, PathBuf};

use super::durable;
use super::names::{FileKind, manifest_name};
use crate::backup_id::BackupId;
use crate::environment::EnvironmentName;
use crate::error::Error;
use crate::project::Project;
use crate::records::{Manifest, Note, NoteName, Record};

/// A local folder for artifacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    root: PathBuf,
    inside_project: bool,
}

/// The folder of one environment at a location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentFolder {
    /// The environment.
    pub environment: EnvironmentName,
    /// The folder.
    pub path: PathBuf,
}

/// One file in an environment's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderEntry {
    /// Its name.
    pub name: String,
    /// What it is, by its name.
    pub kind: FileKind,
}

impl Location {
    /// The location that the configuration names.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] where it is no local folder.
    pub(crate) fn resolve(project: &Project) -> Result<Self, Error> {
        let backup = project.configuration.backup.clone().unwrap_or_default();
        let invalid = |place: &str, detail: String| Error::ConfigInvalid {
            path: project.configuration_path.clone(),
            place: place.to_owned(),
            detail,
        };
        let unavailable = |place: &str, kind: &str| {
            Err(invalid(
                place,
                format!("this version does not keep backups in {kind}; name a folder"),
            ))
        };
        if let Some(location) = &backup.storage_location {
            if let Some((scheme, _)) = location.split_once("://") {
                return unavailable("backup.storage_location", &format!("{scheme}:// storage"));
            }
            if location.is_empty() {
                return Err(invalid("backup.storage_location", "is empty".to_owned()));
            }
            return Ok(Self::at(&project.root.join(location), &project.root));
        }
        match backup.storage.as_deref() {
            None | Some("local") if backup.s3_bucket.is_none() => {
                Ok(Self::at(&project.state_folder(), &project.root))
            }
            None | Some("local" | "s3") => unavailable("backup.s3_bucket", "s3:// storage"),
            Some(kind @ ("gs" | "gcs" | "az" | "azure")) => unavailable("backup.storage", kind),
            Some(_) => Err(invalid("backup.storage", "is neither local nor s3".to_owned())),
        }
    }

    fn at(root: &Path, project_root: &Path) -> Self {
        // Where it really is decides whose it is: `../backups` and links lead out of the project.
        let root = resolved(root);
        let inside_project = root.starts_with(project_root);
        Self { root, inside_project }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of an environment.
    pub fn folder(&self, environment: &EnvironmentName) -> EnvironmentFolder {
        EnvironmentFolder {
            environment: environment.clone(),
            path: self.root.join(environment.as_str()),
        }
    }

    /// The folders of all environments that exist here.
    ///
    /// # Errors
    /// The location cannot be read.
    pub fn folders(&self) -> Result<Vec<EnvironmentFolder>, Error> {
        let entries = match std::fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::storage("read", &self.root, error)),
        };
        let mut folders = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| Error::storage("read", &self.root, error))?;
            let name = entry.file_name();
            let environment = name.to_str().and_then(|name| EnvironmentName::parse(name).ok());
            if let Some(environment) = environment
                && entry.file_type().is_ok_and(|kind| kind.is_dir())
            {
                folders.push(self.folder(&environment));
            }
        }
        folders.sort_by(|one, other| one.environment.cmp(&other.environment));
        Ok(folders)
    }

    /// Whether the location lies inside the project.
    pub fn is_inside_project(&self) -> bool {
        self.inside_project
    }

    /// Whether a manifest found here speaks of this project: what was made inside the project is its own wherever
    /// the project was moved. What came from outside, from a project that lies in this one, is only its maker's.
    pub fn is_of(&self, project_identity: &str, manifest: &Manifest) -> bool {
        let own = self.inside_project && !manifest.outside_project;
        own || manifest.project == project_identity
    }
}

impl EnvironmentFolder {
    /// A folder that is named like an environment.
    pub fn at(path: &Path) -> Option<Self> {
        let environment = EnvironmentName::parse(path.file_name()?.to_str()?).ok()?;
        Some(Self { environment, path: path.to_path_buf() })
    }

    /// Its files.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn entries(&self) -> Result<Vec<FolderEntry>, Error> {
        entries(&self.path)
    }

    /// Creates the folder.
    ///
    /// # Errors
    /// [`Error::DirectoryNotWritable`] where it cannot be.
    pub fn create(&self) -> Result<(), Error> {
        // A link could have come with the project; where backups go is for the configuration to say.
        if self.path.is_symlink() {
            let advice = "it is a symbolic link; set backup.storage_location instead";
            return Err(Error::storage("write through", &self.path, io::Error::other(advice)));
        }
        durable::create_folder(&self.path).map_err(|error| Error::creating_in(&self.path, error))
    }

    /// Whether new files can be put here, without trying.
    pub fn is_writable(&self) -> bool {
        let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
        let existing = self.path.ancestors().find(|folder| folder.exists());
        existing.is_some_and(|folder| folder.is_dir() && rustix::fs::access(folder, access).is_ok())
    }

    /// The manifest's path.
    pub fn manifest_path(&self, id: &BackupId) -> PathBuf {
        self.path.join(manifest_name(id))
    }

    /// The notes of a backup, oldest first. What the name says counts where the content cannot be read.
    pub fn notes(&self, id: &BackupId, entries: &[FolderEntry]) -> Vec<Note> {
        let mut names: Vec<_> = entries
            .iter()
            .filter_map(|entry| match &entry.kind {
                FileKind::Note(of, name) if of == id => Some((name, &entry.name)),
                _ => None,
            })
            .collect();
        names.sort();
        let read = |(parts, name): (&NoteName, &String)| {
            Note::read(&self.path.join(name))
                .ok()
                .filter(|note| note.backup_id == id.as_str() && note.kind == parts.kind)
                .unwrap_or_else(|| Note::from_name(id, parts))
        };
        names.into_iter().map(read).collect()
    }

    /// The record of a backup: its manifest and notes.
    ///
    /// # Errors
    /// The manifest is not there, or one of them cannot be read.
    pub fn record(&self, id: &BackupId, entries: &[FolderEntry]) -> Result<Record, Error> {
        let path = self.manifest_path(id);
        let manifest = Manifest::read(&path)?;
        if manifest.backup_id != id.as_str() || manifest.environment != self.environment.as_str() {
            let detail = "the manifest is of another backup".to_owned();
            return Err(Error::CatalogueDamaged { path, detail });
        }
        Ok(Record { manifest, notes: self.notes(id, entries) })
    }
}

/// A path with its links and `..` resolved, as far as it exists.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => resolved(parent).join(name),
        (Some(parent), None) => {
            let parent = resolved(parent);
            parent.parent().map_or(parent.clone(), Path::to_path_buf)
        }
        (None, _) => path.to_path_buf(),
    }
}

/// The files of a folder; one that does not exist has none.
pub(super) fn entries(folder: &Path) -> Result<Vec<FolderEntry>, Error> {
    let failed = |error| Error::storage("read", folder, error);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    entries
        .map(|entry| {
            let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            Ok(FolderEntry { kind: FileKind::of(&name), name })
        })
        .collect()
}
