//! Pooling.

use super::resize::{as_images, as_sequences};
use super::{Append, Check, Refusal, Rule, Words, pair};
use crate::config::Pool2d;
use crate::graph::{ShapeError, Value, Window};
use crate::nn::Signal;
use crate::ops::{
    adaptive_avg_pool2d::AdaptiveAvgPool2d, adaptive_max_pool2d::AdaptiveMaxPool2d,
    avg_pool2d::AvgPool2d, max_pool2d::MaxPool2d, reduce_sum::ReduceSum,
};

/// `max_pool2d`, `avg_pool2d`: the largest or the mean of every window of an image; `max_pool1d`, `avg_pool1d`: of a sequence, as an
/// image of one row.
pub(super) struct Pool<'a> {
    pub(super) pool: &'a Pool2d,
    pub(super) of: Of,
    pub(super) sequences: bool,
}

/// What is taken of a window.
pub(super) enum Of {
    Max,
    Mean,
}

impl Pool<'_> {
    fn window(&self) -> Window {
        Window {
            kernel: self.pool.kernel,
            stride: self.pool.stride,
            padding: self.pool.padding,
            dilation: [1, 1],
        }
    }
}

impl Rule for Pool<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let input = at.input();
        let [h, w, c] = match (self.sequences, input.shape.as_slice()) {
            (false, &[h, w, c]) => [h, w, c],
            (true, &[t, c]) => [1, t, c],
            (false, _) => return Err(Refusal::is_no_image(input)),
            (true, _) => return Err(Refusal::is_no_sequence(input)),
        };
        let [oh, ow] = self.window().output([h, w]).map_err(|error| {
            Refusal::new(
                error.to_string(),
                format!("the input is {input}"),
                "use a smaller kernel, or remove a layer before it that shrinks the image",
            )
        })?;
        Ok(match self.sequences {
            true => Signal::floats([ow, c]),
            false => Signal::floats([oh, ow, c]),
        })
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let window = self.window();
        let x = as_images(to.graph, to.inputs[0]);
        let y = match self.of {
            Of::Max => to.apply(MaxPool2d::Forward { window }, &[x])?,
            Of::Mean => to.apply(AvgPool2d::Forward { window }, &[x])?,
        };
        Ok(match self.sequences {
            true => as_sequences(to.graph, y),
            false => y,
        })
    }

    fn describe(&self, words: &mut Words) {
        let pool = self.pool;
        if self.sequences {
            words.steps(pool.kernel, pool.stride, pool.kernel);
            if pool.padding[1] != 0 {
                words.add(format!("padding {}", pool.padding[1]));
            }
            return;
        }
        words.add(pair(pool.kernel));
        words.size("stride", pool.stride, pool.kernel);
        words.size("padding", pool.padding, [0, 0]);
    }
}

/// `global_avg_pool`: the mean of every channel of an image, or of every feature of a sequence: a row.
pub(super) struct GlobalAvg;

impl Rule for GlobalAvg {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let input = at.input();
        match *input.shape {
            [_, _, c] | [_, c] => Ok(Signal::floats([c])),
            _ => Err(Refusal::is_no_image(input)),
        }
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let shape = to.graph.shape(to.input());
        let op = ReduceSum::mean(1..shape.rank() - 1, shape);
        to.apply(op, &[to.input()])
    }

    fn describe(&self, _: &mut Words) {}
}

/// `adaptive_avg_pool2d`, `adaptive_max_pool2d`: windows that make an image of this size of any other.
pub(super) enum Adaptive {
    Avg([usize; 2]),
    Max([usize; 2]),
}

impl Adaptive {
    fn size(&self) -> [usize; 2] {
        match self {
            Self::Avg(size) | Self::Max(size) => *size,
        }
    }
}

impl Rule for Adaptive {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let input = at.input();
        let [_, _, c] = *input.shape else {
            return Err(Refusal::is_no_image(input));
        };
        let [h, w] = self.size();
        Ok(Signal::floats([h, w, c]))
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let (x, size) = (to.input(), self.size());
        match self {
            Self::Avg(_) => to.apply(AdaptiveAvgPool2d::Forward { size }, &[x]),
            Self::Max(_) => to.apply(AdaptiveMaxPool2d::Forward { size }, &[x]),
        }
    }

    fn describe(&self, words: &mut Words) {
        words.add(pair(self.size()));
    }
}
