//! `cleanup-backups`: plan → yes → the backups that the plan relies on are examined → the plan once more → removal.

mod automatic;
mod policy;
mod replaced;
mod told;

use std::collections::{BTreeMap, BTreeSet};

use backup_protocol::{CleanupBackupsParameters, Confirmation, ConfirmationPlan, RetentionReason};
use chrono::{DateTime, Utc};

use super::Done;
use super::find::Found;
use super::gathered::{Gathered, gather};
use super::list;
use super::removal::{self, Doomed};
use super::session::{Session, check_range};
use super::store::{Store, write_note};
use super::verify;
use crate::audit::{Intent, PlannedBackup};
use crate::catalogue::RecordView;
use crate::confirmation::{Bound, Confirmations};
use crate::environment::EnvironmentName;
use crate::error::{ConfirmationRequest, Error};
use crate::host::Host;
use crate::progress::Step;
use crate::records::{Note, NoteKind, Record};
use crate::retention::{Clock, Decision, Plan, Policy, Witness};
use crate::run::Run;
use crate::size;

pub(super) use automatic::after_create;
use told::Cleaned;

/// How many backups are removed between two looks at whether somebody wants it to stop, and at all manifests. The lock
/// that others wait for is held for a second or two meanwhile.
const BATCH: usize = 512;
/// How many backups a question or an answer names.
const MOST_NAMED: usize = 20;

pub(super) async fn cleanup(
    host: &Host<'_>,
    parameters: &CleanupBackupsParameters,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    if parameters.replaced.unwrap_or_default() {
        return replaced::cleanup(host, parameters, session, run).await;
    }
    let policy = policy::read(parameters)?;
    check_range("limit", parameters.limit, 1..=list::MOST)?;
    let dry_run = parameters.dry_run.unwrap_or_default();
    if parameters.cursor.is_some() && !dry_run {
        let detail = "goes with dry_run: what was done is told once".to_owned();
        return Err(Error::InvalidParameter { parameter: "cursor", detail });
    }
    let project = session.open_project(host)?;
    run.step(Step::ConfigurationLoaded);
    if let Some(environment) = &parameters.environment {
        list::listed_environment(&project, environment)?;
    }
    let store = Store::of(&project)?;
    store.catalogue.check_writable()?;
    let cleanup = Cleanup { host, store: &store, parameters, policy };
    if dry_run {
        let planned = cleanup.plan(None)?;
        let needs_confirmation = cleanup.needs_confirmation(&planned);
        return told::planned(parameters, &planned, needs_confirmation);
    }
    cleanup.perform(session, run).await
}

/// A request, and what it works on.
struct Cleanup<'a> {
    host: &'a Host<'a>,
    store: &'a Store<'a>,
    parameters: &'a CleanupBackupsParameters,
    policy: Policy,
}

/// Backups, and what is to become of each.
#[derive(Clone)]
struct Planned {
    gathered: Vec<Gathered>,
    decisions: Vec<Decision>,
    relied_on: BTreeSet<usize>,
    now: DateTime<Utc>,
}

impl Planned {
    fn removed(&self) -> impl Iterator<Item = &Gathered> {
        let pairs = self.gathered.iter().zip(&self.decisions);
        pairs.filter(|(_, decision)| decision.removes).map(|(one, _)| one)
    }

    /// What the audit trail says before anything goes: the whole plan.
    fn intent(&self) -> Intent {
        let count = self.removed().count();
        let planned = self.gathered.iter().zip(&self.decisions);
        let plan = planned.map(|(one, decision)| PlannedBackup {
            backup_id: one.candidate.id.clone(),
            action: told::action(*decision),
            reason: Some(decision.reason),
        });
        Intent {
            action: format!("Remove {count} of {} backups", self.gathered.len()),
            plan: Some(plan.collect()),
        }
    }

    /// What goes as far as it was agreed to; the rest stays for the next time.
    fn keep_what_was_not_agreed(&mut self, agreed: &BTreeSet<String>) {
        for (one, decision) in self.gathered.iter().zip(&mut self.decisions) {
            if decision.removes && !agreed.contains(&one.candidate.id) {
                *decision = Decision { removes: false, reason: RetentionReason::Later };
            }
        }
    }

    /// The backups that show a loss that nobody has looked at, and that stay.
    fn unseen_losses(&self) -> impl Iterator<Item = &Found> {
        let staying = self.gathered.iter().zip(&self.decisions);
        let staying = staying.filter(|(_, decision)| !decision.removes);
        staying
            .filter_map(|(one, _)| one.found.as_ref())
            .filter(|found| found.record.as_ref().is_some_and(Record::shows_unseen_loss))
    }

