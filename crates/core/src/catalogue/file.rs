//! The catalogue's file. A reader gets a snapshot; only the holder of the lock can write.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::text::{CatalogueHead, CatalogueViews};
use super::{CATALOGUE_FILE, CATALOGUE_VERSION, CatalogueText, RecordView, Salvaged};
use crate::error::Error;
use crate::locks::FileLock;
use crate::run::Run;
use crate::storage;

/// Where a project's catalogue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueFile {
    path: PathBuf,
    lock: PathBuf,
}

/// The catalogue as it was when it was read.
#[derive(Debug)]
pub struct CatalogueSnapshot {
    path: PathBuf,
    text: Option<String>,
}

/// The catalogue in the hands of the one who may write it.
#[derive(Debug)]
pub struct CatalogueWriter {
    file: CatalogueFile,
    _lock: FileLock,
    /// The records.
    pub catalogue: CatalogueText,
}

impl CatalogueFile {
    /// The catalogue in a project's state folder.
    pub fn in_folder(state: &Path) -> Self {
        Self { path: state.join(CATALOGUE_FILE), lock: state.join(".locks/catalogue.lock") }
    }

    /// Reads the catalogue; one that does not exist is empty.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self) -> Result<CatalogueSnapshot, Error> {
        let text = match std::fs::read(&self.path) {
            Ok(bytes) => Some(String::from_utf8(bytes).map_err(|error| self.damaged(&error))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::storage("read", &self.path, error)),
        };
        Ok(CatalogueSnapshot { path: self.path.clone(), text })
    }

    /// Whether a record could be added now: said before a dump is begun, not after.
    ///
    /// # Errors
    /// The catalogue is damaged or newer.
    pub fn check_writable(&self) -> Result<(), Error> {
        let snapshot = self.read()?;
        let Some(text) = snapshot.text() else { return Ok(()) };
        let head: CatalogueHead =
            serde_json::from_str(text).map_err(|error| self.damaged(&error))?;
        self.refuse_newer(head.schema_version.as_ref())
    }

    /// Takes the lock and reads the catalogue to write it.
    ///
    /// # Errors
    /// It is locked by another process, damaged or newer.
    pub async fn edit(&self, run: &Run) -> Result<CatalogueWriter, Error> {
        let lock = FileLock::acquire_short(&self.lock, run).await?;
        let snapshot = self.read()?;
        let catalogue = match snapshot.text() {
            Some(text) => CatalogueText::parse(text).map_err(|error| self.damaged(&error))?,
            None => CatalogueText::default(),
        };
        self.refuse_newer(catalogue.version().as_ref())?;
        Ok(CatalogueWriter { file: self.clone(), _lock: lock, catalogue })
    }

    /// Takes the lock, for somebody who writes the catalogue anew.
    ///
    /// # Errors
    /// It is locked by another process.
    pub async fn lock(&self, run: &Run) -> Result<FileLock, Error> {
        FileLock::acquire_short(&self.lock, run).await
    }

    /// The catalogue to be written in place of what is there, by the holder of the lock.
    pub fn write(&self, lock: FileLock, catalogue: CatalogueText) -> CatalogueWriter {
        CatalogueWriter { file: self.clone(), _lock: lock, catalogue }
    }

    /// Keeps a copy of the file under another name; none where there is no file.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn keep_copy(&self, run: &Run) -> Result<Option<PathBuf>, Error> {
        if !self.path.exists() {
            return Ok(None);
        }
        let stamp = run.now.format("%Y%m%dT%H%M%S");
        let kept = self.path.with_file_name(format!("backups.{stamp}.{}.json", run.id));
        let content = std::fs::read(&self.path);
        content
            .and_then(|content| storage::write_new_file(&kept, &content, &run.id))
            .map_err(|error| Error::storage("keep a copy at", &kept, error))?;
        Ok(Some(kept))
    }

    /// What can be salvaged from a file that may be damaged.
    ///
    /// # Errors
    /// The file cannot be read at all.
    pub fn salvage(&self) -> Result<Salvaged, Error> {
        match std::fs::read(&self.path) {
            Ok(bytes) => Ok(Salvaged::from_text(&String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Salvaged::default()),
            Err(error) => Err(Error::storage("read", &self.path, error)),
        }
    }

    fn refuse_newer(&self, version: Option<&Value>) -> Result<(), Error> {
        match newer_version(version) {
            Some(version) => Err(Error::CatalogueNewer { path: self.path.clone(), version }),
            None => Ok(()),
        }
    }

    fn damaged(&self, error: &dyn std::error::Error) -> Error {
        Error::CatalogueDamaged { path: self.path.clone(), detail: error.to_string() }
    }
}

/// The version if it is newer than what this program writes.
fn newer_version(version: Option<&Value>) -> Option<String> {
    let version = match version? {
        Value::String(version) => version.clone(),
        other => other.to_string(),
    };
    let numbers = |version: &str| {
        version.split('.').map(|number| number.parse().unwrap_or(u64::MAX)).collect::<Vec<_>>()
    };
    (numbers(&version) > numbers(CATALOGUE_VERSION)).then_some(version)
}

