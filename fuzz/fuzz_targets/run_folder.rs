//! One of the files of a finished run, as `eval` and `compare` read it.
#![no_main]

use std::sync::LazyLock;

use anygrad::config::SHIPPED;
use anygrad::report::{self, Comparison};
use anygrad_fuzz::{Folder, hold};
use libfuzzer_sys::fuzz_target;

const MODEL: &str =
    r#"{"classes":["0","1"],"sample_shape":[8,8,1],"divide_by":240.0,"mean":[0.0],"std":[1.0]}"#;

static FILES: LazyLock<Folder> = LazyLock::new(|| {
    Folder::with(vec![
        ("config.toml", SHIPPED[0].1.as_bytes().to_vec()),
        ("model.json", MODEL.as_bytes().to_vec()),
        ("summary.json", b"{}".to_vec()),
        ("metrics.csv", b"epoch,step\n1,2\n".to_vec()),
        ("weights.safetensors", b"\x02\0\0\0\0\0\0\0{}".to_vec()),
    ])
});

fuzz_target!(|input: (u8, &[u8])| {
    FILES.while_one_is(input.0, input.1, |folder| {
        hold(report::load(folder));
        hold(report::kernels(folder));
        hold(Comparison::of(&[folder.to_owned()]));
    });
});
