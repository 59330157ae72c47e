//! Checks the tables of tests. `tests/parity.md` must list every case below, every test that it names
//! must exist and must not be ignored, and the first comment of each test must name its cases. The tests
//! that `tests/defects.md` and `tests/reports.md` name must exist and must not be ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// For each file of another project's tests: the number of its cases, and their line numbers.
const FILES: [(&str, usize, &str); 20] = [
    (
        "engine.io-client/test/engine.io-client.js",
        15,
        "23 27 32 38 44 50 56 62 68 74 80 86 92 98 104",
    ),
    (
        "engine.io-client/test/socket.js",
        15,
        "17 26 39 52 72 92 112 124 143 157 187 214 236 265 288",
    ),
    (
        "engine.io-client/test/transport.js",
        25,
        "10 33 58 62 70 81 93 107 119 131 145 157 168 179 190 201 213 224 239 254 272 285 301 324 348",
    ),
    (
        "engine.io-client/test/connection.js",
        13,
        "9 20 33 46 63 79 100 114 142 160 179 197 214",
    ),
    (
        "engine.io-client/test/node.js",
        10,
        "13 17 21 25 41 61 85 109 118 129",
    ),
    ("engine.io-client/test/parseuri.js", 1, "7"),
    (
        "engine.io-client/test/xmlhttprequest.js",
        5,
        "9 47 61 80 104",
    ),
    (
        "engine.io-client/test/arraybuffer/polling.js",
        4,
        "8 28 56 77",
    ),
    ("engine.io-client/test/arraybuffer/ws.js", 3, "7 30 60"),
    ("engine.io-client/test/blob/polling.js", 3, "10 36 55"),
    ("engine.io-client/test/blob/ws.js", 3, "9 35 54"),
    ("engine.io-client/test/binary-fallback.js", 1, "7"),
    (
        "engine.io-client/test/webtransport.mjs",
        11,
        "104 116 137 160 183 201 221 241 259 279 300",
    ),
    (
        "engine.io-parser/test/index.ts",
        19,
        "17 26 39 54 70 88 108 126 144 164 188 204 233 251 266 284 302 314 326",
    ),
    (
        "engine.io-parser/test/node.ts",
        10,
        "15 27 39 54 69 80 89 99 114 134",
    ),
    (
        "engine.io-parser/test/browser.ts",
        9,
        "18 33 48 59 73 91 103 119 139",
    ),
    (
        "engine.io-protocol/test-suite.js",
        25,
        "60 87 99 109 131 158 180 204 232 260 288 312 336 357 375 392 412 438 452 470 482 508 523 559 584",
    ),
    (
        "engine.io/test/server.js",
        63,
        "174 191 214 523 556 566 578 590 600 610 661 672 815 877 932 948 973 997 1050 1075 1103 1131 1226 1260 1292 1327 1402 1441 1489 1506 1522 1539 1554 1573 1592 1607 1623 1635 1651 1683 1705 1728 1789 1826 1850 1910 1944 2150 2174 2315 2352 2399 2444 2491 2537 2586 2605 2626-2749 3147 3254-3436 3496 3500 3822",
    ),
    (
        "python-engineio/tests/common/test_packet.py",
        22,
        "7 14 18 26 30 38 42 49 56 63 70 74 78 82 86 96 103 111 118 128 132 136",
    ),
    (
        "python-engineio/tests/common/test_payload.py",
        11,
        "8 13 17 23 30 36 43 50 56 60 64",
    ),
];

const PYTHON_CLIENT: &str =
    "python-engineio/tests/common/test_client.py, python-engineio/tests/async/test_client.py";
