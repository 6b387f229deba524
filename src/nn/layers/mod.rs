//! What each kind of layer is: what comes out of it and what it trains, and its ops. One file for each family.
//!
//! Invariant: a layer knows its own inputs and nothing of the network around it.

mod activation;
mod conv;
mod dense;
mod dropout;
mod join;
mod norm;
mod pool;
mod recurrent;
mod resize;
mod shape;
mod token;
mod transposed;

use std::sync::Arc;

use super::signal::Flattened;
use super::{Border, Init, Network, Signal, Training};
use crate::config::{Activation, Initializer, LayerKind};
use crate::graph::{Graph, Op, Shape, ShapeError, Value};
use crate::ops::reshape::Reshape;

/// What a kind of layer is.
pub(super) trait Rule {
    /// What comes out of it for its inputs; adds its parameters.
    ///
    /// # Errors
    /// If the inputs do not fit; the text names what they are.
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal>;

    /// Appends its ops to the graph.
    ///
    /// # Errors
    /// If a kernel cannot walk so long a row or window.
    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError>;

    /// Says in the table of layers what is behind its word: `3×3 stride 2, relu`.
    fn describe(&self, words: &mut Words);
}

/// The rule of a kind of layer.
pub(super) fn rule(kind: &LayerKind) -> Box<dyn Rule + '_> {
    match kind {
        LayerKind::Conv2d(conv) => Box::new(conv::Conv::of_images(conv)),
        LayerKind::Conv1d(conv) => Box::new(conv::Conv::of_sequences(conv)),
        LayerKind::ConvTranspose2d(conv) => Box::new(transposed::Transposed(conv)),
        LayerKind::MaxPool2d(pool) | LayerKind::MaxPool1d(pool) => Box::new(pool::Pool {
            pool,
            of: pool::Of::Max,
            sequences: matches!(kind, LayerKind::MaxPool1d(_)),
        }),
        LayerKind::AvgPool2d(pool) | LayerKind::AvgPool1d(pool) => Box::new(pool::Pool {
            pool,
            of: pool::Of::Mean,
            sequences: matches!(kind, LayerKind::AvgPool1d(_)),
        }),
        LayerKind::Upsample(upsample) => Box::new(resize::Larger(upsample)),
        LayerKind::Pad(pad) => Box::new(resize::Zeros(pad)),
        LayerKind::Slice(slice) => Box::new(resize::Part(slice)),
        LayerKind::Concat(axis) => Box::new(join::Behind(*axis)),
        LayerKind::Dense(dense) => Box::new(dense::Linear(dense)),
        LayerKind::Dropout(dropout) => Box::new(dropout::Mask(dropout)),
        LayerKind::BatchNorm(norm) => Box::new(norm::Batch(norm)),
        LayerKind::LayerNorm(norm) => Box::new(norm::Row::Layer(norm)),
        LayerKind::RmsNorm(norm) => Box::new(norm::Row::Rms(norm)),
        LayerKind::GroupNorm(norm) => Box::new(norm::Group(norm)),
        LayerKind::GlobalAvgPool => Box::new(pool::GlobalAvg),
        LayerKind::AdaptiveAvgPool2d(size) => Box::new(pool::Adaptive::Avg(*size)),
        LayerKind::AdaptiveMaxPool2d(size) => Box::new(pool::Adaptive::Max(*size)),
        LayerKind::Recurrent(layer) => Box::new(recurrent::Recurrent(layer)),
        LayerKind::Embedding(embedding) => Box::new(token::Embedding(embedding)),
        LayerKind::PositionEmbedding(positions) => Box::new(token::Positions(positions)),
        LayerKind::Attention(attention) => Box::new(token::Attention(attention)),
        LayerKind::Flatten => Box::new(shape::Flatten),
        LayerKind::Activation(activation) => Box::new(*activation),
        LayerKind::Softmax => Box::new(activation::Exponentials::Softmax),
        LayerKind::LogSoftmax => Box::new(activation::Exponentials::LogSoftmax),
        LayerKind::Add => Box::new(join::Elements::Add),
        LayerKind::Mul => Box::new(join::Elements::Mul),
    }
}

