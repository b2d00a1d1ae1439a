//! The names of the files at a location. A file whose name is none of these is somebody else's.

use crate::backup_id::BackupId;
use crate::records::NoteName;
use crate::run::RunId;

use super::host::{MARK_LENGTH, host_mark};

const MANIFEST_SUFFIX: &str = ".manifest.json";
const GLOBALS_SUFFIX: &str = ".globals.sql";
const PARTIAL_SUFFIX: &str = ".partial";
/// What SQLite may leave beside a database that it was writing.
const SQLITE_COMPANIONS: [&str; 3] = ["-journal", "-wal", "-shm"];

/// The manifest's file name.
pub fn manifest_name(id: &BackupId) -> String {
    format!("{id}{MANIFEST_SUFFIX}")
}

/// The name of the file with what belongs to the whole server.
pub fn globals_name(id: &BackupId) -> String {
    format!("{id}{GLOBALS_SUFFIX}")
}

/// What a file at a location is, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A manifest.
    Manifest(BackupId),
    /// A note.
    Note(BackupId, NoteName),
    /// A file that is, or was, being written.
    Partial(PartialName),
    /// Named like an artifact.
    Artifact(BackupId),
    /// Somebody else's.
    Foreign,
}

impl FileKind {
    /// Reads a file's name.
    pub fn of(name: &str) -> Self {
        if let Some(partial) = PartialName::parse(name) {
            return Self::Partial(partial);
        }
        match BackupId::from_file_name(name) {
            Some((id, MANIFEST_SUFFIX)) => Self::Manifest(id),
            Some((id, rest)) => match NoteName::parse(rest) {
                Some(note) => Self::Note(id, note),
                None => Self::Artifact(id),
            },
            None => Self::Foreign,
        }
    }

    /// The backup that the file belongs to.
    pub fn backup_id(&self) -> Option<&BackupId> {
        match self {
            Self::Manifest(id) | Self::Note(id, _) | Self::Artifact(id) => Some(id),
            Self::Partial(partial) => partial.id.as_ref(),
            Self::Foreign => None,
        }
    }
}

/// The name of a file that is being written: `<final name>.<host>.<run>.partial`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialName {
    /// The name it will have.
    pub final_name: String,
    /// The backup it belongs to; none for what a handler writes when addressed directly.
    pub id: Option<BackupId>,
    /// The mark of the machine that writes it.
    pub host: String,
    /// The run that writes it.
    pub run: String,
    /// The suffix of a file that SQLite left beside it.
    pub companion: Option<&'static str>,
}

impl PartialName {
    /// The file name for what this run is about to write.
    pub fn compose(final_name: &str, run: &RunId) -> String {
        format!("{final_name}.{}.{run}{PARTIAL_SUFFIX}", host_mark())
    }

    /// Takes a file name apart.
    pub fn parse(name: &str) -> Option<Self> {
        let companion = SQLITE_COMPANIONS.into_iter().find(|companion| name.ends_with(companion));
        let name = companion.map_or(name, |companion| name.trim_end_matches(companion));
        let (rest, run) = name.strip_suffix(PARTIAL_SUFFIX)?.rsplit_once('.')?;
        let (final_name, host) = rest.rsplit_once('.')?;
        let hexadecimal = |text: &str, length| {
            text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if !hexadecimal(run, RunId::LENGTH) || !hexadecimal(host, MARK_LENGTH) {
            return None;
        }
        Some(Self {
            final_name: final_name.to_owned(),
            id: BackupId::from_file_name(final_name).map(|(id, _)| id),
            host: host.to_owned(),
            run: run.to_owned(),
            companion,
        })
    }

    /// Whether this machine wrote it.
    pub fn is_of_this_host(&self) -> bool {
        self.host == host_mark()
    }

    /// Whether it is a manifest that waits for its artifact.
    pub fn is_staged_manifest(&self) -> bool {
        self.companion.is_none() && self.final_name.ends_with(MANIFEST_SUFFIX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_tells_what_it_is() {
        let id = BackupId::parse("backup-20250124-140000-a").unwrap();
        assert_eq!(FileKind::of(&manifest_name(&id)), FileKind::Manifest(id.clone()));
        assert_eq!(FileKind::of("backup-20250124-140000-a.sql.gz"), FileKind::Artifact(id.clone()));
        assert_eq!(FileKind::of("notes.txt"), FileKind::Foreign);
        assert_eq!(FileKind::of("backup-20250124-140000-a"), FileKind::Foreign);

        let run = RunId::random().unwrap();
        let name = PartialName::compose(&manifest_name(&id), &run);
        let FileKind::Partial(partial) = FileKind::of(&name) else { panic!("{name}") };
        assert!(partial.is_staged_manifest() && partial.is_of_this_host());
        assert_eq!(partial.id, Some(id));

        let FileKind::Partial(journal) = FileKind::of(&format!("{name}-journal")) else { panic!() };
        assert_eq!(journal.companion, Some("-journal"));
        assert!(!journal.is_staged_manifest());
    }

    #[test]
    fn partials_of_others_are_foreign() {
        for name in ["x.partial", "backup-20250124-140000.sql.partial", "a.12345678.zz.partial"] {
            assert!(!matches!(FileKind::of(name), FileKind::Partial(_)), "{name}");
        }
    }
}
