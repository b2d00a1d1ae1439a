//! A conversation with the server through `psql`.

use std::io::Write;
use std::time::Duration;

use backup_core::{Error, Interrupt};

use super::script::text_in;
use crate::prisma_local::client_session::ClientSession;
use crate::process::{Launcher, ToolCommand};

pub(super) use crate::prisma_local::client_session::SessionEnd;

/// The SQLSTATE of a statement that did not fail.
const SUCCESSFUL_COMPLETION: &str = "00000";

/// An open session.
#[derive(Debug)]
pub(super) struct Session {
    client: ClientSession,
    /// The encoding of what the server answers.
    encoding: String,
}

/// The words without the places in `psql`'s input that they name.
pub(super) fn plain_words(words: &str) -> String {
    let plain = |line: &str| {
        let line = line.strip_prefix("psql: error: ").unwrap_or(line);
        match line.strip_prefix("psql:<stdin>:").and_then(|rest| rest.split_once(": ")) {
            Some((_, rest)) => rest.to_owned(),
            None => line.to_owned(),
        }
    };
    words.lines().map(plain).collect::<Vec<_>>().join("\n")
}

impl Session {
    /// Starts `psql`, which connects.
    pub(super) fn open(
        psql: &ToolCommand,
        launcher: &Launcher,
        patience: Duration,
        interrupt: &Interrupt,
    ) -> Result<Self, SessionEnd> {
        // No start-up file may change what is read; zero bytes end fields, since no name can hold one.
        let command = psql.clone().arguments([
            "--no-psqlrc",
            "--no-password",
            "--quiet",
            "--no-align",
            "--tuples-only",
            "--field-separator-zero",
            "--record-separator-zero",
            "--set=ON_ERROR_STOP=1",
        ]);
        let client = ClientSession::open(&command, launcher, patience, interrupt)?;
        let mut session = Self { client, encoding: "UTF8".to_owned() };
        session.run("SELECT 1")?;
        Ok(session)
    }

    /// From now on it is this that ends waiting for answers.
    pub(super) fn listen_to(&mut self, interrupt: &Interrupt) {
        self.client.listen_to(interrupt);
    }

    /// Answers come in the database's own encoding from now on: every name there has one in it.
    pub(super) fn speak_as_stored(&mut self) -> Result<String, SessionEnd> {
        let encoding = "SELECT pg_catalog.current_setting('server_encoding')";
        [self.encoding] = self.row(encoding)?;
        self.run(&format!("SET client_encoding = {}", literal(&self.encoding)))?;
        Ok(self.encoding.clone())
    }

    /// From now on it waits so long for an answer.
    pub(super) fn wait_for(&mut self, patience: Duration) {
        self.client.wait_for(patience);
    }

    /// Runs statements whose answers do not matter.
    pub(super) fn run(&mut self, sql: &str) -> Result<(), SessionEnd> {
        self.answer(sql).map(|_| ())
    }

    /// The rows that a query of so many columns answers.
    pub(super) fn query<const COLUMNS: usize>(
        &mut self,
        sql: &str,
    ) -> Result<Vec<[String; COLUMNS]>, SessionEnd> {
        let answer = self.answer(sql)?;
        let text = text_in(&self.encoding, &answer);
        let mut fields: Vec<&str> = text.split('\0').collect();
        // Every field is ended by a zero byte, the last one of a record too.
        fields.pop();
        let records = fields.chunks_exact(COLUMNS);
        if !records.remainder().is_empty() {
            return Err(SessionEnd::fault("psql answered with another number of columns"));
        }
        let record = |fields: &[&str]| std::array::from_fn(|place| owned(fields.get(place)));
        Ok(records.map(record).collect())
    }

    /// The one row that a query answers.
    pub(super) fn row<const COLUMNS: usize>(
        &mut self,
        sql: &str,
    ) -> Result<[String; COLUMNS], SessionEnd> {
        let rows = self.query(sql)?;
        rows.into_iter().next().ok_or_else(|| SessionEnd::fault("the server answered with no row"))
    }

    /// The one value that the query answers which `sql` writes; none where the server refuses it, which does
    /// not end the session. `sql` ends a transaction that has failed by then.
    pub(super) fn attempt(&mut self, sql: &str, then: &str) -> Result<Option<String>, SessionEnd> {
        // What fails is told on stdout by psql itself: its variable says whether there was an error.
        let attempted = format!(
            "\\set ON_ERROR_STOP 0\n{sql} \\gexec\n\\echo :ERROR\n\\set ON_ERROR_STOP 1\n{then}"
        );
        let answer = self.answer(&attempted)?;
        let text = text_in(&self.encoding, &answer);
        let (value, rest) = text.split_once('\0').unwrap_or(("", &text));
        Ok(rest.starts_with("false").then(|| value.to_owned()))
    }

    /// Runs a statement that the server may refuse, which does not end the session: how it refused it, as an
    /// SQLSTATE and a sentence.
    pub(super) fn refusal(&mut self, sql: &str) -> Result<Option<[String; 2]>, SessionEnd> {
        let answer = self.answer(&format!(
            // Its own line: psql would take a semicolon for a part of the value, and leave it off.
            "\\set ON_ERROR_STOP 0\n{sql};\n\\echo :SQLSTATE :LAST_ERROR_MESSAGE\n\\set ON_ERROR_STOP 1\n"
        ))?;
        let text = text_in(&self.encoding, &answer);
        // What the statement itself answers comes before.
        let told = text.rsplit('\0').next().unwrap_or_default();
        let (state, sentence) = told.split_once(' ').unwrap_or((told, ""));
        Ok((state != SUCCESSFUL_COMPLETION)
            .then(|| [state.to_owned(), sentence.trim_end().to_owned()]))
    }

    /// Runs a script that `write` writes, which says whether that was all of it. What it answers is thrown away.
    pub(super) fn run_script(
        &mut self,
        interrupt: &Interrupt,
        write: impl FnOnce(&mut dyn Write) -> Result<bool, Error>,
    ) -> Result<(), SessionEnd> {
        self.run("\\o /dev/null\n")?;
        self.client.feed(interrupt, write)?;
        self.run("\\o\n")
    }

    fn answer(&mut self, sql: &str) -> Result<Vec<u8>, SessionEnd> {
        self.client.ask(|psql, mark| writeln!(psql, "{sql};\n\\echo {mark}"))
    }
}

fn owned(field: Option<&&str>) -> String {
    field.map(|field| (*field).to_owned()).unwrap_or_default()
}

/// A text as a literal, whatever `standard_conforming_strings` says, and for `psql`, which must not see a
/// variable in it.
pub(super) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A name as an identifier.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_the_places_that_only_psql_knows() {
        let words =
            "psql: error: connection to server failed: FATAL:  no\npsql:<stdin>:3: ERROR:  x: y";
        assert_eq!(plain_words(words), "connection to server failed: FATAL:  no\nERROR:  x: y");
    }

    #[test]
    fn odd_names_are_quoted() {
        assert_eq!(literal("it's \\ :name"), "E'it''s \\\\ :name'");
        assert_eq!(identifier("odd \" name"), "\"odd \"\" name\"");
    }
}
