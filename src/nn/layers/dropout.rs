//! Dropout.

use super::{Append, Check, Refusal, Rule, Words, rounded};
use crate::config;
use crate::graph::{ShapeError, Value};
use crate::nn::Signal;
use crate::ops::dropout::Dropout;

/// `dropout`, `dropout2d`: elements or whole channels are zeroed while training; otherwise it is not there.
pub(super) struct Mask<'a>(pub(super) &'a config::Dropout);

impl Rule for Mask<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let input = at.input();
        if self.0.channels && input.shape.len() < 2 {
            return Err(Refusal::is_no_image(input));
        }
        Ok(input.clone())
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let x = to.input();
        let Some(training) = to.training.filter(|_| self.0.p > 0.0) else {
            return Ok(x);
        };
        let op = Dropout {
            seed: training.seed,
            layer: u32::try_from(to.index).expect("fewer than 2^32 layers"),
            first: training.first_row,
            channels: self.0.channels,
            p: rounded(self.0.p),
        };
        to.apply(op, &[x, training.counters])
    }

    fn describe(&self, words: &mut Words) {
        words.add(self.0.p.to_string());
    }
}
