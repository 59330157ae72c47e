//! The delays alone, without a supervisor.

use super::super::backoff::{Backoff, Random};
use super::*;

fn backoff(delay: Duration, max_delay: Duration, randomization: f64) -> Backoff {
    Backoff {
        delay,
        max_delay,
        randomization,
    }
}

fn by_default() -> Backoff {
    backoff(ms(1000), ms(5000), 0.5)
}

#[test]
fn delays_are_drawn_from_the_documented_ranges() {
    let ranges = [1, 2, 3, 4, 5, u32::MAX].map(|attempt| by_default().range(attempt));
    assert_eq!(
        ranges,
        [
            (ms(500), ms(1500)),
            (ms(1000), ms(3000)),
            (ms(2000), ms(5000)),
            (ms(2500), ms(5000)),
            (ms(2500), ms(5000)),
            (ms(2500), ms(5000)),
        ]
    );
    let whole = backoff(ms(1000), ms(5000), 1.0);
    assert_eq!(whole.range(1), (ms(0), ms(2000)));
    assert_eq!(whole.range(9), (ms(0), ms(5000)));
    // The maximum also limits the first delay.
    let short = backoff(ms(1000), ms(300), 0.5);
    assert_eq!(short.range(1), (ms(150), ms(300)));
}

#[test]
fn delays_reach_both_ends_of_their_range() {
    let mut random = Random::new(1);
    for attempt in 1..6 {
        let (low, high) = by_default().range(attempt);
        let near = (high - low) / 100;
        let mut least = Duration::MAX;
        let mut most = Duration::ZERO;
        for _ in 0..10_000 {
            let delay = by_default().delay(attempt, ms(0), &mut random);
            least = least.min(delay);
            most = most.max(delay);
        }
        assert!(least >= low && least < low + near, "{least:?}");
        assert!(most <= high && most > high - near, "{most:?}");
    }
}

#[test]
fn extreme_delays_do_not_overflow() {
    let mut random = Random::new(1);
    for attempt in [1, 2, 100, u32::MAX] {
        let endless = backoff(Duration::MAX, Duration::MAX, 1.0);
        endless.delay(attempt, Duration::MAX, &mut random);
        let zero = backoff(ms(0), Duration::MAX, 1.0);
        assert_eq!(zero.delay(attempt, ms(0), &mut random), ms(0));
        let none = backoff(ms(1000), ms(0), 1.0);
        assert_eq!(none.delay(attempt, ms(0), &mut random), ms(0));
    }
    let growing = backoff(Duration::from_nanos(1), Duration::MAX, 0.0);
    assert_eq!(growing.delay(u32::MAX, ms(0), &mut random), Duration::MAX);
}

/// The largest number of these times that are within 50 ms of each other.
fn most_within_50_ms(mut times: Vec<Duration>) -> usize {
    times.sort();
    let counts = times.iter().enumerate().map(|(index, time)| {
        let end = times.partition_point(|other| *other < *time + ms(50));
        end - index
    });
    counts.max().unwrap()
}

const CLIENTS: u64 = 1000;

/// For each of 100 runs, the random generators of all clients.
fn all_clients() -> impl Iterator<Item = Vec<Random>> {
    (0..100).map(|seed| {
        let clients = seed * CLIENTS..(seed + 1) * CLIENTS;
        clients.map(Random::new).collect()
    })
}

#[test]
fn clients_of_a_restarting_server_reconnect_spread_out() {
    let backoff = by_default();
    for mut clients in all_clients() {
        // The clients are spread out both in the delays before each attempt and in the total times since
        // their sessions ended.
        let mut since_the_end = vec![Duration::ZERO; clients.len()];
        for attempt in 1..10 {
            let delays: Vec<Duration> = clients
                .iter_mut()
                .map(|random| backoff.delay(attempt, ms(0), random))
                .collect();
            for (time, delay) in since_the_end.iter_mut().zip(&delays) {
                *time += *delay;
            }
            assert!(most_within_50_ms(delays) <= 100, "attempt {attempt}");
            assert!(most_within_50_ms(since_the_end.clone()) <= 100);
        }
    }
}

#[test]
fn clients_that_find_the_server_up_again_are_spread_out() {
    let backoff = by_default();
    for (index, clients) in all_clients().enumerate() {
        // The server is down for up to 20 s.
        let up = ms(index as u64 * 200);
        let back = clients.into_iter().map(|mut random| {
            let mut time = Duration::ZERO;
            let mut attempt = 0;
            while attempt == 0 || time < up {
                attempt += 1;
                time += backoff.delay(attempt, ms(0), &mut random);
            }
            time
        });
        let most = most_within_50_ms(back.collect());
        assert!(most <= 100, "{most} after {up:?}");
    }
}

#[test]
fn clients_of_an_overloaded_server_reconnect_spread_out_and_not_too_early() {
    let backoff = by_default();
    for mut clients in all_clients() {
        for attempt in 1..6 {
            let asked = ms(30_000);
            let delays: Vec<Duration> = clients
                .iter_mut()
                .map(|random| backoff.delay(attempt, asked, random))
                .collect();
            assert!(delays.iter().all(|delay| *delay >= asked));
            assert!(delays.iter().all(|delay| *delay <= asked + ms(3000)));
            assert!(most_within_50_ms(delays) <= 100, "attempt {attempt}");
        }
    }
}
