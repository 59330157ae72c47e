//! Values by tickets, in the order of the tickets.

use std::collections::VecDeque;

/// A map for keys that are given out in ascending order, most of which are removed in that order.
///
/// It does what a `BTreeMap` does, with a tenth of the machine code, which a page in a browser has to load. The place of
/// a removed value stays until there are more such places than values.
#[derive(Debug)]
pub(super) struct TicketMap<K, V> {
    /// In ascending order of the keys. The first place is never empty.
    places: VecDeque<(K, Option<V>)>,
    /// Number of places with a value.
    len: usize,
}

impl<K, V> Default for TicketMap<K, V> {
    fn default() -> Self {
        Self {
            places: VecDeque::new(),
            len: 0,
        }
    }
}

impl<K: Ord + Copy, V> TicketMap<K, V> {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn contains(&self, key: K) -> bool {
        let place = self.find(key).ok().and_then(|at| self.places.get(at));
        place.is_some_and(|(_, value)| value.is_some())
    }

    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let at = self.find(key).ok()?;
        self.places.get_mut(at)?.1.as_mut()
    }

    /// The smallest key, and its value.
    pub(super) fn first(&self) -> Option<(K, &V)> {
        let (key, value) = self.places.front()?;
        Some((*key, value.as_ref()?))
    }

    /// Sets a value, and returns the one that it replaces.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let last = match self.find(key) {
            Ok(at) => self.places.get_mut(at)?.1.replace(value),
            Err(at) => {
                self.places.insert(at, (key, Some(value)));
                None
            }
        };
        if last.is_none() {
            self.len = self.len.saturating_add(1);
        }
        last
    }

    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        let at = self.find(key).ok()?;
        let value = self.places.get_mut(at)?.1.take()?;
        self.len = self.len.saturating_sub(1);
        self.tidy();
        Some(value)
    }

    /// Removes the value with the smallest key, if the key is wanted.
    pub(super) fn remove_first_if(&mut self, is_wanted: impl FnOnce(K) -> bool) -> Option<V> {
        let (key, _) = self.first()?;
        if is_wanted(key) {
            self.remove(key)
        } else {
            None
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> {
        let places = self.places.iter_mut();
        places.filter_map(|(key, value)| Some((*key, value.as_mut()?)))
    }

    /// Removes all values, in the order of their keys.
    pub(super) fn take_values(&mut self) -> impl Iterator<Item = V> + use<K, V> {
        let places = std::mem::take(self).places;
        places.into_iter().filter_map(|(_, value)| value)
    }

    fn find(&self, key: K) -> Result<usize, usize> {
        self.places.binary_search_by(|(other, _)| other.cmp(&key))
    }

    /// Removes the empty places at the front, and all of them if there are many.
    fn tidy(&mut self) {
        while matches!(self.places.front(), Some((_, None))) {
            self.places.pop_front();
        }
        if self.places.len() / 2 > self.len {
            self.places.retain(|(_, value)| value.is_some());
        }
    }
}

#[cfg(any(test, fuzzing))]
impl<K, V> TicketMap<K, V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u8, u16),
        Remove(u8),
        RemoveFirstIf(u8),
        Change(u8, u16),
        Take,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (any::<u8>(), any::<u16>()).prop_map(|(key, value)| Step::Insert(key, value)),
            4 => any::<u8>().prop_map(Step::Remove),
            3 => any::<u8>().prop_map(Step::RemoveFirstIf),
            1 => (any::<u8>(), any::<u16>()).prop_map(|(key, value)| Step::Change(key, value)),
            1 => Just(Step::Take),
        ]
    }

    proptest! {
        #[test]
        fn it_does_what_a_btree_map_does(steps in proptest::collection::vec(step(), 0..400)) {
            let (mut map, mut model) = (TicketMap::default(), BTreeMap::new());
            for step in steps {
                match step {
                    Step::Insert(key, value) => {
                        prop_assert_eq!(map.insert(key, value), model.insert(key, value));
                    }
                    Step::Remove(key) => prop_assert_eq!(map.remove(key), model.remove(&key)),
                    Step::RemoveFirstIf(most) => {
                        let first = model.first_key_value().map(|(key, _)| *key);
                        let wanted = first.filter(|key| *key <= most);
                        let removed = wanted.and_then(|key| model.remove(&key));
                        prop_assert_eq!(map.remove_first_if(|key| key <= most), removed);
                    }
                    Step::Change(key, value) => {
                        if let Some(old) = map.get_mut(key) {
                            *old = value;
                        }
                        if let Some(old) = model.get_mut(&key) {
                            *old = value;
                        }
                    }
                    Step::Take => {
                        let taken: Vec<u16> = map.take_values().collect();
                        let values: Vec<u16> = std::mem::take(&mut model).into_values().collect();
                        prop_assert_eq!(taken, values);
                    }
                }
                prop_assert_eq!(map.len(), model.len());
                prop_assert_eq!(map.is_empty(), model.is_empty());
                let first = model.first_key_value().map(|(key, value)| (*key, value));
                prop_assert_eq!(map.first(), first);
                let all: Vec<(u8, u16)> = map.iter_mut().map(|(key, value)| (key, *value)).collect();
                let values: Vec<(u8, u16)> = model.iter().map(|(key, value)| (*key, *value)).collect();
                prop_assert_eq!(all, values);
                for key in 0..=u8::MAX {
                    prop_assert_eq!(map.contains(key), model.contains_key(&key));
                }
                prop_assert!(map.places.len() <= 2 * map.len() + 1);
            }
        }
    }

    #[test]
    fn many_values_are_removed_in_any_order_without_moving_the_others_each_time() {
        let many = 200_000_u32;
        let mut map = TicketMap::default();
        for key in 0..many {
            map.insert(key, key);
        }
        // A step that has no factor in common with their number visits each key once.
        let mut key = 0;
        for _ in 0..many {
            key = (key + 77_773) % many;
            assert_eq!(map.remove(key), Some(key));
        }
        assert!(map.is_empty() && map.places.is_empty());
    }
}
