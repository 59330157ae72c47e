//! Deadlocks, endless loops, and the messages of their panics.

use super::*;

#[test]
fn a_deadlock_panics_with_the_waiting_tasks_and_since_when_they_wait() {
    under_both_orders(|runtime| {
        runtime.go(pending());
        runtime.go(pending());
        let text = panic_of(|| {
            runtime.block_on(async {
                runtime.sleep(Duration::from_millis(1500)).await;
                pending::<()>().await;
            });
        });
        for part in ["deadlock", "waiting tasks: 3", "2 spawned", "1.5s"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        // The runtime can still be used.
        assert_eq!(runtime.block_on(async { 1 }), 1);
    });
}

#[test]
fn waiting_tasks_are_not_a_deadlock_outside_of_block_on() {
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
            text.contains("endless loop") && text.contains("1000"),
            "{text}"
        );
    });
}

#[test]
fn a_loop_of_timers_of_zero_length_panics() {
    under_both_orders(|runtime| {
        let runtime = runtime.with_poll_limit(1000);
        let clock = runtime.clone();
        runtime.go(async move {
            loop {
                clock.sleep(Duration::ZERO).await;
            }
        });
        let text = panic_of(|| runtime.run_until_stalled());
        assert!(text.contains("endless loop"), "{text}");
        assert_eq!(runtime.tasks(), 1, "the task is stopped, but not dropped");
    });
}

#[test]
fn the_count_of_polls_restarts_when_time_passes_and_in_each_run() {
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
fn nameless_tasks_are_listed_by_their_number_among_all_spawned_tasks() {
    let runtime = MockRuntime::new();
    for _ in 0..3 {
        // Timers and calls of `block_on` do not use up numbers.
        runtime.block_on(runtime.sleep(s(1)));
        runtime.go(pending());
    }
    let text = runtime.waiting_tasks();
    let lines: Vec<_> = text.lines().skip(1).collect();
    for (line, number) in lines.iter().zip(1..) {
        assert!(line.starts_with(&format!("  task {number}, ")), "{line}");
        // The last task has not run; its time is that of its spawning.
        let end =
            format!("since {number}s: waits for something other than a timer or the mock network");
        assert!(line.ends_with(&end), "{line}");
    }
    assert_eq!(lines.len(), 3);
    runtime.abort_tasks();
}

/// Spawns a task that always has a timer, like the heartbeat of a session.
fn heartbeat(runtime: &MockRuntime) {
    let clock = runtime.clone();
    runtime.spawn_named("heartbeat", async move {
        loop {
            clock.sleep(s(25)).await;
        }
    });
}

#[test]
fn m1_an_endless_wait_panics_after_a_day_even_if_there_are_timers() {
    under_both_orders(|runtime| {
        heartbeat(&runtime);
        let text = panic_of(|| {
            runtime.block_on(async {
                runtime.sleep(s(7)).await;
                pending::<()>().await;
            });
        });
        for part in [
            "not ended within 86400s",
            "waiting tasks: 2 (the future of block_on and 1 spawned)",
            "  the future of block_on, since 7s: waits for something other than a timer",
            "  task \"heartbeat\", spawned at ",
            ", since 86400s: waits for a timer at 86425s",
            "MockRuntime::with_time_limit",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        // The task is stopped, but not dropped, and another call has a day of its own.
        runtime.block_on(runtime.sleep(s(86_400)));
        assert_eq!((runtime.tasks(), runtime.now()), (1, s(2 * 86_400)));
        runtime.abort_tasks();
    });
}

#[test]
fn m1_a_test_that_simulates_days_raises_the_limit_before_or_while_it_runs() {
    under_both_orders(|runtime| {
        heartbeat(&runtime);
        let week = s(7 * 86_400);
        let text = panic_of(|| runtime.block_on(runtime.sleep(week)));
        assert!(text.contains("waits for a timer at 604800s"), "{text}");
        let runtime = runtime.with_time_limit(week);
        let start = runtime.now();
        runtime.block_on(runtime.sleep(week));
        assert_eq!(runtime.now(), start + week);
        runtime.abort_tasks();
        runtime.block_on(async {
            let runtime = runtime.clone().with_time_limit(Duration::MAX);
            runtime.sleep(s(100 * 365 * 86_400)).await;
        });
    });
}

#[test]
fn m1_the_limit_does_not_count_suspend_and_advance() {
    under_both_orders(|runtime| {
        let runtime = runtime.with_time_limit(s(10));
        heartbeat(&runtime);
        runtime.advance(s(100));
        runtime.block_on(async {
            runtime.suspend(s(100));
            runtime.sleep(s(10)).await;
        });
        let text = panic_of(|| runtime.block_on(runtime.sleep(s(11))));
        assert!(text.contains("not ended within 10s"), "{text}");
        assert!(text.contains("timer at 221s"), "in virtual time: {text}");
        runtime.abort_tasks();
    });
}

#[test]
fn m2_a_sleeping_task_is_listed_with_its_timer_and_its_source_location() {
    let line = Cell::new(0);
    let text = panic_of(|| {
        MockRuntime::check(async |runtime| {
            line.set(line!() + 1);
            runtime.spawn(runtime.sleep(s(60)));
        });
    });
    let expected = format!(
        "the test left tasks running: 1\n  task 1, spawned at {}:{}:21, since 0ns: waits for a timer at 60s",
        file!(),
        line.get()
    );
    assert_eq!(text, expected);
}

#[test]
fn m2_a_tasks_source_location_is_known_through_arcs_and_generics_but_not_through_dyn() {
    #[track_caller]
    fn generic<R: Runtime>(runtime: &R) {
        runtime.spawn(Box::pin(pending()));
    }
    let runtime = MockRuntime::new();
    let shared = Arc::new(runtime.clone());
    let dynamic: Arc<dyn Runtime> = Arc::new(runtime.clone());
    let first = line!() + 1;
    shared.spawn(Box::pin(pending()));
    generic(&runtime);
    generic(&shared);
    dynamic.spawn(Box::pin(pending()));
    let text = runtime.waiting_tasks();
    let lines: Vec<_> = text.lines().skip(1).collect();
    for (line, number) in lines.iter().zip(0..3) {
        let (task, at) = (number + 1, first + number);
        let start = format!("  task {task}, spawned at {}:{at}:", file!());
        assert!(line.starts_with(&start), "{line}");
    }
    let start = "  task 4, spawned through `dyn Runtime`, since 0ns: ";
    assert!(lines[3].starts_with(start), "{}", lines[3]);
    runtime.abort_tasks();
}

#[test]
fn m2_a_task_that_waits_for_the_network_is_not_listed_as_waiting_for_a_timer() {
    let runtime = MockRuntime::new();
    let slow = Conditions::new().latency(s(5));
    runtime.network().set(slow);
    let address = "10.0.0.1:80".parse().unwrap();
    let mut listener = runtime.listen(address);
    let connecting = runtime.clone();
    runtime.spawn_named("reader", async move {
        let mut client = connecting.connect(&Address::Tcp(address)).await.unwrap();
        let _ = client.read(&mut [0]).await;
    });
    runtime.go(async move {
        let mut server = listener.accept().await;
        let _ = server.write_all(b"x").await;
        pending::<()>().await;
    });
    runtime.advance(s(1));
    let text = runtime.waiting_tasks();
    assert!(
        text.contains("waits for bytes to read from connection #1"),
        "{text}"
    );
    assert!(!text.contains("a timer at"), "{text}");
    runtime.abort_tasks();
}
