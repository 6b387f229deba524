use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::data::Split;
use crate::data::mutate::mutate;
use crate::error::Class;
use crate::rng::{Sequence, Stream};

/// Records of the classes; red counts up from `first`, green is 100, blue the class.
fn batch(first: u8, classes: &[u8]) -> Vec<u8> {
    let record = |(i, &class): (usize, &u8)| {
        let red = first + u8::try_from(i).unwrap();
        [
            vec![class],
            vec![red; PLANE],
            vec![100; PLANE],
            vec![class; PLANE],
        ]
        .concat()
    };
    classes.iter().enumerate().flat_map(record).collect()
}

/// Files by name.
type Files = Vec<(&'static str, Vec<u8>)>;

fn batches() -> Files {
    let one = |(i, name): (usize, &'static str)| {
        let i = u8::try_from(i).unwrap();
        (name, batch(10 * i, &[i, 9 - i]))
    };
    FILES.into_iter().enumerate().map(one).collect()
}

/// An archive as `tar` writes it.
fn tar(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = header(&format!("{FOLDER}/"), 0, b'5');
    for (name, content) in members {
        bytes.extend(header(&format!("{FOLDER}/{name}"), content.len(), b'0'));
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn header(name: &str, size: usize, kind: u8) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[148..156].fill(b' ');
    block[156] = kind;
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

fn read(path: &Path) -> Result<Dataset> {
    let hold_out = HoldOut {
        test: 0.0,
        validation: 0.2,
        split: Split::Tail,
        seed: 1,
        fold: None,
    };
    load(path, &hold_out)
}

fn refusal(path: &Path) -> Error {
    let error = read(path).expect_err("it is refused");
    assert_eq!(error.class(), Class::Data, "{error}");
    assert!(!error.help().is_empty(), "{error}");
    error
}

#[track_caller]
fn assert_says(error: &Error, word: &str) {
    assert!(error.to_string().contains(word), "{word:?} in {error}");
}

fn assert_read(path: &Path) {
    let dataset = read(path).unwrap();
    assert_eq!(dataset.sample_shape, [32, 32, 3]);
    assert_eq!(dataset.parts, Parts::of([8, 2, 2]));
    let labels = [0, 9, 1, 8, 2, 7, 3, 6, 4, 5, 5, 4];
    assert_eq!(dataset.targets.labels().unwrap(), labels);
    assert_eq!(dataset.targets.classes()[3], "cat");
    let Samples::Bytes(bytes) = &dataset.samples else {
        panic!("pixels are bytes");
    };
    assert_eq!(bytes.len(), 12 * 3072);
    let third = &bytes[3 * 3072..4 * 3072];
    assert!(
        third.chunks(3).all(|pixel| pixel == [11, 100, 8]),
        "color is last"
    );
}

#[test]
fn the_six_files_are_read_from_a_folder_and_from_the_archive() {
    let dir = folder(&batches());
    assert_read(dir.path());
    let outer = tempfile::tempdir().unwrap();
    fs::rename(dir.path(), outer.path().join(FOLDER)).unwrap();
    assert_read(outer.path());
    // The archive has them in another order, and other files between them.
    let mut members = batches();
    members.rotate_left(2);
    members.insert(1, ("batches.meta.txt", b"airplane\n".to_vec()));
    members.insert(4, ("readme.html", vec![b'x'; 700]));
    for archive in [gz(&tar(&members)), tar(&members)] {
        let dir = folder(&[(ARCHIVE, archive)]);
        assert_read(dir.path());
        assert_read(&dir.path().join(ARCHIVE));
    }
}

#[test]
fn rows_and_columns_keep_their_order() {
    let mut files = batches();
    let record = &mut files[0].1[1..RECORD];
    for (i, byte) in record.iter_mut().enumerate() {
        *byte = u8::try_from(i % PLANE % 251).unwrap();
    }
    let dataset = read(folder(&files).path()).unwrap();
    let Samples::Bytes(bytes) = &dataset.samples else {
        panic!("pixels are bytes");
    };
    for pixel in 0..PLANE {
        let expected = u8::try_from(pixel % 251).unwrap();
        assert_eq!(bytes[3 * pixel..][..3], [expected; 3], "pixel {pixel}");
    }
}

#[test]
fn what_is_not_whole_is_refused_with_its_place() {
    let spoiled = |change: &dyn Fn(&mut Files)| {
        let mut files = batches();
        change(&mut files);
        refusal(folder(&files).path())
    };
    let error = spoiled(&|files| files[1].1.truncate(5000));
    assert_says(&error, "data_batch_2.bin: 5000 bytes");
    assert_says(
        &spoiled(&|files| files[5].1.clear()),
        "test_batch.bin: 0 bytes",
    );
    let error = spoiled(&|files| files[2].1[RECORD] = 10);
    assert_says(
        &error,
        "data_batch_3.bin: record 1 (byte 3073) has class 10",
    );
    let error = spoiled(&|files| drop(files.remove(3)));
    assert_says(&error, "no data_batch_4.bin");
    let error = refusal(folder(&[("data_batch_1", vec![0; 8])]).path());
    assert_says(&error, "it holds `data_batch_1`");
    assert!(error.help().contains("for Python"), "{}", error.help());
    assert_says(&refusal(Path::new("/nowhere")), "no such folder");
}

#[test]
fn an_archive_that_is_damaged_or_lies_is_refused() {
    let refused = |bytes: Vec<u8>| refusal(folder(&[(ARCHIVE, bytes)]).path());
    let whole = tar(&batches());
    assert_says(&refused(whole[..9000].to_vec()), "truncated");
    assert_says(&refused(gz(&whole[..9000])), "truncated");
    let packed = gz(&whole);
    assert_says(
        &refused(packed[..packed.len() - 4].to_vec()),
        "gzip stream is broken",
    );
    let mut damaged = packed.clone();
    let sum = damaged.len() - 8;
    damaged[sum] ^= 1;
    assert_says(&refused(damaged), "gzip stream is broken");
    assert_says(&refused(b"no archive".to_vec()), "truncated");
    assert_says(&refused(vec![b'x'; 2000]), "no tar archive");
    let mut twice = batches();
    twice.push(twice[0].clone());
    assert_says(
        &refused(gz(&tar(&twice))),
        "data_batch_1.bin: it is in the archive twice",
    );
    assert_says(
        &refused(gz(&tar(&batches()[..4]))),
        "no data_batch_5.bin, test_batch.bin",
    );
    // A header that declares a gigabyte reserves none of it.
    let mut lying = header("data_batch_1.bin", RECORD * 400_000, b'0');
    lying.resize(4096, 0);
    assert_says(
        &refused(lying.clone()),
        "expected a whole number of records",
    );
    assert_says(
        &refused(header("data_batch_1.bin", RECORD + 1, b'0')),
        "3074 bytes",
    );
    // A link of the name is no file.
    let mut link = header("data_batch_1.bin", 0, b'2');
    link.extend(&whole);
    assert_read(&folder(&[("a.tar", link)]).path().join("a.tar"));
}

#[test]
fn whatever_is_in_an_archive_nothing_panics() {
    let plain = tar(&batches());
    let packed = gz(&plain);
    let mut read = 0;
    for round in 0..400 {
        let mut sequence = Sequence::new(11, Stream::Test, round);
        let mut bytes = if round % 2 == 0 {
            plain.clone()
        } else {
            packed.clone()
        };
        mutate(&mut bytes, &mut sequence);
        let size = bytes.len() as u64;
        match from_archive(Path::new("a"), &bytes[..], size) {
            Ok(_) => read += 1,
            Err(error) => assert_eq!(error.class(), Class::Data, "{error}"),
        }
    }
    assert!(
        (1..400).contains(&read),
        "pixels may change, headers may not: {read}"
    );
}
