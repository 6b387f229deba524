//! Pooling.

use super::{Append, Check, Refusal, Rule, Words, pair};
use crate::config::Pool2d;
use crate::graph::{ShapeError, Value, Window};
use crate::nn::Signal;
use crate::ops::{
    adaptive_avg_pool2d::AdaptiveAvgPool2d, adaptive_max_pool2d::AdaptiveMaxPool2d,
    avg_pool2d::AvgPool2d, max_pool2d::MaxPool2d, reduce_sum::ReduceSum,
};

/// `max_pool2d`, `avg_pool2d`: the largest or the mean of every window of an image.
pub(super) enum Pool<'a> {
    Max(&'a Pool2d),
    Avg(&'a Pool2d),
}

impl Pool<'_> {
    fn config(&self) -> &Pool2d {
        match self {
            Self::Max(pool) | Self::Avg(pool) => pool,
        }
    }

    fn window(&self) -> Window {
        let pool = self.config();
        Window {
            kernel: pool.kernel,
            stride: pool.stride,
            padding: pool.padding,
            dilation: [1, 1],
        }
    }
}

impl Rule for Pool<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let input = at.input();
        let [h, w, c] = *input.shape else {
            return Err(Refusal::is_no_image(input));
        };
        let [oh, ow] = self.window().output([h, w]).map_err(|error| {
            Refusal::new(
                error.to_string(),
                format!("the input is {input}"),
                "use a smaller kernel, or remove a layer before it that shrinks the image",
            )
        })?;
        Ok(Signal::floats([oh, ow, c]))
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let (x, window) = (to.input(), self.window());
        match self {
            Self::Max(_) => to.apply(MaxPool2d::Forward { window }, &[x]),
            Self::Avg(_) => to.apply(AvgPool2d::Forward { window }, &[x]),
        }
    }

    fn describe(&self, words: &mut Words) {
        let pool = self.config();
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
