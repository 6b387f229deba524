//! Recurrent layers: `rnn`, `lstm`, `gru`.

use std::sync::Arc;

use super::{Append, Check, Refusal, Rule, Words};
use crate::config::{self, Cell, Initializer, Returns};
use crate::graph::{OpRef, Shape, ShapeError, Value};
use crate::nn::{Border, Init, Signal};
use crate::ops::add_bias::AddBias;
use crate::ops::gru::Gru;
use crate::ops::lstm::Lstm;
use crate::ops::matmul::Matmul;
use crate::ops::reshape::Reshape;
use crate::ops::rnn::Rnn;
use crate::ops::select::Select;

/// A stack of recurrent layers over a sequence; an image is read row by row.
pub(super) struct Recurrent<'a>(pub(super) &'a config::Recurrent);

/// Weights and biases of the input and of the state.
const PARAMETERS: usize = 4;

impl Recurrent<'_> {
    /// Gates of a unit.
    fn gates(&self) -> usize {
        match self.0.cell {
            Cell::Rnn(_) => 1,
            Cell::Lstm => 4,
            Cell::Gru => 3,
        }
    }

    fn op(&self) -> OpRef {
        let reverse = false;
        match self.0.cell {
            Cell::Rnn(nonlinearity) => {
                let relu = nonlinearity == config::Nonlinearity::Relu;
                Arc::new(Rnn::Forward { relu, reverse })
            }
            Cell::Lstm => Arc::new(Lstm::Forward { reverse }),
            Cell::Gru => Arc::new(Gru::Forward { reverse }),
        }
    }

    /// Weight and bias for so many numbers of each step; `auto` is PyTorch's rule, which knows only the units.
    fn init(&self, features: usize) -> [Init; 2] {
        let hidden = self.0.hidden;
        match self.0.init {
            Initializer::Auto | Initializer::Pytorch => {
                [Init::Uniform((1.0 / hidden as f64).sqrt()); 2]
            }
            rule => [
                Init::weight(rule, features, self.gates() * hidden),
                Init::bias(rule, features),
            ],
        }
    }
}

impl Rule for Recurrent<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let Self(layer) = self;
        let input = at.input();
        let [steps, features] = match *input.shape {
            [steps, features] => [steps, features],
            [rows, columns, channels] => [rows, columns * channels],
            _ => return Err(is_no_sequence(input)),
        };
        let units = self.gates() * layer.hidden;
        let mut inputs = features;
        for number in 0..layer.layers {
            for (what, inputs) in [("ih", inputs), ("hh", layer.hidden)] {
                let [weight, _] = self.init(inputs);
                let shape = Shape::from([units, inputs]);
                at.parameter(
                    &format!("weight_{what}_l{number}"),
                    shape,
                    Border::Same,
                    weight,
                );
            }
            for what in ["ih", "hh"] {
                let [_, bias] = self.init(layer.hidden);
                let name = format!("bias_{what}_l{number}");
                at.parameter(&name, Shape::from([units]), Border::Same, bias);
            }
            inputs = layer.hidden;
        }
        Ok(Signal::floats(match layer.returns {
            Returns::Sequence => vec![steps, layer.hidden],
            Returns::Last => vec![layer.hidden],
        }))
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let Self(layer) = self;
        let dims = to.graph.shape(to.input()).dims();
        let (batch, steps) = (dims[0], dims[1]);
        let mut features = dims[2..].iter().product();
        let units = self.gates() * layer.hidden;
        let mut y = to.input();
        for parameters in to.parameters.to_vec().chunks_exact(PARAMETERS) {
            let &[weight_ih, weight_hh, bias_ih, bias_hh] = parameters else {
                unreachable!("chunks of {PARAMETERS}");
            };
            // What a step makes of its input does not wait for the step before: one product over all of them.
            let rows = Shape::from([batch * steps, features]);
            let rows = to.graph.one(Reshape { shape: rows }, &[y]);
            let product = Matmul {
                transpose_a: false,
                transpose_b: true,
            };
            let sums = to.apply(product, &[rows, weight_ih])?;
            let sums = to.graph.one(AddBias, &[sums, bias_ih]);
            let shape = Shape::from([batch, steps, units]);
            let sums = to.graph.one(Reshape { shape }, &[sums]);
            y = to.graph.apply(self.op(), &[sums, weight_hh, bias_hh])?[0];
            features = layer.hidden;
        }
        match layer.returns {
            Returns::Sequence => Ok(y),
            Returns::Last => {
                let (axis, index) = (1, steps - 1);
                to.apply(Select::Forward { axis, index }, &[y])
            }
        }
    }

    fn describe(&self, words: &mut Words) {
        let Self(layer) = self;
        words.add(layer.hidden.to_string());
        if layer.layers > 1 {
            words.add(format!("× {}", layer.layers));
        }
        if layer.cell == Cell::Rnn(config::Nonlinearity::Relu) {
            words.add("relu");
        }
        if layer.returns == Returns::Last {
            words.add("last");
        }
    }
}

fn is_no_sequence(input: &Signal) -> Refusal {
    Refusal::new(
        format!(
            "it needs a sequence (steps, features) or an image, which it reads row by row, but its input is {}",
            input.words()
        ),
        "comes where there is no sequence",
        "move it before `flatten`, or before the recurrent layer that returns its last step only",
    )
}
