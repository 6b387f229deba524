//! The grammar as data: every key with what it takes, its default and its meaning. The reader checks against these tables and
//! a description of the format for editors can be made from them.

use super::{
    Activation, Categories, DataSource, Flip, Initializer, Missing, Normalize, Split, Streaming,
    Task,
};

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// How it is written.
    pub name: &'static str,
    /// What values it takes.
    pub takes: Takes,
    /// What counts when it is not there.
    pub default: Fallback,
    /// What it means, with its unit.
    pub doc: &'static str,
}

/// What values a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// A string.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number from the first to the second.
    Int(u64, u64),
    /// The same, or two of them: `[height, width]`.
    Size(u64, u64),
    /// A number.
    Float(&'static Bounds),
    /// A number or a list of numbers, one per channel.
    Floats(&'static Bounds),
    /// A list of strings.
    Texts,
    /// "balanced", or a table of numbers by the names of classes.
    ClassWeights(&'static Bounds),
    /// One of a few words.
    Choice(fn() -> Vec<&'static str>),
    /// A table of its own.
    Table,
    /// A list of tables.
    Tables,
}

/// What counts when a key is not there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fallback {
    /// It must be there.
    Required,
    /// This whole number.
    Int(u64),
    /// This number.
    Float(f64),
    /// This truth value.
    Bool(bool),
    /// This word.
    Word(&'static str),
    /// It depends: a rule in words.
    Rule(&'static str),
}

/// The numbers that are allowed, both ends included.
#[derive(Debug)]
pub struct Bounds {
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// How a message says it.
    pub words: &'static str,
}

/// The keys that one `kind` of a table has.
#[derive(Debug)]
pub struct Variant {
    /// The value of `kind`.
    pub kind: &'static str,
    /// Its own keys.
    pub keys: &'static [Key],
}

/// A table whose keys depend on its `kind`.
#[derive(Debug)]
pub struct Family {
    /// Keys that all kinds have.
    pub common: &'static [Key],
    /// The kinds.
    pub variants: &'static [Variant],
}

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

fn words<T: Choice>() -> Vec<&'static str> {
    T::ALL.iter().map(|(word, _)| *word).collect()
}

impl Choice for DataSource {
    const ALL: &'static [(&'static str, Self)] = &[
        ("digits", Self::Digits),
        ("idx", Self::Idx),
        ("images", Self::Images),
        ("csv", Self::Csv),
        ("npy", Self::Npy),
    ];
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
    ];
}

impl Choice for Initializer {
    const ALL: &'static [(&'static str, Self)] = &[
        ("auto", Self::Auto),
        ("kaiming_uniform", Self::KaimingUniform),
        ("kaiming_normal", Self::KaimingNormal),
        ("xavier_uniform", Self::XavierUniform),
        ("xavier_normal", Self::XavierNormal),
        ("trunc_normal", Self::TruncNormal),
        ("orthogonal", Self::Orthogonal),
        ("pytorch", Self::Pytorch),
    ];
}

/// The two losses, by name only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LossWord {
    CrossEntropy,
    Mse,
}

impl Choice for LossWord {
    const ALL: &'static [(&'static str, Self)] =
        &[("cross_entropy", Self::CrossEntropy), ("mse", Self::Mse)];
}

// Bounds are those of f32, in which the GPU computes: what would round to 0, to 1 or to infinity there is refused here.
static ANY: Bounds = Bounds {
    min: f32::MIN as f64,
    max: f32::MAX as f64,
    words: "a number",
};
static POSITIVE: Bounds = Bounds {
    min: f32::MIN_POSITIVE as f64,
    max: f32::MAX as f64,
    words: "a number above 0",
};
static NOT_NEGATIVE: Bounds = Bounds {
    min: 0.0,
    max: f32::MAX as f64,
    words: "a number of at least 0",
};
static BELOW_ONE: Bounds = Bounds {
    min: 0.0,
    max: 1.0 - f32::EPSILON as f64 / 2.0,
    words: "a number of at least 0 and below 1",
};

static QUARTER_TURN: Bounds = Bounds {
    min: 0.0,
    max: 90.0,
    words: "a number of degrees from 0 to 90",
};
static SHARE: Bounds = Bounds {
    min: 0.0,
    max: 0.9,
    words: "a number from 0 to 0.9",
};
static WEIGHT: Bounds = Bounds {
    min: 0.0,
    max: 1e9,
    words: "a number from 0 to 1e9",
};

