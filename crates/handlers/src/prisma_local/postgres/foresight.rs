//! What a restore would fail for want of, or not bring back: said in a plan, before anything is tried.

use backup_core::{Error, RestoreManner, Run, ScratchOrder};
use backup_protocol::Format;

use super::connect::{Reached, Reaching};
use super::pouring::pour_section;
use super::session::{Session, SessionEnd, literal};
use crate::prisma_local::lines::{self, LineHeads};
use crate::prisma_local::server_disk;
use crate::tools::Version;

/// How the lines begin by which a dump makes what an ordinary user may not.
const EXTENSION: &[u8] = b"CREATE EXTENSION IF NOT EXISTS ";
const SUBSCRIPTION: &[u8] = b"CREATE SUBSCRIPTION ";
/// Some extensions can be made by those who may create in the database since this version.
const TRUSTED_SINCE: u32 = 13;

/// One sentence for each.
pub(super) fn foresee(
    reaching: &Reaching,
    reached: &mut Reached,
    order: &ScratchOrder,
    manner: RestoreManner,
    run: &Run,
) -> Result<Vec<String>, Error> {
    let (mut extensions, mut subscriptions) = (Vec::new(), Vec::new());
    let mut look = |line: &[u8]| {
        if let Some(rest) = line.strip_prefix(EXTENSION) {
            extensions.push(name_in(rest));
        } else if let Some(rest) = line.strip_prefix(SUBSCRIPTION) {
            subscriptions.push(name_in(rest));
        }
    };
    if order.form.format == Format::Sql {
        let threads = reaching.settings.threads;
        lines::scan(&order.artifact, order.form.compression, threads, run, &mut look)?;
    } else {
        for section in ["pre-data", "post-data"] {
            let mut heads = LineHeads::new(&mut look);
            pour_section(reaching, order, section, run, &mut heads)?;
            heads.line();
        }
    }
    let session = &mut reached.session;
    let said = extensions_said(session, reached.version, &extensions, manner);
    let mut said = said.map_err(|end| reaching.failed(end))?;
    if !subscriptions.is_empty() {
        said.push(format!("Subscriptions are not brought back: {}", subscriptions.join(", ")));
    }
    Ok(said)
}

/// The name at the beginning, without its quotes.
fn name_in(rest: &[u8]) -> String {
    let text = String::from_utf8_lossy(rest);
    let Some(quoted) = text.strip_prefix('"') else {
        return text.split([' ', ';']).next().unwrap_or_default().to_owned();
    };
    let mut name = String::new();
    let mut letters = quoted.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '"' && letters.next_if_eq(&'"').is_none() {
            break;
        }
        name.push(letter);
    }
    name
}

fn extensions_said(
    session: &mut Session,
    version: Version,
    names: &[String],
    manner: RestoreManner,
) -> Result<Vec<String>, SessionEnd> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let trusted = if version.major >= TRUSTED_SINCE { "v.trusted" } else { "false" };
    let list: Vec<String> = names.iter().map(|name| literal(name)).collect();
    let available: Vec<[String; 3]> = session.query(&format!(
        "SELECT a.name, (pg_catalog.current_setting('is_superuser') = 'on' OR NOT v.superuser OR {trusted})::text, \
         (a.installed_version IS NOT NULL)::text FROM pg_catalog.pg_available_extensions a \
         JOIN pg_catalog.pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version \
         WHERE a.name IN ({})",
        list.join(", ")
    ))?;
    let said = names.iter().filter_map(|name| {
        let found = available.iter().find(|[known, _, _]| known == name);
        let Some([_, may_make, is_there]) = found else {
            return Some(format!(
                "The server does not have the extension {name}: the restore fails until it is installed"
            ));
        };
        // In place those of others stay.
        let stays = manner == RestoreManner::InPlace && is_there == "true";
        (may_make != "true" && !stays).then(|| {
            format!("Only a superuser can make the extension {name}: the restore fails without one")
        })
    });
    Ok(said.collect())
}

/// How many bytes are free where the server keeps this database; none where that cannot be known from here.
pub(super) fn free_space(session: &mut Session) -> Result<Option<u64>, SessionEnd> {
    // A server in another network of this machine may see other disks.
    let [place, is_here] = session.row(
        "SELECT coalesce(nullif(pg_catalog.pg_tablespace_location(dattablespace), ''), \
         CASE WHEN pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE') THEN pg_catalog.current_setting('data_directory') END, ''), \
         coalesce(pg_catalog.inet_server_addr() <<= '127.0.0.0/8' OR pg_catalog.inet_server_addr() = '::1', true)::text \
         FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()",
    )?;
    Ok(if is_here == "true" { server_disk::free_space(&place) } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_out_of_their_lines() {
        for (rest, name) in [
            ("citext WITH SCHEMA public;", "citext"),
            ("\"uuid-ossp\" WITH SCHEMA \"odd; one\";", "uuid-ossp"),
            ("\"a; \"\"b\"\"\" WITH SCHEMA public;", "a; \"b\""),
            ("plpgsql;", "plpgsql"),
            ("changes CONNECTION 'host=x' PUBLICATION y;", "changes"),
        ] {
            assert_eq!(name_in(rest.as_bytes()), name);
        }
    }
}
