//! The public mock network: its conditions, its failures, and which ends notice a failure. Each test
//! runs under both fixed task orders and some seeds.

use std::cell::Cell;
use std::future::Future;
use std::io::{ErrorKind::*, Result};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engineio_client::runtime::mock::{
    Conditions, Connection, MemoryStream, MockListener, Schedules, Side,
};
use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::{MockRuntime, Runtime};
use futures::future::{Either, join, pending, select};
use futures::{AsyncRead, AsyncReadExt, AsyncWriteExt, FutureExt};

fn address() -> SocketAddr {
    "10.0.0.1:80".parse().unwrap()
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn conditions() -> Conditions {
    Conditions::new()
}

async fn connect(runtime: &MockRuntime) -> Result<BoxedStream> {
    runtime.connect(&Address::Tcp(address())).await
}

/// A connection: the client's end, the server's end, and its handle.
async fn connected(
    runtime: &MockRuntime,
    like: Conditions,
) -> (BoxedStream, MemoryStream, Connection) {
    runtime.network().set(like);
    let mut listener = runtime.listen(address());
    let client = connect(runtime).await.unwrap();
    let server = listener.accept().await;
    (
        client,
        server,
        runtime.network().connections().pop().unwrap(),
    )
}

/// The result and the time of each read, until the end or an error.
async fn reads(runtime: &MockRuntime, mut stream: impl AsyncRead + Unpin) -> Vec<(u64, String)> {
    let mut list = Vec::new();
    let mut buffer = [0; 70_000];
    loop {
        let read = stream.read(&mut buffer).await;
        let now = runtime.now().as_millis() as u64;
        match read {
            Ok(0) => list.push((now, "end".into())),
            Ok(count) => {
                let text = String::from_utf8(buffer[..count].to_vec()).unwrap();
                list.push((now, text));
                continue;
            }
            Err(error) => list.push((now, error.kind().to_string())),
        }
        return list;
    }
}

fn list(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
    let owned = |&(at, text): &(u64, &str)| (at, text.to_owned());
    expected.iter().map(owned).collect()
}

/// Whether the future is still pending after an hour.
async fn hangs<T>(runtime: &MockRuntime, future: impl Future<Output = T>) -> bool {
    let hour = runtime.sleep(Duration::from_secs(3600));
    matches!(select(Box::pin(future), hour).await, Either::Right(_))
}

fn deadlock(runtime: &MockRuntime, future: impl Future<Output = ()>) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| runtime.block_on(future))).unwrap_err();
    runtime.abort_tasks();
    *panic.downcast::<String>().unwrap()
}

#[test]
fn bytes_and_the_end_after_them_arrive_after_the_latency() {
    MockRuntime::check(async |runtime| {
        let (mut client, server, _) = connected(&runtime, conditions().latency(ms(50))).await;
        let write = async {
            client.write_all(b"one").await.unwrap();
            runtime.sleep(ms(20)).await;
            client.write_all(b"two").await.unwrap();
            drop(client);
        };
        let (read, ()) = join(reads(&runtime, server), write).await;
        assert_eq!(read, list(&[(50, "one"), (70, "two"), (70, "end")]));
    });
}

#[test]
fn bytes_arrive_without_a_waiting_reader() {
    MockRuntime::check(async |runtime| {
        let (mut client, server, _) = connected(&runtime, conditions().latency(ms(50))).await;
        client.write_all(b"one").await.unwrap();
        drop(client);
        runtime.sleep(ms(200)).await;
        let read = reads(&runtime, server).await;
        assert_eq!(read, list(&[(200, "one"), (200, "end")]));
    });
}

#[test]
fn a_latency_that_varies_keeps_the_order() {
    let times = Mutex::new(Vec::new());
    MockRuntime::check(async |runtime| {
        let like = conditions().latency_between(ms(10), ms(500));
        let (mut client, server, _) = connected(&runtime, like).await;
        let write = async {
            for letter in 'a'..='z' {
                client
                    .write_all(letter.to_string().as_bytes())
                    .await
                    .unwrap();
                runtime.sleep(ms(10)).await;
            }
            drop(client);
        };
        let (read, ()) = join(reads(&runtime, server), write).await;
        let text: String = read.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(text, "abcdefghijklmnopqrstuvwxyzend");
        for (at, text) in &read[..read.len() - 1] {
            let first = u64::from(text.as_bytes()[0] - b'a') * 10;
            assert!(*at >= first + 10 && *at <= first + 750, "{text} at {at}");
        }
        times.lock().unwrap().push(read[0].0);
    });
    let mut times = times.into_inner().unwrap();
    times.sort();
    times.dedup();
    assert!(times.len() > 5, "{times:?}");
}

