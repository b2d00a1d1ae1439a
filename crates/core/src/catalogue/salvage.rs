//! What can still be read of a damaged catalogue.

use serde_json::value::RawValue;

use super::{CatalogueText, RecordView};

/// Each attempt reads on to the damage: so many and no more, or a hostile file would take for ever.
const MOST_FAILED_ATTEMPTS: usize = 1000;

/// The readable records of a catalogue.
#[derive(Debug, Default)]
pub struct Salvaged {
    /// Whether nothing was damaged.
    pub is_whole: bool,
    /// The catalogue without its records: what else stands in it survives where it can be read.
    pub empty: CatalogueText,
    /// Id, artifact's path and text of each record.
    pub records: Vec<(String, String, String)>,
}

impl Salvaged {
    /// Reads what can be read.
    pub fn from_text(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match CatalogueText::parse(text) {
            Ok(catalogue) => Self {
                is_whole: true,
                records: catalogue.texts().filter_map(record).collect(),
                empty: catalogue.without_records(),
            },
            Err(_) => Self { records: scan(text), ..Self::default() },
        }
    }
}

fn record(text: &str) -> Option<(String, String, String)> {
    let view = serde_json::from_str::<RecordView<'_>>(text).ok()?;
    let known = !view.id().is_empty();
    known.then(|| (view.id().to_owned(), view.file_path().to_owned(), text.to_owned()))
}

/// Objects follow each other; after the damage there is no telling where the next one begins except by its
/// opening brace.
fn scan(text: &str) -> Vec<(String, String, String)> {
    let start = text
        .find("\"backups\"")
        .and_then(|key| Some(key + text.get(key..)?.find('[')? + 1))
        .unwrap_or_default();
    let mut rest = text.get(start..).unwrap_or_default();
    let mut records = Vec::new();
    let mut failed = 0;
    while let Some(open) = rest.find('{') {
        let candidate = rest.get(open..).unwrap_or_default();
        let mut stream = serde_json::Deserializer::from_str(candidate).into_iter::<&RawValue>();
        let consumed = match stream.next() {
            Some(Ok(raw)) => {
                records.extend(record(raw.get()));
                raw.get().len()
            }
            _ => {
                failed += 1;
                1
            }
        };
        if failed > MOST_FAILED_ATTEMPTS {
            break;
        }
        rest = candidate.get(consumed..).unwrap_or_default();
    }
    records
}