const PYTHON_SYNC: (usize, &str) = (
    92,
    "\
    test_is_asyncio_based test_create test_custom_json test_logger test_custom_timeout \
    test_timestamp_requests test_on_event test_on_event_invalid test_already_connected \
    test_invalid_transports test_some_invalid_transports test_connect_polling \
    test_connect_websocket test_connect_query_string test_connect_custom_headers test_wait \
    test_wait_no_task test_send test_disconnect_not_connected test_disconnect_polling \
    test_disconnect_websocket test_disconnect_polling_abort test_disconnect_websocket_abort \
    test_current_transport test_background_tasks test_sleep test_create_queue test_create_event \
    test_polling_connection_failed test_polling_connection_404 \
    test_polling_connection_404_no_json test_polling_connection_invalid_packet \
    test_polling_connection_no_open_packet test_polling_connection_successful \
    test_polling_https_noverify_connection_successful test_polling_connection_with_more_packets \
    test_polling_connection_upgraded test_polling_connection_not_upgraded \
    test_websocket_connection_failed test_websocket_connection_extra \
    test_websocket_connection_failed_with_websocket_error test_websocket_upgrade_failed \
    test_websocket_connection_no_open_packet test_websocket_connection_successful \
    test_websocket_https_noverify_connection_successful test_websocket_connection_with_cookies \
    test_websocket_connection_with_cookie_header \
    test_websocket_connection_with_cookies_and_headers test_websocket_connection_with_auth \
    test_websocket_connection_with_cert test_websocket_connection_with_cert_and_key \
    test_websocket_connection_verify_with_cert_and_key test_websocket_connection_with_proxies \
    test_websocket_connection_without_verify test_websocket_connection_with_verify \
    test_websocket_upgrade_no_pong test_websocket_upgrade_successful test_receive_unknown_packet \
    test_receive_noop_packet test_receive_ping_packet test_receive_message_packet \
    test_receive_close_packet test_send_packet_disconnected test_send_packet test_trigger_event \
    test_trigger_legacy_disconnect_event test_trigger_unknown_event test_trigger_event_error \
    test_engineio_url test_read_loop_polling_disconnected test_read_loop_polling_no_response \
    test_read_loop_polling_bad_status test_read_loop_polling_bad_packet test_read_loop_polling \
    test_read_loop_websocket_disconnected test_read_loop_websocket_timeout \
    test_read_loop_websocket_no_response test_read_loop_websocket_unexpected_error \
    test_read_loop_websocket test_write_loop_disconnected test_write_loop_no_packets \
    test_write_loop_empty_queue test_write_loop_polling_one_packet \
    test_write_loop_polling_three_packets test_write_loop_polling_two_packets_done \
    test_write_loop_polling_bad_connection test_write_loop_polling_bad_status \
    test_write_loop_websocket_one_packet test_write_loop_websocket_three_packets \
    test_write_loop_websocket_one_packet_binary test_write_loop_websocket_bad_connection \
    test_signal_handler",
);
const PYTHON_ASYNC: (usize, &str) = (
    82,
    "\
    test_is_asyncio_based test_already_connected test_invalid_transports \
    test_some_invalid_transports test_connect_polling test_connect_websocket \
    test_connect_query_string test_connect_custom_headers test_wait test_wait_no_task test_send \
    test_disconnect_not_connected test_disconnect_polling test_disconnect_websocket \
    test_disconnect_polling_abort test_disconnect_websocket_abort test_background_tasks \
    test_sleep test_create_queue test_create_event test_polling_connection_failed \
    test_polling_connection_404 test_polling_connection_404_no_json \
    test_polling_connection_invalid_packet test_polling_connection_no_open_packet \
    test_polling_connection_successful test_polling_https_noverify_connection_successful \
    test_polling_connection_with_more_packets test_polling_connection_upgraded \
    test_polling_connection_not_upgraded test_websocket_connection_failed \
    test_websocket_connection_extra test_websocket_upgrade_failed \
    test_websocket_connection_no_open_packet test_websocket_connection_successful \
    test_websocket_https_noverify_connection_successful test_websocket_connection_with_cookies \
    test_websocket_connection_with_cookie_header \
    test_websocket_connection_with_cookies_and_headers test_websocket_upgrade_no_pong \
    test_websocket_upgrade_successful test_receive_unknown_packet test_receive_noop_packet \
    test_receive_ping_packet test_receive_message_packet test_receive_close_packet \
    test_send_packet_disconnected test_send_packet test_trigger_event_function \
    test_trigger_event_coroutine test_trigger_legacy_disconnect_event \
    test_trigger_legacy_disconnect_event_async test_trigger_unknown_event \
    test_trigger_event_function_error test_trigger_event_coroutine_error \
    test_trigger_event_function_async test_trigger_event_coroutine_async \
    test_trigger_event_function_async_error test_trigger_event_coroutine_async_error \
    test_read_loop_polling_disconnected test_read_loop_polling_no_response \
    test_read_loop_polling_bad_status test_read_loop_polling_bad_packet test_read_loop_polling \
    test_read_loop_websocket_disconnected test_read_loop_websocket_timeout \
    test_read_loop_websocket_no_response test_read_loop_websocket_unexpected_error \
    test_read_loop_websocket test_write_loop_disconnected test_write_loop_no_packets \
    test_write_loop_empty_queue test_write_loop_polling_one_packet \
    test_write_loop_polling_three_packets test_write_loop_polling_two_packets_done \
    test_write_loop_polling_bad_connection test_write_loop_polling_bad_status \
    test_write_loop_websocket_one_packet test_write_loop_websocket_three_packets \
    test_write_loop_websocket_one_packet_binary test_write_loop_websocket_bad_connection \
    test_signal_handler",
);