#[test]
fn each_direction_has_its_own_bandwidth() {
    MockRuntime::check(async |runtime| {
        let like = conditions().bandwidth(1000).latency(ms(5));
        let (mut client, mut server, _) = connected(&runtime, like).await;
        client.write_all(&[b'x'; 100]).await.unwrap();
        client.write_all(&[b'y'; 50]).await.unwrap();
        server.write_all(b"0123456789").await.unwrap();
        let (client_reads, mut writer) = client.split();
        let client_sends = async {
            runtime.sleep(ms(1000)).await;
            // All earlier bytes have been sent. The bandwidth that was not used since then does not make
            // this write faster.
            writer.write_all(b"late").await.unwrap();
            writer.close().await.unwrap();
        };
        let (server_reads, mut writer) = server.split();
        writer.close().await.unwrap();
        let there = reads(&runtime, server_reads);
        let ((there, back), ()) =
            join(join(there, reads(&runtime, client_reads)), client_sends).await;
        let (x, y) = ("x".repeat(100), "y".repeat(50));
        assert_eq!(
            there,
            list(&[(105, &x), (155, &y), (1009, "late"), (1009, "end")])
        );
        assert_eq!(back, list(&[(15, "0123456789"), (15, "end")]));
    });
}

#[test]
fn segments_are_of_any_size_up_to_the_limit_and_arrive_one_at_a_time() {
    let sizes = Mutex::new(Vec::new());
    MockRuntime::check(async |runtime| {
        let (mut client, server, _) = connected(&runtime, conditions().segment(4)).await;
        client.write_all(&[b'x'; 200]).await.unwrap();
        drop(client);
        let read = reads(&runtime, server).await;
        let mut lengths: Vec<_> = read.iter().map(|(_, text)| text.len()).collect();
        assert_eq!(lengths.pop(), Some("end".len()));
        assert_eq!(lengths.iter().sum::<usize>(), 200);
        sizes.lock().unwrap().push(lengths);
    });
    let mut sizes = sizes.into_inner().unwrap();
    let mut all = sizes.concat();
    all.sort();
    all.dedup();
    assert_eq!(all, [1, 2, 3, 4]);
    sizes.sort();
    sizes.dedup();
    assert!(sizes.len() > 10, "each seed splits the data differently");
}

#[test]
fn a_read_between_two_segments_waits() {
    MockRuntime::check(async |runtime| {
        let (mut client, mut server, _) = connected(&runtime, conditions().segment(1)).await;
        client.write_all(b"ab").await.unwrap();
        let mut buffer = [0; 9];
        assert_eq!(server.read(&mut buffer).await.unwrap(), 1);
        assert!(server.read(&mut buffer).now_or_never().is_none());
        assert_eq!(server.read(&mut buffer).await.unwrap(), 1);
    });
}

#[test]
fn a_connect_takes_its_own_latency() {
    Schedules::new().seeds(0..50).run(async |runtime| {
        let like = conditions().connect_latency_between(ms(10), ms(20));
        runtime.network().set(like);
        assert_eq!(
            connect(&runtime).await.err().unwrap().kind(),
            ConnectionRefused
        );
        let first = runtime.now();
        assert!((ms(10)..=ms(20)).contains(&first), "{first:?}");
        let _listener = runtime.listen(address());
        connect(&runtime).await.unwrap();
        let second = runtime.now() - first;
        assert!((ms(10)..=ms(20)).contains(&second), "{second:?}");
        assert_ne!(first, second);
    });
}

#[test]
fn the_capacity_counts_bytes_in_flight() {
    MockRuntime::check(async |runtime| {
        let like = conditions().capacity(10).latency(ms(50));
        let (mut client, mut server, _) = connected(&runtime, like).await;
        assert_eq!(client.write(&[b'x'; 20]).await.unwrap(), 10);
        let write = async {
            client.write_all(b"more").await.unwrap();
            runtime.now()
        };
        let mut buffer = [0; 10];
        let (at, read) = join(write, server.read(&mut buffer)).await;
        assert_eq!((at, read.unwrap()), (ms(50), 10));
    });
}

#[test]
fn new_conditions_apply_to_new_bytes_without_reordering() {
    MockRuntime::check(async |runtime| {
        let (mut client, server, connection) =
            connected(&runtime, conditions().latency(ms(100))).await;
        client.write_all(b"slow").await.unwrap();
        connection.set(conditions().latency(ms(10)));
        client.write_all(b"fast").await.unwrap();
        let write = async {
            runtime.sleep(ms(200)).await;
            client.write_all(b"again").await.unwrap();
            drop(client);
        };
        let (read, ()) = join(reads(&runtime, server), write).await;
        assert_eq!(
            read,
            list(&[(100, "slowfast"), (210, "again"), (210, "end")])
        );
    });
}

