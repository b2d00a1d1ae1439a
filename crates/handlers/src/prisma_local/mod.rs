//! The handler that dumps databases with their native tools and libraries, by engine.

mod mysql;
mod sqlite;

use std::collections::BTreeMap;

use async_trait::async_trait;
use backup_core::{
    ArtifactForm, ArtifactToExamine, Compression, DatabaseFacts, DatabaseTarget, Depth,
    Destination, DumpOrder, Dumped, Error, Examination, Handler, Run,
};
use backup_protocol::{Format, HandlerDescription, Skill, VerifyLevel};

/// Makes backups of SQLite files.
#[derive(Clone, Copy, Debug)]
pub struct PrismaLocal;

#[async_trait]
impl Handler for PrismaLocal {
    fn describe(&self) -> HandlerDescription {
        let compressions = [Compression::None, Compression::Gzip, Compression::Zstd];
        HandlerDescription {
            skill: Skill::HandlerDbPrisma.name().to_owned(),
            name: "prisma_local".to_owned(),
            engines: vec!["sqlite".to_owned()],
            formats: vec![Format::Custom, Format::Sql],
            compressions: compressions.map(|compression| compression.name().to_owned()).to_vec(),
            verify_levels: [VerifyLevel::Quick, VerifyLevel::Full]
                .map(|level| level.name().to_owned())
                .to_vec(),
            tools: BTreeMap::from([sqlite::tool()]),
        }
    }

    fn spoken_name(&self) -> &'static str {
        "Prisma"
    }

    fn backup_method(&self, target: &DatabaseTarget) -> &'static str {
        match target {
            DatabaseTarget::Sqlite(_) => "sqlite",
            DatabaseTarget::Postgres(_) => "pg_dump",
            DatabaseTarget::MySql(_) => "mysqldump",
        }
    }

    fn needs_scratch(&self, form: ArtifactForm, depth: Depth) -> bool {
        sqlite::needs_scratch(form, depth)
    }

    fn default_format(&self, target: &DatabaseTarget) -> Format {
        match target {
            DatabaseTarget::Sqlite(_) => Format::Custom,
            DatabaseTarget::Postgres(_) | DatabaseTarget::MySql(_) => Format::Sql,
        }
    }

    fn extension(&self, target: &DatabaseTarget, form: ArtifactForm) -> Result<String, Error> {
        let extension = match target {
            DatabaseTarget::Sqlite(_) => sqlite::extension(form.format)?,
            DatabaseTarget::Postgres(_) | DatabaseTarget::MySql(_) => {
                return Err(unsupported_server(target));
            }
        };
        Ok(format!("{extension}{}", form.compression.extension()))
    }

    async fn inspect(
        &self,
        target: &DatabaseTarget,
        form: ArtifactForm,
        run: &Run,
    ) -> Result<DatabaseFacts, Error> {
        match target {
            DatabaseTarget::Sqlite(database) => sqlite::inspect(database.clone(), form, run).await,
            DatabaseTarget::Postgres(_) | DatabaseTarget::MySql(_) => {
                Err(unsupported_server(target))
            }
        }
    }

    async fn dump(
        &self,
        order: DumpOrder,
        destination: Destination,
        run: &Run,
    ) -> Result<Dumped, Error> {
        match order.target.clone() {
            DatabaseTarget::Sqlite(database) => {
                sqlite::dump(database, order, destination, run).await
            }
            target @ (DatabaseTarget::Postgres(_) | DatabaseTarget::MySql(_)) => {
                Err(unsupported_server(&target))
            }
        }
    }

    async fn examine(
        &self,
        artifact: ArtifactToExamine<'_>,
        run: &Run,
    ) -> Result<Examination, Error> {
        match artifact.engine {
            Some("sqlite") | None => sqlite::examine(artifact, run).await,
            Some(engine) => Err(Error::UnsupportedDatabase {
                what: format!("this version cannot examine a {engine} dump"),
            }),
        }
    }
}

fn unsupported_server(target: &DatabaseTarget) -> Error {
    let family = match target {
        DatabaseTarget::Postgres(_) => "postgresql",
        DatabaseTarget::MySql(_) | DatabaseTarget::Sqlite(_) => target.engine(),
    };
    Error::UnsupportedDatabase { what: format!("this version does not back up {family} servers") }
}
