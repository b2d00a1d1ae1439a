//! What a swap writes down before it changes anything, so that whoever comes next can finish it or take it back: in a
//! file of the project, and in the scratch database for other machines.
//!
//! Which way it goes is told by a table that is renamed with all the others: while it is in the scratch database nothing
//! was swapped, and once it is in the database that keeps what was replaced, everything was. Taking it back begins with
//! giving that table a third name, so that a rename that is still under way at the server fails.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use backup_core::{DatabaseTarget, Error, RunId, Secret, write_new_file};
use hmac::digest::Key;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::connect::{Reached, Reaching};
use super::definitions::{Definitions, hexadecimal};
use super::inspect::literal;
use super::replace::replaced_name;
use super::scratch::{JOURNAL, prefix, quoted};
use super::session::{Session, SessionEnd};
use crate::prisma_local::scratch::{PREFIX, is_of_a_run};

/// The shape of what is written.
const VERSION: u32 = 1;
/// How the name of a journal's file begins.
const FILE: &str = "restore-journal-";
/// What of a digest goes into a file's name.
const DIGEST_CHARACTERS: usize = 16;
/// How long a seal is.
const SEAL_CHARACTERS: usize = 64;
/// How much of it goes into one row, in bytes: less than any server's longest packet allows.
const PART_BYTES: usize = 256 * 1024;

/// Everything that finishing a swap or taking it back needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    version: u32,
    /// The run that began it.
    pub run: String,
    /// The database that is restored into.
    pub live: String,
    /// The database that the backup was restored into.
    pub scratch: String,
    /// The database that keeps what was replaced.
    pub replaced: String,
    /// What the live database consisted of.
    pub old: Definitions,
    /// What it is to consist of.
    pub new: Definitions,
}

/// What happened to the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// They were not swapped, and may still be.
    NotSwapped,
    /// They were not swapped, and cannot be any more.
    TakenBack,
    /// They were swapped.
    Swapped,
    /// All was done that there was to do.
    Finished,
}

impl Journal {
    pub(super) fn new(
        run: &RunId,
        live: String,
        scratch: String,
        replaced: String,
        old: Definitions,
        new: Definitions,
    ) -> Self {
        Self { version: VERSION, run: run.to_string(), live, scratch, replaced, old, new }
    }

    /// The table that is renamed with the others.
    pub(super) fn swap_table(&self) -> String {
        format!("{PREFIX}swap_{}", self.run)
    }

    /// What that is called once it is taken back.
    pub(super) fn undone_table(&self) -> String {
        format!("{PREFIX}undone_{}", self.run)
    }

    fn table(&self) -> String {
        format!("{}.{}", quoted(&self.scratch), quoted(&format!("{JOURNAL}{}", self.run)))
    }

