//! A `CREATE` statement: what it creates, under which name.

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Table,
    View,
    Trigger,
    Procedure,
    Function,
    Package,
    PackageBody,
    Event,
    Sequence,
}

impl Kind {
    /// What people call it, where it is none of what holds rows.
    pub(crate) const fn spoken(self) -> Option<&'static str> {
        match self {
            Self::Table | Self::Sequence => None,
            Self::View => Some("view"),
            Self::Trigger => Some("trigger"),
            Self::Procedure => Some("procedure"),
            Self::Function => Some("function"),
            Self::Package => Some("package"),
            Self::PackageBody => Some("package body"),
            Self::Event => Some("event"),
        }
    }
}

/// What a `CREATE` statement created.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Created {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// A table's columns.
    pub(super) columns: Vec<String>,
}

/// How far a `CREATE` is read.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Kind,
    Name,
    BehindName,
    /// A table's columns and options, with the number of open parentheses.
    Table(u32),
    Unknown,
}

/// A `CREATE` being read.
#[derive(Debug)]
pub(super) struct CreateStatement {
    step: Step,
    kind: Option<Kind>,
    name: String,
    columns: Vec<String>,
    /// The next token is the value of what stands before it, for example the definer's name.
    is_value: bool,
    /// The next token may be a column's name.
    is_column: bool,
    /// It says by which algorithm or with whose rights a view is read, as only the view itself does, not the
    /// one that stands in for it until all tables are there.
    is_detailed: bool,
    option: SequenceOption,
}

/// How much of `SEQUENCE=1` was just read: so ends a table by which MariaDB keeps a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SequenceOption {
    Nothing,
    Name,
    Equals,
}

const KINDS: [(&str, Kind); 8] = [
    ("TABLE", Kind::Table),
    ("VIEW", Kind::View),
    ("TRIGGER", Kind::Trigger),
    ("PROCEDURE", Kind::Procedure),
    ("FUNCTION", Kind::Function),
    ("PACKAGE", Kind::Package),
    ("EVENT", Kind::Event),
    ("SEQUENCE", Kind::Sequence),
];

/// Words before the kind that say nothing about it.
const MODIFIERS: [&str; 6] = ["OR", "REPLACE", "TEMPORARY", "AGGREGATE", "SECURITY", "INVOKER"];

/// Words before the kind that only a definition in full has.
const DETAILS: [&str; 3] = ["ALGORITHM", "DEFINER", "SQL"];

impl CreateStatement {
    pub(super) fn new() -> Self {
        Self {
            step: Step::Kind,
            kind: None,
            name: String::new(),
            columns: Vec::new(),
            is_value: false,
            is_column: false,
            is_detailed: false,
            option: SequenceOption::Nothing,
        }
    }

    /// Whether what follows says nothing more.
    pub(super) fn is_settled(&self) -> bool {
        self.step == Step::Unknown
    }

    pub(super) fn word(&mut self, word: &[u8]) {
        let is = |other: &str| word.eq_ignore_ascii_case(other.as_bytes());
        let is_value = std::mem::take(&mut self.is_value);
        match self.step {
            Step::Kind if is_value => {}
            Step::Kind => {
                self.kind = KINDS.into_iter().find(|(name, _)| is(name)).map(|(_, kind)| kind);
                if self.kind.is_some() {
                    self.step = Step::Name;
                } else if DETAILS.into_iter().any(is) {
                    self.is_detailed = true;
                } else if !MODIFIERS.into_iter().any(is) {
                    self.step = Step::Unknown;
                }
            }
            Step::Name if is("BODY") && self.kind == Some(Kind::Package) => {
                self.kind = Some(Kind::PackageBody);
            }
            Step::Name if ["IF", "NOT", "EXISTS"].into_iter().any(is) => {}
            Step::Name => self.named(word),
            Step::BehindName => self.leave_name(),
            Step::Table(depth) => self.table_word(word, depth),
            Step::Unknown => {}
        }
    }

    pub(super) fn quoted(&mut self, text: &[u8]) {
        self.is_value = false;
        self.option = SequenceOption::Nothing;
        match self.step {
            Step::Name => self.named(text),
            Step::Table(1) if self.is_column => {
                self.columns.push(String::from_utf8_lossy(text).into_owned());
            }
            Step::BehindName => self.leave_name(),
            Step::Kind | Step::Table(_) | Step::Unknown => {}
        }
        self.is_column = false;
    }

    pub(super) fn symbol(&mut self, symbol: u8) {
        match (&self.step, symbol) {
            (Step::Kind, _) => self.is_value = matches!(symbol, b'=' | b'@'),
            // What stood before the point was the database.
            (Step::BehindName, b'.') => self.step = Step::Name,
            (Step::BehindName, _) => {
                self.leave_name();
                if let Step::Table(depth) = self.step {
                    self.table_symbol(symbol, depth);
                }
            }
            (Step::Table(depth), _) => self.table_symbol(symbol, *depth),
            (Step::Name | Step::Unknown, _) => {}
        }
    }

    /// What was created, unless it is of no kind that is looked for, or only stands in for a view.
    pub(super) fn end(self) -> Option<Created> {
        let kind = self.kind?;
        let stands_in = kind == Kind::View && !self.is_detailed;
        let is_named = !matches!(self.step, Step::Kind | Step::Name);
        let created = Created { kind, name: self.name, columns: self.columns };
        (is_named && !stands_in).then_some(created)
    }

    fn named(&mut self, name: &[u8]) {
        self.name = String::from_utf8_lossy(name).into_owned();
        self.step = Step::BehindName;
    }

    fn leave_name(&mut self) {
        let is_table = self.kind == Some(Kind::Table);
        self.step = if is_table { Step::Table(0) } else { Step::Unknown };
    }

    fn table_word(&mut self, word: &[u8], depth: u32) {
        self.is_column = false;
        self.option = match self.option {
            _ if depth > 0 => SequenceOption::Nothing,
            SequenceOption::Equals if word == b"1" => {
                self.kind = Some(Kind::Sequence);
                SequenceOption::Nothing
            }
            _ if word.eq_ignore_ascii_case(b"SEQUENCE") => SequenceOption::Name,
            _ => SequenceOption::Nothing,
        };
    }

    fn table_symbol(&mut self, symbol: u8, depth: u32) {
        let depth = match symbol {
            b'(' => depth + 1,
            b')' => depth.saturating_sub(1),
            _ => depth,
        };
        self.step = Step::Table(depth);
        self.is_column = depth == 1 && matches!(symbol, b'(' | b',');
        let follows = self.option == SequenceOption::Name && symbol == b'=';
        self.option = if follows { SequenceOption::Equals } else { SequenceOption::Nothing };
    }
}
