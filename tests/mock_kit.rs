//! The public mock kit: its network and its scripted transport. Each test runs under both fixed task
//! orders: first-in-first-out and last-in-first-out.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind::*};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use engineio_client::runtime::mock::{MemoryStream, Order, duplex};
use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::transports::mock::{Call, MockEnd, MockLink, MockTransport};
use engineio_client::{
    Activity, Batch, Builder, Confirms, Error, ErrorKind, Fence, Framing, Link, MockRuntime,
    OpenRequest, Packet, Runtime, Transport,
};
use futures::future::{BoxFuture, Either, join, join3, select};
use futures::{AsyncRead, AsyncReadExt, AsyncWriteExt, FutureExt};

fn under_both_orders(test: impl AsyncFn(MockRuntime)) {
    for order in [Order::FirstInFirstOut, Order::LastInFirstOut] {
        let runtime = MockRuntime::with_order(order);
        runtime.block_on(test(runtime.clone()));
        assert_eq!(runtime.tasks(), 0, "a task is still running");
    }
}

/// Spawns a task, and returns a future of its result.
fn spawn<T: Send + 'static>(
    runtime: &MockRuntime,
    task: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> {
    let (task, result) = task.remote_handle();
    runtime.spawn(Box::pin(task));
    result
}

/// Whether the future is still pending after every other task has run as far as it can.
async fn waits(runtime: &MockRuntime, future: &mut (impl Future + Unpin)) -> bool {
    matches!(
        select(future, runtime.sleep(Duration::ZERO)).await,
        Either::Right(_)
    )
}

const ADDRESS: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)),
    80,
);

async fn connect(runtime: &MockRuntime) -> io::Result<BoxedStream> {
    runtime.connect(&Address::Tcp(ADDRESS)).await
}

