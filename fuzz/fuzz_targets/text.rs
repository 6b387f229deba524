//! A text that is read in windows, alone and in the vocabulary of another one.
#![no_main]

use std::sync::LazyLock;

use anygrad::data::text;
use anygrad_fuzz::{Folder, WHOLE, hold};
use libfuzzer_sys::fuzz_target;

static FILES: LazyLock<Folder> = LazyLock::new(|| Folder::with(vec![("a.txt", Vec::new())]));

fuzz_target!(|input: (u8, &[u8])| {
    FILES.while_one_is(0, input.1, |folder| {
        let known: Vec<String> = ["a", "b", "\n"].map(str::to_owned).to_vec();
        for known in [None, Some(&known[..])] {
            let options = text::Options {
                context: 1 + usize::from(input.0 % 16),
                stride: 1 + usize::from(input.0 / 16),
                all: false,
            };
            if let Some(dataset) = hold(text::load(&folder.join("a.txt"), options, &WHOLE, known)) {
                assert_eq!(dataset.parts.test.end, dataset.len());
            }
        }
    });
});
