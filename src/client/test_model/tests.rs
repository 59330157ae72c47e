//! Random runs of the model, and the inputs that the fuzzer has found.

use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_users_and_links_do(bytes in vec(any::<u8>(), 1..600)) {
        super::check(&bytes);
    }
}

/// What the fuzz target `client` has come upon, without it.
#[test]
fn what_the_fuzzer_has_kept() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");
    // The package leaves the folder out.
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