/// A row of a table: a case (or defect, or report) and the tests for it.
struct Row {
    section: String,
    case: String,
    /// The description of the case.
    words: String,
    /// The column with the names of the tests.
    here: String,
    note: String,
}

impl Row {
    /// The names of the tests; none where the case does not apply.
    fn tests(&self) -> Vec<String> {
        code_spans(&self.here)
    }
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rows() -> Vec<Row> {
    rows_of("tests/parity.md")
}

fn rows_of(file: &str) -> Vec<Row> {
    let text = fs::read_to_string(package().join(file)).unwrap();
    let mut section = String::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title.to_owned();
        }
        let Some(row) = line.strip_prefix("| ") else {
            continue;
        };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [case, here, note, ""] = cells[..] else {
            panic!("this row does not have three cells: {line}");
        };
        if ["case", "defect"].contains(&case) {
            continue;
        }
        rows.push(Row {
            section: section.clone(),
            case: code_spans(case).first().expect(line).clone(),
            words: case.split_once("` ").expect(line).1.to_owned(),
            here: here.to_owned(),
            note: note.to_owned(),
        });
    }
    rows
}

/// The texts between backticks.
fn code_spans(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The name of a case: file and line, with the folder if the file name alone is ambiguous.
fn case_name(file: &str, line: &str) -> String {
    let parts: Vec<&str> = file.split('/').collect();
    let from = match parts[..] {
        [.., "arraybuffer" | "blob", _] => parts.len() - 2,
        _ => parts.len() - 1,
    };
    format!("{}:{line}", parts[from..].join("/"))
}

#[test]
fn the_parity_table_has_every_case_exactly_once() {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows() {
        found.entry(row.section).or_default().push(row.case);
    }
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, count, lines) in FILES {
        let cases: Vec<String> = lines
            .split_whitespace()
            .map(|line| case_name(file, line))
            .collect();
        assert_eq!(cases.len(), count, "{file}");
        expected.insert(file.to_owned(), cases);
    }
    let mut python = Vec::new();
    for (count, names) in [PYTHON_SYNC, PYTHON_ASYNC] {
        let names: Vec<&str> = names.split_whitespace().collect();
        assert_eq!(names.len(), count);
        python.extend(names.into_iter().map(str::to_owned));
    }
    // Most names are in the lists of both clients.
    python.sort();
    python.dedup();
    expected.insert(PYTHON_CLIENT.to_owned(), python);
    for cases in found.values_mut().chain(expected.values_mut()) {
        cases.sort();
    }
    assert_eq!(found, expected);

    // Each row says whether its case is among the tests of the sync client, of the async client, or of
    // both.
    for (name, (_, names)) in [("sync", PYTHON_SYNC), ("async", PYTHON_ASYNC)] {
        let names: BTreeSet<&str> = names.split_whitespace().collect();
        for row in rows().iter().filter(|row| row.section == PYTHON_CLIENT) {
            let (lines, _) = row.words.split_once(')').expect(&row.words);
            let lines = lines.strip_prefix('(').expect(lines);
            let is_there = lines
                .split(", ")
                .any(|line| line.split_once(' ').expect(lines).0 == name);
            assert_eq!(
                is_there,
                names.contains(&*row.case),
                "{}: {lines}",
                row.case
            );
        }
    }
}

