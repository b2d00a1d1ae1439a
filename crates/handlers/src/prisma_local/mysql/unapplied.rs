//! What could not be made again after a swap is kept as a script in the project, beside the journal, before the journal
//! goes. As long as the script is there, the answers of what comes after name it: who was answered first may not have
//! heard.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use backup_core::{Error, RunId, replace_file};

use super::connect::Reaching;
use super::journal::{self, Journal};
use super::replay::Refused;
use super::scratch::quoted;

/// How the name of a script begins, and ends.
const FILE: &str = "restore-unapplied-";
const ENDING: &str = ".sql";
/// How many objects are named with the server's words, and how many of these, in characters.
const MOST_TOLD: usize = 10;
const LONGEST_WORDS: usize = 200;
/// How many more are named, and how many at once: answers are bounded, and so is each warning.
const MOST_NAMED: usize = 60;
const NAMED_AT_ONCE: usize = 4;

/// Keeps what was refused; the warnings that name it.
pub(super) fn keep(
    reaching: &Reaching,
    journal: &Journal,
    refused: &[Refused],
) -> Result<Vec<String>, Error> {
    let path = journal::file_of(reaching, FILE, &journal.run, ENDING);
    if refused.is_empty() {
        return forget(&path);
    }
    let text = script(journal, refused);
    let folder = &reaching.settings.state_folder;
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| Error::creating_in(folder, error))?;
    // A run that died before it could forget its journal may have left another one.
    let written = replace_file(&path, &RunId::random()?, |out| out.write_all(&text));
    written.map_err(|error| Error::storage("write", &path, error))?;
    Ok(told(&path, refused))
}

/// The warnings about what was refused.
fn told(path: &Path, refused: &[Refused]) -> Vec<String> {
    let path = path.display();
    let (told, more) = refused.split_at(refused.len().min(MOST_TOLD));
    let first = format!(
        "{path} holds the statements that the server refused after the tables were swapped, {} in all: run them with its client once what they need is there, then remove the file",
        refused.len()
    );
    let each = told.iter().map(|Refused { database, what, words, .. }| {
        let words: String = words.chars().take(LONGEST_WORDS).collect();
        format!("Refused in {database}: {what} ({words})")
    });
    let (more, left) = more.split_at(more.len().min(MOST_NAMED));
    let more = more.chunks(NAMED_AT_ONCE).map(|some| {
        let names: Vec<String> =
            some.iter().map(|refused| format!("{} ({})", refused.what, refused.database)).collect();
        format!("Refused as well: {}", names.join(", "))
    });
    let rest = (!left.is_empty()).then(|| format!("{} more are named in the file", left.len()));
    std::iter::once(first).chain(each).chain(more).chain(rest).collect()
}

/// The scripts of earlier restores of the database that are still there.
pub(super) fn left(reaching: &Reaching) -> Result<Vec<String>, Error> {
    let files = journal::files(reaching, FILE, ENDING)?;
    let told = |path: &PathBuf| {
        format!(
            "{} holds what the server refused after an earlier restore: run it with its client, or remove it; once another backup has been restored it would only bring old definitions back",
            path.display()
        )
    };
    Ok(files.iter().map(told).collect())
}

/// Everything was made this time.
fn forget(path: &Path) -> Result<Vec<String>, Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::storage("remove", path, error))
        }
        _ => Ok(Vec::new()),
    }
}

/// The statements, for the command-line client.
fn script(journal: &Journal, refused: &[Refused]) -> Vec<u8> {
    let begin = format!("-- What a restore of {} could not make\n", one_line(&journal.live));
    let mut script = begin.into_bytes();
    for Refused { database, what, text, words } in refused {
        let (what, words) = (one_line(what), one_line(words));
        // In such a session it was refused.
        let head = format!(
            "\n-- {what}: {words}\nUSE {};\nSET NAMES utf8mb4;\nSET sql_mode = '';\n",
            quoted(database)
        );
        script.extend_from_slice(head.as_bytes());
        script.extend_from_slice(text);
    }
    script
}

/// A text that cannot end the comment that it is in.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(count: usize) -> Vec<Refused> {
        let one = |number: usize| Refused {
            database: "shop".to_owned(),
            what: format!("view {number}{}", "x".repeat(60)),
            text: b"DROP VIEW x;\n".to_vec(),
            words: "ERROR 1146 (42S02): no\nDROP DATABASE shop; ".repeat(20),
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn every_name_is_told_and_no_answer_grows_too_long() {
        let path = Path::new("/project/restore-unapplied-x.sql");
        let all = told(path, &refused(70));
        assert!(
            (0..70).all(|number| all.iter().any(|told| told.contains(&format!("view {number}x"))))
        );
        let many = told(path, &refused(5000));
        assert!(many.iter().all(|told| told.chars().count() <= 400), "{many:#?}");
        assert!(many.concat().len() < 12_000 && many.last().unwrap().starts_with("4930 more"));
    }

    #[test]
    fn a_comment_holds_what_it_is_told() {
        let (old, new) = Default::default();
        let run = RunId::random().unwrap();
        let name = || "sh\nop".to_owned();
        let journal = Journal::new(&run, name(), name(), name(), old, new);
        let text = String::from_utf8(script(&journal, &refused(1))).unwrap();
        let statements: Vec<&str> =
            text.lines().filter(|line| !line.starts_with("-- ") && !line.is_empty()).collect();
        let expected = ["USE `shop`;", "SET NAMES utf8mb4;", "SET sql_mode = '';", "DROP VIEW x;"];
        assert_eq!(statements, expected);
    }
}
