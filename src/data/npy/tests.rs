use std::fs;

use tempfile::TempDir;

use super::*;
use crate::data::Split;
use crate::data::mutate::mutate;
use crate::error::Class;
use crate::rng::{Sequence, Stream};

fn npy(descr: &str, shape: &str, body: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    let padded = format!("{header:<117}\n");
    let length = u16::try_from(padded.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], padded.as_bytes(), body].concat()
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

fn hold_out(test: f64) -> HoldOut {
    HoldOut {
        test,
        validation: 0.0,
        split: Split::Tail,
        seed: 1,
        fold: None,
    }
}

fn le(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

#[test]
fn images_in_parts_with_classes_as_integers() {
    let dir = folder(&[
        (
            "x_train.npy",
            &npy("|u1", "(3, 2, 2)", &(0..12).collect::<Vec<u8>>()),
        ),
        (
            "y_train.npy",
            &npy("<i8", "(3,)", &[0_i64, 2, 1].map(i64::to_le_bytes).concat()),
        ),
        ("x_test.npy", &npy("|u1", "(1, 2, 2)", &[9, 9, 9, 9])),
        ("y_test.npy", &npy("<i8", "(1,)", &2_i64.to_le_bytes())),
    ]);
    let dataset = load(dir.path(), false, &hold_out(0.5), None).unwrap();
    assert_eq!(dataset.sample_shape, [2, 2, 1]);
    assert_eq!(dataset.parts, Parts::of([3, 0, 1]));
    assert_eq!(dataset.targets.labels().unwrap(), [0, 2, 1, 2]);
    let Samples::Bytes(bytes) = &dataset.samples else {
        panic!("bytes stay bytes")
    };
    assert_eq!(bytes[8..], [8, 9, 10, 11, 9, 9, 9, 9]);
}

#[test]
fn numbers_of_every_type_are_read_and_one_set_is_parted() {
    let expected = [1.0, -2.0, 3.0, 4.0];
    let bodies: [(&str, Vec<u8>); 6] = [
        ("<f4", le(&expected)),
        (
            ">f4",
            expected.iter().flat_map(|n| n.to_be_bytes()).collect(),
        ),
        (
            "<f8",
            expected
                .iter()
                .flat_map(|&n| f64::from(n).to_le_bytes())
                .collect(),
        ),
        ("|i1", vec![1, 0xfe, 3, 4]),
        (">i2", [1_i16, -2, 3, 4].map(i16::to_be_bytes).concat()),
        ("<i4", [1_i32, -2, 3, 4].map(i32::to_le_bytes).concat()),
    ];
    for (descr, body) in bodies {
        let dir = folder(&[
            ("x.npy", &npy(descr, "(4, 1)", &body)),
            ("y.npy", &npy("<f4", "(4, 2)", &le(&[0.0; 8]))),
        ]);
        let dataset = load(dir.path(), true, &hold_out(0.25), None).unwrap();
        assert_eq!(
            dataset.samples,
            Samples::Floats(expected.to_vec()),
            "{descr}"
        );
        assert_eq!(dataset.targets.outputs(), 2);
        assert_eq!(dataset.parts, Parts::of([3, 0, 1]));
    }
}

#[track_caller]
fn assert_refused(x: &[u8], y: &[u8], words: &[&str]) {
    let dir = folder(&[("x.npy", x), ("y.npy", y)]);
    let error = load(dir.path(), false, &hold_out(0.0), None).unwrap_err();
    assert_eq!(error.class(), Class::Data, "{error}");
    for word in words {
        assert!(
            error.to_string().contains(word),
            "{word:?} is not in {error}"
        );
    }
}

#[test]
fn files_that_are_not_what_they_declare_are_refused() {
    let x = npy("|u1", "(2, 3)", &[0; 6]);
    let y = npy("|u1", "(2,)", &[0, 1]);
    for (bytes, words) in [
        (b"".to_vec(), &["x.npy", "not an NPY file"][..]),
        (b"\x93NUMPY\x09\x00\x00\x00".to_vec(), &["version 9"]),
        (b"\x93NUMPY\x01\x00\xff\x00{".to_vec(), &["truncated"]),
        (
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff{".to_vec(),
            &["more than 10000"],
        ),
        (
            npy("|u1", "(2, 3)", &[0; 5]),
            &["6 bytes from byte 128, but there are 5"],
        ),
        (npy("|u1", "(2, 3)", &[0; 7]), &["there are 7"]),
        (
            npy("<f8", "(4294967296, 4294967296, 2)", &[0; 7]),
            &["more than can be counted"],
        ),
        (
            npy("<f4", "(1000000000, 1000)", &[0; 8]),
            &["4000000000000 bytes"],
        ),
        (npy("|O", "(2, 3)", &[0; 6]), &["descr"]),
        (npy("<f2", "(2, 3)", &[0; 12]), &["descr"]),
        (npy("|u1", "(0, 3)", &[]), &["at least one sample"]),
        (npy("|u1", "()", &[0]), &["at least one sample"]),
        (
            npy("|u1", "(2, 1, 1, 1, 3)", &[0; 6]),
            &["samples of shape"],
        ),
        (
            npy("<f4", "(2, 1)", &le(&[1.0, f32::NAN])),
            &["sample 1 (byte 132) holds NaN"],
        ),
        (
            npy("|u1", "(3, 3)", &[0; 9]),
            &["2 targets for the 3 samples"],
        ),
    ] {
        assert_refused(&bytes, &y, words);
    }
    let fortran = String::from_utf8_lossy(&x).replace("False", "True ");
    assert!(fortran.contains("True"), "{fortran}");
    for (bytes, words) in [
        (
            npy("<f4", "(2,)", &le(&[0.0, 1.5])),
            &["y.npy", "sample 1 has class 1.5"][..],
        ),
        (npy("|i1", "(2,)", &[0, 0xff]), &["class -1"]),
        (npy("|u1", "(2, 2)", &[0; 4]), &["2 numbers for a sample"]),
        (npy("|u1", "(2,)", &[0, 0]), &["every class is 0"]),
    ] {
        assert_refused(&x, &bytes, words);
    }
    let only = folder(&[("x.npy", &x)]);
    let error = load(only.path(), false, &hold_out(0.0), None).unwrap_err();
    assert!(error.to_string().contains("x.npy without y.npy"), "{error}");
    let none = folder(&[("z.npy", &x)]);
    let error = load(none.path(), false, &hold_out(0.0), None).unwrap_err();
    assert!(error.to_string().contains("it holds `z.npy`"), "{error}");
}

#[test]
fn damaged_arrays_never_panic_and_what_is_read_is_whole() {
    let mut sequence = Sequence::new(7, Stream::Test, 41);
    let good = npy("<f4", "(2, 3)", &le(&[1.0; 6]));
    let mut read = 0;
    for _ in 0..40_000 {
        let mut bytes = good.clone();
        mutate(&mut bytes, &mut sequence);
        let path = Path::new("x.npy");
        let Ok(mut array) = Array::header(path, &bytes, bytes.len() as u64) else {
            continue;
        };
        let values = array.count() * array.width();
        let begin = bytes.len() - values.min(bytes.len());
        assert!(
            array.size_in_memory() <= 4 * bytes.len() as u64,
            "{array:?}"
        );
        let _ = array.fill(&mut &bytes[begin.min(128)..]);
        read += 1;
    }
    assert!(read > 500, "only {read} had a header");
}
