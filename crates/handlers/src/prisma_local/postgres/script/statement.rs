//! Statements, understood as far as they decide how the script is to be read on.

use std::fmt;

use super::lexer::Token;

/// A table's name as the database has it, without quotes. What is not UTF-8 in a script of another encoding is
/// replaced by U+FFFD.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TableName {
    /// The schema. Where the script names none: what it has set as the first of its search path, else `public`.
    pub schema: String,
    /// The table.
    pub name: String,
}

impl TableName {
    /// The name in records: `public.User`, quoted only where a dot or a quote in it could mislead.
    pub fn recorded(&self) -> String {
        let plain = |name: &str| !name.is_empty() && !name.contains(['.', '"']);
        if plain(&self.schema) && plain(&self.name) {
            format!("{}.{}", self.schema, self.name)
        } else {
            self.to_string()
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |name: &str| name.replace('"', "\"\"");
        write!(formatter, "\"{}\".\"{}\"", quoted(&self.schema), quoted(&self.name))
    }
}

/// `SET name = value`, the first value if there are several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: String,
}

/// What a statement was.
#[derive(Debug)]
pub(super) enum Finished {
    /// Rows follow.
    CopyFromStdin {
        schema: Option<String>,
        name: String,
    },
    Set(Setting),
    Insert,
    /// It gives an object to an owner: the object's name where it is a schema.
    Owner {
        schema: Option<String>,
    },
    /// It gives or takes privileges, or says on whose behalf that is done: the name of what it is about where that is a
    /// schema.
    Privileges {
        schema: Option<String>,
    },
    /// It says something about a schema or an extension.
    Comment(Kept),
    /// It begins or ends a transaction.
    Transaction,
    /// It makes a schema or an extension.
    Create(Kept),
    Other,
}

/// What may be in a database before a script is loaded into it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kept {
    Schema(String),
    Extension(String),
}

/// A statement of which the tokens are passing.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    form: Form,
    /// How many parentheses are open. A semicolon within them ends nothing: a rule's commands are written so.
    parentheses: u32,
}

#[derive(Clone, Debug)]
enum Form {
    Unstarted,
    Copy(CopyStatement),
    Set(SetStatement),
    Insert,
    Alter(AlterStatement),
    /// `GRANT` or `REVOKE`.
    Privileges(PrivilegesStatement),
    /// `RESET`, which says what it resets as `SET` does what it sets.
    Reset(SetStatement),
    /// `CREATE`, and perhaps `OR REPLACE`.
    Create,
    Routine(Routine),
    Comment(CommentStatement),
    /// `CREATE SCHEMA` or `CREATE EXTENSION`, and the name once it has passed.
    CreateNamed(CreateNamed),
    /// `BEGIN`, `COMMIT` or `ROLLBACK`, by any of their names.
    Transaction,
    /// `PREPARE`, which may turn out to end a transaction.
    Prepare,
    Other,
}

impl Statement {
    pub(super) fn new() -> Self {
        Self { form: Form::Unstarted, parentheses: 0 }
    }

    pub(super) fn is_unstarted(&self) -> bool {
        matches!(self.form, Form::Unstarted)
    }

    /// Whether words can still make a difference to it.
    pub(super) fn reads_words(&self) -> bool {
        !matches!(self.form, Form::Insert | Form::Transaction | Form::Other)
    }

    /// Whether it may turn out to be one that a [`StatementFilter`](super::StatementFilter) leaves out.
    pub(super) fn may_be_left_out(&self) -> bool {
        match self.form {
            Form::Unstarted
            | Form::Alter(_)
            | Form::Privileges(_)
            | Form::Set(_)
            | Form::Reset(_)
            | Form::Comment(_)
            | Form::Create
            | Form::CreateNamed(_)
            | Form::Prepare
            | Form::Transaction => true,
            Form::Copy(_) | Form::Insert | Form::Routine(_) | Form::Other => false,
        }
    }

