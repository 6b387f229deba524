//! One `[[layer]]`: what it says.

use std::ops::{Range, RangeInclusive};

/// One `[[layer]]`. Two are equal when they say the same, wherever they stand.
#[derive(Clone, Debug)]
pub struct Layer {
    /// `name`: unique among the layers, letters, digits, `_` and `-`, not digits alone. Default: what the layer is and its
    /// number among those (`conv1`, `dense2`; both kinds of pooling are `pool`). In a block it is a path, `block2/conv1`, and the
    /// second of a repeated layer is `dense1/2`.
    pub name: String,
    /// The bytes of the source text that stand for the layer: its `kind = "…"`, for messages.
    pub span: Range<usize>,
    /// `inputs`: what comes in. Default: what the layer before it gives.
    pub inputs: Vec<Input>,
    /// `kind` and the keys of that kind.
    pub kind: LayerKind,
}

/// Where the input of a layer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// `"input"`: the sample.
    Sample,
    /// The layer of this number, which comes before it.
    Layer(usize),
}

impl Input {
    /// What the layer of this number takes if it does not say.
    pub fn before(index: usize) -> Self {
        match index {
            0 => Self::Sample,
            _ => Self::Layer(index - 1),
        }
    }
}

/// A layer that joins takes at most so many inputs.
pub(super) const MAX_INPUTS: usize = 64;

impl PartialEq for Layer {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.inputs == other.inputs && self.kind == other.kind
    }
}

/// What a layer does. Sizes written as one number count for height and width: `[height, width]`.
#[derive(Clone, Debug, PartialEq)]
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
    /// `relu`, `sigmoid`, `tanh`, `gelu`, `silu`, `leaky_relu`, `elu`, `softplus` as layers of their own.
    Activation(Activation),
    /// `dropout`, `dropout2d`: zeroes at random while training.
    Dropout(Dropout),
    /// `batch_norm`: every channel with mean 0 and variance 1 over the batch.
    BatchNorm(BatchNorm),
    /// `layer_norm`: the last axis with mean 0 and variance 1.
    LayerNorm(LayerNorm),
    /// `rms_norm`: the last axis with mean square 1.
    RmsNorm(RmsNorm),
    /// `group_norm`: groups of channels with mean 0 and variance 1.
    GroupNorm(GroupNorm),
    /// `global_avg_pool`: the mean of every channel.
    GlobalAvgPool,
    /// `adaptive_avg_pool2d`: the means of windows that make an image of this size.
    AdaptiveAvgPool2d([usize; 2]),
    /// `adaptive_max_pool2d`: the largest of windows that make an image of this size.
    AdaptiveMaxPool2d([usize; 2]),
    /// `softmax` over the features.
    Softmax,
    /// `log_softmax` over the features.
    LogSoftmax,
    /// `conv1d`: a convolution along a sequence; its extents along the first axis, which a sequence lacks, are 1.
    Conv1d(Conv2d),
    /// `conv_transpose2d`: the gradient of a convolution as a layer, which makes an image larger.
    ConvTranspose2d(ConvTranspose2d),
    /// `max_pool1d`: the largest of every window of a sequence.
    MaxPool1d(Pool2d),
    /// `avg_pool1d`: the mean of every window of a sequence.
    AvgPool1d(Pool2d),
    /// `upsample`: an image so many times as high and as wide.
    Upsample(Upsample),
    /// `pad`: zeros around.
    Pad(Pad),
    /// `slice`: a part of one axis.
    Slice(Slice),
    /// `concat`: its inputs one behind the other along an axis.
    Concat(Axis),
    /// `add`: the sum of its inputs, element by element.
    Add,
    /// `mul`: the product of its inputs, element by element.
    Mul,
}

impl LayerKind {
    /// How many inputs it takes.
    pub fn inputs(&self) -> RangeInclusive<usize> {
        match self {
            Self::Add | Self::Mul | Self::Concat(_) => 2..=MAX_INPUTS,
            _ => 1..=1,
        }
    }
}

/// A two-dimensional convolution, with PyTorch's meaning of every number.
#[derive(Clone, Debug, PartialEq)]
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

/// Zeroes at random.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropout {
    /// `p`: the probability of a zero. What is kept is divided by 1 - p. Default 0.5.
    pub p: f64,
    /// Whether whole channels are zeroed: `dropout2d`.
    pub channels: bool,
}

