//! An archive, restored by `pg_restore`.

use std::num::NonZeroUsize;

use backup_core::{Error, Run, ScratchOrder};

use super::connect::Reaching;
use super::examine::PG_RESTORE;
use super::scratch::Scratch;
use crate::prisma_local::loading::LoadTool;
use crate::tools::Tool;

/// Restores it into a scratch database by so many jobs, without a single error.
pub(super) fn load(
    reaching: &Reaching,
    tool: &Tool,
    Scratch { name, options }: &Scratch,
    order: &ScratchOrder,
    jobs: NonZeroUsize,
    run: &Run,
) -> Result<(), Error> {
    let command = reaching
        .command_in(&tool.path, name, options)
        .arguments(["--no-password".to_owned(), "--exit-on-error".to_owned()])
        .arguments([format!("--jobs={jobs}"), format!("--dbname={name}")])
        .arguments(order.left_out.owners.then_some("--no-owner"))
        .arguments(order.left_out.privileges.then_some("--no-privileges"))
        .argument("--")
        .argument(&order.artifact);
    let (name, launcher) = (PG_RESTORE.spoken, &reaching.launcher);
    LoadTool { name, launcher, threads: jobs, run }.perform(&command)
}
