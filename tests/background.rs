//! The background thread that runs the sessions of blocking clients. This test has its own binary
//! because it changes the process's limit of open files.

#![cfg(target_os = "linux")]

use std::net::TcpListener;

use engineio_client::{ErrorKind, blocking};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[test]
fn s14_a_background_thread_that_failed_to_start_is_started_again_later() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!(
        "http://{}",
        listener.local_addr().expect("the socket is bound")
    );
    drop(listener);

    let before = getrlimit(Resource::Nofile);
    let few = Rlimit {
        current: Some(3),
        maximum: before.maximum,
    };
    setrlimit(Resource::Nofile, few).expect("a limit can always be lowered");
    let first = blocking::connect(&url).map(drop);
    setrlimit(Resource::Nofile, before).expect("the old limit is restored");
    let first = first.expect_err("there are no descriptors");
    assert_eq!(first.kind(), ErrorKind::Runtime, "{}", first.report());

    let second = blocking::connect(&url).map(drop);
    let second = second.expect_err("nobody listens");
    assert_eq!(second.kind(), ErrorKind::Connect, "{}", second.report());
}
