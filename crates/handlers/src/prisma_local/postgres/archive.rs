//! An archive, restored by `pg_restore`: as many jobs as the machine has processors do what can be done side by side.

use std::io::Write;
use std::num::NonZeroUsize;

use backup_core::{Error, Run, ScratchOrder};

use super::connect::Reaching;
use super::examine::PG_RESTORE;
use super::pouring;
use super::scratch::Scratch;
use crate::prisma_local::loading::LoadTool;
use crate::process::ToolCommand;
use crate::tools::Tool;

/// What comes before indexes and everything else that looks at rows.
const TABLES_AND_ROWS: [&str; 2] = ["pre-data", "data"];
const THE_REST: &str = "post-data";
/// Where `pg_restore` finds the list of what it is to restore: what it is given.
const GIVEN_LIST: &str = "--use-list=/dev/stdin";
const ONE_JOB: NonZeroUsize = NonZeroUsize::MIN;
/// What the lines of an archive's contents say of indexes and of the constraints that have one, after the number: the
/// catalogue, the object's number in it, and the kind.
const OF_INDEXES: [(&str, &str); 2] = [("1259", "INDEX"), ("2606", "CONSTRAINT")];

/// Restores it into a scratch database, without a single error.
///
/// Jobs can wait for each other where what they make locks several tables (foreign keys, triggers, indexes of
/// partitions), and the server then ends one of them. So only indexes, which take the time, are made side by side.
pub(super) fn load(
    reaching: &Reaching,
    tool: &Tool,
    scratch: &Scratch,
    order: &ScratchOrder,
    run: &Run,
) -> Result<(), Error> {
    let threads = reaching.settings.threads;
    let load_tool =
        LoadTool { name: PG_RESTORE.spoken, launcher: &reaching.launcher, threads, run };
    let sections = TABLES_AND_ROWS.map(|section| format!("--section={section}"));
    let command_of = |jobs| command(reaching, tool, scratch, order, jobs);
    let rows = command_of(threads).arguments(sections).argument("--").argument(&order.artifact);
    load_tool.perform(&rows)?;
    let (indexes, others) = contents(reaching, order, run)?;
    for (list, jobs) in [(indexes, threads), (others, ONE_JOB)] {
        if list.is_empty() {
            continue;
        }
        let command = command_of(jobs).arguments([GIVEN_LIST, "--"]).argument(&order.artifact);
        load_tool.feed_with(&command, |mut input| Ok(input.write_all(&list).is_ok()))?;
    }
    Ok(())
}

fn command(
    reaching: &Reaching,
    tool: &Tool,
    Scratch { name, options }: &Scratch,
    order: &ScratchOrder,
    jobs: NonZeroUsize,
) -> ToolCommand {
    reaching
        .command_in(&tool.path, name, options)
        .arguments(["--no-password".to_owned(), "--exit-on-error".to_owned()])
        .arguments([format!("--jobs={jobs}"), format!("--dbname={name}")])
        .arguments(order.left_out.owners.then_some("--no-owner"))
        .arguments(order.left_out.privileges.then_some("--no-privileges"))
}

/// What an archive has after its rows, as the lines by which `pg_restore` is told: indexes, and everything else.
fn contents(
    reaching: &Reaching,
    order: &ScratchOrder,
    run: &Run,
) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let mut list = Vec::new();
    let arguments = [format!("--section={THE_REST}"), "--list".to_owned()];
    pouring::read_archive(reaching, order, &arguments, run, &mut list)?;
    let lines = list.split_inclusive(|byte| *byte == b'\n');
    let entries = lines.filter(|line| !line.starts_with(b";"));
    let (indexes, others): (Vec<&[u8]>, Vec<&[u8]>) = entries.partition(|line| is_of_index(line));
    Ok((indexes.concat(), others.concat()))
}

fn is_of_index(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ');
    let (_, catalogue, _, kind) = (words.next(), words.next(), words.next(), words.next());
    OF_INDEXES
        .iter()
        .any(|(known, named)| catalogue == Some(known.as_bytes()) && kind == Some(named.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_indexes_and_their_constraints_are_made_side_by_side() {
        for line in [
            "3345; 1259 16402 INDEX public items_note_idx shop",
            "3347; 2606 16404 CONSTRAINT public items items_pkey shop",
        ] {
            assert!(is_of_index(line.as_bytes()), "{line}");
        }
        for line in [
            "3350; 2606 16410 FK CONSTRAINT public items items_owner_fkey shop",
            "3351; 0 0 INDEX ATTACH public parts_2025_pkey shop",
            "3352; 2620 16411 TRIGGER public items INDEX shop",
            "3353; 0 0 COMMENT public INDEX items_note_idx shop",
            "",
        ] {
            assert!(!is_of_index(line.as_bytes()), "{line}");
        }
    }
}
