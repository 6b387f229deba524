//! One picture file as a sample: PNG, JPEG, BMP or WebP of any size.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
use std::path::Path;

use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use crate::error::{Error, Result};

/// Neither width nor height may exceed this.
const MAX_SIDE: u32 = 16_384;
/// Neither the file nor its decoded pixels may take more bytes.
const MAX_BYTES: u64 = 256 << 20;

/// Reads the picture at `path` as one sample of `shape` (height, width, channels), channels last, values 0 to 255.
///
/// - The format is told by the content: PNG, JPEG, BMP or WebP; 16-bit values become 8-bit, an orientation noted by a camera is applied.
/// - One channel: grey, colours by the Rec. 709 luma (0.2126 R + 0.7152 G + 0.0722 B). Three: red, green, blue. Four: with alpha.
/// - For one and three channels transparency is laid over black, the background of MNIST and its relatives.
/// - Another size is stretched to the wanted one with a triangle filter that averages when it shrinks; it cannot overshoot, so
///   black stays black.
///
/// # Errors
///
/// If the file cannot be read, is empty, is not a whole picture in one of these formats, or is larger than 16,384 pixels a side
/// or 256 MiB; if `shape` is not one that a picture can have.
pub fn load(path: &Path, shape: [usize; 3]) -> Result<Vec<u8>> {
    decode(path, &read(path)?, shape)
}

/// The bytes of a file, one more than the most that are decoded at most.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let storage = |error| Error::io(path, "read", error);
    let file = File::open(path).map_err(storage)?;
    let about = file.metadata().map_err(storage)?;
    if !about.is_file() {
        return Err(refuse(
            path,
            "not a file",
            "name a PNG, JPEG, BMP or WebP file",
        ));
    }
    let size = about.len().min(MAX_BYTES);
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(storage)?;
    Ok(bytes)
}

/// What the header of a picture says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) height: usize,
    pub(super) width: usize,
    /// Whether it has no colours.
    pub(super) is_grey: bool,
}

/// Looks at the header of the picture at `path`, upright as [`load`] has it.
///
/// # Errors
/// As [`load`], as far as the header tells.
pub(super) fn look(path: &Path) -> Result<Look> {
    let bytes = read(path)?;
    let mut decoder = decoder(path, &bytes)?;
    let orientation = decoder.orientation();
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    let is_turned = matches!(
        orientation.map_err(|error| from_decoder(path, error))?,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    );
    let [height, width] = if is_turned {
        [width, height]
    } else {
        [height, width]
    };
    Ok(Look {
        height,
        width,
        is_grey: !decoder.color_type().has_color(),
    })
}

/// [`load`] for a file already in memory; `path` is for messages.
fn decode(path: &Path, bytes: &[u8], shape: [usize; 3]) -> Result<Vec<u8>> {
    let [height, width, channels] = shape;
    let side = |n: usize| u32::try_from(n).ok().filter(|n| (1..=MAX_SIDE).contains(n));
    let (Some(height), Some(width), 1 | 3 | 4) = (side(height), side(width), channels) else {
        return Err(refuse(
            path,
            format_args!(
                "a picture cannot become a sample of {height} × {width} × {channels} (height, width, channels)"
            ),
            "use a network trained on images of 1, 3 or 4 channels",
        ));
    };
    let mut image = decode_whole(path, bytes)?;
    if channels < 4 {
        image = over_black(image);
    }
    if channels == 1 {
        image = image.into_luma8().into();
    }
    if [image.height(), image.width()] != [height, width] {
        image = image.resize_exact(width, height, FilterType::Triangle);
    }
    Ok(match channels {
        1 => image.into_luma8().into_raw(),
        3 => image.into_rgb8().into_raw(),
        _ => image.into_rgba8().into_raw(),
    })
}

