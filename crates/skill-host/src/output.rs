//! The one writer of stdout: envelopes and nothing else.

use std::io::{self, Write};

use backup_protocol::{Answer, Envelope, MAX_ANSWER_CHARACTERS, Outcome, RequestId};

/// Writes envelopes; after stdout was closed it stays quiet, and what was begun is finished all the same.
pub(crate) struct Output {
    closed: bool,
}

impl Output {
    pub(crate) const fn new() -> Self {
        Self { closed: false }
    }

    /// Whether nobody reads any more.
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Writes one envelope on one line and flushes it. Says whether it is a success.
    pub(crate) fn write(&mut self, answer: Answer) -> bool {
        let (line, succeeded) = line_of(answer);
        if self.closed {
            return succeeded;
        }
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()) {
            tracing::debug!(%error, "stdout is closed");
            self.closed = true;
        }
        succeeded
    }
}

/// The envelope as a line, and whether it is a success.
pub(crate) fn line_of(answer: Answer) -> (String, bool) {
    let (id, operation) = (answer.id.clone(), answer.operation.clone());
    let succeeded = matches!(answer.outcome, Outcome::Success { .. });
    let whole = serde_json::to_string(&Envelope::from(answer));
    let (mut line, succeeded) = match whole {
        Ok(text) if text.chars().count() <= MAX_ANSWER_CHARACTERS => (text, succeeded),
        Ok(_) => (fault(id, operation, "the answer is too long"), false),
        Err(error) => (fault(id, operation, &error.to_string()), false),
    };
    line.push('\n');
    (line, succeeded)
}

/// An answer that is short by its making.
fn fault(id: Option<RequestId>, operation: Option<String>, detail: &str) -> String {
    let answer = backup_core::fault(id, operation, detail);
    serde_json::to_string(&Envelope::from(answer)).unwrap_or_default()
}