#[test]
fn each_case_has_a_test_or_a_reason() {
    for row in rows() {
        let Row {
            case,
            here,
            note,
            words,
            ..
        } = &row;
        assert!(!words.is_empty(), "{case} has no description");
        if here == "does not apply" {
            assert!(!note.is_empty(), "{case} does not apply, but has no reason");
        } else {
            let tests = row.tests();
            assert!(
                !tests.is_empty(),
                "{case} has neither a test nor a reason: {here}"
            );
            let whole: Vec<String> = tests.iter().map(|test| format!("`{test}`")).collect();
            assert_eq!(&whole.join(", "), here, "{case}");
        }
    }
}

#[test]
fn each_named_test_exists_runs_and_names_its_cases_in_its_first_comment() {
    let mut cases: BTreeMap<(PathBuf, String), BTreeSet<String>> = BTreeMap::new();
    let mut comments = BTreeMap::new();
    for row in rows() {
        for name in row.tests() {
            let test = find(&name).unwrap_or_else(|fault| panic!("{}: {name}: {fault}", row.case));
            let key = (test.file, test.function);
            cases
                .entry(key.clone())
                .or_default()
                .insert(row.case.clone());
            comments.insert(key, test.comment);
        }
    }
    for (test, cases) in cases {
        let comment = &comments[&test];
        assert_eq!(named_in(comment), cases, "{test:?} is commented: {comment}");
    }
}

#[test]
fn each_defect_of_another_client_has_a_test_or_a_reason() {
    let rows = rows_of("tests/defects.md");
    let letters = "ABCDEFGHIJKMNOPQR".chars().map(String::from);
    let names: Vec<String> = (1..=18)
        .map(|number| format!("B{number}"))
        .chain(letters)
        .chain((1..=21).map(|number| format!("P{number}")))
        .collect();
    let cases: Vec<&String> = rows.iter().map(|row| &row.case).collect();
    assert_eq!(cases, names.iter().collect::<Vec<_>>());
    let mut seen = BTreeSet::new();
    for row in &rows {
        if row.here == "does not apply" {
            assert!(!row.note.is_empty(), "{} needs a reason", row.case);
            continue;
        }
        assert!(!row.tests().is_empty(), "{} has no test", row.case);
        for name in row.tests() {
            let test = find(&name).unwrap_or_else(|fault| panic!("{}: {name}: {fault}", row.case));
            assert!(
                !test.comment.is_empty(),
                "{name} has no comment that describes the defect"
            );
            assert!(seen.insert(name), "{} shares its test", row.case);
        }
    }
}

