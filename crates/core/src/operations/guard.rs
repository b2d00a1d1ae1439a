//! `guard`: does a verified backup cover the state of a database, before somebody changes it?

use backup_protocol::{CreateBackupParameters, GuardParameters, GuardResult};
use chrono::{DateTime, TimeDelta, Utc};

use super::Done;
use super::create;
use super::session::{Session, check_range};
use super::store::Store;
use crate::catalogue::RecordView;
use crate::configuration::EnvironmentSettings;
use crate::error::Error;
use crate::handler::LiveDatabase;
use crate::host::Host;
use crate::progress::Step;
use crate::project::{Project, ResolvedDatabase};
use crate::retention::CLOCK_DIFFERENCE;
use crate::run::Run;
use crate::storage;

/// How old a backup may be unless the request says otherwise, in hours.
const DEFAULT_MAX_AGE_HOURS: u32 = 24;
/// The reason of a backup that is made because none was there.
const REASON: &str = "pre-operation safety backup";

pub(super) async fn guard(
    host: &Host<'_>,
    parameters: &GuardParameters,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    check_range("max_age_hours", parameters.max_age_hours, 1..=87_600)?;
    let project = session.open_project(host)?;
    run.step(Step::ConfigurationLoaded);
    let environment = project.environment(&parameters.environment)?;
    run.step(Step::EnvironmentValidated(environment.name.to_string()));
    let database = session.resolve_database(host, &project, &environment, None)?;
    let expected = match &parameters.expected_migration {
        Some(migration) => Some(migration.clone()),
        None => current_migration(host, &project, &environment, &database, run).await?,
    };
    let requirement = Requirement {
        now: (host.clock)(),
        max_age: TimeDelta::hours(parameters.max_age_hours.unwrap_or(DEFAULT_MAX_AGE_HOURS).into()),
        last_migration: expected.as_deref(),
    };
    let store = Store::of(&project)?;
    let snapshot = store.catalogue.read()?;
    let (views, _) = snapshot.views()?;
    let identity = database.target.project_identity(&project.root);
    let name = environment.name.as_str();
    match covering(&store, &views, name, &identity, &requirement) {
        Ok(view) => done(view, requirement.now, false),
        Err(_) if parameters.ensure.unwrap_or_default() => {
            ensure(host, parameters, session, run).await
        }
        Err(reason) => Err(Error::BackupRequired { reason }),
    }
}

/// What the database says now.
async fn current_migration(
    host: &Host<'_>,
    project: &Project,
    environment: &EnvironmentSettings<'_>,
    database: &ResolvedDatabase,
    run: &Run,
) -> Result<Option<String>, Error> {
    let name = environment.name.as_str();
    let settings = project.configuration.tool_settings(Some(name), &project.root, host.workers);
    let handler = host.handler_for(&database.target);
    let mut connected = handler.connect(&database.target, &settings, run).await?;
    let table = project.configuration.migrations_table();
    Ok(match connected.state(table, false, run).await? {
        LiveDatabase::Readable(state) => state.migrations.last_migration,
        LiveDatabase::Missing | LiveDatabase::Unreadable(_) => None,
    })
}

/// What a backup must be.
struct Requirement<'a> {
    now: DateTime<Utc>,
    max_age: TimeDelta,
    last_migration: Option<&'a str>,
}

/// The newest backup that meets the requirement; else why the newest verified one does not.
fn covering<'v>(
    store: &Store<'_>,
    views: &'v [RecordView<'v>],
    environment: &str,
    identity: &str,
    requirement: &Requirement<'_>,
) -> Result<&'v RecordView<'v>, String> {
    let is_there = |view: &RecordView<'_>| {
        let bytes = storage::artifact_bytes(&store.project.root.join(view.file_path()));
        bytes.is_ok_and(|bytes| view.size_bytes == Some(bytes))
    };
    let mut verified: Vec<&RecordView<'_>> = views
        .iter()
        .filter(|view| view.environment() == environment && view.standing().is_verified())
        .filter(|view| view.database_identity.as_deref() == Some(identity))
        .filter(|view| is_there(view))
        .collect();
    verified.sort_by_key(|view| std::cmp::Reverse((view.created_at(), view.id().to_owned())));
    let mut first = None;
    for view in verified {
        match shortcoming(view, requirement) {
            None => return Ok(view),
            Some(reason) => first = first.or(Some(reason)),
        }
    }
    Err(first.unwrap_or_else(|| {
        format!(
            "there is no verified backup of this database of {environment} whose artifact is there"
        )
    }))
}

