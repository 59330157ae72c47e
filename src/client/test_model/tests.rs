//! Random runs of the model, and the inputs that the fuzzer has found.

use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn the_invariants_hold_in_random_runs(bytes in vec(any::<u8>(), 1..600)) {
        super::check(&bytes);
    }
}

/// Runs the corpus of the fuzz target `client`.
#[test]
fn the_invariants_hold_for_the_corpus_of_the_fuzzer() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");
    // The published package does not contain the folder.
    if !std::path::Path::new(root).exists() {
        return;
    }
    let seeds = std::fs::read_dir(format!("{root}/corpus/client")).unwrap();
    let mut count = 0;
    for seed in seeds {
        let path = seed.unwrap().path();
        println!("{}", path.display());
        super::check(&std::fs::read(path).unwrap());
        count += 1;
    }
    assert!(count > 0);
}
