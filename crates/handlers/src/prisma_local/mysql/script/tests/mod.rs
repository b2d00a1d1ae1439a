//! Dumps in small, as the tools write them.

mod endings;
mod mariadb;
mod mydumper;
mod mysql;
mod properties;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use super::*;

const TABLE: &str = "_prisma_migrations";

const HEADER: &str = "\
-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: localhost    Database: shop
-- ------------------------------------------------------
-- Server version\t8.0.36

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
";

const FOOTER: &str = "
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed on 2024-02-29  9:34:56
";

/// A whole dump around these statements.
fn dump(body: &str) -> String {
    [HEADER, body, FOOTER].concat()
}

fn read(dump: impl AsRef<[u8]>) -> Result<ScriptContents, IncompleteScript> {
    let mut check = ScriptCheck::new(TABLE);
    check.feed(dump.as_ref());
    check.finish()
}

fn read_in_pieces(dump: &[u8], length: usize) -> Result<ScriptContents, IncompleteScript> {
    let mut check = ScriptCheck::new(TABLE);
    for piece in dump.chunks(length) {
        check.write_all(piece).unwrap();
    }
    check.finish()
}

/// What a whole dump around these statements holds.
fn contents(body: &str) -> ScriptContents {
    read(dump(body)).unwrap()
}

fn names<const COUNT: usize>(names: [&str; COUNT]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

fn rows<const COUNT: usize>(rows: [(&str, u64); COUNT]) -> BTreeMap<String, u64> {
    rows.map(|(table, rows)| (table.to_owned(), rows)).into()
}
