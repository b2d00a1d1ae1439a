//! What a project's Prisma files say of its databases: where the schema is, which variables hold the URLs,
//! and what relative paths are relative to. Versions 4 to 8; only read, never executed, and what cannot be
//! read is simply not known.

mod configuration;
mod files;
mod schema;
mod sqlite;
mod tokens;

use std::path::{Path, PathBuf};

use serde_json::Value;

use configuration::PrismaConfiguration;
use files::ProjectFiles;

pub(super) use sqlite::{MissingFile, sqlite_file};

/// The files that hold a configuration, without their extensions, in the order in which they are looked
/// for; the last is version 8's before it took the common name.
const CONFIGURATION_NAMES: [&str; 4] =
    ["prisma.config", ".config/prisma.config", ".config/prisma", "prisma-next.config"];
/// Their extensions, in Prisma's order.
const CONFIGURATION_EXTENSIONS: [&str; 6] = ["js", "ts", "mjs", "cjs", "mts", "cts"];

/// Where a schema is unless something says otherwise, in Prisma's order.
const USUAL_SCHEMAS: [&str; 3] = ["schema.prisma", "prisma/schema.prisma", "prisma/schema"];

/// The datasource: its engine, and the variables that hold its URLs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Datasource {
    /// Prisma's word for the engine.
    pub provider: Option<String>,
    /// The variable of `url`.
    pub url: Option<String>,
    /// The variable of `directUrl`.
    pub direct_url: Option<String>,
}

/// What the Prisma files of a project say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PrismaProject {
    /// The datasource, as far as it is known.
    pub datasource: Datasource,
    /// The variable that holds the bare path of a SQLite file.
    pub sqlite_path: Option<String>,
    /// The folders that a relative path may be relative to: until version 6 the schema's, since 7 the
    /// configuration's.
    pub folders: Vec<PathBuf>,
}

impl PrismaProject {
    /// Reads what there is below a root, which has no links in it.
    pub(super) fn read(root: &Path) -> Self {
        let files = ProjectFiles { root };
        let configured = configuration(files);
        let (folder, configuration) = configured.clone().unwrap_or_default();
        let schema = schema_path(files, &folder, &configuration);
        let texts = files.read_schema(&schema);
        let in_schema = schema::datasource(texts.iter().map(String::as_str)).unwrap_or_default();
        // A configuration's datasource is taken in place of the schema's, not part by part.
        let datasource = match configuration.datasource {
            Some(said) => Datasource { provider: in_schema.provider, ..said },
            None => in_schema,
        };
        let configuration_folder = configured.map(|(folder, _)| folder);
        Self {
            datasource,
            sqlite_path: configuration.sqlite_path,
            folders: folders(root, &schema, configuration_folder),
        }
    }

    /// Whether the datasource is known to be the one whose URL this variable holds.
    pub(super) fn is_of(&self, variable: &str) -> bool {
        self.datasource.url.as_deref() == Some(variable)
    }

    /// Where the file of a certificate is: of the places that could be meant the first where there is
    /// one.
    pub(super) fn certificate(&self, root: &Path, spelled: &Path) -> PathBuf {
        let mut places = self.folders.iter().map(PathBuf::as_path).chain([root]);
        let first = places.clone().next().unwrap_or(root).join(spelled);
        places
            .find_map(|folder| Some(folder.join(spelled)).filter(|path| path.exists()))
            .unwrap_or(first)
    }
}

/// The configuration with the folder that it is in.
fn configuration(files: ProjectFiles<'_>) -> Option<(PathBuf, PrismaConfiguration)> {
    CONFIGURATION_NAMES.into_iter().find_map(|name| {
        CONFIGURATION_EXTENSIONS.into_iter().find_map(|extension| {
            let path = files.root.join(format!("{name}.{extension}"));
            let is_there = files.resolve(&path).is_some_and(|path| path.is_file());
            let text = is_there.then(|| files.read(&path).unwrap_or_default())?;
            Some((path.parent()?.to_path_buf(), configuration::read(&text)))
        })
    })
}

/// The schema's file or folder: where the configuration or `package.json` says, else where Prisma looks.
fn schema_path(
    files: ProjectFiles<'_>,
    configuration_folder: &Path,
    configuration: &PrismaConfiguration,
) -> PathBuf {
    let configured = configuration.schema.as_ref().map(|path| configuration_folder.join(path));
    let package = files.read(Path::new("package.json")).unwrap_or_default();
    let named = serde_json::from_str::<Value>(&package).ok().and_then(|package| {
        let path = package.pointer("/prisma/schema").and_then(Value::as_str)?;
        Some(files.root.join(path))
    });
    // Where the schema is said to be outside, paths are relative to that place, though it is not read.
    let said = configured.into_iter().chain(named).find(|path| path.exists());
    said.or_else(|| {
        let usual = USUAL_SCHEMAS.map(|path| files.root.join(path));
        usual.into_iter().find(|path| files.resolve(path).is_some())
    })
    .unwrap_or_else(|| files.root.join("prisma/schema.prisma"))
}

