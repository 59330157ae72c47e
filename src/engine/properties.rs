//! Runs the engine in the test model with random inputs, and with the inputs in the fuzz corpus.

use proptest::collection::vec;
use proptest::prelude::*;

use super::test_model;

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn random_inputs_keep_the_invariants(settings: u8, choices in vec(any::<[u8; 2]>(), 1..300)) {
        let mut bytes = vec![settings];
        bytes.extend(choices.as_flattened());
        test_model::check(&bytes);
    }
}

/// Replays the corpus of the fuzz target `engine`.
#[test]
fn the_fuzz_corpus_keeps_the_invariants() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");
    // The published package does not contain this folder.
    if !std::path::Path::new(root).exists() {
        return;
    }
    let seeds = std::fs::read_dir(format!("{root}/corpus/engine")).unwrap();
    let mut count = 0;
    for seed in seeds {
        let path = seed.unwrap().path();
        println!("{}", path.display());
        test_model::check(&std::fs::read(path).unwrap());
        count += 1;
    }
    assert!(count > 0);
}