    /// Takes a token and its text. Returns what the statement was once this was its end.
    pub(super) fn accept(&mut self, token: Token, text: &[u8]) -> Option<Finished> {
        match token {
            Token::Symbol(b'(') => self.parentheses = self.parentheses.saturating_add(1),
            Token::Symbol(b')') => self.parentheses = self.parentheses.saturating_sub(1),
            Token::Symbol(b';') if self.parentheses == 0 && !self.is_in_body() => {
                return Some(self.finish());
            }
            _ => {}
        }
        let outermost = self.parentheses == 0;
        match &mut self.form {
            Form::Unstarted => self.form = Form::of_first(token, text),
            Form::Create if token == Token::Word => {
                if is_one_of(text, &["function", "procedure"]) {
                    self.form = Form::Routine(Routine::default());
                } else if is_one_of(text, &["schema"]) {
                    self.form = Form::CreateNamed(CreateNamed::Schema);
                } else if is_one_of(text, &["extension"]) {
                    self.form = Form::CreateNamed(CreateNamed::Extension);
                } else if !is_one_of(text, &["or", "replace"]) {
                    self.form = Form::Other;
                }
            }
            Form::Create => self.form = Form::Other,
            Form::CreateNamed(create) => create.accept(token, text),
            Form::Prepare => {
                let ends = token == Token::Word && is_one_of(text, &["transaction"]);
                self.form = if ends { Form::Transaction } else { Form::Other };
            }
            Form::Copy(copy) => copy.accept(token, text),
            Form::Routine(routine) if outermost => routine.accept(token, text),
            Form::Set(set) | Form::Reset(set) => set.accept(token, text),
            Form::Alter(alter) => alter.accept(token, text),
            Form::Comment(comment) => {
                if !comment.accept(token, text) {
                    self.form = Form::Other;
                }
            }
            Form::Privileges(privileges) => privileges.accept(token, text),
            Form::Routine(_) | Form::Insert | Form::Transaction | Form::Other => {}
        }
        None
    }

    fn is_in_body(&self) -> bool {
        matches!(&self.form, Form::Routine(routine) if routine.blocks > 0)
    }

    fn finish(&mut self) -> Finished {
        match std::mem::replace(&mut self.form, Form::Unstarted) {
            Form::Copy(copy) => copy.finish(),
            // `SET SESSION AUTHORIZATION` stands around the privileges that another than the owner gave.
            Form::Set(set) | Form::Reset(set) if set.setting.name == "authorization" => {
                Finished::Privileges { schema: None }
            }
            Form::Set(set) => Finished::Set(set.setting),
            Form::Alter(alter) => alter.finish(),
            Form::Privileges(privileges) => privileges.finish(),
            Form::Insert => Finished::Insert,
            Form::Comment(CommentStatement::Named(kept)) => Finished::Comment(kept),
            Form::Transaction => Finished::Transaction,
            Form::CreateNamed(CreateNamed::Named(kept)) => Finished::Create(kept),
            _ => Finished::Other,
        }
    }
}

impl Form {
    fn of_first(token: Token, text: &[u8]) -> Self {
        if token != Token::Word {
            return Self::Other;
        }
        let is = |word: &str| is_one_of(text, &[word]);
        if is("insert") {
            Self::Insert
        } else if is("create") {
            Self::Create
        } else if is("set") {
            Self::Set(SetStatement::default())
        } else if is("reset") {
            Self::Reset(SetStatement::default())
        } else if is("alter") {
            Self::Alter(AlterStatement::default())
        } else if is_one_of(text, &["grant", "revoke"]) {
            Self::Privileges(PrivilegesStatement::default())
        } else if is("copy") {
            Self::Copy(CopyStatement::default())
        } else if is("comment") {
            Self::Comment(CommentStatement::Begun)
        } else if is_one_of(text, &["begin", "start", "commit", "end", "rollback", "abort"]) {
            Self::Transaction
        } else if is("prepare") {
            Self::Prepare
        } else {
            Self::Other
        }
    }
}

