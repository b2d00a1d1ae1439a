//! The handler that dumps databases with their native tools and libraries, by engine.

mod aside;
mod client_session;
mod dump_tool;
mod folder;
mod lines;
mod loading;
mod migrations;
mod mysql;
mod postgres;
mod reading;
mod scratch;
mod server_disk;
mod sqlite;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use backup_core::{
    ArtifactForm, ArtifactToExamine, Compression, Database, DatabaseTarget, Depth, Error,
    Examination, Handler, RestoreManner, Run, ToolSettings,
};
use backup_protocol::{Format, HandlerDescription, Skill, VerifyLevel};

use crate::process::Launcher;
use aside::blocking;

/// Makes backups of PostgreSQL, MySQL and MariaDB databases and of SQLite files.
#[derive(Clone, Debug)]
pub struct PrismaLocal {
    launcher: Launcher,
}

impl PrismaLocal {
    /// `supervisor` is the program that runs native tools: this one, with its `supervise` subcommand.
    pub const fn new(supervisor: PathBuf) -> Self {
        Self { launcher: Launcher::new(supervisor) }
    }
}

#[async_trait]
impl Handler for PrismaLocal {
    fn describe(&self) -> HandlerDescription {
        let compressions = [Compression::None, Compression::Gzip, Compression::Zstd];
        HandlerDescription {
            skill: Skill::HandlerDbPrisma.name().to_owned(),
            name: "prisma_local".to_owned(),
            engines: ["postgres", "mysql", "sqlite"].map(str::to_owned).to_vec(),
            formats: vec![Format::Sql, Format::Custom, Format::Directory],
            compressions: compressions.map(|compression| compression.name().to_owned()).to_vec(),
            verify_levels: [VerifyLevel::Quick, VerifyLevel::Full, VerifyLevel::Restore]
                .map(|level| level.name().to_owned())
                .to_vec(),
            tools: BTreeMap::from([sqlite::tool()]),
        }
    }

