//! The executor and its clock. The network is tested from outside, in `tests/mock_kit.rs`.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn, ready};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use futures::FutureExt;
use futures::future::join;

use super::{MockRuntime, Order};
use crate::runtime::{Address, Runtime};

const ORDERS: [Order; 2] = [Order::FirstInFirstOut, Order::LastInFirstOut];

fn under_both_orders(test: impl Fn(MockRuntime)) {
    for order in ORDERS {
        test(MockRuntime::with_order(order));
    }
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn panic_of(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("no panic");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => other.downcast::<&str>().unwrap().to_string(),
    }
}

/// Lets all others run that can.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            Poll::Ready(())
        } else {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

impl MockRuntime {
    fn go(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn(Box::pin(task));
    }

    fn timers(&self) -> usize {
        self.executor.timers()
    }
}

#[test]
fn tasks_run_in_the_chosen_order_and_the_main_future_is_one_of_them() {
    for (order, expected) in [
        (Order::FirstInFirstOut, ["a", "b", "main"]),
        (Order::LastInFirstOut, ["main", "b", "a"]),
    ] {
        let (runtime, log) = (MockRuntime::with_order(order), Log::default());
        runtime.block_on(async {
            for name in ["a", "b"] {
                let log = log.clone();
                runtime.go(async move { log.add(name) });
            }
            yield_now().await;
            log.add("main");
        });
        runtime.run_until_stalled();
        assert_eq!(log.take(), expected, "{order:?}");
    }
}

#[test]
fn woken_tasks_run_in_the_order_of_their_waking_or_in_reverse() {
    for (order, expected) in [
        (Order::FirstInFirstOut, [2, 0, 1]),
        (Order::LastInFirstOut, [1, 0, 2]),
    ] {
        let (runtime, log) = (MockRuntime::with_order(order), Log::default());
        let wakers: Arc<Mutex<[Option<Waker>; 3]>> = Arc::default();
        for task in 0..3 {
            let (wakers, log) = (Arc::clone(&wakers), log.clone());
            runtime.go(poll_fn(move |cx| {
                match wakers.lock().unwrap()[task].replace(cx.waker().clone()) {
                    None => Poll::Pending,
                    Some(_) => {
                        log.add(task.to_string());
                        Poll::Ready(())
                    }
                }
            }));
        }
        runtime.run_until_stalled();
        let wakers = wakers.lock().unwrap().clone();
        for task in [2, 0, 1, 2] {
            wakers[task].as_ref().unwrap().wake_by_ref();
        }
        runtime.run_until_stalled();
        assert_eq!(log.take(), expected.map(|task| task.to_string()));
    }
}

#[test]
fn a_task_that_is_woken_twice_is_polled_once() {
    under_both_orders(|runtime| {
        let (polls, waker) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(None)));
        let (counted, given) = (Arc::clone(&polls), Arc::clone(&waker));
        runtime.go(poll_fn(move |cx| {
            *counted.lock().unwrap() += 1;
            *given.lock().unwrap() = Some(cx.waker().clone());
            Poll::Pending
        }));
        runtime.run_until_stalled();
        let waker = waker.lock().unwrap().clone().unwrap();
        waker.wake_by_ref();
        waker.wake_by_ref();
        waker.wake();
        runtime.run_until_stalled();
        assert_eq!(*polls.lock().unwrap(), 2);
    });
}

#[test]
fn the_main_future_may_borrow_and_stay_on_its_thread() {
    under_both_orders(|runtime| {
        let (counter, borrowed) = (Rc::new(Cell::new(0)), 5);
        let sum = runtime.block_on(async {
            yield_now().await;
            counter.set(counter.get() + borrowed);
            counter.get()
        });
        assert_eq!(sum, 5);
    });
}

#[test]
fn tasks_that_outlast_the_main_future_go_on_in_the_next_run() {
    under_both_orders(|runtime| {
        let log = Log::default();
        let (line, sleep) = (log.clone(), runtime.sleep(s(1)));
        runtime.go(async move {
            sleep.await;
            line.add("task");
        });
        runtime.block_on(ready(()));
        assert_eq!((runtime.tasks(), runtime.now()), (1, s(0)));
        runtime.block_on(runtime.sleep(s(2)));
        assert_eq!((runtime.tasks(), runtime.now()), (0, s(2)));
        assert_eq!(log.take(), ["task"]);
    });
}

