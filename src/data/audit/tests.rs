use std::fs;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, Rgb, RgbImage};
use tempfile::TempDir;

use super::*;
use crate::data::{Samples, Split};
use crate::rng::{Sequence, Stream};

/// A smooth picture in colours, another one for each number.
fn picture(number: u32, side: u32) -> DynamicImage {
    let mut sequence = Sequence::new(3, Stream::Test, number);
    let waves: Vec<[f64; 5]> = (0..6)
        .map(|_| [(); 5].map(|()| sequence.uniform()))
        .collect();
    let image = RgbImage::from_fn(side, side, |x, y| {
        let (x, y) = (
            f64::from(x) / f64::from(side),
            f64::from(y) / f64::from(side),
        );
        Rgb([0, 1, 2].map(|channel| {
            let sum: f64 = waves
                .iter()
                .map(|[a, b, c, d, e]| {
                    let tint = [*c, *d, *e][channel];
                    tint * (9.0 * a * x + 9.0 * b * y + 6.0 * c).sin()
                })
                .sum();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped"
            )]
            let byte = (128.0 + 50.0 * sum).clamp(0.0, 255.0) as u8;
            byte
        }))
    });
    image.into()
}

fn save(dir: &Path, name: &str, image: &DynamicImage) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image.save(path).unwrap();
}

fn save_jpeg(dir: &Path, name: &str, image: &DynamicImage, quality: u8) {
    let file = fs::File::create(dir.join(name)).unwrap();
    JpegEncoder::new_with_quality(file, quality)
        .encode_image(image)
        .unwrap();
}

/// Two classes of twelve different pictures to train on, and of four to test on.
fn sound() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..32 {
        let part = if number < 24 { "train" } else { "test" };
        let class = ["cat", "dog"][number as usize % 2];
        save(
            dir.path(),
            &format!("{part}/{class}/{number}.png"),
            &picture(number, 40),
        );
    }
    dir
}

fn checked(path: &Path) -> Vec<Finding> {
    check(path, None, &mut |_, _| Ok(())).unwrap().findings
}

fn kinds(findings: &[Finding]) -> Vec<Kind> {
    findings.iter().map(|finding| finding.kind).collect()
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let dir = sound();
    let report = check(dir.path(), None, &mut |_, _| Ok(())).unwrap();
    assert_eq!((report.samples, report.classes), (32, 2));
    assert_eq!(report.findings, []);
}

#[test]
fn everything_that_is_planted_among_pictures_is_found_and_nothing_else() {
    let dir = sound();
    let path = dir.path();
    let copy = |from: &str, to: &str| fs::copy(path.join(from), path.join(to)).unwrap();
    copy("train/cat/0.png", "train/cat/copy.png");
    copy("train/cat/2.png", "test/cat/leak.png");
    copy("train/dog/1.png", "train/cat/wrong.png");
    // The same pixels in another format.
    save(path, "train/cat/other.bmp", &picture(4, 40));
    save_jpeg(path, "train/dog/again.jpg", &picture(3, 40), 70);
    let small = picture(5, 40).resize_exact(29, 29, FilterType::Triangle);
    save(path, "test/dog/small.png", &small);
    fs::write(path.join("train/cat/empty.png"), "").unwrap();
    let bytes = fs::read(path.join("train/dog/7.png")).unwrap();
    fs::write(path.join("train/dog/cut.png"), &bytes[..bytes.len() / 2]).unwrap();
    let found = checked(path);
    let places = |kind: Kind| -> Vec<Vec<&str>> {
        let of_kind = found.iter().filter(|finding| finding.kind == kind);
        let name =
            |place: &String| place.rsplit('/').next().unwrap_or("").to_owned().leak() as &str;
        of_kind
            .map(|finding| finding.places.iter().map(name).collect())
            .collect()
    };
    assert_eq!(
        places(Kind::Damaged),
        [["empty.png"], ["cut.png"]],
        "{found:#?}"
    );
    assert_eq!(places(Kind::Leak), [["2.png", "leak.png"]]);
    assert_eq!(places(Kind::Conflict), [["wrong.png", "1.png"]]);
    assert_eq!(
        places(Kind::Duplicate),
        [["0.png", "copy.png"], ["4.png", "other.bmp"]]
    );
    assert_eq!(places(Kind::NearLeak), [["5.png", "small.png"]]);
    assert_eq!(places(Kind::NearDuplicate), [["3.png", "again.jpg"]]);
    assert_eq!(found.len(), 8, "{found:#?}");

    let out = dir.path().join("clean");
    // The copy itself is not among what is looked at.
    let cleaned = clean(path, None, &out, &mut |_, _| Ok(())).unwrap();
    let expected = Cleaned {
        kept: 32 - 1,
        damaged: 2,
        copies: 5,
        conflicts: 2,
    };
    assert_eq!(cleaned, expected);
    assert_eq!(checked(&out), []);
    assert!(
        out.join("test/cat/leak.png").is_file(),
        "the one to test on stays"
    );
    assert!(
        !out.join("train/cat/2.png").exists(),
        "the one to train on goes"
    );
    let again = clean(path, None, &out, &mut |_, _| Ok(())).unwrap_err();
    assert!(again.to_string().contains("there already"), "{again}");
}

