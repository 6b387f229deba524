//! Changed pictures.

use crate::graph::Array;
use crate::rng;

/// How much pictures are changed at most.
#[derive(Clone, Copy, Debug)]
pub struct Strength {
    /// Pixels.
    pub shift: u32,
    /// Whether (up and down, left and right) are exchanged, with a chance of a half.
    pub flip: [bool; 2],
    /// The tangent of half the largest angle.
    pub rotate: f64,
    /// Larger and smaller by this share.
    pub scale: f64,
    /// Added to pixels between 0 and 1.
    pub brightness: f64,
    /// The distance from 0.5 grows by this share.
    pub contrast: f64,
    /// Side of a hole.
    pub cutout: u32,
}

/// The third counter word of what is drawn.
const STREAM: u32 = rng::Stream::Augment as u32;

/// For each sample: the inverse map `[[c, s], [−s, c]] / z` with `c = (1 − t²) / (1 + t²)` and `s = 2t / (1 + t²)`, its columns
/// negated where mirrored; the shift; contrast and brightness; the corner and the side of the hole.
pub fn draw(
    counters: &Array,
    indices: &Array,
    seed: u64,
    [h, w]: [usize; 2],
    strength: &Strength,
) -> Array {
    let word = |number: f64| {
        // Counting bit by bit keeps the number an integer.
        (0..32)
            .rev()
            .fold((0_u32, number), |(word, rest), bit| {
                let value = f64::from(1_u32 << bit);
                if rest >= value {
                    (word | 1 << bit, rest - value)
                } else {
                    (word, rest)
                }
            })
            .0
    };
    let epoch = word(counters.data[1]);
    let mut drawn = Vec::new();
    for &index in &indices.data {
        let words: Vec<u32> = (0..3)
            .flat_map(|block| rng::philox([word(index), block, STREAM, epoch], rng::key(seed)))
            .collect();
        let signed = |place: usize| f64::from(words[place] >> 8) / f64::from(1 << 23) - 1.0;
        let below = |place: usize, n: u32| f64::from(((words[place] >> 16) * n) >> 16);
        let sign = |mirrored: bool| if mirrored { -1.0 } else { 1.0 };
        let flip_y = sign(strength.flip[0] && words[2] & 2 != 0);
        let flip_x = sign(strength.flip[1] && words[2] & 1 != 0);
        let t = strength.rotate * signed(3);
        let (c, s) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        let z = 1.0 + strength.scale * signed(4);
        drawn.extend([
            c * flip_y / z,
            s * flip_x / z,
            -s * flip_y / z,
            c * flip_x / z,
        ]);
        let shift = |place| below(place, 2 * strength.shift + 1) - f64::from(strength.shift);
        drawn.extend([shift(0), shift(1)]);
        drawn.extend([
            1.0 + strength.contrast * signed(5),
            strength.brightness * signed(6),
        ]);
        let half = f64::from(strength.cutout / 2);
        let extent = |extent: usize| u32::try_from(extent).expect("a picture's side");
        drawn.extend([
            below(7, extent(h)) - half,
            below(8, extent(w)) - half,
            f64::from(strength.cutout),
            0.0,
        ]);
    }
    Array::new([indices.data.len(), 12], drawn)
}

/// `y[i, j] = x[M · (i, j) + shift]` about the centre, interpolated between four pixels, black beyond the edges; then
/// `(v − 0.5) · contrast + 0.5 + brightness` of the pixel `v = x · std + mean`; then the hole.
pub fn apply(x: &Array, drawn: &Array, mean: &[f64], std: &[f64], color: bool) -> Array {
    let &[batch, h, w, channels] = x.dims() else {
        panic!("pictures have four axes");
    };
    let mut y = Array::zeros([batch, h, w, channels]);
    for b in 0..batch {
        let d = &drawn.data[b * 12..][..12];
        for i in 0..h {
            for j in 0..w {
                let (v, u) = (
                    i as f64 - (h as f64 - 1.0) / 2.0,
                    j as f64 - (w as f64 - 1.0) / 2.0,
                );
                let from_y = d[0] * v + d[1] * u + (h as f64 - 1.0) / 2.0 + d[4];
                let from_x = d[2] * v + d[3] * u + (w as f64 - 1.0) / 2.0 + d[5];
                for c in 0..channels {
                    let (mean, std) = (mean[c % mean.len()], std[c % std.len()]);
                    let black = -mean / std;
                    let at = |y: f64, x_: f64| {
                        let row = (0..h).find(|&row| row as f64 == y);
                        let column = (0..w).find(|&column| column as f64 == x_);
                        match (row, column) {
                            (Some(row), Some(column)) => {
                                x.data[((b * h + row) * w + column) * channels + c]
                            }
                            _ => black,
                        }
                    };
                    let (top, left) = (from_y.floor(), from_x.floor());
                    let (fy, fx) = (from_y - top, from_x - left);
                    let above = at(top, left) * (1.0 - fx) + at(top, left + 1.0) * fx;
                    let below = at(top + 1.0, left) * (1.0 - fx) + at(top + 1.0, left + 1.0) * fx;
                    let mut p = above * (1.0 - fy) + below * fy;
                    if color {
                        p = (((p * std + mean) - 0.5) * d[6] + 0.5 + d[7] - mean) / std;
                    }
                    let (dy, dx) = (i as f64 - d[8], j as f64 - d[9]);
                    // Half a pixel away from the whole numbers that corner and side are.
                    let end = d[10] - 0.5;
                    let is_hole = dy > -0.5 && dx > -0.5 && dy < end && dx < end;
                    y.data[((b * h + i) * w + j) * channels + c] = if is_hole { black } else { p };
                }
            }
        }
    }
    y
}
