//! A map with weak references to its values.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use super::lock::lock;

/// Values by number. The references are weak, so that only the ends of a connection keep it alive, not
/// the network.
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

    /// The values that still exist, by ascending number.
    pub(super) fn values(&self) -> Vec<Arc<T>> {
        lock(&self.0).values().filter_map(Weak::upgrade).collect()
    }
}
