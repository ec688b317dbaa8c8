//! The target `graphql` of cargo-fuzz.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fraiseql_fuzz::graphql::run(data));
