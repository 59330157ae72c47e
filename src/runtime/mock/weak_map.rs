//! A map that does not keep its values alive.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use super::lock::lock;

/// Values by number. The map holds them weakly: the network knows its connections, and only their
/// ends keep them alive.
pub(super) struct WeakMap<T>(Mutex<BTreeMap<u64, Weak<T>>>);

impl<T> WeakMap<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    pub(super) fn insert(&self, number: u64, value: &Arc<T>) {
        lock(&self.0).insert(number, Arc::downgrade(value));
    }

    pub(super) fn remove(&self, number: u64) {
        lock(&self.0).remove(&number);
    }

    /// The values that are alive, by ascending number.
    pub(super) fn values(&self) -> Vec<Arc<T>> {
        lock(&self.0).values().filter_map(Weak::upgrade).collect()
    }
}
