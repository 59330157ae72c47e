//! Unpredictable random numbers, from a generator on each thread. A system call for each number, or even
//! for each block of numbers, would cost more than the frames that the numbers mask.

use std::cell::RefCell;
use std::hash::{BuildHasher as _, RandomState};

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};

/// How many numbers are drawn from one seed. The crate `rand` reseeds its generator of a thread as often:
/// after 64 KiB.
const NUMBERS: u32 = 64 * 1024 / 8;

struct Generator {
    generator: ChaCha12Rng,
    /// How many more numbers are drawn from this seed.
    left: u32,
}

thread_local! {
    static GENERATOR: RefCell<Option<Generator>> = const { RefCell::new(None) };
}

/// An unpredictable number.
pub(super) fn system_random() -> u64 {
    GENERATOR.with_borrow_mut(|current| {
        if current.as_ref().is_none_or(|current| current.left == 0) {
            *current = Some(Generator::new(seed()));
        }
        current.as_mut().map_or(0, Generator::next)
    })
}

impl Generator {
    #[cold]
    fn new(seed: [u8; 32]) -> Self {
        Self {
            generator: ChaCha12Rng::from_seed(seed),
            left: NUMBERS,
        }
    }

    fn next(&mut self) -> u64 {
        self.left = self.left.saturating_sub(1);
        self.generator.next_u64()
    }
}

/// A seed from the operating system.
fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    match getrandom::fill(&mut seed) {
        Ok(()) => seed,
        Err(_) => seed_by_hashing(),
    }
}

/// The fallback if the system call fails, in a sandbox for example: the keyed hash of the standard
/// library. The keys of the hash come from the system, too, but the process may have obtained them before
/// the call began to fail.
fn seed_by_hashing() -> [u8; 32] {
    let keys = RandomState::new();
    let mut seed = [0; 32];
    for (index, bytes) in seed.as_chunks_mut().0.iter_mut().enumerate() {
        *bytes = keys.hash_one(index).to_ne_bytes();
    }
    seed
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn r21_numbers_differ_on_each_thread_and_beyond_a_seed() {
        let draw = || -> Vec<u64> { (0..3 * NUMBERS + 7).map(|_| system_random()).collect() };
        let others = std::thread::spawn(draw).join().expect("it ends");
        let own = draw();
        let count = own.len() + others.len();
        let all: HashSet<u64> = own.into_iter().chain(others).collect();
        assert_eq!(all.len(), count);
        assert!(!all.contains(&0));
    }

    #[test]
    fn r21_numbers_do_not_depend_on_the_seed_of_another_generator() {
        let draw = || {
            fastrand::seed(7);
            system_random()
        };
        assert_ne!(draw(), draw());
    }

    #[test]
    fn r21_seeds_differ_if_the_system_call_fails() {
        let seeds = [(); 2].map(|()| seed_by_hashing());
        let all: HashSet<&[u8]> = seeds.iter().flat_map(|seed| seed.chunks(8)).collect();
        assert_eq!(all.len(), 8);
    }
}