async fn read_all(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[test]
fn a_connection_carries_bytes_both_ways() {
    under_both_orders(async |runtime| {
        let mut listener = runtime.listen(ADDRESS);
        assert_eq!(listener.address(), ADDRESS);
        let server = spawn(&runtime, async move {
            let mut stream = listener.accept().await;
            let mut question = [0; 4];
            stream.read_exact(&mut question).await.unwrap();
            assert_eq!(&question, b"ping");
            stream.write_all(b"pong").await.unwrap();
        });
        let mut client = connect(&runtime).await.unwrap();
        client.write_all(b"ping").await.unwrap();
        assert_eq!(read_all(&mut client).await, "pong");
        server.await;
    });
}

#[test]
fn connections_are_accepted_in_the_order_they_came() {
    under_both_orders(async |runtime| {
        let mut listener = runtime.listen(ADDRESS);
        let accept = spawn(&runtime, async move {
            let mut texts = Vec::new();
            for _ in 0..3 {
                texts.push(read_all(&mut listener.accept().await).await);
            }
            texts
        });
        for text in ["1", "2", "3"] {
            let mut client = connect(&runtime).await.unwrap();
            client.write_all(text.as_bytes()).await.unwrap();
        }
        assert_eq!(accept.await, ["1", "2", "3"]);
    });
}

#[test]
fn an_accept_waits_for_a_connection() {
    under_both_orders(async |runtime| {
        let mut listener = runtime.listen(ADDRESS);
        let server = spawn(&runtime, async move {
            drop(listener.accept().await);
        });
        runtime.sleep(Duration::from_secs(1)).await;
        let mut client = connect(&runtime).await.unwrap();
        server.await;
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    });
}

#[test]
fn an_accept_that_was_dropped_has_taken_nothing() {
    under_both_orders(async |runtime| {
        let mut listener = runtime.listen(ADDRESS);
        assert!(waits(&runtime, &mut Box::pin(listener.accept())).await);
        let client = connect(&runtime).await.unwrap();
        listener.accept().await;
        drop(client);
    });
}

#[test]
fn a_connection_without_a_listener_is_refused() {
    under_both_orders(async |runtime| {
        let refused = async || connect(&runtime).await.err().map(|error| error.kind());
        assert_eq!(refused().await, Some(ConnectionRefused));
        let listener = runtime.listen(ADDRESS);
        let mut waiting = connect(&runtime).await.unwrap();
        drop(listener);
        assert_eq!(refused().await, Some(ConnectionRefused));
        // The connection that was never accepted ends.
        assert_eq!(waiting.read(&mut [0]).await.unwrap(), 0);
        let again = runtime.listen(ADDRESS);
        assert_eq!(refused().await, None);
        drop(again);

        // Each runtime has a network of its own.
        let other = MockRuntime::new();
        let _listener = other.listen(ADDRESS);
        assert_eq!(refused().await, Some(ConnectionRefused));
        let unix = Address::Unix("/socket".into());
        let error = runtime.connect(&unix).await.err().unwrap();
        assert_eq!(error.kind(), Unsupported);
    });
}

#[test]
fn connections_beyond_the_backlog_are_refused() {
    under_both_orders(async |runtime| {
        let mut listener = runtime.listen(ADDRESS);
        let mut clients = Vec::new();
        for _ in 0..128 {
            clients.push(connect(&runtime).await.unwrap());
        }
        let error = connect(&runtime).await.err().unwrap();
        assert_eq!(error.kind(), ConnectionRefused);
        listener.accept().await;
        connect(&runtime).await.unwrap();
    });
}

#[test]
#[should_panic = "10.0.0.1:80 of this MockRuntime already has a listener"]
fn two_listeners_on_one_address_panic() {
    let runtime = MockRuntime::new();
    let _first = runtime.listen(ADDRESS);
    let _second = runtime.listen(ADDRESS);
}

#[test]
fn a_writer_waits_for_the_reader_while_the_buffer_is_full() {
    under_both_orders(async |runtime| {
        let (mut left, mut right) = duplex(4);
        assert_eq!(left.write(b"hello").await.unwrap(), 4);
        let mut more = Box::pin(left.write(b"o"));
        assert!(waits(&runtime, &mut more).await);
        // Each direction has a buffer of its own.
        right.write_all(b"back").await.unwrap();
        assert!(waits(&runtime, &mut more).await);
        let mut text = [0; 4];
        let (written, _) = join(more, right.read_exact(&mut text)).await;
        assert_eq!((written.unwrap(), &text), (1, b"hell"));

        // Another task writes much more data than the buffer holds.
        let data: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let sent = data.clone();
        let writer = spawn(&runtime, async move {
            left.write_all(&sent).await.unwrap();
        });
        let mut received = Vec::new();
        right.read_to_end(&mut received).await.unwrap();
        writer.await;
        assert_eq!(received.split_first(), Some((&b'o', &data[..])));
    });
}

#[test]
fn a_reader_waits_for_the_writer() {
    under_both_orders(async |runtime| {
        let (mut left, mut right) = duplex(0);
        let mut byte = [0];
        let mut read = right.read(&mut byte);
        assert!(waits(&runtime, &mut read).await);
        let (read, written) = join(read, left.write(b"ab")).await;
        assert_eq!((read.unwrap(), written.unwrap()), (1, 1));
        assert_eq!(&byte, b"a");
        assert_eq!(
            right.read(&mut []).await.unwrap(),
            0,
            "a read into an empty buffer does not wait"
        );
    });
}

#[test]
fn closing_ends_one_direction_after_what_was_written() {
    under_both_orders(async |runtime| {
        let (mut left, mut right) = duplex(64);
        left.write_all(b"last").await.unwrap();
        left.close().await.unwrap();
        left.flush().await.unwrap();
        let error = left.write(b"more").await.unwrap_err();
        assert_eq!(error.kind(), BrokenPipe);
        assert_eq!(read_all(&mut right).await, "last");
        right.write_all(b"still heard").await.unwrap();
        let reader = spawn(&runtime, async move { read_all(&mut left).await });
        // The reader is waiting, and has to be woken.
        runtime.sleep(Duration::ZERO).await;
        right.close().await.unwrap();
        assert_eq!(reader.await, "still heard");
    });
}

#[test]
fn dropping_an_end_ends_both_directions() {
    under_both_orders(async |runtime| {
        let (mut left, mut right) = duplex(4);
        left.write_all(b"last").await.unwrap();
        right.write_all(b"lost").await.unwrap();
        let writer = spawn(&runtime, async move {
            let error = right.write_all(b"!").await.unwrap_err();
            (right, error.kind())
        });
        runtime.sleep(Duration::ZERO).await;
        drop(left);
        let (mut right, error) = writer.await;
        assert_eq!(error, BrokenPipe);
        assert_eq!(right.write(b"?").await.unwrap_err().kind(), BrokenPipe);
        assert_eq!(read_all(&mut right).await, "last");

        let (left, mut right) = duplex(4);
        let reader = spawn(&runtime, async move { read_all(&mut right).await });
        runtime.sleep(Duration::ZERO).await;
        drop(left);
        assert_eq!(reader.await, "");
    });
}

#[test]
fn the_chunk_size_limits_each_read() {
    under_both_orders(async |_| {
        let (mut left, mut right): (MemoryStream, _) = duplex(64);
        left.write_all(b"hello").await.unwrap();
        let mut buffer = [0; 64];
        let mut read = async |chunk| {
            right.set_chunk(chunk);
            right.read(&mut buffer).await.unwrap()
        };
        assert_eq!(read(2).await, 2);
        assert_eq!(read(0).await, 1);
        assert_eq!(read(64).await, 2);
    });
}

#[test]
fn two_tasks_may_share_one_end() {
    under_both_orders(async |runtime| {
        let (left, right) = duplex(3);
        let (mut reader, mut writer) = left.split();
        let sent = spawn(&runtime, async move {
            writer.write_all(b"there and ").await.unwrap();
            writer.close().await.unwrap();
        });
        let echo = spawn(&runtime, async move {
            let (reader, mut writer) = right.split();
            futures::io::copy(reader, &mut writer).await.unwrap();
            writer.write_all(b"back").await.unwrap();
            writer.close().await.unwrap();
        });
        let text = read_all(&mut reader).await;
        join(sent, echo).await;
        assert_eq!(text, "there and back");
    });
}

/// The client's half of the mock transport.
struct Client {
    runtime: Arc<dyn Runtime>,
    transport: Arc<MockTransport>,
}

impl Client {
    fn new(runtime: &MockRuntime) -> (Self, MockEnd) {
        let (transport, server) = MockTransport::new("mock");
        let client = Self {
            runtime: Arc::new(runtime.clone()),
            transport: Arc::new(transport),
        };
        (client, server)
    }

    /// A call of `open`, which begins with its first poll.
    fn open(&self, sid: Option<&str>) -> BoxFuture<'static, Result<Link, Error>> {
        let (runtime, transport) = (Arc::clone(&self.runtime), Arc::clone(&self.transport));
        let url = "http://localhost/engine.io/".parse().unwrap();
        let mut request = OpenRequest::new("mock", url, Activity::new(Arc::clone(&runtime)));
        request.sid = sid.map(String::from);
        Box::pin(async move { transport.open(&runtime, request).await })
    }
}

