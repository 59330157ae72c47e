//! Tests of the program `eio`: against engineioxide in this process and against other servers, on each
//! runtime and each transport.

#[path = "support"]
mod support {
    #![allow(dead_code, reason = "each test program uses a part of it")]
    pub(crate) mod log;
    pub(crate) mod oxide;
    pub(crate) mod peers;
    pub(crate) mod proxies;
    pub(crate) mod redirects;
    pub(crate) mod server;
    pub(crate) mod session;
    #[allow(dead_code, reason = "each test program uses a part of it")]
    pub(crate) mod tls;
}

#[path = "cli/connecting.rs"]
mod connecting;
#[path = "cli/goodbyes.rs"]
mod goodbyes;
#[path = "cli/lasting.rs"]
mod lasting;
#[path = "cli/lasting_ends.rs"]
mod lasting_ends;
#[path = "cli/output.rs"]
mod output;
#[path = "cli/raw_server.rs"]
mod raw_server;
#[path = "cli/resolver.rs"]
mod resolver;
#[path = "cli/signals.rs"]
mod signals;
#[path = "cli/proxies.rs"]
mod through_proxies;
#[path = "cli/tls.rs"]
mod tls;
#[path = "cli/websocket_server.rs"]
mod websocket_server;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::oxide::Oxide;
use support::peers::Peer;
use support::server::{Counts, LARGE, Server as _, Setup};

/// Time limit for every event that a test waits for. It is generous, so that no test fails on a busy
/// machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running `eio`, which is killed when it is dropped.
struct Eio {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
    errors: Option<JoinHandle<String>>,
}