#[test]
fn a_half_close_ends_one_direction_after_the_bytes_in_flight() {
    MockRuntime::check(async |runtime| {
        for side in [Side::Client, Side::Server] {
            let start = runtime.now().as_millis() as u64;
            let (client, server, connection) =
                connected(&runtime, conditions().latency(ms(50))).await;
            let mut ends: [BoxedStream; 2] = [client, Box::new(server)];
            if side == Side::Server {
                ends.reverse();
            }
            let [mut closed, mut other] = ends;
            closed.write_all(b"last").await.unwrap();
            connection.half_close(side);
            assert_eq!(closed.write(b"x").await.unwrap_err().kind(), BrokenPipe);
            let read = reads(&runtime, &mut other).await;
            assert_eq!(read, list(&[(start + 50, "last"), (start + 50, "end")]));
            other.write_all(b"still heard").await.unwrap();
            drop(other);
            let read = reads(&runtime, &mut closed).await;
            assert_eq!(
                read,
                list(&[(start + 100, "still heard"), (start + 100, "end")])
            );
        }
    });
}

#[test]
fn a_reset_breaks_both_ends_at_once_and_loses_unread_bytes() {
    MockRuntime::check(async |runtime| {
        for latency in [0, 50] {
            let (mut client, server, connection) =
                connected(&runtime, conditions().latency(ms(latency))).await;
            client.write_all(b"lost").await.unwrap();
            let before = runtime.now();
            let break_it = async {
                runtime.sleep(ms(20)).await;
                assert!(connection.is_open());
                connection.reset();
                assert!(!connection.is_open());
            };
            let (error, ()) = join(client.read(&mut [0]), break_it).await;
            assert_eq!(error.unwrap_err().kind(), ConnectionReset);
            assert_eq!(runtime.now(), before + ms(20));
            let ends: [BoxedStream; 2] = [client, Box::new(server)];
            for mut end in ends {
                for _ in 0..2 {
                    assert_eq!(
                        end.read(&mut [0]).await.unwrap_err().kind(),
                        ConnectionReset
                    );
                    assert_eq!(end.write(b"x").await.unwrap_err().kind(), ConnectionReset);
                }
            }
            assert!(runtime.network().connections().is_empty());
        }
    });
}

#[test]
fn a_reset_wakes_a_writer_that_waits() {
    MockRuntime::check(async |runtime| {
        let (mut client, _server, connection) = connected(&runtime, conditions().capacity(1)).await;
        let break_it = async {
            runtime.sleep(ms(20)).await;
            connection.reset();
        };
        let (error, ()) = join(client.write_all(b"xy"), break_it).await;
        assert_eq!(error.unwrap_err().kind(), ConnectionReset);
    });
}

#[test]
fn a_reset_may_let_the_data_through_first() {
    MockRuntime::check(async |runtime| {
        let (mut client, server, connection) =
            connected(&runtime, conditions().latency(ms(50))).await;
        client.write_all(b"heard").await.unwrap();
        connection.reset_after_data();
        assert_eq!(
            client.write(b"x").await.unwrap_err().kind(),
            ConnectionReset
        );
        let read = reads(&runtime, server).await;
        assert_eq!(read, list(&[(0, "heard"), (0, "connection reset")]));
    });
}

#[test]
fn an_end_that_resets_breaks_the_other_after_the_latency() {
    MockRuntime::check(async |runtime| {
        let (mut client, mut server, connection) =
            connected(&runtime, conditions().latency(ms(50))).await;
        server.write_all(b"early").await.unwrap();
        runtime.sleep(ms(20)).await;
        server.write_all(b"late").await.unwrap();
        server.reset();
        client.write_all(b"to nobody").await.unwrap();
        assert!(connection.is_open());
        let read = reads(&runtime, &mut client).await;
        // Bytes that arrive together with the reset are unread, and so lost.
        assert_eq!(read, list(&[(50, "early"), (70, "connection reset")]));
        assert_eq!(
            client.write(b"x").await.unwrap_err().kind(),
            ConnectionReset
        );
        assert!(!connection.is_open());
    });
}

#[test]
fn a_writer_fails_a_latency_after_its_reader_has_gone() {
    MockRuntime::check(async |runtime| {
        let like = conditions().capacity(4).latency(ms(50));
        let (mut client, server, _) = connected(&runtime, like).await;
        client.write_all(b"full").await.unwrap();
        let leave = async {
            runtime.sleep(ms(20)).await;
            drop(server);
        };
        let (written, ()) = join(
            async {
                let error = client.write_all(b"!").await.unwrap_err();
                (error.kind(), runtime.now())
            },
            leave,
        )
        .await;
        assert_eq!(written, (BrokenPipe, ms(70)));
    });
}

#[test]
fn an_end_reports_how_many_of_its_bytes_have_not_arrived() {
    Schedules::new().seeds(0..3).run(async |runtime| {
        let (mut client, server, connection) =
            connected(&runtime, conditions().latency(ms(10))).await;
        assert_eq!(client.unacknowledged(), Some(0));
        client.write_all(b"hello").await.unwrap();
        assert_eq!(client.unacknowledged(), Some(5));
        runtime.sleep(ms(10)).await;
        assert_eq!(
            client.unacknowledged(),
            Some(0),
            "the bytes have arrived, though they are unread"
        );
        client.write_all(b"abc").await.unwrap();
        drop(server);
        client.write_all(b"de").await.unwrap();
        runtime.sleep(ms(5)).await;
        assert_eq!(client.unacknowledged(), Some(5));
        drop(connection);
    });
}

