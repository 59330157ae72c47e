//! Those who send: whoever is not being polled holds nobody up, and everybody is served in turn.
//! (`lib::client::test_model` has whatever else may happen between users and links.)

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use async_trait::async_trait;
use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::{Capacity, Handle, SinkError};
use futures::future::{BoxFuture, join_all, poll_fn};
use futures::{Sink, StreamExt as _};

use super::*;

/// What a future gives if it is ready before this time.
async fn timeout<F: Future>(runtime: &MockRuntime, seconds: u64, future: F) -> Option<F::Output> {
    let future = std::pin::pin!(future);
    match select(future, runtime.sleep(Duration::from_secs(seconds))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// An outbox of one message, which is full.
async fn full(runtime: &MockRuntime) -> (MockClient, MockLink) {
    let (client, link) = websocket_with(runtime, |builder| {
        builder.outbox(Capacity {
            messages: 1,
            bytes: 1000,
        })
    })
    .await;
    client.try_send("full").unwrap();
    (client, link)
}

/// The server takes the message that filled the outbox; then others can send.
async fn the_others_can_send(client: &MockClient, mut link: MockLink, runtime: &MockRuntime) {
    link.sent().await;
    settle(runtime).await;
    let handle = client.handle();
    let both = join(handle.send("one"), async {
        link.sent().await;
    });
    let (sent, ()) = timeout(runtime, 1, both).await.expect("it waits for ever");
    sent.unwrap();
    settle(runtime).await;
    client.try_send("two").unwrap();
}

#[test]
fn s1_a_send_of_the_sink_that_is_given_up_holds_nobody_up() {
    under_all_orders(async |runtime| {
        let (mut client, link) = full(&runtime).await;
        let send = SinkExt::send(&mut client, Message::from("given up"));
        assert!(timeout(&runtime, 1, send).await.is_none());
        the_others_can_send(&client, link, &runtime).await;
    });
}

#[test]
fn s1_a_feed_of_the_sink_that_is_given_up_holds_nobody_up() {
    under_all_orders(async |runtime| {
        let (mut client, link) = full(&runtime).await;
        let feed = client.feed(Message::from("given up"));
        assert!(timeout(&runtime, 1, feed).await.is_none());
        the_others_can_send(&client, link, &runtime).await;
    });
}

#[test]
fn s1_a_writer_that_is_aborted_holds_nobody_up() {
    under_all_orders(async |runtime| {
        let (client, link) = full(&runtime).await;
        let handle = client.handle();
        let (mut sink, stream) = client.split();
        let feed = async move {
            // The half keeps the first itself.
            let _ = sink.feed(Message::from("given up")).await;
            let _ = sink.feed(Message::from("given up")).await;
            sink
        };
        let (writer, aborted) = futures::future::abortable(feed);
        let writer = spawn(&runtime, writer);
        settle(&runtime).await;
        aborted.abort();
        assert!(writer.await.is_err());
        let mut link = link;
        link.sent().await;
        settle(&runtime).await;
        let both = join(handle.send("one"), async {
            link.sent().await;
        });
        let (sent, ()) = timeout(&runtime, 1, both).await.expect("it waits for ever");
        sent.unwrap();
        drop(stream);
    });
}

#[test]
fn s2_a_send_that_is_left_alone_holds_the_room_for_its_own_message_and_no_more() {
    under_all_orders(async |runtime| {
        let (client, mut link) = websocket_with(&runtime, |builder| {
            builder.outbox(Capacity {
                messages: 2,
                bytes: 1000,
            })
        })
        .await;
        client.try_send("full").unwrap();
        client.try_send("full").unwrap();
        let mut alone = Box::pin(client.send("alone"));
        assert!(waits(&runtime, &mut alone).await);
        let mut forgotten = Box::pin(client.send("forgotten"));
        assert!(waits(&runtime, &mut forgotten).await);
        drop(forgotten);
        link.sent().await;
        for number in 0..10 {
            let both = join(client.send(format!("{number}")), async {
                link.sent().await;
            });
            let (sent, ()) = timeout(&runtime, 1, both).await.expect("it waits for ever");
            sent.unwrap();
            settle(&runtime).await;
        }
        client.try_send("a").unwrap();
        let refused = client.try_send("b").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Full, "its room is its own");
        alone.await.unwrap();
        assert_eq!(link.sent().await, [text("a"), text("alone")]);
    });
}

#[test]
fn s2_a_send_that_is_forgotten_takes_no_place_in_the_queue() {
    under_all_orders(async |runtime| {
        let (client, mut link) = websocket_with(&runtime, |builder| {
            builder.outbox(Capacity {
                messages: 2,
                bytes: 1000,
            })
        })
        .await;
        client.try_send("full").unwrap();
        client.try_send("full").unwrap();
        let handle: &'static Handle = Box::leak(Box::new(client.handle()));
        let mut forgotten: Pin<Box<dyn Future<Output = _>>> = Box::pin(handle.send("forgotten"));
        assert!(waits(&runtime, &mut forgotten).await);
        std::mem::forget(forgotten);
        link.sent().await;
        let both = join(client.send("sent"), async {
            link.sent().await;
        });
        let (sent, ()) = timeout(&runtime, 1, both).await.expect("it waits for ever");
        sent.unwrap();
    });
}

/// A runtime of which the test is the executor and the clock. It looks at its sockets at once.
#[derive(Default)]
struct Manual {
    seconds: AtomicU64,
    task: Mutex<Option<BoxFuture<'static, ()>>>,
}

#[async_trait]
impl Runtime for Manual {
    fn now(&self) -> Duration {
        Duration::from_secs(self.seconds.load(Ordering::SeqCst))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        if duration.is_zero() {
            return futures::future::ready(()).boxed();
        }
        futures::future::pending().boxed()
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        *self.task.lock().unwrap() = Some(task);
    }

    fn random(&self) -> u64 {
        0
    }

    async fn resolve(&self, _: &str, _: u16) -> std::io::Result<Vec<std::net::SocketAddr>> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    async fn connect(&self, _: &Address) -> std::io::Result<BoxedStream> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

/// On one thread the time of the heartbeat is up, while a message is sent and the session closed on
/// another. Where the two meet in the driver's turn differs from run to run.
#[test]
fn s3_what_is_accepted_between_a_deadline_and_the_end_is_accounted_for() {
    for run in 0..5_000_u32 {
        let (websocket, mut server) = MockTransport::new("websocket");
        let transports = Transports::new().with(websocket);
        let builder = Builder::new("http://localhost/", transports, Manual::default());
        let client = builder.start().unwrap();
        let runtime = Arc::clone(client.runtime());
        let mut driver = runtime.task.lock().unwrap().take().unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(driver.as_mut().poll(&mut cx).is_pending());
        let open = server.opened().now_or_never().unwrap();
        let link = open.accept(Framing::Frames);
        link.deliver(vec![Packet::Open(OPEN.into())]);
        assert!(driver.as_mut().poll(&mut cx).is_pending());
        client.opened().now_or_never().unwrap().unwrap();

        runtime.seconds.store(46, Ordering::SeqCst);
        let handle = client.handle();
        let go = AtomicBool::new(false);
        let accepted = std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                while !go.load(Ordering::Acquire) {
                    std::hint::spin_loop();
                }
                for _ in 0..run % 100 {
                    std::hint::spin_loop();
                }
                let accepted = handle.try_send("accepted").is_ok();
                handle.close();
                accepted
            });
            go.store(true, Ordering::Release);
            while driver.as_mut().poll(&mut cx).is_pending() {}
            other.join().unwrap()
        });
        let closed = client.wait().now_or_never().unwrap();
        let told = closed.uncertain().len() + closed.unsent().len();
        assert_eq!(told, usize::from(accepted), "in run {run}: {closed:?}");
    }
}

