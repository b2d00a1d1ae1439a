//! What `prisma.config.ts` and its kin say outright: the schema's place, and the variables that hold the
//! URLs. Nothing is executed; what is computed is not known.
//!
//! | version | the URL |
//! |---|---|
//! | 6, 7 | `datasource: { url: env('X'), directUrl: env('Y') }` |
//! | 8 | `orm: ormConfig({ db: { connection: process.env.X } })`, in its early form without `orm` |

use std::path::PathBuf;

use super::Datasource;
use super::tokens::Token::{self, Punctuation, Text, Word};
use super::tokens::{Language, tokens};

/// What a configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrismaConfiguration {
    /// The schema's file or folder, relative to the configuration's folder.
    pub schema: Option<PathBuf>,
    /// The datasource, where the configuration has one; its parts may still be unknown.
    pub datasource: Option<Datasource>,
    /// The variable that holds the bare path of a SQLite file: version 8 has no URL for it.
    pub sqlite_path: Option<String>,
}

/// Reads a configuration.
pub fn read(source: &str) -> PrismaConfiguration {
    let tokens = tokens(source, Language::Script);
    let settings = settings(&tokens);
    // Also where it is only named, and written elsewhere: then its parts are unknown.
    let has_datasource =
        tokens.iter().any(|token| matches!(token, Word("datasource") | Text("datasource")));
    let datasource = has_datasource.then(|| Datasource {
        provider: None,
        url: settings.value("datasource.url").and_then(variable),
        direct_url: settings.value("datasource.directUrl").and_then(variable),
    });
    let connection = ["orm.db.connection", "db.connection"]
        .into_iter()
        .find_map(|place| settings.value(place).and_then(variable));
    // Each engine's package has a function of its own for the section.
    let is_sqlite = tokens
        .iter()
        .any(|token| matches!(token, Text(package) if package.ends_with("sqlite/config")));
    PrismaConfiguration {
        schema: settings.value("schema").and_then(path),
        sqlite_path: connection.clone().filter(|_| is_sqlite),
        datasource: datasource.or_else(|| {
            connection.map(|url| Datasource { url: Some(url), ..Datasource::default() })
        }),
    }
}

/// The settings of all objects in a source, by the keys that lead to them.
struct Settings<'a> {
    /// `a.b`, and the tokens of its value; an insertion (`...x`) has the place of its object and no value.
    entries: Vec<(String, Option<&'a [Token<'a>]>)>,
}

impl<'a> Settings<'a> {
    /// The value at a place; none where there are different ones, or where a later insertion could
    /// bring another.
    fn value(&self, place: &str) -> Option<&'a [Token<'a>]> {
        let is_around = |key: &str| {
            key.is_empty() || place.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'))
        };
        let mut found: Option<&[Token<'_>]> = None;
        for (key, value) in &self.entries {
            match value {
                Some(value) if key == place => {
                    if found.is_some_and(|found| found != *value) {
                        return None;
                    }
                    found = Some(value);
                }
                None if found.is_some() && is_around(key) => return None,
                _ => {}
            }
        }
        found
    }
}

/// An open bracket.
struct Frame<'a> {
    bracket: char,
    /// The key whose value is being read, and where that value begins; in braces only.
    entry: Option<(&'a str, usize)>,
}

fn settings<'a>(tokens: &'a [Token<'a>]) -> Settings<'a> {
    let mut settings = Settings { entries: Vec::new() };
    let mut frames: Vec<Frame<'_>> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| tokens.get(before));
        let behind = tokens.get(index + 1..).unwrap_or_default();
        let begins = matches!(before, Some(Punctuation('{' | ',')));
        match token {
            Punctuation(bracket @ ('{' | '(' | '[')) => {
                frames.push(Frame { bracket: *bracket, entry: None });
            }
            Punctuation('}' | ')' | ']') => {
                end_entry(&mut frames, index, tokens, &mut settings);
                frames.pop();
            }
            Punctuation(',') => end_entry(&mut frames, index, tokens, &mut settings),
            Punctuation('.')
                if begins && matches!(behind, [Punctuation('.'), Punctuation('.'), ..]) =>
            {
                let in_an_object = frames.last().is_some_and(|frame| frame.bracket == '{');
                if let Some(place) = place_of(&frames).filter(|_| in_an_object) {
                    settings.entries.push((place, None));
                }
            }
            Word(key) | Text(key) if begins && matches!(behind, [Punctuation(':'), ..]) => {
                if let Some(frame) = frames.last_mut().filter(|frame| frame.bracket == '{') {
                    frame.entry = Some((key, index + 2));
                }
            }
            _ => {}
        }
    }
    settings
}

