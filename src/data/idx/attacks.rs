//! What is refused.

use std::fs;
use std::io::Read;
use std::path::Path;

use super::file::{Content, IdxFile};
use super::tests::{NAMES, folder, gz, header, idx, load_tail, small};
use crate::data::mutate::mutate;
use crate::error::{Class, Error};
use crate::rng::{Sequence, Stream};

/// The refusal of a folder where file `which` has these bytes.
fn refusal_with(which: usize, bytes: Vec<u8>) -> Error {
    let mut files = small();
    files[which] = bytes;
    let dir = folder(NAMES, &files);
    let error = load_tail(dir.path()).expect_err("the file is refused");
    assert_eq!(error.class(), Class::Data, "{error}");
    assert!(!error.help().is_empty(), "{error}");
    error
}

#[track_caller]
fn assert_says(error: &Error, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}

#[test]
fn several_data_sets_in_one_folder_are_refused_by_name() {
    let dir = folder(NAMES, &small());
    fs::write(
        dir.path().join("emnist-letters-train-labels-idx1-ubyte"),
        b"",
    )
    .unwrap();
    let error = load_tail(dir.path()).unwrap_err();
    assert_says(
        &error,
        &[
            "several files",
            "training labels",
            "emnist-letters",
            NAMES[1],
        ],
    );
    assert!(error.help().contains("one data set"), "{}", error.help());
}

#[test]
fn missing_folders_and_files_are_named_with_what_was_found() {
    let dir = tempfile::tempdir().unwrap();
    let error = load_tail(&dir.path().join("nowhere")).unwrap_err();
    assert_says(&error, &["nowhere: no such folder"]);
    let error = load_tail(dir.path()).unwrap_err();
    assert_says(&error, &["no IDX files", "it holds nothing"]);
    assert!(
        error.help().contains("train-images-idx3-ubyte.gz"),
        "{}",
        error.help()
    );
    let file = dir.path().join("a\u{1b}[31m.png");
    fs::write(&file, b"x").unwrap();
    assert_says(&load_tail(&file).unwrap_err(), &["a file, not a folder"]);
    (0..20).for_each(|i| fs::write(dir.path().join(format!("b{i:02}")), b"").unwrap());
    let error = load_tail(dir.path()).unwrap_err();
    assert_says(&error, &[r"`a\u{1b}[31m.png`, `b00`", "and 13 more"]);

    for (missing, called) in [
        (0, "no training images"),
        (1, "no training labels"),
        (3, "no test labels"),
    ] {
        let dir = folder(NAMES, &small());
        fs::remove_file(dir.path().join(NAMES[missing])).unwrap();
        let error = load_tail(dir.path()).unwrap_err();
        assert_eq!(error.class(), Class::Data);
        assert_says(&error, &[called, NAMES[(missing + 1) % 4]]);
        assert!(error.help().contains(NAMES[missing]), "{}", error.help());
        // A folder of that name is no file.
        fs::create_dir(dir.path().join(NAMES[missing])).unwrap();
        assert_says(&load_tail(dir.path()).unwrap_err(), &[called]);
    }
}

#[test]
fn every_truncation_is_refused_packed_or_not() {
    let whole = small();
    for (which, file) in whole.iter().enumerate() {
        for length in 0..file.len() {
            let error = refusal_with(which, file[..length].to_vec());
            assert_says(&error, &[NAMES[which], "truncated"]);
            refusal_with(which, gz(&file[..length]));
        }
        let packed = gz(&file[..]);
        for length in 0..packed.len() {
            let error = refusal_with(which, packed[..length].to_vec());
            assert_says(&error, &[NAMES[which]]);
        }
    }
}

#[test]
fn bytes_behind_the_declared_end_are_refused() {
    for (which, mut file) in small().into_iter().enumerate() {
        let end = format!("end at byte {}", file.len());
        file.push(0);
        assert_says(
            &refusal_with(which, file.clone()),
            &[NAMES[which], "trailing", &end],
        );
        assert_says(
            &refusal_with(which, gz(&file[..])),
            &["trailing", "after unpacking"],
        );
        file.pop();
        let packed = [gz(&file[..]), vec![1, 2, 3]].concat();
        refusal_with(which, packed);
    }
}

#[test]
fn a_damaged_gzip_checksum_is_refused() {
    let mut packed = gz(&small()[0][..]);
    let checksum = packed.len() - 8;
    packed[checksum] ^= 1;
    assert_says(
        &refusal_with(0, packed),
        &["gzip stream is broken", "76 unpacked bytes"],
    );
}

