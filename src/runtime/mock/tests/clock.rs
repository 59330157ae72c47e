//! Virtual time: the clock, timers and suspensions.

use super::*;

#[test]
fn when_no_task_can_run_time_jumps_to_the_next_timer() {
    under_both_orders(|runtime| {
        let log = Log::default();
        for (name, seconds) in [("long", 7200), ("short", 3600)] {
            let (log, clock, sleep) = (log.clone(), runtime.clone(), runtime.sleep(s(seconds)));
            runtime.go(async move {
                sleep.await;
                for _ in 0..100 {
                    yield_now().await;
                }
                log.add(format!("{name} {}", clock.now().as_secs()));
            });
        }
        runtime.block_on(runtime.sleep(s(9000)));
        assert_eq!(log.take(), ["short 3600", "long 7200"]);
    });
}

#[test]
fn timers_of_one_instant_fire_one_at_a_time_in_the_order_of_their_creation() {
    under_both_orders(|runtime| {
        let log = Log::default();
        let sleeps: Vec<_> = (0..3).map(|_| runtime.sleep(s(1))).collect();
        // The timers are first polled in the reverse order of their creation.
        for (name, sleep) in sleeps.into_iter().enumerate().rev() {
            let (log, runtime2) = (log.clone(), runtime.clone());
            runtime.go(async move {
                sleep.await;
                log.add(format!("timer {name}"));
                runtime2.go(async move { log.add(format!("after {name}")) });
            });
        }
        runtime.advance(s(1));
        let expected = [
            "timer 0", "after 0", "timer 1", "after 1", "timer 2", "after 2",
        ];
        assert_eq!(log.take(), expected);
    });
}

#[test]
fn a_sleep_of_zero_length_is_pending_once_and_ends_at_the_same_instant() {
    under_both_orders(|runtime| {
        runtime.advance(s(5));
        let log = Log::default();
        let line = log.clone();
        runtime.block_on(async {
            let mut sleep = runtime.sleep(Duration::ZERO);
            assert!((&mut sleep).now_or_never().is_none());
            runtime.go(async move {
                yield_now().await;
                line.add("others first");
            });
            sleep.await;
        });
        assert_eq!(runtime.now(), s(5));
        assert_eq!(log.take(), ["others first"]);
    });
}

#[test]
fn a_sleep_counts_from_its_creation_even_if_it_is_polled_late() {
    under_both_orders(|runtime| {
        let (late, soon) = (runtime.sleep(s(10)), runtime.sleep(s(1)));
        runtime.advance(s(5));
        runtime.block_on(late);
        assert_eq!(runtime.now(), s(10));
        runtime.block_on(soon);
        assert_eq!(runtime.now(), s(10), "time does not go back");
    });
}

#[test]
fn a_sleep_wakes_the_task_that_polled_it_last() {
    under_both_orders(|runtime| {
        let mut sleep = runtime.sleep(s(1));
        runtime.block_on(async { assert!((&mut sleep).now_or_never().is_none()) });
        runtime.block_on(sleep);
        assert_eq!(runtime.now(), s(1));
    });
}

#[test]
fn a_dropped_sleep_leaves_no_timer() {
    under_both_orders(|runtime| {
        runtime.block_on(async {
            let mut sleep = runtime.sleep(s(1));
            assert!((&mut sleep).now_or_never().is_none());
            assert_eq!(runtime.timers(), 1);
        });
        assert_eq!(runtime.timers(), 0);
        let never_polled = runtime.sleep(s(1));
        assert_eq!(runtime.timers(), 0);
        runtime.block_on(runtime.sleep(s(3)));
        assert_eq!(runtime.timers(), 0, "a timer that has fired is removed");
        drop(never_polled);
    });
}

#[test]
fn a_sleep_that_never_ends_counts_as_no_timer() {
    under_both_orders(|runtime| {
        runtime.go(runtime.sleep(Duration::MAX));
        runtime.advance(s(1));
        let text = panic_of(|| runtime.block_on(runtime.sleep(Duration::MAX)));
        assert!(text.contains("deadlock at 1s"), "{text}");
        assert_eq!(runtime.now(), s(1));
    });
}

#[test]
fn advance_fires_the_timers_on_the_way_and_stops_at_the_given_time() {
    under_both_orders(|runtime| {
        let log = Log::default();
        let (line, clock) = (log.clone(), runtime.clone());
        runtime.go(async move {
            for _ in 0..3 {
                clock.sleep(s(2)).await;
                line.add(clock.now().as_secs().to_string());
            }
        });
        runtime.advance(s(1));
        assert_eq!((log.take().len(), runtime.now()), (0, s(1)));
        runtime.advance(s(3));
        assert_eq!(log.take(), ["2", "4"]);
        runtime.advance(s(10));
        assert_eq!(log.take(), ["6"]);
        assert_eq!((runtime.tasks(), runtime.now()), (0, s(14)));
    });
}

#[test]
fn a_suspension_moves_the_clock_but_not_the_timers() {
    under_both_orders(|runtime| {
        let log = Log::default();
        for seconds in [2, 1] {
            let (clock, log) = (runtime.clone(), log.clone());
            let sleep = runtime.sleep(s(seconds));
            runtime.spawn(Box::pin(async move {
                sleep.await;
                log.add(format!("{seconds} at {:?}", clock.now()));
            }));
        }
        runtime.advance(Duration::from_millis(500));
        runtime.suspend(s(10));
        assert_eq!(runtime.now(), Duration::from_millis(10_500));
        runtime.run_until_stalled();
        assert!(log.take().is_empty(), "timers do not count the suspension");
        // A timer that is created afterwards behaves like any other.
        runtime.block_on(runtime.sleep(s(1)));
        assert_eq!(log.take(), ["1 at 11s"]);
        assert_eq!(runtime.now(), Duration::from_millis(11_500));
        runtime.advance(s(1));
        assert_eq!(log.take(), ["2 at 12s"]);
        assert_eq!(runtime.timers(), 0);
    });
}

#[test]
fn run_until_stalled_runs_the_ready_tasks_without_moving_time() {
    under_both_orders(|runtime| {
        let log = Log::default();
        let (line, clock) = (log.clone(), runtime.clone());
        runtime.go(async move {
            yield_now().await;
            line.add("ready");
            clock.sleep(Duration::ZERO).await;
            line.add("this instant");
            clock.sleep(Duration::from_nanos(1)).await;
            line.add("later");
        });
        runtime.run_until_stalled();
        assert_eq!(log.take(), ["ready", "this instant"]);
        assert_eq!((runtime.tasks(), runtime.now()), (1, s(0)));
        runtime.abort_tasks();
    });
}
