#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| linkflow_fuzz::form(data));