#[test]
fn bytes_in_a_black_hole_are_never_acknowledged() {
    Schedules::new().seeds(0..3).run(async |runtime| {
        let (mut client, _server, connection) = connected(&runtime, conditions()).await;
        connection.black_hole();
        client.write_all(b"hello").await.unwrap();
        runtime.sleep(ms(100_000)).await;
        assert_eq!(client.unacknowledged(), Some(5));
    });
}

#[test]
fn new_connects_are_refused_until_restored() {
    MockRuntime::check(async |runtime| {
        let _listener = runtime.listen(address());
        let mut old = connect(&runtime).await.unwrap();
        runtime.network().refuse(address());
        assert_eq!(
            connect(&runtime).await.err().unwrap().kind(),
            ConnectionRefused
        );
        old.write_all(b"x").await.unwrap();
        runtime.network().restore(address());
        connect(&runtime).await.unwrap();
    });
}

#[test]
fn new_connects_to_a_black_hole_hang_until_restored() {
    MockRuntime::check(async |runtime| {
        let _listener = runtime.listen(address());
        runtime.network().black_hole(address());
        assert!(hangs(&runtime, connect(&runtime)).await);
        let before = runtime.now();
        let restore = async {
            runtime.sleep(ms(10)).await;
            runtime.network().restore(address());
        };
        let (stream, ()) = join(connect(&runtime), restore).await;
        stream.unwrap();
        assert_eq!(runtime.now(), before + ms(10));
    });
}

#[test]
fn a_connection_in_a_black_hole_accepts_bytes_and_stays_silent() {
    MockRuntime::check(async |runtime| {
        let like = conditions().capacity(100).latency(ms(50));
        let (mut client, mut server, connection) = connected(&runtime, like).await;
        server.write_all(b"there").await.unwrap();
        runtime.sleep(ms(60)).await;
        server.write_all(b"on its way").await.unwrap();
        connection.black_hole();
        // The client can read the bytes that had arrived. Afterwards it reads nothing more, not even the
        // end of the stream.
        let mut buffer = [0; 64];
        assert_eq!(client.read(&mut buffer).await.unwrap(), 5);
        client.write_all(&[b'x'; 100]).await.unwrap();
        assert!(hangs(&runtime, client.write_all(b"more")).await);
        assert!(hangs(&runtime, server.read(&mut buffer)).await);
        drop(server);
        assert!(hangs(&runtime, client.read(&mut buffer)).await);
        assert!(hangs(&runtime, client.write_all(b"more")).await);
        connection.heal();
        assert!(hangs(&runtime, client.read(&mut buffer)).await);
        connection.reset();
        assert_eq!(
            client.read(&mut buffer).await.unwrap_err().kind(),
            ConnectionReset
        );
    });
}

#[test]
fn a_black_hole_loses_bytes_in_flight_and_keeps_their_capacity_used() {
    MockRuntime::check(async |runtime| {
        let like = conditions().capacity(100).latency(ms(50));
        let (mut client, mut server, connection) = connected(&runtime, like).await;
        client.write_all(&[b'x'; 60]).await.unwrap();
        connection.black_hole();
        assert_eq!(client.write(&[b'x'; 100]).await.unwrap(), 40);
        assert!(hangs(&runtime, server.read(&mut [0])).await);
    });
}

#[test]
fn a_black_hole_loses_the_end_of_a_connection() {
    MockRuntime::check(async |runtime| {
        for (reset, after) in [(true, true), (true, false), (false, true), (false, false)] {
            let (mut client, server, connection) =
                connected(&runtime, conditions().latency(ms(50))).await;
            let end = || if reset { server.reset() } else { drop(server) };
            if after {
                connection.black_hole();
                end();
            } else {
                end();
                connection.black_hole();
            }
            for _ in 0..2 {
                assert!(hangs(&runtime, client.read(&mut [0])).await);
                client.write_all(b"x").await.unwrap();
                // The end of a partition does not restore what a black hole has lost.
                runtime.network().partition();
                runtime.network().heal();
            }
        }
    });
}

