//! A conversation with the server through `mysql` or `mariadb`.

use std::time::Duration;

use backup_core::Interrupt;

use crate::prisma_local::client_session::ClientSession;
use crate::process::{Launcher, ToolCommand};

pub(super) use crate::prisma_local::client_session::SessionEnd;

/// An open session.
#[derive(Debug)]
pub(super) struct Session(ClientSession);

/// The words without the statement that the client repeats, and without its place.
pub(super) fn plain_words(words: &str) -> String {
    let errors: Vec<&str> = words.lines().filter(|line| line.starts_with("ERROR ")).collect();
    if errors.is_empty() { words.to_owned() } else { errors.join("\n") }
}

impl Session {
    /// Starts the client, which connects.
    pub(super) fn open(
        client: &ToolCommand,
        database: &str,
        launcher: &Launcher,
        patience: Duration,
        interrupt: &Interrupt,
    ) -> Result<Self, SessionEnd> {
        // Batch output escapes tabs, newlines and backslashes, and nothing else.
        let command = client.clone().arguments([
            "--batch",
            // No word of a definition is a command of the client's.
            "--binary-mode",
            "--max-allowed-packet=1G",
            "--skip-column-names",
            "--unbuffered",
            "--default-character-set=utf8mb4",
            "--",
            database,
        ]);
        let session = ClientSession::open(&command, launcher, patience, interrupt)?;
        let mut session = Self(session);
        session.run("SELECT 1")?;
        Ok(session)
    }

    /// From now on it is this that ends waiting for answers.
    pub(super) fn listen_to(&mut self, interrupt: &Interrupt) {
        self.0.listen_to(interrupt);
    }

    /// Runs a statement whose answer does not matter.
    pub(super) fn run(&mut self, sql: &str) -> Result<(), SessionEnd> {
        self.lines(sql).map(|_| ())
    }

    /// The rows that a query of so many columns answers, none of them null.
    pub(super) fn query<const COLUMNS: usize>(
        &mut self,
        sql: &str,
    ) -> Result<Vec<[String; COLUMNS]>, SessionEnd> {
        let lines = self.lines(sql)?;
        lines
            .iter()
            .map(|line| {
                let fields: Vec<String> = line.split('\t').map(unescaped).collect();
                fields.try_into().map_err(|_| {
                    SessionEnd::fault("the client answered with another number of columns")
                })
            })
            .collect()
    }

    /// The one row that a query answers.
    pub(super) fn row<const COLUMNS: usize>(
        &mut self,
        sql: &str,
    ) -> Result<[String; COLUMNS], SessionEnd> {
        let rows = self.query(sql)?;
        rows.into_iter().next().ok_or_else(|| SessionEnd::fault("the server answered with no row"))
    }

    /// Whether a query answers anything.
    pub(super) fn has_rows(&mut self, sql: &str) -> Result<bool, SessionEnd> {
        Ok(!self.lines(sql)?.is_empty())
    }

    /// Runs a script that answers nothing, with the delimiters that it sets.
    pub(super) fn run_script(&mut self, script: &[u8]) -> Result<(), SessionEnd> {
        let asked = self.0.ask(|client, mark| {
            client.write_all(script)?;
            writeln!(client, "\nDELIMITER ;\nSELECT '{mark}';")
        });
        asked.map(|_| ())
    }

    fn lines(&mut self, sql: &str) -> Result<Vec<String>, SessionEnd> {
        let answer = self.0.ask(|client, mark| writeln!(client, "{sql};\nSELECT '{mark}';"))?;
        let text = String::from_utf8_lossy(&answer);
        Ok(text.split_terminator('\n').map(str::to_owned).collect())
    }
}

/// A field of batch output as it was.
fn unescaped(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    let mut letters = field.chars();
    while let Some(letter) = letters.next() {
        text.push(match letter {
            '\\' => match letters.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('0') => '\0',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_output_is_read_as_it_was_meant() {
        assert_eq!(unescaped(r"a\tb\nc\\d"), "a\tb\nc\\d");
    }

    #[test]
    fn only_the_error_is_repeated_not_the_statement() {
        let words =
            "--------------\nselect bad\n--------------\n\nERROR 1054 (42S22) at line 4: no";
        assert_eq!(plain_words(words), "ERROR 1054 (42S22) at line 4: no");
        assert_eq!(plain_words("mariadb: odd"), "mariadb: odd");
    }
}
