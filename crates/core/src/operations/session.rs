//! What becomes known of a request while it is worked on; an error that ends it is told with all of that.

use std::path::PathBuf;

use backup_protocol::{Command, IncomingRequest};
use serde_json::Value;

use crate::audit::{AuditTrail, Intent, Outcome, Subject};
use crate::configuration::EnvironmentSettings;
use crate::environment::EnvironmentName;
use crate::error::Error;
use crate::host::Host;
use crate::operational_log::{self, LogSubject};
use crate::project::{Project, ResolvedDatabase};
use crate::recovery::{self, FailureContext};
use crate::redaction::Redactor;
use crate::run::{Run, RunId};
use crate::runs::Runs;

/// The longest label, in characters.
const LONGEST_LABEL: usize = 200;
/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;
/// The most tags, and the longest of them, in characters.
const MOST_TAGS: usize = 20;
const LONGEST_TAG: usize = 100;
/// The longest idempotency key, in characters.
const LONGEST_KEY: usize = 200;

/// The state of one request.
pub(super) struct Session {
    /// Knows the secrets that were met so far.
    pub redactor: Redactor,
    environment: Option<String>,
    label: Option<String>,
    line: String,
    working_directory: Option<String>,
    root: Option<PathBuf>,
    variable: Option<String>,
    location: Option<String>,
    request_id: Option<Value>,
    operation: &'static str,
    /// The trail of the project, once that is known.
    audit: Option<AuditTrail>,
    runs: Option<Runs>,
}

impl Session {
    pub(super) fn new(request: &IncomingRequest, line: &str) -> Self {
        let label = match &request.command {
            Command::CreateBackup(parameters) => parameters.label.clone(),
            _ => None,
        };
        Self {
            redactor: Redactor::default(),
            environment: request.command.environment().map(str::to_owned),
            label,
            line: line.to_owned(),
            working_directory: request.working_directory.clone(),
            root: None,
            variable: None,
            location: None,
            request_id: request.id.as_ref().and_then(|id| serde_json::from_str(id.as_json()).ok()),
            operation: request.operation.operation().name(),
            audit: None,
            runs: None,
        }
    }

    /// The environment for the answer: only what can be a name is repeated.
    pub(super) fn shown_environment(&self) -> Option<String> {
        let environment = self.environment.as_deref()?;
        EnvironmentName::parse(environment).ok().map(|name| self.redactor.clean(name.as_str()))
    }

    pub(super) fn shown_label(&self) -> Option<String> {
        let label =
            self.label.as_deref().filter(|label| check_text("label", label, LONGEST_LABEL).is_ok());
        label.map(|label| self.redactor.clean(label))
    }

    pub(super) fn set_environment(&mut self, environment: &str) {
        self.environment = Some(environment.to_owned());
    }

    /// The project's folder as the request names it.
    pub(super) fn working_directory(&self) -> Option<&str> {
        self.working_directory.as_deref()
    }

    /// The request as it may be kept: without secrets, and without what is used up when it is sent.
    pub(super) fn request_to_keep(&self) -> Option<Value> {
        let mut request: Value =
            serde_json::from_str(self.line.trim_start_matches('\u{feff}')).ok()?;
        if let Some(parameters) = request.get_mut("parameters").and_then(Value::as_object_mut)
            && parameters.get("confirm").is_some_and(Value::is_string)
        {
            parameters.shift_remove("confirm");
        }
        Some(recovery::cleaned(request, &self.redactor))
    }