async fn linked(runtime: &MockRuntime) -> (Link, MockLink) {
    let (client, mut server) = Client::new(runtime);
    let script = async { server.opened().await.accept(Framing::Payloads) };
    let (link, script) = join(client.open(None), script).await;
    (link.unwrap(), script)
}

fn message(text: &str) -> Vec<Packet> {
    vec![Packet::Message(text.into())]
}

fn error(kind: ErrorKind) -> Error {
    Error::new(kind, "as the script says")
}

#[test]
fn the_script_sees_what_is_asked_for_and_accepts() {
    under_both_orders(async |runtime| {
        let (client, mut server) = Client::new(&runtime);
        assert_eq!(client.transport.name(), "mock");
        assert_eq!(client.transport.names(), ["mock"]);
        let mut opened = Box::pin(server.opened());
        let call = client.open(Some("abc"));
        assert!(
            waits(&runtime, &mut opened).await,
            "`open` was not polled yet"
        );
        let call = spawn(&runtime, call);
        let open = opened.await;
        assert_eq!(open.request.sid.as_deref(), Some("abc"));
        assert!(!open.is_dropped());
        assert!(waits(&runtime, &mut Box::pin(open.dropped())).await);
        let script = open.accept(Framing::Payloads);
        assert_eq!(script.request().sid.as_deref(), Some("abc"));
        assert_eq!(call.await.unwrap().framing, Framing::Payloads);
    });
}