    /// Writes it down, in both places, so that it outlives this program and the server.
    pub(super) fn write(&self, reaching: &Reaching, session: &mut Session) -> Result<(), Error> {
        let text = serde_json::to_vec(self).map_err(Error::internal)?;
        let path = self.path(reaching);
        let run = RunId::random()?;
        let folder = &reaching.settings.state_folder;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| Error::creating_in(folder, error))?;
        let written = write_new_file(&path, &text, &run);
        written.map_err(|error| Error::storage("write", &path, error))?;
        let sealed = [seal(reaching, &text).as_bytes(), b"\n", &text].concat();
        self.write_rows(session, &sealed).map_err(|end| reaching.failed(end))
    }

    /// In one transaction: what is there is whole.
    fn write_rows(&self, session: &mut Session, text: &[u8]) -> Result<(), SessionEnd> {
        let swap = format!("{}.{}", quoted(&self.scratch), quoted(&self.swap_table()));
        let table = self.table();
        session.run(&format!("CREATE TABLE {swap} (id int) ENGINE=InnoDB"))?;
        session.run(&format!(
            "CREATE TABLE {table} (part int PRIMARY KEY, text longblob) ENGINE=InnoDB; START TRANSACTION"
        ))?;
        for (part, bytes) in text.chunks(PART_BYTES).enumerate() {
            session
                .run(&format!("INSERT INTO {table} VALUES ({part}, 0x{})", hexadecimal(bytes)))?;
        }
        session.run("COMMIT")
    }

    /// What happened to the tables.
    pub(super) fn evidence(&self, session: &mut Session) -> Result<Evidence, SessionEnd> {
        Ok(if has_table(session, &self.replaced, &self.swap_table())? {
            Evidence::Swapped
        } else if has_table(session, &self.scratch, &self.undone_table())? {
            Evidence::TakenBack
        } else if has_table(session, &self.scratch, &self.swap_table())? {
            Evidence::NotSwapped
        } else if self.is_at_server(session)? && !has_database(session, &self.replaced)? {
            // What was replaced was removed by somebody, and the table with it: it had been swapped, since the table is
            // made before the journal at the server and goes after it.
            Evidence::Swapped
        } else {
            // Also where another machine took it back, and where only the file was written: nothing was begun then.
            Evidence::Finished
        })
    }

    fn is_at_server(&self, session: &mut Session) -> Result<bool, SessionEnd> {
        has_table(session, &self.scratch, &format!("{JOURNAL}{}", self.run))
    }

    /// Whether what was replaced is still kept.
    pub(super) fn keeps_replaced(&self, session: &mut Session) -> Result<bool, SessionEnd> {
        has_database(session, &self.replaced)
    }

    /// Whether its names are those that a swap of this database has: nothing else is touched on its word.
    fn is_about(&self, live: &str) -> bool {
        let suffix = self.replaced.rmatch_indices("_replaced_").next();
        let suffix = suffix.and_then(|(at, _)| self.replaced.get(at..)).unwrap_or_default();
        self.live == live
            && is_of_a_run(&self.scratch, &prefix(live))
            && self.scratch.ends_with(&self.run)
            && suffix.len() > "_replaced_".len()
            && replaced_name(live, suffix) == self.replaced
    }

    /// Forgets it, in both places, and drops the scratch database with what is left in it.
    pub(super) fn remove(&self, reaching: &Reaching, session: &mut Session) -> Result<(), Error> {
        let failed = |end| reaching.failed(end);
        let run =
            |session: &mut Session, statement: String| session.run(&statement).map_err(failed);
        let kept = self.keeps_replaced(session).map_err(failed)?;
        if kept {
            let swap = format!("{}.{}", quoted(&self.replaced), quoted(&self.swap_table()));
            run(session, format!("DROP TABLE IF EXISTS {swap}"))?;
        }
        // One after the other: without the journal a scratch database is like any other.
        run(session, format!("DROP TABLE IF EXISTS {}", self.table()))?;
        if kept && self.old.are_none() && !has_tables(session, &self.replaced).map_err(failed)? {
            run(session, format!("DROP DATABASE IF EXISTS {}", quoted(&self.replaced)))?;
        }
        run(session, format!("DROP DATABASE IF EXISTS {}", quoted(&self.scratch)))?;
        let path = self.path(reaching);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::storage("remove", &path, error))
            }
            _ => Ok(()),
        }
    }

    fn path(&self, reaching: &Reaching) -> PathBuf {
        file_of(reaching, FILE, &self.run, ".json")
    }
}

/// A journal that is empty is being written, or never was: then nothing was begun, and without it the scratch database is
/// like any other. Whoever writes it holds the scratch database's lock.
fn forget_unwritten(session: &mut Session, scratch: &str, place: &str) -> Result<(), SessionEnd> {
    let lock = literal(scratch);
    let [free] = session.row(&format!("SELECT coalesce(GET_LOCK({lock}, 0), 0)"))?;
    if free != "1" {
        return Ok(());
    }
    if !session.has_rows(&format!("SELECT 1 FROM {place} LIMIT 1"))? {
        session.run(&format!("DROP TABLE {place}"))?;
    }
    session.run(&format!("DO RELEASE_LOCK({lock})"))
}

/// What only who has the URL's password can write: others may be able to make a table where journals are looked for.
fn seal(reaching: &Reaching, text: &[u8]) -> String {
    let password = reaching.database.connection.password.as_ref();
    let password = password.map(Secret::expose_secret).unwrap_or_default();
    let mut seal = Hmac::<Sha256>::new_from_slice(password.as_bytes())
        .unwrap_or_else(|_| Hmac::<Sha256>::new(&Key::<Hmac<Sha256>>::default()));
    seal.update(text);
    hexadecimal(&seal.finalize().into_bytes())
}

/// The journal in what a server has, where this URL's password sealed it.
fn unsealed(reaching: &Reaching, text: &[u8]) -> Option<Journal> {
    reaching.database.connection.password.as_ref()?;
    let (own, text) = (text.get(..SEAL_CHARACTERS)?, text.get(SEAL_CHARACTERS + 1..)?);
    (seal(reaching, text).as_bytes() == own).then(|| serde_json::from_slice(text).ok())?
}

fn has_database(session: &mut Session, database: &str) -> Result<bool, SessionEnd> {
    session.has_rows(&format!(
        "SELECT 1 FROM information_schema.schemata WHERE schema_name = {}",
        literal(database)
    ))
}

