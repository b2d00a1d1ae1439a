//! From bytes to lines to requests: whatever comes, each line has its answer.

use backup_tests::Project;
use serde_json::{Value, json};

use super::{host, list_of};

/// The longest request line, in bytes.
const LINE_BYTES: usize = 1024 * 1024;

#[test]
fn every_line_that_is_not_blank_gets_one_envelope_in_its_order() {
    let project = Project::bookshop();
    let mut input = Vec::new();
    for number in 0..60 {
        let line = match number % 6 {
            0 => list_of(&number.to_string()),
            1 => format!("{{\"id\":{number},\"operation\":\"describe\"}}"),
            2 => format!("{{\"id\":{number},\"operation\":\"lsit-backups\"}}"),
            3 => format!("{{\"id\":{number},\"operation\":\"create-backup\"}}"),
            4 => format!("{{\"id\":{number},\"operation\":\"describe\",\"{number}\":1}}"),
            _ => format!(
                "{{\"id\":{number},\"operation\":\"create-backup\",\"parameters\":{{\"environment\":\"dev\",\"dry_run\":true}}}}"
            ),
        };
        input.extend_from_slice(line.as_bytes());
        input.extend_from_slice([&b"\n"[..], b"\r\n", b"\n\n", b"\n \t\n", b"\n\r\n"][number % 5]);
    }
    let answers = project.send(&input);
    let ids: Vec<u64> =
        answers.envelopes.iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (0..60).collect::<Vec<u64>>());
    let succeeded = |answer: &&Value| answer["status"] == "success";
    assert_eq!(answers.envelopes.iter().filter(succeeded).count(), 30);
    assert_eq!(answers.status, Some(1));
}

#[test]
fn an_answer_comes_before_the_next_request_and_nothing_after_it() {
    let project = Project::bookshop();
    let mut host = host(&project);
    for number in 0..5 {
        let answer = host.ask(list_of(&number.to_string()));
        assert!(
            answer.starts_with(&format!("{{\"id\":{number},\"status\":\"success\"")),
            "{answer}"
        );
        assert!(host.is_silent());
    }
    host.send("\n\n  \n");
    assert!(host.ask("{").contains("invalid_json"));
    let ending = host.end();
    assert!(ending.stdout.is_empty(), "{ending:?}");
    assert_eq!(ending.status.code(), Some(1));
}

#[test]
fn a_line_that_comes_in_pieces_is_one_line() {
    let project = Project::bookshop();
    let mut host = host(&project);
    for byte in list_of("\"ä\"").as_bytes() {
        host.send([*byte]);
    }
    assert!(host.is_silent());
    assert!(host.ask("").starts_with("{\"id\":\"ä\",\"status\":\"success\""));
    assert_eq!(host.end().status.code(), Some(0));
}

#[test]
fn nothing_is_answered_with_nothing() {
    let project = Project::bookshop();
    for input in ["", "\n", "\r\n\n  \n\t", "\u{feff}", "\u{feff}\n\u{feff} \r\n"] {
        let answers = project.send(input.as_bytes());
        assert_eq!((answers.stdout.as_str(), answers.status), ("", Some(0)), "{input:?}");
        assert_eq!(answers.stderr, "", "{input:?}");
    }
}

#[test]
fn a_mark_carriage_returns_and_a_missing_last_newline_are_passed_over() {
    let project = Project::bookshop();
    let input =
        format!("\u{feff}{}\r\n\u{feff}{}\r\n {} ", list_of("1"), list_of("2"), list_of("3"));
    let answers = project.send(input.as_bytes());
    let ids: Vec<&Value> = answers.envelopes.iter().map(|answer| &answer["id"]).collect();
    assert_eq!(ids, [1, 2, 3]);
    assert_eq!(answers.status, Some(0), "{answers:?}");
}

#[test]
fn a_list_is_not_taken_for_an_object() {
    let project = Project::bookshop();
    let mut host = host(&project);
    for line in [
        "[1,null,\"describe\",null]",
        "[1,null,\"describe\",null,null]",
        "{\"operation\":\"create-backup\",\"parameters\":[\"dev\"]}",
        "{\"operation\":\"list-backups\",\"parameters\":[]}",
    ] {
        let answer: Value = serde_json::from_str(&host.ask(line)).unwrap();
        assert_eq!(answer["code"], "invalid_request", "{line}: {answer:#}");
    }
    host.end();
    assert_eq!(project.files(), Vec::<String>::new());
}

