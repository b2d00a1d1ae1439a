//! What differs from run to run, given names that do not: the one place where that is decided.
//!
//! | in an answer | becomes |
//! |---|---|
//! | the project's folder | `<project>` |
//! | the second in an id, `20250124-140000` | `<second 1>`, numbered as they appear |
//! | a token | `<token 1>`, likewise |
//! | a cursor | `<cursor 1>`, likewise |
//! | a time | `<now>`, `<now+30 days>`, `<now+10 minutes>` |
//! | checksums, run ids, stamps in file names | `<sha256>`, `<run>`, `<stamp>` |
//! | durations, free space, versions, sizes of compressed files and of databases at a server | `"<seconds>"`, `"<free>"`, … |
//!
//! Times and ids of the past, such as fixtures have, stay as they are. The numbered names may stand in a
//! request, which gets the real thing in their place, and so may `<run>`: the run that was told of last.

use std::path::Path;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

/// How much older than the test something of the test can be.
const SLACK: TimeDelta = TimeDelta::minutes(2);

/// Knows what one conversation has met so far.
#[derive(Debug)]
pub struct Normaliser {
    /// What is the machine's own, and its names.
    known: Vec<(String, &'static str)>,
    /// Whether sizes depend on the version of a server and its tools.
    of_server: bool,
    run: String,
    began: DateTime<Utc>,
    seconds: Vec<String>,
    tokens: Vec<String>,
    cursors: Vec<String>,
}

impl Normaliser {
    /// A normaliser for a project in this folder.
    pub fn new(root: &Path) -> Self {
        let known = vec![(root.to_str().unwrap().to_owned(), "<project>")];
        let (of_server, run, seconds, tokens, cursors) = Default::default();
        Self { known, of_server, run, began: Utc::now(), seconds, tokens, cursors }
    }

    /// Lets answers be about databases of a PostgreSQL server of this version.
    pub fn know_postgres(&mut self, version: &str) {
        let package = |major| format!("postgresql-client-{major}");
        let major = version.split('.').next().unwrap();
        self.known.push((version.to_owned(), "<server version>"));
        self.known.push((package(major), "postgresql-client-<server version>"));
        self.of_server = true;
    }

    /// Puts the real things in place of the names in a request or a path.
    pub fn fill_in(&self, text: &str) -> String {
        let mut filled = text.replace("<run>", &self.run);
        for (thing, name) in &self.known {
            filled = filled.replace(name, thing);
        }
        for (kind, known) in
            [("second", &self.seconds), ("token", &self.tokens), ("cursor", &self.cursors)]
        {
            for (index, value) in known.iter().enumerate() {
                filled = filled.replace(&format!("<{kind} {}>", index + 1), value);
            }
        }
        filled
    }

    /// The answer with names in place of what differs.
    pub fn normalise(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(values) => {
                Value::Array(values.into_iter().map(|value| self.normalise(value)).collect())
            }
            Value::Object(fields) => Value::Object(self.object(fields)),
            other => other,
        }
    }

    fn object(&mut self, fields: Map<String, Value>) -> Map<String, Value> {
        let varies = self.of_server || is_about_compressed(&fields);
        let mut normal = Map::new();
        for (name, value) in fields {
            let value = match name.as_str() {
                "duration_seconds"
                | "writers_blocked_seconds"
                | "restore_seconds"
                | "age_seconds"
                    if value.is_number() =>
                {
                    "<seconds>".into()
                }
                "available_space_bytes"
                | "available_space_gb"
                | "database_available_bytes"
                | "backups_available_bytes" => "<free>".into(),
                "host" => "<host>".into(),
                "version" | "program_version" => "<version>".into(),
                "tools" => with_each(value, "<version>"),
                "next_cursor" => {
                    number(&mut self.cursors, "cursor", value.as_str().unwrap()).into()
                }
                _ if varies && is_size(&name) => "<size>".into(),
                _ => self.normalise(value),
            };
            normal.insert(self.text(&name), value);
        }
        normal
    }

    fn text(&mut self, text: &str) -> String {
        let mut normal = String::with_capacity(text.len());
        let mut rest = text;
        let mut within_word = false;
        while let Some(next) = rest.chars().next() {
            let found = if within_word { None } else { self.name_for(rest) };
            let (length, name) = found.unwrap_or_else(|| (next.len_utf8(), next.to_string()));
            normal.push_str(&name);
            within_word = rest[..length].ends_with(|last: char| last.is_ascii_alphanumeric());
            rest = &rest[length..];
        }
        normal
    }

    /// The name for what `rest` begins with, and its length; none where it begins with nothing of note.
    fn name_for(&mut self, rest: &str) -> Option<(usize, String)> {
        if let Some((thing, name)) = self.known.iter().find(|(thing, _)| rest.starts_with(thing)) {
            return Some((thing.len(), (*name).to_owned()));
        }
        if let Some(length) = shaped(rest, &format!("##########.{}.{}", hex(16), hex(64))) {
            return Some((length, number(&mut self.tokens, "token", &rest[..length])));
        }
        if let Some(length) = time_length(rest) {
            let time: DateTime<Utc> = rest[..length].parse().ok()?;
            return self.is_of_this_run(time).then(|| (length, self.relative(time)));
        }
        if let Some(length) = shaped(rest, "########-######") {
            let second = NaiveDateTime::parse_from_str(&rest[..length], "%Y%m%d-%H%M%S").ok()?;
            return self
                .is_of_this_run(second.and_utc())
                .then(|| (length, number(&mut self.seconds, "second", &rest[..length])));
        }
        let fixed = [("########T#########", "<stamp>"), ("########T######", "<stamp>")]
            .map(|(s, n)| (s.to_owned(), n));
        let mut fixed = fixed.into_iter().chain([(hex(64), "<sha256>"), (hex(16), "<run>")]);
        let (length, name) = fixed.find_map(|(shape, name)| Some((shaped(rest, &shape)?, name)))?;
        if name == "<run>" {
            rest[..length].clone_into(&mut self.run);
        }
        Some((length, name.to_owned()))
    }