/// `COPY [schema.]table [(columns)] [WITH OIDS] FROM stdin`.
#[derive(Clone, Debug, Default)]
struct CopyStatement {
    /// The parts of the name, the table's own last.
    names: Vec<String>,
    stage: CopyStage,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum CopyStage {
    #[default]
    NamePart,
    AfterNamePart,
    AfterName,
    AfterFrom,
    FromStdin,
}

impl CopyStatement {
    fn accept(&mut self, token: Token, text: &[u8]) {
        let is_word = |word: &str| token == Token::Word && is_one_of(text, &[word]);
        self.stage = match self.stage {
            CopyStage::NamePart if self.names.len() < 3 && token.is_name() => {
                self.names.push(token.name(text));
                CopyStage::AfterNamePart
            }
            CopyStage::AfterNamePart if token == Token::Symbol(b'.') => CopyStage::NamePart,
            CopyStage::FromStdin => CopyStage::FromStdin,
            CopyStage::AfterFrom if is_word("stdin") => CopyStage::FromStdin,
            _ if is_word("from") => CopyStage::AfterFrom,
            _ => CopyStage::AfterName,
        };
    }

    fn finish(mut self) -> Finished {
        match (self.stage, self.names.pop()) {
            (CopyStage::FromStdin, Some(name)) => {
                Finished::CopyFromStdin { schema: self.names.pop(), name }
            }
            _ => Finished::Other,
        }
    }
}

/// `SET [SESSION | LOCAL] name {= | TO} value`.
#[derive(Clone, Debug, Default)]
struct SetStatement {
    setting: Setting,
}

impl SetStatement {
    fn accept(&mut self, token: Token, text: &[u8]) {
        let Setting { name, value } = &mut self.setting;
        if name.is_empty() {
            if token.is_name() && !is_one_of(text, &["session", "local"]) {
                *name = token.name(text);
            }
        } else if value.is_empty()
            && (token.is_name() || token == Token::Text)
            && !(token == Token::Word && is_one_of(text, &["to"]))
        {
            *value = token.name(text);
        }
    }
}

/// `ALTER … OWNER TO role` or `ALTER DEFAULT PRIVILEGES …`, or another one.
#[derive(Clone, Debug, Default)]
struct AlterStatement {
    stage: AlterStage,
    /// The name of the schema that is altered.
    schema: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum AlterStage {
    #[default]
    Begun,
    AfterDefault,
    DefaultPrivileges,
    AfterSchema,
    /// Within what is altered, or what is done to it.
    Within,
    AfterOwner,
    AfterTo,
    /// After the role that becomes the owner, which ends the statement.
    AfterRole,
}

impl AlterStatement {
    fn accept(&mut self, token: Token, text: &[u8]) {
        let is_word = |word: &str| token == Token::Word && is_one_of(text, &[word]);
        self.stage = match self.stage {
            // A reserved word: nothing that is altered begins so.
            AlterStage::Begun if is_word("default") => AlterStage::AfterDefault,
            AlterStage::AfterDefault if is_word("privileges") => AlterStage::DefaultPrivileges,
            AlterStage::DefaultPrivileges => AlterStage::DefaultPrivileges,
            AlterStage::Begun if is_word("schema") => AlterStage::AfterSchema,
            AlterStage::AfterSchema if token.is_name() => {
                self.schema = Some(token.name(text));
                AlterStage::Within
            }
            AlterStage::AfterOwner if is_word("to") => AlterStage::AfterTo,
            AlterStage::AfterTo if token.is_name() => AlterStage::AfterRole,
            _ if is_word("owner") => AlterStage::AfterOwner,
            _ => AlterStage::Within,
        };
    }

