//! Samples as pictures: each alone for a page, and the worst mistakes together with words in `samples.png`.

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _, Rgb, RgbImage};

use super::font;
use crate::train::{Mistake, Model};

/// A sample is shown this large at most: width and height.
const SIDE: u32 = 156;
/// Around a sample, and between rows of words.
const GAP: u32 = 10;
/// A pixel of a letter is so many pixels wide.
const SCALE: u32 = 2;
/// Height of a row of words.
const ROW: u32 = 20;
const COLUMNS: usize = 6;
const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
const INK: Rgb<u8> = Rgb([26, 29, 33]);
const TRUE: Rgb<u8> = Rgb([29, 95, 196]);
const WRONG: Rgb<u8> = Rgb([196, 72, 12]);

/// Whether samples of a shape can be looked at.
pub(super) fn are_pictures([height, width, channels]: [usize; 3]) -> bool {
    height > 1 && width > 1 && (1..=4).contains(&channels)
}

/// A sample as a PNG file, pixel by pixel, at most [`SIDE`] wide and high.
pub(super) fn png(pixels: &[u8], [height, width, channels]: [usize; 3]) -> Vec<u8> {
    let longest = height.max(width).min(SIDE as usize);
    encode(&scaled(pixels, [height, width, channels], longest))
}

/// The mistakes in rows of [`COLUMNS`], each with the truth, the guess and its confidence below it.
pub(super) fn sheet(mistakes: &[Mistake], model: &Model) -> Vec<u8> {
    let columns = mistakes.len().clamp(1, COLUMNS);
    let rows = mistakes.len().div_ceil(COLUMNS);
    let [tile_width, tile_height] = [SIDE + 2 * GAP, SIDE + 3 * GAP + 3 * ROW];
    let size = |count: usize, tile: u32| u32::try_from(count).unwrap_or(1) * tile;
    let mut sheet = RgbImage::from_pixel(size(columns, tile_width), size(rows, tile_height), PAPER);
    for (i, mistake) in mistakes.iter().enumerate() {
        let left = size(i % COLUMNS, tile_width) + GAP;
        let top = size(i / COLUMNS, tile_height) + GAP;
        let picture = scaled(&mistake.pixels, model.sample_shape, SIDE as usize);
        image::imageops::replace(&mut sheet, &picture, left.into(), top.into());
        let name = |class: usize| model.classes.get(class).map_or("?", String::as_str);
        let words = [
            (format!("is {}", name(mistake.label)), TRUE),
            (format!("not {}", name(mistake.guess)), WRONG),
            (
                format!("{:.1} % sure", (100.0 * mistake.confidence).min(99.9)),
                INK,
            ),
        ];
        for (row, (text, color)) in (0..).zip(words) {
            write(
                &mut sheet,
                [left, top + SIDE + GAP + row * ROW],
                &text,
                color,
            );
        }
    }
    encode(&sheet)
}

/// A sample whose longer side is `longest` pixels, each pixel of it being one of the sample.
fn scaled(pixels: &[u8], [height, width, channels]: [usize; 3], longest: usize) -> RgbImage {
    let side = |extent: usize| (extent * longest / height.max(width)).max(1);
    let [w, h] = [side(width), side(height)];
    let size = |extent: usize| u32::try_from(extent).unwrap_or(1);
    RgbImage::from_fn(size(w), size(h), |x, y| {
        let [x, y] = [x as usize * width / w, y as usize * height / h];
        let pixel = &pixels[(y * width + x) * channels..][..channels];
        match *pixel {
            [r, g, b, ..] => Rgb([r, g, b]),
            [grey, ..] => Rgb([grey; 3]),
            [] => PAPER,
        }
    })
}

/// Writes as much of a text as fits under a sample.
fn write(sheet: &mut RgbImage, [left, top]: [u32; 2], text: &str, color: Rgb<u8>) {
    let advance = SCALE * 6;
    let room = (SIDE / advance) as usize;
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() > room {
        letters.truncate(room - 1);
        letters.push('…');
    }
    for (i, letter) in (0..).zip(letters) {
        for [x, y] in font::ink(letter) {
            let at = |place: usize| u32::try_from(place).unwrap_or(0) * SCALE;
            for (dx, dy) in (0..SCALE * SCALE).map(|k| (k % SCALE, k / SCALE)) {
                sheet.put_pixel(left + i * advance + at(x) + dx, top + at(y) + dy, color);
            }
        }
    }
}

fn encode(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new(&mut bytes);
    let written = encoder.write_image(
        image,
        image.width(),
        image.height(),
        ExtendedColorType::Rgb8,
    );
    written.expect("memory takes every picture");
    bytes
}

/// Bytes as text (RFC 4648), for pictures inside a page.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4_u32 {
            if i as usize > chunk.len() {
                text.push('=');
            } else {
                text.push(char::from(DIGITS[(bits >> (18 - 6 * i) & 63) as usize]));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::fabricated::outcome;
    use super::*;

    fn mistake(pixels: Vec<u8>) -> Mistake {
        Mistake {
            sample: 3,
            label: 0,
            guess: 1,
            confidence: 0.5,
            pixels,
        }
    }

    #[test]
    fn bytes_become_the_text_of_the_standard() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[test]
    fn samples_of_any_shape_become_pictures_of_their_shape() {
        for (shape, size) in [
            ([8, 8, 1], [8, 8]),
            ([2, 4, 3], [4, 2]),
            ([3, 2, 4], [2, 3]),
            ([624, 312, 2], [78, 156]),
        ] {
            let length = shape.iter().product();
            let png = png(&vec![7; length], shape);
            let image = image::load_from_memory(&png).unwrap();
            assert_eq!([image.width(), image.height()], size, "{shape:?}");
        }
    }

    #[test]
    fn the_sheet_has_the_pixels_of_the_sample_and_words_below() {
        let mut model = outcome().model;
        model.classes[1] = "a name that is long".to_owned();
        let mut pixels = vec![0; 64];
        pixels[0] = 200;
        let sheet = sheet(&vec![mistake(pixels); 7], &model);
        let sheet = image::load_from_memory(&sheet).unwrap().into_rgb8();
        assert_eq!([sheet.width(), sheet.height()], [6 * 176, 2 * 246]);
        assert_eq!(sheet.get_pixel(GAP, GAP).0, [200; 3]);
        assert_eq!(sheet.get_pixel(GAP + 40, GAP).0, [0; 3]);
        for color in [TRUE, WRONG, INK] {
            assert!(sheet.pixels().any(|pixel| *pixel == color), "{color:?}");
        }
    }
}
