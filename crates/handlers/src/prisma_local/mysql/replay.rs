//! Makes what belongs to the tables of a database, one object after the other. What the server refuses for good stops
//! nothing: it is kept, for [`unapplied`](super::unapplied).

use backup_core::Error;

use super::connect::Reaching;
use super::definitions::Script;
use super::pieces::{Piece, pieces};
use super::session::{Session, SessionEnd, plain_words};

/// The server's own machine is in trouble: its files, its disk.
const OF_THE_MACHINE: std::ops::Range<u32> = 0..1000;
/// The client lost the server.
const OF_THE_CLIENT: std::ops::Range<u32> = 2000..3000;
/// What the server refuses now and may do later, by its numbers: no room or memory, too many sessions, it shuts down or
/// only reads, a lock is held, the session was ended or took too long.
const NOT_NOW: [u32; 21] = [
    1021, 1037, 1038, 1040, 1041, 1053, 1114, 1152, 1184, 1203, 1205, 1206, 1213, 1226, 1290, 1317,
    1792, 1836, 1927, 1969, 3024,
];
/// How the client begins to tell an error of the server's; its number follows.
const ERROR: &str = "ERROR ";
/// What a server says of its disk in words with other numbers.
const NO_SPACE: [&str; 2] = ["errno: 28", "Errcode: 28"];

/// What the server refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// The database in which it was to be.
    pub database: String,
    /// What it is, as a person calls it.
    pub what: String,
    /// What makes it.
    pub text: Vec<u8>,
    /// The server's words.
    pub words: String,
}

/// A database in which things are made.
pub(super) struct Replay<'a> {
    reaching: &'a Reaching,
    database: &'a str,
    open: Box<dyn Fn() -> Result<Session, Error> + 'a>,
    session: Session,
    refused: Vec<Refused>,
}

impl<'a> Replay<'a> {
    /// `open` opens a session in the database: the client ends with each refusal.
    pub(super) fn new(
        reaching: &'a Reaching,
        database: &'a str,
        open: impl Fn() -> Result<Session, Error> + 'a,
    ) -> Result<Self, Error> {
        let session = open()?;
        Ok(Self { reaching, database, open: Box::new(open), session, refused: Vec::new() })
    }

    /// For questions, whose errors are no refusals.
    pub(super) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// What was refused so far.
    pub(super) fn take_refused(&mut self) -> Vec<Refused> {
        std::mem::take(&mut self.refused)
    }

    /// Runs one statement, or several that belong together. Says whether the server did not refuse.
    pub(super) fn run(&mut self, what: String, statements: &[&str]) -> Result<bool, Error> {
        let before = self.refused.len();
        self.make_all(vec![Piece::of(what, statements)])?;
        Ok(self.refused.len() == before)
    }

    /// Makes what a script makes.
    pub(super) fn make(&mut self, script: &Script) -> Result<(), Error> {
        self.make_all(pieces(script))
    }

    /// Makes those of the objects that a script makes which are not there.
    pub(super) fn make_missing(&mut self, script: &Script, there: &[String]) -> Result<(), Error> {
        let mut missing = pieces(script);
        missing.retain(|piece| !there.contains(&piece.name));
        self.make_all(missing)
    }

    /// What is refused is tried again as long as others were made since: it may have needed them.
    fn make_all(&mut self, mut waiting: Vec<Piece>) -> Result<(), Error> {
        loop {
            let tried = waiting.len();
            let mut refused = Vec::new();
            for piece in waiting {
                if let Some(words) = self.attempt(&piece)? {
                    refused.push((piece, words));
                }
            }
            if refused.is_empty() || refused.len() == tried {
                for (Piece { what, text, .. }, words) in refused {
                    self.refuse(what, text, words);
                }
                return Ok(());
            }
            waiting = refused.into_iter().map(|(piece, _)| piece).collect();
        }
    }

    /// The server's words where it refuses for good.
    fn attempt(&mut self, piece: &Piece) -> Result<Option<String>, Error> {
        let Err(end) = self.session.run_script(&piece.text) else { return Ok(None) };
        let words = self.refusal(end)?;
        if let Some(collation) = &piece.collation
            && let Err(end) = self.session.run_script(collation)
        {
            let words = self.refusal(end)?;
            self.refuse("its own collation".to_owned(), collation.clone(), words);
        }
        Ok(Some(words))
    }

    /// The server's words where it refuses for good. The client has ended with it: another session goes on.
    fn refusal(&mut self, end: SessionEnd) -> Result<String, Error> {
        let words = refusal(end).map_err(|end| self.reaching.failed(end))?;
        self.session = (self.open)()?;
        Ok(words)
    }

    fn refuse(&mut self, what: String, text: Vec<u8>, words: String) {
        self.refused.push(Refused { database: self.database.to_owned(), what, text, words });
    }
}

/// The server's words where it refused something for good, else the end of the session.
pub(super) fn refusal(end: SessionEnd) -> Result<String, SessionEnd> {
    match end {
        SessionEnd::Ended(end) if is_for_good(&end.words) => Ok(plain_words(&end.words)),
        other => Err(other),
    }
}

fn is_for_good(words: &str) -> bool {
    let first = words.lines().find_map(|line| line.strip_prefix(ERROR));
    let number = first.and_then(|rest| rest.split(' ').next()?.parse().ok());
    number.is_some_and(|number: u32| {
        !OF_THE_MACHINE.contains(&number)
            && !OF_THE_CLIENT.contains(&number)
            && !NOT_NOW.contains(&number)
    }) && !NO_SPACE.iter().any(|phrase| words.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_object_lacks_is_refused_for_good() {
        for words in [
            "--------------\nCREATE VIEW …\n--------------\n\nERROR 1146 (42S02) at line 3: Table 'shop.items' doesn't exist",
            "ERROR 1449 (HY000) at line 1: The user specified as a definer ('a'@'%') does not exist",
            "ERROR 1227 (42000): Access denied; you need (at least one of) the SUPER privilege(s)",
        ] {
            assert!(is_for_good(words), "{words}");
        }
        for words in [
            "ERROR 2013 (HY000) at line 1: Lost connection to MySQL server during query",
            "ERROR 1205 (HY000) at line 1: Lock wait timeout exceeded; try restarting transaction",
            "ERROR 1927 (70100): Connection was killed",
            "ERROR 1053 (08S01): Server shutdown in progress",
            "ERROR 3 (HY000): Error writing file './shop/t.TRG' (Errcode: 28 \"No space left on device\")",
            "ERROR 1005 (HY000): Can't create table `shop`.`t` (errno: 28 \"No space left on device\")",
            "mariadb: unknown option",
            "",
        ] {
            assert!(!is_for_good(words), "{words}");
        }
    }
}
