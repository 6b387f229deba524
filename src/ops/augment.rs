//! Pictures that are never twice the same: moved, mirrored, turned, scaled, brighter, darker, with a hole.

use super::gather_batch::{MAX_CHANNELS, Normalization};
use super::state;
use crate::graph::{
    Array, Case, CaseInput, Constant, Dispatch, Domain, Fusion, Gradient, Lowering, Op, Operand,
    ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// What is done to each picture is drawn from the seed, the number of its sample and the epoch; then it is done.
#[derive(Clone, Debug)]
pub enum Augment {
    /// `counters`, `indices` (batch) → `drawn` (batch, [`DRAWN`]).
    Draw {
        /// What the numbers are drawn from.
        seed: u64,
        /// Height and width of a picture.
        size: [usize; 2],
        /// How much is drawn at most.
        strength: Strength,
    },
    /// `x` (batch, H, W, C), `drawn` (batch, [`DRAWN`]) → `y`, like `x`. Between pixels `x` is interpolated; beyond its edges it is
    /// black.
    Apply {
        /// What `x` was normalised by: it says what black is.
        normalization: Normalization,
        /// Whether brightness and contrast change.
        color: bool,
    },
}

/// How much pictures are changed at most; what is 0 changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Strength {
    /// Pixels up, down, left and right.
    pub shift: u32,
    /// Whether left and right are exchanged, with a chance of a half.
    pub flip_x: bool,
    /// Whether up and down are exchanged, with a chance of a half.
    pub flip_y: bool,
    /// The tangent of half the largest angle, to both sides; drawn evenly between.
    pub rotate: f32,
    /// Larger and smaller by this share, below 1.
    pub scale: f32,
    /// Added to pixels between 0 and 1, and subtracted.
    pub brightness: f32,
    /// The distance of pixels from 0.5 grows and shrinks by this share.
    pub contrast: f32,
    /// Side of a black square, in pixels.
    pub cutout: u32,
}

/// Numbers that are drawn for a picture: the inverse map (4), the place in `x` of its centre's move (2), contrast and brightness, the
/// upper left corner and the side of the hole, and one that is 0.
pub const DRAWN: usize = 12;

/// The loop iterations of three calls of `philox` in `shaders/lib/philox.wgsl`.
const DRAW_TRIPS: usize = 3 * 10;

/// A shift, a side or an extent is at most this, so that a drawn number below it is computed in 32 bits.
const MAX_EXTENT: usize = 1 << 15;

const MEANS: [&str; MAX_CHANNELS] = ["MEAN_0", "MEAN_1", "MEAN_2", "MEAN_3"];
const STDS: [&str; MAX_CHANNELS] = ["STD_0", "STD_1", "STD_2", "STD_3"];

