//! What the configuration says of one environment, defaults filled in.

use std::path::Path;

use backup_protocol::{CompressionChoice, CreateVerification};

use super::handler_choice::HandlerSettings;
use super::{Configuration, HandlerChoice, choose_handler};
use crate::environment::EnvironmentName;
use crate::error::Error;
use crate::size::GIB;

const DEFAULT_MIGRATIONS_TABLE: &str = "_prisma_migrations";
const DEFAULT_LARGE_BACKUP_GB: f64 = 10.0;
const DEFAULT_SCRATCH_GB: f64 = 10.0;
const DEFAULT_APPROVAL_SECONDS: u32 = 600;

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
        // Of one that is configured no more nobody knows what it was.
        let Some(section) = self.environments.get(name.as_str()) else { return true };
        match self.safety.as_ref().and_then(|safety| safety.protected_environments.as_ref()) {
            Some(protected) => protected.iter().any(|known| known == name.as_str()),
            None => section.production.unwrap_or(name.sounds_like_production()),
        }
    }

    /// Whether a plugin wants operational logs.
    pub fn writes_operational_logs(&self) -> bool {
        let integration = self.integration.as_ref();
        let plugin = integration.and_then(|integration| integration.logs_plugin.as_deref());
        plugin.is_some_and(|plugin| !plugin.is_empty())
    }

    /// The table that holds the migrations' state.
    pub fn migrations_table(&self) -> &str {
        self.migrations
            .as_ref()
            .and_then(|migrations| migrations.table.as_deref())
            .unwrap_or(DEFAULT_MIGRATIONS_TABLE)
    }

    /// From which database size, in bytes, a production-class backup asks first.
    pub fn large_backup_bytes(&self) -> u64 {
        let gigabytes = self.safety.as_ref().and_then(|safety| safety.large_backup_gb);
        bytes_of(gigabytes.unwrap_or(DEFAULT_LARGE_BACKUP_GB))
    }

    /// Up to which database size, in bytes, a scratch database is made beside the live one.
    pub fn largest_scratch_bytes(&self) -> u64 {
        let section = self.verification.as_ref();
        let gigabytes = section.and_then(|verification| verification.max_scratch_gb);
        bytes_of(gigabytes.unwrap_or(DEFAULT_SCRATCH_GB))
    }

    /// The variable with the URL of the database beside which scratch databases are made; none where that is the
    /// environment's own.
    pub fn scratch_variable(&self) -> Option<&str> {
        self.verification.as_ref()?.database_url_env.as_deref()
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

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "checked not to be negative when the configuration was read"
)]
fn bytes_of(gigabytes: f64) -> u64 {
    (gigabytes * GIB as f64) as u64
}

impl EnvironmentSettings<'_> {
    /// How new backups are verified.
    pub fn verification(&self) -> CreateVerification {
        self.section().and_then(|section| section.verify).unwrap_or_default()
    }

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

    fn section(&self) -> Option<&super::EnvironmentSection> {
        self.configuration.environments.get(self.name.as_str())
    }

    fn invalid(&self, place: String, detail: &str) -> Error {
        Error::ConfigInvalid { path: self.path.to_path_buf(), place, detail: detail.to_owned() }
    }
}
