//! What the configuration says of one environment, defaults filled in.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backup_protocol::CompressionChoice;

use super::handler_choice::HandlerSettings;
use super::{BackupSection, Configuration, EnvironmentSection, HandlerChoice, choose_handler};
use crate::environment::EnvironmentName;
use crate::error::Error;
use crate::size::GIB;

const DEFAULT_MIGRATIONS_TABLE: &str = "_prisma_migrations";
const DEFAULT_LARGE_BACKUP_GB: f64 = 10.0;
const DEFAULT_APPROVAL_SECONDS: u32 = 600;
const DEFAULT_STALL_SECONDS: u32 = 600;
const DEFAULT_ROW_COUNT_SECONDS: u32 = 60;
/// gzip has no higher level; zstd goes beyond.
const HIGHEST_GZIP_LEVEL: u32 = 12;

/// One environment's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvironmentSettings<'a> {
    /// Its name.
    pub name: EnvironmentName,
    /// Whether mistakes here hurt most.
    pub production_class: bool,
    configuration: &'a Configuration,
    path: &'a Path,
}

impl Configuration {
    /// The settings of the environment of that name.
    ///
    /// # Errors
    /// [`Error::EnvironmentNotFound`] lists the known ones.
    pub fn environment<'a>(
        &'a self,
        given: &str,
        path: &'a Path,
    ) -> Result<EnvironmentSettings<'a>, Error> {
        let name = EnvironmentName::parse(given).map_err(|error| Error::InvalidParameter {
            parameter: "environment",
            detail: error.to_string(),
        })?;
        let Some(section) = self.environments.get(name.as_str()) else {
            let known = self.environments.keys().cloned().collect();
            return Err(Error::EnvironmentNotFound { given: given.to_owned(), known });
        };
        let production_class = section.production.unwrap_or(name.sounds_like_production());
        Ok(EnvironmentSettings { name, production_class, configuration: self, path })
    }

    /// Whether destroying something of this environment needs a token.
    pub fn is_protected(&self, name: &EnvironmentName) -> bool {
        match self.safety.as_ref().and_then(|safety| safety.protected_environments.as_ref()) {
            Some(protected) => protected.iter().any(|known| known == name.as_str()),
            None => self
                .environments
                .get(name.as_str())
                .and_then(|section| section.production)
                .unwrap_or(name.sounds_like_production()),
        }
    }

    /// The table that holds the migrations' state.
    pub fn migrations_table(&self) -> &str {
        self.migrations
            .as_ref()
            .and_then(|migrations| migrations.table.as_deref())
            .unwrap_or(DEFAULT_MIGRATIONS_TABLE)
    }

    /// From which database size, in bytes, a production-class backup asks first.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "checked not to be negative when the configuration was read"
    )]
    pub fn large_backup_bytes(&self) -> u64 {
        let gigabytes = self
            .safety
            .as_ref()
            .and_then(|safety| safety.large_backup_gb)
            .unwrap_or(DEFAULT_LARGE_BACKUP_GB);
        (gigabytes * GIB as f64) as u64
    }

    /// How many seconds a confirmation token is good.
    pub fn approval_seconds(&self) -> u32 {
        self.safety
            .as_ref()
            .and_then(|safety| safety.approval_timeouts.as_ref())
            .and_then(|timeouts| timeouts.enhanced)
            .unwrap_or(DEFAULT_APPROVAL_SECONDS)
    }
}