#[test]
fn a_partition_delays_an_end_in_flight() {
    MockRuntime::check(async |runtime| {
        for reset in [false, true] {
            let (mut client, server, _) = connected(&runtime, conditions().latency(ms(50))).await;
            if reset {
                server.reset()
            } else {
                drop(server)
            };
            runtime.sleep(ms(20)).await;
            runtime.network().partition();
            assert!(hangs(&runtime, client.read(&mut [0])).await);
            client.write_all(b"x").await.unwrap();
            runtime.network().heal();
            let healed = runtime.now();
            client.write_all(b"x").await.unwrap();
            let read = client.read(&mut [0]).await.map_err(|error| error.kind());
            let (expected, written) = match reset {
                true => (Err(ConnectionReset), ConnectionReset),
                false => (Ok(0), BrokenPipe),
            };
            assert_eq!((read, runtime.now()), (expected, healed + ms(50)));
            assert_eq!(client.write(b"x").await.unwrap_err().kind(), written);
        }
    });
}

#[test]
fn bytes_held_by_a_partition_are_sent_again_when_it_ends() {
    for (before, after, arrives) in [
        // The bytes that the partition held no longer occupy the bandwidth when they are sent again.
        (
            conditions().bandwidth(1000),
            conditions().bandwidth(1000),
            1100,
        ),
        // The reader already waits until the time at which the bytes would have arrived with the old
        // latency.
        (
            conditions().latency(ms(1000)),
            conditions().latency(ms(10)),
            110,
        ),
    ] {
        MockRuntime::check(async |runtime| {
            let (mut client, server, connection) = connected(&runtime, before.clone()).await;
            let text = "x".repeat(1000);
            client.write_all(text.as_bytes()).await.unwrap();
            drop(client);
            let (clock, after) = (runtime.clone(), after.clone());
            // The changes are made in a separate task, so that the reader runs only when the network
            // wakes it.
            runtime.spawn_named("cut", async move {
                clock.sleep(ms(1)).await;
                connection.partition();
                connection.set(after);
                clock.sleep(ms(99)).await;
                connection.heal();
            });
            let read = reads(&runtime, server).await;
            assert_eq!(read, list(&[(arrives, &text), (arrives, "end")]));
        });
    }
}

#[test]
fn a_reader_that_starts_to_wait_while_a_reset_is_in_flight_is_woken() {
    MockRuntime::check(async |runtime| {
        let like = conditions().capacity(1).latency(ms(50));
        let (client, server, _) = connected(&runtime, like).await;
        let (mut reader, mut writer) = client.split();
        writer.write_all(b"x").await.unwrap();
        server.reset();
        // The write is lost.
        let (read, written) = join(reader.read(&mut [0]), async {
            runtime.sleep(ms(20)).await;
            writer.write_all(&[b'x'; 100]).await.unwrap();
            runtime.sleep(ms(30)).await;
            writer.write_all(b"x").await
        })
        .await;
        assert_eq!(read.unwrap_err().kind(), ConnectionReset);
        assert_eq!(written.unwrap_err().kind(), ConnectionReset);
        assert_eq!(runtime.now(), ms(50));
    });
}

#[test]
fn a_waiting_writer_goes_on_when_the_capacity_grows() {
    MockRuntime::check(async |runtime| {
        let (mut client, _server, connection) = connected(&runtime, conditions().capacity(1)).await;
        let widen = async {
            runtime.sleep(ms(20)).await;
            connection.set(conditions());
        };
        let (written, ()) = join(client.write_all(b"xyz"), widen).await;
        written.unwrap();
    });
}

#[test]
fn a_partition_holds_all_bytes_and_they_arrive_in_order_after_it() {
    MockRuntime::check(async |runtime| {
        for (own, latency) in [(true, 0), (false, 0), (true, 50), (false, 50)] {
            let start = runtime.now().as_millis() as u64;
            let (mut client, server, connection) =
                connected(&runtime, conditions().latency(ms(latency))).await;
            client.write_all(b"arrived ").await.unwrap();
            runtime.sleep(ms(60)).await;
            client.write_all(b"1 ").await.unwrap();
            let network = runtime.network();
            if own {
                connection.partition()
            } else {
                network.partition()
            };
            client.write_all(b"2 ").await.unwrap();
            runtime.sleep(ms(1000)).await;
            client.write_all(b"3 ").await.unwrap();
            drop(client);
            let heal = async {
                runtime.sleep(ms(1000)).await;
                if own {
                    connection.heal()
                } else {
                    network.heal()
                };
            };
            let (read, ()) = join(reads(&runtime, server), heal).await;
            let (read_at, healed) = (start + 1060, start + 2060 + latency);
            if latency == 0 {
                let expected = [(read_at, "arrived 1 "), (healed, "2 3 "), (healed, "end")];
                assert_eq!(read, list(&expected));
            } else {
                let expected = [(read_at, "arrived "), (healed, "1 2 3 "), (healed, "end")];
                assert_eq!(read, list(&expected));
            }
        }
    });
}

#[test]
fn an_end_sent_during_a_partition_arrives_after_it() {
    MockRuntime::check(async |runtime| {
        for reset in [false, true] {
            let (mut client, server, _) = connected(&runtime, conditions()).await;
            runtime.network().partition();
            if reset {
                server.reset()
            } else {
                drop(server)
            };
            client.write_all(b"to nobody").await.unwrap();
            assert!(hangs(&runtime, client.read(&mut [0])).await);
            runtime.network().heal();
            let expected = if reset { ConnectionReset } else { BrokenPipe };
            assert_eq!(client.write(b"x").await.unwrap_err().kind(), expected);
        }
    });
}

