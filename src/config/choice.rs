//! Values that are written as one of a few words.

use super::{
    Activation, Axis, Categories, DataSource, Flip, Initializer, Missing, Nonlinearity, Normalize,
    Precision, Returns, Split, Streaming, Task, TokenUnit, UpsampleMode,
};

/// A value written as one of a few words.
pub trait Choice: Copy + PartialEq + 'static {
    /// Every word and what it stands for.
    const ALL: &'static [(&'static str, Self)];

    /// The word for a value.
    fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, value)| *value == self);
        found.map_or("", |(word, _)| word)
    }
}

/// The words of a choice.
pub(super) fn words<T: Choice>() -> Vec<&'static str> {
    T::ALL.iter().map(|(word, _)| *word).collect()
}

impl Choice for Axis {
    const ALL: &'static [(&'static str, Self)] = &[
        ("channels", Self::Channels),
        ("height", Self::Height),
        ("width", Self::Width),
        ("time", Self::Time),
    ];
}

impl Choice for UpsampleMode {
    const ALL: &'static [(&'static str, Self)] =
        &[("nearest", Self::Nearest), ("bilinear", Self::Bilinear)];
}

impl Choice for DataSource {
    const ALL: &'static [(&'static str, Self)] = &[
        ("digits", Self::Digits),
        ("idx", Self::Idx),
        ("cifar10", Self::Cifar10),
        ("images", Self::Images),
        ("csv", Self::Csv),
        ("npy", Self::Npy),
        ("text", Self::Text),
    ];
}

impl Choice for Precision {
    const ALL: &'static [(&'static str, Self)] = &[("f32", Self::F32), ("f16", Self::F16)];
}

impl Choice for Task {
    const ALL: &'static [(&'static str, Self)] = &[
        ("classification", Self::Classification),
        ("regression", Self::Regression),
    ];
}

impl Choice for Normalize {
    const ALL: &'static [(&'static str, Self)] =
        &[("none", Self::None), ("standard", Self::Standard)];
}

impl Choice for Flip {
    const ALL: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("horizontal", Self::Horizontal),
        ("vertical", Self::Vertical),
        ("both", Self::Both),
    ];
}

impl Choice for Streaming {
    const ALL: &'static [(&'static str, Self)] = &[
        ("auto", Self::Auto),
        ("always", Self::Always),
        ("never", Self::Never),
    ];
}

impl Choice for Categories {
    const ALL: &'static [(&'static str, Self)] =
        &[("one_hot", Self::OneHot), ("ordinal", Self::Ordinal)];
}

impl Choice for TokenUnit {
    const ALL: &'static [(&'static str, Self)] =
        &[("words", Self::Words), ("characters", Self::Characters)];
}

impl Choice for Missing {
    const ALL: &'static [(&'static str, Self)] = &[
        ("refuse", Self::Refuse),
        ("drop", Self::Drop),
        ("fill", Self::Fill),
    ];
}

impl Choice for Split {
    const ALL: &'static [(&'static str, Self)] = &[
        ("tail", Self::Tail),
        ("random", Self::Random),
        ("stratified", Self::Stratified),
    ];
}

impl Choice for Option<Activation> {
    const ALL: &'static [(&'static str, Self)] = &[
        ("none", None),
        ("relu", Some(Activation::Relu)),
        ("sigmoid", Some(Activation::Sigmoid)),
        ("tanh", Some(Activation::Tanh)),
        ("gelu", Some(Activation::Gelu { tanh: false })),
        ("silu", Some(Activation::Silu)),
        ("leaky_relu", Some(Activation::LeakyRelu { slope: 0.01 })),
        ("elu", Some(Activation::Elu { alpha: 1.0 })),
        ("softplus", Some(Activation::Softplus)),
    ];
}

impl Choice for Nonlinearity {
    const ALL: &'static [(&'static str, Self)] = &[("tanh", Self::Tanh), ("relu", Self::Relu)];
}

impl Choice for Returns {
    const ALL: &'static [(&'static str, Self)] =
        &[("sequence", Self::Sequence), ("last", Self::Last)];
}

impl Choice for Initializer {
    const ALL: &'static [(&'static str, Self)] = &[
        ("auto", Self::Auto),
        ("kaiming_uniform", Self::KaimingUniform),
        ("kaiming_normal", Self::KaimingNormal),
        ("xavier_uniform", Self::XavierUniform),
        ("xavier_normal", Self::XavierNormal),
        ("normal", Self::Normal),
        ("trunc_normal", Self::TruncNormal),
        ("orthogonal", Self::Orthogonal),
        ("pytorch", Self::Pytorch),
    ];
}

/// The losses, by name only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LossWord {
    CrossEntropy,
    BinaryCrossEntropy,
    Mse,
    Mae,
    Huber,
}

impl Choice for LossWord {
    const ALL: &'static [(&'static str, Self)] = &[
        ("cross_entropy", Self::CrossEntropy),
        ("binary_cross_entropy", Self::BinaryCrossEntropy),
        ("mse", Self::Mse),
        ("mae", Self::Mae),
        ("huber", Self::Huber),
    ];
}

/// How the normal distribution function in a GELU is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Approximate {
    None,
    Tanh,
}

impl Choice for Approximate {
    const ALL: &'static [(&'static str, Self)] = &[("none", Self::None), ("tanh", Self::Tanh)];
}
