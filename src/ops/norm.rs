//! What ops have in common that normalise the channels of images (`shaders/lib/norm.wgsl`).

use crate::graph::{Constant, Dispatch, Fusion, Operand, Shape, ShapeError, TensorType};

/// One invocation spends at most this many loop iterations on the parts of a channel.
const MAX_PARTS: usize = 50_000;

/// An invocation goes through at most this many pixels of a sample.
const LONGEST_CHUNK: usize = 1024;

/// Below this many invocations the pixels of a sample are cut, to give every core work.
const WANTED_INVOCATIONS: usize = 2048;

/// The extents of images (N, …, C), and how their pixels are cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Extents {
    pub(super) samples: usize,
    pub(super) pixels: usize,
    pub(super) channels: usize,
    /// Pixels of a part.
    chunk: usize,
}

impl Extents {
    /// The extents of `x`, or why it cannot be normalised.
    pub(super) fn of(op: &str, x: &TensorType) -> Result<Self, ShapeError> {
        let dims = x.shape.dims();
        let elements = x.elements();
        if dims.len() < 2 || elements == 0 || *x != TensorType::f32(x.shape.clone()) {
            return Err(ShapeError::new(format!(
                "{op} of {x}: it takes floats with at least two axes, samples first and channels last"
            )));
        }
        let (samples, channels) = (dims[0], x.shape.last());
        let pixels = elements / (samples * channels);
        let lanes = if channels % 4 == 0 {
            channels / 4
        } else {
            channels
        };
        let cuts = WANTED_INVOCATIONS
            .div_ceil(samples * lanes)
            .min(pixels / 32);
        let chunk = pixels.div_ceil(cuts.max(1)).min(LONGEST_CHUNK);
        let extents = Self {
            samples,
            pixels,
            channels,
            chunk,
        };
        if extents.parts() > MAX_PARTS {
            return Err(ShapeError::new(format!(
                "{op} of {x}: sums over {} parts are more than the {MAX_PARTS} that an invocation may add up; use smaller batches",
                extents.parts()
            )));
        }
        Ok(extents)
    }

    /// Parts of a sample.
    pub(super) fn chunks(&self) -> usize {
        self.pixels.div_ceil(self.chunk)
    }

    /// Parts of all samples.
    pub(super) fn parts(&self) -> usize {
        self.samples * self.chunks()
    }

    /// Elements of a tensor with a number of each channel for each part.
    pub(super) fn part_elements(&self) -> usize {
        self.parts() * self.channels
    }

    /// Invocations, of four channels where these come in whole `vec4`s, for so many rows of channels.
    fn invocations(&self, rows: usize) -> usize {
        rows * self.channels / if self.is_vec4() { 4 } else { 1 }
    }

    fn is_vec4(&self) -> bool {
        self.channels.is_multiple_of(4)
    }

    fn elements(&self) -> usize {
        self.samples * self.pixels * self.channels
    }

    /// The constants of a file over the fragment, whose tables have so many rows.
    pub(super) fn constants(&self, rows: usize) -> Vec<(&'static str, Constant)> {
        vec![
            ("SAMPLES", self.samples.into()),
            ("PIXELS", self.pixels.into()),
            ("C", self.channels.into()),
            ("CHUNK", self.chunk.into()),
            ("ROWS", rows.into()),
            ("VEC4", self.is_vec4().into()),
        ]
    }

    /// Means and sums of squares of each part: `x` → two scratch buffers.
    pub(super) fn moments(&self, shader: &'static str, x: Operand, to: [Operand; 2]) -> Dispatch {
        Dispatch {
            shader,
            entry: "moments",
            constants: self.constants(1),
            operands: vec![x, to[0], to[1]],
            invocations: self.invocations(self.parts()),
            loop_trips: self.chunk,
            flops: 4 * self.elements() as u64,
            fusion: Fusion::None,
        }
    }

    /// A line through every channel: `x`, `lines` → `y`.
    pub(super) fn forward(
        &self,
        shader: &'static str,
        rows: usize,
        [x, lines, y]: [Operand; 3],
    ) -> Dispatch {
        Dispatch {
            shader,
            entry: "forward",
            constants: self.constants(rows),
            operands: vec![x, lines, y],
            invocations: self.invocations(self.samples * self.pixels),
            loop_trips: 0,
            flops: 2 * self.elements() as u64,
            fusion: Fusion::host(self.is_vec4()),
        }
    }

    /// Sums of each part: `x`, `dy`, `centers` → two scratch buffers.
    pub(super) fn products(
        &self,
        shader: &'static str,
        rows: usize,
        from: [Operand; 3],
        to: [Operand; 2],
    ) -> Dispatch {
        Dispatch {
            shader,
            entry: "products",
            constants: self.constants(rows),
            operands: from.into_iter().chain(to).collect(),
            invocations: self.invocations(self.parts()),
            loop_trips: self.chunk,
            flops: 4 * self.elements() as u64,
            fusion: Fusion::None,
        }
    }

    /// The gradient from slopes: `x`, `dy`, `centers`, `slopes` → `dx`, which weights of samples may mask.
    pub(super) fn backward(
        &self,
        shader: &'static str,
        rows: usize,
        operands: [Operand; 5],
        mask: Option<Operand>,
    ) -> Dispatch {
        let mut constants = self.constants(rows);
        constants.push(("MASKED", mask.is_some().into()));
        Dispatch {
            shader,
            entry: "backward",
            constants,
            operands: operands.into_iter().chain(mask).collect(),
            invocations: self.invocations(self.samples * self.pixels),
            loop_trips: 0,
            flops: 5 * self.elements() as u64,
            fusion: Fusion::None,
        }
    }
}

/// Refuses weights, biases or statistics that are not one number per channel.
pub(super) fn check_rows(op: &str, x: &TensorType, rows: &[TensorType]) -> Result<(), ShapeError> {
    let wanted = TensorType::f32(Shape::from([x.shape.last()]));
    match rows.iter().find(|row| **row != wanted) {
        None => Ok(()),
        Some(row) => Err(ShapeError::new(format!(
            "{op} of {x} with {row}: weights, biases and statistics are {wanted}, a number for each channel"
        ))),
    }
}

/// Shapes that prove it: rows and images, channels with and without `vec4`s, samples of one part and of several.
pub(super) const SHAPES: &[&[usize]] = &[
    &[7, 3],
    &[13, 8],
    &[5, 3, 7, 4],
    &[3, 5, 5, 6],
    &[67, 20],
    &[1, 9, 11, 12],
    &[2, 37, 31, 4],
    &[2, 36, 3],
];
