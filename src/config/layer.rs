//! One `[[layer]]`: what it says.

use std::ops::Range;

/// One `[[layer]]`. Two are equal when they say the same, wherever they stand.
#[derive(Clone, Debug)]
pub struct Layer {
    /// `name`: unique among the layers, letters, digits, `_` and `-`, not digits alone. Default: what the layer is and its
    /// number among those (`conv1`, `dense2`; both kinds of pooling are `pool`).
    pub name: String,
    /// The bytes of the source text that stand for the layer: its `kind = "…"`, for messages.
    pub span: Range<usize>,
    /// `kind` and the keys of that kind.
    pub kind: LayerKind,
}

impl PartialEq for Layer {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.kind == other.kind
    }
}

/// What a layer does. Sizes written as one number count for height and width: `[height, width]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// `conv2d`.
    Conv2d(Conv2d),
    /// `max_pool2d`: the largest of every window.
    MaxPool2d(Pool2d),
    /// `avg_pool2d`: the mean of every window.
    AvgPool2d(Pool2d),
    /// `dense`: every output from every input.
    Dense(Dense),
    /// `rnn`, `lstm`, `gru`.
    Recurrent(Recurrent),
    /// `embedding`: a row of numbers for each token.
    Embedding(Embedding),
    /// `position_embedding`: a learned row for each place of a sequence, added to it.
    PositionEmbedding(PositionEmbedding),
    /// `attention`: every step of a sequence from those that it attends to.
    Attention(Attention),
    /// `flatten`: height, width and channels become one row of features.
    Flatten,
    /// `relu`, `sigmoid`, `tanh` as layers of their own.
    Activation(Activation),
    /// `softmax` over the features.
    Softmax,
    /// `log_softmax` over the features.
    LogSoftmax,
}

/// A two-dimensional convolution, with PyTorch's meaning of every number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// `out_channels`: how many filters. Required.
    pub out_channels: usize,
    /// `kernel`: window in pixels. Required.
    pub kernel: [usize; 2],
    /// `stride`: pixels from window to window. Default 1.
    pub stride: [usize; 2],
    /// `padding`: zeros on every side, in pixels. Default 0.
    pub padding: [usize; 2],
    /// `dilation`: pixels from tap to tap. Default 1.
    pub dilation: [usize; 2],
    /// `groups`: independent groups of channels; divides `out_channels`. Default 1.
    pub groups: usize,
    /// `bias`: add a learned number per channel. Default true.
    pub bias: bool,
    /// `activation`: what is applied to the result. Default none.
    pub activation: Option<Activation>,
    /// `init`: the first weights. Default: `init` at the top of the file, and without it `auto`.
    pub init: Initializer,
}

/// The window of a pooling layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool2d {
    /// `kernel`: window in pixels. Required.
    pub kernel: [usize; 2],
    /// `stride`: pixels from window to window. Default: the kernel, so that windows do not overlap.
    pub stride: [usize; 2],
    /// `padding`: pixels on every side, at most half the kernel. Default 0.
    pub padding: [usize; 2],
}

/// A fully connected layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dense {
    /// `out_features`: how many outputs. Required.
    pub out_features: usize,
    /// `bias`: add a learned number per output. Default true.
    pub bias: bool,
    /// `activation`: what is applied to the result. Default none.
    pub activation: Option<Activation>,
    /// `init`: the first weights. Default: `init` at the top of the file, and without it `auto`.
    pub init: Initializer,
}

/// A stack of recurrent layers, with PyTorch's meaning of every number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrent {
    /// `kind`, and what is `rnn`'s own.
    pub cell: Cell,
    /// `hidden`: units, which are what comes out of every step. Required.
    pub hidden: usize,
    /// `layers`: how many, each over the sequence of the one before. Default 1.
    pub layers: usize,
    /// `return`: what comes out. Default the sequence.
    pub returns: Returns,
    /// `init`: the first weights; `auto` is PyTorch's rule here, uniform within √(1 / hidden), biases too. Default: `init` at the top
    /// of the file, and without it `auto`.
    pub init: Initializer,
}

/// The cell of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// `rnn`, with `nonlinearity`.
    Rnn(Nonlinearity),
    /// `lstm`: long short-term memory.
    Lstm,
    /// `gru`: gated recurrent units.
    Gru,
}

/// What an `rnn` applies to its sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonlinearity {
    /// `tanh`.
    Tanh,
    /// `relu`: max(x, 0).
    Relu,
}

/// What comes out of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returns {
    /// `sequence`: the state after every step.
    Sequence,
    /// `last`: the state after the last step.
    Last,
}

/// The rows of tokens, `torch.nn.Embedding`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedding {
    /// `num_embeddings`: how many tokens there are. Required.
    pub num_embeddings: usize,
    /// `embedding_dim`: numbers of a row. Required.
    pub embedding_dim: usize,
    /// `padding_idx`: a token whose row is zero and stays so. Default none.
    pub padding_idx: Option<usize>,
    /// `init`: the first rows; `auto` is normal with deviation 0.02, `pytorch` standard normal. Default: `init` at the top of the
    /// file, and without it `auto`.
    pub init: Initializer,
}

/// Learned rows of places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PositionEmbedding {
    /// `init`: the first rows, as of [`Embedding`].
    pub init: Initializer,
}

/// Self-attention of several heads, `torch.nn.MultiheadAttention`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attention {
    /// `heads`: how many; they divide the channels. Required.
    pub heads: usize,
    /// `causal`: a step attends to itself and those before it only. Default false.
    pub causal: bool,
    /// `rotary`: queries and keys are turned by an angle that grows with their place (Su et al. 2021). Default false.
    pub rotary: bool,
    /// `bias`: add learned numbers to queries, keys, values and the result. Default true.
    pub bias: bool,
    /// `init`: the first weights; `pytorch` begins as `MultiheadAttention`. Default: `init` at the top of the file, and without it
    /// `auto`.
    pub init: Initializer,
}

/// What the weights of a layer are before the first step. Biases are 0 but for [`Initializer::Pytorch`]. `fan_in` and `fan_out`
/// are the numbers that an output is made of and that an input goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initializer {
    /// `auto`: `kaiming_uniform` before a ReLU, `xavier_uniform` otherwise.
    Auto,
    /// `kaiming_uniform`: uniform within √(6 / fan_in); PyTorch's `kaiming_uniform_`, Keras' `he_uniform`.
    KaimingUniform,
    /// `kaiming_normal`: normal with deviation √(2 / fan_in), as PyTorch's `kaiming_normal_`.
    KaimingNormal,
    /// `xavier_uniform`: uniform within √(6 / (fan_in + fan_out)); Keras' `glorot_uniform`, its default.
    XavierUniform,
    /// `xavier_normal`: normal with deviation √(2 / (fan_in + fan_out)), as PyTorch's `xavier_normal_`.
    XavierNormal,
    /// `normal`: normal with deviation 0.02.
    Normal,
    /// `trunc_normal`: normal with deviation 0.02, drawn again beyond two deviations.
    TruncNormal,
    /// `orthogonal`: rows or columns of length 1 at right angles; PyTorch's `orthogonal_`.
    Orthogonal,
    /// `pytorch`: what `torch.nn.Linear` and `Conv2d` begin with: uniform within √(1 / fan_in), biases too.
    Pytorch,
}

/// A function applied to every element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `relu`: max(x, 0).
    Relu,
    /// `sigmoid`: 1 / (1 + e^-x).
    Sigmoid,
    /// `tanh`.
    Tanh,
}