/// Why a backup does not meet the requirement.
fn shortcoming(view: &RecordView<'_>, requirement: &Requirement<'_>) -> Option<String> {
    let (id, age) = (view.id(), requirement.now - view.created_at());
    if age < -CLOCK_DIFFERENCE {
        return Some(format!("{id} is from the future: a clock is wrong"));
    }
    if age > requirement.max_age {
        let (hours, most) = (age.num_hours(), requirement.max_age.num_hours());
        return Some(format!("{id} is {hours} hours old, and may be {most}"));
    }
    if view.last_migration() != requirement.last_migration {
        let told = |migration: Option<&str>| migration.unwrap_or("none").to_owned();
        return Some(format!(
            "the last migration in {id} is {}, the database's is {}",
            told(view.last_migration()),
            told(requirement.last_migration)
        ));
    }
    None
}

/// Makes the backup that is missing.
async fn ensure(
    host: &Host<'_>,
    parameters: &GuardParameters,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    let wanted = CreateBackupParameters {
        environment: parameters.environment.clone(),
        reason: Some(REASON.to_owned()),
        working_directory: parameters.working_directory.clone(),
        ..CreateBackupParameters::default()
    };
    let made = create::create(host, &wanted, session, run).await?;
    let id = made.result.get("backup_id").and_then(|id| id.as_str()).unwrap_or_default();
    let project = session.open_project(host)?;
    let store = Store::of(&project)?;
    let snapshot = store.catalogue.read()?;
    let (views, _) = snapshot.views()?;
    let view = views.iter().find(|view| view.id() == id);
    done(
        view.ok_or_else(|| Error::internal("a backup that was made is recorded"))?,
        (host.clock)(),
        true,
    )
}

fn done(view: &RecordView<'_>, now: DateTime<Utc>, made: bool) -> Result<Done, Error> {
    let result = GuardResult {
        backup_id: view.id().to_owned(),
        created_at: view.created_at(),
        age_seconds: (now - view.created_at()).num_seconds().max(0).unsigned_abs(),
        last_migration: view.last_migration().map(str::to_owned),
        level: view.standing().level,
        file_path: view.file_path().to_owned(),
        made,
    };
    Done::new(&result, format!("Backup requirement met: {}", view.id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(created_at: &str, migration: Option<&str>) -> Option<String> {
        let text = serde_json::json!({
            "backup_id": "backup-20250124-140000", "created_at": created_at,
            "migrations": {"last_migration": migration}
        })
        .to_string();
        let view: RecordView<'_> = serde_json::from_str(&text).unwrap();
        let requirement = Requirement {
            now: "2025-01-24T15:00:00Z".parse().unwrap(),
            max_age: TimeDelta::hours(24),
            last_migration: Some("2_second"),
        };
        shortcoming(&view, &requirement)
    }

    #[test]
    fn age_clock_and_migration_decide() {
        assert_eq!(why("2025-01-24T14:00:00Z", Some("2_second")), None);
        assert_eq!(why("2025-01-23T15:00:00Z", Some("2_second")), None);
        assert!(why("2025-01-23T14:59:59Z", Some("2_second")).unwrap().contains("24 hours old"));
        assert!(why("2025-01-24T15:06:00Z", Some("2_second")).unwrap().contains("future"));
        assert!(why("2025-01-24T14:00:00Z", Some("1_first")).unwrap().contains("1_first"));
        assert!(why("2025-01-24T14:00:00Z", None).unwrap().contains("none"));
    }
}