#[test]
fn a_class_with_few_samples_is_told() {
    let dir = sound();
    for number in 40..160 {
        save(
            dir.path(),
            &format!("train/cat/{number}.png"),
            &picture(number, 24),
        );
    }
    let found = checked(dir.path());
    assert_eq!(kinds(&found), [Kind::Imbalance]);
    assert!(
        found[0].what.contains("\"dog\" has 12 samples"),
        "{found:?}"
    );
}

#[test]
fn the_embedded_digits_hold_no_near_duplicates() {
    let digits = crate::data::digits::load(&HoldOut {
        split: Split::Tail,
        ..NONE_HELD_OUT
    });
    let report = of_arrays(digits);
    assert_eq!(report.findings, []);
}

#[test]
fn everything_that_is_planted_in_a_table_is_found_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut train = "id,a,b,c,y\n".to_owned();
    for i in 0..20 {
        train += &format!("{i},{}.5,{},same,{}\n", i, i * i, ["p", "q"][i % 2]);
    }
    train += "20,3.50,9,same,q\n21,4.5,16,same,q\n22,,400,same,p\n";
    fs::write(dir.path().join("train.csv"), train).unwrap();
    fs::write(
        dir.path().join("test.csv"),
        "id,a,b,c,y\n30,7.5,49,same,q\n31,100,1,other,p\n",
    )
    .unwrap();
    let found = checked(dir.path());
    let mut expected = vec![
        Kind::Leak,
        Kind::Conflict,
        Kind::Duplicate,
        Kind::Missing,
        Kind::Constant,
    ];
    expected.sort();
    assert_eq!(kinds(&found), expected, "{found:#?}");
    let places = |i: usize| found[i].places.join(" ");
    assert!(
        places(0).contains("train.csv: line 9") && places(0).contains("test.csv: line 2"),
        "{found:#?}"
    );
    assert!(
        places(1).contains("line 6") && places(1).contains("line 23"),
        "{found:#?}"
    );
    assert!(
        places(2).contains("line 5") && places(2).contains("line 22"),
        "{found:#?}"
    );
    assert!(found[3].what.contains("\"a\" lacks 1 of 23"), "{found:#?}");

    let out = dir.path().join("clean");
    let cleaned = clean(dir.path(), None, &out, &mut |_, _| Ok(())).unwrap();
    assert_eq!(
        (cleaned.kept, cleaned.copies, cleaned.conflicts),
        (25 - 4, 2, 2)
    );
    assert_eq!(kinds(&checked(&out)), [Kind::Missing, Kind::Constant]);
}

#[test]
fn a_table_of_measurements_may_repeat_itself_and_a_broken_one_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv");
    let rows: String = (0..60).map(|i| format!("{},{}.25\n", i / 2, i)).collect();
    fs::write(&path, format!("x,y\n{rows}")).unwrap();
    assert_eq!(checked(&path), []);
    fs::write(&path, "x,y\n1,2\n3\n").unwrap();
    assert_eq!(kinds(&checked(&path)), [Kind::Damaged]);
    let error = check(&path, Some("z"), &mut |_, _| Ok(())).unwrap();
    assert_eq!(kinds(&error.findings), [Kind::Damaged]);
    fs::write(&path, format!("x,y\n{rows}")).unwrap();
    assert!(
        check(&path, Some("z"), &mut |_, _| Ok(())).is_err(),
        "z is no column"
    );
}

/// An IDX file.
fn idx_file(dims: &[u32], body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, u8::try_from(dims.len()).unwrap()];
    dims.iter().for_each(|dim| bytes.extend(dim.to_be_bytes()));
    bytes.extend(body);
    bytes
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, bytes).unwrap();
    packer.finish().unwrap()
}

