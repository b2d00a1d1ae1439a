//! The project: its root, its configuration, its variables, its database.

mod databases;
mod dotenv;
mod prisma;
mod root;

use std::path::{Path, PathBuf};

use crate::configuration::{Configuration, EnvironmentSettings};
use crate::error::Error;
use crate::storage::Location;

pub use databases::ResolvedDatabase;
pub use root::Surroundings;

/// Where the plugin keeps its things, under the root.
pub const PLUGIN_FOLDER: &str = ".fractary/plugins/faber-db";

/// A project whose configuration was read.
#[derive(Debug)]
pub struct Project {
    /// The root, absolute and with links resolved.
    pub root: PathBuf,
    /// The configuration's file.
    pub configuration_path: PathBuf,
    /// The configuration.
    pub configuration: Configuration,
}

impl Project {
    /// Finds and reads the project that `working_directory` is in.
    ///
    /// # Errors
    /// There is no such folder, no configuration, or one with a mistake.
    pub fn open(
        surroundings: &Surroundings<'_>,
        working_directory: Option<&str>,
    ) -> Result<Self, Error> {
        let (root, configuration_path) = root::find(surroundings, working_directory)?;
        let text = match std::fs::read_to_string(&configuration_path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::ConfigNotFound { expected: configuration_path });
            }
            Err(error) => return Err(Error::storage("read", &configuration_path, error)),
        };
        let configuration = Configuration::parse(&text, &configuration_path)?;
        Ok(Self { root, configuration_path, configuration })
    }

    /// The settings of an environment.
    ///
    /// # Errors
    /// There is no such environment.
    pub fn environment(&self, given: &str) -> Result<EnvironmentSettings<'_>, Error> {
        self.configuration.environment(given, &self.configuration_path)
    }

    /// The folder of the catalogue, the locks and, unless configured otherwise, the backups.
    pub fn state_folder(&self) -> PathBuf {
        self.root.join(PLUGIN_FOLDER).join("backups")
    }

    /// Where the artifacts are kept.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] where that is not a local folder.
    pub fn location(&self) -> Result<Location, Error> {
        Location::resolve(self)
    }

    /// What tells this project from others that keep their backups at the same location: its git
    /// remote, else its root.
    pub fn identity(&self) -> String {
        match root::git_remote(&self.root) {
            Some(remote) => crate::digest::of_parts(["remote", &remote]),
            None => crate::digest::of_parts(["root", &self.root.to_string_lossy()]),
        }
    }

    /// A path as answers and records show it: relative to the root where it lies inside.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned()
    }
}