async fn poll_ready(handle: &mut Handle) -> bool {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *handle).poll_ready(cx).is_ready())).await
}

#[test]
fn s4_handles_that_are_told_to_be_ready_exceed_the_outbox_by_a_message_each_at_most() {
    let runtime = MockRuntime::new();
    runtime.block_on(async {
        let (client, mut link) = websocket_with(&runtime, |builder| {
            builder.outbox(Capacity {
                messages: 1,
                bytes: 10,
            })
        })
        .await;
        let mut handles: Vec<Handle> = (0..1000).map(|_| client.handle()).collect();
        let mut told = Vec::new();
        for (at, handle) in handles.iter_mut().enumerate() {
            if poll_ready(handle).await {
                told.push(at);
            }
        }
        assert_eq!(told, [0], "there is room for one");
        for (at, handle) in handles.iter_mut().enumerate() {
            let sent = Pin::new(handle).start_send(Message::from("x".repeat(100_000)));
            assert_eq!(sent.is_ok(), at == 0);
        }
        drop(handles);
        assert_eq!(link.sent().await.len(), 1);

        // They are told one after the other, since nobody uses the room; and may use it late.
        settle(&runtime).await;
        let mut told = Vec::new();
        for _ in 0..3 {
            let mut handle = client.handle();
            let ready = poll_fn(|cx| Pin::new(&mut handle).poll_ready(cx));
            ready.await.unwrap();
            told.push(handle);
        }
        for handle in &mut told {
            let sent = Pin::new(handle).start_send(Message::from("late"));
            sent.unwrap();
        }
        assert_eq!(client.try_send("x").unwrap_err().kind(), ErrorKind::Full);
        let mut sent = 0;
        while sent < 3 {
            sent += link.sent().await.len();
        }
        assert_eq!(sent, 3);
    });
}