#[test]
fn the_script_refuses() {
    under_both_orders(async |runtime| {
        let (client, mut server) = Client::new(&runtime);
        let script = async { server.opened().await.refuse(error(ErrorKind::Tls)) };
        let (link, ()) = join(client.open(None), script).await;
        assert_eq!(link.unwrap_err().kind(), ErrorKind::Tls);
    });
}

#[test]
fn an_open_without_an_answer_waits_for_ever() {
    under_both_orders(async |runtime| {
        let (client, mut server) = Client::new(&runtime);
        let mut call = client.open(None);
        assert!(waits(&runtime, &mut call).await);
        drop(server.opened().await);
        runtime.sleep(Duration::from_secs(3600)).await;
        assert!(waits(&runtime, &mut call).await);
    });
}

#[test]
fn the_script_sees_that_an_open_was_dropped() {
    under_both_orders(async |runtime| {
        let (client, mut server) = Client::new(&runtime);
        for waiting in [true, false] {
            let mut call = client.open(None);
            assert!(waits(&runtime, &mut call).await);
            let open = server.opened().await;
            if waiting {
                let dropper = async {
                    runtime.sleep(Duration::from_secs(1)).await;
                    drop(call);
                };
                join(open.dropped(), dropper).await;
            } else {
                drop(call);
            }
            open.dropped().await;
            assert!(open.is_dropped());
            // Accepting the dropped call returns a link that the client has already dropped.
            let mut script = open.accept(Framing::Frames);
            assert!(script.is_dropped());
            assert!(matches!(script.call().await, Call::Dropped));
        }
        // The call is dropped after the answer, and before the client has taken it.
        let mut call = client.open(None);
        assert!(waits(&runtime, &mut call).await);
        let script = server.opened().await.accept(Framing::Frames);
        assert!(!script.is_dropped());
        drop(call);
        script.dropped().await;
    });
}

#[test]
fn links_open_one_after_another_and_at_once() {
    under_both_orders(async |runtime| {
        let (client, mut server) = Client::new(&runtime);
        let calls = spawn(
            &runtime,
            join3(
                client.open(Some("1")),
                client.open(Some("2")),
                client.open(Some("3")),
            ),
        );
        let (one, two) = (server.opened().await, server.opened().await);
        let three = server.opened().await;
        for (open, sid) in [(&one, "1"), (&two, "2"), (&three, "3")] {
            assert_eq!(open.request.sid.as_deref(), Some(sid));
        }
        let third = three.accept(Framing::Frames);
        two.refuse(error(ErrorKind::Connect));
        let first = one.accept(Framing::Payloads);
        first.deliver(message("first"));
        third.deliver(message("third"));
        let (one, two, three) = calls.await;
        let (mut one, mut three) = (one.unwrap(), three.unwrap());
        assert!(two.is_err());
        assert_eq!(one.receiver.recv().await.unwrap(), message("first"));
        assert_eq!(three.receiver.recv().await.unwrap(), message("third"));
        drop(one);
        assert!(first.is_dropped() && !third.is_dropped());

        for _ in 0..2 {
            let script = async { server.opened().await.accept(Framing::Frames) };
            let (link, script) = join(client.open(None), script).await;
            script.deliver(message("again"));
            let packets = link.unwrap().receiver.recv().await.unwrap();
            assert_eq!(packets, message("again"));
        }
    });
}

