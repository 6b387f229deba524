use std::fs;

use image::{GrayAlphaImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;
use crate::data::mutate::mutate;
use crate::error::Class;
use crate::rng::{Sequence, Stream};

fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
    encode(image, ImageFormat::Png)
}

fn decoded(bytes: &[u8], shape: [usize; 3]) -> Vec<u8> {
    decode(Path::new("picture"), bytes, shape).unwrap()
}

#[track_caller]
fn assert_refused(bytes: &[u8], shape: [usize; 3], words: &[&str]) {
    let error = decode(Path::new("picture"), bytes, shape).expect_err("the picture is refused");
    assert_eq!(error.class(), Class::Data, "{error}");
    assert!(!error.help().is_empty(), "{error}");
    for word in words.iter().chain(&["picture: "]) {
        assert!(
            error.to_string().contains(word),
            "{word:?} is not in {error}"
        );
    }
}

fn low_byte(n: u32) -> u8 {
    n.to_le_bytes()[0]
}

/// A picture with some structure: 12 wide, 9 high.
fn colours() -> RgbImage {
    RgbImage::from_fn(12, 9, |x, y| Rgb([20 * x, 25 * y, x * y].map(low_byte)))
}

fn greys() -> GrayImage {
    GrayImage::from_fn(12, 9, |x, y| Luma([low_byte(x * 20 + y)]))
}

#[test]
fn a_grey_picture_of_the_right_size_is_kept_byte_for_byte() {
    for format in [ImageFormat::Png, ImageFormat::Bmp] {
        assert_eq!(
            decoded(&encode(greys(), format), [9, 12, 1]),
            *greys().as_raw()
        );
    }
}

#[test]
fn a_colour_picture_of_the_right_size_is_kept_channels_last() {
    for format in [ImageFormat::Png, ImageFormat::Bmp] {
        assert_eq!(
            decoded(&encode(colours(), format), [9, 12, 3]),
            *colours().as_raw()
        );
    }
}

#[test]
fn colours_become_grey_by_their_luma_and_grey_becomes_three_equal_colours() {
    let primaries = RgbImage::from_raw(3, 1, vec![255, 0, 0, 0, 255, 0, 0, 0, 255]).unwrap();
    assert_eq!(decoded(&png(primaries), [1, 3, 1]), [54, 182, 18]);
    let grey = GrayImage::from_raw(2, 1, vec![7, 200]).unwrap();
    assert_eq!(
        decoded(&png(grey.clone()), [1, 2, 3]),
        [7, 7, 7, 200, 200, 200]
    );
    assert_eq!(
        decoded(&png(grey), [1, 2, 4]),
        [7, 7, 7, 255, 200, 200, 200, 255]
    );
}

#[test]
fn transparency_lets_black_through_unless_alpha_is_a_channel() {
    let pixels = vec![255, 255, 255, 0, 200, 100, 50, 128];
    let image = RgbaImage::from_raw(2, 1, pixels.clone()).unwrap();
    assert_eq!(
        decoded(&png(image.clone()), [1, 2, 3]),
        [0, 0, 0, 100, 50, 25]
    );
    assert_eq!(decoded(&png(image), [1, 2, 4]), pixels);
    let image = GrayAlphaImage::from_raw(2, 1, vec![255, 0, 240, 128]).unwrap();
    assert_eq!(decoded(&png(image), [1, 2, 1]), [0, 120]);
}

#[test]
fn sixteen_bits_become_eight() {
    let deep: ImageBuffer<Luma<u16>, Vec<u16>> =
        ImageBuffer::from_raw(3, 1, vec![0, 0x8080, 0xffff]).unwrap();
    assert_eq!(decoded(&png(deep), [1, 3, 1]), [0, 128, 255]);
    let deep: ImageBuffer<Rgba<u16>, Vec<u16>> =
        ImageBuffer::from_raw(1, 1, vec![0xffff, 0, 0x8080, 0xffff]).unwrap();
    assert_eq!(decoded(&png(deep), [1, 1, 3]), [255, 0, 128]);
}

#[test]
fn other_sizes_are_averaged_without_overshoot() {
    // Vertical white bars on black, 8 times too large: shrinking gives the bars back, black stays black.
    let bars = GrayImage::from_fn(64, 64, |x, _| {
        Luma([if (24..40).contains(&x) { 255 } else { 0 }])
    });
    let small = decoded(&png(bars), [8, 8, 1]);
    for row in small.chunks(8) {
        assert_eq!([row[0], row[1], row[6], row[7]], [0; 4], "{row:?}");
        assert!(row[3] > 200 && row[4] > 200, "{row:?}");
        assert_eq!(row[3], row[4]);
    }
    // A fine checkerboard is half grey, not one of its colours.
    let checks = GrayImage::from_fn(256, 256, |x, y| {
        Luma([if (x + y) % 2 == 0 { 255 } else { 0 }])
    });
    assert!(
        decoded(&png(checks), [8, 8, 1])
            .iter()
            .all(|v| (120..=135).contains(v)),
        "half grey"
    );
    assert_eq!(decoded(&png(greys()), [28, 20, 3]).len(), 28 * 20 * 3);
    assert!(
        decoded(&png(GrayImage::from_pixel(1, 1, Luma([9]))), [5, 7, 1])
            .iter()
            .all(|&v| v == 9),
        "one grey"
    );
}