#[test]
fn s4_a_promise_that_nobody_contests_lasts() {
    under_all_orders(async |runtime| {
        let (client, mut link) = websocket_with(&runtime, |builder| {
            builder.outbox(Capacity {
                messages: 2,
                bytes: 100,
            })
        })
        .await;
        let mut handle = client.handle();
        assert!(poll_ready(&mut handle).await);
        runtime.sleep(Duration::from_secs(20)).await;
        client.try_send("a").unwrap();
        let refused = client.try_send("b").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Full, "the room is promised");
        let sent = Pin::new(&mut handle).start_send(Message::from("c"));
        sent.unwrap();
        let mut sent = link.sent().await.to_vec();
        if sent.len() < 2 {
            sent.extend(link.sent().await.to_vec());
        }
        assert_eq!(sent, [text("a"), text("c")]);
        // And the room of one that is dropped is free again.
        settle(&runtime).await;
        let mut handle = client.handle();
        assert!(poll_ready(&mut handle).await);
        client.try_send("a").unwrap();
        client.try_send("b").unwrap_err();
        drop(handle);
        client.try_send("b").unwrap();
    });
}

#[test]
fn s5_a_flush_of_the_sink_covers_what_was_sent_after_one_that_was_given_up() {
    under_all_orders(async |runtime| {
        for by_another in [false, true] {
            for a_leaves_first in [false, true] {
                let (client, mut link) = polling(&runtime).await;
                let mut sink = client.handle();
                sink.feed(Message::from("a")).await.unwrap();
                assert!(waits(&runtime, &mut SinkExt::flush(&mut sink)).await);
                if a_leaves_first {
                    link.sent().await;
                    settle(&runtime).await;
                }
                if by_another {
                    client.send("b").await.unwrap();
                } else {
                    sink.send("b").await.unwrap();
                }
                let mut flush = SinkExt::flush(&mut sink);
                assert!(waits(&runtime, &mut flush).await, "b has not left");
                if !a_leaves_first {
                    link.sent().await;
                    assert!(waits(&runtime, &mut flush).await, "b has not left");
                }
                link.sent().await;
                flush.await.unwrap();
            }
        }
    });
}

