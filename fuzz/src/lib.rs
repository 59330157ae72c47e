//! Makes the checks in `tests/fuzz` available to the libFuzzer targets. The ordinary tests run them too.

#[path = "../../tests/fuzz/checks.rs"]
pub mod checks;
