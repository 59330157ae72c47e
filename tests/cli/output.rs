//! Tests of the output of `eio`, its help, and its exit status.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::raw_server::RawServer;
use super::support::oxide::Oxide;
use super::support::proxies::free_port;
use super::support::server::{Server as _, Setup};
use super::{Eio, Mode, RUNTIMES, connected, goodbye, run};

/// The texts of an event's error and of all its causes, in lower case.
fn words(event: &Value) -> String {
    let error = event["error"].as_str().expect("there is an error");
    assert!(!error.is_empty());
    let causes = event["causes"].as_array().expect("there are causes");
    let causes = causes.iter().map(|cause| cause.as_str().expect("a text"));
    let words: Vec<&str> = [error].into_iter().chain(causes).collect();
    words.join(" | ").to_lowercase()
}

#[test]
fn n7_json_contains_why_connecting_failed() {
    let url = format!("http://127.0.0.1:{}", free_port());
    for runtime in RUNTIMES {
        for transport in ["polling", "websocket", "polling,websocket"] {
            let options = [
                "--json",
                "--runtime",
                runtime,
                "--transport",
                transport,
                &url,
            ];
            let (lines, status, _) = run(&options, b"hello\n");
            assert_eq!((status, lines.len()), (1, 1), "{lines:?}");
            let event: Value = serde_json::from_str(&lines[0]).expect("JSON");
            assert_eq!(event["event"], "connect_error");
            assert!(words(&event).contains("connection refused"), "{event}");
            if transport != "polling,websocket" {
                assert_ne!(event["causes"], json!([]), "{event}");
            }
        }
    }
}

#[test]
fn n7_json_contains_why_the_transport_failed() {
    for runtime in RUNTIMES {
        let server = RawServer::start();
        let url = server.url();
        let options = ["--json", "--runtime", runtime, "--transport", "polling"];
        let mut eio = Eio::start(&[&options[..], &[url]].concat());
        server.request().open();
        assert_eq!(eio.event()["event"], "connect");
        server.request().answer("500 Internal Server Error", "");
        let event = eio.event();
        assert_eq!(event["event"], "disconnect");
        assert_eq!(event["reason"], "transport error");
        assert!(words(&event).contains("500"), "{event}");
        assert_eq!(eio.finish().1, 1);
    }
}

#[test]
fn n7_with_v_only_the_log_reports_the_connection() {
    let server = Oxide::start(Setup::Default);
    let url = server.url();
    for flags in [&["--linger", "1"][..], &["--linger", "1", "-v"]] {
        let (_, status, errors) = run(&[flags, &[&url]].concat(), b"");
        assert_eq!(status, 0, "{errors}");
        let lines = |part: &str| errors.lines().filter(|line| line.contains(part)).count();
        assert_eq!(lines("connected"), 1, "{errors}");
        // On a slow machine, the session may end before the upgrade.
        assert!(lines("upgraded") <= 1, "{errors}");
        let by_log = flags.contains(&"-v");
        assert_eq!(by_log, lines("eio: ") == 0, "{errors}");
    }
}