#[test]
fn s5_a_flush_of_the_sink_comes_to_its_end_however_much_others_send() {
    under_all_orders(async |runtime| {
        let (client, mut link) = polling(&runtime).await;
        let mut sink = client.handle();
        sink.feed(Message::from("a")).await.unwrap();
        let flood = async {
            loop {
                client.send("flood").await.unwrap();
                link.sent().await;
            }
        };
        let flush = SinkExt::flush(&mut sink);
        let flush = timeout(&runtime, 1, select(Box::pin(flood), flush)).await;
        assert!(matches!(flush, Some(Either::Right((Ok(()), _)))));
    });
}

/// A waker that counts.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn s6_each_pending_poll_of_a_sink_wakes_its_task() {
    under_all_orders(async |runtime| {
        let (builder, mut servers) = setup(&runtime);
        let client = builder.upgrade(false).start().unwrap();
        let mut handle = client.handle();
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);
        let mut sink = Pin::new(&mut handle);
        assert!(sink.as_mut().poll_ready(&mut cx).is_pending());
        // On the same task, and each with nothing to wait for or something else.
        assert!(sink.as_mut().poll_flush(&mut cx).is_ready());
        let link = servers.polling.opened().await.accept(Framing::Payloads);
        link.deliver(vec![Packet::Open(OPEN.into())]);
        client.opened().await.unwrap();
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1, "it may send now");
        assert!(sink.as_mut().poll_ready(&mut cx).is_ready());
        sink.as_mut().start_send("a".into()).unwrap();

        let of_flush = Arc::new(Wakes::default());
        let of_close = Arc::new(Wakes::default());
        let flushing = Waker::from(Arc::clone(&of_flush));
        let closing = Waker::from(Arc::clone(&of_close));
        let polled = sink
            .as_mut()
            .poll_flush(&mut Context::from_waker(&flushing));
        assert!(polled.is_pending());
        let polled = sink.as_mut().poll_close(&mut Context::from_waker(&closing));
        assert!(polled.is_pending());
        let server = spawn(&runtime, answer_all(link));
        client.wait().await;
        server.await;
        assert_eq!(of_flush.0.load(Ordering::SeqCst), 1);
        assert!(of_close.0.load(Ordering::SeqCst) >= 1);
        let polled = sink.poll_close(&mut Context::from_waker(&closing));
        assert!(matches!(polled, Poll::Ready(Ok(()))), "{polled:?}");
    });
}

/// Counts how often the tasks that it runs are polled: those are wake-ups.
#[derive(Clone)]
struct Counting {
    runtime: MockRuntime,
    polls: Arc<AtomicU64>,
}

#[async_trait]
impl Runtime for Counting {
    fn now(&self) -> Duration {
        self.runtime.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.runtime.sleep(duration)
    }

    fn spawn(&self, mut task: BoxFuture<'static, ()>) {
        let polls = Arc::clone(&self.polls);
        self.runtime.spawn(Box::pin(poll_fn(move |cx| {
            polls.fetch_add(1, Ordering::Relaxed);
            task.as_mut().poll(cx)
        })));
    }

    fn random(&self) -> u64 {
        Runtime::random(&self.runtime)
    }

    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<std::net::SocketAddr>> {
        self.runtime.resolve(host, port).await
    }

    async fn connect(&self, address: &Address) -> std::io::Result<BoxedStream> {
        self.runtime.connect(address).await
    }
}

/// How often tasks are woken, the driver's among them, until as many senders as this have each sent a
/// message through an outbox of 16.
fn wake_ups(senders: u64) -> u64 {
    let runtime = MockRuntime::new().with_poll_limit(100_000_000);
    let counting = Counting {
        runtime: runtime.clone(),
        polls: Arc::default(),
    };
    let polls = Arc::clone(&counting.polls);
    runtime.block_on(async {
        let (websocket, mut server) = MockTransport::new("websocket");
        let transports = Transports::new().with(websocket);
        let client = Builder::new("http://localhost/", transports, counting.clone())
            .outbox(Capacity {
                messages: 16,
                bytes: 1_000_000,
            })
            .start()
            .unwrap();
        let mut link = server.opened().await.accept(Framing::Frames);
        link.deliver(vec![Packet::Open(OPEN.into())]);
        client.opened().await.unwrap();
        let before = polls.load(Ordering::Relaxed);
        let tasks: Vec<_> = (0..senders)
            .map(|_| {
                let handle = client.handle();
                client.spawn(async move { handle.send("x").await.unwrap() })
            })
            .collect();
        let mut sent = 0;
        while sent < senders {
            sent += link.sent().await.len() as u64;
        }
        join_all(tasks).await;
        polls.load(Ordering::Relaxed) - before
    })
}

