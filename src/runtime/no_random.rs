//! Random numbers where there is no operating system to ask: on `wasm32-unknown-unknown`.

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};

thread_local! {
    static DRAWN: Cell<u64> = const { Cell::new(0) };
}

/// A number that differs from call to call. It can be predicted, so a runtime should override
/// [`Runtime::random`](super::Runtime::random), as that of the feature `web` does.
pub(super) fn system_random() -> u64 {
    let drawn = DRAWN.get().wrapping_add(1);
    DRAWN.set(drawn);
    RandomState::new().hash_one(drawn)
}