    /// The backups that must be sound before anything goes, without those that were found so.
    fn unproven(&self, proven: &BTreeSet<String>) -> Vec<&Found> {
        let relied_on = self.relied_on.iter().filter_map(|index| self.gathered.get(*index));
        let relied_on = relied_on.filter(|one| !proven.contains(&one.candidate.id));
        relied_on.filter_map(|one| one.found.as_ref()).collect()
    }
}

impl Cleanup<'_> {
    fn plan(&self, agreed: Option<&BTreeSet<String>>) -> Result<Planned, Error> {
        let gathered = gather(self.store, self.parameters.environment.as_deref())?;
        let now = (self.host.clock)();
        believe_clock(self.store, now, None, None)?;
        let candidates: Vec<_> = gathered.iter().map(|one| one.candidate.clone()).collect();
        let Plan { decisions, relied_on } = Plan::make(&candidates, &self.policy, now);
        let mut planned = Planned { gathered, decisions, relied_on, now };
        if let Some(agreed) = agreed {
            planned.keep_what_was_not_agreed(agreed);
        }
        Ok(planned)
    }

    /// The location's lock is given up between the steps, since everybody needs it; so each begins with the plan as
    /// it is then, of which only goes what was agreed to.
    async fn perform(&self, session: &Session, run: &Run) -> Result<Done, Error> {
        let mut agreed: Option<BTreeSet<String>> = None;
        let mut seen_losses = BTreeSet::new();
        let (mut proven, mut warnings) = (BTreeSet::new(), Vec::new());
        let mut cleaned: Option<Cleaned> = None;
        loop {
            let tidy = self
                .store
                .tidy(run)
                .await
                .map_err(|error| interrupted_by(error, cleaned.as_ref()))?;
            let planned = self.plan(agreed.as_ref())?;
            if agreed.is_none() {
                warnings.extend(tidy.about_removals());
                self.confirm(&planned, run)?;
                agreed = Some(planned.removed().map(|one| one.candidate.id.clone()).collect());
                seen_losses = planned.unseen_losses().map(|found| found.id.to_string()).collect();
            }
            let unproven = planned.unproven(&proven);
            if planned.removed().next().is_some() && !unproven.is_empty() {
                drop(tidy);
                // Reading whole artifacts takes its time.
                run.step(Step::VerifyingIntegrity);
                for found in unproven {
                    if !verify::is_sound(self.host, self.store, found, run).await? {
                        warnings.push(broken(found));
                    }
                    proven.insert(found.id.to_string());
                }
                continue;
            }
            let so_far = match &mut cleaned {
                Some(so_far) => so_far,
                None => {
                    if planned.removed().next().is_some() {
                        session.intend(self.host, planned.intent(), run).await?;
                    }
                    cleaned.insert(Cleaned::new(planned.clone()))
                }
            };
            let batch = so_far.next_batch(&planned);
            if batch.is_empty() {
                if so_far.is_whole() {
                    warnings.extend(self.accept_losses(&planned, &seen_losses, run).await?);
                }
                drop(tidy);
                return told::done(self.parameters, so_far, warnings);
            }
            remove_batch(self.store, &batch, so_far, run).await?;
        }
    }

    /// Notes on every backup that shows a loss that somebody looked after the environment since: automatic
    /// retention goes on. Says so. A loss that was not there when the plan was agreed to was seen by nobody.
    async fn accept_losses(
        &self,
        planned: &Planned,
        seen: &BTreeSet<String>,
        run: &Run,
    ) -> Result<Vec<String>, Error> {
        let run = &run.committed();
        let mut told = Vec::new();
        for found in planned.unseen_losses().filter(|found| seen.contains(found.id.as_str())) {
            let note = Note::new(&found.id, NoteKind::Accepted, planned.now, &run.id);
            write_note(&found.folder, &found.id, &note, run)?;
            self.store.record(&found.folder, &found.id, run).await?;
            told.push(format!(
                "{} shows a loss: automatic retention of {} goes on from here, and the backup before the loss stays",
                found.id, found.folder.environment
            ));
        }
        told.truncate(MOST_NAMED);
        Ok(told)
    }

    /// Whether it removes something of a protected environment, or lets its retention go on after a loss.
    fn needs_confirmation(&self, planned: &Planned) -> bool {
        let configuration = &self.store.project.configuration;
        let protected = |environment: &str| {
            EnvironmentName::parse(environment)
                .map_or(true, |environment| configuration.is_protected(&environment))
        };
        planned.removed().any(|one| protected(&one.candidate.environment))
            || planned.unseen_losses().any(|found| protected(found.folder.environment.as_str()))
    }

    /// Goes on where no yes is needed or the right one was sent, which it uses up.
    fn confirm(&self, planned: &Planned, run: &Run) -> Result<(), Error> {
        if !self.needs_confirmation(planned) {
            return Ok(());
        }
        let project = self.store.project;
        let tokens = Confirmations::open(&project.state_folder(), &run.id)?;
        let mut parts = vec![
            "cleanup-backups".to_owned(),
            project.identity(),
            format!("{:?}", self.parameters.environment),
            format!("{:?}", self.policy),
        ];
        parts.extend(planned.unseen_losses().map(|found| format!("loss in {}", found.id)));
        parts.extend(planned.removed().map(|one| {
            let record = one.found.as_ref().and_then(|found| found.sha256.as_deref());
            format!("{} {}", one.candidate.id, record.unwrap_or_default())
        }));
        let bound = Bound::to(parts);
        if let Some(Confirmation::Token(token)) = &self.parameters.confirm {
            let token = tokens.check(token, &bound, planned.now)?;
            return tokens.use_up(&token, planned.now);
        }
        let seconds = project.configuration.approval_seconds();
        let token = tokens.issue(&bound, planned.now, seconds)?;
        Err(Error::ConfirmationRequired(Box::new(ConfirmationRequest {
            plan: question(planned),
            token: Some(token),
            last_good_backup: false,
        })))
    }
}