fn end_entry<'a>(
    frames: &mut [Frame<'a>],
    end: usize,
    tokens: &'a [Token<'a>],
    settings: &mut Settings<'a>,
) {
    let Some(place) = place_of(frames) else { return };
    if let Some(frame) = frames.last_mut()
        && let Some((_, begin)) = frame.entry.take()
        && let Some(value) = tokens.get(begin..end)
    {
        settings.entries.push((place, Some(value)));
    }
}

/// The keys that lead here; none within a call or a list, but for those that wrap the whole or a section.
fn place_of(frames: &[Frame<'_>]) -> Option<String> {
    let mut place = String::new();
    for frame in frames {
        match &frame.entry {
            Some((key, _)) => {
                if !place.is_empty() {
                    place.push('.');
                }
                place.push_str(key);
            }
            None if frame.bracket != '{' && !matches!(place.as_str(), "" | "orm") => return None,
            None => {}
        }
    }
    Some(place)
}

/// The variable that a value names, with or without an assertion of its type and a constant for where it is
/// not set.
fn variable(value: &[Token<'_>]) -> Option<String> {
    let (name, rest) = reference(value)?;
    let rest = without(rest, &[Punctuation('!')]);
    let rest = without(rest, &[Word("as"), Word("string")]);
    let is_clear = match rest {
        [] => true,
        [Punctuation(one), Punctuation(other), Text(_)] => one == other && matches!(one, '?' | '|'),
        _ => false,
    };
    (is_clear && crate::configuration::is_variable(name)).then(|| name.to_owned())
}

/// The name in `env('X')`, `process.env.X` or `process.env['X']`, and what follows.
fn reference<'a, 'b>(value: &'a [Token<'b>]) -> Option<(&'b str, &'a [Token<'b>])> {
    if let Some(access) = value.strip_prefix(&PROCESS_ENVIRONMENT) {
        return match access {
            [Punctuation('.'), Word(name), rest @ ..]
            | [Punctuation('['), Text(name), Punctuation(']'), rest @ ..] => Some((name, rest)),
            _ => None,
        };
    }
    let call = value.strip_prefix(&[Word("env")])?;
    let typed = |call: &'a [Token<'b>]| match call {
        [Punctuation('<'), Word(_), Punctuation('>'), call @ ..] => Some(call),
        _ => None,
    };
    match typed(call).unwrap_or(call) {
        [Punctuation('('), Text(name), Punctuation(')'), rest @ ..] => Some((name, rest)),
        _ => None,
    }
}

const PROCESS_ENVIRONMENT: [Token<'_>; 3] = [Word("process"), Punctuation('.'), Word("env")];

/// The folder that a module is in.
const MODULE_FOLDERS: [&[Token<'_>]; 2] = [
    &[Word("__dirname"), Punctuation(',')],
    &[
        Word("import"),
        Punctuation('.'),
        Word("meta"),
        Punctuation('.'),
        Word("dirname"),
        Punctuation(','),
    ],
];

/// A path that is written outright, or joined of such parts.
fn path(value: &[Token<'_>]) -> Option<PathBuf> {
    if let [Text(path)] = value {
        return Some(PathBuf::from(path));
    }
    let call = without(value, &[Word("path"), Punctuation('.')]);
    let [Word("join" | "resolve"), Punctuation('('), parts @ .., Punctuation(')')] = call else {
        return None;
    };
    let parts = MODULE_FOLDERS.into_iter().fold(parts, without);
    let parts = parts.strip_suffix(&[Punctuation(',')]).unwrap_or(parts);
    parts
        .split(|token| *token == Punctuation(','))
        .map(|part| match part {
            [Text(part)] => Some(*part),
            _ => None,
        })
        .collect()
}

/// The tokens behind a beginning that may be missing.
fn without<'a, 'b>(tokens: &'a [Token<'b>], beginning: &[Token<'b>]) -> &'a [Token<'b>] {
    tokens.strip_prefix(beginning).unwrap_or(tokens)
}

#[cfg(test)]
mod tests;
