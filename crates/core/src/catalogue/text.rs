//! The catalogue's text: read for its records, edited without touching what is not meant.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Write};

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{CATALOGUE_VERSION, RecordView};
use crate::backup_id::BackupId;

/// A catalogue that can be edited.
#[derive(Clone, Debug)]
pub struct CatalogueText {
    fields: Vec<(String, Box<RawValue>)>,
    records: Vec<StoredRecord>,
}

#[derive(Clone, Debug)]
struct StoredRecord {
    id: String,
    text: String,
}

impl Default for CatalogueText {
    fn default() -> Self {
        let version = RawValue::from_string(format!("\"{CATALOGUE_VERSION}\""));
        let fields = version.map(|version| ("schema_version".to_owned(), version));
        Self { fields: fields.into_iter().collect(), records: Vec::new() }
    }
}

/// The object's fields in their order, each as the text it is.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl CatalogueText {
    /// Reads a catalogue to edit it.
    ///
    /// # Errors
    /// The text is no catalogue.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let Fields(mut fields) = serde_json::from_str(text)?;
        let place = fields.iter().position(|(name, _)| name == "backups");
        let Some(place) = place else {
            return Err(serde::de::Error::missing_field("backups"));
        };
        let (_, backups) = fields.remove(place);
        let records = serde_json::from_str::<Vec<&RawValue>>(backups.get())?;
        let records = records
            .into_iter()
            .map(|raw| {
                let view = serde_json::from_str::<RecordView<'_>>(raw.get());
                let id = view.ok().map(|view| view.id().to_owned()).unwrap_or_default();
                StoredRecord { id, text: raw.get().to_owned() }
            })
            .collect();
        if !fields.iter().any(|(name, _)| name == "schema_version") {
            // The older shape had none; what is written now is of this version.
            fields.splice(0..0, Self::default().fields);
        }
        Ok(Self { fields, records })
    }

    /// The version that the file says it is of.
    pub fn version(&self) -> Option<Value> {
        let (_, version) = self.fields.iter().find(|(name, _)| name == "schema_version")?;
        serde_json::from_str(version.get()).ok()
    }

    /// The record's text, if there is one of that id.
    pub fn text_of(&self, id: &str) -> Option<&str> {
        self.records.iter().find(|record| record.id == id).map(|record| record.text.as_str())
    }

    /// The records' texts.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.records.iter().map(|record| record.text.as_str())
    }

    /// Everything but the records.
    pub fn without_records(self) -> Self {
        Self { records: Vec::new(), ..self }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Adds a record, or renews the one of the same id: fields that the new one does not have survive, but for a pin.
    ///
    /// # Errors
    /// Never in practice: the record is plain data.
    pub fn put(
        &mut self,
        id: &BackupId,
        record: Map<String, Value>,
    ) -> Result<(), serde_json::Error> {
        match self.records.iter_mut().find(|known| known.id == id.as_str()) {
            Some(known) => {
                let mut merged: Map<String, Value> =
                    serde_json::from_str(&known.text).unwrap_or_default();
                // One that nobody ever pinned says nothing of it.
                merged.shift_remove("pinned");
                merged.extend(record);
                known.text = indented(&merged)?;
            }
            None => {
                let text = indented(&record)?;
                self.records.push(StoredRecord { id: id.to_string(), text });
            }
        }
        Ok(())
    }

    /// Adds a record as the text it is.
    pub fn keep(&mut self, id: &str, text: &str) {
        self.records.push(StoredRecord { id: id.to_owned(), text: text.to_owned() });
    }

    /// Removes the records of these ids, as far as there are any.
    pub fn remove<'a>(&mut self, ids: impl IntoIterator<Item = &'a str>) {
        let ids: HashSet<&str> = ids.into_iter().collect();
        self.records.retain(|record| !ids.contains(record.id.as_str()));
    }

    /// Writes the catalogue, one record after the other.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"{\n")?;
        for (name, value) in &self.fields {
            writeln!(out, "  {}: {value},", Value::from(name.as_str()))?;
        }
        out.write_all(b"  \"backups\": [")?;
        for (position, record) in self.records.iter().enumerate() {
            let separator = if position == 0 { "\n    " } else { ",\n    " };
            write!(out, "{separator}{}", record.text)?;
        }
        out.write_all(if self.records.is_empty() { b"]\n}\n" } else { b"\n  ]\n}\n" })
    }
}

/// A record as it stands in the list: two spaces a level, four in from the margin.
fn indented(record: &Map<String, Value>) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(record)?.replace('\n', "\n    "))
}

/// The catalogue's version and its records, in one pass over the text.
#[derive(Debug, Deserialize)]
pub(super) struct CatalogueViews<'a> {
    #[serde(default)]
    pub(super) schema_version: Option<Value>,
    #[serde(borrow)]
    pub(super) backups: Vec<RecordView<'a>>,
}

/// Only the version, for the check before a rewrite.
#[derive(Debug, Deserialize)]
pub(super) struct CatalogueHead {
    #[serde(default)]
    pub(super) schema_version: Option<Value>,
    #[serde(rename = "backups", default)]
    _backups: Option<IgnoredAny>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(catalogue: &CatalogueText) -> String {
        let mut text = Vec::new();
        catalogue.write(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    fn id(text: &str) -> BackupId {
        BackupId::parse(text).unwrap()
    }

    #[test]
    fn unknown_fields_survive_as_they_were() {
        let text = "{\n  \"schema_version\": \"1.0\",\n  \"owner\": {\"a\":1.10},\n  \"backups\": [\n    {\"backup_id\": \"backup-20250124-140000\", \"mine\": 1.50},\n    {\"odd\":true}\n  ]\n}\n";
        let mut catalogue = CatalogueText::parse(text).unwrap();
        assert_eq!(written(&catalogue), text);
        let record = serde_json::json!({"status": "valid"}).as_object().unwrap().clone();
        catalogue.put(&id("backup-20250124-140001"), record.clone()).unwrap();
        assert!(written(&catalogue).contains("\"mine\": 1.50}"));
        catalogue.put(&id("backup-20250124-140000"), record).unwrap();
        let renewed = written(&catalogue);
        assert!(renewed.contains("\"mine\": 1.5") && renewed.contains("{\"odd\":true}"));
        assert!(CatalogueText::parse(&renewed).is_ok());
    }

    #[test]
    fn an_empty_catalogue_is_the_seeds() {
        assert_eq!(
            written(&CatalogueText::default()),
            "{\n  \"schema_version\": \"1.0\",\n  \"backups\": []\n}\n"
        );
    }

    #[test]
    fn the_older_shape_is_read() {
        let text = r#"{"backups":[{"id":"backup-20240101-000000","timestamp":"2024-01-01T00:00:00Z","file":"a.sql","database":"x"}]}"#;
        let catalogue: CatalogueViews<'_> = serde_json::from_str(text).unwrap();
        let view = &catalogue.backups[0];
        assert_eq!((view.id(), view.file_path()), ("backup-20240101-000000", "a.sql"));
        assert_eq!(view.created_at().to_rfc3339(), "2024-01-01T00:00:00+00:00");
        assert!(!view.standing().is_verified());
    }
}