#[test]
fn a_connection_is_cut_until_both_partitions_have_ended() {
    MockRuntime::check(async |runtime| {
        let (mut client, mut server, connection) = connected(&runtime, conditions()).await;
        connection.partition();
        runtime.network().partition();
        client.write_all(b"x").await.unwrap();
        connection.heal();
        assert!(hangs(&runtime, server.read(&mut [0])).await);
        connection.partition();
        runtime.network().heal();
        assert!(hangs(&runtime, server.read(&mut [0])).await);
        connection.heal();
        assert_eq!(server.read(&mut [0]).await.unwrap(), 1);
    });
}

#[test]
fn connects_wait_for_the_end_of_a_partition() {
    MockRuntime::check(async |runtime| {
        let listener = runtime.listen(address());
        runtime.network().partition();
        let heal = async {
            runtime.sleep(ms(500)).await;
            runtime.network().heal();
        };
        let (stream, ()) = join(connect(&runtime), heal).await;
        stream.unwrap();
        assert_eq!(runtime.now(), ms(500));
        runtime.network().partition();
        drop(listener);
        let (stream, ()) = join(connect(&runtime), async { runtime.network().heal() }).await;
        assert_eq!(stream.err().unwrap().kind(), ConnectionRefused);
    });
}

#[test]
fn open_connections_are_listed() {
    MockRuntime::check(async |runtime| {
        let mut listener = runtime.listen(address());
        let numbers = || -> Vec<u64> {
            let connections = runtime.network().connections();
            connections.iter().map(Connection::number).collect()
        };
        let mut ends = Vec::new();
        for _ in 0..4 {
            ends.push((connect(&runtime).await.unwrap(), listener.accept().await));
        }
        assert_eq!(numbers(), [1, 2, 3, 4]);
        runtime.network().connections()[1].reset();
        let (client, server) = ends.remove(2);
        drop(client);
        assert_eq!(numbers(), [1, 3, 4], "the other end is still open");
        drop(server);
        assert_eq!(numbers(), [1, 4]);
        runtime.network().reset_all();
        assert!(numbers().is_empty());
        assert_eq!(
            ends[0].1.read(&mut [0]).await.unwrap_err().kind(),
            ConnectionReset
        );
    });
}

#[test]
fn names_resolve_as_they_were_given() {
    MockRuntime::check(async |runtime| {
        let network = runtime.network();
        let resolve = async |host: &str| {
            let found = runtime.resolve(host, 80).await;
            found.map_err(|error| error.kind())
        };
        network.name(
            "Chat.test",
            ["10.0.0.1", "::1"].map(|ip| ip.parse().unwrap()),
        );
        let both = ["10.0.0.1:80", "[::1]:80"].map(|address| address.parse().unwrap());
        assert_eq!(resolve("chat.TEST").await.unwrap(), both);
        assert_eq!(resolve("other.test").await, Err(NotFound));
        assert_eq!(resolve("localhost").await.unwrap().len(), 1);
        network.name("chat.test", []);
        assert_eq!(resolve("chat.test").await, Err(NotFound));
    });
}

#[test]
fn a_deadlock_report_names_each_task_and_what_it_waits_for() {
    let (runtime, spawned_at) = (MockRuntime::seeded(1), Cell::new(0));
    let other: SocketAddr = "10.0.0.2:80".parse().unwrap();
    let text = deadlock(&runtime, async {
        let (client, server, _) = connected(&runtime, conditions().capacity(1)).await;
        let (mut reader, mut writer) = server.split();
        runtime.spawn_named("reader", async move {
            let _ = reader.read(&mut [0]).await;
        });
        let clock = runtime.clone();
        let line = line!() + 1;
        runtime.spawn_named("writer", async move {
            clock.sleep(ms(250)).await;
            let _ = writer.write_all(b"xy").await;
        });
        runtime.spawn(Box::pin(pending()));
        let mut listener: MockListener = runtime.listen(other);
        runtime.spawn(Box::pin(async move {
            listener.accept().await;
        }));
        let lost: SocketAddr = "10.0.0.3:80".parse().unwrap();
        runtime.network().black_hole(lost);
        let dialing = runtime.clone();
        runtime.spawn_named("dialer", async move {
            let _ = dialing.connect(&Address::Tcp(lost)).await;
        });
        runtime.spawn_named("sleeper", runtime.sleep(Duration::MAX));
        runtime.sleep(ms(1500)).await;
        spawned_at.set(line);
        pending::<()>().await;
        drop(client);
    });
    let line = spawned_at.get();
    let lines: Vec<_> = text.lines().collect();
    assert!(
        lines[0].starts_with("deadlock at 1.5s of virtual time"),
        "{text}"
    );
    let has = |what: &str| {
        assert!(
            lines.iter().any(|line| line.contains(what)),
            "{what} in {text}"
        )
    };
    assert_eq!(lines.len(), 8, "{text}");
    has(&format!("task \"writer\", spawned at {}:{line}:", file!()));
    has("task \"reader\"");
    has(
        "since 250ms: waits for room to write to connection #1 with 10.0.0.1:80 (its server's end)",
    );
    has("waits for bytes to read from connection #1 with 10.0.0.1:80 (its server's end)");
    has("the future of block_on, since 1.5s: waits for something other than a timer");
    has(", since 0ns: waits for something other than a timer or the mock network");
    has(", since 0ns: waits for a connection to accept on 10.0.0.2:80");
    has("waits for a connection to 10.0.0.3:80, a black hole");
    has("task \"sleeper\"");
    has("waits for a sleep that never ends");
}

