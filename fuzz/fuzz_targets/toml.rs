//! A configuration: what is accepted is written and read back as the same.
#![no_main]

use anygrad::config;
use anygrad_fuzz::hold;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(read) = hold(config::parse("fuzzed.toml", text, &[])) {
        let again = config::parse("fuzzed.toml", &read.to_toml(), &[]);
        assert_eq!(again.expect("what was written is right"), read);
    }
});
