//! Making one artifact: the handler dumps into locked partial files, then what was written is read back and
//! graded.

use std::path::Path;

use crate::error::Error;
use crate::handler::{
    ArtifactToExamine, Checksums, Depth, Destination, DumpOrder, Dumped, Handler,
};
use crate::progress::Step;
use crate::run::Run;
use crate::storage::{self, PartialFile};
use crate::verification;

/// The partial files of an artifact that is being made; removed when dropped.
pub(super) struct ArtifactFiles {
    pub artifact: PartialFile,
    working_copy: PartialFile,
}

impl ArtifactFiles {
    /// Creates and locks the files for an artifact of that name.
    pub(super) fn create(folder: &Path, name: &str, run: &Run) -> Result<Self, Error> {
        let create = |name: &str| {
            PartialFile::create(folder, name, &run.id)
                .map_err(|error| Error::creating_in(folder, error))
        };
        Ok(Self { artifact: create(name)?, working_copy: create(&format!("{name}.copy"))? })
    }

    fn destination(&self) -> Result<Destination, Error> {
        let open = |partial: &PartialFile| {
            let file = partial.file().try_clone();
            file.map(|file| (file, partial.path().to_path_buf()))
                .map_err(|error| Error::storage("use", partial.path(), error))
        };
        let (file, path) = open(&self.artifact)?;
        Ok(Destination { file, path, working_copy: open(&self.working_copy)? })
    }
}

/// Dumps and proves. `name` is what the artifact will be called; `required` is the room that was thought
/// to be enough, in bytes.
pub(super) async fn make(
    handler: &dyn Handler,
    order: DumpOrder,
    files: &ArtifactFiles,
    name: &str,
    required: u64,
    run: &Run,
) -> Result<(Dumped, Checksums), Error> {
    run.step(Step::CreatingThroughHandler(handler.spoken_name()));
    let (engine, form, workers) = (order.target.engine(), order.form, order.workers);
    let dumped = handler.dump(order, files.destination()?, run).await;
    let dumped = dumped.map_err(|error| match error {
        // What was needed is known here, what was left only where the write failed.
        Error::SpaceDuring { available, .. } => {
            Error::SpaceDuring { required: required.max(available + 1), available }
        }
        other => other,
    })?;
    let size = files.artifact.file().metadata().map_or(0, |metadata| metadata.len());
    run.step(Step::FileCreated { size });
    run.step(Step::VerifyingIntegrity);
    let artifact = ArtifactToExamine {
        path: files.artifact.path(),
        engine: Some(engine),
        form,
        workers,
        depth: Depth::Structure,
        scratch: None,
    };
    let examination = handler.examine(artifact, run).await?;
    let checksums = verification::grade_new(
        Path::new(name),
        dumped.passed.as_ref(),
        &examination,
        dumped.expected_minimum,
    )
    .map_err(|failure| Error::VerificationFailed(Box::new(failure)))?;
    run.interrupt.check()?;
    Ok((dumped, checksums))
}

/// Refuses to begin where the room would not do. Says what is free, in bytes.
pub(super) fn check_space(need: crate::space::SpaceNeed, folder: &Path) -> Result<u64, Error> {
    let available = storage::available_space(folder)
        .map_err(|error| Error::storage("measure", folder, error))?;
    if need.fits(available) {
        return Ok(available);
    }
    Err(Error::SpaceBefore { required: need.required, available, estimate: need.estimate })
}
