//! Runs in the background: each has a folder beside the catalogue that tells how it is getting on, and how it
//! ended, after the process that was asked for it is gone.

mod background;
mod folder;
mod record;
mod tidy;

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::error::Error;
use crate::run::{Run, RunId};
use crate::storage;

pub(crate) use background::status_request;
pub use background::{BackgroundRun, Begun};
pub use folder::{RunFolder, Seen};
pub use record::RunRecord;

/// The folder with the runs' folders, beside the catalogue.
const RUNS_FOLDER: &str = ".runs";

/// A project's runs in the background.
#[derive(Clone, Debug)]
pub struct Runs {
    path: PathBuf,
}

impl Runs {
    /// The runs whose folders are beside the catalogue.
    pub fn beside(state_folder: &Path) -> Self {
        Self { path: state_folder.join(RUNS_FOLDER) }
    }

    /// A run's folder, whether or not it is there.
    pub fn folder(&self, id: &RunId) -> RunFolder {
        RunFolder::at(&self.path.join(id.as_str()), id.clone())
    }

    /// Makes the folder of a new run.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(&self, run: &Run) -> Result<RunFolder, Error> {
        let failed = |error| Error::creating_in(&self.path, error);
        storage::create_folder(&self.path).map_err(failed)?;
        let folder = self.folder(&run.id);
        storage::create_new_folder(&folder.path).map_err(failed)?;
        Ok(folder)
    }

    /// The folders of all runs, those that never got under way included.
    ///
    /// # Errors
    /// The folder of the folders cannot be read.
    pub fn folders(&self) -> Result<Vec<RunFolder>, Error> {
        let failed = |error| Error::storage("read", &self.path, error);
        let entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut folders = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            if let Some(id) = name.to_str().and_then(RunId::parse) {
                folders.push(self.folder(&id));
            }
        }
        Ok(folders)
    }

    /// The runs that got under way, newest first.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn all(&self) -> Result<Vec<(RunFolder, RunRecord)>, Error> {
        let folders = self.folders()?.into_iter();
        let mut all: Vec<_> =
            folders.filter_map(|folder| folder.record().map(|record| (folder, record))).collect();
        all.sort_by(|(_, one), (_, other)| other.place().cmp(&one.place()));
        Ok(all)
    }

    /// Removes the folders of runs that ended long ago.
    pub fn tidy(&self, now: DateTime<Utc>) {
        tidy::tidy(self, now);
    }
}
