//! `restore-backup`: find → examine again → plan → confirmation → safety backup → scratch database, compared
//! there → the target looked at once more → swap → check. Until the swap nothing of the live database is touched.

mod options;
mod plan;
pub(super) mod room;
mod selection;

use std::path::{Path, PathBuf};
use std::time::Duration;

use backup_protocol::{
    Confirmation, ConfirmationPlan, CreateBackupParameters, RestoreBackupParameters,
    RestoreBackupResult, RestoreRoom,
};
use serde_json::json;

use super::Done;
use super::create;
use super::find::{self, Found};
use super::proof;
use super::session::{Session, check_range};
use super::store::Store;
use super::verify;
use crate::audit::Intent;
use crate::confirmation::{Bound, Confirmations};
use crate::database::DatabaseTarget;
use crate::error::{ConfirmationRequest, Error};
use crate::handler::{
    Database, LeftOut, LiveDatabase, LiveState, Replaced, RestoreManner, ScratchOrder, ToolSettings,
};
use crate::host::Host;
use crate::locks::{self, DatabaseLock};
use crate::progress::Step;
use crate::records::Manifest;
use crate::run::Run;
use crate::size;
use crate::storage::EnvironmentFolder;
use crate::verification;

use plan::Differences;

/// The reason of the backup of what is replaced.
const SAFETY_REASON: &str = "pre-rollback safety backup";

/// Everything that is known before anything is changed.
struct Restore<'a> {
    store: &'a Store<'a>,
    parameters: &'a RestoreBackupParameters,
    target: DatabaseTarget,
    left_out: LeftOut,
    manner: RestoreManner,
    folder: EnvironmentFolder,
    found: Found,
    manifest: Manifest,
    estimated_seconds: Option<f64>,
    live: LiveDatabase,
    differences: Differences,
    room: RestoreRoom,
    /// What had to be finished of a restore that died.
    settled: Vec<String>,
}

pub(super) async fn restore(
    host: &Host<'_>,
    parameters: &RestoreBackupParameters,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    check_range("wait_seconds", parameters.wait_seconds, 0..=86_400)?;
    let project = session.open_project(host)?;
    run.step(Step::ConfigurationLoaded);
    let environment = project.environment(&parameters.environment)?;
    run.step(Step::EnvironmentValidated(environment.name.to_string()));
    let target = session.resolve_database_to_restore(host, &project, &environment)?.target;
    let left_out = options::left_out(parameters, &target)?;
    let manner = options::manner(parameters, &target)?;
    let store = Store::of(&project)?;
    store.catalogue.check_writable()?;
    let skips = parameters.skip_safety_backup.unwrap_or_default();
    if skips && project.configuration.is_protected(&environment.name) {
        let detail = format!("is refused: {} is protected", environment.name);
        return Err(Error::InvalidParameter { parameter: "skip_safety_backup", detail });
    }
    let selected = selection::select(&store, parameters)?;
    let source = selected.folder.environment.as_str();
    let (found, _held) = find::hold(&store, &selected.id, Some(source))?;
    let (manifest, estimated_seconds) = restorable(&found, &target)?;
    run.concerns(found.id.as_str(), environment.name.as_str());
    let dry_run = parameters.dry_run.unwrap_or_default();
    // Reading the artifact may take as long as the rest: who waits for an answer gets it before.
    if dry_run || !run.is_in_background() {
        run.step(Step::VerifyingIntegrity);
        verify::examine_again(host, &store, &found, run).await?;
    }
    let patience = run.patience(parameters.wait_seconds.unwrap_or(super::DEFAULT_WAIT_SECONDS));
    let name = environment.name.as_str();
    let settings = project.configuration.tool_settings(Some(name), &project.root, host.workers);
    let lock = locks::database_lock(&target.machine_identity(), patience, run).await?;
    let mut database =
        host.handler_for(&target).connect_to_restore(&target, &settings, manner, run).await?;
    let table = project.configuration.migrations_table();
    // A plan changes nothing, whatever it finds.
    let at_server = run.patience_at_server(patience);
    let settled = if dry_run { Vec::new() } else { database.settle(at_server, run).await? };
    database.check_replaceable(run).await?;
    let live = database.state(table, true, run).await?;
    let differences = plan::compare(readable(&live), &manifest);
    let folder = project.location()?.folder(&environment.name);
    let takes_safety_backup = readable(&live).is_some() && !skips;
    let room = room::room(&mut *database, &found, &manifest, takes_safety_backup, run).await?;
    let restore = Restore {
        store: &store,
        parameters,
        target,
        left_out,
        manner,
        folder,
        found,
        manifest,
        estimated_seconds,
        live,
        differences,
        room,
        settled,
    };
    if dry_run {
        return restore.planned(&mut *database, run).await;
    }
    room::refuse_too_little(&restore.room)?;
    restore.commence(host, &settings, run).await?;
    restore.perform(host, &mut *database, &lock, session, run).await
}