const MAX_WIDTH: u64 = 1 << 20;
const MAX_WINDOW: u64 = 1024;

const fn key(name: &'static str, takes: Takes, default: Fallback, doc: &'static str) -> Key {
    Key {
        name,
        takes,
        default,
        doc,
    }
}

use Fallback::{Bool, Float, Int, Required, Rule, Word};

/// The top of the file.
#[rustfmt::skip]
pub static TOP: &[Key] = &[
    key("name", Takes::Text, Rule("the file's name without .toml"), "name of the run and of its folder"),
    key("seed", Takes::Int(0, u64::MAX), Int(0), "the number all randomness comes from"),
    key("init", Takes::Choice(words::<Initializer>), Word("auto"), "first weights of the layers that do not say"),
    key("data", Takes::Table, Required, "what is learned from"),
    key("train", Takes::Table, Rule("all its defaults"), "how long and on what loss"),
    key("optimizer", Takes::Table, Required, "how the weights move"),
    key("layer", Takes::Tables, Required, "the network, layer by layer"),
];

/// `[data]`.
#[rustfmt::skip]
pub static DATA: &[Key] = &[
    key("source", Takes::Choice(words::<DataSource>), Rule("by path: csv for a name in .csv or .tsv, else idx; without path required"), "where samples come from"),
    key("path", Takes::Text, Rule("given on the command line"), "the file or folder"),
    key("task", Takes::Choice(words::<Task>), Rule("regression for csv and npy with a loss of numbers, else classification"), "whether classes or numbers are predicted"),
    key("test", Takes::Float(&BELOW_ONE), Float(0.2), "fraction of the samples held back for the test, where the data brings no test part"),
    key("validation", Takes::Float(&BELOW_ONE), Float(0.0), "fraction of the training samples held back for validation"),
    key("split", Takes::Choice(words::<Split>), Rule("tail for digits and idx, else stratified"), "which samples are held back: the last, random ones, or the same share of every class"),
    key("divide_by", Takes::Float(&POSITIVE), Rule("255 for idx and images, 240 for digits, else 1"), "raw numbers are divided by this"),
    key("normalize", Takes::Choice(words::<Normalize>), Rule("standard for images, csv and npy, unless mean or std are given; else none"), "standard: mean and deviation are fitted to the training part"),
    key("mean", Takes::Floats(&ANY), Rule("nothing is subtracted"), "subtracted after the division, for all channels or for each"),
    key("std", Takes::Floats(&POSITIVE), Rule("no division"), "divided by after the subtraction, for all channels or for each"),
    key("stream", Takes::Choice(words::<Streaming>), Word("auto"), "whether samples wait on the host for their turn; auto: those beyond what the adapter binds"),
    key("class_weights", Takes::ClassWeights(&WEIGHT), Rule("all classes weigh 1"), "how much the samples of each class count in the loss while training"),
    key("augment", Takes::Table, Rule("nothing is changed"), "how pictures are changed while training, another way in every epoch"),
    key("size", Takes::Size(1, 16_384), Rule("the median of the pictures, at most 224"), "height and width that pictures are brought to"),
    key("channels", Takes::Int(1, 4), Rule("1 if all pictures are grey, else 3"), "1 for grey, 3 for colours, 4 with transparency"),
    key("target", Takes::Text, Rule("the last column"), "the column to be predicted"),
    key("weight", Takes::Text, Rule("all rows count the same"), "a column that says how much each row counts"),
    key("ignore", Takes::Texts, Rule("none"), "columns that are not looked at"),
    key("categorical", Takes::Texts, Rule("none but the columns of texts"), "columns whose numbers are names"),
    key("categories", Takes::Choice(words::<Categories>), Word("one_hot"), "what a category becomes: a number for each, or its place in the alphabet"),
    key("missing", Takes::Choice(words::<Missing>), Word("refuse"), "what is done about missing values: refuse, drop the rows, or fill in the mean or the most frequent"),
];