/// The picture as it is stored, upright.
pub(super) fn decode_whole(path: &Path, bytes: &[u8]) -> Result<DynamicImage> {
    let broken = |error| from_decoder(path, error);
    let mut decoder = decoder(path, bytes)?;
    let orientation = decoder.orientation().map_err(broken)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(broken)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// The decoder of a picture, its header read and within the limits.
fn decoder<'a>(path: &Path, bytes: &'a [u8]) -> Result<impl ImageDecoder + 'a> {
    const CONVERT: &str = "convert it to PNG, JPEG, BMP or WebP";
    if bytes.is_empty() {
        return Err(refuse(
            path,
            "an empty file",
            "name a PNG, JPEG, BMP or WebP file",
        ));
    }
    let format = match image::guess_format(bytes) {
        Ok(
            format @ (ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Bmp | ImageFormat::WebP),
        ) => format,
        Ok(other) => {
            let what = format!("a {other:?} picture, which is not read");
            return Err(refuse(path, what, CONVERT));
        }
        Err(_) => {
            let begin: Vec<String> = (bytes.iter().take(8))
                .map(|byte| format!("{byte:02x}"))
                .collect();
            return Err(refuse(
                path,
                format_args!(
                    "not a PNG, JPEG, BMP or WebP picture: it begins with {}",
                    begin.join(" ")
                ),
                CONVERT,
            ));
        }
    };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large(path, "the file is larger than 256 MiB"));
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let decoder = (reader.into_decoder()).map_err(|error| from_decoder(path, error))?;
    if decoder.total_bytes() > MAX_BYTES {
        let (width, height) = decoder.dimensions();
        return Err(too_large(path, format_args!("{width} × {height} pixels")));
    }
    if format == ImageFormat::Jpeg && !jpeg_has_end(bytes) {
        return Err(truncated(path));
    }
    Ok(decoder)
}

/// Eight bits a channel, and no alpha: what is transparent lets black through.
fn over_black(image: DynamicImage) -> DynamicImage {
    let color = image.color();
    match (color.has_color(), color.has_alpha()) {
        (false, false) => image.into_luma8().into(),
        (true, false) => image.into_rgb8().into(),
        (false, true) => {
            let mut pixels = image.into_luma_alpha8();
            pixels
                .pixels_mut()
                .for_each(|pixel| multiply_by_alpha(&mut pixel.0));
            DynamicImage::from(pixels).into_luma8().into()
        }
        (true, true) => {
            let mut pixels = image.into_rgba8();
            pixels
                .pixels_mut()
                .for_each(|pixel| multiply_by_alpha(&mut pixel.0));
            DynamicImage::from(pixels).into_rgb8().into()
        }
    }
}

fn multiply_by_alpha(pixel: &mut [u8]) {
    let Some((&mut alpha, color)) = pixel.split_last_mut() else {
        return;
    };
    for value in color {
        let product = (u16::from(*value) * u16::from(alpha) + 127) / 255;
        *value = u8::try_from(product).expect("a product of two fractions");
    }
}

/// Whether the scans of a JPEG file are closed by an end marker. The decoder fills what is missing with grey and says nothing.
fn jpeg_has_end(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    loop {
        // Entropy-coded data up to the next marker; FF 00 is a stuffed byte, FF FF is padding.
        let Some(at) = rest.iter().position(|&byte| byte == 0xff) else {
            return false;
        };
        rest = &rest[at + 1..];
        match rest {
            [0xd9, ..] => return true,
            [0xff, ..] => {}
            // Markers without content: stuffing, TEM, restarts and another start.
            [0x00 | 0x01 | 0xd0..=0xd8, ..] => rest = &rest[1..],
            [_, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                rest = rest.get(1 + length..).unwrap_or_default();
            }
            _ => return false,
        }
    }
}

fn from_decoder(path: &Path, error: ImageError) -> Error {
    match error {
        ImageError::Limits(_) => too_large(path, "too many pixels"),
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => truncated(path),
        other => refuse(
            path,
            format_args!("a broken picture: {other}"),
            "write it again as PNG, JPEG, BMP or WebP",
        ),
    }
}

fn truncated(path: &Path) -> Error {
    refuse(
        path,
        "a truncated picture: the file ends before its last pixel",
        "copy or download it again",
    )
}

fn too_large(path: &Path, what: impl std::fmt::Display) -> Error {
    refuse(
        path,
        format_args!("too large: {what}"),
        "scale it down: at most 16,384 pixels a side and 256 MiB are read",
    )
}

fn refuse(path: &Path, what: impl std::fmt::Display, help: &str) -> Error {
    Error::data(format!("{}: {what}", path.display()), help)
}
