use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use tempfile::TempDir;

use super::*;
use crate::data::Split;
use crate::error::Class;

/// A grey picture whose pixels are all `value`.
fn grey(value: u8, height: u32, width: u32) -> DynamicImage {
    GrayImage::from_pixel(width, height, Luma([value])).into()
}

fn write(dir: &Path, name: &str, image: &DynamicImage) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image
        .save_with_format(&path, ImageFormat::from_path(&path).unwrap())
        .unwrap();
}

fn hold_out(test: f64, validation: f64) -> HoldOut {
    HoldOut {
        test,
        validation,
        split: Split::Stratified,
        seed: 1,
        fold: None,
    }
}

fn load_plain(dir: &Path, options: &Options) -> Result<Dataset> {
    load(dir, options, &hold_out(0.25, 0.0), None, &mut |_, _| Ok(()))
}

fn bytes(dataset: &Dataset) -> &[u8] {
    match &dataset.samples {
        Samples::Bytes(bytes) => bytes,
        _ => panic!("pictures are bytes"),
    }
}

/// Two classes of eight pictures each, in four formats.
fn small() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..8 {
        let ending = ["png", "bmp", "webp", "JPG"][usize::from(i % 4)];
        write(
            dir.path(),
            &format!("cat/{i}.{ending}"),
            &grey(10 * i, 4, 6),
        );
        write(
            dir.path(),
            &format!("dog/deep/{i}.{ending}"),
            &grey(100 + 10 * i, 4, 6),
        );
    }
    fs::write(dir.path().join("cat/Thumbs.db"), "no picture").unwrap();
    fs::write(dir.path().join("cat/.hidden.png"), "no picture").unwrap();
    dir
}

#[test]
fn a_folder_of_classes_becomes_samples_and_a_test_part_of_each_class() {
    let dir = small();
    let mut told = Vec::new();
    // WebP knows no grey.
    let options = Options {
        size: None,
        channels: Some(1),
    };
    let dataset = load(
        dir.path(),
        &options,
        &hold_out(0.25, 0.25),
        None,
        &mut |done, total| {
            told.push((done, total));
            Ok(())
        },
    );
    let dataset = dataset.unwrap();
    assert_eq!(told, [(0, 16), (16, 16)]);
    assert_eq!(dataset.sample_shape, [4, 6, 1]);
    assert_eq!(dataset.targets.classes(), ["cat", "dog"]);
    assert_eq!(dataset.parts, Parts::of([9, 3, 4]));
    for (sample, &label) in bytes(&dataset)
        .chunks(24)
        .zip(dataset.targets.labels().unwrap())
    {
        assert_eq!(u32::from(sample[0] >= 90), label, "{sample:?}");
        assert!(
            sample.iter().all(|pixel| pixel.abs_diff(sample[0]) <= 2),
            "{sample:?}"
        );
    }
    let test = &dataset.targets.labels().unwrap()[dataset.parts.test.clone()];
    assert_eq!(test.iter().sum::<u32>(), 2, "two of each class");
}

#[test]
fn parts_that_are_given_stay_and_colours_win() {
    let dir = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        write(dir.path(), &format!("Train/{class}/1.png"), &grey(1, 5, 5));
        write(dir.path(), &format!("val/{class}/1.png"), &grey(2, 5, 5));
        write(dir.path(), &format!("test/{class}/1.png"), &grey(3, 5, 5));
    }
    let red = RgbImage::from_pixel(5, 5, Rgb([200, 0, 0]));
    write(dir.path(), "Train/b/2.png", &red.into());
    let dataset = load_plain(dir.path(), &Options::default()).unwrap();
    assert_eq!(dataset.parts, Parts::of([3, 2, 2]));
    assert_eq!(dataset.sample_shape, [5, 5, 3]);
    let pixels = bytes(&dataset);
    assert_eq!(pixels[..3], [1, 1, 1]);
    assert_eq!(pixels[2 * 75..2 * 75 + 3], [200, 0, 0]);
    assert_eq!(pixels[5 * 75], 3, "the test part is last");
}

