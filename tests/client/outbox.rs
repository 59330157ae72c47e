//! Concurrent senders: a sender that is not polled does not block others, and senders are admitted in
//! order. `lib::client::test_model` tests random sequences of calls by users and links.
//!
//! The numbers in the test names (s1 to s11) stand for faults that these tests found: `tests/mutants.md`
//! refers to them.

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
use crate::counting::Counting;

/// Returns the output of the future, or `None` after this time.
async fn timeout<F: Future>(runtime: &MockRuntime, seconds: u64, future: F) -> Option<F::Output> {
    let future = std::pin::pin!(future);
    match select(future, runtime.sleep(Duration::from_secs(seconds))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// A session whose outbox holds one message and is full.
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

/// Takes the message that filled the outbox, and checks that other senders can then send.
async fn the_others_can_send(client: &MockClient, mut link: MockLink, runtime: &MockRuntime) {
    link.sent().await;
    settle(runtime).await;
    let handle = client.handle();
    let both = join(handle.send("one"), async {
        link.sent().await;
    });
    let (sent, ()) = timeout(runtime, 1, both)
        .await
        .expect("the send waits forever");
    sent.unwrap();
    settle(runtime).await;
    client.try_send("two").unwrap();
}

#[test]
fn s1_a_dropped_send_of_the_sink_does_not_block_other_senders() {
    under_all_orders(async |runtime| {
        let (mut client, link) = full(&runtime).await;
        let send = SinkExt::send(&mut client, Message::from("given up"));
        assert!(timeout(&runtime, 1, send).await.is_none());
        the_others_can_send(&client, link, &runtime).await;
    });
}

#[test]
fn s1_a_dropped_feed_of_the_sink_does_not_block_other_senders() {
    under_all_orders(async |runtime| {
        let (mut client, link) = full(&runtime).await;
        let feed = client.feed(Message::from("given up"));
        assert!(timeout(&runtime, 1, feed).await.is_none());
        the_others_can_send(&client, link, &runtime).await;
    });
}

#[test]
fn s1_an_aborted_writer_task_does_not_block_other_senders() {
    under_all_orders(async |runtime| {
        let (client, link) = full(&runtime).await;
        let handle = client.handle();
        let (mut sink, stream) = client.split();
        let feed = async move {
            // `SplitSink` buffers the first message itself.
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
        let (sent, ()) = timeout(&runtime, 1, both)
            .await
            .expect("the send waits forever");
        sent.unwrap();
        drop(stream);
    });
}

#[test]
fn s2_a_send_that_is_not_polled_only_holds_room_for_its_own_message() {
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
        assert!(is_pending(&runtime, &mut alone).await);
        let mut forgotten = Box::pin(client.send("forgotten"));
        assert!(is_pending(&runtime, &mut forgotten).await);
        drop(forgotten);
        link.sent().await;
        for number in 0..10 {
            let both = join(client.send(format!("{number}")), async {
                link.sent().await;
            });
            let (sent, ()) = timeout(&runtime, 1, both)
                .await
                .expect("the send waits forever");
            sent.unwrap();
            settle(&runtime).await;
        }
        client.try_send("a").unwrap();
        let refused = client.try_send("b").unwrap_err();
        assert_eq!(
            refused.kind(),
            ErrorKind::Full,
            "the room is reserved for `alone`"
        );
        alone.await.unwrap();
        assert_eq!(link.sent().await, [text("a"), text("alone")]);
    });
}

#[test]
fn s2_a_forgotten_send_does_not_block_the_queue() {
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
        assert!(is_pending(&runtime, &mut forgotten).await);
        std::mem::forget(forgotten);
        link.sent().await;
        let both = join(client.send("sent"), async {
            link.sent().await;
        });
        let (sent, ()) = timeout(&runtime, 1, both)
            .await
            .expect("the send waits forever");
        sent.unwrap();
    });
}

/// A runtime whose executor and clock are controlled by the test. A sleep of zero length is ready at
/// once.
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

/// One thread runs the driver after the heartbeat deadline, another sends a message and closes the
/// session. The spin loop varies the timing of the two threads, so that in some runs the message is sent
/// during the turn in which the driver ends the session.
#[test]
fn s3_a_message_accepted_between_a_deadline_and_the_end_is_reported() {
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
        let reported = closed.uncertain().len() + closed.unsent().len();
        assert_eq!(reported, usize::from(accepted), "in run {run}: {closed:?}");
    }
}

async fn poll_ready(handle: &mut Handle) -> bool {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *handle).poll_ready(cx).is_ready())).await
}