#[test]
fn n7_a_text_is_not_mistaken_for_binary_data() {
    let server = Oxide::start(Setup::Default);
    let url = server.url();
    let mut eio = Eio::start(&["--transport", "websocket", &url]);
    for (said, written) in [
        ("plain", "plain"),
        ("base64:AQID", r#"json:"base64:AQID""#),
        (r#"json:"x""#, r#"json:"json:\"x\"""#),
        (r#""base64:""#, r#""base64:""#),
    ] {
        eio.say(said.as_bytes());
        assert_eq!(eio.line().as_deref(), Some(written));
    }
}

#[test]
fn n7_a_line_ends_with_lf_or_crlf() {
    let server = Oxide::start(Setup::Default);
    let mut eio = connected(&server.url(), "tokio", Mode::WebSocket, &[]);
    for (said, sent) in [
        (&b"a\r"[..], "a"),
        (b"b\r\r", "b\r"),
        (b" c\rc\t", " c\rc\t"),
        (b"\r", ""),
    ] {
        eio.say(said);
        assert_eq!(eio.event(), json!({"event": "message", "text": sent}));
    }
    goodbye(eio, "line ends");
    let (lines, status, _) = run(
        &["--linger", "1", "--transport", "websocket", &server.url()],
        b"no line feed\r",
    );
    assert_eq!(
        (status, lines),
        (0, vec![r#"json:"no line feed\r""#.to_owned()])
    );
}

#[test]
fn n7_the_help_names_each_option_each_event_and_each_status() {
    let (lines, status, _) = run(&["--help"], b"");
    assert_eq!(status, 0);
    let help = lines.join("\n");
    for part in [
        "--transport NAME",
        "--deflate ",
        "--runtime NAME",
        "-H, --header",
        "--query NAME=VALUE",
        "--path PATH",
        "--no-trailing-slash",
        "--json",
        "--binary-input",
        "--linger SECONDS",
        "--follow-redirects",
        "--proxy URL",
        "--request-timeout SECONDS",
        "--max-message-size BYTES",
        "--reconnect ",
        "--resend WHAT",
        "--receipts ",
        "--reconnect-delay SECONDS",
        "--reconnect-delay-max SECONDS",
        "--reconnect-attempts NUMBER",
        "--ca FILE",
        "--cert FILE",
        "--key FILE",
        "--insecure",
        "-v, -vv, -vvv",
        "\n  -h  ",
        "\n  --help  ",
        "-V, --version",
        "may take twice as long",
        "base64:DATA",
        "carriage return",
        "\"connect_error\"",
        "\"upgrade_error\"",
        "\"disconnect\"",
        "\"reconnect\"",
        "\"given_up\"",
        "\"no_receipts\"",
        "SIGTERM",
        "\n  0  ",
        "\n  1  ",
        "\n  2  ",
        "Examples:",
    ] {
        assert!(help.contains(part), "{part:?} is not in the help");
    }
    fits_a_terminal(&lines);
}

fn fits_a_terminal(lines: &[String]) {
    for line in lines {
        assert!(
            line.chars().count() <= 80,
            "too wide for a terminal: {line}"
        );
    }
}

#[test]
fn the_summary_of_the_options_names_the_same_options_as_the_help() {
    let (summary, status, _) = run(&["-h"], b"");
    assert_eq!(status, 0);
    let (help, _, _) = run(&["--help"], b"");
    let options = |lines: &[String]| {
        let mut found = BTreeSet::new();
        for line in lines.iter().take_while(|line| *line != "Examples:") {
            // An option line is `-H, --header 'NAME: VALUE'  TEXT`. Only the part before the text
            // counts.
            if let Some(option) = line.trim_start().split("  ").next()
                && line.trim_start().starts_with('-')
            {
                found.extend(
                    option
                        .split([' ', ','])
                        .filter(|word| word.starts_with('-'))
                        .map(str::to_owned),
                );
            }
        }
        found
    };
    assert_eq!(options(&summary), options(&help));
    assert!(summary.len() < 45, "{} lines", summary.len());
    fits_a_terminal(&summary);
}

#[test]
fn the_version_names_the_features_of_the_build() {
    let features = [
        ("tokio", cfg!(feature = "tokio")),
        ("smol", cfg!(feature = "smol")),
        ("async-std", cfg!(feature = "async-std")),
        ("polling", cfg!(feature = "polling")),
        ("websocket", cfg!(feature = "websocket")),
        ("rustls", cfg!(feature = "rustls")),
        ("compression", cfg!(feature = "compression")),
    ];
    let built: Vec<&str> = features
        .into_iter()
        .filter_map(|(name, is_on)| is_on.then_some(name))
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    for option in ["-V", "--version"] {
        assert_eq!(
            run(&[option], b"").0,
            [format!("eio {version} ({})", built.join(", "))]
        );
    }
}

#[test]
fn a_runtime_that_the_build_lacks_is_refused_with_the_list_of_those_it_has() {
    let (_, status, errors) = run(&["--runtime", "pigeon", "http://localhost"], b"");
    assert_eq!(status, 2);
    assert!(errors.contains("pigeon"), "{errors}");
    assert!(errors.contains("tokio, smol, async-std"), "{errors}");
}

#[test]
fn the_example_of_binary_messages_in_the_help_sends_a_file_and_decodes_it() {
    let server = Oxide::start(Setup::Default);
    let script = r#"
        printf 'a\0b\n' | base64 | tr -d '\n' |
          "$EIO" --binary-input --linger 1 --transport websocket "$URL" |
          sed -un 's/^base64://p' |
          while read -r data; do echo "$data" | base64 -d; done
    "#;
    let output = Command::new("sh")
        .args(["-c", script])
        .env("EIO", env!("CARGO_BIN_EXE_eio"))
        .env("URL", server.url())
        .output()
        .expect("there is a shell");
    assert_eq!(output.stdout, b"a\0b\n", "{output:?}");
}

/// Runs `eio` with this standard input and output until it ends.
fn run_with(url: &str, input: Stdio, output: Stdio) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eio"));
    let command = command.args(["--json", url]).stdin(input).stdout(output);
    let child = command.stderr(Stdio::piped()).spawn().expect("eio starts");
    child.wait_with_output().expect("it has ended")
}

#[cfg(unix)]
#[test]
fn n7_unreadable_input_is_a_failure() {
    let server = Oxide::start(Setup::Default);
    let directory = std::fs::File::open(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let output = run_with(&server.url(), directory.into(), Stdio::piped());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("standard input can't be read"), "{errors}");
    assert_eq!(output.status.code(), Some(1));
}

#[cfg(target_os = "linux")]
#[test]
fn n7_unwritable_output_is_a_failure() {
    let server = Oxide::start(Setup::Default);
    let full = OpenOptions::new().write(true).open("/dev/full");
    let full = full.expect("Linux has it");
    let output = run_with(&server.url(), Stdio::null(), full.into());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.contains("standard output can't be written"),
        "{errors}"
    );
    assert_eq!(output.status.code(), Some(1));
}