#[test]
fn without_a_server_opening_is_refused() {
    under_both_orders(async |runtime| {
        let (client, server) = Client::new(&runtime);
        let mut call = client.open(None);
        assert!(waits(&runtime, &mut call).await);
        drop(server);
        assert_eq!(call.await.unwrap_err().kind(), ErrorKind::Connect);
        let error = client.open(None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
    });
}

#[test]
fn a_send_waits_until_the_script_answers() {
    under_both_orders(async |runtime| {
        let (mut link, mut script) = linked(&runtime).await;
        for succeeds in [true, false] {
            let mut send = link.sender.send(message("hello").into());
            assert!(
                script.call().now_or_never().is_none(),
                "`send` was not polled yet"
            );
            assert!(waits(&runtime, &mut send).await);
            let Call::Send(batch, answer) = script.call().await else {
                panic!("no batch");
            };
            assert_eq!(batch, message("hello"));
            runtime.sleep(Duration::from_secs(3600)).await;
            assert!(waits(&runtime, &mut send).await);
            if succeeds {
                answer.ok();
                send.await.unwrap();
            } else {
                answer.fail(error(ErrorKind::Status));
                assert_eq!(send.await.unwrap_err().kind(), ErrorKind::Status);
            }
        }
    });
}

#[test]
fn an_answer_wakes_the_call_that_waits_in_another_task() {
    under_both_orders(async |runtime| {
        let (mut link, mut script) = linked(&runtime).await;
        let client = spawn(&runtime, async move {
            // The task must own the whole link. Without this line, the closure would capture only its
            // sender.
            let link = &mut link;
            link.sender.send(message("1").into()).await.unwrap();
            let failed = link.sender.send(message("2").into()).await;
            assert_eq!(failed.unwrap_err().kind(), ErrorKind::Other);
            link.sender.close().await.unwrap();
        });
        for answer in [Ok(()), Err(error(ErrorKind::Other))] {
            let Call::Send(_, held) = script.call().await else {
                panic!("no batch");
            };
            runtime.sleep(Duration::from_secs(1)).await;
            match answer {
                Ok(()) => held.ok(),
                Err(error) => held.fail(error),
            }
        }
        let Call::Close(answer) = script.call().await else {
            panic!("no goodbye");
        };
        runtime.sleep(Duration::from_secs(1)).await;
        assert!(!script.is_dropped());
        answer.ok();
        client.await;
        assert!(matches!(script.call().await, Call::Dropped));
        assert!(matches!(script.call().await, Call::Dropped), "each call");
    });
}

#[test]
fn a_call_without_an_answer_waits_for_ever() {
    under_both_orders(async |runtime| {
        let (mut link, mut script) = linked(&runtime).await;
        let mut close = link.sender.close();
        assert!(waits(&runtime, &mut close).await);
        drop(script.call().await);
        runtime.sleep(Duration::from_secs(3600)).await;
        assert!(waits(&runtime, &mut close).await);
    });
}

#[test]
fn sent_takes_a_batch_and_nothing_else() {
    under_both_orders(async |runtime| {
        let (mut link, mut script) = linked(&runtime).await;
        let (sent, batch) = join(link.sender.send(message("x").into()), script.sent()).await;
        sent.unwrap();
        assert_eq!(batch, message("x"));
        let mut close = link.sender.close();
        assert!(waits(&runtime, &mut close).await);
        let sent = AssertUnwindSafe(script.sent()).catch_unwind().await;
        let text = sent.unwrap_err().downcast::<String>().unwrap();
        assert!(text.contains("Close"), "{text}");
    });
}

#[test]
fn one_recv_returns_one_delivery_in_order() {
    under_both_orders(async |runtime| {
        let (mut link, script) = linked(&runtime).await;
        let both = vec![Packet::Noop, Packet::Ping("".into())];
        script.deliver(message("1"));
        script.deliver(both.clone());
        script.fail_recv(error(ErrorKind::Protocol));
        script.deliver(message("2"));
        assert_eq!(link.receiver.recv().await.unwrap(), message("1"));
        assert_eq!(link.receiver.recv().await.unwrap(), both);
        let failed = link.receiver.recv().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Protocol);
        assert_eq!(link.receiver.recv().await.unwrap(), message("2"));
        assert!(waits(&runtime, &mut link.receiver.recv()).await);
        assert_eq!(script.recv_calls(), 5);
    });
}