#[test]
fn a_configuration_that_is_a_list_is_invalid() {
    let project = Project::bookshop();
    for text in
        ["[]", r#"[{"hosting":"local"}]"#, r#"{"environments":{"dev":["DEV_DATABASE_URL"]}}"#]
    {
        std::fs::write(project.path(".fractary/plugins/faber-db/config.json"), text).unwrap();
        let create = json!({"operation": "create-backup", "parameters": {"environment": "dev"}});
        project.fail(&create, "config_invalid");
    }
}

#[test]
fn bytes_that_are_no_json_are_refused_and_the_next_line_is_not_lost() {
    let project = Project::bookshop();
    let mut host = host(&project);
    let lines: [(&[u8], &str); 12] = [
        (b"{", "invalid_json"),
        (b"\0", "invalid_json"),
        (b"\0\0{\"operation\":\"list-backups\"}", "invalid_json"),
        (b"{\"operation\":\"list-backups\0\"}", "invalid_json"),
        (b"{\"operation\":\"list-backups\"}\0", "invalid_json"),
        (b"{\"operation\":\"list-backups\"}{}", "invalid_json"),
        (b"{\"operation\":\"\\ud800\"}", "invalid_json"),
        (b"{\"operation\":\"list-backups\",\"parameters\":{\"limit\":1e999}}", "invalid_"),
        (b"{\"operation\":\"list-backups\",\"parameters\":{\"limit\":NaN}}", "invalid_json"),
        (b"\xff\xfe{\0", "invalid_encoding"),
        (b"{\"operation\":\"\xc0\xaf\"}", "invalid_encoding"),
        (b"\xed\xa0\x80", "invalid_encoding"),
    ];
    for (line, code) in lines {
        let answer: Value = serde_json::from_str(&host.ask(line)).unwrap();
        let shown = String::from_utf8_lossy(line);
        assert!(answer["code"].as_str().unwrap().starts_with(code), "{shown}: {answer:#}");
        assert!(!answer["recovery"]["suggestions"].as_array().unwrap().is_empty());
        assert!(host.ask(list_of("1")).starts_with("{\"id\":1,\"status\":\"success\""));
    }
    host.end();
}

#[test]
fn deep_nesting_is_refused_wherever_it_stands() {
    let project = Project::bookshop();
    let mut host = host(&project);
    for depth in [100, 127, 128, 129, 1_000, 100_000, 250_000] {
        let list = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let object =
            format!("{}1{}", "{\"a\":".repeat(depth.min(150_000)), "}".repeat(depth.min(150_000)));
        for line in [
            list.clone(),
            "[".repeat(depth),
            object.clone(),
            format!("{{\"id\":{list},\"operation\":\"list-backups\"}}"),
            format!("{{\"operation\":{list}}}"),
            format!("{{\"operation\":\"list-backups\",\"parameters\":{list}}}"),
            format!("{{\"operation\":\"list-backups\",\"parameters\":{{\"label\":{object}}}}}"),
            format!("{{\"operation\":\"list-backups\",\"x\":{object}}}"),
        ] {
            let answer: Value = serde_json::from_str(&host.ask(&line)).unwrap();
            assert_eq!(answer["status"], "error", "{depth}: {answer:#}");
        }
        assert!(host.ask(list_of("1")).starts_with("{\"id\":1,\"status\":\"success\""));
    }
    host.end();
}

#[test]
fn a_line_may_be_as_long_as_the_limit_and_no_longer() {
    let project = Project::bookshop();
    let padded = |length: usize| list_of("7") + &" ".repeat(length - list_of("7").len());
    let too_long = "x".repeat(3 * LINE_BYTES);
    let input = [
        padded(LINE_BYTES),
        padded(LINE_BYTES + 1),
        too_long.clone(),
        list_of("8"),
        format!("\"{}\"", "ä".repeat(LINE_BYTES)),
        "{}".repeat(LINE_BYTES),
        list_of("9"),
        too_long,
    ];
    let answers = project.send(input.join("\n").as_bytes());
    let codes: Vec<String> = answers
        .envelopes
        .iter()
        .map(|answer| {
            answer["code"].as_str().map_or_else(|| answer["id"].to_string(), str::to_owned)
        })
        .collect();
    let over = "line_too_long";
    assert_eq!(codes, ["7", over, over, "8", over, over, "9", over]);
    assert_eq!(answers.status, Some(1));
}

#[test]
fn a_huge_line_is_not_kept_in_memory() {
    let project = Project::bookshop();
    let mut host = host(&project);
    host.ask(list_of("1"));
    let before = peak_memory(host.process());
    let piece = vec![b'x'; LINE_BYTES];
    for _ in 0..64 {
        host.send(&piece);
    }
    assert!(host.ask("").contains("line_too_long"));
    let grown = peak_memory(host.process()) - before;
    assert!(grown < 8 * 1024, "64 MiB on one line took {grown} KiB");
    host.end();
}

/// The most memory that a process has used, in KiB.
fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
