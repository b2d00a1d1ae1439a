//! Making one artifact: the handler dumps into locked partial files, then what was written is read back and
//! graded.

use std::path::Path;

use backup_protocol::Format;

use crate::error::{Error, VerificationFailure};
use crate::handler::{
    ArtifactForm, ArtifactToExamine, Checksums, Compression, Database, Depth, Destination,
    DumpOrder, Dumped, Handler, ToolSettings,
};
use crate::progress::Step;
use crate::redaction::Redactor;
use crate::run::Run;
use crate::space::{self, SpaceNeed};
use crate::storage::{self, PartialFile};
use crate::verification;

/// The longest warning that is told, in characters.
const LONGEST_WARNING: usize = 400;

/// The partial files of an artifact that is being made; removed when dropped.
pub(super) struct ArtifactFiles {
    pub artifact: PartialFile,
    pub globals: Option<PartialFile>,
    working_copy: PartialFile,
}

impl ArtifactFiles {
    /// Creates and locks the files for an artifact of that name and form, and for the server's globals
    /// where a name for them is given.
    pub(super) fn create(
        folder: &Path,
        name: &str,
        form: ArtifactForm,
        globals: Option<&str>,
        run: &Run,
    ) -> Result<Self, Error> {
        let failed = |error| Error::creating_in(folder, error);
        let create = |name: &str| PartialFile::create(folder, name, &run.id).map_err(failed);
        let artifact = match form.format {
            Format::Directory => {
                PartialFile::create_folder(folder, name, &run.id).map_err(failed)?
            }
            Format::Sql | Format::Custom | Format::Snapshot => create(name)?,
        };
        Ok(Self {
            artifact,
            globals: globals.map(create).transpose()?,
            working_copy: create(&format!("{name}.copy"))?,
        })
    }

    fn destination(&self) -> Result<Destination, Error> {
        let open = |partial: &PartialFile| {
            let file = partial.file().try_clone();
            file.map(|file| (file, partial.path().to_path_buf()))
                .map_err(|error| Error::storage("use", partial.path(), error))
        };
        let (file, path) = open(&self.artifact)?;
        Ok(Destination {
            file,
            path,
            working_copy: open(&self.working_copy)?,
            globals: self.globals.as_ref().map(open).transpose()?,
        })
    }
}

/// An artifact that was made and proven.
pub(super) struct Made {
    /// What the handler knows of it, with every row count that was proven.
    pub dumped: Dumped,
    /// What was read back.
    pub checksums: Checksums,
}

/// What making an artifact takes.
pub(super) struct Making<'a> {
    /// Reads it back.
    pub handler: &'a dyn Handler,
    /// Writes it.
    pub database: &'a mut dyn Database,
    /// What is to be made.
    pub order: DumpOrder,
    /// How the tools work.
    pub settings: &'a ToolSettings,
    /// Cleans what they say.
    pub redactor: &'a Redactor,
    /// Where it goes.
    pub files: &'a ArtifactFiles,
    /// What it will be called.
    pub name: &'a str,
    /// The room that was thought to be enough, in bytes.
    pub required: u64,
}

/// Dumps and proves.
pub(super) async fn make(making: Making<'_>, run: &Run) -> Result<Made, Error> {
    let Making { handler, database, order, settings, redactor, files, name, required } = making;
    run.step(Step::CreatingThroughHandler(handler.spoken_name()));
    let (engine, form) = (order.target.engine(), order.form);
    let compressed = form.compression != Compression::None;
    let plausible = space::plausible_minimum(order.expected_bytes.unwrap_or_default(), compressed);
    let dumped = database.dump(order, files.destination()?, run).await;
    let mut dumped = dumped.map_err(|error| match error {
        // What was needed is known here, what was left only where the write failed.
        Error::SpaceDuring { available, .. } => {
            Error::SpaceDuring { required: required.max(available + 1), available }
        }
        Error::VerificationFailed(failure) if failure.file.is_empty() => {
            // A handler knows the partial file; people know what it was to become, and how large.
            let written = storage::artifact_bytes(files.artifact.path()).unwrap_or_default();
            Error::VerificationFailed(Box::new(VerificationFailure {
                file: name.to_owned(),
                expected_minimum: failure.expected_minimum.max(plausible),
                actual: failure.actual.max(written),
                ..*failure
            }))
        }
        other => other,
    })?;
    let size = storage::artifact_bytes(files.artifact.path()).unwrap_or_default();
    run.step(Step::FileCreated { size });
    run.step(Step::VerifyingIntegrity);
    let artifact = ArtifactToExamine {
        path: files.artifact.path(),
        engine: Some(engine),
        form: ArtifactForm { compression: dumped.compression, ..form },
        settings,
        depth: Depth::Structure,
        scratch: None,
    };
    let examination = handler.examine(artifact, run).await?;
    let (checksums, row_counts) =
        verification::grade_new(Path::new(name), &dumped, &examination)
            .map_err(|failure| Error::VerificationFailed(Box::new(failure)))?;
    dumped.row_counts = row_counts;
    if dumped.compression != form.compression {
        let (asked, is) = (form.compression.name(), dumped.compression.name());
        dumped
            .warnings
            .push(format!("The tool has no {asked}: the backup is compressed with {is}"));
    }
    for warning in &mut dumped.warnings {
        // Cut only when it is clean: a part of a secret would not be known for one.
        *warning = redactor.clean(warning).chars().take(LONGEST_WARNING).collect();
    }
    run.interrupt.check()?;
    Ok(Made { dumped, checksums })
}

/// Refuses to begin where the room would not do. Says what is free, in bytes.
pub(super) fn check_space(need: SpaceNeed, folder: &Path) -> Result<u64, Error> {
    let available = storage::available_space(folder)
        .map_err(|error| Error::storage("measure", folder, error))?;
    if need.fits(available) {
        return Ok(available);
    }
    Err(Error::SpaceBefore { required: need.required, available, estimate: need.estimate })
}