#[test]
fn a_recv_that_waits_is_woken_by_packets_and_by_failure() {
    under_both_orders(async |runtime| {
        let (mut link, mut script) = linked(&runtime).await;
        let client = spawn(&runtime, async move {
            assert_eq!(link.receiver.recv().await.unwrap(), message("late"));
            let failed = link.receiver.recv().await.unwrap_err();
            assert_eq!(failed.kind(), ErrorKind::Ended);
        });
        runtime.sleep(Duration::from_secs(1)).await;
        script.deliver(message("late"));
        script.receiving().await;
        script.fail_recv(error(ErrorKind::Ended));
        client.await;
    });
}

#[test]
fn receiving_is_true_while_a_recv_waits_for_a_delivery() {
    under_both_orders(async |runtime| {
        let (mut link, mut script) = linked(&runtime).await;
        assert_eq!(script.recv_calls(), 0);
        assert!(waits(&runtime, &mut Box::pin(script.receiving())).await);

        let mut recv = link.receiver.recv();
        assert_eq!(script.recv_calls(), 0, "`recv` was not polled yet");
        assert!(waits(&runtime, &mut recv).await);
        assert_eq!(script.recv_calls(), 1);
        script.receiving().await;
        script.receiving().await;
        // With this delivery the call of `recv` can return, so it is no longer waiting.
        script.deliver(message("1"));
        assert!(script.receiving().now_or_never().is_none());
        recv.await.unwrap();
        assert!(script.receiving().now_or_never().is_none());

        // A call that finds a delivery does not wait.
        script.deliver(message("2"));
        link.receiver.recv().await.unwrap();
        assert!(script.receiving().now_or_never().is_none());
        assert_eq!(script.recv_calls(), 2);

        // `receiving` is woken when a call of `recv` begins.
        let client = spawn(&runtime, {
            let sleep = runtime.sleep(Duration::from_secs(1));
            async move {
                sleep.await;
                link.receiver.recv().await.unwrap()
            }
        });
        script.receiving().await;
        assert_eq!(runtime.now(), Duration::from_secs(1));
        script.deliver(message("3"));
        assert_eq!(client.await, message("3"));
    });
}

#[test]
fn a_recv_that_was_dropped_does_not_run() {
    under_both_orders(async |runtime| {
        let (mut link, mut script) = linked(&runtime).await;
        assert!(waits(&runtime, &mut link.receiver.recv()).await);
        assert!(script.receiving().now_or_never().is_none());
        script.deliver(message("kept"));
        assert_eq!(link.receiver.recv().await.unwrap(), message("kept"));
    });
}

#[test]
fn the_script_chooses_what_a_link_confirms_and_answers_its_fences() {
    under_both_orders(async |runtime| {
        let (client, mut server) = Client::new(&runtime);
        for confirms in [Confirms::ByPoll, Confirms::Never] {
            let script = async {
                let open = server.opened().await.confirms(confirms);
                open.accept(Framing::Frames)
            };
            let (link, _script) = join(client.open(None), script).await;
            assert_eq!(link.unwrap().sender.confirms(), confirms);
        }
        let (link, _script) = linked(&runtime).await;
        assert_eq!(link.sender.confirms(), Confirms::Never, "the default");
        let script = async {
            let open = server.opened().await.confirms(Confirms::ByFence);
            open.accept(Framing::Frames)
        };
        let (link, mut script) = join(client.open(None), script).await;
        let mut link = link.unwrap();
        assert_eq!(link.sender.confirms(), Confirms::ByFence);
        let [first, second] = [1, 2].map(|number| Fence::from_bytes(&[number; 16]).unwrap());
        let batch = Batch::from(message("a")).with_fence(first);
        let (sent, seen) = join(link.sender.send(batch), script.sent()).await;
        sent.unwrap();
        assert_eq!(seen, message("a"));
        assert_eq!(seen.fence(), Some(&first));

        script.answer_fence(first);
        script.deliver(message("b"));
        script.answer_fence_with(second, message("c"));
        for (packets, answered) in [
            (Vec::new(), Some(first)),
            (message("b"), None),
            (message("c"), Some(second)),
        ] {
            assert_eq!(link.receiver.recv().await.unwrap(), packets);
            assert_eq!(link.receiver.answered_fence(), answered);
            assert_eq!(
                link.receiver.answered_fence(),
                None,
                "the fence is reported twice"
            );
        }
        // If the script answers two fences before the client asks, only the newest answer is reported.
        script.answer_fence(first);
        script.answer_fence(second);
        script.deliver(message("d"));
        for _ in 0..3 {
            link.receiver.recv().await.unwrap();
        }
        assert_eq!(link.receiver.answered_fence(), Some(second));
        assert!(waits(&runtime, &mut link.receiver.recv()).await);
    });
}