#[test]
fn what_is_planted_among_idx_files_is_left_out_of_a_copy_of_the_same_form() {
    let dir = tempfile::tempdir().unwrap();
    let save = |part: &str, numbers: &[u32], labels: &[u8]| {
        let count = u32::try_from(numbers.len()).unwrap();
        let pixels: Vec<u8> = numbers
            .iter()
            .flat_map(|&number| picture(number, 20).to_luma8().into_raw())
            .collect();
        let images = gz(&idx_file(&[count, 20, 20], &pixels));
        fs::write(
            dir.path().join(format!("{part}-images-idx3-ubyte.gz")),
            images,
        )
        .unwrap();
        let labels = idx_file(&[count], labels);
        fs::write(dir.path().join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    };
    // Sample 24 is 0 again, 25 is 1 under another label; 8 of the test is 2 of the training part.
    let train: Vec<u32> = (0..24).chain([0, 1]).collect();
    let labels: Vec<u8> = (0..24).map(|i| i % 2).chain([0, 0]).collect();
    save("train", &train, &labels);
    let test: Vec<u32> = (100..108).chain([2]).collect();
    save("t10k", &test, &[0, 1, 0, 1, 0, 1, 0, 1, 0]);
    let mut expected = vec![Kind::Leak, Kind::Conflict, Kind::Duplicate];
    expected.sort();
    assert_eq!(kinds(&checked(dir.path())), expected);

    let out = dir.path().join("clean");
    let cleaned = clean(dir.path(), None, &out, &mut |_, _| Ok(())).unwrap();
    let expected = Cleaned {
        kept: 31,
        damaged: 0,
        copies: 2,
        conflicts: 2,
    };
    assert_eq!(cleaned, expected);
    assert_eq!(checked(&out), []);
    let read = |dir: &Path| idx::load(dir, &NONE_HELD_OUT).unwrap();
    let (whole, copy) = (read(dir.path()), read(&out));
    assert_eq!(copy.parts, crate::data::Parts::of([22, 0, 9]));
    let left: Vec<usize> = (0..35).filter(|i| ![1, 2, 24, 25].contains(i)).collect();
    let labels = whole.targets.labels().unwrap();
    let labels: Vec<u32> = left.iter().map(|&i| labels[i]).collect();
    assert_eq!(copy.targets.labels().unwrap(), labels);
    let (Samples::Bytes(whole), Samples::Bytes(copy)) = (&whole.samples, &copy.samples) else {
        panic!("pixels are bytes");
    };
    for (place, &sample) in left.iter().enumerate() {
        assert_eq!(
            copy[place * 400..][..400],
            whole[sample * 400..][..400],
            "sample {sample}"
        );
    }
    let images = fs::read(out.join("train-images-idx3-ubyte.gz")).unwrap();
    assert!(images.starts_with(&[0x1f, 0x8b]), "packed as it was");
}

#[test]
fn a_part_of_which_nothing_is_left_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    for (part, labels) in [("train", [0, 1]), ("test", [0, 1])] {
        let pixels = [[7; 64], [9; 64]].concat();
        let images = idx_file(
            &[2, 8, 8],
            &if part == "test" { vec![7; 128] } else { pixels },
        );
        fs::write(dir.path().join(format!("{part}-images-idx")), images).unwrap();
        fs::write(
            dir.path().join(format!("{part}-labels-idx")),
            idx_file(&[2], &labels),
        )
        .unwrap();
    }
    let out = dir.path().join("clean");
    let error = clean(dir.path(), None, &out, &mut |_, _| Ok(())).unwrap_err();
    assert!(
        error.to_string().contains("no test sample is left"),
        "{error}"
    );
    assert!(!out.exists(), "nothing is half there");
}

/// An NPY file of this type and shape.
fn npy_file(descr: &str, shape: &str, body: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(body);
    bytes
}

#[test]
fn arrays_are_cleaned_byte_for_byte_and_measurements_may_differ() {
    let dir = tempfile::tempdir().unwrap();
    // Row 5 is row 0 with the same target, row 6 is row 1 with another one.
    let rows: Vec<f64> = vec![0.5, 1.0, 2.0, 3.0, 4.0, 0.5, 1.0];
    let targets: Vec<f32> = vec![0.25, 1.5, 2.5, 3.5, 4.5, 0.25, 9.5];
    let x: Vec<u8> = rows
        .iter()
        .flat_map(|&row| [row, row + 0.1, -row])
        .flat_map(f64::to_be_bytes)
        .collect();
    let y: Vec<u8> = targets.iter().flat_map(|y| y.to_le_bytes()).collect();
    fs::write(dir.path().join("x.npy"), npy_file(">f8", "(7, 3)", &x)).unwrap();
    fs::write(dir.path().join("y.npy"), npy_file("<f4", "(7,)", &y)).unwrap();
    assert_eq!(kinds(&checked(dir.path())), [Kind::Duplicate]);
    let out = dir.path().join("clean");
    let cleaned = clean(dir.path(), None, &out, &mut |_, _| Ok(())).unwrap();
    assert_eq!((cleaned.kept, cleaned.copies, cleaned.conflicts), (6, 1, 0));
    assert_eq!(checked(&out), []);
    let written = fs::read(out.join("x.npy")).unwrap();
    assert!(
        written.ends_with(&[&x[..5 * 24], &x[6 * 24..]].concat()),
        "rows 0 to 4 and 6"
    );
    let header = String::from_utf8_lossy(&written[..80]).into_owned();
    assert!(
        header.contains("'>f8'") && header.contains("(6, 3,)"),
        "{header}"
    );
    assert_eq!((written.len() - 6 * 24) % 64, 0, "aligned as NumPy's are");
    let of = |dir: &Path| npy_of_any_targets(dir).unwrap();
    let Targets::Values { values, .. } = of(&out).targets else {
        panic!("numbers are predicted");
    };
    assert_eq!(values, [0.25, 1.5, 2.5, 3.5, 4.5, 9.5]);
}
