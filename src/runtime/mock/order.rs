//! Orders of execution.

/// Which of the ready tasks of a [`MockRuntime`](super::MockRuntime) runs next.
///
/// ```
/// use engineio_client::MockRuntime;
/// use engineio_client::runtime::mock::Order;
///
/// let runtime = MockRuntime::with_order(Order::LastInFirstOut);
/// assert_eq!(runtime.block_on(async { 7 }), 7);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Order {
    /// The task that was woken first, as in most executors.
    FirstInFirstOut,
    /// The task that was woken last. A ready task that is woken again keeps its place.
    LastInFirstOut,
    /// A random task, derived from the runtime's seed: see
    /// [`MockRuntime::seeded`](super::MockRuntime::seeded).
    Random,
}
