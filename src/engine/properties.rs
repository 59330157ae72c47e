//! Random runs of the engine in the test model, and the inputs that the fuzzer has found.

use proptest::collection::vec;
use proptest::prelude::*;

use super::test_model;

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens(settings: u8, choices in vec(any::<[u8; 2]>(), 1..300)) {
        let mut bytes = vec![settings];
        bytes.extend(choices.as_flattened());
        test_model::check(&bytes);
    }
}

/// What the fuzz target `engine` has come upon, without it.
#[test]
fn what_the_fuzzer_has_kept() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");
    // The package leaves the folder out.
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
