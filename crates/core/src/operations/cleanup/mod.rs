//! `cleanup-backups`: plan → yes → the backups that the plan relies on are examined → the plan once more → removal.

mod automatic;
mod gathered;
mod policy;
mod replaced;
mod told;

use std::collections::{BTreeMap, BTreeSet};

use backup_protocol::{CleanupBackupsParameters, Confirmation, ConfirmationPlan, RetentionReason};
use chrono::{DateTime, Utc};

use super::Done;
use super::find::Found;
use super::list;
use super::removal::{self, Doomed};
use super::session::{Session, check_range};
use super::store::{Store, write_note};
use super::verify;
use crate::audit::{Intent, PlannedBackup};
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
use gathered::{Gathered, gather};
use told::Cleaned;

/// How many backups are removed between two looks at whether somebody wants it to stop.
const BATCH: usize = 128;
/// How many backups a question names.
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
        believe_clock(self.store, now, gathered::times(&gathered))?;
        let candidates: Vec<_> = gathered.iter().map(|one| one.candidate.clone()).collect();
        let Plan { decisions, relied_on } = Plan::make(&candidates, &self.policy, now);
        let mut planned = Planned { gathered, decisions, relied_on, now };
        if let Some(agreed) = agreed {
            planned.keep_what_was_not_agreed(agreed);
        }
        Ok(planned)
    }

    async fn perform(&self, session: &Session, run: &Run) -> Result<Done, Error> {
        let mut agreed: Option<BTreeSet<String>> = None;
        let mut proven = BTreeSet::new();
        loop {
            let tidy = self.store.tidy(run).await?;
            let planned = self.plan(agreed.as_ref())?;
            if agreed.is_none() {
                self.confirm(&planned, run)?;
                agreed = Some(planned.removed().map(|one| one.candidate.id.clone()).collect());
            }
            let unproven = planned.unproven(&proven);
            if planned.removed().next().is_none() || unproven.is_empty() {
                if planned.removed().next().is_some() {
                    session.intend(self.host, planned.intent(), run).await?;
                }
                let cleaned = self.remove(planned, run).await?;
                drop(tidy);
                return told::done(self.parameters, &cleaned);
            }
            // Reading whole artifacts takes its time: not under the lock that everybody needs.
            drop(tidy);
            run.step(Step::VerifyingIntegrity);
            for found in unproven {
                verify::is_sound(self.host, self.store, found, run).await?;
                proven.insert(found.id.to_string());
            }
        }
    }

    /// Removes what the plan removes, and notes which losses were seen. The caller holds the location's lock.
    async fn remove(&self, mut planned: Planned, run: &Run) -> Result<Cleaned, Error> {
        let outcomes = remove_in_batches(self.store, &planned, run).await?;
        let (mut freed, mut failed) = (0, Vec::new());
        for (one, decision) in planned.gathered.iter().zip(&mut planned.decisions) {
            match outcomes.get(&one.candidate.id) {
                Some(Ok(bytes)) => freed += bytes.unwrap_or_default(),
                Some(Err(Error::BackupInUse { .. })) => {
                    *decision = Decision { removes: false, reason: RetentionReason::InUse };
                }
                Some(Err(error)) => {
                    *decision = Decision { removes: false, reason: RetentionReason::RemovalBegun };
                    failed.push((one.candidate.id.clone(), error.to_string()));
                }
                None => {}
            }
        }
        if failed.is_empty() {
            self.accept_losses(&planned, run).await?;
            return Ok(Cleaned { planned, freed });
        }
        let removed = planned.removed().count();
        Err(Error::CleanupIncomplete { removed, freed, failed })
    }

    /// Notes on every backup that shows a loss that somebody looked after the environment since: automatic
    /// retention goes on.
    async fn accept_losses(&self, planned: &Planned, run: &Run) -> Result<(), Error> {
        let run = &run.committed();
        let removed: BTreeSet<&str> =
            planned.removed().map(|one| one.candidate.id.as_str()).collect();
        for found in planned.gathered.iter().filter_map(|one| one.found.as_ref()) {
            let unseen = found.record.as_ref().is_some_and(Record::shows_unseen_loss);
            if unseen && !removed.contains(found.id.as_str()) {
                let note = Note::new(&found.id, NoteKind::Accepted, planned.now, &run.id);
                write_note(&found.folder, &found.id, &note, run)?;
                self.store.record(&found.folder, &found.id, run).await?;
            }
        }
        Ok(())
    }

    fn needs_confirmation(&self, planned: &Planned) -> bool {
        let configuration = &self.store.project.configuration;
        planned.removed().any(|one| {
            EnvironmentName::parse(&one.candidate.environment)
                .map_or(true, |environment| configuration.is_protected(&environment))
        })
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
    consequences.extend(by_environment.into_iter().filter(|(_, (removed, _))| *removed > 0).map(
        |(environment, (removed, all))| format!("{removed} of {all} backups of {environment} go"),
    ));
    consequences.extend(planned.removed().take(MOST_NAMED).map(|one| {
        let candidate = &one.candidate;
        format!("{} of {} goes, {}", candidate.id, candidate.environment, size::human(one.size))
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

/// What became of each backup that was to go, by its id.
async fn remove_in_batches(
    store: &Store<'_>,
    planned: &Planned,
    run: &Run,
) -> Result<BTreeMap<String, removal::Outcome>, Error> {
    let doomed: Vec<Doomed<'_>> = planned
        .removed()
        .filter_map(|one| one.found.as_ref())
        .map(|found| Doomed { found, owned: true })
        .collect();
    let mut outcomes = BTreeMap::new();
    for batch in doomed.chunks(BATCH) {
        match removal::remove(store, batch, planned.now, run).await {
            Ok(done) => {
                let ids = batch.iter().map(|one| one.found.id.to_string());
                outcomes.extend(ids.zip(done));
            }
            Err(error) if outcomes.is_empty() => return Err(error),
            Err(error) => {
                let removed = outcomes.values().filter(|outcome| outcome.is_ok()).count();
                return Err(error.with_remains([format!("{removed} backups were removed before")]));
            }
        }
    }
    Ok(outcomes)
}

/// Removes nothing while the clock says what nothing else does.
fn believe_clock(
    store: &Store<'_>,
    now: DateTime<Utc>,
    made: impl IntoIterator<Item = DateTime<Utc>>,
) -> Result<(), Error> {
    let file_system = store.time().map(|time| Witness { whose: "the file system", time });
    let witnesses: Vec<Witness> = file_system.into_iter().collect();
    match (Clock { now, witnesses: &witnesses }).suspicion(made) {
        Some(reason) => Err(Error::ClockSuspect { reason }),
        None => Ok(()),
    }
}
