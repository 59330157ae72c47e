//! Deadlocks, loops without an end, and what their panics tell.

use super::*;

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
