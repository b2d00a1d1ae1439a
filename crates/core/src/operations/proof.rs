//! The strongest proof of a backup: it is restored into a scratch database, and what is in it is compared with
//! what was recorded.

use std::path::Path;
use std::time::Duration;

use backup_protocol::RestoreProof;

use super::find::Found;
use super::restore::room;
use super::session::Session;
use super::verify::scratch_beside;
use crate::error::{Error, VerificationFailure};
use crate::handler::{LeftOut, ScratchOrder};
use crate::host::Host;
use crate::progress::Step;
use crate::project::Project;
use crate::records::Manifest;
use crate::run::Run;
use crate::size;
use crate::storage::PartialFile;
use crate::verification::{self, Restored};

/// What restoring it came to.
pub(super) struct Proof {
    /// That something else came back than was recorded is a verdict, not an error.
    pub graded: Result<Restored, VerificationFailure>,
    pub told: RestoreProof,
    pub warnings: Vec<String>,
}

/// Restores a backup beside the database of its environment, or on the server that the configuration names for
/// that. What the server lacks is an error.
pub(super) async fn prove(
    host: &Host<'_>,
    project: &Project,
    found: &Found,
    session: &mut Session,
    run: &Run,
) -> Result<Proof, Error> {
    let Some(record) = &found.record else {
        return Err(Error::UnsupportedDatabase {
            what: "a record of the older shape does not say what a restore must bring back"
                .to_owned(),
        });
    };
    let manifest = &record.manifest;
    let environment = project.environment(found.folder.environment.as_str())?;
    let elsewhere = project.configuration.scratch_variable();
    refuse_large(project, manifest.database.size_bytes, "level")?;
    // Where the migrations are, the environment's own URL says.
    let own = session.resolve_database(host, project, &environment, None);
    let migrations_schema = own.ok().and_then(|own| own.target.schema().map(str::to_owned));
    let database = session.resolve_database(host, project, &environment, elsewhere)?;
    if database.target.engine() != manifest.database.engine {
        return Err(Error::UnsupportedDatabase {
            what: format!(
                "the backup is of {}, the database to restore beside of {}",
                manifest.database.engine,
                database.target.engine()
            ),
        });
    }
    let form = found.form().ok_or_else(|| Error::UnsupportedDatabase {
        what: "this version does not know this artifact's format".to_owned(),
    })?;
    let file = scratch_file(&found.artifact, manifest, run)?;
    let settings = project.configuration.tool_settings(
        Some(found.folder.environment.as_str()),
        &project.root,
        host.workers,
    );
    run.step(Step::RestoringScratch);
    let handler = host.handler_for(&database.target);
    let mut connected = handler.connect(&database.target, &settings, run).await?;
    let order = ScratchOrder {
        artifact: found.artifact.clone(),
        form: form.form,
        migrations_table: project.configuration.migrations_table().to_owned(),
        migrations_schema,
        file: file.as_ref().map(|file| file.path().to_path_buf()),
        left_out: LeftOut::default(),
    };
    if file.is_none() {
        room::refuse_crowding(&mut *connected, manifest, run).await?;
    }
    let settled =
        connected.settle(Duration::from_secs(super::DEFAULT_WAIT_SECONDS.into()), run).await?;
    let restored = connected.restore_scratch(order, run).await?;
    drop(connected);
    let counted = restored.row_counts.values().flatten();
    let told = RestoreProof {
        restore_seconds: restored.seconds,
        tables_compared: counted.clone().count() as u64,
        rows_compared: counted.sum(),
    };
    let graded = verification::grade_restored(&found.artifact, manifest, &restored);
    let mut warnings = settled;
    warnings.extend(restored.warnings);
    warnings.extend(verification::migrations_warning(manifest, &restored.migrations));
    Ok(Proof { graded, told, warnings })
}

/// A scratch file beside the artifact, where the engine's databases are files.
pub(super) fn scratch_file(
    artifact: &Path,
    manifest: &Manifest,
    run: &Run,
) -> Result<Option<PartialFile>, Error> {
    if manifest.database.engine != "sqlite" {
        return Ok(None);
    }
    scratch_beside(artifact, manifest.artifact.raw_size_bytes, run).map(Some)
}

/// A scratch database takes as much room at the server as the live one. `parameter` is the one that asks for it.
pub(super) fn refuse_large(
    project: &Project,
    bytes: u64,
    parameter: &'static str,
) -> Result<(), Error> {
    let limit = project.configuration.largest_scratch_bytes();
    if project.configuration.scratch_variable().is_some() || bytes <= limit {
        return Ok(());
    }
    Err(Error::InvalidParameter {
        parameter,
        detail: format!(
            "cannot be \"restore\": the database has {}, more than verification.max_scratch_gb allows beside the live one ({}); raise it, or name another server in verification.database_url_env",
            size::human(bytes),
            size::human(limit)
        ),
    })
}
