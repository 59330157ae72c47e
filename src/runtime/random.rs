//! Random numbers from the operating system, fetched in blocks: a system call for each number would cost
//! more than the frame that the number masks.

use std::cell::RefCell;
use std::hash::{BuildHasher as _, RandomState};

/// Numbers per system call: 1 KiB, enough for 256 masks.
const NUMBERS: usize = 128;

struct Block {
    numbers: [u64; NUMBERS],
    /// Count of unused numbers, which are at the front.
    left: usize,
}

thread_local! {
    static BLOCK: RefCell<Block> = const {
        RefCell::new(Block { numbers: [0; NUMBERS], left: 0 })
    };
}

/// An unpredictable number.
pub(super) fn system_random() -> u64 {
    BLOCK.with_borrow_mut(|block| {
        if block.left == 0 {
            block.refill();
        }
        block.left = block.left.saturating_sub(1);
        // `take` erases the used number from memory.
        block.numbers.get_mut(block.left).map_or(0, std::mem::take)
    })
}

impl Block {
    #[cold]
    fn refill(&mut self) {
        let mut bytes = [0; NUMBERS * 8];
        match getrandom::fill(&mut bytes) {
            Ok(()) => {
                for (number, bytes) in self.numbers.iter_mut().zip(bytes.as_chunks().0) {
                    *number = u64::from_ne_bytes(*bytes);
                }
            }
            Err(_) => self.refill_by_hashing(),
        }
        self.left = NUMBERS;
    }

    /// The fallback if the system call fails, in a sandbox for example: the keyed hash of the standard
    /// library. The keys of the hash come from the system, too, but the process may have obtained them
    /// before the call began to fail.
    fn refill_by_hashing(&mut self) {
        let keys = RandomState::new();
        for (index, number) in self.numbers.iter_mut().enumerate() {
            *number = keys.hash_one(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn r21_numbers_differ_on_each_thread_and_beyond_a_block() {
        let draw = || [(); 3 * NUMBERS + 7].map(|()| system_random());
        let others = std::thread::spawn(draw).join().expect("it ends");
        let all: HashSet<u64> = draw().into_iter().chain(others).collect();
        assert_eq!(all.len(), 2 * (3 * NUMBERS + 7));
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
    fn r21_numbers_differ_if_the_system_call_fails() {
        let mut blocks = [(); 2].map(|()| Block {
            numbers: [0; NUMBERS],
            left: 0,
        });
        for block in &mut blocks {
            block.refill_by_hashing();
        }
        let all: HashSet<u64> = blocks.iter().flat_map(|block| block.numbers).collect();
        assert_eq!(all.len(), 2 * NUMBERS);
    }
}
