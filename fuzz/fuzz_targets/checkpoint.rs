//! The manifest of a checkpoint, or one of the files that it names, in the folder of a run.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use anygrad::config::SHIPPED;
use anygrad::report::RunFolder;
use anygrad_fuzz::hold;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

const FILES: [&str; 5] = [
    "manifest.json",
    "state.json",
    "circumstances.json",
    "weights.safetensors",
    "buffers.safetensors",
];

static RUN: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a folder for the run");
    fs::write(dir.path().join("config.toml"), SHIPPED[0].1).expect("written");
    fs::write(dir.path().join("metrics.csv"), "").expect("written");
    let step = dir.path().join("checkpoints/step-1");
    fs::create_dir_all(&step).expect("made");
    (dir, step)
});

fuzz_target!(|files: [&[u8]; 5]| {
    let (run, step) = &*RUN;
    for (name, bytes) in FILES.iter().zip(files) {
        fs::write(step.join(name), bytes).expect("written");
    }
    // What is not sound is told and passed over.
    if let Some((_, begun)) = hold(RunFolder::reopen(run.path())) {
        assert_eq!(
            usize::from(begun.found.resume.is_some()) + begun.found.torn.len(),
            1
        );
    }
});