/// `[data.augment]`.
#[rustfmt::skip]
pub static AUGMENT: &[Key] = &[
    key("shift", Takes::Int(0, 1024), Int(0), "pixels that a picture moves at most, up, down, left and right"),
    key("flip", Takes::Choice(words::<Flip>), Word("none"), "whether left and right, up and down, or both are exchanged in half of the pictures"),
    key("rotate", Takes::Float(&QUARTER_TURN), Float(0.0), "degrees that a picture turns at most, to both sides"),
    key("scale", Takes::Float(&SHARE), Float(0.0), "share by which a picture grows and shrinks at most"),
    key("brightness", Takes::Float(&SHARE), Float(0.0), "added to and subtracted from pixels between 0 and 1 at most"),
    key("contrast", Takes::Float(&SHARE), Float(0.0), "share by which the distance from grey grows and shrinks at most"),
    key("cutout", Takes::Int(0, 1024), Int(0), "side of a black square somewhere in the picture, in pixels"),
];

/// Keys of `[data]` that only some sources have.
pub static DATA_OF: &[(&[DataSource], &[&str])] = &[
    (
        &[
            DataSource::Idx,
            DataSource::Images,
            DataSource::Csv,
            DataSource::Npy,
        ],
        &["path"],
    ),
    (
        &[DataSource::Images, DataSource::Csv, DataSource::Npy],
        &["test"],
    ),
    (&[DataSource::Csv, DataSource::Npy], &["task"]),
    (
        &[
            DataSource::Digits,
            DataSource::Idx,
            DataSource::Images,
            DataSource::Npy,
        ],
        &["augment"],
    ),
    (&[DataSource::Images], &["size", "channels"]),
    (
        &[DataSource::Csv],
        &[
            "target",
            "weight",
            "ignore",
            "categorical",
            "categories",
            "missing",
        ],
    ),
];

/// `[train]`.
#[rustfmt::skip]
pub static TRAIN: &[Key] = &[
    key("batch", Takes::Int(1, 65536), Int(32), "samples per step"),
    key("epochs", Takes::Int(1, u32::MAX as u64), Rule("1, unless steps is given"), "passes over the training samples"),
    key("steps", Takes::Int(1, u32::MAX as u64), Rule("as epochs says"), "batches to train on, in place of epochs"),
    key("shuffle", Takes::Bool, Bool(true), "a new order of the samples every epoch"),
    key("loss", Takes::Choice(words::<LossWord>), Word("cross_entropy"), "what is made small; cross_entropy applies softmax itself"),
    key("label_smoothing", Takes::Float(&BELOW_ONE), Float(0.0), "share of each target spread over all classes, for cross_entropy"),
];

#[rustfmt::skip]
const fn learning_rate(default: f64) -> Key {
    key("learning_rate", Takes::Float(&POSITIVE), Float(default), "step size")
}

#[rustfmt::skip]
const fn weight_decay(default: f64) -> Key {
    key("weight_decay", Takes::Float(&NOT_NEGATIVE), Float(default), "pull of the weights towards 0")
}

#[rustfmt::skip]
const BETA1: Key = key("beta1", Takes::Float(&BELOW_ONE), Float(0.9), "memory of the mean of gradients");
#[rustfmt::skip]
const BETA2: Key = key("beta2", Takes::Float(&BELOW_ONE), Float(0.999), "memory of the mean of squared gradients");
#[rustfmt::skip]
const EPSILON: Key = key("epsilon", Takes::Float(&POSITIVE), Float(1e-8), "added to the root of the second moment");

fn optimizer_kinds() -> Vec<&'static str> {
    OPTIMIZER.variants.iter().map(|v| v.kind).collect()
}

fn layer_kinds() -> Vec<&'static str> {
    LAYER.variants.iter().map(|v| v.kind).collect()
}

/// `[optimizer]`.
#[rustfmt::skip]
pub static OPTIMIZER: Family = Family {
    common: &[
        key("kind", Takes::Choice(optimizer_kinds), Required, "which optimizer"),
    ],
    variants: &[
        Variant { kind: "sgd", keys: &[
            learning_rate(0.01),
            key("momentum", Takes::Float(&BELOW_ONE), Float(0.0), "share of the last step that is kept"),
            key("nesterov", Takes::Bool, Bool(false), "look ahead along the momentum"),
            weight_decay(0.0),
        ] },
        Variant { kind: "adam", keys: &[learning_rate(0.001), BETA1, BETA2, EPSILON, weight_decay(0.0)] },
        Variant { kind: "adamw", keys: &[learning_rate(0.001), BETA1, BETA2, EPSILON, weight_decay(0.01)] },
    ],
};