#[test]
fn both_halves_run_at_once() {
    under_both_orders(async |runtime| {
        let (mut link, mut script) = linked(&runtime).await;
        let script = async {
            script.receiving().await;
            assert_eq!(script.sent().await, message("up"));
            script.deliver(message("down"));
        };
        let calls = join(link.receiver.recv(), link.sender.send(message("up").into()));
        let ((received, sent), ()) = join(calls, script).await;
        sent.unwrap();
        assert_eq!(received.unwrap(), message("down"));
    });
}

#[test]
fn the_client_and_the_script_may_wait_in_tasks_of_their_own() {
    under_both_orders(async |runtime| {
        let (link, mut script) = linked(&runtime).await;
        let (mut sender, mut receiver) = (link.sender, link.receiver);
        let recv = spawn(&runtime, async move { receiver.recv().await.unwrap() });
        runtime.sleep(Duration::ZERO).await;
        // The receiver waits first, and the script decides what happens next.
        let echo = spawn(&runtime, async move {
            let batch = script.sent().await;
            script.deliver(batch.to_vec());
            script.dropped().await;
        });
        runtime.sleep(Duration::ZERO).await;
        sender.send(message("hello").into()).await.unwrap();
        assert_eq!(recv.await, message("hello"));
        drop(sender);
        echo.await;
    });
}

#[test]
fn a_link_is_dropped_when_both_its_halves_are() {
    under_both_orders(async |runtime| {
        for sender_first in [true, false] {
            let (link, mut script) = linked(&runtime).await;
            let (sender, receiver) = (link.sender, link.receiver);
            assert!(script.call().now_or_never().is_none());
            let halves: [Box<dyn Send>; 2] = if sender_first {
                [Box::new(sender), Box::new(receiver)]
            } else {
                [Box::new(receiver), Box::new(sender)]
            };
            let [first, second] = halves;
            drop(first);
            assert!(!script.is_dropped());
            assert!(script.call().now_or_never().is_none());
            let dropper = spawn(&runtime, {
                let sleep = runtime.sleep(Duration::from_secs(1));
                async move {
                    sleep.await;
                    drop(second);
                }
            });
            script.dropped().await;
            assert!(script.is_dropped());
            assert!(matches!(script.call().await, Call::Dropped));
            dropper.await;
            // A delivery to a dropped link does nothing.
            script.deliver(message("nobody"));
        }
    });
}

#[test]
fn a_call_that_was_made_before_the_drop_is_seen_before_it() {
    under_both_orders(async |runtime| {
        let (mut link, mut script) = linked(&runtime).await;
        assert!(waits(&runtime, &mut link.sender.send(message("x").into())).await);
        drop(link);
        let Call::Send(batch, answer) = script.call().await else {
            panic!("no batch");
        };
        assert_eq!(batch, message("x"));
        answer.ok();
        assert!(matches!(script.call().await, Call::Dropped));
    });
}

