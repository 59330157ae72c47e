//! Handlers, and tasks spawned with `Handle::spawn`.

use std::sync::{Arc, Mutex};

use engineio_client::handlers::HandlerError;
use engineio_client::{Capacity, Closed, Handle};

use super::*;

/// Lines that the handlers of a test write down.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn words(message: &Message) -> String {
    message.as_text().unwrap_or("binary").to_owned()
}

// Every form of handler must compile.

async fn an_async_function(handle: Handle, message: Message) {
    let _ = handle.send(message).await;
}

async fn an_async_function_that_may_fail(
    handle: Handle,
    message: Message,
) -> Result<(), HandlerError> {
    handle.send(message).await?;
    Ok(())
}

fn a_function(handle: Handle, message: Message) {
    let _ = handle.try_send(message);
}

fn a_function_that_may_fail(handle: Handle, message: Message) -> Result<(), HandlerError> {
    handle.try_send(message)?;
    Ok(())
}

#[test]
fn handlers_can_be_functions_closures_and_async_closures() {
    // Covers test cases of python-engineio: test_on_event, test_trigger_event_function,
    // test_trigger_event_coroutine.
    let runtime = MockRuntime::new();
    let count = Arc::new(AtomicUsize::new(0));
    let mut local = 0;
    let builder = || setup(&runtime).0;
    let shared = Arc::clone(&count);
    let all = [
        builder().on_message(an_async_function),
        builder().on_message(an_async_function_that_may_fail),
        builder().on_message(a_function),
        builder().on_message(a_function_that_may_fail),
        builder().on_message(|_handle, _message| {}),
        builder().on_message(|handle, message| {
            handle.try_send(message)?;
            Ok(())
        }),
        builder().on_message(move |_, message| {
            local += message.len();
            println!("{local} bytes");
        }),
        builder().on_message(async |_handle, _message| {}),
        builder().on_message(async move |handle, message| {
            let _ = handle.send(message).await;
        }),
        builder().on_message(async |handle, message| {
            let numbers: Vec<u32> = message.json()?;
            handle.send_json(&numbers).await?;
            Ok(())
        }),
        builder().on_message(|handle, message| async move {
            let _ = handle.send(message).await;
        }),
        builder().on_message(move |_, _| {
            let count = Arc::clone(&shared);
            async move {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }),
        builder()
            .on_connect(|_handle| {})
            .on_upgrade(|_handle, transport| println!("{transport}"))
            .on_disconnect(|_handle, closed| println!("{closed}")),
        builder()
            .on_connect(async |handle| {
                handle.send("hello").await?;
                Ok(())
            })
            .on_upgrade(async |_handle, _transport| {})
            .on_disconnect(async |handle, closed: Closed| {
                println!("{:?}: {:?}", handle.sid(), closed.reason());
            }),
    ];
    drop(all);
}

#[test]
fn messages_are_handled_one_at_a_time_in_order_between_connect_and_disconnect() {
    // Covers test cases of python-engineio: test_trigger_event, test_trigger_event_function,
    // test_trigger_event_coroutine.
    under_all_orders(async |runtime| {
        let diary = Diary::default();
        let (connect, message, disconnect) = (diary.clone(), diary.clone(), diary.clone());
        let (client, link) = websocket_with(&runtime, |builder| {
            builder
                .on_connect(move |handle: Handle| {
                    connect.note(format!("connect {}", handle.sid().unwrap()));
                })
                .on_message(move |handle: Handle, text| {
                    let diary = message.clone();
                    async move {
                        let text = words(&text);
                        diary.note(format!("begins {text}"));
                        // The first message takes longest: a handler that ran concurrently would finish
                        // first.
                        let wait = if text == "a" { 3 } else { 1 };
                        handle.sleep(Duration::from_secs(wait)).await;
                        diary.note(format!("ends {text}"));
                    }
                })
                .on_disconnect(move |handle: Handle, closed: Closed| {
                    let diary = disconnect.clone();
                    async move {
                        handle.sleep(Duration::from_secs(5)).await;
                        diary.note(format!("disconnect {closed}"));
                    }
                })
        })
        .await;
        link.deliver(vec![text("a"), text("b"), text("c"), Packet::Close]);
        client.wait().await;
        assert_eq!(
            diary.lines(),
            [
                "connect S",
                "begins a",
                "ends a",
                "begins b",
                "ends b",
                "begins c",
                "ends c",
                "disconnect closed by the server",
            ]
        );
    });
}

#[test]
fn wait_on_a_handle_ends_with_the_session_and_wait_on_the_client_with_the_disconnect_handler() {
    under_all_orders(async |runtime| {
        let (client, link) = websocket_with(&runtime, |builder| {
            builder.on_disconnect(async |handle: Handle, _| {
                handle.sleep(Duration::from_secs(7)).await;
            })
        })
        .await;
        let start = runtime.now();
        link.deliver(vec![Packet::Close]);
        client.handle().wait().await;
        assert_eq!(runtime.now(), start);
        client.wait().await;
        assert_eq!(runtime.now(), start + Duration::from_secs(7));
    });
}

/// Rule E28.
#[test]
fn pings_are_answered_while_a_handler_runs() {
    // Covers a test case of python-engineio: test_receive_message_packet.
    under_all_orders(async |runtime| {
        let (client, mut link) = websocket_with(&runtime, |builder| {
            builder.on_message(async |handle: Handle, _| {
                handle.sleep(Duration::from_secs(600)).await;
            })
        })
        .await;
        link.deliver(vec![text("this takes ten minutes")]);
        for _ in 0..3 {
            runtime.sleep(Duration::from_secs(25)).await;
            link.deliver(vec![Packet::Ping("".into())]);
            assert_eq!(link.sent().await, [Packet::Pong("".into())]);
        }
        drop(link);
        drop(client);
    });
}

#[test]
fn a_slow_handler_fills_the_inbox_and_stops_receiving() {
    under_all_orders(async |runtime| {
        let diary = Diary::default();
        let message = diary.clone();
        let (client, link) = websocket_with(&runtime, |builder| {
            builder
                .inbox(Capacity {
                    messages: 2,
                    bytes: 1024,
                })
                .on_message(move |handle: Handle, text| {
                    let diary = message.clone();
                    async move {
                        diary.note(words(&text));
                        handle.sleep(Duration::from_secs(10)).await;
                    }
                })
        })
        .await;
        settle(&runtime).await;
        let calls = link.recv_calls();
        for name in ["a", "b", "c", "d", "e"] {
            link.deliver(vec![text(name)]);
        }
        settle(&runtime).await;
        // One message is being handled and two fill the inbox, so the driver does not receive the
        // fourth.
        assert_eq!(diary.lines(), ["a"]);
        assert_eq!(link.recv_calls(), calls + 2);
        runtime.sleep(Duration::from_secs(50)).await;
        assert_eq!(diary.lines(), ["a", "b", "c", "d", "e"]);
        drop((client, link));
    });
}

#[test]
fn a_handler_can_send_spawn_and_disconnect_and_await_each() {
    // Covers a test case of python-engineio: test_disconnect_polling.
    under_all_orders(async |runtime| {
        let diary = Diary::default();
        let (message, disconnect) = (diary.clone(), diary.clone());
        let (client, link) = websocket_with(&runtime, |builder| {
            builder
                .on_message(move |handle: Handle, _| {
                    let diary = message.clone();
                    async move {
                        handle.send("answer").await.unwrap();
                        handle.flush().await.unwrap();
                        let other = handle.clone();
                        let spawned = handle.spawn(async move {
                            other.send("from a task").await.unwrap();
                            7
                        });
                        diary.note(format!("spawned gave {}", spawned.await.unwrap()));
                        let closed = handle.disconnect().await;
                        diary.note(format!("{closed}, clean: {}", closed.is_clean()));
                    }
                })
                .on_disconnect(move |handle: Handle, _| {
                    disconnect.note(format!("disconnect {}", handle.sid().unwrap()));
                })
        })
        .await;
        link.deliver(vec![text("go")]);
        let (closed, sent) = join(client.wait(), answer_all(link)).await;
        assert!(closed.is_clean());
        assert_eq!(sent, [text("answer"), text("from a task"), Packet::Close]);
        assert_eq!(
            diary.lines(),
            [
                "spawned gave 7",
                "closed by this client, clean: true",
                "disconnect S"
            ]
        );
    });
}

#[test]
fn messages_received_together_with_one_that_closes_the_session_are_still_handled() {
    // Covers a test case of engine.io: server.js:1103.
    under_all_orders(async |runtime| {
        let diary = Diary::default();
        let (message, disconnect) = (diary.clone(), diary.clone());
        let (client, link) = websocket_with(&runtime, |builder| {
            builder
                .on_message(move |handle: Handle, text| {
                    handle.close();
                    let sent = handle.try_send("late").map_err(|refused| refused.kind());
                    message.note(format!("{}, {sent:?}", words(&text)));
                })
                .on_disconnect(move |_, closed: Closed| disconnect.note(closed.to_string()))
        })
        .await;
        link.deliver(vec![text("a"), text("b"), text("c")]);
        let (closed, sent) = join(client.wait(), answer_all(link)).await;
        assert!(closed.is_clean());
        assert_eq!(sent, [Packet::Close]);
        assert_eq!(
            diary.lines(),
            [
                "a, Err(Closed)",
                "b, Err(Closed)",
                "c, Err(Closed)",
                "closed by this client"
            ]
        );
    });
}

#[test]
fn a_connect_handler_can_disconnect() {
    under_all_orders(async |runtime| {
        let (builder, mut servers) = setup(&runtime);
        let client = builder
            .transports(["websocket"])
            .on_connect(async |handle: Handle| {
                handle.disconnect().await;
            })
            .start()
            .unwrap();
        let link = servers.websocket.opened().await.accept(Framing::Frames);
        link.deliver(vec![Packet::Open(OPEN.into())]);
        let (closed, sent) = join(client.wait(), answer_all(link)).await;
        assert!(closed.is_clean());
        assert_eq!(sent, [Packet::Close]);
    });
}

#[test]
fn a_handler_that_panics_or_fails_is_called_again_and_the_session_goes_on() {
    // Covers test cases of python-engineio: test_trigger_event_error, test_trigger_event_function_error,
    // test_trigger_event_coroutine_error.
    under_all_orders(async |runtime| {
        let diary = Diary::default();
        let message = diary.clone();
        let (client, mut link) = websocket_with(&runtime, |builder| {
            builder.on_message(move |handle: Handle, text| {
                let diary = message.clone();
                let text = words(&text);
                diary.note(text.clone());
                assert_ne!(text, "panic at once", "an intended panic");
                async move {
                    if text == "fail" {
                        // A map with a non-string key cannot be JSON.
                        let refused = std::collections::BTreeMap::from([(vec![1], 1)]);
                        handle.send_json(&refused).await?;
                    }
                    assert_ne!(text, "panic later", "an intended panic");
                    handle.send(text).await?;
                    Ok(())
                }
            })
        })
        .await;
        let all = ["panic at once", "panic later", "fail", "fine"];
        link.deliver(all.map(text).into());
        assert_eq!(link.sent().await, [text("fine")]);
        assert_eq!(diary.lines(), all);
        drop((client, link));
    });
}

#[test]
fn the_upgrade_handler_gets_the_new_transport() {
    // Covers a test case of python-engineio: test_polling_connection_upgraded.
    under_all_orders(async |runtime| {
        let diary = Diary::default();
        let upgrade = diary.clone();
        let (builder, mut servers) = setup(&runtime);
        let client = builder
            .on_upgrade(move |_, transport| upgrade.note(transport))
            .start()
            .unwrap();
        let polling = servers.polling.opened().await.accept(Framing::Payloads);
        polling.deliver(vec![Packet::Open(OPEN.into())]);
        let mut websocket = servers.websocket.opened().await.accept(Framing::Frames);
        assert_eq!(websocket.sent().await, [Packet::Ping("probe".into())]);
        websocket.deliver(vec![Packet::Pong("probe".into())]);
        polling.deliver(vec![Packet::Noop]);
        assert_eq!(websocket.sent().await, [Packet::Upgrade]);
        settle(&runtime).await;
        assert_eq!(diary.lines(), ["websocket"]);
        drop((client, websocket, polling));
    });
}

#[test]
fn the_disconnect_handler_does_not_run_for_a_session_that_never_opened() {
    // Covers a test case of python-engineio: test_wait_no_task.
    under_all_orders(async |runtime| {
        let diary = Diary::default();
        let disconnect = diary.clone();
        let (builder, mut servers) = setup(&runtime);
        let client = builder
            .transports(["websocket"])
            .on_disconnect(move |_, _| disconnect.note("disconnect"))
            .start()
            .unwrap();
        let refused = Error::new(ErrorKind::Connect, "no way");
        servers.websocket.opened().await.refuse(refused);
        client.wait().await;
        assert_eq!(diary.lines(), [""; 0]);
    });
}

#[test]
fn messages_received_before_the_client_was_dropped_are_still_handled() {
    under_all_orders(async |runtime| {
        let diary = Diary::default();
        let (message, disconnect) = (diary.clone(), diary.clone());
        let (client, link) = websocket_with(&runtime, |builder| {
            builder
                .on_message(move |handle: Handle, text| {
                    let diary = message.clone();
                    async move {
                        handle.sleep(Duration::from_secs(1)).await;
                        diary.note(words(&text));
                    }
                })
                .on_disconnect(move |_, closed: Closed| disconnect.note(closed.to_string()))
        })
        .await;
        // The second message is in the inbox while the first is handled.
        for name in ["a", "b"] {
            link.deliver(vec![text(name)]);
            settle(&runtime).await;
        }
        drop(client);
        answer_all(link).await;
        runtime.sleep(Duration::from_secs(3)).await;
        assert_eq!(diary.lines(), ["a", "b", "closed by this client"]);
    });
}

#[test]
fn a_client_with_a_message_handler_only_yields_the_other_events() {
    under_all_orders(async |runtime| {
        let (mut client, link) =
            websocket_with(&runtime, |builder| builder.on_message(|_, _| {})).await;
        link.deliver(vec![text("a"), Packet::Close]);
        assert_eq!(client.recv().await, None);
        let (client, link) =
            websocket_with(&runtime, |builder| builder.on_message(|_, _| {})).await;
        link.deliver(vec![text("a"), Packet::Close]);
        let events: Vec<Event> = client.collect().await;
        assert!(
            matches!(&events[..], [Event::Connected(_), Event::Closed(_)]),
            "{events:?}"
        );
    });
}

#[test]
fn without_a_message_handler_messages_go_to_the_client() {
    // Covers a test case of python-engineio: test_trigger_unknown_event.
    under_all_orders(async |runtime| {
        let diary = Diary::default();
        let (connect, disconnect) = (diary.clone(), diary.clone());
        let (mut client, link) = websocket_with(&runtime, |builder| {
            builder
                .on_connect(move |_| connect.note("connect"))
                .on_disconnect(move |_, _| disconnect.note("disconnect"))
        })
        .await;
        link.deliver(vec![text("a"), text("b"), Packet::Close]);
        assert_eq!(client.recv().await, Some(Message::from("a")));
        assert_eq!(client.recv().await, Some(Message::from("b")));
        assert_eq!(client.recv().await, None);
        client.wait().await;
        assert_eq!(diary.lines(), ["connect", "disconnect"]);
    });
}

#[test]
fn waiters_are_notified_when_the_runtime_drops_the_handlers() {
    under_all_orders(async |runtime| {
        let (client, link) = websocket_with(&runtime, |builder| {
            builder.on_message(async |handle: Handle, _| {
                handle.sleep(Duration::from_secs(3600)).await;
            })
        })
        .await;
        link.deliver(vec![text("a")]);
        let mut wait = Box::pin(client.wait());
        assert!(is_pending(&runtime, &mut wait).await);
        runtime.abort_tasks();
        assert!(matches!(wait.await.reason(), Reason::Aborted));
    });
}

#[test]
fn waiters_are_notified_when_the_runtime_drops_the_handlers_before_they_ran() {
    under_all_orders(async |runtime| {
        let (builder, _servers) = setup(&runtime);
        let client = builder.on_message(async |_, _| {}).start().unwrap();
        runtime.abort_tasks();
        assert!(matches!(client.wait().await.reason(), Reason::Aborted));
    });
}

#[test]
fn handlers_that_never_await_let_other_tasks_run_between_calls() {
    // This test runs only in first-in-first-out order: in last-in-first-out order, a task that yields
    // would run again before all others.
    let runtime = MockRuntime::new();
    runtime.block_on(async {
        let (done, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (count, others) = (Arc::clone(&done), Arc::clone(&seen));
        let (_client, link) = websocket_with(&runtime, |builder| {
            builder.on_message(move |handle: Handle, _| {
                if count.fetch_add(1, Ordering::Relaxed) == 0 {
                    let (count, others) = (Arc::clone(&count), Arc::clone(&others));
                    handle.spawn(async move {
                        others.store(count.load(Ordering::Relaxed), Ordering::Relaxed);
                    });
                }
            })
        })
        .await;
        link.deliver(vec![text("a"); 1000]);
        settle(&runtime).await;
        assert_eq!(done.load(Ordering::Relaxed), 1000);
        let seen = seen.load(Ordering::Relaxed);
        assert!(
            (1..1000).contains(&seen),
            "another task ran after {seen} messages"
        );
    });
}

#[test]
fn a_spawned_task_yields_its_result_or_its_panic() {
    // Covers test cases of python-engineio: test_background_tasks, test_sleep,
    // test_trigger_event_function_async, test_trigger_event_coroutine_async,
    // test_trigger_event_function_async_error, test_trigger_event_coroutine_async_error.
    under_all_orders(async |runtime| {
        let (client, link) = websocket(&runtime).await;
        let handle = client.handle();
        let sleeper = handle.clone();
        let task = handle.spawn(async move {
            sleeper.sleep(Duration::from_secs(2)).await;
            "done"
        });
        let start = runtime.now();
        assert_eq!(task.await.unwrap(), "done");
        assert_eq!(runtime.now(), start + Duration::from_secs(2));
        let error = client
            .spawn(async { assert!(runtime_is_round(), "the moon is full") })
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Aborted);
        assert_eq!(error.to_string(), "the task panicked: the moon is full");
        drop((client, link));
    });
}

fn runtime_is_round() -> bool {
    false
}

#[test]
fn json_is_sent_as_text_and_parsed_on_request() {
    // Covers test cases of python-engineio: test_packet.py:86, :96.
    under_all_orders(async |runtime| {
        let (mut client, mut link) = websocket(&runtime).await;
        client.send_json(&[1, 2]).await.unwrap();
        assert_eq!(link.sent().await, [text("[1,2]")]);
        let unkeyed = std::collections::BTreeMap::from([(vec![1], 1)]);
        let error = client.send_json(&unkeyed).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        // Text that looks like JSON stays text until `json` is called.
        link.deliver(vec![text("true"), text("{\"a\":[1]}")]);
        let message = client.recv().await.unwrap();
        assert_eq!(message, Message::from("true"));
        assert!(message.json::<bool>().unwrap());
        let value: serde_json::Value = client.recv().await.unwrap().json().unwrap();
        assert_eq!(value, serde_json::json!({"a": [1]}));
        drop((client, link));
    });
}

/// A runtime on which handlers take virtual time. It counts sleeps of zero length: the client uses such
/// a sleep to yield to the runtime, so that the runtime can poll its sockets.
#[derive(Clone)]
struct Busy {
    runtime: MockRuntime,
    handled_ms: Arc<AtomicUsize>,
    yields: Arc<AtomicUsize>,
}

#[engineio_client::async_trait]
impl Runtime for Busy {
    fn now(&self) -> Duration {
        let handled = self.handled_ms.load(Ordering::SeqCst);
        self.runtime.now() + Duration::from_millis(handled as u64)
    }

    fn sleep(&self, duration: Duration) -> futures::future::BoxFuture<'static, ()> {
        if duration.is_zero() {
            self.yields.fetch_add(1, Ordering::SeqCst);
        }
        self.runtime.sleep(duration)
    }

    fn spawn(&self, task: futures::future::BoxFuture<'static, ()>) {
        self.runtime.spawn(task);
    }

    fn random(&self) -> u64 {
        Runtime::random(&self.runtime)
    }

    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<std::net::SocketAddr>> {
        self.runtime.resolve(host, port).await
    }

    async fn connect(
        &self,
        address: &engineio_client::runtime::Address,
    ) -> std::io::Result<engineio_client::runtime::BoxedStream> {
        self.runtime.connect(address).await
    }
}