#[rustfmt::skip]
const BIAS: Key = key("bias", Takes::Bool, Bool(true), "add a learned number to every output channel");
#[rustfmt::skip]
const ACTIVATION: Key = key("activation", Takes::Choice(words::<Option<Activation>>), Word("none"), "applied to the result");
#[rustfmt::skip]
const INIT: Key = key("init", Takes::Choice(words::<Initializer>), Rule("as the top of the file says"), "the first weights");
#[rustfmt::skip]
const KERNEL: Key = key("kernel", Takes::Size(1, MAX_WINDOW), Required, "window in pixels");
#[rustfmt::skip]
const POOL: &[Key] = &[
    KERNEL,
    key("stride", Takes::Size(1, MAX_WINDOW), Rule("the kernel"), "pixels from window to window"),
    key("padding", Takes::Size(0, MAX_WINDOW), Int(0), "pixels on every side, at most half the kernel"),
];

/// `[[layer]]`.
#[rustfmt::skip]
pub static LAYER: Family = Family {
    common: &[
        key("kind", Takes::Choice(layer_kinds), Required, "what the layer does"),
        key("name", Takes::Text, Rule("what it is and its number among those, as conv1"), "unique name of letters, digits, _ and -"),
    ],
    variants: &[
        Variant { kind: "conv2d", keys: &[
            key("out_channels", Takes::Int(1, MAX_WIDTH), Required, "how many filters"),
            KERNEL,
            key("stride", Takes::Size(1, MAX_WINDOW), Int(1), "pixels from window to window"),
            key("padding", Takes::Size(0, MAX_WINDOW), Int(0), "zeros on every side, in pixels"),
            key("dilation", Takes::Size(1, MAX_WINDOW), Int(1), "pixels from tap to tap"),
            key("groups", Takes::Int(1, MAX_WIDTH), Int(1), "independent groups of channels, divides out_channels"),
            BIAS,
            ACTIVATION,
            INIT,
        ] },
        Variant { kind: "max_pool2d", keys: POOL },
        Variant { kind: "avg_pool2d", keys: POOL },
        Variant { kind: "dense", keys: &[
            key("out_features", Takes::Int(1, MAX_WIDTH), Required, "how many outputs"),
            BIAS,
            ACTIVATION,
            INIT,
        ] },
        Variant { kind: "flatten", keys: &[] },
        Variant { kind: "relu", keys: &[] },
        Variant { kind: "sigmoid", keys: &[] },
        Variant { kind: "tanh", keys: &[] },
        Variant { kind: "softmax", keys: &[] },
        Variant { kind: "log_softmax", keys: &[] },
    ],
};

impl Family {
    /// All keys of all kinds.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        let own = self.variants.iter().flat_map(|v| v.keys);
        self.common.iter().chain(own)
    }
}

/// Whether a source has a key of `[data]`.
pub(super) fn has(source: DataSource, key: &str) -> bool {
    let of = DATA_OF.iter().filter(|(_, names)| names.contains(&key));
    of.clone().all(|(owners, _)| owners.contains(&source))
}

/// The place where a key of this name may stand, as a message names it.
pub(super) fn home(name: &str) -> Option<&'static str> {
    let is = |key: &Key| key.name == name;
    if TOP.iter().any(is) {
        Some("the top of the file, before the first [table]")
    } else if DATA.iter().any(is) {
        Some("[data]")
    } else if AUGMENT.iter().any(is) {
        Some("[data.augment]")
    } else if TRAIN.iter().any(is) {
        Some("[train]")
    } else if OPTIMIZER.keys().any(is) {
        Some("[optimizer]")
    } else if LAYER.keys().any(is) {
        Some("a [[layer]]")
    } else {
        None
    }
}

impl Takes {
    /// What values these are, to follow "must be".
    pub fn words(self) -> String {
        match self {
            Self::Text => "text in quotes".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Int(min, max) => format!("a whole number from {min} to {max}"),
            Self::Size(min, max) => {
                format!("a whole number from {min} to {max}, or two of them as [height, width]")
            }
            Self::Float(bounds) => bounds.words.to_owned(),
            Self::Floats(bounds) => format!("{}, or a list of them", bounds.words),
            Self::ClassWeights(bounds) => format!(
                "\"balanced\", or a table with {} for each class",
                bounds.words
            ),
            Self::Texts => "a list of texts in quotes".to_owned(),
            Self::Choice(words) => format!("one of {}", words().join(", ")),
            Self::Table => "a table".to_owned(),
            Self::Tables => "a list of tables".to_owned(),
        }
    }
}