#[test]
fn each_user_report_has_tests_or_is_open_with_a_note() {
    let rows = rows_of("tests/reports.md");
    let names: Vec<String> = (1..=24)
        .map(|number| format!("R{number}"))
        .chain((1..=4).map(|number| format!("M{number}")))
        .chain((7..=8).map(|number| format!("N{number}")))
        .chain((1..=23).map(|number| format!("T{number}")))
        .collect();
    let cases: Vec<&String> = rows.iter().map(|row| &row.case).collect();
    assert_eq!(cases, names.iter().collect::<Vec<_>>());
    for row in &rows {
        if row.case.starts_with('T') {
            let (issue, _) = row.words.split_once(": ").expect(&row.words);
            let (repository, number) = issue.split_once('#').expect(issue);
            assert_eq!(repository.split('/').count(), 2, "{issue}");
            assert!(number.parse::<u32>().is_ok(), "{issue}");
        }
        if row.here == "open" {
            assert!(!row.note.is_empty(), "{} needs a note", row.case);
            continue;
        }
        assert!(!row.tests().is_empty(), "{} has no test", row.case);
        for name in row.tests() {
            find(&name).unwrap_or_else(|fault| panic!("{}: {name}: {fault}", row.case));
        }
    }
}

#[test]
fn an_ignored_or_missing_test_is_rejected() {
    for (name, fault) in [
        ("cli::talks_to_node", "is ignored"),
        ("cli::connected", "is not a test"),
        ("client::no_such_test", "does not exist"),
        ("client::no_such_module::a_test", "no module"),
        ("no_such_file::a_test", "no file"),
        ("servers::no_such_case::tokio", "does not exist"),
        (
            "servers::a_connection_to_a_closed_port_fails::tokio_polling",
            "is not generated",
        ),
    ] {
        let found = find(name)
            .err()
            .unwrap_or_else(|| panic!("{name} was found"));
        assert!(found.contains(fault), "{name}: {found}");
    }
    assert_eq!(
        named_in(
            "engine.io-client: a/b.js:1, :23, c.mjs:4-5; python-engineio: test_x, test_y.py:6"
        ),
        [
            "a/b.js:1",
            "a/b.js:23",
            "c.mjs:4-5",
            "test_x",
            "test_y.py:6"
        ]
        .map(str::to_owned)
        .into()
    );
}

/// The cases that a comment names. Line numbers without a file name belong to the file named before
/// them.
fn named_in(comment: &str) -> BTreeSet<String> {
    let mut file = "";
    let mut cases = BTreeSet::new();
    for word in comment.split_whitespace() {
        let word = word.trim_end_matches([',', ';', '.']);
        match word.split_once(':') {
            Some((name, line)) if line.starts_with(|first: char| first.is_ascii_digit()) => {
                if !name.is_empty() {
                    file = name;
                }
                cases.insert(format!("{file}:{line}"));
            }
            None if word.starts_with("test_") => {
                cases.insert(word.to_owned());
            }
            _ => {}
        }
    }
    cases
}

struct Test {
    file: PathBuf,
    function: String,
    /// The comment at the beginning of the test's body.
    comment: String,
}

/// Finds a test by the name that nextest prints. The search relies on rustfmt: a block ends at the
/// closing brace with the indentation of its first line.
fn find(name: &str) -> Result<Test, String> {
    let path: Vec<&str> = name.split("::").collect();
    match path[..] {
        // If `tests/servers` has no file of this name, the name is that of a test case from which a
        // macro generates tests.
        ["servers", case, variant]
            if read(Path::new(&format!("tests/servers/{case}.rs"))).is_err() =>
        {
            made_by_a_macro(case, variant)
        }
        ["lib", ref modules @ .., function] => written("src/lib.rs", modules, function),
        [program, ref modules @ .., function] => {
            written(&format!("tests/{program}.rs"), modules, function)
        }
        _ => Err("is not the name of a test".into()),
    }
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(package().join(file)).map_err(|_| format!("no file {}", file.display()))
}