/// Returns how many times the client yields to the runtime while it handles one message for each of
/// these durations. A duration is the time that the handler takes for its message.
fn yields(milliseconds: &'static [usize], is_async: bool) -> usize {
    let runtime = MockRuntime::new();
    runtime.block_on(async {
        let busy = Busy {
            runtime: runtime.clone(),
            handled_ms: Arc::default(),
            yields: Arc::default(),
        };
        let (websocket, mut server) = MockTransport::new("websocket");
        let transports = Transports::new().with(websocket);
        let clock = Arc::clone(&busy.handled_ms);
        let mut times = milliseconds.iter();
        let builder = Builder::new("http://localhost/", transports, busy.clone());
        let builder = builder.on_disconnect(|_handle, _closed| ());
        let mut work = move || {
            clock.fetch_add(*times.next().unwrap(), Ordering::SeqCst);
        };
        let builder = if is_async {
            builder.on_message(move |handle: Handle, _message| {
                work();
                async move { handle.sleep(Duration::from_millis(1)).await }
            })
        } else {
            builder.on_message(move |_handle, _message| work())
        };
        let client = builder.start().unwrap();
        let link = server.opened().await.accept(Framing::Frames);
        link.deliver(vec![Packet::Open(OPEN.into())]);
        link.deliver(milliseconds.iter().map(|_| text("x")).collect());
        client.opened().await.unwrap();
        let before = busy.yields.load(Ordering::SeqCst);
        link.deliver(vec![Packet::Close]);
        client.wait().await;
        busy.yields.load(Ordering::SeqCst) - before
    })
}