/// Normalisation of every channel over the batch, as PyTorch's.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// `epsilon`: added to the variance. Default 1e-5.
    pub epsilon: f64,
    /// `momentum`: how much of each batch's mean and variance the running ones take, which are used when the network is measured
    /// or asked. Default 0.1.
    pub momentum: f64,
    /// `activation`: what is applied to the result. Default none.
    pub activation: Option<Activation>,
}

/// Normalisation of the last axis, as PyTorch's.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerNorm {
    /// `epsilon`: added to the variance. Default 1e-5.
    pub epsilon: f64,
    /// `affine`: multiply by a learned number per feature. Default true.
    pub affine: bool,
    /// `bias`: add a learned number per feature; needs `affine`. Default true.
    pub bias: bool,
}

/// Normalisation of the last axis by its mean square, as PyTorch's.
#[derive(Clone, Debug, PartialEq)]
pub struct RmsNorm {
    /// `epsilon`: added to the mean square. Default: the distance of 1 to the next number in 32 bits.
    pub epsilon: f64,
    /// `affine`: multiply by a learned number per feature. Default true.
    pub affine: bool,
}

/// Normalisation of groups of channels, as PyTorch's.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupNorm {
    /// `groups`: how many groups of neighbouring channels; divides the channels. Required.
    pub groups: usize,
    /// `epsilon`: added to the variance. Default 1e-5.
    pub epsilon: f64,
    /// `activation`: what is applied to the result. Default none.
    pub activation: Option<Activation>,
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

/// A transposed convolution, with PyTorch's meaning of every number.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvTranspose2d {
    /// What it has in common with a convolution.
    pub conv: Conv2d,
    /// `output_padding`: rows and columns more at the end, of the sizes that would all shrink to the input's. Default 0.
    pub output_padding: [usize; 2],
}

/// How an image is made larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upsample {
    /// `scale`: how many times as high and as wide. Required.
    pub scale: [usize; 2],
    /// `mode`: how the pixels between come about. Default nearest.
    pub mode: UpsampleMode,
}

/// How the pixels between those of a smaller image come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpsampleMode {
    /// `nearest`: each is the nearest one.
    Nearest,
    /// `bilinear`: between four, corners not aligned.
    Bilinear,
}

/// Zeros before and behind the elements of each axis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pad {
    /// `height` of an image. Default none, as all of them.
    pub height: [usize; 2],
    /// `width` of an image.
    pub width: [usize; 2],
    /// `time`: steps of a sequence.
    pub time: [usize; 2],
    /// `channels`, or the features of a row or a step.
    pub channels: [usize; 2],
}

/// A part of one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// `axis`: along which. Default channels.
    pub axis: Axis,
    /// `begin`: the first that is taken, from 0. Default 0.
    pub begin: usize,
    /// `step`: from one to the next. Default 1.
    pub step: usize,
    /// `size`: how many are taken. Default: as many as there are.
    pub size: Option<usize>,
}

/// An axis of what goes from layer to layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// `channels` of an image, or the features of a row or a step: the last axis.
    Channels,
    /// `height` of an image.
    Height,
    /// `width` of an image.
    Width,
    /// `time`: the steps of a sequence.
    Time,
}

/// A fully connected layer.
#[derive(Clone, Debug, PartialEq)]
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
    /// `auto`: `kaiming_uniform` before a ReLU or what is shaped like one (`gelu`, `silu`, `leaky_relu`, `elu`, `softplus`), in the
    /// layer itself or next behind it or behind its normalisation; `xavier_uniform` otherwise.
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `relu`: max(x, 0).
    Relu,
    /// `sigmoid`: 1 / (1 + e^-x).
    Sigmoid,
    /// `tanh`.
    Tanh,
    /// `gelu`: x Φ(x), with the distribution function of the standard normal.
    Gelu {
        /// `approximate = "tanh"`: Φ is approximated by a tanh. Default `"none"`.
        tanh: bool,
    },
    /// `silu`: x sigmoid(x).
    Silu,
    /// `leaky_relu`: x, or `slope` x where it is below 0.
    LeakyRelu {
        /// `slope`. Default 0.01.
        slope: f64,
    },
    /// `elu`: x, or `alpha` (e^x - 1) where it is below 0.
    Elu {
        /// `alpha`. Default 1.
        alpha: f64,
    },
    /// `softplus`: log(1 + e^x).
    Softplus,
}

impl Activation {
    /// Whether it is a ReLU or shaped like one: nothing much on one side, `x` on the other.
    pub fn is_rectifier(self) -> bool {
        !matches!(self, Self::Sigmoid | Self::Tanh)
    }
}