fn written(root: &str, modules: &[&str], function: &str) -> Result<Test, String> {
    let mut file = PathBuf::from(root);
    let mut lines: Vec<String> = read(&file)?.lines().map(str::to_owned).collect();
    let mut is_root = true;
    for module in modules {
        let (before, line, block) = item(&lines, &format!("mod {module}"))
            .ok_or_else(|| format!("no module {module} in {}", file.display()))?;
        if line.ends_with('{') {
            lines = block;
            continue;
        }
        let path = before
            .iter()
            .find_map(|attribute| attribute.strip_prefix("#[path = \"")?.strip_suffix("\"]"));
        let folder = if is_root || file.ends_with("mod.rs") {
            file.parent().unwrap().to_owned()
        } else {
            file.with_extension("")
        };
        file = match path {
            Some(path) => folder.join(path),
            None if package().join(folder.join(module)).join("mod.rs").exists() => {
                folder.join(module).join("mod.rs")
            }
            None => folder.join(format!("{module}.rs")),
        };
        is_root = false;
        lines = read(&file)?.lines().map(str::to_owned).collect();
    }
    let (attributes, _, body) = item(&lines, &format!("fn {function}("))
        .ok_or_else(|| format!("does not exist in {}", file.display()))?;
    if !attributes.iter().any(|attribute| attribute == "#[test]") {
        return Err("is not a test".into());
    }
    if attributes
        .iter()
        .any(|attribute| attribute.starts_with("#[ignore"))
    {
        return Err("is ignored".into());
    }
    Ok(Test {
        file,
        function: function.to_owned(),
        comment: first_comment(&body),
    })
}

/// Finds a case of `tests/support/cases.rs` that a macro in `tests/servers.rs` turns into several tests.
fn made_by_a_macro(case: &str, variant: &str) -> Result<Test, String> {
    let servers = read(Path::new("tests/servers.rs"))?;
    let matrix = read(Path::new("tests/support/matrix.rs"))?;
    let line = format!("    cases::{case}");
    let used = servers
        .lines()
        .position(|found| found == line)
        .ok_or("does not exist in tests/servers.rs")?;
    let calls: Vec<&str> = servers.lines().take(used).collect();
    let call = calls
        .iter()
        .rposition(|line| line.ends_with("! {"))
        .ok_or("is used by no macro")?;
    if calls.get(call + 1) != Some(&"    [] Oxide:") {
        return Err("is ignored, or runs with another server".into());
    }
    let (_, _, made) = item(
        &matrix.lines().map(str::to_owned).collect::<Vec<_>>(),
        &format!("macro_rules! {}", calls[call].trim_end_matches("! {")),
    )
    .ok_or("is generated by no macro")?;
    let variant = format!(" {variant} ");
    if !made.iter().any(|line| line.contains(&variant)) {
        return Err("is not generated by the macro".into());
    }
    let file = PathBuf::from("tests/support/cases.rs");
    let lines: Vec<String> = read(&file)?.lines().map(str::to_owned).collect();
    let (_, _, body) = item(&lines, &format!("fn {case}<")).ok_or("has no function")?;
    Ok(Test {
        file,
        function: case.to_owned(),
        comment: first_comment(&body),
    })
}

/// The attributes of an item, its first line, and the lines of its block.
fn item(lines: &[String], start: &str) -> Option<(Vec<String>, String, Vec<String>)> {
    let is_start = |line: &String| {
        let line = line.trim_start();
        let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
        let line = line.strip_prefix("pub ").unwrap_or(line);
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix(start)
            .is_some_and(|rest| start.ends_with(['(', '<']) || rest.starts_with([' ', ';']))
    };
    let at = lines.iter().position(is_start)?;
    let attributes = lines[..at]
        .iter()
        .rev()
        .map(|line| line.trim().to_owned())
        .take_while(|line| line.starts_with("#["))
        .collect();
    let indent = lines[at].len() - lines[at].trim_start().len();
    let end = format!("{}}}", " ".repeat(indent));
    let body = lines[at..]
        .iter()
        .skip_while(|line| !line.ends_with('{'))
        .skip(1)
        .take_while(|line| **line != end)
        .cloned()
        .collect();
    Some((attributes, lines[at].clone(), body))
}

fn first_comment(body: &[String]) -> String {
    let comment = body
        .iter()
        .map_while(|line| line.trim().strip_prefix("// "));
    comment.collect::<Vec<_>>().join(" ")
}