#[test]
fn s4_ready_sinks_exceed_the_outbox_by_at_most_one_message_each() {
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
        let mut ready = Vec::new();
        for (at, handle) in handles.iter_mut().enumerate() {
            if poll_ready(handle).await {
                ready.push(at);
            }
        }
        assert_eq!(ready, [0], "there is room for one message");
        for (at, handle) in handles.iter_mut().enumerate() {
            let sent = Pin::new(handle).start_send(Message::from("x".repeat(100_000)));
            assert_eq!(sent.is_ok(), at == 0);
        }
        drop(handles);
        assert_eq!(link.sent().await.len(), 1);

        // No sink uses its reservation, so the reservations lapse and one sink after the other becomes
        // ready. A sink may still send after its reservation has lapsed.
        settle(&runtime).await;
        let mut ready_sinks = Vec::new();
        for _ in 0..3 {
            let mut handle = client.handle();
            let ready = poll_fn(|cx| Pin::new(&mut handle).poll_ready(cx));
            ready.await.unwrap();
            ready_sinks.push(handle);
        }
        for handle in &mut ready_sinks {
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
fn s4_an_uncontested_reservation_of_a_sink_does_not_lapse() {
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
        assert_eq!(refused.kind(), ErrorKind::Full, "the room is reserved");
        let sent = Pin::new(&mut handle).start_send(Message::from("c"));
        sent.unwrap();
        let mut sent = link.sent().await.to_vec();
        if sent.len() < 2 {
            sent.extend(link.sent().await.to_vec());
        }
        assert_eq!(sent, [text("a"), text("c")]);
        // Dropping a sink frees its reservation.
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
fn s5_a_flush_of_the_sink_covers_messages_sent_after_a_dropped_flush() {
    under_all_orders(async |runtime| {
        for by_another in [false, true] {
            for a_leaves_first in [false, true] {
                let (client, mut link) = polling(&runtime).await;
                let mut sink = client.handle();
                sink.feed(Message::from("a")).await.unwrap();
                assert!(is_pending(&runtime, &mut SinkExt::flush(&mut sink)).await);
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
                assert!(is_pending(&runtime, &mut flush).await, "b has not left");
                if !a_leaves_first {
                    link.sent().await;
                    assert!(is_pending(&runtime, &mut flush).await, "b has not left");
                }
                link.sent().await;
                flush.await.unwrap();
            }
        }
    });
}

#[test]
fn s5_a_flush_of_the_sink_completes_while_other_senders_keep_sending() {
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

/// A waker that counts its calls.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn s6_each_pending_sink_method_wakes_its_own_task() {
    under_all_orders(async |runtime| {
        let (builder, mut servers) = setup(&runtime);
        let client = builder.upgrade(false).start().unwrap();
        let mut handle = client.handle();
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);
        let mut sink = Pin::new(&mut handle);
        assert!(sink.as_mut().poll_ready(&mut cx).is_pending());
        // A ready `poll_flush` on the same task must not replace the waker of `poll_ready`.
        assert!(sink.as_mut().poll_flush(&mut cx).is_ready());
        let link = servers.polling.opened().await.accept(Framing::Payloads);
        link.deliver(vec![Packet::Open(OPEN.into())]);
        client.opened().await.unwrap();
        assert_eq!(
            wakes.0.load(Ordering::SeqCst),
            1,
            "opening wakes `poll_ready`"
        );
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

/// Starts this number of senders, which each send one message through an outbox of 16 messages. Returns
/// the total number of polls of all tasks, the driver included, until all messages are sent.
fn wake_ups(senders: u64) -> u64 {
    let runtime = MockRuntime::new().with_poll_limit(100_000_000);
    let counting = Counting::new(runtime.clone());
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
        let before = counting.polls();
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
        counting.polls() - before
    })
}

#[test]
fn s7_a_waiting_sender_is_only_woken_when_it_can_send() {
    for senders in [100, 8000] {
        let wake_ups = wake_ups(senders);
        println!("{senders} senders: {wake_ups} wake-ups");
        // Each sender is polled twice, to queue up and to send. The driver is polled at most once for
        // each sender.
        assert!(wake_ups <= 3 * senders, "{wake_ups} for {senders} senders");
    }
}

#[test]
fn s9_the_messages_of_a_group_stay_together_among_concurrent_senders() {
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
                            // This future is dropped after its first poll. Its group must be sent as a
                            // whole or not at all.
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
                            assert_eq!(labels.len() % 3, 0, "a batch splits a group: {labels:?}");
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

/// Rules E6, E24.
#[test]
fn s9_a_group_is_accepted_or_refused_as_a_whole() {
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
fn s9_a_group_waits_for_room_for_all_messages_and_a_larger_one_is_admitted_alone() {
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
        assert!(is_pending(&runtime, &mut group).await);
        let mut large = Box::pin(client.send_all(["1", "2", "3", "4", "5"]));
        assert!(is_pending(&runtime, &mut large).await);
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
fn s9_a_group_dropped_before_it_was_accepted_is_not_sent() {
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
        assert!(is_pending(&runtime, &mut group).await);
        link.sent().await;
        settle(&runtime).await;
        // The group has its room reserved, but has not used it.
        client.try_send("x").unwrap_err();
        drop(group);
        client.try_send("b").unwrap();
        assert_eq!(link.sent().await, [text("b")]);
    });
}

#[test]
fn s11_wait_only_waits_for_the_disconnect_handler() {
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
fn a_close_wakes_a_waiting_sink_whose_send_then_fails() {
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