impl Op for Augment {
    fn name(&self) -> &'static str {
        "augment"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Draw { .. } => "draw",
            Self::Apply { .. } => "apply",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        match self {
            Self::Draw { size, strength, .. } => {
                let batch = inputs.get(1).map_or(0, TensorType::elements).max(1);
                state::expect(
                    "augment.draw",
                    inputs,
                    &[
                        ("counters", state::counters()),
                        ("indices", TensorType::u32([batch])),
                    ],
                )?;
                let Strength {
                    shift,
                    scale,
                    cutout,
                    ..
                } = *strength;
                let extents = [size[0], size[1], shift as usize, cutout as usize];
                if extents.iter().any(|&extent| extent >= MAX_EXTENT)
                    || !(0.0..1.0).contains(&scale)
                {
                    return Err(ShapeError::new(format!(
                        "augment of pictures of {} × {} by {strength:?}: extents are below {MAX_EXTENT}, a scale below 1",
                        size[0], size[1]
                    )));
                }
                Ok(vec![TensorType::f32([batch, DRAWN])])
            }
            Self::Apply { normalization, .. } => {
                let (x, drawn) = (&inputs[0], &inputs[1]);
                let &[batch, _, _, c] = x.shape.dims() else {
                    return Err(ShapeError::new(format!(
                        "augment of {x}: it takes pictures (batch, H, W, C)"
                    )));
                };
                let channels = normalization.mean.len();
                if *drawn != TensorType::f32([batch, DRAWN])
                    || c > MAX_CHANNELS
                    || (channels != 1 && channels != c)
                {
                    return Err(ShapeError::new(format!(
                        "augment of {x} by {drawn} and {channels} means: there must be {DRAWN} numbers for each picture, and one \
                         mean or one for each of at most {MAX_CHANNELS} channels"
                    )));
                }
                Ok(vec![x.clone()])
            }
        }
    }

    fn lower(&self, inputs: &[TensorType], outputs: &[TensorType], _: &Target) -> Vec<Lowering> {
        let elements = outputs[0].elements();
        let (constants, invocations, loop_trips, flops) = match self {
            Self::Draw {
                seed,
                size,
                strength,
            } => {
                let [low, high] = crate::rng::key(*seed);
                let batch = inputs[1].elements();
                let constants = vec![
                    ("BATCH", batch.into()),
                    ("SEED_LOW", low.into()),
                    ("SEED_HIGH", high.into()),
                    ("H", size[0].into()),
                    ("W", size[1].into()),
                    ("SHIFT", strength.shift.into()),
                    ("FLIP_X", strength.flip_x.into()),
                    ("FLIP_Y", strength.flip_y.into()),
                    ("ROTATE", strength.rotate.into()),
                    ("SCALE", strength.scale.into()),
                    ("BRIGHTNESS", strength.brightness.into()),
                    ("CONTRAST", strength.contrast.into()),
                    ("CUTOUT", strength.cutout.into()),
                ];
                (constants, batch, DRAW_TRIPS, 30 * batch)
            }
            Self::Apply {
                normalization,
                color,
            } => {
                let dims = inputs[0].shape.dims();
                let mut constants: Vec<(&'static str, Constant)> = vec![
                    ("BATCH", dims[0].into()),
                    ("H", dims[1].into()),
                    ("W", dims[2].into()),
                    ("C", dims[3].into()),
                    ("COLOR", (*color).into()),
                ];
                for channel in 0..dims[3] {
                    let of = if normalization.mean.len() == 1 {
                        0
                    } else {
                        channel
                    };
                    constants.push((MEANS[channel], normalization.mean[of].into()));
                    constants.push((STDS[channel], normalization.std[of].into()));
                }
                (constants, elements, 0, 24 * elements)
            }
        };
        vec![Lowering::one(Dispatch {
            shader: "augment",
            entry: self.pass(),
            constants,
            operands: vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)],
            invocations,
            loop_trips,
            flops: flops as u64,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("data has no gradient")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![match self {
            Self::Draw {
                seed,
                size,
                strength,
            } => reference::augment::draw(
                &inputs[0],
                &inputs[1],
                *seed,
                *size,
                &reference::augment::Strength {
                    shift: strength.shift,
                    flip: [strength.flip_y, strength.flip_x],
                    rotate: strength.rotate.into(),
                    scale: strength.scale.into(),
                    brightness: strength.brightness.into(),
                    contrast: strength.contrast.into(),
                    cutout: strength.cutout,
                },
            ),
            Self::Apply {
                normalization,
                color,
            } => {
                let wide = |numbers: &[f32]| -> Vec<f64> {
                    numbers.iter().copied().map(f64::from).collect()
                };
                let (mean, std) = (wide(&normalization.mean), wide(&normalization.std));
                reference::augment::apply(&inputs[0], &inputs[1], &mean, &std, *color)
            }
        }]
    }
}