impl CatalogueSnapshot {
    fn text(&self) -> Option<&str> {
        self.text.as_deref().map(|text| text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    /// The records as the rules read them, whatever the version; and what the caller should know.
    ///
    /// # Errors
    /// The catalogue is damaged.
    pub fn views(&self) -> Result<(Vec<RecordView<'_>>, Vec<String>), Error> {
        let (views, newer) = self.views_and_version()?;
        let mut warnings: Vec<String> = newer
            .map(|version| {
                format!("the catalogue is of the newer version {version}: it is read, not written")
            })
            .into_iter()
            .collect();
        let unreadable = views.iter().filter(|view| view.is_none()).count();
        if unreadable > 0 {
            warnings.push(format!(
                "{unreadable} records of the catalogue cannot be read and are not shown"
            ));
        }
        Ok((views.into_iter().flatten().collect(), warnings))
    }

    /// Each record, or none where it cannot be read; and the version if it is newer.
    fn views_and_version(&self) -> Result<(Vec<Option<RecordView<'_>>>, Option<String>), Error> {
        let Some(text) = self.text() else { return Ok((Vec::new(), None)) };
        // Serde takes a list for a struct, field by field; this refuses one.
        if text.trim_start().starts_with('[') {
            let detail = "a catalogue is an object, not a list".to_owned();
            return Err(Error::CatalogueDamaged { path: self.path.clone(), detail });
        }
        if let Ok(catalogue) = serde_json::from_str::<CatalogueViews<'_>>(text) {
            let newer = newer_version(catalogue.schema_version.as_ref());
            return Ok((catalogue.backups.into_iter().map(Some).collect(), newer));
        }
        // One record with an odd type must not hide the others.
        let damaged = |error: serde_json::Error| Error::CatalogueDamaged {
            path: self.path.clone(),
            detail: error.to_string(),
        };
        let head: CatalogueHead = serde_json::from_str(text).map_err(damaged)?;
        let views = self.views_one_by_one().map_err(damaged)?;
        Ok((views, newer_version(head.schema_version.as_ref())))
    }

    fn views_one_by_one(&self) -> Result<Vec<Option<RecordView<'_>>>, serde_json::Error> {
        #[derive(serde::Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            backups: Vec<&'a serde_json::value::RawValue>,
        }
        let raw: Raw<'_> = serde_json::from_str(self.text().unwrap_or_default())?;
        Ok(raw.backups.into_iter().map(|record| serde_json::from_str(record.get()).ok()).collect())
    }

    /// The records as the rules read them, for somebody who is about to write.
    ///
    /// # Errors
    /// The catalogue is damaged or newer.
    pub fn views_to_write(&self) -> Result<Vec<RecordView<'_>>, Error> {
        let (views, newer) = self.views_and_version()?;
        match newer {
            Some(version) => Err(Error::CatalogueNewer { path: self.path.clone(), version }),
            None => Ok(views.into_iter().flatten().collect()),
        }
    }
}

impl CatalogueWriter {
    /// Writes the catalogue: a reader sees the old one or the new one.
    ///
    /// # Errors
    /// It cannot be written; the old one is untouched.
    pub fn commit(self, run: &Run) -> Result<(), Error> {
        let path = &self.file.path;
        storage::replace_file(path, &run.id, |out| self.catalogue.write(out))
            .map_err(|error| Error::storage("write", path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, CatalogueFile) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(CATALOGUE_FILE), text).unwrap();
        let file = CatalogueFile::in_folder(folder.path());
        (folder, file)
    }

    #[test]
    fn newer_versions_are_read_and_not_written() {
        for version in ["\"1.1\"", "\"2.0\"", "3", "\"next\""] {
            let (_folder, file) = file(&format!("{{\"schema_version\":{version},\"backups\":[]}}"));
            assert!(
                matches!(file.check_writable(), Err(Error::CatalogueNewer { .. })),
                "{version}"
            );
            assert!(file.read().unwrap().views().is_ok());
        }
        for version in ["\"1.0\"", "\"1\"", "\"0.9\""] {
            let (_folder, file) = file(&format!("{{\"schema_version\":{version},\"backups\":[]}}"));
            file.check_writable().unwrap();
        }
    }

    #[test]
    fn damage_is_an_error_and_what_precedes_it_is_salvaged() {
        let (_folder, file) = file(
            r#"{"schema_version":"1.0","backups":[{"backup_id":"backup-20250124-140000","file_path":"a"},{"backup_id":"backup-2025"#,
        );
        assert!(matches!(file.check_writable(), Err(Error::CatalogueDamaged { .. })));
        let snapshot = file.read().unwrap();
        assert!(snapshot.views().is_err());
        let salvaged = file.salvage().unwrap();
        assert!(!salvaged.is_whole);
        assert_eq!(salvaged.records.len(), 1);
        assert_eq!(salvaged.records[0].0, "backup-20250124-140000");
    }

    #[test]
    fn one_odd_record_does_not_hide_the_others() {
        let (_folder, file) = file(
            r#"{"backups":[{"backup_id":"backup-20250124-140000"},{"backup_id":"b","size_bytes":"x"}]}"#,
        );
        let snapshot = file.read().unwrap();
        let (views, warnings) = snapshot.views().unwrap();
        assert_eq!((views.len(), warnings.len()), (1, 1));
    }
}
