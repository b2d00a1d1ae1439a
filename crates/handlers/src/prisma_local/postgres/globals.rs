//! What belongs to the whole server and is in no database: roles and tablespaces.

use std::fs::File;
use std::path::Path;

use backup_core::{ClientPackage, Compression, Error, Run};

use super::connect::{Reached, Reaching};
use super::script::ScriptCheck;
use super::words::failure;
use crate::prisma_local::dump_tool::{Checked, DumpTool, incomplete};
use crate::tools::{Tool, ToolName, find_all};

const PG_DUMPALL: ToolName =
    ToolName { programs: &["pg_dumpall"], spoken: "pg_dumpall", client: ClientPackage::Postgres };

/// The globals as they were written.
pub(super) struct Globals {
    pub bytes: u64,
    pub sha256: String,
    pub tool: (String, String),
}

/// Writes roles and tablespaces, without the roles' passwords where the user may not read them.
pub(super) fn dump(
    reaching: &Reaching,
    reached: &mut Reached,
    pg_dump: &Tool,
    file: File,
    path: &Path,
    run: &Run,
) -> Result<Globals, Error> {
    let tools = find_all(PG_DUMPALL, &reaching.settings, &reaching.launcher, &run.interrupt)?;
    // The same version writes both; a folder that has one has the other.
    let same = tools.iter().find(|tool| tool.candidate == pg_dump.candidate);
    let tool = same.or_else(|| tools.iter().rev().max_by_key(|tool| tool.candidate.version));
    let tool = tool.ok_or_else(|| Error::internal("a search that succeeds finds a tool"))?;
    let [passwords, database] = reached
        .session
        .row(
            "SELECT pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT')::text, \
             pg_catalog.current_database()",
        )
        .map_err(|end| reaching.failed(end))?;
    let mut command = reaching.command(&tool.path).arguments([
        "--globals-only".to_owned(),
        "--no-password".to_owned(),
        // A connection string: a name with = in it would be taken for one.
        format!("--database=dbname='{}'", database.replace('\\', "\\\\").replace('\'', "\\'")),
    ]);
    if passwords != "true" {
        command = command.argument("--no-role-passwords");
    }
    let mut script = ScriptCheck::new();
    let dump_tool = DumpTool {
        name: PG_DUMPALL.spoken,
        launcher: &reaching.launcher,
        settings: &reaching.settings,
        run,
        expected_bytes: None,
        failure: &|end| failure(PG_DUMPALL.spoken, end),
    };
    let streamed = dump_tool.stream(&command, file, path, Compression::None, |bytes| {
        script.feed(bytes);
        Checked { left_out: 0, tables_done: 0 }
    })?;
    script.finish().map_err(|error| incomplete(format!("pg_dumpall: {error}"), None))?;
    Ok(Globals {
        bytes: streamed.checksums.stored_bytes,
        sha256: streamed.checksums.stored_sha256,
        tool: tool.recorded(PG_DUMPALL.spoken),
    })
}