impl Eio {
    fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, |_| {})
    }

    /// Starts `eio` with additional environment variables.
    fn start_in(environment: &[(&str, &str)], arguments: &[&str]) -> Self {
        Self::start_with(arguments, |command| {
            command.envs(environment.iter().copied());
        })
    }

    fn start_with(arguments: &[&str], edit: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eio"));
        edit(&mut command);
        Self::start_by(command, arguments)
    }

    /// Starts `eio` without the proxy variables of the environment, except those that the command
    /// sets.
    fn start_by(mut command: Command, arguments: &[&str]) -> Self {
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            for name in [name.to_owned(), name.to_uppercase()] {
                if !command.get_envs().any(|(set, _)| set == &*name) {
                    command.env_remove(name);
                }
            }
        }
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("eio starts");
        let input = child.stdin.take();
        let stdout = child.stdout.take().expect("it is piped");
        let mut stderr = child.stderr.take().expect("it is piped");
        let (lines, output) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        let errors = thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Self {
            child,
            input,
            output,
            errors: Some(errors),
        }
    }

    /// Writes a line of input. The program may have ended already.
    fn say(&mut self, line: &[u8]) {
        let input = self.input.as_mut().expect("the input is open");
        match input.write_all(line).and_then(|()| input.write_all(b"\n")) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => panic!("{error}"),
            _ => {}
        }
    }

    fn end_input(&mut self) {
        self.input = None;
    }

    fn line(&mut self) -> Option<String> {
        match self.output.recv_timeout(DEADLINE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                let _ = self.child.kill();
                let errors = self.errors.take().and_then(|errors| errors.join().ok());
                panic!("eio printed nothing within the time limit; standard error: {errors:?}");
            }
        }
    }

    fn event(&mut self) -> Value {
        let line = self
            .line()
            .unwrap_or_else(|| panic!("eio has ended: {}", self.errors()));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    fn errors(&mut self) -> String {
        self.errors
            .take()
            .and_then(|errors| errors.join().ok())
            .unwrap_or_default()
    }

    /// Ends the input. Returns the remaining output, the exit status, and the text on standard error.
    fn finish(mut self) -> (Vec<String>, i32, String) {
        self.input = None;
        let mut lines = Vec::new();
        while let Some(line) = self.line() {
            lines.push(line);
        }
        let status: ExitStatus = self.child.wait().expect("it has ended");
        (lines, status.code().unwrap_or(-1), self.errors())
    }

    /// Sends a signal: `-INT` or `-TERM`. It uses the shell's built-in `kill`, since the program
    /// `kill` is not installed everywhere.
    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("sh")
            .args(["-c", r#"kill "$1" "$2""#, "sh", signal, &id])
            .status()
            .expect("there is a shell");
        assert!(status.success());
    }
}

impl Drop for Eio {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file that is deleted when it is dropped.
struct File(PathBuf);

impl File {
    fn new(content: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("eio-{}-{number}.pem", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, content).expect("there is room");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("it is UTF-8")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Runs `eio` with this input until it ends.
fn run(arguments: &[&str], input: &[u8]) -> (Vec<String>, i32, String) {
    let mut eio = Eio::start(arguments);
    // `eio` may end before it has read all input.
    let _ = eio
        .input
        .as_mut()
        .expect("the input is open")
        .write_all(input);
    eio.finish()
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Polling,
    WebSocket,
    Upgraded,
}

const MODES: [Mode; 3] = [Mode::Polling, Mode::WebSocket, Mode::Upgraded];
const RUNTIMES: [&str; 3] = ["tokio", "smol", "async-std"];

impl Mode {
    fn option(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
            Self::Upgraded => "polling,websocket",
        }
    }

    fn first_transport(self) -> &'static str {
        if self == Self::WebSocket {
            "websocket"
        } else {
            "polling"
        }
    }
}

/// An `eio` that is connected, and upgraded if the mode asks for it.
fn connected(url: &str, runtime: &str, mode: Mode, more: &[&str]) -> Eio {
    let mut arguments = vec!["--json", "--runtime", runtime, "--transport", mode.option()];
    arguments.extend(more);
    arguments.push(url);
    let mut eio = Eio::start(&arguments);
    let connect = eio.event();
    assert_eq!(connect["event"], "connect");
    assert_eq!(connect["transport"], mode.first_transport());
    assert!(connect["sid"].as_str().is_some_and(|sid| !sid.is_empty()));
    if mode == Mode::Upgraded {
        assert_eq!(
            eio.event(),
            json!({"event": "upgrade", "transport": "websocket"})
        );
    }
    eio
}

/// Ends the input. The session must then end cleanly.
fn goodbye(mut eio: Eio, case: &str) {
    eio.end_input();
    let (lines, status, errors) = eio.finish();
    assert_eq!(
        lines,
        [r#"{"event":"disconnect","reason":"client disconnect"}"#],
        "{case}: {errors}"
    );
    assert_eq!((status, errors.as_str()), (0, ""), "{case}");
}

/// Sends texts and binary messages of every kind, which must be echoed in order.
fn talks(url: &str) {
    for runtime in RUNTIMES {
        for mode in MODES {
            let case = format!("{runtime}, {mode:?}");
            let mut eio = connected(url, runtime, mode, &[]);
            let mut texts = vec![
                "m:hällo 🌍".to_owned(),
                String::new(),
                "m: with spaces ".to_owned(),
            ];
            texts.extend((0..200).map(|number| format!("m:{number}")));
            for text in &texts {
                eio.say(text.as_bytes());
            }
            for text in &texts {
                assert_eq!(
                    eio.event(),
                    json!({"event": "message", "text": text}),
                    "{case}"
                );
            }
            goodbye(eio, &case);

            let mut eio = connected(url, runtime, mode, &["--binary-input"]);
            let long: Vec<u8> = (0..50_000_u32).map(|number| number as u8).collect();
            let data = [vec![0, 1, 0x1e, 255], Vec::new(), long];
            for data in &data {
                eio.say(STANDARD.encode(data).as_bytes());
            }
            for data in &data {
                assert_eq!(
                    eio.event(),
                    json!({"event": "message", "binary": STANDARD.encode(data)}),
                    "{case}"
                );
            }
            goodbye(eio, &case);
        }
    }
}

/// Sends 2,000 lines, which must be echoed, while the session is upgraded from polling to WebSocket.
fn talks_across_the_upgrade(url: &str) {
    for runtime in RUNTIMES {
        let mut eio = Eio::start(&["--json", "--runtime", runtime, url]);
        assert_eq!(eio.event()["transport"], "polling");
        let mut input = eio.input.take().expect("the input is open");
        let lines = (0..2000).map(|number| format!("m:{number}\n"));
        let lines: String = lines.collect();
        let writer = thread::spawn(move || {
            input
                .write_all(lines.as_bytes())
                .expect("eio reads its input");
            input
        });
        let mut next = 0;
        let mut upgraded = false;
        while next < 2000 || !upgraded {
            let event = eio.event();
            if event["event"] == "upgrade" {
                upgraded = true;
            } else {
                assert_eq!(event["text"], format!("m:{next}"), "{runtime}");
                next += 1;
            }
        }
        eio.input = writer.join().ok();
        goodbye(eio, runtime);
    }
}

/// Exchanges 5 MB of text and of binary data. `posts` is false for a server that truncates a large
/// POST: on polling, messages are then only received from it.
fn talks_at_length(url: &str, posts: bool) {
    const LENGTH: usize = 5_000_000;
    for runtime in RUNTIMES {
        for mode in MODES {
            if mode == Mode::Polling && !posts {
                let mut eio = connected(url, runtime, mode, &[]);
                eio.say(format!("!big {LENGTH}").as_bytes());
                assert_eq!(eio.event()["text"].as_str().map(str::len), Some(LENGTH));
                eio.say(format!("!bin {LENGTH}").as_bytes());
                assert_eq!(eio.event()["binary"], STANDARD.encode(vec![0; LENGTH]));
                goodbye(eio, runtime);
                continue;
            }
            let mut eio = connected(url, runtime, mode, &[]);
            let text = "m:longer ".repeat(LENGTH / 9);
            eio.say(text.as_bytes());
            assert!(
                eio.event()["text"] == text.as_str(),
                "{runtime} {mode:?}: another text"
            );
            goodbye(eio, runtime);
            let mut eio = connected(url, runtime, mode, &["--binary-input"]);
            let data = STANDARD.encode(vec![7; LENGTH]);
            eio.say(data.as_bytes());
            assert!(
                eio.event()["binary"] == data.as_str(),
                "{runtime} {mode:?}: other data"
            );
            goodbye(eio, runtime);
        }
    }
}

/// Sends a line longer than `maxPayload` (1 MB). On polling it is refused and later lines are sent. On
/// WebSocket it is sent, and the server ends the session.
fn minds_max_payload(url: &str) {
    for runtime in RUNTIMES {
        let long = "x".repeat(1_000_000);
        let mut eio = connected(url, runtime, Mode::Polling, &[]);
        eio.say(long.as_bytes());
        eio.say(b"m:short");
        assert_eq!(eio.event(), json!({"event": "message", "text": "m:short"}));
        let (lines, status, errors) = eio.finish();
        assert_eq!(
            lines,
            [r#"{"event":"disconnect","reason":"client disconnect"}"#]
        );
        assert_eq!(status, 1);
        assert!(
            errors.contains("line 1 was not sent") && errors.contains("1000000"),
            "{errors}"
        );
        assert!(errors.contains("1 line was not delivered"), "{errors}");

        for mode in [Mode::WebSocket, Mode::Upgraded] {
            let mut eio = connected(url, runtime, mode, &[]);
            eio.say("x".repeat(2_000_000).as_bytes());
            let event = eio.event();
            assert_eq!(event["event"], "disconnect", "{event}");
            let reason = event["reason"].as_str().unwrap();
            assert!(
                ["server disconnect", "transport error"].contains(&reason),
                "{reason}"
            );
            let (_, status, _) = eio.finish();
            assert_eq!(status, 1);
        }
    }
}

#[test]
fn talks_to_engineioxide() {
    let server = Oxide::start(Setup::Default);
    talks(&server.url());
    talks_across_the_upgrade(&server.url());
}

#[test]
fn talks_to_engineioxide_at_length() {
    let server = Oxide::start(Setup::LargeMessages);
    talks_at_length(&server.url(), true);
}

fn large() -> Vec<String> {
    vec!["--max-payload".into(), LARGE.to_string()]
}

#[test]
#[ignore = "needs the peers that tests/run installs"]
fn talks_to_node() {
    let server = Peer::node(&[]);
    talks(&server.url());
    talks_across_the_upgrade(&server.url());
    minds_max_payload(&server.url());
}

#[cfg(feature = "compression")]
#[test]
#[ignore = "needs the peers that tests/run installs"]
fn compresses_with_node_and_logs_what_that_saved() {
    let server = Peer::node(&["--deflate".into(), "{}".into()]);
    let line = "to be, or not to be, ".repeat(500);
    let options = [
        "--deflate",
        "-vv",
        "--transport",
        "websocket",
        "--linger",
        "1",
    ];
    let input = format!("{line}\n");
    let (lines, status, log) = run(&[&options[..], &[&server.url()]].concat(), input.as_bytes());
    assert_eq!((status, lines), (0, vec![line]));
    for part in [
        "messages are compressed client_max_window_bits=15",
        "sent compressed messages bytes=10501 compressed=",
        "received compressed messages compressed=",
    ] {
        assert!(log.contains(part), "{part:?} is not in {log}");
    }
}

#[test]
#[ignore = "needs the peers that tests/run installs"]
fn talks_to_node_at_length() {
    talks_at_length(&Peer::node(&large()).url(), true);
}

#[test]
#[ignore = "needs the peers that tests/run installs"]
fn talks_to_python_on_aiohttp() {
    let server = Peer::python("aiohttp", &[]);
    talks(&server.url());
    talks_across_the_upgrade(&server.url());
    minds_max_payload(&server.url());
}

#[test]
#[ignore = "needs the peers that tests/run installs"]
fn talks_to_python_on_aiohttp_at_length() {
    // This server reads only the first part of a large POST body.
    talks_at_length(&Peer::python("aiohttp", &large()).url(), false);
}

#[test]
#[ignore = "needs the peers that tests/run installs"]
fn talks_to_python_on_uvicorn() {
    let server = Peer::python("uvicorn", &[]);
    talks(&server.url());
    talks_across_the_upgrade(&server.url());
    minds_max_payload(&server.url());
}

#[test]
#[ignore = "needs the peers that tests/run installs"]
fn talks_to_python_on_uvicorn_at_length() {
    talks_at_length(&Peer::python("uvicorn", &large()).url(), true);
}

#[test]
fn bad_usage_is_reported_and_exits_with_2() {
    for (arguments, named) in [
        (&[][..], "URL is missing"),
        (&["--nonsense", "http://localhost"], "--nonsense"),
        (&["http://localhost", "another"], "another"),
        (&["localhost:80"], "localhost"),
        (&["ftp://localhost"], "ftp"),
        (&["nonsense"], "URL"),
        (&["-H", "no colon", "http://localhost"], "NAME: VALUE"),
        (&["-H", "A: b\nC: d", "http://localhost"], "header A"),
        (&["-H", "sp ace: b", "http://localhost"], "sp ace"),
        (
            &["-H", "A\r\nB: c", "http://localhost"],
            "not a valid header name",
        ),
        (&["-H", "A: b\rC: d", "http://localhost"], "header A"),
        (&["-H", "A: b\u{1}c", "http://localhost"], "header A"),
        (&["--query", "novalue", "http://localhost"], "--query"),
        (&["--transport", "pigeon", "http://localhost"], "pigeon"),
        (&["--runtime", "pigeon", "http://localhost"], "tokio"),
        (&["--linger", "-1", "http://localhost"], "--linger"),
        (
            &["--request-timeout", "soon", "http://localhost"],
            "--request-timeout",
        ),
        (
            &["--max-message-size", "1k", "http://localhost"],
            "--max-message-size must be a number of bytes, not \"1k\"",
        ),
        (&["--ca"], "--ca"),
        (&["--key", "key.pem", "http://localhost"], "--cert"),
        (&["--insecure=yes", "http://localhost"], "--insecure"),
        (&["--proxy", "ftp://x", "http://localhost"], "ftp"),
        (&["--proxy", "http://", "http://localhost"], "proxy"),
    ] {
        let (lines, status, errors) = run(arguments, b"");
        assert_eq!((status, lines.len()), (2, 0), "{arguments:?}: {errors}");
        assert!(errors.contains(named), "{arguments:?}: {errors}");
    }
    let (lines, status, _) = run(&["--help"], b"");
    assert_eq!(status, 0);
    assert!(lines.iter().any(|line| line.contains("--binary-input")));
}

#[test]
fn a_failed_connection_is_reported_with_its_causes() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("http://127.0.0.1:{port}");
    for runtime in RUNTIMES {
        let (lines, status, errors) = run(&["--json", "--runtime", runtime, &url], b"hello\n");
        assert_eq!((status, lines.len()), (1, 1), "{errors}");
        assert!(errors.contains("polling: could not connect"), "{errors}");
        assert!(errors.contains("; websocket: the same error)"), "{errors}");
        assert!(
            errors.to_lowercase().contains("connection refused"),
            "{errors}"
        );
    }
}

#[test]
fn without_json_texts_are_lines_and_news_are_on_standard_error() {
    let server = Oxide::start(Setup::Default);
    let mut eio = Eio::start(&["--transport", "websocket", &server.url()]);
    eio.say("hällo".as_bytes());
    assert_eq!(eio.line().as_deref(), Some("hällo"));
    let (lines, status, errors) = eio.finish();
    assert_eq!((lines.len(), status), (0, 0));
    assert!(errors.contains("connected over websocket"), "{errors}");
    let mut eio = Eio::start(&["--binary-input", "--transport", "polling", &server.url()]);
    eio.say(b"AQID");
    assert_eq!(eio.line().as_deref(), Some("base64:AQID"));
}

#[test]
fn lines_that_can_not_be_sent_are_reported_and_later_lines_are_sent() {
    let server = Oxide::start(Setup::Default);
    let mut eio = Eio::start(&["--json", "--transport", "websocket", &server.url()]);
    eio.say(b"not \xff UTF-8");
    eio.say(b"good");
    assert_eq!(eio.event()["event"], "connect");
    assert_eq!(eio.event()["text"], "good");
    let (_, status, errors) = eio.finish();
    assert_eq!(status, 1);
    assert!(
        errors.contains("line 1 was not sent") && errors.contains("UTF-8"),
        "{errors}"
    );
    assert!(errors.contains("1 line was not delivered"), "{errors}");

    let mut eio = Eio::start(&[
        "--json",
        "--binary-input",
        "--transport",
        "websocket",
        &server.url(),
    ]);
    eio.say(b"!!!");
    eio.say(b"AQID");
    assert_eq!(eio.event()["event"], "connect");
    assert_eq!(eio.event()["binary"], "AQID");
    let (_, status, errors) = eio.finish();
    assert_eq!(status, 1);
    assert!(errors.contains("base64"), "{errors}");
}

#[test]
fn input_that_ends_before_the_session_is_open_is_delivered() {
    let mut input = Vec::new();
    for number in 0..500 {
        input.extend(format!("{number}\n").into_bytes());
    }
    input.extend(b"without an end of line");
    for (runtime, mode) in RUNTIMES
        .iter()
        .flat_map(|runtime| MODES.map(|mode| (runtime, mode)))
    {
        let server = Oxide::start(Setup::Default);
        let url = server.url();
        let (_, status, errors) = run(
            &[
                "--json",
                "--runtime",
                runtime,
                "--transport",
                mode.option(),
                &url,
            ],
            &input,
        );
        assert_eq!((status, errors.as_str()), (0, ""), "{runtime} {mode:?}");
        assert_eq!(Counts::of_ended_session(&server).total(), 501);
    }
}

#[test]
fn with_linger_it_receives_answers_after_the_end_of_input() {
    let server = Oxide::start(Setup::Default);
    let (lines, status, _) = run(
        &[
            "--json",
            "--transport",
            "websocket",
            "--linger",
            "1.5",
            &server.url(),
        ],
        b"a\nb\n",
    );
    assert_eq!(status, 0);
    let texts: Vec<&String> = lines
        .iter()
        .filter(|line| line.contains("\"message\""))
        .collect();
    assert_eq!(texts.len(), 2, "{lines:?}");
}

#[test]
fn a_close_by_the_server_is_reported_and_exits_with_1() {
    let server = Oxide::start(Setup::Default);
    for mode in MODES {
        let mut eio = connected(&server.url(), "tokio", mode, &[]);
        eio.say(b"!close");
        let mut expected = json!({"event": "disconnect", "reason": "server disconnect"});
        if mode != Mode::Polling {
            // This server's close frame has no code and no reason.
            expected["close_code"] = json!(1005);
            expected["close_reason"] = json!("");
        }
        assert_eq!(eio.event(), expected);
        let (lines, status, _) = eio.finish();
        assert_eq!((lines.len(), status), (0, 1));
    }
}

#[test]
fn each_v_adds_a_log_level_and_only_the_third_shows_contents_and_none_shows_secrets() {
    let server = Oxide::start(Setup::Default);
    let url = server.url().replace("//", "//hexuser:hunter2@") + "/?token=hunter2";
    for runtime in RUNTIMES {
        for (flag, shown, hidden) in [
            ("-v", &["INFO", "connected"][..], &["DEBUG", "TRACE"][..]),
            (
                "-vv",
                &["INFO", "DEBUG", "opening"],
                &["TRACE", "confidential"],
            ),
            (
                "-vvv",
                &["INFO", "DEBUG", "TRACE", "contents=\"confidential\""],
                &[],
            ),
        ] {
            let options = [
                "--runtime",
                runtime,
                flag,
                "-H",
                "X-Key: hunter2",
                "-H",
                "Cookie: session=hunter2",
                "--query",
                "key=hunter2",
                &url,
            ];
            // The echo may arrive before or after the end.
            let (_, status, errors) = run(&options, b"confidential\n");
            assert_eq!(status, 0, "{errors}");
            for part in shown {
                assert!(errors.contains(part), "{flag}, {part:?}: {errors}");
            }
            for part in hidden
                .iter()
                .chain(&["hunter2", "hexuser", "aGV4dXNlcjpodW50ZXIy"])
            {
                assert!(!errors.contains(part), "{flag}, {part:?}: {errors}");
            }
        }
    }
}
