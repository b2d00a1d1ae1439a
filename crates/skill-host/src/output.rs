//! The one writer of stdout: envelopes and nothing else.

use std::io::{self, Write};

use backup_protocol::{
    Answer, Envelope, ErrorCode, Failure, MAX_ANSWER_CHARACTERS, Outcome, Recovery,
};

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

    /// Writes one envelope on one line and flushes it.
    pub(crate) fn write(&mut self, answer: Answer) {
        if self.closed {
            return;
        }
        let line = line_of(answer);
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()) {
            tracing::debug!(%error, "stdout is closed");
            self.closed = true;
        }
    }
}

fn line_of(answer: Answer) -> String {
    let (id, operation) = (answer.id.clone(), answer.operation.clone());
    let failed = |detail: String| Answer {
        id: id.clone(),
        operation: operation.clone(),
        environment: None,
        outcome: Outcome::Error(Box::new(Failure {
            error: format!("Internal error: {detail}"),
            code: ErrorCode::Internal,
            prisma_output: None,
            result: None,
            recovery: Recovery {
                suggestions: vec!["Report this with the request that led to it".to_owned()],
                next_request: None,
            },
        })),
    };
    let text = serde_json::to_string(&Envelope::from(answer));
    let mut line = match text {
        Ok(text) if text.chars().count() <= MAX_ANSWER_CHARACTERS => text,
        Ok(_) => short(failed("the answer is too long".to_owned())),
        Err(error) => short(failed(error.to_string())),
    };
    line.push('\n');
    line
}

/// An answer that is short by its making.
fn short(answer: Answer) -> String {
    serde_json::to_string(&Envelope::from(answer)).unwrap_or_default()
}
