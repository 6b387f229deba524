//! A picture as `predict` reads it: PNG, JPEG, BMP, WebP or none of them.
#![no_main]

use std::sync::LazyLock;

use anygrad_fuzz::{Folder, hold};
use libfuzzer_sys::fuzz_target;

static FILES: LazyLock<Folder> = LazyLock::new(|| Folder::with(vec![("a.png", Vec::new())]));

fuzz_target!(|bytes: &[u8]| {
    FILES.while_one_is(0, bytes, |folder| {
        for shape in [[8, 8, 1], [5, 7, 3]] {
            let read = anygrad::data::image_file::load(&folder.join("a.png"), shape);
            if let Some(pixels) = hold(read) {
                assert_eq!(pixels.len(), shape.iter().product::<usize>());
            }
        }
    });
});