/// Why a layer does not take its inputs.
pub(super) struct Refusal {
    /// What is wrong, with the shapes.
    pub(super) message: String,
    /// A few words to draw under the layer.
    pub(super) label: String,
    /// What to do.
    pub(super) help: String,
}

impl Refusal {
    pub(super) fn new(
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            message: message.into(),
            label: label.into(),
            help: help.into(),
        }
    }

    /// An image comes where a row, or a sequence of them, is needed.
    fn is_image(image: &Signal) -> Self {
        Self::new(
            format!("it needs a row of features, but its input is {image}"),
            "comes before the image is flattened",
            "put a layer with `kind = \"flatten\"` before it",
        )
    }

    /// Input channels that cannot be grouped.
    fn groups(channels: usize, groups: usize, label: String) -> Self {
        Self::new(
            format!("{channels} input channels cannot be divided into {groups} groups"),
            label,
            "choose `groups` so that it divides the input channels",
        )
    }

    /// Something else comes where a sequence is needed.
    fn is_no_sequence(input: &Signal) -> Self {
        Self::new(
            format!(
                "it needs a sequence (steps, channels), but its input is {}",
                input.words()
            ),
            "comes where there is no sequence",
            "use the layer for images, which ends in 2d, or `dense` for a row",
        )
    }

    /// Something else comes where an image is needed.
    fn is_no_image(input: &Signal) -> Self {
        let (label, help) = match input.shape.len() {
            1 => (
                "comes after the image was flattened",
                "move it before `flatten`",
            ),
            _ => ("comes where there is no image", "remove it"),
        };
        Self::new(
            format!(
                "it needs an image (height, width, channels), but its input is {}",
                input.words()
            ),
            label,
            help,
        )
    }
}

/// A layer that is being checked.
pub(super) struct Check<'a> {
    /// What comes in, one for each input.
    pub(super) inputs: &'a [Signal],
    /// What the inputs are called in the file.
    pub(super) input_names: &'a [&'a str],
    /// Where the layer is in the network.
    pub(super) index: usize,
    pub(super) name: &'a str,
    /// Whether a ReLU, or what is shaped like one, is all that comes behind it.
    pub(super) before_rectifier: bool,
    /// Whether a row that it makes of an image must have the order of files, because somebody sees the order.
    pub(super) in_file_order: bool,
    /// Whether it heeds that its input is an image in another order.
    pub(super) absorbs: bool,
    pub(super) network: &'a mut Network,
}

impl Check<'_> {
    /// The one input of a layer that has one.
    pub(super) fn input(&self) -> &Signal {
        &self.inputs[0]
    }

    /// Adds a parameter: `weight`, `bias`, in the order in which the ops get them.
    pub(super) fn parameter(&mut self, what: &str, shape: Shape, border: Border, init: Init) {
        let name = format!("{}.{what}", self.name);
        self.network.push(name, shape, border, init);
    }

    /// Adds what the layer remembers, in the order in which the ops get it.
    fn statistic(&mut self, what: &str, shape: Shape, init: f32) {
        let name = format!("{}.{what}", self.name);
        self.network.push_statistic(name, shape, init);
    }

    /// What `auto` stands for: Kaiming before a ReLU and its like, in the layer itself or behind it; Xavier otherwise.
    fn resolve(&self, init: Initializer, activation: Option<Activation>) -> Initializer {
        if init != Initializer::Auto {
            return init;
        }
        let rectified = match activation {
            Some(activation) => activation.is_rectifier(),
            None => self.before_rectifier,
        };
        if rectified {
            Initializer::KaimingUniform
        } else {
            Initializer::XavierUniform
        }
    }

    /// The image whose order (H, W, C) the features of the input still have, for a layer whose weights are reordered in files.
    fn absorb(&mut self) -> Option<[usize; 3]> {
        self.absorbs = true;
        self.input().flattened.map(|Flattened { image, .. }| image)
    }
}