fn folders(root: &Path, schema: &Path, configuration_folder: Option<PathBuf>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if schema.is_dir() {
        folders.push(schema.to_path_buf());
    }
    folders.extend(schema.parent().map(Path::to_path_buf));
    folders.extend(configuration_folder);
    if folders.is_empty() {
        folders.push(root.to_path_buf());
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn with(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (file, text) in files {
                let path = folder.path().join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            Self(folder)
        }

        fn root(&self) -> PathBuf {
            self.0.path().canonicalize().unwrap()
        }

        /// The datasource's variables, joined.
        fn variables(&self) -> String {
            let datasource = PrismaProject::read(&self.root()).datasource;
            [datasource.url, datasource.direct_url].map(Option::unwrap_or_default).join(" ")
        }
    }

    fn schema(url: &str) -> String {
        format!(
            "datasource db {{\n  provider = \"postgresql\"\n  url = env(\"{url}\")\n  directUrl = env(\"{url}_DIRECT\")\n}}\n"
        )
    }

    #[test]
    fn the_schema_is_found_where_prisma_finds_it() {
        let (a, b, c, d) = (schema("A"), schema("B"), schema("C"), schema("D"));
        let everywhere: Vec<(&str, &str)> = vec![
            ("prisma.config.ts", "export default { schema: './db/main.prisma' }"),
            ("db/main.prisma", &a),
            ("package.json", "{\"prisma\": {\"schema\": \"data\"}}"),
            ("data/models/source.prisma", &b),
            ("data/models.prisma", "model X {\n id Int @id\n}\n"),
            ("schema.prisma", &c),
            ("prisma/schema.prisma", &d),
        ];
        for (skipped, expected) in
            [(0, "A A_DIRECT"), (1, "B B_DIRECT"), (3, "C C_DIRECT"), (6, "D D_DIRECT")]
        {
            let mut files = everywhere.clone();
            files.retain(|(name, _)| match *name {
                "prisma.config.ts" => skipped < 1,
                "package.json" => skipped < 3,
                "schema.prisma" => skipped < 6,
                _ => true,
            });
            assert_eq!(Tree::with(&files).variables(), expected);
        }
        let tree =
            Tree::with(&[("prisma/schema/base.prisma", &a), ("prisma/schema/x/y.prisma", "")]);
        assert_eq!(tree.variables(), "A A_DIRECT");
        assert_eq!(Tree::with(&[]).variables(), " ");
    }

    #[test]
    fn the_configurations_datasource_replaces_the_schemas() {
        let in_schema = schema("SCHEMA");
        let with = |configuration: &str| {
            Tree::with(&[("prisma/schema.prisma", &in_schema), ("prisma.config.ts", configuration)])
        };
        let tree = with("export default { datasource: { url: env('CONFIGURED') } }");
        assert_eq!(tree.variables(), "CONFIGURED ");
        let read = PrismaProject::read(&tree.root());
        assert_eq!(read.datasource.provider.as_deref(), Some("postgresql"));
        assert!(read.is_of("CONFIGURED") && !read.is_of("SCHEMA"));
        assert_eq!(with("export default { datasource: common }").variables(), " ");
        assert_eq!(with("export default { schema: 'prisma' }").variables(), "SCHEMA SCHEMA_DIRECT");
        assert_eq!(with("not a module {").variables(), "SCHEMA SCHEMA_DIRECT");
    }

    #[test]
    fn configurations_have_many_names() {
        let source = "export default { datasource: { url: process.env.X } }";
        for name in [
            "prisma.config.ts",
            "prisma.config.mjs",
            "prisma.config.cts",
            ".config/prisma.ts",
            ".config/prisma.config.js",
            "prisma-next.config.ts",
        ] {
            let tree = Tree::with(&[(name, source)]);
            assert_eq!(tree.variables(), "X ", "{name}");
            let folder = tree.root().join(name).parent().unwrap().to_path_buf();
            let read = PrismaProject::read(&tree.root());
            assert!(read.folders.contains(&folder), "{name}: {:?}", read.folders);
        }
    }

    #[test]
    fn what_leads_out_of_the_project_is_not_followed() {
        let outside = Tree::with(&[("schema.prisma", &schema("OUTSIDE"))]);
        let path = outside.root().join("schema.prisma");
        let configuration = format!("export default {{ schema: '{}' }}", path.display());
        assert_eq!(Tree::with(&[("prisma.config.ts", &configuration)]).variables(), " ");
        let package = format!("{{\"prisma\": {{\"schema\": \"{}\"}}}}", path.display());
        assert_eq!(Tree::with(&[("package.json", &package)]).variables(), " ");
        let tree = Tree::with(&[("other.txt", "")]);
        std::os::unix::fs::symlink(&path, tree.root().join("schema.prisma")).unwrap();
        assert_eq!(tree.variables(), " ");
    }

    #[test]
    fn certificates_are_beside_the_schema_or_the_configuration() {
        let tree = Tree::with(&[
            ("prisma/schema.prisma", &schema("A")),
            ("prisma.config.ts", "export default {}"),
            ("prisma/old.pem", ""),
            ("new.pem", ""),
        ]);
        let root = tree.root();
        let read = PrismaProject::read(&root);
        let place = |spelled: &str| read.certificate(&root, Path::new(spelled));
        assert_eq!(place("old.pem"), root.join("prisma/old.pem"));
        assert_eq!(place("../new.pem"), root.join("prisma/../new.pem"));
        assert_eq!(place("new.pem"), root.join("new.pem"));
        assert_eq!(place("missing.pem"), root.join("prisma/missing.pem"));
        assert_eq!(place("/etc/ssl/ca.pem"), Path::new("/etc/ssl/ca.pem"));
    }
}