    fn spoken_name(&self) -> &'static str {
        "Prisma"
    }

    fn backup_method(&self, target: &DatabaseTarget, format: Format) -> &'static str {
        match (target, format) {
            (DatabaseTarget::Postgres(_), _) => "pg_dump",
            (DatabaseTarget::MySql(_), Format::Directory) => "mydumper",
            (DatabaseTarget::MySql(_), _) => "mysqldump",
            (DatabaseTarget::Sqlite(_), _) => "sqlite",
        }
    }

    fn needs_scratch(&self, engine: Option<&str>, form: ArtifactForm, depth: Depth) -> bool {
        engine == Some("sqlite") && sqlite::needs_scratch(form, depth)
    }

    fn default_format(&self, target: &DatabaseTarget) -> Format {
        match target {
            DatabaseTarget::Sqlite(_) => Format::Custom,
            DatabaseTarget::Postgres(_) | DatabaseTarget::MySql(_) => Format::Sql,
        }
    }

    fn extension(&self, target: &DatabaseTarget, form: ArtifactForm) -> Result<String, Error> {
        let ours = form.compression.extension();
        Ok(match target {
            DatabaseTarget::Sqlite(_) => format!("{}{ours}", sqlite::extension(form.format)?),
            DatabaseTarget::Postgres(_) | DatabaseTarget::MySql(_) => {
                let extension = match target {
                    DatabaseTarget::Postgres(_) => postgres::extension(form.format)?,
                    _ => mysql::extension(form.format)?,
                };
                // Only text is compressed by us: the tools' own formats compress themselves.
                let ours = if form.format == Format::Sql { ours } else { "" };
                format!("{extension}{ours}")
            }
        })
    }

    async fn connect(
        &self,
        target: &DatabaseTarget,
        settings: &ToolSettings,
        run: &Run,
    ) -> Result<Box<dyn Database>, Error> {
        run.interrupt.check()?;
        let launcher = &self.launcher;
        Ok(match target {
            DatabaseTarget::Sqlite(database) => {
                Box::new(sqlite::SqliteFile::new(database, settings))
            }
            DatabaseTarget::Postgres(database) => Box::new(
                postgres::PostgresDatabase::connect(database, settings, launcher, run).await?,
            ),
            DatabaseTarget::MySql(database) => {
                Box::new(mysql::MySqlDatabase::connect(database, settings, launcher, run).await?)
            }
        })
    }

    async fn connect_to_restore(
        &self,
        target: &DatabaseTarget,
        settings: &ToolSettings,
        manner: RestoreManner,
        run: &Run,
    ) -> Result<Box<dyn Database>, Error> {
        run.interrupt.check()?;
        let launcher = &self.launcher;
        Ok(match target {
            DatabaseTarget::Sqlite(_) => return self.connect(target, settings, run).await,
            DatabaseTarget::Postgres(database) => Box::new(
                postgres::PostgresDatabase::connect_to_restore(
                    database, settings, launcher, manner, run,
                )
                .await?,
            ),
            DatabaseTarget::MySql(database) => Box::new(
                mysql::MySqlDatabase::connect_to_restore(database, settings, launcher, run).await?,
            ),
        })
    }

    async fn examine(
        &self,
        artifact: ArtifactToExamine<'_>,
        run: &Run,
    ) -> Result<Examination, Error> {
        let engine = match artifact.engine {
            Some("postgres") => Engine::Postgres,
            Some("mysql") => Engine::MySql,
            Some("sqlite") => Engine::Sqlite,
            Some(engine) => {
                let what = format!("this version cannot examine a {engine} dump");
                return Err(Error::UnsupportedDatabase { what });
            }
            None => engine_by_content(artifact.path, artifact.form)?,
        };
        match engine {
            Engine::Sqlite => sqlite::examine(artifact, run).await,
            Engine::Postgres => {
                let (artifact, launcher) = (Artifact::of(&artifact), self.launcher.clone());
                let run = run.clone();
                blocking(move || postgres::examine(&artifact, &launcher, &run)).await
            }
            Engine::MySql => {
                let (artifact, run) = (Artifact::of(&artifact), run.clone());
                blocking(move || mysql::examine(&artifact, &run)).await
            }
        }
    }
}

/// Whose dump it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    Postgres,
    MySql,
    Sqlite,
}

/// An artifact that is examined aside.
struct Artifact {
    path: PathBuf,
    form: ArtifactForm,
    depth: Depth,
    settings: ToolSettings,
}

impl Artifact {
    fn of(artifact: &ArtifactToExamine<'_>) -> Self {
        Self {
            path: artifact.path.to_path_buf(),
            form: artifact.form,
            depth: artifact.depth,
            settings: artifact.settings.clone(),
        }
    }
}

/// How much of a text dump is looked at to tell whose it is, in bytes.
const HEAD_BYTES: usize = 512;

/// Whose dump a file or folder is that no manifest speaks of: each tool names itself at the beginning.
fn engine_by_content(path: &Path, form: ArtifactForm) -> Result<Engine, Error> {
    if form.format == Format::Directory {
        let engine = if path.join("toc.dat").exists() { Engine::Postgres } else { Engine::MySql };
        return Ok(engine);
    }
    let mut head = [0; HEAD_BYTES];
    let failed = |error| Error::storage("read", path, error);
    let file = File::open(path).map_err(failed)?;
    let length = crate::pipeline::decompressed_head(file, form.compression, &mut head);
    let text = String::from_utf8_lossy(head.get(..length).unwrap_or_default());
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    Ok(if says(&["PostgreSQL database", "\\restrict "]) {
        Engine::Postgres
    } else if says(&["-- MySQL dump", "-- MariaDB dump", "enable the sandbox mode"]) {
        Engine::MySql
    } else {
        Engine::Sqlite
    })
}