#[test]
fn s7_those_who_wait_are_woken_when_it_is_their_turn_alone() {
    for senders in [100, 8000] {
        let wake_ups = wake_ups(senders);
        println!("{senders} senders: {wake_ups} wake-ups");
        // The first poll of a sender, the one in which it sends, and the driver's.
        assert!(wake_ups <= 3 * senders, "{wake_ups} for {senders} senders");
    }
}

#[test]
fn s9_the_messages_of_a_group_stay_together_whoever_else_sends() {
    under_all_orders(async |runtime| {
        for framing in [Framing::Frames, Framing::Payloads] {
            let (client, mut link) = match framing {
                Framing::Frames => {
                    websocket_with(&runtime, |builder| {
                        builder.outbox(Capacity {
                            messages: 4,
                            bytes: 1000,
                        })
                    })
                    .await
                }
                Framing::Payloads => polling(&runtime).await,
            };
            let tasks: Vec<_> = (0..8)
                .map(|task| {
                    let handle = client.handle();
                    let runtime_of_task = runtime.clone();
                    client.spawn(async move {
                        let group =
                            ["text", "first", "second"].map(|part| format!("{part} {task}"));
                        if task % 4 == 3 {
                            // Given up at once: none of it is sent, or all of it is.
                            let sending = handle.send_all(group);
                            let sent = timeout(&runtime_of_task, 0, sending).await;
                            return sent.is_some();
                        }
                        handle.send_all(group).await.unwrap();
                        true
                    })
                })
                .collect();
            let mut tasks = Box::pin(join_all(tasks));
            let mut sent: Vec<String> = Vec::new();
            let accepted = loop {
                match select(Box::pin(link.sent()), &mut tasks).await {
                    Either::Left((batch, _)) => {
                        let labels = sent_texts(&batch);
                        if framing == Framing::Frames {
                            assert_eq!(labels.len() % 3, 0, "in one batch: {labels:?}");
                        }
                        sent.extend(labels);
                    }
                    Either::Right((accepted, _)) => break accepted,
                }
            };
            let count = accepted.iter().flatten().filter(|sent| **sent).count();
            while sent.len() < 3 * count {
                sent.extend(sent_texts(&link.sent().await));
            }
            for group in sent.chunks(3) {
                let task = group[0].strip_prefix("text ").expect("a beginning");
                assert_eq!(
                    group[1..],
                    [format!("first {task}"), format!("second {task}")]
                );
            }
            assert_eq!(sent.len(), 3 * count);
        }
    });
}

#[test]
fn s9_a_group_of_up_to_128_kib_is_written_in_one_batch() {
    under_all_orders(async |runtime| {
        let (client, mut link) = websocket_with(&runtime, |builder| builder).await;
        let part = "x".repeat(20_000);
        client.try_send("x".repeat(100_000)).unwrap();
        client.try_send_all([part.as_str(), &part]).unwrap();
        assert_eq!(link.sent().await.len(), 1);
        assert_eq!(link.sent().await.len(), 2);
    });
}

