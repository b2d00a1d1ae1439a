//! The `datasource` block of a Prisma schema: which engine it is for and which variables hold its URLs.

use super::Datasource;
use super::tokens::{Language, Token, tokens};

/// The datasource that these files declare together; none where they declare none, or several.
pub fn datasource<'a>(sources: impl IntoIterator<Item = &'a str>) -> Option<Datasource> {
    let mut found = sources.into_iter().flat_map(blocks);
    let only = found.next()?;
    found.next().is_none().then_some(only)
}

fn blocks(source: &str) -> Vec<Datasource> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let tokens = tokens(source, Language::Schema);
    let mut rest = tokens.as_slice();
    while let [first, behind @ ..] = rest {
        if let [Token::Word("datasource"), Token::Word(_), Token::Punctuation('{'), inside @ ..] =
            rest
            && depth == 0
        {
            let end = inside.iter().position(|token| *token == Token::Punctuation('}'));
            let (block, behind) =
                inside.split_at_checked(end.unwrap_or(inside.len())).unwrap_or((inside, &[]));
            found.push(settings(block));
            // Its closing brace included.
            rest = behind.get(1..).unwrap_or_default();
            continue;
        }
        match first {
            Token::Punctuation('{') => depth += 1,
            Token::Punctuation('}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        rest = behind;
    }
    found
}

/// The settings of a block, one a line.
fn settings(block: &[Token<'_>]) -> Datasource {
    let mut datasource = Datasource::default();
    for line in block.split(|token| *token == Token::LineEnd) {
        match line {
            [Token::Word("provider"), Token::Punctuation('='), Token::Text(name)] => {
                datasource.provider = Some((*name).to_owned());
            }
            [Token::Word("url"), Token::Punctuation('='), value @ ..] => {
                datasource.url = variable(value);
            }
            [Token::Word("directUrl"), Token::Punctuation('='), value @ ..] => {
                datasource.direct_url = variable(value);
            }
            _ => {}
        }
    }
    datasource
}

/// The variable of `env("…")`; a URL that is written outright has none.
fn variable(value: &[Token<'_>]) -> Option<String> {
    match value {
        [
            Token::Word("env"),
            Token::Punctuation('('),
            Token::Text(name),
            Token::Punctuation(')'),
        ] => Some((*name).to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> [Option<String>; 3] {
        let found = datasource([source]).unwrap_or_default();
        [found.provider, found.url, found.direct_url]
    }

    fn known(provider: &str, url: &str, direct: &str) -> [Option<String>; 3] {
        [provider, url, direct].map(|word| Some(word.to_owned()).filter(|word| !word.is_empty()))
    }

    #[test]
    fn the_block_is_found_among_others() {
        let source = r#"
            generator client {
              provider = "prisma-client-js"
              url      = env("NOT_THIS")
            }
            // datasource db { url = env("COMMENTED") }
            /* datasource db {
              url = env("COMMENTED")
            } */
            datasource db { // a comment behind the brace }
              provider          = "postgresql" // or "mysql"
              url               = env("DATABASE_URL") /// the pool
              // url            = env("OLD_URL")
              directUrl         = env("DIRECT_URL")
              shadowDatabaseUrl = env("SHADOW_URL")
              relationMode      = "prisma"
              schemas           = ["public", "auth"]
              extensions        = [citext(map: "citext"), pg_trgm]
            }
            model datasource {
              url String @default("}datasource db { url = env(\"X\") }")
            }
            "#;
        assert_eq!(read(source), known("postgresql", "DATABASE_URL", "DIRECT_URL"));
    }

    #[test]
    fn versions_write_it_differently() {
        assert_eq!(
            read("datasource db {\n provider = \"sqlite\"\n url = \"file:./dev.db\"\n}"),
            known("sqlite", "", ""),
            "a URL that is written outright names no variable"
        );
        assert_eq!(
            read("datasource db {\n provider = [\"postgresql\", \"sqlite\"]\n url = env(\"A\")\n}"),
            known("", "A", "")
        );
        assert_eq!(
            read("datasource db {\n  provider = \"mysql\"\n}\n"),
            known("mysql", "", ""),
            "since version 7 the URL is in prisma.config.ts"
        );
        assert_eq!(read("datasource db{\r\nurl=env(\"A\")\r\n}"), known("", "A", ""));
    }

    #[test]
    fn what_is_not_clear_is_not_known() {
        let one = "datasource a {\n url = env(\"A\")\n}\n";
        assert_eq!(datasource([one, "model X {\n id Int\n}"]).unwrap().url.as_deref(), Some("A"));
        assert_eq!(datasource([one, one]), None);
        assert_eq!(datasource(["model X {\n id Int\n}"]), None);
        assert_eq!(read("datasource db {\n url = env(NAME)\n}"), known("", "", ""));
        assert_eq!(read("datasource db {\n url = env(\"A\") || env(\"B\")\n}"), known("", "", ""));
        assert_eq!(read("datasource db {\n url = env(\"A\")"), known("", "A", ""));
        assert_eq!(read("model X { datasource db { url = env(\"A\") } }"), known("", "", ""));
    }
}
