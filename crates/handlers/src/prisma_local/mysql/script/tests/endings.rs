//! What completes a dump, and what only looks like it.

use super::*;

const COMPLETED: &str = "-- Dump completed on 2024-02-29 12:34:56\n";

#[test]
fn another_beginning_is_no_dump() {
    for other in
        ["", "\n", COMPLETED, "-- PostgreSQL database dump\n", "SELECT 1;\n-- MySQL dump 1\n"]
    {
        let script = [other, FOOTER].concat();
        assert_eq!(read(script), Err(IncompleteScript::NotADump), "{other}");
    }
}

#[test]
fn a_dump_needs_statements_and_its_last_line() {
    let first_line = HEADER.lines().next().unwrap();
    assert_eq!(read([first_line, "\n", COMPLETED].concat()), Err(IncompleteScript::CutOff));
    assert_eq!(read(HEADER), Err(IncompleteScript::CutOff));
    assert!(read([HEADER, COMPLETED].concat()).is_ok());
    assert!(read([HEADER, COMPLETED.trim_end()].concat()).is_ok());
    assert!(read([HEADER, COMPLETED].concat().replace('\n', "\r\n")).is_ok());
}

#[test]
fn without_a_date_the_last_line_needs_its_end() {
    assert!(read([HEADER, "-- Dump completed\n"].concat()).is_ok());
    assert_eq!(read([HEADER, "-- Dump completed"].concat()), Err(IncompleteScript::CutOff));
}

#[test]
fn nothing_but_white_space_follows_the_last_line() {
    let whole = dump("");
    assert!(read([&whole, "\n \n"].concat()).is_ok());
    for more in
        ["-", "--\n", "-- more\n", "/* more */", "#\n", "x", ";x", "'", "`", "\0", "DELIMITER"]
    {
        assert!(read([&whole, more].concat()).is_err(), "{more}");
    }
    assert!(read([whole.as_str(), &whole].concat()).is_ok());
}

#[test]
fn the_last_line_does_not_count_within_anything() {
    let within = [
        ("INSERT INTO `t` VALUES ('\n", Unfinished::Quoted),
        ("INSERT INTO `t` VALUES (1),\n", Unfinished::Statement),
        ("CREATE TABLE `a\n", Unfinished::Quoted),
        ("SELECT \"\n", Unfinished::Quoted),
        ("/* \n", Unfinished::Comment),
        ("/*!50003 SET @a=1;\n", Unfinished::Statement),
        ("/*M!100101 SET @a=1\n", Unfinished::Statement),
        ("/*!999999\\- \n", Unfinished::Comment),
        ("DELIMITER ;;\nCREATE PROCEDURE p() BEGIN SELECT 1;\n", Unfinished::Statement),
        ("DELIMITER ;;\n/*!50106 CREATE EVENT e DO SELECT 1;;\n", Unfinished::Statement),
    ];
    for (opening, unfinished) in within {
        let script = [HEADER, opening, COMPLETED].concat();
        assert_eq!(read(script), Err(IncompleteScript::Within(unfinished)), "{opening}");
    }
}

#[test]
fn reasons_are_told_in_words() {
    let told = |opening: &str| read([HEADER, opening].concat()).unwrap_err().to_string();
    assert_eq!(told("SELECT 'x"), "it ends within a quoted text that has no end");
    assert_eq!(told("/* x"), "it ends within a comment that has no end");
    assert_eq!(told("SELECT"), "it ends within a statement that has no end");
    assert_eq!(told(""), "it does not end with the line that completes a dump; it is cut off");
}
