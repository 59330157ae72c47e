//! The life cycle of tasks: wakes, panics, aborts and ends.

use super::*;

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
fn tasks_that_outlive_the_main_future_continue_in_the_next_run() {
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
fn a_panic_in_a_task_propagates_and_the_task_is_removed() {
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
fn a_run_within_a_run_panics() {
    under_both_orders(|runtime| {
        let inner = runtime.clone();
        let text = panic_of(|| runtime.block_on(async { inner.block_on(async {}) }));
        assert!(text.contains("already running"), "{text}");
        let text = panic_of(|| runtime.block_on(async { inner.advance(s(1)) }));
        assert!(text.contains("already running"), "{text}");
        assert_eq!(runtime.now(), s(0));
        runtime.run_until_stalled();
    });
}

/// Calls a function when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_task_may_use_the_runtime_while_it_is_dropped() {
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
fn a_task_may_abort_all_tasks_and_itself_but_not_the_main_future() {
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
