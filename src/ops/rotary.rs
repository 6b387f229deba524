//! Rotary position embedding: queries and keys turned by an angle that grows with the position.

use crate::graph::{
    Array, Case, CaseInput, Constant, Dispatch, Fusion, Gradient, Lowering, Op, Operand,
    ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// `x` (N, T, W), rows of `channels` numbers side by side: in each of those among the first `turned` columns, the numbers i and
/// i + channels / 2 are turned by t · base^(−2·i / channels) for token t.
///
/// After Su et al., "RoFormer", 2021, with the pairs of GPT-NeoX, half a row apart; Su's own are neighbours. A product of a query and
/// a key then depends on their distance alone.
#[derive(Clone, Copy, Debug)]
pub enum Rotary {
    /// `x` → `y`.
    Forward(Turn),
    /// `dy` → `dx`: the same, backwards.
    Backward(Turn),
}

/// The base of the angles in the paper.
pub const BASE: f64 = 10_000.0;

/// What is turned.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Numbers of a row; even.
    pub channels: usize,
    /// Columns that are turned, a multiple of `channels`; those behind are left as they are.
    pub turned: usize,
    /// The base of the angles, more than 1: [`BASE`].
    pub base: f64,
}

impl Rotary {
    fn turn(&self) -> &Turn {
        let (Self::Forward(turn) | Self::Backward(turn)) = self;
        turn
    }
}

impl Op for Rotary {
    fn name(&self) -> &'static str {
        "rotary"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward(_) => "forward",
            Self::Backward(_) => "backward",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let x = &inputs[0];
        let &Turn {
            channels,
            turned,
            base,
        } = self.turn();
        let refuse = |why: &str| {
            Err(ShapeError::new(format!(
                "rotary of {} by rows of {channels} up to column {turned}: {why}",
                x.shape
            )))
        };
        if x.shape.rank() != 3 || x.elements() == 0 {
            return refuse("it must be (samples, tokens, columns)");
        }
        if channels == 0 || channels % 2 != 0 {
            return refuse("the numbers of a row make pairs");
        }
        if x.shape.last() % channels + turned % channels > 0 || turned > x.shape.last() {
            return refuse("the columns must be whole rows");
        }
        if !(base.is_finite() && base > 1.0) {
            return refuse("the base must be more than 1");
        }
        Ok(vec![x.clone()])
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let shape = &inputs[0].shape;
        let &Turn {
            channels,
            turned,
            base,
        } = self.turn();
        let vec4 = channels.is_multiple_of(8);
        let pairs = shape.elements() / if vec4 { 8 } else { 2 };
        let ratio = base.powf(-2.0 / channels as f64) * 2.0_f64.powi(32);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast to an integer keeps to its limits, and the ratio lies between them"
        )]
        let ratio = ratio.round() as u32;
        vec![Lowering::one(Dispatch {
            shader: "rotary",
            entry: "forward",
            constants: vec![
                ("ROWS", shape.dims()[0].into()),
                ("T", shape.dims()[1].into()),
                ("WIDTH", shape.last().into()),
                ("TURNED", turned.into()),
                ("D", channels.into()),
                ("BACK", matches!(self, Self::Backward(_)).into()),
                ("RATIO", Constant::U32(ratio)),
                ("VEC4", vec4.into()),
            ],
            operands: vec![Operand::Input(0), Operand::Output(0)],
            invocations: pairs,
            loop_trips: 64,
            flops: 3 * shape.elements() as u64,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        match *self {
            Self::Forward(turn) => Gradient::Of(vec![
                tape.dy[0].map(|dy| tape.graph.one(Self::Backward(turn), &[dy])),
            ]),
            Self::Backward(_) => Gradient::None("second derivatives are not built"),
        }
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        let x = &inputs[0];
        vec![match *self {
            Self::Forward(turn) => {
                reference::rotary::forward(x, turn.channels, turn.turned, turn.base)
            }
            Self::Backward(turn) => {
                reference::rotary::backward(x, turn.channels, turn.turned, turn.base)
            }
        }]
    }
}

/// One token and hundreds, rows with and without `vec4`s, columns that are not turned, another base.
pub fn cases() -> Vec<Case> {
    let case = |shape: [usize; 3], channels, turned, base| {
        let turn = Turn {
            channels,
            turned,
            base,
        };
        Case::new(Rotary::Forward(turn), vec![CaseInput::normal(shape)])
    };
    vec![
        case([1, 1, 2], 2, 2, 1e4),
        case([2, 7, 18], 6, 12, 1e4),
        case([3, 5, 24], 8, 16, 1e4),
        case([1, 401, 32], 32, 32, 1e4),
        case([2, 130, 12], 4, 8, 500.0),
        case([1, 3, 192], 64, 128, 1e4),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_not_whole_are_refused() {
        let infer = |channels, turned, base| {
            let turn = Turn {
                channels,
                turned,
                base,
            };
            Rotary::Forward(turn).infer(&[TensorType::f32([2, 5, 24])])
        };
        assert_eq!(infer(4, 16, 1e4), Ok(vec![TensorType::f32([2, 5, 24])]));
        for (channels, turned, base) in [
            (3, 24, 1e4),
            (0, 0, 1e4),
            (16, 16, 1e4),
            (4, 6, 1e4),
            (4, 28, 1e4),
            (4, 24, 1.0),
            (4, 24, f64::NAN),
        ] {
            let error = infer(channels, turned, base).unwrap_err();
            assert!(error.0.starts_with("rotary of (2, 5, 24) by"), "{error}");
        }
    }

    #[test]
    fn a_product_depends_on_the_distance_of_its_tokens() {
        let turn = Turn {
            channels: 6,
            turned: 6,
            base: 1e4,
        };
        let row = [0.3, -1.2, 0.7, 2.0, 0.1, -0.4];
        let other = [1.1, 0.2, -0.6, 0.9, -1.5, 0.8];
        let turned = |row: [f64; 6]| {
            let x = Array::new([1, 9, 6], row.repeat(9));
            Rotary::Forward(turn).reference(&[x]).remove(0).data
        };
        let (q, k) = (turned(row), turned(other));
        let product = |t: usize, j: usize| -> f64 {
            let pairs = q[t * 6..][..6].iter().zip(&k[j * 6..][..6]);
            pairs.map(|(q, k)| q * k).sum()
        };
        for t in 3..9 {
            assert!((product(t, t - 3) - product(3, 0)).abs() < 1e-12, "{t}");
            assert!((product(t, t - 2) - product(3, 0)).abs() > 1e-3, "{t}");
        }
    }
}
