//! Orders of execution.

/// Which of the tasks that can run runs next.
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
    /// The one that was woken first: what most executors do.
    FirstInFirstOut,
    /// The one that was woken last. A task that is woken again while it waits for its turn keeps
    /// its place.
    LastInFirstOut,
    /// Any of them, as the runtime's seed decides: see
    /// [`MockRuntime::seeded`](super::MockRuntime::seeded).
    Random,
}
