//! An archive, gzipped or not, or one of the six files of CIFAR-10.
#![no_main]

use std::sync::LazyLock;

use anygrad_fuzz::{Folder, WHOLE, hold};
use libfuzzer_sys::fuzz_target;

static ARCHIVE: LazyLock<Folder> = LazyLock::new(|| Folder::with(vec![("a.tar.gz", Vec::new())]));
static FILES: LazyLock<Folder> = LazyLock::new(|| {
    let names = [
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
        "test_batch.bin",
    ];
    Folder::with(names.map(|name| (name, vec![1; 3073])).to_vec())
});

fuzz_target!(|input: (u8, &[u8])| {
    ARCHIVE.while_one_is(0, input.1, |folder| {
        hold(anygrad::data::cifar10::load(
            &folder.join("a.tar.gz"),
            &WHOLE,
        ));
    });
    FILES.while_one_is(input.0, input.1, |folder| {
        hold(anygrad::data::cifar10::load(folder, &WHOLE));
    });
});