/// A layer that is appended to a graph.
pub(super) struct Append<'a> {
    pub(super) graph: &'a mut Graph,
    /// What comes in, one for each input: (batch, …).
    pub(super) inputs: &'a [Value],
    /// Where the layer is in the network.
    pub(super) index: usize,
    /// Its parameters, in the order in which they were added.
    pub(super) parameters: &'a [Value],
    /// What it remembers, in the order in which it was added.
    pub(super) statistics: &'a [Value],
    /// As [`Check::in_file_order`].
    pub(super) in_file_order: bool,
    /// Where the network is trained: what layers need that behave differently then.
    pub(super) training: Option<Training>,
}

impl Append<'_> {
    /// The one input of a layer that has one.
    pub(super) fn input(&self) -> Value {
        self.inputs[0]
    }

    /// Samples of the batch.
    pub(super) fn batch(&self) -> usize {
        self.graph.shape(self.inputs[0]).dims()[0]
    }

    /// Applies an op with one output.
    fn apply(&mut self, op: impl Op + 'static, inputs: &[Value]) -> Result<Value, ShapeError> {
        let outputs = self.graph.apply(Arc::new(op), inputs)?;
        Ok(outputs[0])
    }

    /// The same numbers under another shape.
    fn reshaped(&mut self, x: Value, shape: impl Into<Shape>) -> Value {
        let shape = shape.into();
        self.graph.one(Reshape { shape }, &[x])
    }

    /// Bias and activation, where the layer has them.
    fn finish(&mut self, y: Value, bias: Option<Value>, activation: Option<Activation>) -> Value {
        let y = match bias {
            Some(bias) => self.graph.one(crate::ops::add_bias::AddBias, &[y, bias]),
            None => y,
        };
        match activation {
            Some(activation) => activation.apply(self.graph, y),
            None => y,
        }
    }
}

/// What the table of layers says of one, in the making.
pub(super) struct Words(String);

impl Words {
    /// Adds a word or two: ` 3×3`, ` stride 2×2`.
    fn add(&mut self, words: impl AsRef<str>) {
        self.0.push(' ');
        self.0.push_str(words.as_ref());
    }

    /// Adds a size of (height, width) under its name, unless it is the usual one.
    fn size(&mut self, name: &str, size: [usize; 2], usual: [usize; 2]) {
        if size != usual {
            self.add(format!("{name} {}", pair(size)));
        }
    }

    /// Adds the window along a sequence, and its stride unless it is the usual one.
    fn steps(&mut self, kernel: [usize; 2], stride: [usize; 2], usual: [usize; 2]) {
        self.add(kernel[1].to_string());
        if stride[1] != usual[1] {
            self.add(format!("stride {}", stride[1]));
        }
    }

    /// Adds what is applied to the result.
    fn activation(&mut self, activation: Option<Activation>) {
        if let Some(activation) = activation {
            self.0.push_str(", ");
            self.0.push_str(activation.word());
        }
    }
}

/// A number of the configuration in the 32 bits of a kernel.
#[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
fn rounded(number: f64) -> f32 {
    number as f32
}

/// `height×width`.
fn pair([height, width]: [usize; 2]) -> String {
    format!("{height}×{width}")
}

/// A layer in a few words: `conv2d 3×3, relu`, and what it takes if that is not the layer before it: `add of conv2, input`.
pub(super) fn describe(kind: &LayerKind, takes: &[String]) -> String {
    let mut words = Words(kind.word().to_owned());
    rule(kind).describe(&mut words);
    if !takes.is_empty() {
        words.add(format!("of {}", takes.join(", ")));
    }
    words.0
}