#[test]
fn a_deadlock_report_names_partitions_and_omits_dropped_waits() {
    let runtime = MockRuntime::new();
    let text = deadlock(&runtime, async {
        let (mut client, _server, _) = connected(&runtime, conditions()).await;
        let mut listener = runtime.listen("10.0.0.2:80".parse().unwrap());
        runtime.network().partition();
        assert!(hangs(&runtime, listener.accept()).await);
        assert!(hangs(&runtime, connect(&runtime)).await);
        let _ = client.read(&mut [0]).await;
    });
    let end = "waits for bytes to read from connection #1 with 10.0.0.1:80 (its client's end), \
               across a partition";
    assert!(text.ends_with(end), "{text}");
    assert!(
        !text.contains("accept") && !text.contains("a connect"),
        "{text}"
    );
}

/// Traffic that contains every kind of event.
fn story(seed: u64) -> Vec<String> {
    let runtime = MockRuntime::seeded(seed);
    let network = runtime.network();
    network.record();
    let like = conditions()
        .latency_between(ms(5), ms(50))
        .connect_latency_between(ms(1), ms(9))
        .bandwidth(100_000)
        .segment(300);
    network.set(like);
    let mut listener = runtime.listen(address());
    let clock = runtime.clone();
    runtime.spawn_named("server", async move {
        loop {
            let mut stream = listener.accept().await;
            clock.spawn(Box::pin(async move {
                let mut buffer = [0; 512];
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    let _ = stream.write_all(&buffer[..count]).await;
                }
            }));
        }
    });
    for _ in 0..5 {
        let clock = runtime.clone();
        runtime.spawn(Box::pin(async move {
            let Ok(mut stream) = connect(&clock).await else {
                return;
            };
            for _ in 0..5 {
                let mut bytes = vec![0; 1 + (clock.random() % 1000) as usize];
                let _ = stream.write_all(&bytes).await;
                if stream.read_exact(&mut bytes).await.is_err() {
                    return;
                }
            }
        }));
    }
    let clock = runtime.clone();
    runtime.spawn_named("ticker", async move {
        let Ok(mut stream) = connect(&clock).await else {
            return;
        };
        while stream.write_all(b"tick").await.is_ok() {
            clock.sleep(ms(7)).await;
        }
    });
    let clock = runtime.clone();
    runtime.block_on(async {
        for step in 0..12 {
            clock.sleep(ms(10 + clock.random() % 20)).await;
            let connections = network.connections();
            if connections.is_empty() {
                continue;
            }
            let unlucky = &connections[(clock.random() % connections.len() as u64) as usize];
            match step {
                1 => network.partition(),
                3 => network.heal(),
                6 => unlucky.reset(),
                8 => unlucky.black_hole(),
                9 => unlucky.half_close(Side::Server),
                10 => unlucky.reset_after_data(),
                _ => {}
            }
        }
        clock.sleep(ms(1000)).await;
    });
    runtime.abort_tasks();
    network.log()
}

#[test]
fn the_same_seed_gives_the_same_log_and_another_seed_another() {
    let logs: Vec<_> = (0..10).map(story).collect();
    for (seed, log) in (0..).zip(&logs) {
        assert_eq!(*log, story(seed));
        let others = logs.iter().filter(|other| *other == log);
        assert_eq!(others.count(), 1);
        let time = |line: &String| line.split_once(' ').unwrap().0.parse::<f64>().unwrap();
        assert!(log.is_sorted_by_key(time));
    }
    let text = logs.concat().join("\n");
    for kind in [
        "#1 connect 10.0.0.1:80",
        " -> ",
        " <- ",
        " bytes, arrives 0.",
        " bytes, held",
        " bytes, lost",
        " end, arrives",
        " end, lost",
        " reset",
        " partition",
        " heal",
        " black hole",
    ] {
        assert!(text.contains(kind), "{kind} in\n{text}");
    }
}

