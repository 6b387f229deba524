//! Pooling.

use super::{Append, Check, Refusal, Rule, Words, pair};
use crate::config::Pool2d;
use crate::graph::{ShapeError, Value, Window};
use crate::nn::Signal;
use crate::ops::{avg_pool2d::AvgPool2d, max_pool2d::MaxPool2d};

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