#[test]
fn pictures_of_many_sizes_are_brought_to_one() {
    let dir = tempfile::tempdir().unwrap();
    for (i, size) in [10, 20, 30, 31, 32].into_iter().enumerate() {
        write(dir.path(), &format!("a/{i}.png"), &grey(50, size, 2 * size));
        write(dir.path(), &format!("b/{i}.png"), &grey(60, size, 2 * size));
    }
    let plain = load_plain(dir.path(), &Options::default()).unwrap();
    assert_eq!(plain.sample_shape[2], 1, "grey, since all are");
    assert_eq!(
        plain.sample_shape[1],
        2 * plain.sample_shape[0],
        "the median keeps the proportions"
    );
    let told = Options {
        size: Some([7, 9]),
        channels: Some(3),
    };
    let dataset = load_plain(dir.path(), &told).unwrap();
    assert_eq!(dataset.sample_shape, [7, 9, 3]);
    assert!(
        bytes(&dataset)
            .iter()
            .all(|&pixel| pixel == 50 || pixel == 60),
        "flat pictures stay flat"
    );
    assert_eq!(within([3000, 4000]), [168, 224]);
    assert_eq!(within([1, 100_000]), [1, 224]);
}

#[test]
fn other_data_is_read_as_a_network_knows_it() {
    let dir = small();
    let classes = ["ape", "cat", "dog"].map(str::to_owned);
    let known = Known {
        classes: &classes,
        sample_shape: [2, 2, 3],
        encoding: None,
    };
    let read = |known: &Known<'_>| {
        load(
            dir.path(),
            &Options::default(),
            &hold_out(0.0, 0.0),
            Some(known),
            &mut |_, _| Ok(()),
        )
    };
    let dataset = read(&known).unwrap();
    assert_eq!(dataset.sample_shape, [2, 2, 3]);
    assert_eq!(
        dataset.targets.labels().unwrap()[..9],
        [1, 1, 1, 1, 1, 1, 1, 1, 2]
    );
    let classes = ["ape", "cat"].map(str::to_owned);
    let known = Known {
        classes: &classes,
        ..known
    };
    let error = read(&known).unwrap_err();
    assert!(error.to_string().contains("class \"dog\""), "{error}");
}

#[test]
fn folders_that_are_no_data_set_are_refused() {
    let refused = |prepare: &dyn Fn(&Path), words: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path());
        let error = load_plain(dir.path(), &Options::default()).unwrap_err();
        assert_eq!(error.class(), Class::Data, "{error}");
        assert!(!error.help().is_empty(), "{error}");
        for word in words {
            assert!(
                error.to_string().contains(word),
                "{word:?} is not in {error}"
            );
        }
    };
    refused(&|dir| fs::remove_dir(dir).unwrap(), &["no such folder"]);
    refused(&|_| (), &["no folders of classes", "nothing"]);
    refused(
        &|dir| write(dir, "loose.png", &grey(1, 2, 2)),
        &["no folders of classes", "loose.png"],
    );
    refused(&|dir| write(dir, "a/1.png", &grey(1, 2, 2)), &["one class"]);
    refused(
        &|dir| write(dir, "test/a/1.png", &grey(1, 2, 2)),
        &["no folder `train`"],
    );
    refused(
        &|dir| {
            write(dir, "a/1.png", &grey(1, 2, 2));
            fs::create_dir(dir.join("b")).unwrap();
        },
        &["b: no pictures"],
    );
    refused(
        &|dir| {
            write(dir, "train/a/1.png", &grey(1, 2, 2));
            write(dir, "train/b/1.png", &grey(1, 2, 2));
            write(dir, "test/c/1.png", &grey(1, 2, 2));
        },
        &["no such class"],
    );
}

#[test]
fn of_several_damaged_pictures_the_first_is_told() {
    let dir = small();
    for name in ["dog/deep/3.JPG", "cat/4.png"] {
        let path = dir.path().join(name);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 8]).unwrap();
    }
    let options = Options {
        size: Some([4, 6]),
        channels: Some(1),
    };
    for _ in 0..3 {
        let all = load(
            dir.path(),
            &options,
            &hold_out(0.0, 0.0),
            None,
            &mut |_, _| Ok(()),
        );
        let error = all.unwrap_err();
        assert!(error.to_string().contains("4.png"), "{error}");
    }
}
