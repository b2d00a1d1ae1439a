use proptest::prelude::*;

use super::*;

/// The datasource's variables.
fn variables(source: &str) -> Option<(Option<String>, Option<String>)> {
    read(source).datasource.map(|datasource| (datasource.url, datasource.direct_url))
}

fn url(value: &str) -> Option<String> {
    let (url, _) = variables(&format!("export default {{ datasource: {{ url: {value} }} }}"))?;
    url
}

#[test]
fn version_seven_in_its_own_words() {
    let source = r#"
        import "dotenv/config";
        import { defineConfig, env } from "prisma/config";

        type Env = { DATABASE_URL: string };

        export default defineConfig({
          schema: "prisma/schema.prisma", // not "other.prisma"
          migrations: { path: "prisma/migrations", seed: 'tsx prisma/seed.ts' },
          /* datasource: { url: env("COMMENTED") }, */
          datasource: {
            url: env("DATABASE_URL"),
            directUrl: env<Env>('DIRECT_URL'),
            shadowDatabaseUrl: process.env.SHADOW_URL,
          },
        });
        "#;
    let found = read(source);
    assert_eq!(found.schema, Some(PathBuf::from("prisma/schema.prisma")));
    assert_eq!(
        found.datasource,
        Some(Datasource {
            provider: None,
            url: Some("DATABASE_URL".to_owned()),
            direct_url: Some("DIRECT_URL".to_owned()),
        })
    );
    assert_eq!(found.sqlite_path, None);
}

#[test]
fn a_url_names_its_variable_in_many_ways() {
    for value in [
        "env('X')",
        "env(\"X\")",
        "env(`X`)",
        "env<Env>('X')",
        "process.env.X",
        "process.env.X!",
        "process.env['X']",
        "process.env[\"X\"]!",
        "process.env.X as string",
        "process.env.X ?? ''",
        "process.env.X || \"postgresql://localhost/build\"",
    ] {
        assert_eq!(url(value).as_deref(), Some("X"), "{value}");
    }
    for value in [
        "\"postgresql://u:p@h/d\"",
        "process.env.X ?? process.env.Y",
        "process.env.CI ? env('X') : env('Y')",
        "env(NAME)",
        "env('X' + suffix)",
        "`${process.env.X}?schema=a`",
        "url('X')",
        "env('X').replace('a', 'b')",
        "env('not a name')",
        "await secret('X')",
        "",
    ] {
        assert_eq!(url(value), None, "{value}");
    }
}

#[test]
fn modules_of_every_kind_are_read() {
    for source in [
        "module.exports = { datasource: { url: process.env.X } };",
        "export default { datasource: { url: env('X') } } satisfies PrismaConfig",
        "const config: PrismaConfig = { 'datasource': { \"url\": env('X'), }, };\nexport default config",
        "export default defineConfig(async () => ({ datasource: { url: env('X') } }))",
        "const re = /[\"'{]/g;\nexport default defineConfig({ datasource: { url: env('X') } })",
        "export default defineConfig({ ...base, datasource: { ...other, url: env('X') } })",
    ] {
        assert_eq!(variables(source), Some((Some("X".to_owned()), None)), "{source}");
    }
}

#[test]
fn what_is_not_clear_is_not_known() {
    for source in [
        "export default defineConfig({ datasource })",
        "export default defineConfig({ datasource: common })",
        "export default defineConfig({ datasource: { url: env('X'), ...other } })",
        "export default defineConfig({ datasource: { url: env('X') }, ...other })",
        "const a = { datasource: { url: env('X') } }; const b = { datasource: { url: env('Y') } }",
        "export default defineConfig({ datasource: ci ? { url: env('X') } : { url: env('Y') } })",
        "export default defineConfig({ datasource: merge({ url: env('X') }, other) })",
        "export default defineConfig({ nested: { datasource: { url: env('X') } } })",
        "export default defineConfig({ datasource: { url: env('X'",
    ] {
        assert_eq!(variables(source), Some((None, None)), "{source}");
    }
    assert_eq!(variables("export default defineConfig({ schema: 'prisma' })"), None);
    assert_eq!(variables("// datasource: { url: env('X') }"), None);
    assert_eq!(variables(""), None);
}

#[test]
fn the_schemas_place_may_be_joined() {
    let schema = |value: &str| read(&format!("export default {{ schema: {value}, x: 1 }}")).schema;
    let expected = Some(PathBuf::from("db/schema.prisma"));
    for value in [
        "'db/schema.prisma'",
        "path.join('db', 'schema.prisma')",
        "path.resolve(__dirname, 'db', 'schema.prisma',)",
        "join(import.meta.dirname, \"db/schema.prisma\")",
    ] {
        assert_eq!(schema(value), expected, "{value}");
    }
    for value in ["folder", "path.join(folder, 'schema.prisma')", "`${a}/schema.prisma`"] {
        assert_eq!(schema(value), None, "{value}");
    }
}

#[test]
fn version_eight_has_a_section_or_not() {
    let with_section = r"
        import { defineConfig } from '@prisma/cli-engine';
        import { defineConfig as ormConfig } from '@prisma/orm-postgres/config';
        export default defineConfig({
          orm: ormConfig({
            contract: './src/prisma/contract.prisma',
            extensions: [pgvector, stats],
            db: {
              // loaded from .env
              connection: process.env['DATABASE_URL']!,
            },
          }),
        });
        ";
    let found = read(with_section);
    assert_eq!(found.datasource.unwrap().url.as_deref(), Some("DATABASE_URL"));
    assert_eq!(found.sqlite_path, None);
    let early = "import { defineConfig } from '@prisma-next/sqlite/config';
        export default defineConfig({ contract: './c.prisma',
          db: { connection: process.env['SQLITE_PATH'] ?? './demo.db' } })";
    let found = read(early);
    assert_eq!(found.datasource.unwrap().url.as_deref(), Some("SQLITE_PATH"));
    assert_eq!(found.sqlite_path.as_deref(), Some("SQLITE_PATH"));
}

proptest! {
    #[test]
    fn any_text_is_read(text in "(?s).{0,80}", noise in "[{}()\\[\\],:.'\"`/ a\n]{0,60}") {
        read(&text);
        read(&noise);
        read(&format!("export default {{ datasource: {{ url: {noise}"));
    }
}