impl EnvironmentSettings<'_> {
    /// The variable that holds the database's URL.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] where none is named.
    pub fn url_variable(&self) -> Result<&str, Error> {
        self.section().and_then(|section| section.connection_string_env.as_deref()).ok_or_else(
            || {
                self.invalid(
                    format!("environments.{}.connection_string_env", self.name),
                    "is missing: name the variable that holds the database's URL",
                )
            },
        )
    }

    /// The variable that is configured to hold the URL past the pooler.
    pub fn direct_url_variable(&self) -> Option<&str> {
        self.section().and_then(|section| section.direct_connection_string_env.as_deref())
    }

    /// The handler for a database that is on this machine or not.
    ///
    /// # Errors
    /// The settings name none that exists.
    pub fn handler(&self, url_is_local: bool) -> Result<HandlerChoice, Error> {
        let section = self.section();
        let backup = self.configuration.backup.as_ref();
        let database = self.configuration.database.as_ref();
        let settings = HandlerSettings {
            environment_method: section.and_then(|section| section.backup_method.as_deref()),
            environment_hosting: section.and_then(|section| section.hosting.as_deref()),
            method: backup.and_then(|backup| backup.method.as_deref()),
            provider: backup.and_then(|backup| backup.provider.as_deref()),
            hosting: database.and_then(|database| database.hosting.as_deref()),
        };
        choose_handler(settings, url_is_local)
    }

    /// How many days a backup is kept.
    pub fn retention_days(&self, parameter: Option<u32>, safety_backup: bool) -> u32 {
        let settings = crate::retention::RetentionSettings {
            parameter,
            environment: self.section().and_then(|section| section.backup_retention_days),
            project: self.configuration.backup.as_ref().and_then(|backup| backup.retention_days),
        };
        crate::retention::days(settings, &self.name, self.production_class, safety_backup)
    }

    /// How artifacts are compressed when the request does not say.
    pub fn compression(&self) -> CompressionChoice {
        let default =
            if self.production_class { CompressionChoice::Gzip } else { CompressionChoice::Off };
        self.configuration.backup.as_ref().and_then(|backup| backup.compression).unwrap_or(default)
    }

    /// A dump that ought to be encrypted is never written plain.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] where encryption is asked for.
    pub fn refuse_encryption(&self) -> Result<(), Error> {
        let backup = self.configuration.backup.as_ref();
        if backup.and_then(|backup| backup.encrypt_backups) == Some(true) {
            let detail = "this version does not encrypt; a dump is never written plain where encryption is asked for";
            return Err(self.invalid("backup.encrypt_backups".to_owned(), detail));
        }
        Ok(())
    }

    /// The folders in which alone the native tools are looked for; none where that is left open.
    pub fn tool_directories(&self, root: &Path) -> Option<Vec<PathBuf>> {
        let folders = self.configuration.backup.as_ref()?.tool_directories.as_ref()?;
        Some(folders.iter().map(|folder| root.join(folder)).collect())
    }

    /// How long a native tool may write nothing before it counts as hung.
    pub fn stall_limit(&self) -> Duration {
        let seconds = self.nearest(|section| section.stall_seconds, |backup| backup.stall_seconds);
        Duration::from_secs(seconds.unwrap_or(DEFAULT_STALL_SECONDS).into())
    }

    /// How long counting rows may take.
    pub fn row_count_limit(&self) -> Duration {
        let seconds =
            self.nearest(|section| section.row_count_seconds, |backup| backup.row_count_seconds);
        Duration::from_secs(seconds.unwrap_or(DEFAULT_ROW_COUNT_SECONDS).into())
    }

    /// How hard to compress; none leaves it to the handler.
    pub fn compression_level(&self, compression: CompressionChoice) -> Option<u32> {
        let level =
            self.nearest(|section| section.compression_level, |backup| backup.compression_level)?;
        match compression {
            CompressionChoice::Off => None,
            CompressionChoice::Gzip => Some(level.min(HIGHEST_GZIP_LEVEL)),
            CompressionChoice::Zstd => Some(level),
        }
    }

    /// How many threads compress and how many jobs a parallel dump has; none means the machine's
    /// processors.
    pub fn threads(&self) -> Option<NonZeroUsize> {
        let threads = self.nearest(|section| section.threads, |backup| backup.threads)?;
        usize::try_from(threads).ok().and_then(NonZeroUsize::new)
    }

    /// Whether native tools and compression run at the lowest priority.
    pub fn low_priority(&self) -> bool {
        self.nearest(|section| section.low_priority, |backup| backup.low_priority).unwrap_or(false)
    }

    /// Whether a dump of MySQL or MariaDB locks all tables while it begins.
    pub fn global_read_lock(&self) -> bool {
        let wanted =
            self.nearest(|section| section.global_read_lock, |backup| backup.global_read_lock);
        wanted.unwrap_or(false)
    }

    /// What the environment says, else the project.
    fn nearest<T>(
        &self,
        environment: impl Fn(&EnvironmentSection) -> Option<T>,
        project: impl Fn(&BackupSection) -> Option<T>,
    ) -> Option<T> {
        let by_environment = self.section().and_then(environment);
        by_environment.or_else(|| self.configuration.backup.as_ref().and_then(project))
    }

    fn section(&self) -> Option<&EnvironmentSection> {
        self.configuration.environments.get(self.name.as_str())
    }

    fn invalid(&self, place: String, detail: &str) -> Error {
        Error::ConfigInvalid { path: self.path.to_path_buf(), place, detail: detail.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(text: &str, look: impl FnOnce(EnvironmentSettings<'_>) -> T) -> T {
        let path = Path::new("config.json");
        let configuration = Configuration::parse(text, path).unwrap();
        look(configuration.environment("dev", path).unwrap())
    }

    #[test]
    fn the_environment_speaks_before_the_project_and_that_before_the_defaults() {
        let nothing = r#"{"environments": {"dev": {}}}"#;
        let project = r#"{"environments": {"dev": {}}, "backup": {"stall_seconds": 5, "threads": 3,
            "compression_level": 15, "low_priority": true, "global_read_lock": true,
            "row_count_seconds": 0, "tool_directories": ["tools", "/opt/pg/bin"]}}"#;
        let both = project.replace(
            r#""dev": {}"#,
            r#""dev": {"stall_seconds": 6, "threads": 4, "compression_level": 2,
                "low_priority": false, "global_read_lock": false, "row_count_seconds": 7}"#,
        );
        let seen = |text: &str| {
            with(text, |settings| {
                (
                    settings.stall_limit().as_secs(),
                    settings.threads().map(NonZeroUsize::get),
                    settings.compression_level(CompressionChoice::Zstd),
                    settings.compression_level(CompressionChoice::Gzip),
                    (settings.low_priority(), settings.global_read_lock()),
                    settings.row_count_limit().as_secs(),
                )
            })
        };
        assert_eq!(seen(nothing), (600, None, None, None, (false, false), 60));
        assert_eq!(seen(project), (5, Some(3), Some(15), Some(12), (true, true), 0));
        assert_eq!(seen(&both), (6, Some(4), Some(2), Some(2), (false, false), 7));
        with(project, |settings| {
            assert_eq!(settings.compression_level(CompressionChoice::Off), None);
            let folders = settings.tool_directories(Path::new("/project")).unwrap();
            assert_eq!(folders, [Path::new("/project/tools"), Path::new("/opt/pg/bin")]);
        });
        assert_eq!(with(nothing, |settings| settings.tool_directories(Path::new("/"))), None);
    }
}
