//! Samples or targets of a data set of arrays.
#![no_main]

use std::sync::LazyLock;

use anygrad_fuzz::{Folder, WHOLE, hold, npy};
use libfuzzer_sys::fuzz_target;

static FILES: LazyLock<Folder> = LazyLock::new(|| {
    Folder::with(vec![
        ("x.npy", npy("(5, 2)", &[0.5; 10])),
        ("y.npy", npy("(5,)", &[0.0, 1.0, 0.0, 1.0, 2.0])),
    ])
});

fuzz_target!(|input: (u8, &[u8])| {
    FILES.while_one_is(input.0, input.1, |folder| {
        for regression in [false, true] {
            hold(anygrad::data::npy::load(folder, regression, &WHOLE, None));
        }
    });
});