fn readable(live: &LiveDatabase) -> Option<&LiveState> {
    match live {
        LiveDatabase::Readable(state) => Some(state),
        LiveDatabase::Missing | LiveDatabase::Unreadable(_) => None,
    }
}

/// Refuses what cannot be brought back into that database.
fn restorable(found: &Found, target: &DatabaseTarget) -> Result<(Manifest, Option<f64>), Error> {
    let Some(record) = &found.record else {
        return Err(Error::UnsupportedDatabase {
            what: "a record of the older shape does not say what a restore must bring back"
                .to_owned(),
        });
    };
    let engine = &record.manifest.database.engine;
    if engine != target.engine() {
        return Err(Error::UnsupportedDatabase {
            what: format!("a backup of {engine} cannot be brought back into {}", target.engine()),
        });
    }
    Ok((record.manifest.clone(), record.restore_seconds()))
}

impl Restore<'_> {
    fn takes_safety_backup(&self) -> bool {
        readable(&self.live).is_some() && !self.parameters.skip_safety_backup.unwrap_or_default()
    }

    fn needs_confirmation(&self) -> bool {
        let configuration = &self.store.project.configuration;
        configuration.is_protected(&self.folder.environment) || readable(&self.live).is_none()
    }

    async fn planned(&self, database: &mut dyn Database, run: &Run) -> Result<Done, Error> {
        let needs_confirmation = self.needs_confirmation();
        let space = Some(self.room);
        let mut planned =
            RestoreBackupResult { space, dry_run: true, needs_confirmation, ..self.told(run) };
        planned.warnings.extend(options::planned(self.manner));
        planned.warnings.extend(database.foresee(&self.order(None)?, run).await?);
        let refused = room::refuse_too_little(&self.room).err();
        planned.warnings.extend(refused.map(|error| format!("It would be refused now: {error}")));
        let environment = &self.folder.environment;
        Done::new(&planned, format!("Restore planned for {environment}; nothing was changed"))
    }

    /// The last that may be refused at once; who waits for an answer gets it then.
    async fn commence(
        &self,
        host: &Host<'_>,
        settings: &ToolSettings,
        run: &Run,
    ) -> Result<(), Error> {
        if !run.is_in_background() {
            return self.confirm(host, run);
        }
        self.check_unreserved(host, settings, run).await?;
        self.confirm(host, run)?;
        run.under_way()?;
        run.step(Step::VerifyingIntegrity);
        verify::examine_again(host, self.store, &self.found, run).await
    }

    /// The server's lock is taken later, together with the safety backup; who waits for an answer is told now where
    /// another run holds it.
    async fn check_unreserved(
        &self,
        host: &Host<'_>,
        settings: &ToolSettings,
        run: &Run,
    ) -> Result<(), Error> {
        let handler = host.handler_for(&self.target);
        let mut database = handler.connect(&self.target, settings, run).await?;
        database.reserve(run.patience_at_server(Duration::ZERO), run).await
    }

    /// Goes on where no yes is needed or the right one was sent, which it uses up.
    fn confirm(&self, host: &Host<'_>, run: &Run) -> Result<(), Error> {
        if !self.needs_confirmation() {
            return Ok(());
        }
        let store = self.store;
        let now = (host.clock)();
        let tokens = Confirmations::open(&store.project.state_folder(), &run.id)?;
        let migrations =
            readable(&self.live).map(|live| live.migrations.migrations_list.join("\n"));
        let bound = Bound::to([
            "restore-backup".to_owned(),
            store.project.identity(),
            self.folder.environment.to_string(),
            self.target.machine_identity(),
            migrations.unwrap_or_else(|| "no database that can be read".to_owned()),
            self.found.id.to_string(),
            self.manifest.artifact.sha256.clone(),
            format!("safety backup: {}", self.takes_safety_backup()),
            options::bound(self.left_out, self.manner),
        ]);
        if let Some(Confirmation::Token(token)) = &self.parameters.confirm {
            let token = tokens.check(token, &bound, now)?;
            return tokens.use_up(&token, now);
        }
        let seconds = store.project.configuration.approval_seconds();
        let token = tokens.issue(&bound, now, seconds)?;
        Err(Error::ConfirmationRequired(Box::new(ConfirmationRequest {
            plan: self.confirmation_plan(),
            token: Some(token),
            last_good_backup: false,
        })))
    }

    fn confirmation_plan(&self) -> ConfirmationPlan {
        let environment = &self.folder.environment;
        let source = self.found.folder.environment.as_str();
        let mut consequences = plan::consequences(
            &self.differences,
            environment.as_str(),
            source,
            &self.live,
            self.takes_safety_backup(),
        );
        consequences.extend(options::planned(self.manner));
        consequences.extend(options::told(self.left_out));
        ConfirmationPlan {
            action: format!("Replace the database of {environment} by backup {}", self.found.id),
            backup_id: Some(self.found.id.to_string()),
            size_bytes: self.found.size,
            size_human: size::human(self.found.size),
            consequences,
        }
    }

    async fn perform(
        self,
        host: &Host<'_>,
        database: &mut dyn Database,
        lock: &DatabaseLock,
        session: &mut Session,
        run: &Run,
    ) -> Result<Done, Error> {
        let mut result = self.told(run);
        database.hold(run).await?;
        if self.takes_safety_backup() {
            let safety = CreateBackupParameters {
                environment: self.folder.environment.to_string(),
                reason: Some(SAFETY_REASON.to_owned()),
                working_directory: self.parameters.working_directory.clone(),
                ..CreateBackupParameters::default()
            };
            let made = create::create_under(host, &safety, Some(lock), session, run).await?;
            let id = made.result.get("backup_id").and_then(|id| id.as_str()).map(str::to_owned);
            result.undo_request = id.as_ref().map(|id| self.undo_request(id));
            result.safety_backup_id = id;
        }
        // Only now: the safety backup took the server's lock for itself.
        let patience = self.parameters.wait_seconds.unwrap_or(super::DEFAULT_WAIT_SECONDS);
        database.reserve(run.patience(patience), run).await?;
        let file = proof::scratch_file(&self.found.artifact, &self.manifest, run)?;
        let order = self.order(file.as_ref().map(|file| file.path().to_path_buf()))?;
        let table = self.store.project.configuration.migrations_table();
        run.step(Step::RestoringScratch);
        let swapped = self.swap(host, database, order, session, run).await;
        let left = database.discard_beside().await;
        let Replaced { aside, warnings } =
            swapped.map_err(|error| error.with_remains(left.clone()))?;
        let aside = aside.map(|place| self.store.project.shown(Path::new(&place)));
        result.warnings.extend(warnings);
        result.warnings.extend(left);
        result
            .warnings
            .extend(aside.as_ref().map(|place| format!("What was there is kept as {place}")));
        result.replaced = aside;
        // It is done: what cannot be looked at now is no reason to say otherwise.
        result.warnings.extend(match database.state(table, false, &run.committed()).await {
            Ok(LiveDatabase::Readable(state)) => {
                verification::migrations_warning(&self.manifest, &state.migrations)
            }
            Ok(LiveDatabase::Missing | LiveDatabase::Unreadable(_)) => {
                Some("What was restored is not there afterwards".to_owned())
            }
            Err(error) => Some(format!("What was restored could not be read afterwards: {error}")),
        });
        result.duration_seconds = run.seconds();
        let environment = &self.folder.environment;
        Done::new(&result, format!("Backup restored into {environment}: {}", self.found.id))
    }

    fn order(&self, file: Option<PathBuf>) -> Result<ScratchOrder, Error> {
        Ok(ScratchOrder {
            artifact: self.found.artifact.clone(),
            form: self.found.form().ok_or_else(|| Error::internal("a recorded form"))?.form,
            migrations_table: self.store.project.configuration.migrations_table().to_owned(),
            migrations_schema: self.target.schema().map(str::to_owned),
            file,
            left_out: self.left_out,
        })
    }

    /// Restores beside the live database, compares, and swaps.
    async fn swap(
        &self,
        host: &Host<'_>,
        database: &mut dyn Database,
        order: ScratchOrder,
        session: &mut Session,
        run: &Run,
    ) -> Result<Replaced, Error> {
        let restored = database.restore_beside(order, run).await?;
        verification::grade_restored(&self.found.artifact, &self.manifest, &restored)
            .map_err(|failure| Error::RestoredDiffers(Box::new(failure)))?;
        session.intend(host, self.intent(), run).await?;
        self.check_target(host, session)?;
        run.interrupt.check()?;
        run.step(Step::ReplacingDatabase);
        let mut replaced = database.replace(run).await?;
        replaced.warnings.splice(0..0, restored.warnings);
        Ok(replaced)
    }

    fn intent(&self) -> Intent {
        let (id, environment) = (&self.found.id, &self.folder.environment);
        Intent {
            action: format!("Replace the database of {environment} by backup {id}"),
            plan: None,
        }
    }

    /// The variable may have come to name another database while the safety backup was made.
    fn check_target(&self, host: &Host<'_>, session: &mut Session) -> Result<(), Error> {
        let project = self.store.project;
        let environment = project.environment(self.folder.environment.as_str())?;
        let now = session.resolve_database_to_restore(host, project, &environment)?.target;
        if now == self.target {
            return Ok(());
        }
        Err(Error::RestoreFailed {
            detail: format!("{} names another database than before", environment.url_variable()?),
            words: None,
        })
    }

    /// Leaves nothing out: the roles in the safety backup are those of the server that it comes back to.
    fn undo_request(&self, safety_backup: &str) -> serde_json::Value {
        let mut request = json!({"operation": "restore-backup", "parameters": {
            "environment": self.folder.environment.as_str(), "backup_id": safety_backup
        }});
        let parameters = request.get_mut("parameters").and_then(|value| value.as_object_mut());
        if let Some(parameters) = parameters.filter(|_| self.manner == RestoreManner::InPlace) {
            parameters.insert("in_place".to_owned(), true.into());
        }
        request
    }

    fn told(&self, run: &Run) -> RestoreBackupResult {
        let project = self.store.project;
        let mut warnings = self.settled.clone();
        if let LiveDatabase::Unreadable(words) = &self.live {
            warnings.push(format!("What is there cannot be read: {words}"));
        }
        warnings.extend(options::told(self.left_out));
        RestoreBackupResult {
            backup_id: self.found.id.to_string(),
            source_environment: self.found.folder.environment.to_string(),
            created_at: self.manifest.created_at,
            file_path: project.shown(&self.found.artifact),
            size_bytes: self.found.size,
            migrations: self.differences.migrations.clone(),
            rows: self.differences.rows.clone(),
            more_tables: self.differences.more_tables,
            safety_backup_id: None,
            undo_request: None,
            replaced: None,
            estimated_seconds: self.estimated_seconds,
            space: None,
            dry_run: false,
            needs_confirmation: false,
            duration_seconds: run.seconds(),
            warnings,
        }
    }
}