#[test]
fn a_log_is_kept_only_if_asked_for_and_can_be_taken_once() {
    MockRuntime::check(async |runtime| {
        let network = runtime.network();
        let _ = connect(&runtime).await;
        assert!(network.log().is_empty());
        network.record();
        let _ = connect(&runtime).await;
        assert_eq!(network.log(), ["0.000000000 connect 10.0.0.1:80: refused"]);
        assert!(network.log().is_empty());
    });
}

#[test]
fn the_schedules_are_the_fixed_orders_and_the_seeds() {
    let numbers = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&numbers);
    Schedules::new().seeds(5..8).run(async move |runtime| {
        seen.lock().unwrap().push(runtime.random());
    });
    let expected = [
        MockRuntime::new().random(),
        MockRuntime::new().random(),
        MockRuntime::seeded(5).random(),
        MockRuntime::seeded(6).random(),
        MockRuntime::seeded(7).random(),
    ];
    assert_eq!(*numbers.lock().unwrap(), expected);
}

#[test]
fn a_task_that_is_still_running_fails_the_test_unless_that_is_allowed() {
    let leave = async |runtime: MockRuntime| {
        runtime.spawn_named("forgotten", runtime.sleep(ms(100)));
    };
    for (schedules, fails) in [
        (Schedules::new(), true),
        (Schedules::new().grace(ms(99)), true),
        (Schedules::new().grace(ms(100)), false),
        (Schedules::new().leave_tasks(), false),
    ] {
        let run = catch_unwind(AssertUnwindSafe(|| schedules.run(leave)));
        assert_eq!(run.is_err(), fails);
        if let Err(panic) = run {
            let text = panic.downcast::<String>().unwrap();
            assert!(
                text.starts_with("the test left tasks running: 1\n  task \"forgotten\""),
                "{text}"
            );
        }
    }
}

const ON_PURPOSE: &str = "MOCK_NETWORK_FAILS_ON_PURPOSE";

/// Not a test of its own: the test below runs it in another process, where it fails on purpose.
#[test]
fn fails_under_seed_3() {
    if std::env::var_os(ON_PURPOSE).is_none() {
        return;
    }
    Schedules::new().run(async |runtime| {
        println!("run {}", runtime.random());
        runtime.sleep(ms(1)).await;
        let third = MockRuntime::seeded(3);
        let numbers = [third.random(), third.random()];
        let failing = runtime.random() == numbers[1];
        assert!(!failing, "it fails on purpose");
    });
}

#[test]
fn a_failure_names_its_seed_and_the_environment_can_run_that_seed_alone() {
    let run = |seed: Option<&str>| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "--nocapture", "fails_under_seed_3"]);
        command.env(ON_PURPOSE, "1");
        command.env_remove("ENGINEIO_SEED");
        command.envs(seed.map(|seed| ("ENGINEIO_SEED", seed)));
        let output = command.output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let runs = text.lines().filter(|line| line.starts_with("run ")).count();
        (output.status.success(), runs, text)
    };
    let (passes, runs, text) = run(None);
    assert!(!passes);
    assert!(
        text.contains("under seed 3, at 1ms of virtual time"),
        "{text}"
    );
    assert!(text.contains("ENGINEIO_SEED=3"), "{text}");
    assert_eq!(runs, 6, "{text}");
    let (passes, runs, text) = run(Some("3"));
    assert!(!passes);
    assert_eq!(runs, 1, "{text}");
    for fine in ["4", "fifo", "lifo"] {
        let (passes, runs, text) = run(Some(fine));
        assert!(passes, "{text}");
        assert_eq!(runs, 1, "{text}");
    }
    let (passes, _, text) = run(Some("seven"));
    assert!(!passes);
    assert!(
        text.contains("ENGINEIO_SEED must be a seed") && text.contains("seven"),
        "{text}"
    );
}

#[test]
fn r18_a_connection_has_the_requested_local_address_if_its_family_matches() {
    let runtime = MockRuntime::new();
    let _listener = runtime.listen(address());
    runtime.network().record();
    runtime.block_on(async {
        let local: SocketAddr = "10.0.0.7:0".parse().unwrap();
        let bound = runtime.connect_from(local, address()).await.unwrap();
        let other = connect(&runtime).await.unwrap();
        let connections = runtime.network().connections();
        let locals: Vec<_> = connections.iter().map(Connection::local_address).collect();
        assert_eq!(locals, [Some(local.ip()), None]);
        let error = runtime.connect_from("[::1]:0".parse().unwrap(), address());
        let error = error.await.err().unwrap();
        assert_eq!(error.kind(), InvalidInput);
        drop((bound, other));
    });
    let log = runtime.network().log();
    assert_eq!(log[0], "0.000000000 #1 connect 10.0.0.1:80 from 10.0.0.7");
    assert_eq!(log[1], "0.000000000 #2 connect 10.0.0.1:80");
}
