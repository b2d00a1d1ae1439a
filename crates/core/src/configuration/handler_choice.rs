//! Which handler makes an environment's backups.

use crate::error::Error;

/// The handler that the settings ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandlerChoice {
    /// The database's native tools, the engine by the URL's scheme.
    PrismaLocal {
        /// A snapshot method was configured, but the database is on this machine.
        instead_of_snapshots: bool,
    },
    /// RDS instance snapshots.
    AwsInstance,
    /// Aurora cluster snapshots.
    AwsCluster,
    /// Cloud SQL backups.
    GcpSql,
}

/// The settings that decide, from the nearest to the farthest.
#[derive(Clone, Copy, Debug, Default)]
pub struct HandlerSettings<'a> {
    /// `environments.<env>.backup_method`
    pub environment_method: Option<&'a str>,
    /// `environments.<env>.hosting`
    pub environment_hosting: Option<&'a str>,
    /// `backup.method`
    pub method: Option<&'a str>,
    /// `backup.provider`
    pub provider: Option<&'a str>,
    /// `database.hosting`
    pub hosting: Option<&'a str>,
}

/// The values that are taken, for the error that lists them.
const METHODS: &str = "pg_dump, mysqldump, sqlite, aws-rds-snapshot, rds-snapshot, aws-aurora-backup, aurora-snapshot, cloud-sql-backup, gcp-sql-backup";
const HOSTINGS: &str = "local, aws-rds, aws-aurora, gcp-sql";

/// Chooses the handler: the nearest setting decides, else the URL. A snapshot method for a database on
/// this machine (the plugin's example sends even dev to RDS) means the native tools.
///
/// # Errors
/// [`Error::UnsupportedDatabase`] lists the values that are taken.
pub fn choose_handler(
    settings: HandlerSettings<'_>,
    url_is_local: bool,
) -> Result<HandlerChoice, Error> {
    let nearest = settings
        .environment_method
        .map(by_method)
        .or_else(|| settings.environment_hosting.map(by_hosting))
        .or_else(|| settings.method.map(by_method))
        .or_else(|| settings.provider.map(by_method))
        .or_else(|| settings.hosting.map(by_hosting))
        .unwrap_or(Ok(HandlerChoice::PrismaLocal { instead_of_snapshots: false }))?;
    Ok(match nearest {
        HandlerChoice::PrismaLocal { .. } => nearest,
        _ if url_is_local => HandlerChoice::PrismaLocal { instead_of_snapshots: true },
        _ => nearest,
    })
}

fn by_method(method: &str) -> Result<HandlerChoice, Error> {
    match method {
        "pg_dump" | "mysqldump" | "sqlite" => {
            Ok(HandlerChoice::PrismaLocal { instead_of_snapshots: false })
        }
        "aws-rds-snapshot" | "rds-snapshot" => Ok(HandlerChoice::AwsInstance),
        "aws-aurora-backup" | "aurora-snapshot" => Ok(HandlerChoice::AwsCluster),
        "cloud-sql-backup" | "gcp-sql-backup" => Ok(HandlerChoice::GcpSql),
        _ => Err(Error::UnsupportedDatabase {
            what: format!("the configured backup method is not one of {METHODS}"),
        }),
    }
}

fn by_hosting(hosting: &str) -> Result<HandlerChoice, Error> {
    match hosting {
        "local" => Ok(HandlerChoice::PrismaLocal { instead_of_snapshots: false }),
        "aws-rds" => Ok(HandlerChoice::AwsInstance),
        "aws-aurora" => Ok(HandlerChoice::AwsCluster),
        "gcp-sql" => Ok(HandlerChoice::GcpSql),
        _ => Err(Error::UnsupportedDatabase {
            what: format!("the configured hosting is not one of {HOSTINGS}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: HandlerSettings<'_> = HandlerSettings {
        environment_method: None,
        environment_hosting: None,
        method: None,
        provider: Some("aws-rds-snapshot"),
        hosting: Some("aws-aurora"),
    };

    #[test]
    fn the_shipped_example_takes_snapshots_only_of_what_is_remote() {
        assert_eq!(choose_handler(SHIPPED, false).unwrap(), HandlerChoice::AwsInstance);
        assert_eq!(
            choose_handler(SHIPPED, true).unwrap(),
            HandlerChoice::PrismaLocal { instead_of_snapshots: true }
        );
    }

    #[test]
    fn the_environment_speaks_before_the_project() {
        let settings = HandlerSettings { environment_hosting: Some("local"), ..SHIPPED };
        assert_eq!(
            choose_handler(settings, false).unwrap(),
            HandlerChoice::PrismaLocal { instead_of_snapshots: false }
        );
        let settings = HandlerSettings { environment_method: Some("gcp-sql-backup"), ..settings };
        assert_eq!(choose_handler(settings, false).unwrap(), HandlerChoice::GcpSql);
    }

    #[test]
    fn other_values_are_an_error_that_lists_the_known_ones() {
        let settings = HandlerSettings { method: Some("tar"), ..HandlerSettings::default() };
        let error = choose_handler(settings, true).unwrap_err().to_string();
        assert!(error.contains("mysqldump") && error.contains("aurora-snapshot"));
    }
}