#[test]
fn a_link_fails_when_its_script_drops_it() {
    under_both_orders(async |runtime| {
        let (link, mut script) = linked(&runtime).await;
        let (mut sender, mut receiver) = (link.sender, link.receiver);
        let mut held = sender.send(message("held").into());
        assert!(waits(&runtime, &mut held).await);
        let Call::Send(_, answer) = script.call().await else {
            panic!("no batch");
        };
        let recv = spawn(&runtime, async move {
            assert_eq!(receiver.recv().await.unwrap(), message("last"));
            receiver.recv().await.unwrap_err().kind()
        });
        runtime.sleep(Duration::ZERO).await;
        script.deliver(message("last"));
        drop(script);
        assert_eq!(recv.await, ErrorKind::Ended);
        assert!(waits(&runtime, &mut held).await, "the answer is still held");
        answer.ok();
        held.await.unwrap();
        let failed = sender.send(message("late").into()).await;
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Ended);
        assert_eq!(sender.close().await.unwrap_err().kind(), ErrorKind::Ended);

        // When the script is dropped, a call that the script has not seen yet fails, too.
        let (mut link, script) = linked(&runtime).await;
        let mut unseen = link.sender.close();
        assert!(waits(&runtime, &mut unseen).await);
        drop(script);
        assert_eq!(unseen.await.unwrap_err().kind(), ErrorKind::Ended);
    });
}

#[test]
fn a_deadlock_is_reported_instead_of_busy_waiting() {
    for order in [Order::FirstInFirstOut, Order::LastInFirstOut] {
        let runtime = MockRuntime::with_order(order).with_poll_limit(100);
        let stuck = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                let (mut link, mut script) = linked(&runtime).await;
                let (call, dropped) = (Box::pin(script.call()), poll_fn(|_| Poll::<()>::Pending));
                let _ = join3(call, link.receiver.recv(), dropped).await;
            });
        }));
        let text = stuck.unwrap_err().downcast::<String>().unwrap();
        assert!(text.starts_with("deadlock"), "{text}");
    }
}

#[test]
fn m1_a_test_that_waits_for_a_message_fails_after_a_day_of_virtual_time_despite_pings() {
    let test = async |runtime: MockRuntime| {
        let (transport, mut end) = MockTransport::new("websocket");
        let builder = Builder::new("http://localhost/", transport, runtime.clone());
        let mut client = builder.start().unwrap();
        let link = end.opened().await.accept(Framing::Frames);
        let open = r#"{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
        link.deliver(vec![Packet::Open(open.into())]);
        let clock = runtime.clone();
        runtime.spawn_named("script", async move {
            let mut link = link;
            loop {
                clock.sleep(Duration::from_secs(25)).await;
                link.deliver(vec![Packet::Ping("".into())]);
                assert_eq!(link.sent().await, [Packet::Pong("".into())]);
            }
        });
        client.recv().await;
    };
    let panic = catch_unwind(AssertUnwindSafe(|| MockRuntime::check(test)));
    let text = *panic.unwrap_err().downcast::<String>().unwrap();
    for part in [
        "not ended within 86400s of virtual time",
        "\n  the future of block_on, since ",
        "\n  task \"script\", spawned at tests/mock_kit.rs:",
        ", since 86400s: waits for a timer at 86425s",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

#[test]
fn scripts_run_on_other_executors_and_threads() {
    let runtime = MockRuntime::new();
    let (client, mut server) = Client::new(&runtime);
    let script = std::thread::spawn(move || {
        park_on(async {
            let mut link = server.opened().await.accept(Framing::Frames);
            for _ in 0..1000 {
                let batch = link.sent().await;
                link.receiving().await;
                link.deliver(batch.to_vec());
            }
            link.dropped().await;
        });
    });
    park_on(async {
        let mut link = client.open(None).await.unwrap();
        for n in 0..1000 {
            let packets = message(&n.to_string());
            link.sender.send(packets.clone().into()).await.unwrap();
            assert_eq!(link.receiver.recv().await.unwrap(), packets);
        }
    });
    script.join().unwrap();
}

/// A minimal executor, which parks its thread.
fn park_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut cx = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
