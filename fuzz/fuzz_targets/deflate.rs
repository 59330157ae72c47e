#![no_main]

use engineio_client_fuzz::checks;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| checks::deflate::check(bytes));
