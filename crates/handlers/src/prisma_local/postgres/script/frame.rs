//! What a script begins and ends with.
//!
//! ```text
//! --
//! -- PostgreSQL database dump
//! --
//!
//! \restrict TOKEN          (since the minor versions of August 2025)
//! …
//! --
//! -- PostgreSQL database dump complete
//! --
//!
//! \unrestrict TOKEN
//! ```
//!
//! All that may be cut off unnoticed is the last blank line.

use super::IncompleteScript;

/// What a script is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScriptKind {
    /// One database, by `pg_dump` or `pg_restore`.
    Database,
    /// The roles and tablespaces of a server, and perhaps all its databases, by `pg_dumpall`.
    Cluster,
}

impl ScriptKind {
    /// The comment that says so.
    const fn title(self) -> &'static str {
        match self {
            Self::Database => "-- PostgreSQL database dump",
            Self::Cluster => "-- PostgreSQL database cluster dump",
        }
    }

    /// The comment that completes it.
    pub(super) const fn completion(self) -> &'static str {
        match self {
            Self::Database => "-- PostgreSQL database dump complete",
            Self::Cluster => "-- PostgreSQL database cluster dump complete",
        }
    }
}

/// How near the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Not in sight.
    Ahead,
    /// The completion comment was there; the empty comment below it was not.
    Announced,
    /// All of it was there, and nothing came since.
    Complete,
}

/// How far a script is within its frame.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// None before the title.
    kind: Option<ScriptKind>,
    ending: Ending,
    /// The token of the `\restrict` line that waits for its counterpart.
    restriction: Option<Vec<u8>>,
}

impl Frame {
    pub(super) fn new() -> Self {
        Self { kind: None, ending: Ending::Ahead, restriction: None }
    }

    /// A comment of one line between two statements, without the hyphens that begin it.
    pub(super) fn comment(&mut self, text: &[u8]) -> Result<(), IncompleteScript> {
        let is = |comment: &str| comment.as_bytes().strip_prefix(b"--") == Some(text);
        let Some(kind) = self.kind else {
            self.kind = [ScriptKind::Database, ScriptKind::Cluster]
                .into_iter()
                .find(|kind| is(kind.title()));
            return Ok(());
        };
        self.ending = match self.ending {
            Ending::Announced if text.is_empty() => Ending::Complete,
            Ending::Complete if is(ScriptKind::Database.title()) => {
                return Err(IncompleteScript::Followed(kind));
            }
            Ending::Complete => Ending::Complete,
            Ending::Ahead | Ending::Announced if is(kind.completion()) => Ending::Announced,
            Ending::Ahead | Ending::Announced => Ending::Ahead,
        };
        Ok(())
    }

    /// A line for psql, without the backslash that begins it.
    pub(super) fn meta_command(&mut self, line: &[u8]) -> Result<(), IncompleteScript> {
        let (command, argument) = match line.iter().position(|byte| *byte == b' ') {
            Some(space) => line.split_at(space),
            None => (line, [].as_slice()),
        };
        match command {
            b"unrestrict" => {
                let restriction = self.restriction.take();
                if restriction.as_deref() != Some(argument) {
                    return Err(IncompleteScript::RestrictionsDiffer);
                }
                Ok(())
            }
            b"restrict" => {
                self.statement()?;
                match self.restriction.replace(argument.to_vec()) {
                    Some(_) => Err(IncompleteScript::RestrictionsDiffer),
                    None => Ok(()),
                }
            }
            _ => self.statement(),
        }
    }

    /// A statement begins, or something as weighty.
    pub(super) fn statement(&mut self) -> Result<(), IncompleteScript> {
        let kind = self.kind.ok_or(IncompleteScript::NotADump)?;
        match self.ending {
            Ending::Complete => Err(IncompleteScript::Followed(kind)),
            Ending::Ahead | Ending::Announced => {
                self.ending = Ending::Ahead;
                Ok(())
            }
        }
    }

    /// What the script is of, if it has come to its end.
    pub(super) fn finish(&self) -> Result<ScriptKind, IncompleteScript> {
        let kind = self.kind.ok_or(IncompleteScript::NotADump)?;
        if self.ending != Ending::Complete {
            return Err(IncompleteScript::NoCompletion(kind));
        }
        if self.restriction.is_some() {
            return Err(IncompleteScript::StillRestricted);
        }
        Ok(kind)
    }
}