    fn is_of_this_run(&self, time: DateTime<Utc>) -> bool {
        time >= self.began - SLACK
    }

    /// A time as its distance from now, where that is a round one.
    fn relative(&self, time: DateTime<Utc>) -> String {
        let distance = (time - self.began) + SLACK;
        let after = |rest: TimeDelta| rest < SLACK * 2;
        if distance.num_days() > 0 && after(distance - TimeDelta::days(distance.num_days())) {
            return format!("<now+{} days>", distance.num_days());
        }
        let tens = distance.num_minutes() / 10;
        match (tens, after(distance - TimeDelta::minutes(tens * 10))) {
            (0, true) => "<now>".to_owned(),
            (_, true) => format!("<now+{} minutes>", tens * 10),
            (_, false) => format!("<{time}>"),
        }
    }
}

/// The number that a thing has, given when it is first met.
fn number(known: &mut Vec<String>, kind: &str, thing: &str) -> String {
    let index = known.iter().position(|other| other == thing).unwrap_or_else(|| {
        known.push(thing.to_owned());
        known.len() - 1
    });
    format!("<{kind} {}>", index + 1)
}

/// How compressed bytes come out depends on the library's version.
fn is_about_compressed(fields: &Map<String, Value>) -> bool {
    let named = ["file_path", "backup_file", "file_name"].iter().any(|field| {
        let name = fields.get(*field).and_then(Value::as_str).unwrap_or_default();
        [".gz", ".zst"].iter().any(|extension| name.ends_with(extension))
    });
    named || fields.get("compressed") == Some(&Value::Bool(true))
}

fn is_size(field: &str) -> bool {
    matches!(
        field,
        "size_bytes"
            | "size_human"
            | "freed_bytes"
            | "compression_ratio"
            | "expected_size_min_bytes"
            | "actual_size_bytes"
            | "database_bytes"
            | "safety_backup_bytes"
    )
}

fn with_each(value: Value, name: &str) -> Value {
    match value {
        Value::Object(fields) => {
            fields.into_iter().map(|(key, _)| (key, Value::from(name))).collect()
        }
        other => other,
    }
}

fn hex(digits: usize) -> String {
    "~".repeat(digits)
}

/// The length of the shape if `text` begins with it and with nothing longer of its kind: `#` is a digit,
/// `~` a lower-case hexadecimal digit, anything else itself.
fn shaped(text: &str, shape: &str) -> Option<usize> {
    let mut characters = text.bytes();
    let fits = shape.bytes().all(|wanted| match (wanted, characters.next()) {
        (b'#', Some(found)) => found.is_ascii_digit(),
        (b'~', Some(found)) => found.is_ascii_digit() || (b'a'..=b'f').contains(&found),
        (_, found) => found == Some(wanted),
    });
    let ends = !characters.next().is_some_and(|next| next.is_ascii_alphanumeric());
    (fits && ends).then_some(shape.len())
}

/// The length of the RFC 3339 time that the text begins with.
fn time_length(text: &str) -> Option<usize> {
    let shape = "####-##-##T##:##:##";
    let whole = text.get(..shape.len()).and_then(|start| shaped(start, shape))?;
    let fraction = match text[whole..].strip_prefix('.') {
        Some(digits) => 1 + digits.bytes().take_while(u8::is_ascii_digit).count(),
        None => 0,
    };
    let end = whole + fraction;
    text[end..].starts_with('Z').then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_gets_a_name_and_what_is_old_stays() {
        let mut normaliser = Normaliser::new(Path::new("/tmp/project"));
        let now = Utc::now();
        let id = now.format("backup-%Y%m%d-%H%M%S-pre-migration").to_string();
        let expires =
            (now + TimeDelta::days(30)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let normal = normaliser.normalise(json!({
            "backup_id": id,
            "old": "backup-20250124-140000 of 2025-01-24T14:00:00Z",
            "expires_at": expires,
            "file_path": format!("/tmp/project/{id}.sql.gz"),
            "size_bytes": 17,
            "run": "0123456789abcdef",
            "word": "x0123456789abcdef",
        }));
        let expected = json!({
            "backup_id": "backup-<second 1>-pre-migration",
            "old": "backup-20250124-140000 of 2025-01-24T14:00:00Z",
            "expires_at": "<now+30 days>",
            "file_path": "<project>/backup-<second 1>-pre-migration.sql.gz",
            "size_bytes": "<size>",
            "run": "<run>",
            "word": "x0123456789abcdef",
        });
        assert_eq!(normal, expected);
        assert_eq!(normaliser.fill_in("backup-<second 1>-pre-migration"), id);
    }
}