    fn finish(self) -> Finished {
        match self.stage {
            AlterStage::AfterRole => Finished::Owner { schema: self.schema },
            AlterStage::DefaultPrivileges => Finished::Privileges { schema: None },
            _ => Finished::Other,
        }
    }
}

/// `CREATE SCHEMA [IF NOT EXISTS] name …` or `CREATE EXTENSION [IF NOT EXISTS] name …`.
#[derive(Clone, Debug)]
enum CreateNamed {
    Schema,
    Extension,
    Named(Kept),
}

impl CreateNamed {
    fn accept(&mut self, token: Token, text: &[u8]) {
        if !token.is_name() || token == Token::Word && is_one_of(text, &["if", "not", "exists"]) {
            return;
        }
        *self = match std::mem::replace(self, Self::Schema) {
            Self::Schema => Self::Named(Kept::Schema(token.name(text))),
            Self::Extension => Self::Named(Kept::Extension(token.name(text))),
            named @ Self::Named(_) => named,
        };
    }
}

/// `GRANT … ON SCHEMA name …` or `REVOKE … ON SCHEMA name …`, or another one.
#[derive(Clone, Debug, Default)]
struct PrivilegesStatement {
    after: AfterPrivilege,
    schema: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum AfterPrivilege {
    #[default]
    Nothing,
    On,
    Schema,
    Name,
}

impl PrivilegesStatement {
    fn accept(&mut self, token: Token, text: &[u8]) {
        let is_word = |word: &str| token == Token::Word && is_one_of(text, &[word]);
        self.after = match self.after {
            AfterPrivilege::Nothing if is_word("on") => AfterPrivilege::On,
            AfterPrivilege::Nothing => AfterPrivilege::Nothing,
            AfterPrivilege::On if is_word("schema") => AfterPrivilege::Schema,
            AfterPrivilege::Schema if token.is_name() => {
                self.schema = Some(token.name(text));
                AfterPrivilege::Name
            }
            _ => AfterPrivilege::Name,
        };
    }

    fn finish(self) -> Finished {
        Finished::Privileges { schema: self.schema }
    }
}

/// `COMMENT ON SCHEMA name …` or `COMMENT ON EXTENSION name …`, or another one.
#[derive(Clone, Debug)]
enum CommentStatement {
    Begun,
    AfterOn,
    AfterSchema,
    AfterExtension,
    Named(Kept),
}

impl CommentStatement {
    /// Whether it still may be one of the two.
    fn accept(&mut self, token: Token, text: &[u8]) -> bool {
        let is_word = |word: &str| token == Token::Word && is_one_of(text, &[word]);
        *self = match self {
            Self::Begun if is_word("on") => Self::AfterOn,
            Self::AfterOn if is_word("schema") => Self::AfterSchema,
            Self::AfterOn if is_word("extension") => Self::AfterExtension,
            Self::AfterSchema if token.is_name() => Self::Named(Kept::Schema(token.name(text))),
            Self::AfterExtension if token.is_name() => {
                Self::Named(Kept::Extension(token.name(text)))
            }
            Self::Named(_) => return true,
            _ => return false,
        };
        true
    }
}

/// `CREATE FUNCTION` or `CREATE PROCEDURE`. A body in the words of the SQL standard holds whole statements with
/// their semicolons, unquoted, between `BEGIN ATOMIC` and `END`.
#[derive(Clone, Debug, Default)]
struct Routine {
    /// Whether the last token was `BEGIN`. Alone it says nothing: it may be a name, and then has no quotes.
    after_begin: bool,
    /// How many `END`s are to come: of the body, and of each `CASE` in it.
    blocks: u32,
}

impl Routine {
    fn accept(&mut self, token: Token, text: &[u8]) {
        let is_word = |word: &str| token == Token::Word && is_one_of(text, &[word]);
        if self.blocks > 0 {
            if is_word("case") {
                self.blocks += 1;
            } else if is_word("end") {
                self.blocks -= 1;
            }
        } else if self.after_begin && is_word("atomic") {
            self.blocks = 1;
        }
        self.after_begin = is_word("begin");
    }
}

fn is_one_of(text: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
}
