//! What is read.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::data::{Normalization, Split};

pub(super) const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

pub(super) fn header(element: u8, dims: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0, 0, element, u8::try_from(dims.len()).unwrap()];
    dims.iter()
        .for_each(|dim| bytes.extend_from_slice(&dim.to_be_bytes()));
    bytes
}

pub(super) fn idx(element: u8, dims: &[u32], body: &[u8]) -> Vec<u8> {
    [&header(element, dims), body].concat()
}

pub(super) fn gz(bytes: impl Read) -> Vec<u8> {
    let mut packed = Vec::new();
    GzEncoder::new(bytes, Compression::fast())
        .read_to_end(&mut packed)
        .unwrap();
    packed
}

/// Ten training and two test samples of 2 × 3 with two classes; pixels count up from 0.
pub(super) fn small() -> [Vec<u8>; 4] {
    let pixels: Vec<u8> = (0..72).collect();
    [
        idx(8, &[10, 2, 3], &pixels[..60]),
        idx(8, &[10], &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]),
        idx(8, &[2, 2, 3], &pixels[60..]),
        idx(8, &[2], &[1, 0]),
    ]
}

pub(super) fn folder(names: [&str; 4], files: &[Vec<u8>; 4]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in names.iter().zip(files) {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

fn tail(validation: f64) -> HoldOut {
    HoldOut {
        test: 0.0,
        validation,
        split: Split::Tail,
        seed: 1,
        fold: None,
    }
}

pub(super) fn load_tail(dir: &Path) -> Result<Dataset> {
    load(dir, &tail(0.2))
}

#[test]
fn a_folder_is_read_in_the_order_training_validation_test() {
    let dir = folder(NAMES, &small());
    let dataset = load_tail(dir.path()).unwrap();
    assert_eq!(dataset.sample_shape, [2, 3, 1]);
    assert_eq!(dataset.samples, Samples::Bytes((0..72).collect()));
    assert_eq!(
        dataset.targets.labels().unwrap(),
        [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 0]
    );
    assert_eq!(dataset.targets.classes(), ["0", "1"]);
    let parts = dataset.parts;
    assert_eq!(
        (parts.train, parts.validation, parts.test),
        (0..8, 8..10, 10..12)
    );
    assert_eq!(
        dataset.name,
        dir.path().file_name().unwrap().to_string_lossy()
    );
}

#[test]
fn samples_keep_their_labels_when_a_split_is_drawn() {
    let files = [
        idx(8, &[200, 1, 1], &(0..200).collect::<Vec<u8>>()),
        idx(8, &[200], &(0..200).map(|i| i % 3).collect::<Vec<u8>>()),
        idx(8, &[1, 1, 1], &[200]),
        idx(8, &[1], &[2]),
    ];
    let dir = folder(NAMES, &files);
    for split in [Split::Random, Split::Stratified] {
        let hold_out = HoldOut {
            split,
            seed: 11,
            ..tail(0.25)
        };
        let dataset = load(dir.path(), &hold_out).unwrap();
        let Samples::Bytes(bytes) = &dataset.samples else {
            panic!("IDX images are bytes");
        };
        assert_eq!(dataset.parts.validation, 150..200);
        assert!(
            bytes[..150].is_sorted() && bytes[150..200].is_sorted(),
            "file order"
        );
        for (&byte, &label) in bytes.iter().zip(dataset.targets.labels().unwrap()) {
            assert_eq!(u32::from(byte % 3), label, "the label of sample {byte}");
        }
    }
}

#[test]
fn names_may_have_dots_prefixes_gzip_and_other_cases() {
    let plain = small();
    for names in [
        NAMES.map(|name| name.replace("-idx", ".idx")),
        NAMES.map(|name| format!("emnist-balanced-{}", name.replace("t10k", "test"))),
        NAMES.map(|name| format!("qmnist-{}", name.to_uppercase())),
        NAMES.map(|name| format!("latest-{name}.gz")),
    ] {
        let files = plain.clone().map(|bytes| gz(&bytes[..]));
        // Packed or not is told by the content, whatever the name says.
        for files in [&plain, &files] {
            let dir = folder(names.each_ref().map(String::as_str), files);
            assert_eq!(load_tail(dir.path()).unwrap().len(), 12, "{names:?}");
        }
    }
}

#[test]
fn an_unpacked_file_beside_its_packed_twin_and_hidden_files_are_no_doubt() {
    let dir = folder(NAMES, &small());
    for name in NAMES {
        fs::write(dir.path().join(format!("{name}.gz")), b"not read").unwrap();
        fs::write(dir.path().join(format!("._{name}")), b"not read").unwrap();
    }
    assert_eq!(load_tail(dir.path()).unwrap().len(), 12);
}

#[test]
fn four_dimensions_are_channels_last_and_labels_may_be_integers() {
    let pixels = [7; 10 * 2 * 3 * 4];
    let labels: Vec<u8> = (0..10).flat_map(|i: i32| (i * 100).to_be_bytes()).collect();
    let files = [
        idx(8, &[10, 2, 3, 4], &pixels),
        idx(0x0c, &[10], &labels),
        idx(8, &[2, 2, 3, 4], &pixels[..48]),
        idx(0x0c, &[2], &labels[4..12]),
    ];
    let dir = folder(NAMES, &files);
    let dataset = load_tail(dir.path()).unwrap();
    assert_eq!(dataset.sample_shape, [2, 3, 4]);
    assert_eq!(dataset.targets.classes().len(), 901);
    assert_eq!(dataset.targets.labels().unwrap()[9..], [900, 100, 200]);
}

#[test]
fn the_real_mnist_is_read_whole() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/mnist");
    let dir = std::env::var_os("ANYGRAD_MNIST").map_or(beside, PathBuf::from);
    if !dir.is_dir() {
        // Straight to the terminal: the harness shows what print macros say only when a test fails.
        writeln!(
            std::io::stderr(),
            "NOT RUN: the_real_mnist_is_read_whole; set ANYGRAD_MNIST to a folder with the four files"
        )
        .unwrap();
        return;
    }
    let dataset = load(&dir, &tail(0.1)).unwrap();
    assert_eq!(dataset.sample_shape, [28, 28, 1]);
    let parts = &dataset.parts;
    assert_eq!(
        [
            parts.train.clone(),
            parts.validation.clone(),
            parts.test.clone()
        ],
        [0..54_000, 54_000..60_000, 60_000..70_000]
    );
    assert_eq!(dataset.targets.labels().unwrap()[..5], [5, 0, 4, 1, 9]);
    assert_eq!(
        dataset.targets.labels().unwrap()[60_000..60_005],
        [7, 2, 1, 0, 4]
    );
    assert_eq!(dataset.targets.classes().len(), 10);
    // The statistics everyone uses, 0.1307 and 0.3081, are those of all 60,000.
    let fitted = Normalization::fit(&dataset, 255.0);
    assert!((fitted.mean[0] - 0.1307).abs() < 5e-4, "{fitted:?}");
    assert!((fitted.std[0] - 0.3081).abs() < 5e-4, "{fitted:?}");
}