#[test]
fn time_moves_only_when_nothing_can_run_and_straight_to_the_next_timer() {
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
fn timers_of_one_instant_fire_one_at_a_time_in_the_order_of_their_making() {
    under_both_orders(|runtime| {
        let log = Log::default();
        let sleeps: Vec<_> = (0..3).map(|_| runtime.sleep(s(1))).collect();
        // First polled in another order than they were made.
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
fn a_sleep_of_no_length_waits_once_and_ends_at_the_same_instant() {
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
fn a_sleep_counts_from_its_making_even_if_it_is_polled_late() {
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
fn a_sleep_wakes_whoever_polled_it_last() {
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
        assert_eq!(runtime.timers(), 0, "one that has fired is gone, too");
        drop(never_polled);
    });
}

#[test]
fn a_sleep_for_ever_is_no_timer() {
    under_both_orders(|runtime| {
        runtime.go(runtime.sleep(Duration::MAX));
        runtime.advance(s(1));
        let text = panic_of(|| runtime.block_on(runtime.sleep(Duration::MAX)));
        assert!(text.contains("deadlock at 1s"), "{text}");
        assert_eq!(runtime.now(), s(1));
    });
}

#[test]
fn a_deadlock_panics_and_tells_who_waits_and_since_when() {
    under_both_orders(|runtime| {
        runtime.go(pending());
        runtime.go(pending());
        let text = panic_of(|| {
            runtime.block_on(async {
                runtime.sleep(Duration::from_millis(1500)).await;
                pending::<()>().await;
            });
        });
        for part in ["deadlock", "tasks that wait: 3", "2 spawned", "1.5s"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        // The runtime is still good.
        assert_eq!(runtime.block_on(async { 1 }), 1);
    });
}

#[test]
fn tasks_that_wait_are_no_deadlock_outside_of_block_on() {
    under_both_orders(|runtime| {
        runtime.go(pending());
        runtime.run_until_stalled();
        runtime.advance(s(1));
        assert_eq!(runtime.tasks(), 1);
    });
}

#[test]
fn a_loop_that_never_waits_panics() {
    under_both_orders(|runtime| {
        let runtime = runtime.with_poll_limit(1000);
        let text = panic_of(|| {
            runtime.block_on(async {
                loop {
                    yield_now().await;
                }
            });
        });
        assert!(
            text.contains("without an end") && text.contains("1000"),
            "{text}"
        );
    });
}

#[test]
fn a_loop_of_timers_of_no_length_panics() {
    under_both_orders(|runtime| {
        let runtime = runtime.with_poll_limit(1000);
        let clock = runtime.clone();
        runtime.go(async move {
            loop {
                clock.sleep(Duration::ZERO).await;
            }
        });
        let text = panic_of(|| runtime.run_until_stalled());
        assert!(text.contains("without an end"), "{text}");
        assert_eq!(runtime.tasks(), 1, "it is stopped, not lost");
    });
}

#[test]
fn polls_count_from_when_time_moved_last_and_anew_in_each_run() {
    under_both_orders(|runtime| {
        let runtime = runtime.with_poll_limit(10);
        runtime.block_on(async {
            for _ in 0..100 {
                runtime.sleep(s(1)).await;
            }
        });
        for _ in 0..100 {
            runtime.block_on(yield_now());
        }
    });
}

#[test]
fn a_waker_works_from_another_thread() {
    under_both_orders(|runtime| {
        let mut started = false;
        runtime.block_on(poll_fn(|cx| {
            if std::mem::replace(&mut started, true) {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            std::thread::spawn(move || waker.wake()).join().unwrap();
            Poll::Pending
        }));
    });
}

#[test]
fn a_wake_after_the_end_is_harmless() {
    under_both_orders(|runtime| {
        let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
        let kept = Arc::clone(&wakers);
        let keep = move || {
            let kept = Arc::clone(&kept);
            poll_fn(move |cx| {
                kept.lock().unwrap().push(cx.waker().clone());
                Poll::Ready(())
            })
        };
        runtime.go(keep());
        runtime.block_on(async {
            yield_now().await;
            keep().await;
        });
        runtime.run_until_stalled();
        let wakers = std::mem::take(&mut *wakers.lock().unwrap());
        assert_eq!(wakers.len(), 2);
        for waker in &wakers {
            waker.wake_by_ref();
        }
        runtime.go(async {});
        runtime.block_on(yield_now());
        runtime.run_until_stalled();
        assert_eq!(runtime.tasks(), 0);
        drop(runtime);
        for waker in wakers {
            waker.wake();
        }
    });
}

#[test]
fn a_panic_in_a_task_comes_out_of_the_run_and_the_task_is_gone() {
    under_both_orders(|runtime| {
        runtime.go(async { panic!("boom") });
        assert_eq!(panic_of(|| runtime.block_on(runtime.sleep(s(1)))), "boom");
        assert_eq!(runtime.tasks(), 0);
        runtime.go(async { panic!("again") });
        assert_eq!(panic_of(|| runtime.advance(s(1))), "again");
        assert_eq!(runtime.tasks(), 0);
        let text = panic_of(|| runtime.block_on(async { panic!("main") }));
        assert_eq!(text, "main");
        runtime.block_on(runtime.sleep(s(1)));
    });
}

#[test]
fn advance_fires_the_timers_on_the_way_and_stops_where_it_was_told() {
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
fn a_suspension_moves_the_clock_and_no_timer() {
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
        assert!(log.take().is_empty(), "they have not counted it");
        // One that is made afterwards is like any other.
        runtime.block_on(runtime.sleep(s(1)));
        assert_eq!(log.take(), ["1 at 11s"]);
        assert_eq!(runtime.now(), Duration::from_millis(11_500));
        runtime.advance(s(1));
        assert_eq!(log.take(), ["2 at 12s"]);
        assert_eq!(runtime.timers(), 0);
    });
}

#[test]
fn run_until_stalled_runs_what_can_run_and_moves_no_time() {
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

#[test]
fn a_run_within_a_run_panics() {
    under_both_orders(|runtime| {
        let inner = runtime.clone();
        let text = panic_of(|| runtime.block_on(async { inner.block_on(async {}) }));
        assert!(text.contains("runs already"), "{text}");
        let text = panic_of(|| runtime.block_on(async { inner.advance(s(1)) }));
        assert!(text.contains("runs already"), "{text}");
        assert_eq!(runtime.now(), s(0));
        runtime.run_until_stalled();
    });
}

/// Runs something when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn what_a_task_does_while_it_is_dropped_is_safe() {
    under_both_orders(|runtime| {
        for ends in [true, false] {
            let log = Log::default();
            let (line, inner) = (log.clone(), runtime.clone());
            let dropped = OnDrop(move || {
                line.add(format!("{} tasks", inner.tasks()));
                let line = line.clone();
                inner.go(async move { line.add("spawned") });
            });
            let mut sleep = runtime.sleep(s(1));
            runtime.go(poll_fn(move |cx| {
                let _held_by_the_future = &dropped;
                if ends {
                    return Poll::Ready(());
                }
                sleep.as_mut().poll(cx)
            }));
            runtime.run_until_stalled();
            runtime.abort_tasks();
            runtime.run_until_stalled();
            let alive = if ends { "1 tasks" } else { "0 tasks" };
            assert_eq!(log.take(), [alive, "spawned"]);
            assert_eq!((runtime.tasks(), runtime.timers()), (0, 0));
        }
    });
}

#[test]
fn a_task_may_abort_all_and_itself_but_not_the_main_future() {
    under_both_orders(|runtime| {
        let log = Log::default();
        let (line, inner) = (log.clone(), runtime.clone());
        runtime.go(pending());
        runtime.go(async move {
            let _dropped = OnDrop(|| line.add("dropped"));
            inner.abort_tasks();
            pending::<()>().await;
        });
        runtime.block_on(runtime.sleep(s(1)));
        assert_eq!(runtime.tasks(), 0);
        assert_eq!(log.take(), ["dropped"]);
    });
}

#[test]
fn random_numbers_follow_from_the_seed() {
    let numbers = |runtime: MockRuntime| [(); 4].map(|()| runtime.random());
    let default = numbers(MockRuntime::new());
    assert_eq!(default, numbers(MockRuntime::new()));
    assert_ne!(default[0], default[1]);
    let seeded = numbers(MockRuntime::new().with_seed(7));
    assert_eq!(seeded, numbers(MockRuntime::new().with_seed(7)));
    assert_ne!(default, seeded);
}

#[test]
fn names_that_resolve() {
    let runtime = MockRuntime::new();
    let resolve = |host: &str| runtime.block_on(runtime.resolve(host, 80));
    for (host, address) in [
        ("localhost", "127.0.0.1:80"),
        ("LocalHost", "127.0.0.1:80"),
        ("10.1.2.3", "10.1.2.3:80"),
        ("::1", "[::1]:80"),
    ] {
        assert_eq!(resolve(host).unwrap(), [address.parse().unwrap()]);
    }
    for host in ["example.com", "", "10.1.2.3:80"] {
        assert_eq!(resolve(host).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

/// A run of some tasks that spawn, wait and wake each other.
fn story(order: Order) -> Vec<String> {
    let (runtime, log) = (MockRuntime::with_order(order), Log::default());
    runtime.block_on(async {
        for task in 0..20 {
            let (log, inner) = (log.clone(), runtime.clone());
            runtime.go(async move {
                for step in 0..5 {
                    let pause = Duration::from_millis(inner.random() % 4);
                    join(inner.sleep(pause), yield_now()).await;
                    log.add(format!("{task} {step} {:?}", inner.now()));
                }
            });
        }
        runtime.sleep(s(1)).await;
    });
    assert_eq!(runtime.tasks(), 0);
    log.take()
}

#[test]
fn two_runs_are_the_same_and_two_orders_are_not() {
    let [first, last] = ORDERS.map(|order| {
        let run = story(order);
        assert_eq!(run, story(order));
        run
    });
    assert_ne!(first, last);
}

#[test]
fn a_random_order_follows_from_the_seed_and_every_order_comes() {
    let run = |seed| {
        let (runtime, log) = (MockRuntime::seeded(seed), Log::default());
        for name in ["a", "b", "c"] {
            let log = log.clone();
            runtime.go(async move {
                log.add(name);
                yield_now().await;
                log.add(name);
            });
        }
        runtime.run_until_stalled();
        log.take().concat()
    };
    let mut seen: Vec<_> = (0..2000)
        .map(|seed| {
            let order = run(seed);
            assert_eq!(order, run(seed));
            order
        })
        .collect();
    seen.sort();
    seen.dedup();
    // Three pairs in any order: 6! / (2! 2! 2!).
    assert_eq!(seen.len(), 90);
}

#[test]
fn users_numbers_are_not_those_that_decide_the_order() {
    let run = |draws| {
        let (runtime, log) = (MockRuntime::seeded(1), Log::default());
        for name in ["a", "b", "c", "d"] {
            let (log, runtime2) = (log.clone(), runtime.clone());
            runtime.go(async move {
                for _ in 0..draws {
                    runtime2.random();
                }
                log.add(name);
            });
        }
        runtime.run_until_stalled();
        log.take()
    };
    assert_eq!(run(0), run(5));
}

#[test]
fn the_environment_asks_for_a_seed_or_an_order() {
    use super::schedules::Schedule::{self, *};
    for (text, expected) in [
        ("7", Some(Seed(7))),
        ("18446744073709551615", Some(Seed(u64::MAX))),
        ("fifo", Some(Fifo)),
        ("lifo", Some(Lifo)),
        ("", None),
        ("-1", None),
        ("0x7", None),
    ] {
        assert_eq!(Schedule::parse(text), expected, "{text}");
    }
}

#[test]
fn the_nameless_are_called_by_their_number_among_the_spawned() {
    let runtime = MockRuntime::new();
    for _ in 0..3 {
        // Timers and runs do not count.
        runtime.block_on(runtime.sleep(s(1)));
        runtime.go(pending());
    }
    let text = runtime.who_waits();
    let lines: Vec<_> = text.lines().skip(1).collect();
    for (line, number) in lines.iter().zip(1..) {
        let start = format!("  task {number}, since {number}s: waits for something");
        // The last has not run.
        assert!(line.starts_with(&start), "{line}");
    }
    assert_eq!(lines.len(), 3);
    runtime.abort_tasks();
}

#[test]
fn a_runtime_whose_tasks_have_ended_is_freed() {
    let runtime = MockRuntime::new();
    let executor = Arc::downgrade(&runtime.executor);
    let inner = runtime.clone();
    runtime.go(async move { inner.sleep(s(1)).await });
    let address = "10.0.0.1:80".parse().unwrap();
    let listener = runtime.listen(address);
    let connect = runtime.connect(&Address::Tcp(address)).now_or_never();
    let connections = runtime.network().connections();
    runtime.advance(s(1));
    drop((connect, listener, connections));
    drop(runtime);
    assert!(executor.upgrade().is_none());
}