pub(super) fn has_tables(session: &mut Session, database: &str) -> Result<bool, SessionEnd> {
    session.has_rows(&format!(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = {} LIMIT 1",
        literal(database)
    ))
}

fn has_table(session: &mut Session, database: &str, table: &str) -> Result<bool, SessionEnd> {
    session.has_rows(&format!(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = {} AND table_name = {}",
        literal(database),
        literal(table)
    ))
}

/// How the names of the files of one kind begin that belong to the database of the URL.
fn prefix_of(reaching: &Reaching, kind: &str) -> String {
    let identity = DatabaseTarget::MySql(reaching.database.clone()).machine_identity();
    let digest: String = identity.chars().take(DIGEST_CHARACTERS).collect();
    format!("{kind}{digest}-")
}

/// The file of one kind that a run writes in the project.
pub(super) fn file_of(reaching: &Reaching, kind: &str, run: &str, ending: &str) -> PathBuf {
    let name = format!("{}{run}{ending}", prefix_of(reaching, kind));
    reaching.settings.state_folder.join(name)
}

/// The files of one kind that runs wrote.
pub(super) fn files(reaching: &Reaching, kind: &str, ending: &str) -> Result<Vec<PathBuf>, Error> {
    let folder = &reaching.settings.state_folder;
    let failed = |error| Error::storage("read", folder, error);
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let prefix = prefix_of(reaching, kind);
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.strip_suffix(ending).is_some_and(|name| is_of_a_run(name, &prefix)) {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// The journals of the swaps of a database that were begun and are not done with.
pub(super) fn pending(
    reaching: &Reaching,
    reached: &mut Reached,
    live: &str,
) -> Result<Vec<Journal>, Error> {
    let mut journals = in_files(reaching)?;
    journals.retain(|journal| journal.version <= VERSION && journal.is_about(live));
    let known: Vec<String> = journals.iter().map(|journal| journal.scratch.clone()).collect();
    let session = &mut reached.session;
    let others = at_server(reaching, session, live, &known);
    for (scratch, journal) in others.map_err(|end| reaching.failed(end))? {
        match journal.filter(|journal| journal.scratch == scratch && journal.is_about(live)) {
            Some(journal) => journals.push(journal),
            None => {
                return Err(Error::RestoreFailed {
                    detail: format!(
                        "{scratch} holds the journal of a restore that was not written with this URL's password; let the machine that restored finish it, or see whether {live} is as it should be and drop {scratch}"
                    ),
                    words: None,
                });
            }
        }
    }
    Ok(journals)
}

fn in_files(reaching: &Reaching) -> Result<Vec<Journal>, Error> {
    let mut journals = Vec::new();
    for path in files(reaching, FILE, ".json")? {
        journals.extend(read_file(&path)?);
    }
    Ok(journals)
}

/// One that cannot be read is of no use: the server has it too, or knows nothing of it any more.
fn read_file(path: &Path) -> Result<Option<Journal>, Error> {
    let text = std::fs::read(path).map_err(|error| Error::storage("read", path, error))?;
    Ok(serde_json::from_slice(&text).ok())
}

/// The journals of other machines, by the scratch databases that they are in: none where this URL's password sealed none.
fn at_server(
    reaching: &Reaching,
    session: &mut Session,
    live: &str,
    known: &[String],
) -> Result<Vec<(String, Option<Journal>)>, SessionEnd> {
    let prefix = prefix(live);
    let databases: Vec<[String; 1]> = session.query(&format!(
        "SELECT schema_name FROM information_schema.schemata WHERE left(schema_name, {}) = '{prefix}'",
        prefix.len()
    ))?;
    let mut journals = Vec::new();
    for [scratch] in databases.iter().filter(|[scratch]| is_of_a_run(scratch, &prefix)) {
        if known.contains(scratch) {
            continue;
        }
        let run = scratch.strip_prefix(&prefix).unwrap_or_default();
        let table = format!("{JOURNAL}{run}");
        if !has_table(session, scratch, &table)? {
            continue;
        }
        let place = format!("{}.{}", quoted(scratch), quoted(&table));
        let parts: Vec<[String; 1]> =
            session.query(&format!("SELECT hex(text) FROM {place} ORDER BY part"))?;
        let digits: String = parts.into_iter().map(|[part]| part).collect();
        let text = super::definitions::Script::from(digits).0;
        if text.is_empty() {
            forget_unwritten(session, scratch, &place)?;
        } else {
            journals.push((scratch.clone(), unsealed(reaching, &text)));
        }
    }
    Ok(journals)
}
