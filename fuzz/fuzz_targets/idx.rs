//! One of the four IDX files of a data set, plain or gzipped.
#![no_main]

use std::sync::LazyLock;

use anygrad_fuzz::{Folder, WHOLE, hold, idx};
use libfuzzer_sys::fuzz_target;

static FILES: LazyLock<Folder> = LazyLock::new(|| {
    Folder::with(vec![
        ("train-images-idx3-ubyte", idx(&[4, 2, 3], &[7; 24])),
        ("train-labels-idx1-ubyte", idx(&[4], &[0, 1, 0, 1])),
        ("t10k-images-idx3-ubyte", idx(&[2, 2, 3], &[9; 12])),
        ("t10k-labels-idx1-ubyte", idx(&[2], &[1, 0])),
    ])
});

fuzz_target!(|input: (u8, &[u8])| {
    FILES.while_one_is(input.0, input.1, |folder| {
        if let Some(dataset) = hold(anygrad::data::idx::load(folder, &WHOLE)) {
            assert_eq!(dataset.parts.test.end, dataset.len());
        }
    });
});
