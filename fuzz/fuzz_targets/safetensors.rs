//! A file of weights.
#![no_main]

use std::path::Path;

use anygrad::train::Weights;
use anygrad_fuzz::hold;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(weights) = hold(Weights::parse(Path::new("w.safetensors"), bytes)) {
        let held: usize = weights.tensors().iter().map(|t| t.data.len() * 4).sum();
        assert!(held <= bytes.len(), "no more than the file");
    }
});
