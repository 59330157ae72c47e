//! Tests of connections that fail, or that the user gives up before they are open.

use super::raw_server::RawServer;
use super::support::oxide::Oxide;
use super::support::proxies::free_port;
use super::support::redirects::Moved;
use super::support::server::{Server as _, Setup};
use super::{Eio, MODES, RUNTIMES, run};

#[test]
fn r8_a_failed_connection_is_reported_even_if_the_input_is_empty() {
    let url = format!("http://127.0.0.1:{}", free_port());
    for runtime in RUNTIMES {
        for mode in MODES {
            // Repeated, since it depends on chance whether the input or the attempt ends first.
            for _ in 0..5 {
                let options = ["--runtime", runtime, "--transport", mode.option(), &url];
                let (lines, status, errors) = run(&options, b"");
                assert_eq!((status, lines.len()), (1, 0), "{runtime}, {mode:?}");
                let errors = errors.to_lowercase();
                assert!(errors.contains("connection refused"), "{errors}");
            }
        }
    }
}

#[test]
fn r8_after_the_end_of_input_it_waits_until_connecting_has_failed() {
    let server = RawServer::start();
    let url = server.url();
    for runtime in RUNTIMES {
        for transport in ["polling", "websocket"] {
            let case = format!("{runtime}, {transport}");
            let options = ["--runtime", runtime, "--transport", transport];
            let options = [&options[..], &["--request-timeout", "0.5", url]].concat();
            let (lines, status, errors) = run(&options, b"");
            assert_eq!((status, lines.len()), (1, 0), "{case}: {errors}");
            assert!(errors.contains("connecting failed"), "{case}: {errors}");
            assert!(errors.contains("timeout"), "{case}: {errors}");
        }
    }
}

#[test]
fn r8_after_the_end_of_input_it_waits_until_connecting_has_succeeded() {
    let server = Oxide::start(Setup::Default);
    for runtime in RUNTIMES {
        for mode in MODES {
            let case = format!("{runtime}, {mode:?}");
            let options = ["--json", "--runtime", runtime, "--transport", mode.option()];
            let url = server.url();
            let (lines, status, errors) = run(&[&options[..], &[&url]].concat(), b"");
            assert_eq!((status, errors.as_str()), (0, ""), "{case}");
            let connect = lines.first().is_some_and(|line| line.contains("connect"));
            let disconnect = r#"{"event":"disconnect","reason":"client disconnect"}"#;
            let disconnects = lines.last().is_some_and(|line| line == disconnect);
            assert!(connect && disconnects, "{case}: {lines:?}");
        }
    }
}

#[test]
fn a_redirect_is_followed_only_with_the_option() {
    let server = Oxide::start(Setup::Default);
    for mode in MODES {
        let moved = Moved::to(&server.url());
        let options = ["--json", "--transport", mode.option(), &moved.url];
        let follow = [&["--follow-redirects"][..], &options].concat();
        let (lines, status, errors) = run(&follow, b"hello\n");
        assert_eq!((status, errors.as_str()), (0, ""), "{mode:?}");
        assert!(lines[0].contains("connect"), "{mode:?}: {lines:?}");
        moved.was_asked();
        let moved = Moved::to(&server.url());
        let (_, status, errors) = run(&["--transport", mode.first_transport(), &moved.url], b"");
        assert_eq!(status, 1, "{mode:?}: {errors}");
        assert!(errors.contains("a redirect to"), "{mode:?}: {errors}");
        moved.was_asked();
    }
}

#[test]
fn t12_the_path_gets_a_trailing_slash_unless_the_option_forbids_it() {
    for (options, expected) in [
        (&[][..], "/chat/?"),
        (&["--no-trailing-slash"], "/chat?"),
        (&["--no-trailing-slash", "--path", "/a/b/"], "/a/b?"),
    ] {
        for transport in ["polling", "websocket"] {
            let server = RawServer::start();
            let url = format!("{}/chat", server.url());
            let eio = Eio::start(&[options, &["--transport", transport, &url]].concat());
            let mut request = server.request();
            let target = request.head.strip_prefix("GET ");
            let found = target.is_some_and(|target| target.starts_with(expected));
            assert!(found, "{options:?}, {transport}: {}", request.head);
            request.answer("404 Not Found", "");
            assert_eq!(eio.finish().1, 1);
        }
    }
}