#[test]
fn jpeg_pictures_are_read_nearly_as_written() {
    let got = decoded(&encode(colours(), ImageFormat::Jpeg), [9, 12, 3]);
    let worst = got
        .iter()
        .zip(colours().as_raw())
        .map(|(a, b)| a.abs_diff(*b))
        .max();
    assert!(worst < Some(60), "off by {worst:?}");
    let got = decoded(&encode(greys(), ImageFormat::Jpeg), [9, 12, 1]);
    let worst = got
        .iter()
        .zip(greys().as_raw())
        .map(|(a, b)| a.abs_diff(*b))
        .max();
    assert!(worst < Some(30), "off by {worst:?}");
}

#[test]
fn the_orientation_noted_by_a_camera_is_applied() {
    let mut bytes = encode(greys(), ImageFormat::Jpeg);
    let lying = decoded(&bytes, [9, 12, 1]);
    // An APP1 segment with one tag: orientation (0x0112), a short, 6: turn clockwise by a quarter to stand upright.
    let tag = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let segment = [
        &[0xff, 0xe1, 0, u8::try_from(tag.len()).unwrap() + 2],
        &tag[..],
    ]
    .concat();
    bytes.splice(2..2, segment);
    let upright = decoded(&bytes, [12, 9, 1]);
    for (y, x) in (0..12).flat_map(|y| (0..9).map(move |x| (y, x))) {
        assert_eq!(
            upright[y * 9 + x],
            lying[(8 - x) * 12 + y],
            "row {y}, column {x}"
        );
    }
}

#[test]
fn every_truncation_is_refused() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp] {
        let whole = encode(colours(), format);
        // The last chunk of a PNG file (12 bytes) says no more than that the picture is over.
        let needed = whole.len() - if format == ImageFormat::Png { 12 } else { 0 };
        for length in 0..needed {
            assert_refused(&whole[..length], [9, 12, 3], &[]);
        }
        assert_refused(&whole[..needed - 5], [9, 12, 3], &["truncated"]);
    }
}

#[test]
fn what_is_no_picture_is_refused_with_its_first_bytes_or_its_format() {
    assert_refused(b"", [8, 8, 1], &["an empty file"]);
    assert_refused(
        b"%PDF-1.7 ...",
        [8, 8, 1],
        &["not a PNG, JPEG, BMP or WebP", "25 50 44 46 2d 31 2e 37"],
    );
    assert_refused(b"GIF89a......", [8, 8, 1], &["a Gif picture"]);
    assert_refused(b"\x89PNG\r\n\x1a\n", [8, 8, 1], &["truncated"]);
    let mut damaged = png(greys());
    damaged[50] ^= 0xff;
    assert_refused(&damaged, [8, 8, 1], &["broken"]);
}

#[test]
fn shapes_no_picture_can_have_are_refused() {
    for shape in [
        [8, 8, 2],
        [8, 8, 5],
        [8, 8, 0],
        [0, 8, 1],
        [8, 0, 3],
        [8, 1 << 20, 1],
    ] {
        assert_refused(&png(greys()), shape, &["cannot become"]);
    }
}

#[test]
fn pictures_that_declare_too_many_pixels_are_refused_before_they_are_decoded() {
    // Width and height stand in the header; BMP has no checksum over them.
    let with_size = |width: i32, height: i32| {
        let mut bytes = encode(colours(), ImageFormat::Bmp);
        bytes[18..22].copy_from_slice(&width.to_le_bytes());
        bytes[22..26].copy_from_slice(&height.to_le_bytes());
        bytes
    };
    assert_refused(&with_size(16_385, 1), [8, 8, 1], &["too large"]);
    assert_refused(&with_size(1, 16_385), [8, 8, 1], &["too large"]);
    assert_refused(
        &with_size(16_384, 16_384),
        [8, 8, 1],
        &["too large: 16384 × 16384 pixels"],
    );
    assert_refused(&with_size(i32::MAX, i32::MAX), [8, 8, 1], &[]);
    assert_refused(&with_size(i32::MIN, i32::MIN), [8, 8, 1], &[]);
    // A PNG of 20,000 × 1 real pixels.
    assert_refused(&png(GrayImage::new(20_000, 1)), [8, 8, 1], &["too large"]);
    assert_eq!(decoded(&png(GrayImage::new(16_384, 1)), [1, 1, 1]), [0]);
}

#[test]
fn mutated_pictures_never_panic() {
    let seeds =
        [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp].map(|f| encode(colours(), f));
    let mut accepted = 0;
    for case in 0..6_000 {
        let mut sequence = Sequence::new(21, Stream::Test, case);
        let mut bytes = seeds[sequence.below(3) as usize].clone();
        mutate(&mut bytes, &mut sequence);
        let shape = [[9, 12, 3], [28, 28, 1], [5, 5, 4]][sequence.below(3) as usize];
        if let Ok(sample) = decode(Path::new("mutated"), &bytes, shape) {
            accepted += 1;
            assert_eq!(sample.len(), shape.iter().product::<usize>());
        }
    }
    assert!(
        accepted > 100,
        "only {accepted} mutations left a picture: the mutator is too rough"
    );
}

#[test]
fn files_are_read_from_disk_and_missing_ones_and_folders_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jpg");
    // The content counts, not the name.
    fs::write(&path, png(greys())).unwrap();
    assert_eq!(load(&path, [9, 12, 1]).unwrap(), *greys().as_raw());
    let error = load(dir.path(), [9, 12, 1]).unwrap_err();
    assert!(error.to_string().contains("not a file"), "{error}");
    let error = load(&dir.path().join("nowhere.png"), [9, 12, 1]).unwrap_err();
    assert_eq!(error.class(), Class::Data);
    assert!(error.to_string().contains("nowhere.png"), "{error}");
}