#[test]
fn s9_a_group_is_accepted_whole_or_comes_back_whole() {
    under_all_orders(async |runtime| {
        let (client, mut link) = polling(&runtime).await;
        let too_large = "x".repeat(2000);
        for (bad, kind) in [
            (too_large.as_str(), ErrorKind::TooLarge),
            ("a\u{1e}b", ErrorKind::NeedsFrames),
        ] {
            let group = ["good", bad, "good"];
            let refused = client.send_all(group).await.unwrap_err();
            assert_eq!(refused.kind(), kind);
            assert_eq!(texts(&refused.messages), group);
            let refused = client.try_send_all(group).unwrap_err();
            assert_eq!(refused.kind(), kind);
            let shown = format!("{refused:?} {refused}");
            assert!(!shown.contains("good"), "{shown}");
        }
        client.send_all(Vec::<Message>::new()).await.unwrap();
        client.send_all(["a", "b"]).await.unwrap();
        assert_eq!(link.sent().await, [text("a"), text("b")]);
        client.close();
        let refused = client.send_all(["c", "d"]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Closed);
        assert_eq!(texts(&refused.messages), ["c", "d"]);
        drop(link);
    });
}

#[test]
fn s9_a_group_waits_for_room_for_all_of_it_and_a_larger_one_is_let_in_alone() {
    under_all_orders(async |runtime| {
        let (client, mut link) = websocket_with(&runtime, |builder| {
            builder.outbox(Capacity {
                messages: 3,
                bytes: 1000,
            })
        })
        .await;
        client.try_send("a").unwrap();
        let full = client.try_send_all(["1", "2", "3"]).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::Full);
        let mut group = Box::pin(client.send_all(["1", "2", "3"]));
        assert!(waits(&runtime, &mut group).await);
        let mut large = Box::pin(client.send_all(["1", "2", "3", "4", "5"]));
        assert!(waits(&runtime, &mut large).await);
        assert_eq!(link.sent().await.len(), 1);
        group.await.unwrap();
        assert_eq!(link.sent().await.len(), 3);
        large.await.unwrap();
        client.try_send("b").unwrap_err();
        assert_eq!(link.sent().await.len(), 5);
        settle(&runtime).await;
        client.try_send("b").unwrap();
    });
}

#[test]
fn s9_a_group_that_is_dropped_before_it_was_accepted_was_not_sent() {
    under_all_orders(async |runtime| {
        let (client, mut link) = websocket_with(&runtime, |builder| {
            builder.outbox(Capacity {
                messages: 3,
                bytes: 1000,
            })
        })
        .await;
        client.try_send("a").unwrap();
        let mut group = Box::pin(client.send_all(["1", "2", "3"]));
        assert!(waits(&runtime, &mut group).await);
        link.sent().await;
        settle(&runtime).await;
        // It was given the room, and has not used it.
        client.try_send("x").unwrap_err();
        drop(group);
        client.try_send("b").unwrap();
        assert_eq!(link.sent().await, [text("b")]);
    });
}

#[test]
fn s11_wait_does_not_wait_for_a_handler_other_than_that_of_the_end() {
    under_all_orders(async |runtime| {
        for with_the_handler in [false, true] {
            let (builder, mut servers) = setup(&runtime);
            let builder = builder
                .transports(["websocket"])
                .on_message(async |_handle, _message| std::future::pending::<()>().await);
            let builder = if with_the_handler {
                builder.on_disconnect(|_handle, _closed| ())
            } else {
                builder
            };
            let client = builder.start().unwrap();
            let link = servers.websocket.opened().await.accept(Framing::Frames);
            link.deliver(vec![Packet::Open(OPEN.into()), text("never handled")]);
            client.opened().await.unwrap();
            link.deliver(vec![Packet::Close]);
            let ended = timeout(&runtime, 60, client.wait()).await;
            assert_eq!(ended.is_none(), with_the_handler);
            runtime.abort_tasks();
        }
    });
}

#[test]
fn a_sink_that_was_told_to_be_ready_hears_of_a_close() {
    under_all_orders(async |runtime| {
        let (client, link) = full(&runtime).await;
        let mut handle = client.handle();
        assert!(!poll_ready(&mut handle).await);
        client.close();
        assert!(poll_ready(&mut handle).await);
        let refused = Pin::new(&mut handle).start_send(Message::from("late"));
        let Err(SinkError::Refused(error)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert_eq!(answer_all(link).await, [text("full"), Packet::Close]);
    });
}
