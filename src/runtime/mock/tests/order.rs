//! The order of execution, and that runs are repeatable.

use super::*;

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
fn woken_tasks_run_in_the_order_of_their_wakes_or_in_reverse() {
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
fn random_numbers_depend_only_on_the_seed() {
    let numbers = |runtime: MockRuntime| [(); 4].map(|()| runtime.random());
    let default = numbers(MockRuntime::new());
    assert_eq!(default, numbers(MockRuntime::new()));
    assert_ne!(default[0], default[1]);
    let seeded = numbers(MockRuntime::new().with_seed(7));
    assert_eq!(seeded, numbers(MockRuntime::new().with_seed(7)));
    assert_ne!(default, seeded);
}

/// The log of a run with tasks that sleep, yield and draw random numbers.
fn run_log(order: Order) -> Vec<String> {
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
fn two_runs_in_the_same_order_are_equal_and_in_different_orders_are_not() {
    let [first, last] = ORDERS.map(|order| {
        let run = run_log(order);
        assert_eq!(run, run_log(order));
        run
    });
    assert_ne!(first, last);
}

#[test]
fn a_random_order_depends_only_on_the_seed_and_every_order_occurs() {
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
fn drawing_random_numbers_does_not_change_the_order() {
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
fn the_environment_variable_is_a_seed_or_an_order() {
    use crate::runtime::mock::schedules::Schedule::{self, *};
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