/// What somebody must know to say yes.
fn question(planned: &Planned) -> ConfirmationPlan {
    let mut by_environment: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (one, decision) in planned.gathered.iter().zip(&planned.decisions) {
        let counts = by_environment.entry(&one.candidate.environment).or_default();
        counts.0 += usize::from(decision.removes);
        counts.1 += 1;
    }
    let size: u64 = planned.removed().map(|one| one.size).sum();
    let count = planned.removed().count();
    let mut consequences = vec!["The backups cannot be brought back".to_owned()];
    let concerned = by_environment.into_iter().filter(|(_, (removed, _))| *removed > 0);
    consequences.extend(concerned.take(MOST_NAMED).map(|(environment, (removed, all))| {
        format!("{removed} of {all} backups of {environment} go")
    }));
    consequences.extend(planned.removed().take(MOST_NAMED).map(|one| {
        let candidate = &one.candidate;
        format!("{} of {} goes, {}", candidate.id, candidate.environment, size::human(one.size))
    }));
    consequences.extend(planned.unseen_losses().take(MOST_NAMED).map(|found| {
        format!("{} shows a loss, after which automatic retention would go on", found.id)
    }));
    if count > MOST_NAMED {
        let more = count - MOST_NAMED;
        consequences.push(format!("and {more} more; the same request with dry_run shows all"));
    }
    ConfirmationPlan {
        action: format!("Remove {count} of {} backups", planned.gathered.len()),
        backup_id: None,
        size_bytes: size,
        size_human: size::human(size),
        consequences,
    }
}

/// What somebody must know of a backup that was thought to be good.
fn broken(found: &Found) -> String {
    format!(
        "{} of {} was found broken and counts for nothing now: send verify-backup with its id for the reason",
        found.id, found.folder.environment
    )
}

/// Removes some of what is to go. The caller holds the location's lock.
async fn remove_batch(
    store: &Store<'_>,
    batch: &[Found],
    so_far: &mut Cleaned,
    run: &Run,
) -> Result<(), Error> {
    let doom = |found| Doomed { found, owned: true, last_good: false };
    let doomed: Vec<Doomed<'_>> = batch.iter().map(doom).collect();
    let removed = removal::remove(store, &doomed, so_far.planned.now, run).await;
    let outcomes = removed.map_err(|error| {
        let about = format!("Up to {} more were begun", batch.len());
        error.with_remains(so_far.remains().into_iter().chain([about]))
    })?;
    so_far.outcomes.extend(batch.iter().map(|found| found.id.to_string()).zip(outcomes));
    Ok(())
}

/// An error between the steps, with what was done before it.
fn interrupted_by(error: Error, so_far: Option<&Cleaned>) -> Error {
    match so_far {
        Some(so_far) => error.with_remains(so_far.remains()),
        None => error,
    }
}

/// Removes nothing while the clock says what nothing else does: the file system, the database's server where it was
/// asked, and when the project's backups were made, but for that of this run.
fn believe_clock(
    store: &Store<'_>,
    now: DateTime<Utc>,
    server: Option<Witness>,
    of_this_run: Option<&str>,
) -> Result<(), Error> {
    let file_system = store.time().map(|time| Witness { whose: "the file system", time });
    let witnesses: Vec<Witness> = file_system.into_iter().chain(server).collect();
    let snapshot = store.catalogue.read()?;
    let (views, _) = snapshot.views()?;
    let made =
        views.iter().filter(|view| Some(view.id()) != of_this_run).map(RecordView::created_at);
    match (Clock { now, witnesses: &witnesses }).suspicion(made) {
        Some(reason) => Err(Error::ClockSuspect { reason }),
        None => Ok(()),
    }
}