/// Each change by itself and all together, large and not at all; pictures of one pixel, of odd sides, of one to four channels; moves by
/// whole pixels, by parts of them, and beyond the edges; more invocations than a workgroup has.
pub fn cases() -> Vec<Case> {
    let all = Strength {
        shift: 3,
        flip_x: true,
        flip_y: true,
        rotate: 0.3,
        scale: 0.4,
        brightness: 0.2,
        contrast: 0.5,
        cutout: 5,
    };
    let none = Strength::default();
    let list = [
        (none, 1, [1, 1]),
        (Strength { shift: 4, ..none }, 67, [9, 5]),
        (
            Strength {
                flip_x: true,
                ..none
            },
            5,
            [8, 8],
        ),
        (
            Strength {
                flip_y: true,
                cutout: 40,
                ..none
            },
            9,
            [7, 11],
        ),
        (all, 130, [28, 28]),
    ];
    let mut cases = Vec::new();
    for (strength, batch, size) in list {
        for seed in [1, 7 << 32 | 9] {
            let mut counters = [0; state::COUNTERS];
            counters[state::EPOCH] = 3;
            let op = Augment::Draw {
                seed,
                size,
                strength,
            };
            let inputs = vec![
                CaseInput::words(&counters),
                CaseInput::below([batch], 1 << 20),
            ];
            cases.push(Case::new(op, inputs));
        }
    }
    // The inverse map, a move, contrast and brightness, a hole.
    let drawn = [
        [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [
            1.0, 0.0, 0.0, -1.0, 2.0, -1.0, 1.0, 0.0, 1.0, -2.0, 3.0, 0.0,
        ],
        [
            0.83, 0.31, -0.27, 0.9, 0.37, -1.41, 1.25, -0.1, 2.0, 2.0, 2.0, 0.0,
        ],
        [
            5.3, 0.0, 0.0, 5.3, 100.25, 0.5, 0.5, 0.3, 0.0, 0.0, 0.0, 0.0,
        ],
    ];
    for (dims, channels) in [
        ([4, 1, 1, 1], 1),
        ([4, 7, 5, 1], 1),
        ([8, 6, 9, 3], 3),
        ([4, 5, 4, 4], 1),
        ([4, 5, 4, 2], 2),
        ([32, 28, 28, 1], 1),
    ] {
        for color in [false, true] {
            let normalization = Normalization {
                divide_by: 255.0,
                mean: [0.4914, 0.4822, 0.4465, 0.13][..channels].to_vec(),
                std: [0.247, 0.2435, 0.2616, 0.3081][..channels].to_vec(),
            };
            let rows = drawn.iter().cycle().take(dims[0]).flatten();
            let op = Augment::Apply {
                normalization,
                color,
            };
            let inputs = vec![
                CaseInput::normal(dims),
                CaseInput::floats([dims[0], DRAWN], Domain::Given(rows.copied().collect())),
            ];
            cases.push(Case::new(op, inputs));
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(strength: Strength, seed: u64, epoch: u32, samples: u32) -> Vec<Vec<f64>> {
        let op = Augment::Draw {
            seed,
            size: [20, 30],
            strength,
        };
        let mut counters = Array::zeros([state::COUNTERS]);
        counters.data[state::EPOCH] = epoch.into();
        let indices = Array::new([samples as usize], (0..samples).map(f64::from).collect());
        let drawn = &op.reference(&[counters, indices])[0];
        drawn.data.chunks(DRAWN).map(<[f64]>::to_vec).collect()
    }

    const ALL: Strength = Strength {
        shift: 2,
        flip_x: true,
        flip_y: false,
        rotate: 0.1,
        scale: 0.25,
        brightness: 0.2,
        contrast: 0.5,
        cutout: 6,
    };

    #[test]
    fn what_is_drawn_depends_on_seed_sample_and_epoch_alone() {
        let first = drawn(ALL, 1, 0, 50);
        assert_eq!(first, drawn(ALL, 1, 0, 50));
        assert_eq!(first[..20], drawn(ALL, 1, 0, 20), "not on the batch");
        for other in [drawn(ALL, 2, 0, 50), drawn(ALL, 1, 1, 50)] {
            assert!(
                first.iter().zip(&other).all(|(a, b)| a != b),
                "others are others"
            );
        }
    }

    #[test]
    fn what_is_drawn_fills_its_ranges_and_stays_inside() {
        let rows = drawn(ALL, 5, 3, 4000);
        let column = |place: usize| rows.iter().map(move |row| row[place]);
        let range = |place: usize| {
            let low = column(place).fold(f64::INFINITY, f64::min);
            [low, column(place).fold(f64::NEG_INFINITY, f64::max)]
        };
        assert_eq!([range(4), range(5)], [[-2.0, 2.0]; 2]);
        for whole in -2..=2 {
            let count = column(4).filter(|&dy| dy == f64::from(whole)).count();
            assert!((700..900).contains(&count), "{count} of {whole}");
        }
        let flipped = column(3).filter(|&m| m < 0.0).count();
        assert!((1850..2150).contains(&flipped), "{flipped} of 4000");
        assert!(column(0).all(|m| m > 0.0), "up stays up");
        for (place, low, high) in [(6, 0.5, 1.5), (7, -0.2, 0.2)] {
            let [least, most] = range(place);
            assert!(
                least >= low && least < low + 0.01 && most <= high && most > high - 0.01,
                "{place}"
            );
        }
        // The determinant is that of the scale: from 1 / 1.25² to 1 / 0.75².
        let determinants: Vec<f64> = rows
            .iter()
            .map(|m| (m[0] * m[3] - m[1] * m[2]).abs())
            .collect();
        assert!(
            determinants.iter().all(|d| (0.63..1.79).contains(d)),
            "areas"
        );
        assert_eq!(range(8), [-3.0, 16.0], "the hole is centred in the picture");
        assert_eq!(range(9), [-3.0, 26.0]);
    }

    #[test]
    fn nothing_is_changed_by_a_strength_of_zero() {
        let identity = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0];
        for row in drawn(Strength::default(), 1, 0, 20) {
            assert_eq!(row[..8], identity);
            assert_eq!(row[10], 0.0, "no hole");
        }
    }
}
