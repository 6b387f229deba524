//! Larger images, as `torch.nn.functional.interpolate`: each pixel repeated, or a plane between four of them.

use crate::graph::{
    Array, Case, CaseInput, Dispatch, Fusion, Gradient, Lowering, Op, Operand, ShapeError, Tape,
    Target, TensorType,
};
use crate::reference;

/// An axis grows at most so many times, so that no invocation of the backward pass loops too long.
pub const MAX_SCALE: usize = 32;

/// How the pixels between those of the input come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The nearest one.
    Nearest,
    /// Between four, by their distances; corners are not aligned (`align_corners = False`).
    Bilinear,
}

/// Images (N, H, W, C) made `scale` times as high and as wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upsample {
    /// `x` → `y`.
    Forward {
        /// How pixels come about.
        mode: Mode,
        /// How many times as high and as wide.
        scale: [usize; 2],
    },
    /// `dy` → `dx`.
    Backward {
        /// As forward.
        mode: Mode,
        /// As forward.
        scale: [usize; 2],
    },
}

impl Upsample {
    fn attributes(&self) -> (Mode, [usize; 2]) {
        let (Self::Forward { mode, scale } | Self::Backward { mode, scale }) = *self;
        (mode, scale)
    }
}

impl Op for Upsample {
    fn name(&self) -> &'static str {
        "upsample"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "forward",
            Self::Backward { .. } => "backward",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let shape = &inputs[0].shape;
        let (_, scale) = self.attributes();
        let refuse = |why: &str| {
            Err(ShapeError::new(format!(
                "upsample of {shape} by {} × {}: {why}",
                scale[0], scale[1]
            )))
        };
        let &[n, h, w, c] = shape.dims() else {
            return refuse("the input must have four axes: images, height, width, channels");
        };
        if !scale.iter().all(|scale| (1..=MAX_SCALE).contains(scale)) {
            return refuse("an axis grows 1 to 32 times");
        }
        let [sh, sw] = scale;
        match self {
            Self::Forward { .. } => Ok(vec![TensorType::f32([n, h * sh, w * sw, c])]),
            Self::Backward { .. } if h % sh == 0 && w % sw == 0 => {
                Ok(vec![TensorType::f32([n, h / sh, w / sw, c])])
            }
            Self::Backward { .. } => refuse("the gradient is that of no such image"),
        }
    }

    fn lower(&self, inputs: &[TensorType], outputs: &[TensorType], _: &Target) -> Vec<Lowering> {
        let (mode, [sh, sw]) = self.attributes();
        let (forward, small, large) = match self {
            Self::Forward { .. } => (true, &inputs[0], &outputs[0]),
            Self::Backward { .. } => (false, &outputs[0], &inputs[0]),
        };
        let &[n, h, w, c] = small.shape.dims() else {
            unreachable!("the shapes were inferred");
        };
        let bilinear = mode == Mode::Bilinear;
        // Rows and columns of y around a pixel of x that may be made of it: [before, all].
        let around = |scale: usize| match bilinear {
            true => [scale, 3 * scale],
            false => [0, scale],
        };
        let ([before_h, reach_h], [before_w, reach_w]) = (around(sh), around(sw));
        let lanes = if c % 4 == 0 { 4 } else { 1 };
        let entry = match (forward, lanes) {
            (true, 4) => "forward_vec4",
            (true, _) => "forward",
            (false, 4) => "backward_vec4",
            (false, _) => "backward",
        };
        vec![Lowering::one(Dispatch {
            shader: "upsample",
            entry,
            constants: vec![
                ("N", n.into()),
                ("H", h.into()),
                ("W", w.into()),
                ("C", (c / lanes).into()),
                ("SH", sh.into()),
                ("SW", sw.into()),
                ("BEFORE_H", before_h.into()),
                ("BEFORE_W", before_w.into()),
                ("REACH_H", reach_h.into()),
                ("REACH_W", reach_w.into()),
                ("BILINEAR", bilinear.into()),
            ],
            operands: vec![Operand::Input(0), Operand::Output(0)],
            invocations: outputs[0].elements() / lanes,
            loop_trips: if forward { 0 } else { reach_h * (1 + reach_w) },
            flops: match (bilinear, forward) {
                (true, true) => 9 * large.elements() as u64,
                (true, false) => 8 * large.elements() as u64,
                (false, true) => 0,
                (false, false) => large.elements() as u64,
            },
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        match *self {
            Self::Forward { mode, scale } => {
                let op = Self::Backward { mode, scale };
                Gradient::Of(vec![tape.dy[0].map(|dy| tape.graph.one(op, &[dy]))])
            }
            Self::Backward { .. } => Gradient::None("second derivatives are not built"),
        }
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        let (mode, scale) = self.attributes();
        let bilinear = mode == Mode::Bilinear;
        vec![match self {
            Self::Forward { .. } => reference::upsample::forward(&inputs[0], scale, bilinear),
            Self::Backward { .. } => reference::upsample::backward(&inputs[0], scale, bilinear),
        }]
    }
}

/// Both modes, one pixel and many, even and odd scales and one, channels with and without `vec4`s.
pub fn cases() -> Vec<Case> {
    let list: &[([usize; 4], [usize; 2])] = &[
        ([1, 1, 1, 1], [2, 3]),
        ([2, 3, 1, 3], [1, 4]),
        ([2, 5, 7, 4], [2, 2]),
        ([3, 2, 3, 5], [5, 1]),
        ([1, 7, 11, 12], [3, 2]),
        ([1, 2, 1, 4], [32, 7]),
    ];
    let modes = [Mode::Nearest, Mode::Bilinear];
    let of = |mode: Mode| {
        list.iter().map(move |&(dims, scale)| {
            Case::new(
                Upsample::Forward { mode, scale },
                vec![CaseInput::normal(dims)],
            )
        })
    };
    modes.into_iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_or_grows_too_much_is_refused() {
        let mode = Mode::Nearest;
        for (dims, scale, why) in [
            (vec![2, 3], [2, 2], "four axes"),
            (vec![1, 2, 2, 3], [0, 2], "1 to 32 times"),
            (vec![1, 2, 2, 3], [2, 33], "1 to 32 times"),
        ] {
            let error = Upsample::Forward { mode, scale }.infer(&[TensorType::f32(dims)]);
            let error = error.unwrap_err();
            assert!(error.0.contains(why), "{error}");
        }
        let scale = [2, 2];
        let error = Upsample::Backward { mode, scale }.infer(&[TensorType::f32([1, 3, 4, 1])]);
        assert!(error.unwrap_err().0.contains("of no such image"), "odd");
    }
}