#[test]
fn headers_that_lie_are_refused_with_the_place() {
    let images = |dims: &[u32]| idx(8, dims, &[0; 60]);
    for (which, bytes, words) in [
        (
            0,
            b"\x89PNG\r\n\x1a\n....".to_vec(),
            &["not an IDX file", "89 50 4e 47"][..],
        ),
        (
            0,
            idx(0x0d, &[10, 2, 3], &[0; 240]),
            &["byte 2 is 0x0d", "32-bit float"],
        ),
        (0, idx(0x0c, &[10, 2, 3], &[0; 240]), &["byte 2 is 0x0c"]),
        (
            1,
            idx(0x09, &[10], &[0; 10]),
            &["byte 2 is 0x09", "0x0c (32-bit integer)"],
        ),
        (
            0,
            small()[1].clone(),
            &["rank at byte 3 is 1", "3 (n, h, w)"],
        ),
        (
            1,
            small()[0].clone(),
            &["rank at byte 3 is 3", "expected 1"],
        ),
        (0, images(&[10, 6]), &["rank at byte 3 is 2"]),
        (0, images(&[1; 5]), &["rank at byte 3 is 5"]),
        (0, images(&[0, 2, 3]), &["dimension 0 at byte 4 is 0"]),
        (0, images(&[10, 2, 0]), &["dimension 2 at byte 12 is 0"]),
        (0, images(&[2, 2, 3, 5]), &["5 channels at byte 16"]),
        (
            0,
            images(&[u32::MAX; 3]),
            &["4294967295 × 4294967295", "more bytes than can be counted"],
        ),
        (
            1,
            idx(8, &[9], &[0; 9]),
            &["9 labels for the 10 images", NAMES[0]],
        ),
        (
            3,
            idx(8, &[3], &[0; 3]),
            &["3 labels for the 2 images", NAMES[2]],
        ),
        (
            2,
            idx(8, &[2, 3, 2], &[0; 12]),
            &["3 × 2 × 1", "2 × 3 × 1", NAMES[0], NAMES[2]],
        ),
        (
            2,
            idx(8, &[2, 2, 3, 1], &[0; 11]),
            &["truncated", "12 bytes from byte 20, found 11"],
        ),
    ] {
        assert_says(
            &refusal_with(which, bytes),
            &[words, &[NAMES[which]]].concat(),
        );
    }
}

#[test]
fn labels_out_of_range_are_refused_with_their_sample() {
    let integers = |labels: [i32; 10]| idx(0x0c, &[10], &labels.map(i32::to_be_bytes).concat());
    let bad_test = idx(8, &[2], &[1, 2]);
    assert_says(
        &refusal_with(3, bad_test),
        &["sample 1 (byte 9) has label 2, expected 0 to 1"],
    );
    let negative = integers([0, 1, -1, 0, 0, 0, 0, 0, 0, 0]);
    assert_says(
        &refusal_with(1, negative),
        &["sample 2 (byte 16) has label -1"],
    );
    let huge = integers([0, 1, 0, 0, 0, 0, 0, 0, 0, i32::MAX]);
    assert_says(
        &refusal_with(1, huge),
        &["sample 9 (byte 44) has label 2147483647", "0 to 65535"],
    );
    let all_zero = integers([0; 10]);
    assert_says(&refusal_with(1, all_zero), &["every label is 0"]);
}

#[test]
fn bombs_are_refused_without_unpacking_them() {
    // A header of 60 bytes, then 64 MiB of zeros.
    let bomb = gz(header(8, &[10, 2, 3]).chain(std::io::repeat(0).take(64 << 20)));
    let (mut unread, size) = (&bomb[..], bomb.len() as u64);
    let path = Path::new("bomb");
    let mut file = IdxFile::from_reader(path, &mut unread, size, Content::Images).unwrap();
    assert_says(&file.read().unwrap_err(), &["bomb: trailing bytes"]);
    drop(file);
    assert!(
        unread.len() > bomb.len() - 4096,
        "{} of {size} bytes are unread",
        unread.len()
    );

    // Headers that declare 24 GiB: refused before a byte is asked for.
    let large = idx(8, &[u32::MAX, 2, 3], &[]);
    let mut files = small();
    files[0] = large.clone();
    files[1] = idx(8, &[u32::MAX], &[]);
    let dir = folder(NAMES, &files);
    assert_says(&load_tail(dir.path()).unwrap_err(), &["4 GiB"]);
    // A file alone: memory follows what is in it, not the header.
    let mut file = IdxFile::from_reader(
        Path::new("large"),
        &large[..],
        large.len() as u64,
        Content::Images,
    )
    .unwrap();
    assert_says(
        &file.read().unwrap_err(),
        &["truncated", "25769803770 bytes from byte 16, found 0"],
    );
}

#[test]
fn mutated_files_never_panic_and_never_give_more_than_they_declare() {
    let seeds = [
        small()[0].clone(),
        small()[1].clone(),
        idx(0x0c, &[3], &[0; 12]),
    ];
    let seeds: Vec<Vec<u8>> = seeds
        .iter()
        .cloned()
        .chain(seeds.iter().map(|s| gz(&s[..])))
        .collect();
    let mut accepted = 0;
    for case in 0..20_000 {
        let mut sequence = Sequence::new(20, Stream::Test, case);
        let mut bytes = seeds[sequence.below(6) as usize].clone();
        mutate(&mut bytes, &mut sequence);
        for content in [Content::Images, Content::Labels] {
            let path = Path::new("mutated");
            let Ok(mut file) = IdxFile::from_reader(path, &bytes[..], bytes.len() as u64, content)
            else {
                continue;
            };
            let (size, count) = (file.size(), file.count());
            if content == Content::Images {
                if let Ok(body) = file.read() {
                    accepted += 1;
                    assert_eq!(body.len() as u64, size);
                    assert!(
                        body.capacity() < 1032 * bytes.len() + 2,
                        "{}",
                        body.capacity()
                    );
                }
            } else if let Ok(labels) = file.read_labels(10) {
                accepted += 1;
                assert_eq!(labels.len(), count);
                assert!(labels.iter().all(|&label| label < 10), "{labels:?}");
            }
        }
    }
    assert!(
        accepted > 100,
        "only {accepted} mutations left a readable file: the mutator is too rough"
    );
}