#[test]
fn handlers_yield_to_the_runtime_after_ten_milliseconds() {
    for is_async in [false, true] {
        assert_eq!(
            yields(&[0; 1000], is_async),
            0,
            "yields between handlers that take no time"
        );
        // The client yields after each slow handler, except for the first ones: it has not noticed yet
        // that the handlers are slow.
        let slow = yields(&[50; 20], is_async);
        assert!((18..=20).contains(&slow), "{slow}");
        let third = yields(&[4; 30], is_async);
        assert!(
            (8..=10).contains(&third),
            "{third} yields, though three handlers take 12 ms"
        );
    }
    // After quick handlers, the client calls up to sixteen handlers before it looks at the clock again.
    let mut slow_later = [0; 80];
    slow_later[40..].fill(50);
    let yields = yields(Vec::from(slow_later).leak(), false);
    assert!((25..=40).contains(&yields), "{yields}");
}

#[test]
fn n1_a_handler_can_be_given_shared_state() {
    under_all_orders(async |runtime| {
        let (builder, mut servers) = setup(&runtime);
        let diary = Diary::default();
        let client = builder
            .transports(["websocket"])
            .on_connect_with(diary.clone(), async |diary, handle| {
                handle.sleep(Duration::from_millis(1)).await;
                diary.note("connected");
            })
            .on_message_with(diary.clone(), async |diary, handle, message| {
                diary.note(words(&message));
                handle.send(message).await?;
                Ok(())
            })
            .on_disconnect_with(diary.clone(), |diary, _handle, closed| {
                diary.note(closed.to_string());
            })
            .start()
            .unwrap();
        let mut link = servers.websocket.opened().await.accept(Framing::Frames);
        link.deliver(vec![Packet::Open(OPEN.into()), text("a")]);
        assert_eq!(link.sent().await, [text("a")]);
        link.deliver(vec![Packet::Close]);
        client.wait().await;
        let expected = ["connected", "a", "closed by the server"];
        assert_eq!(diary.lines(), expected);
    });
}

#[test]
fn s10_a_builder_without_handlers_can_be_cloned_for_several_sessions() {
    under_all_orders(async |runtime| {
        let (builder, mut servers) = setup(&runtime);
        let builder = builder.transports(["websocket"]).header("X-A", "1");
        let copy = builder
            .try_clone()
            .expect("a builder without handlers can be cloned");
        let with_handlers = builder.on_message(|_, _| ());
        assert!(with_handlers.try_clone().is_none());
        for builder in [with_handlers, copy] {
            let client = builder.start().unwrap();
            let open = servers.websocket.opened().await;
            assert_eq!(open.request.headers["x-a"], "1");
            let link = open.accept(Framing::Frames);
            link.deliver(vec![Packet::Open(OPEN.into())]);
            client.opened().await.unwrap();
        }
    });
}