    pub(super) fn failure_context(&self, error: &Error) -> FailureContext<'_> {
        FailureContext {
            holder_is_in_background: self.holder_is_in_background(error),
            environment: self.environment.as_deref(),
            root: self.root.as_deref(),
            variable: self.variable.as_deref(),
            location: self.location.clone(),
            request: serde_json::from_str::<Value>(self.line.trim_start_matches('\u{feff}')).ok(),
        }
    }

    fn holder_is_in_background(&self, error: &Error) -> bool {
        let (Error::BackupInProgress { run_id: Some(run_id) }, _) = error.parts() else {
            return false;
        };
        let folder = self.runs.as_ref().zip(RunId::parse(run_id));
        folder.is_some_and(|(runs, run_id)| runs.folder(&run_id).record().is_some())
    }

    /// Opens the project that the request is about.
    pub(super) fn open_project(&mut self, host: &Host<'_>) -> Result<Project, Error> {
        let project = Project::open(&host.surroundings, self.working_directory.as_deref())?;
        self.root = Some(project.root.clone());
        self.audit = Some(AuditTrail::of(&project, &host.surroundings, &self.redactor));
        self.runs = Some(Runs::beside(&project.state_folder()));
        if let Ok(location) = project.location() {
            self.location = Some(project.shown(location.root()));
        }
        Ok(project)
    }

    /// Learns what is secret about the request's environment, as far as it can be found; what is wrong
    /// with it is told later.
    pub(super) fn learn_secrets(&mut self, host: &Host<'_>, is_recorded: bool) {
        if self.environment.is_none() && !is_recorded {
            // It shows what was recorded, which has none in it.
            return;
        }
        let project = Project::open(&host.surroundings, self.working_directory.as_deref());
        let Ok(project) = project else { return };
        // A request that names a backup alone may be of any of them.
        let names = match &self.environment {
            Some(environment) => vec![environment.clone()],
            None => project.configuration.environments.keys().cloned().collect(),
        };
        for name in names {
            if let Ok(environment) = project.environment(&name) {
                let _ =
                    project.database(&host.surroundings, &environment, None, &mut self.redactor);
            }
        }
    }

    fn subject(&self) -> Subject<'_> {
        let request_id = self.request_id.clone().map(|id| match id {
            Value::String(text) => Value::String(self.redactor.clean(&text)),
            other => other,
        });
        Subject { request_id, operation: self.operation, environment: self.shown_environment() }
    }

    /// Says in the audit trail what is about to be destroyed.
    ///
    /// # Errors
    /// It cannot be written; then it must not be done.
    pub(super) async fn intend(
        &self,
        host: &Host<'_>,
        intent: Intent,
        run: &Run,
    ) -> Result<(), Error> {
        let trail = self.audit.as_ref();
        let trail =
            trail.ok_or_else(|| Error::internal("nothing is destroyed without a project"))?;
        trail.intend(self.subject(), intent, (host.clock)(), run).await
    }

    /// Writes an operational log, where the project is known and asks for one.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn log(
        &self,
        host: &Host<'_>,
        subject: &LogSubject<'_>,
        run: &Run,
    ) -> Result<(), Error> {
        if self.audit.is_none() {
            return Ok(());
        }
        let project = Project::open(&host.surroundings, self.working_directory.as_deref())?;
        operational_log::write(&project, subject, &self.redactor, (host.clock)(), run)
    }

    /// Says in the audit trail how the operation ended, where a project is known.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) async fn record(
        &self,
        host: &Host<'_>,
        outcome: Outcome,
        run: &Run,
    ) -> Result<(), Error> {
        let Some(trail) = &self.audit else { return Ok(()) };
        trail.ended(self.subject(), outcome, (host.clock)(), &run.committed()).await
    }

    /// Finds an environment's database.
    pub(super) fn resolve_database(
        &mut self,
        host: &Host<'_>,
        project: &Project,
        environment: &EnvironmentSettings<'_>,
        variable: Option<&str>,
    ) -> Result<ResolvedDatabase, Error> {
        if variable.is_some_and(|name| !crate::configuration::is_variable(name)) {
            let detail = "must be the name of a variable, not a URL".to_owned();
            return Err(Error::InvalidParameter { parameter: "database_url_env", detail });
        }
        self.variable = variable
            .map(str::to_owned)
            .or_else(|| environment.url_variable().ok().map(str::to_owned));
        project.database(&host.surroundings, environment, variable, &mut self.redactor)
    }

    /// Finds the database of an environment that is to be restored.
    pub(super) fn resolve_database_to_restore(
        &mut self,
        host: &Host<'_>,
        project: &Project,
        environment: &EnvironmentSettings<'_>,
    ) -> Result<ResolvedDatabase, Error> {
        self.variable = environment.url_variable().ok().map(str::to_owned);
        project.database_to_restore(&host.surroundings, environment, &mut self.redactor)
    }

    /// Refuses words that would put a secret into file names and records.
    pub(super) fn refuse_secrets<'a>(
        &self,
        words: impl IntoIterator<Item = (&'static str, &'a str)>,
    ) -> Result<(), Error> {
        for (parameter, word) in words {
            if self.redactor.finds_secret_in(word) {
                let detail =
                    "looks like it holds a password; it would be stored and shown".to_owned();
                return Err(Error::InvalidParameter { parameter, detail });
            }
        }
        Ok(())
    }
}

/// Checks the words of a create.
pub(super) fn check_words(
    label: Option<&str>,
    reason: Option<&str>,
    tags: &[String],
    idempotency_key: Option<&str>,
) -> Result<(), Error> {
    if let Some(label) = label {
        check_text("label", label, LONGEST_LABEL)?;
    }
    if let Some(reason) = reason {
        check_text("reason", reason, LONGEST_REASON)?;
    }
    if tags.len() > MOST_TAGS {
        let detail = format!("at most {MOST_TAGS} tags");
        return Err(Error::InvalidParameter { parameter: "tags", detail });
    }
    for tag in tags {
        check_text("tags", tag, LONGEST_TAG)?;
    }
    idempotency_key.map_or(Ok(()), |key| check_text("idempotency_key", key, LONGEST_KEY))
}

fn check_text(parameter: &'static str, text: &str, longest: usize) -> Result<(), Error> {
    let invalid = |detail: String| Err(Error::InvalidParameter { parameter, detail });
    if text.is_empty() {
        return invalid("is empty; leave it out instead".to_owned());
    }
    if text.chars().count() > longest {
        return invalid(format!("is longer than {longest} characters"));
    }
    if text.chars().any(char::is_control) {
        return invalid("holds a control character".to_owned());
    }
    Ok(())
}

/// Checks a number that a schema bounds.
pub(super) fn check_range(
    parameter: &'static str,
    value: Option<u32>,
    range: std::ops::RangeInclusive<u32>,
) -> Result<(), Error> {
    match value {
        Some(value) if !range.contains(&value) => Err(Error::InvalidParameter {
            parameter,
            detail: format!("must be from {} to {}", range.start(), range.end()),
        }),
        _ => Ok(()),
    }
}
