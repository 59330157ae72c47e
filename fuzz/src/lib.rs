//! The checks of `tests/fuzz`, which the ordinary tests run, too, for the targets of libFuzzer.

#[path = "../../tests/fuzz/checks.rs"]
pub mod checks;
