//! Makes sense of the tokens of each statement.

use super::completion;
use super::contents::ScriptContents;
use super::create::{CreateStatement, Kind};
use super::insert::InsertStatement;
use super::migrations::MigrationColumns;
use super::rows::RowCount;
use super::sql_mode::{SetStatement, SqlMode};

/// What the reader wants to be told of the statement that is passing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attention {
    /// Every token.
    Tokens,
    /// The symbols that delimit rows.
    Rows,
    /// Its end.
    End,
}

/// The statement that is passing.
#[derive(Debug)]
enum Statement {
    Unbegun,
    Create(CreateStatement),
    Insert(InsertStatement),
    Set(SetStatement),
    Other,
}

/// Reads statements for what they create and insert.
#[derive(Debug)]
pub(super) struct Reader {
    migrations_table: String,
    /// Of the migrations table, as its definition says.
    columns: Option<MigrationColumns>,
    statement: Statement,
    sql_mode: SqlMode,
    contents: ScriptContents,
    /// What the last statement created.
    created: Option<(Kind, String)>,
    has_statements: bool,
    began_as_a_dump: bool,
    is_completed: bool,
}

impl Reader {
    pub(super) fn new(migrations_table: &str, columns: Option<MigrationColumns>) -> Self {
        Self {
            migrations_table: migrations_table.to_owned(),
            columns,
            statement: Statement::Unbegun,
            sql_mode: SqlMode::default(),
            contents: ScriptContents::default(),
            created: None,
            has_statements: false,
            began_as_a_dump: false,
            is_completed: false,
        }
    }

    pub(super) fn sql_mode(&self) -> SqlMode {
        self.sql_mode
    }

    pub(super) fn began_as_a_dump(&self) -> bool {
        self.began_as_a_dump
    }

    /// Whether the last thing outside of statements was the line that completes a dump.
    pub(super) fn is_completed(&self) -> bool {
        self.is_completed
    }

    pub(super) fn tables_begun(&self) -> u64 {
        self.contents.rows.len() as u64
    }

    pub(super) fn into_contents(mut self) -> ScriptContents {
        self.contents.leave_only_tables();
        self.contents
    }

    /// What was created since this was last asked.
    pub(super) fn take_created(&mut self) -> Option<(Kind, String)> {
        self.created.take()
    }

    pub(super) fn attention(&self) -> Attention {
        match &self.statement {
            Statement::Create(create) if create.is_settled() => Attention::End,
            Statement::Insert(insert) if insert.is_unknown() => Attention::End,
            Statement::Insert(insert) if insert.is_counted() => Attention::Rows,
            Statement::Other => Attention::End,
            _ => Attention::Tokens,
        }
    }

    /// The count of the rows that are passing, while nothing else is wanted of them.
    pub(super) fn counting(&mut self) -> Option<&mut RowCount> {
        match &mut self.statement {
            Statement::Insert(insert) => insert.counting(),
            _ => None,
        }
    }

    /// A statement begins.
    pub(super) fn begin(&mut self) {
        self.has_statements = true;
        self.is_completed = false;
    }

    /// A comment that is no line of the tool's.
    pub(super) fn aside(&mut self) {
        self.is_completed = false;
    }

    /// A line of comment between two statements.
    pub(super) fn remark(&mut self, line: &[u8]) {
        let line = without_return(line);
        self.began_as_a_dump |= !self.has_statements && completion::begins_a_dump(line);
        self.is_completed = self.has_statements && completion::completes(line);
        if completion::tells_of_omission(line) {
            self.contents.insufficient.push(String::from_utf8_lossy(line).into_owned());
        }
    }

    /// The last line, without its end.
    pub(super) fn unended_remark(&mut self, line: &[u8]) {
        self.is_completed =
            self.has_statements && completion::completes_unended(without_return(line));
    }

    /// A keyword, a bare name or a number.
    pub(super) fn word(&mut self, word: &[u8]) {
        match &mut self.statement {
            Statement::Unbegun => {
                let is = |other: &[u8]| word.eq_ignore_ascii_case(other);
                self.statement = match () {
                    () if is(b"CREATE") => Statement::Create(CreateStatement::new()),
                    () if is(b"INSERT") || is(b"REPLACE") => {
                        Statement::Insert(InsertStatement::new())
                    }
                    () if is(b"SET") => Statement::Set(SetStatement::default()),
                    () => Statement::Other,
                };
            }
            Statement::Create(create) => create.word(word),
            Statement::Insert(insert) => {
                if insert.word(word) && insert.table() == self.migrations_table {
                    let named = insert.columns();
                    let of_table = self.columns.filter(|_| named.is_empty());
                    if let Some(columns) = of_table.or_else(|| MigrationColumns::among(named)) {
                        insert.capture(columns);
                    }
                }
            }
            Statement::Set(set) => set.word(word),
            Statement::Other => {}
        }
    }

    /// The text within quotes of any kind.
    pub(super) fn quoted(&mut self, text: &[u8]) {
        match &mut self.statement {
            Statement::Unbegun => self.statement = Statement::Other,
            Statement::Create(create) => create.quoted(text),
            Statement::Insert(insert) => insert.quoted(text),
            Statement::Set(set) => set.quoted(text),
            Statement::Other => {}
        }
    }

    pub(super) fn symbol(&mut self, symbol: u8) {
        match &mut self.statement {
            Statement::Unbegun => self.statement = Statement::Other,
            Statement::Create(create) => create.symbol(symbol),
            Statement::Insert(insert) => insert.symbol(symbol),
            Statement::Set(set) => set.symbol(symbol),
            Statement::Other => {}
        }
    }

    /// The statement is whole.
    pub(super) fn end(&mut self) {
        match std::mem::replace(&mut self.statement, Statement::Unbegun) {
            Statement::Create(create) => {
                let Some(created) = create.end() else { return };
                if created.kind == Kind::Table && created.name == self.migrations_table {
                    self.columns = MigrationColumns::among(&created.columns);
                    self.contents.migration_columns = self.columns;
                }
                self.created = Some((created.kind, created.name.clone()));
                self.contents.create(created);
            }
            Statement::Insert(insert) => {
                let Some((table, rows, migrations)) = insert.end() else { return };
                *self.contents.rows.entry(table).or_default() += rows;
                self.contents.migrations.extend(migrations);
            }
            Statement::Set(set) => self.sql_mode = set.result().unwrap_or(self.sql_mode),
            Statement::Unbegun | Statement::Other => {}
        }
    }
}

/// Windows' tools end a line with two bytes.
fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
