//! The target `config` of cargo-fuzz.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fraiseql_fuzz::config::run(data));
