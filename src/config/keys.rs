//! The grammar as data: every key with what it takes, its default and its meaning. The reader checks against these tables and
//! a description of the format for editors can be made from them.

pub use super::choice::Choice;
pub(super) use super::choice::LossWord;
use super::choice::words;
use super::control::OnNanWord;
pub use super::layer_keys::{BLOCK, LAYER};
use super::schedule::{Anneal, MAX_MILESTONES, Unit};
use super::{
    Categories, DataSource, Flip, Initializer, MAX_PARTS, Missing, Monitored, Normalize, Precision,
    Split, Streaming, Task, TokenUnit,
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
    /// The same, or this word.
    IntOrWord(u64, u64, &'static str),
    /// The same, or two of them: `[height, width]`.
    Size(u64, u64),
    /// A list of whole numbers from the first to the second, at most as many as the third says.
    Ints(u64, u64, usize),
    /// A number.
    Float(&'static Bounds),
    /// A number or a list of numbers, one per channel.
    Floats(&'static Bounds),
    /// A list of strings.
    Texts,
    /// A table of values by the names of a block's arguments.
    Arguments,
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

// Bounds are those of f32, in which the GPU computes: what would round to 0, to 1 or to infinity there is refused here.
static ANY: Bounds = Bounds {
    min: f32::MIN as f64,
    max: f32::MAX as f64,
    words: "a number",
};
pub(super) static POSITIVE: Bounds = Bounds {
    min: f32::MIN_POSITIVE as f64,
    max: f32::MAX as f64,
    words: "a number above 0",
};
pub(super) static NOT_NEGATIVE: Bounds = Bounds {
    min: 0.0,
    max: f32::MAX as f64,
    words: "a number of at least 0",
};
static AT_LEAST_ONE: Bounds = Bounds {
    min: 1.0,
    max: 1e18,
    words: "a number of at least 1",
};
pub(super) static BELOW_ONE_NOT_ZERO: Bounds = Bounds {
    min: 1e-6,
    max: 1.0,
    words: "a number above 0 and at most 1",
};
pub(super) static BELOW_ONE: Bounds = Bounds {
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
static MIXUP: Bounds = Bounds {
    min: 0.0,
    max: 8.0,
    words: "a number from 0 to 8",
};
static WEIGHT: Bounds = Bounds {
    min: 0.0,
    max: 1e9,
    words: "a number from 0 to 1e9",
};

/// The most characters of a window of a text.
const MAX_CONTEXT: u64 = 1 << 16;

pub(super) const fn key(
    name: &'static str,
    takes: Takes,
    default: Fallback,
    doc: &'static str,
) -> Key {
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
    key("init_from", Takes::Text, Rule("random weights"), "a run folder or a file of weights: tensors of the same name and shape begin as there"),
    key("data", Takes::Table, Required, "what is learned from"),
    key("train", Takes::Table, Rule("all its defaults"), "how long and on what loss"),
    key("optimizer", Takes::Table, Required, "how the weights move"),
    key("param", Takes::Tables, Rule("all weights alike"), "weights that are trained differently, by their names"),
    key("average", Takes::Table, Rule("no average"), "weights averaged over steps or epochs: these are validated, tested and saved"),
    key("schedule", Takes::Table, Rule("a constant learning rate"), "how the learning rate moves"),
    key("checkpoint", Takes::Table, Rule("all its defaults"), "when the state of the training is written down"),
    key("early_stopping", Takes::Table, Rule("the training runs to its end"), "ends a training that no longer gets better"),
    key("block", Takes::Table, Rule("none"), "layers that are used more than once, by the name of the block"),
    key("layer", Takes::Tables, Required, "the network, layer by layer"),
];

/// `[data]`.
#[rustfmt::skip]
pub static DATA: &[Key] = &[
    key("source", Takes::Choice(words::<DataSource>), Rule("by path: csv for a name in .csv or .tsv, text for .txt, else idx; without path required"), "where samples come from"),
    key("path", Takes::Text, Rule("given on the command line"), "the file or folder"),
    key("task", Takes::Choice(words::<Task>), Rule("regression for csv and npy with a loss of numbers, else classification"), "whether classes or numbers are predicted"),
    key("test", Takes::Float(&BELOW_ONE), Float(0.2), "fraction of the samples held back for the test, where the data brings no test part"),
    key("validation", Takes::Float(&BELOW_ONE), Float(0.0), "fraction of the training samples held back for validation"),
    key("split", Takes::Choice(words::<Split>), Rule("tail for digits, idx, cifar10 and text, else stratified"), "which samples are held back: the last, random ones, or the same share of every class"),
    key("divide_by", Takes::Float(&POSITIVE), Rule("255 for idx, cifar10 and images, 240 for digits, else 1"), "raw numbers are divided by this"),
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
    key("text", Takes::Text, Rule("no column is text"), "a column of texts, which become rows of tokens and are all that is learned from"),
    key("tokens", Takes::Choice(words::<TokenUnit>), Word("words"), "what texts are cut into: words in lower case and punctuation, or characters"),
    key("max_tokens", Takes::Int(1, MAX_CONTEXT), Int(128), "tokens of a sample: of longer texts the first; shorter ones stand behind padding (token 0)"),
    key("max_vocabulary", Takes::Int(3, MAX_CONTEXT), Int(10_000), "the most different tokens, padding (0) and unknown (1) among them: the most frequent of the training part"),
    key("context", Takes::Int(1, MAX_CONTEXT), Int(64), "characters of a text that the network sees at a time"),
    key("stride", Takes::Int(1, MAX_CONTEXT), Rule("context: an epoch reads every character once"), "characters from window to window while training; 1: every character begins one"),
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
    key("mixup", Takes::Float(&MIXUP), Float(0.0), "each sample is mixed with another of its batch, and so is its loss, by shares from Beta(mixup, mixup); 0 mixes nothing"),
];

/// Keys of `[data]` that only some sources have.
pub static DATA_OF: &[(&[DataSource], &[&str])] = &[
    (
        &[
            DataSource::Idx,
            DataSource::Cifar10,
            DataSource::Images,
            DataSource::Csv,
            DataSource::Npy,
            DataSource::Text,
        ],
        &["path"],
    ),
    (
        &[
            DataSource::Images,
            DataSource::Csv,
            DataSource::Npy,
            DataSource::Text,
        ],
        &["test"],
    ),
    (
        &[
            DataSource::Digits,
            DataSource::Idx,
            DataSource::Cifar10,
            DataSource::Images,
            DataSource::Csv,
            DataSource::Npy,
        ],
        &[
            "split",
            "divide_by",
            "normalize",
            "mean",
            "std",
            "stream",
            "class_weights",
        ],
    ),
    (&[DataSource::Csv, DataSource::Npy], &["task"]),
    (
        &[
            DataSource::Digits,
            DataSource::Idx,
            DataSource::Cifar10,
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
            "text",
            "tokens",
            "max_tokens",
            "max_vocabulary",
        ],
    ),
    (&[DataSource::Text], &["context", "stride"]),
];

/// `[train]`.
#[rustfmt::skip]
pub static TRAIN: &[Key] = &[
    key("batch", Takes::Int(1, 65536), Int(32), "samples per step"),
    key("accumulate", Takes::Int(1, MAX_PARTS as u64), Int(1), "batches whose gradients are added up for one step, as if they were one"),
    key("micro_batch", Takes::IntOrWord(1, 65536, "auto"), Rule("the whole batch"), "samples computed at a time, to save memory; auto: as many as fit the adapter"),
    key("epochs", Takes::Int(1, u32::MAX as u64), Rule("1, unless steps is given"), "passes over the training samples"),
    key("steps", Takes::Int(1, u32::MAX as u64), Rule("as epochs says"), "updates of the weights, in place of epochs"),
    key("shuffle", Takes::Bool, Bool(true), "a new order of the samples every epoch"),
    key("loss", Takes::Choice(words::<LossWord>), Word("cross_entropy"), "what is made small; cross_entropy applies softmax itself, binary_cross_entropy sigmoid"),
    key("label_smoothing", Takes::Float(&BELOW_ONE), Float(0.0), "share of each target spread over all classes, for cross_entropy"),
    key("precision", Takes::Choice(words::<Precision>), Word("f32"), "how activations and their gradients are stored; f16 takes half the memory, where the adapter has it"),
    key("huber_delta", Takes::Float(&POSITIVE), Float(1.0), "difference beyond which huber is a straight line"),
];

/// `[checkpoint]`.
#[rustfmt::skip]
pub static CHECKPOINT: &[Key] = &[
    key("every", Takes::Text, Word("10m"), "how often: a number of steps, epochs, s, m or h, or never"),
    key("keep", Takes::Int(1, 1_000_000), Int(2), "so many of the newest stay"),
    key("best", Takes::Choice(words::<Option<Monitored>>), Rule("what early stopping monitors, else none"), "the best epoch by this metric stays, too"),
    key("on_nan", Takes::Choice(words::<OnNanWord>), Word("stop"), "after a loss that is not a number: stop, or go back to a checkpoint"),
    key("rollback_factor", Takes::Float(&BELOW_ONE_NOT_ZERO), Float(0.5), "the learning rate is multiplied by this when going back"),
    key("rollbacks", Takes::Int(1, 1000), Int(3), "going back so often at most"),
];

/// `[early_stopping]`.
#[rustfmt::skip]
pub static EARLY_STOPPING: &[Key] = &[
    key("monitor", Takes::Choice(words::<Monitored>), Word("validation_loss"), "what is watched from epoch to epoch"),
    key("patience", Takes::Int(1, u32::MAX as u64), Int(5), "epochs without an improvement after which the training ends"),
    key("min_delta", Takes::Float(&NOT_NEGATIVE), Float(0.0), "a smaller change is no improvement"),
    key("restore_best", Takes::Bool, Bool(true), "the result is the best epoch, not the last"),
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
const MOMENTUM: Key = key("momentum", Takes::Float(&BELOW_ONE), Float(0.0), "share of the last step that is kept");
#[rustfmt::skip]
const EPSILON: Key = key("epsilon", Takes::Float(&POSITIVE), Float(1e-8), "added to the root of the second moment");

fn optimizer_kinds() -> Vec<&'static str> {
    OPTIMIZER.variants.iter().map(|v| v.kind).collect()
}

/// `[optimizer]`.
#[rustfmt::skip]
pub static OPTIMIZER: Family = Family {
    common: &[
        key("kind", Takes::Choice(optimizer_kinds), Required, "which optimizer"),
        key("clip_norm", Takes::Float(&POSITIVE), Rule("no clipping"), "all gradients together are made at most this long"),
        key("clip_value", Takes::Float(&POSITIVE), Rule("no clipping"), "each gradient is made at most this large"),
    ],
    variants: &[
        Variant { kind: "sgd", keys: &[
            learning_rate(0.01),
            MOMENTUM,
            key("nesterov", Takes::Bool, Bool(false), "look ahead along the momentum"),
            weight_decay(0.0),
        ] },
        Variant { kind: "adam", keys: &[learning_rate(0.001), BETA1, BETA2, EPSILON, weight_decay(0.0)] },
        Variant { kind: "adamw", keys: &[learning_rate(0.001), BETA1, BETA2, EPSILON, weight_decay(0.01)] },
        Variant { kind: "rmsprop", keys: &[
            learning_rate(0.01),
            key("alpha", Takes::Float(&BELOW_ONE), Float(0.99), "memory of the mean of squared gradients"),
            EPSILON,
            MOMENTUM,
            key("centered", Takes::Bool, Bool(false), "divide by the standard deviation of the gradients"),
            weight_decay(0.0),
        ] },
        Variant { kind: "lion", keys: &[
            learning_rate(1e-4),
            key("beta1", Takes::Float(&BELOW_ONE), Float(0.9), "share of the momentum in the direction"),
            key("beta2", Takes::Float(&BELOW_ONE), Float(0.99), "memory of the momentum"),
            weight_decay(0.0),
        ] },
    ],
};

/// `[[param]]`.
#[rustfmt::skip]
pub static PARAM: &[Key] = &[
    key("match", Takes::Text, Required, "names of weights or layers; * stands for any characters, ? for one"),
    key("init_scale", Takes::Float(&POSITIVE), Float(1.0), "their first values are multiplied by this"),
    key("lr_scale", Takes::Float(&POSITIVE), Float(1.0), "their learning rate is multiplied by this"),
    key("decay_scale", Takes::Float(&NOT_NEGATIVE), Float(1.0), "their weight decay is multiplied by this"),
    key("freeze", Takes::Bool, Bool(false), "they stay as they are"),
];

fn average_kinds() -> Vec<&'static str> {
    AVERAGE.variants.iter().map(|v| v.kind).collect()
}

/// `[average]`.
#[rustfmt::skip]
pub static AVERAGE: Family = Family {
    common: &[key("kind", Takes::Choice(average_kinds), Required, "how the weights are averaged: ema, step by step; swa, over epochs")],
    variants: &[
        Variant { kind: "ema", keys: &[key("decay", Takes::Float(&BELOW_ONE), Float(0.999), "how much of the average each step keeps")] },
        Variant { kind: "swa", keys: &[
            key("begin", Takes::Int(1, MAX_UNITS), Rule("the first epoch of the last quarter"), "first epoch whose weights count"),
            key("every", Takes::Int(1, MAX_UNITS), Int(1), "epochs from one to the next"),
        ] },
    ],
};

fn schedule_kinds() -> Vec<&'static str> {
    SCHEDULE.variants.iter().map(|v| v.kind).collect()
}

const MAX_UNITS: u64 = u32::MAX as u64;
#[rustfmt::skip]
const fn unit(default: &'static str) -> Key {
    key("unit", Takes::Choice(words::<Unit>), Word(default), "in what the curve counts: epoch, or step for every update")
}
#[rustfmt::skip]
const GAMMA: Key = key("gamma", Takes::Float(&POSITIVE), Float(0.1), "the learning rate is multiplied by this");
#[rustfmt::skip]
const MIN_LEARNING_RATE: Key = key("min_learning_rate", Takes::Float(&NOT_NEGATIVE), Float(0.0), "where the curve ends");
const REST: Fallback = Rule("what is left of the training behind the warm-up");

/// `[schedule]`.
#[rustfmt::skip]
pub static SCHEDULE: Family = Family {
    common: &[
        key("kind", Takes::Choice(schedule_kinds), Required, "the curve of the learning rate"),
        key("warmup", Takes::Int(0, MAX_UNITS), Int(0), "updates in which the learning rate grows in a straight line, before the curve"),
        key("warmup_from", Takes::Float(&BELOW_ONE), Float(0.0), "share of the learning rate in the first of these"),
    ],
    variants: &[
        Variant { kind: "constant", keys: &[] },
        Variant { kind: "step", keys: &[
            key("every", Takes::Int(1, MAX_UNITS), Required, "units from drop to drop"),
            GAMMA,
            unit("epoch"),
        ] },
        Variant { kind: "multi_step", keys: &[
            key("milestones", Takes::Ints(1, MAX_UNITS, MAX_MILESTONES), Required, "units at which it drops, in increasing order"),
            GAMMA,
            unit("epoch"),
        ] },
        Variant { kind: "exponential", keys: &[
            key("gamma", Takes::Float(&POSITIVE), Required, "the learning rate is multiplied by this after every unit"),
            unit("epoch"),
        ] },
        Variant { kind: "cosine", keys: &[
            key("period", Takes::Int(1, MAX_UNITS), REST, "units of the way down; up again in as many more"),
            MIN_LEARNING_RATE,
            unit("step"),
        ] },
        Variant { kind: "cosine_restarts", keys: &[
            key("period", Takes::Int(1, MAX_UNITS), Required, "units of the first way down"),
            key("multiply", Takes::Int(1, MAX_UNITS), Int(1), "how many times longer each way is than the one before"),
            MIN_LEARNING_RATE,
            unit("step"),
        ] },
        Variant { kind: "one_cycle", keys: &[
            key("period", Takes::Int(1, MAX_UNITS), REST, "updates of the whole cycle"),
            key("pct_start", Takes::Float(&BELOW_ONE), Float(0.3), "share of them that goes up to the learning rate"),
            key("div_factor", Takes::Float(&AT_LEAST_ONE), Float(25.0), "the learning rate over that of the first update"),
            key("final_div_factor", Takes::Float(&AT_LEAST_ONE), Float(1e4), "that of the first update over that of the last"),
            key("anneal", Takes::Choice(words::<Anneal>), Word("cos"), "up and down along half a cosine or a straight line"),
        ] },
        Variant { kind: "reduce_on_plateau", keys: &[
            key("factor", Takes::Float(&BELOW_ONE), Float(0.1), "the learning rate is multiplied by this when the loss stands still"),
            key("patience", Takes::Int(0, MAX_UNITS), Int(10), "epochs without an improvement that are waited for"),
            key("threshold", Takes::Float(&BELOW_ONE), Float(1e-4), "share by which a loss must be smaller to be an improvement"),
            key("cooldown", Takes::Int(0, MAX_UNITS), Int(0), "epochs behind a change that do not count"),
            MIN_LEARNING_RATE,
        ] },
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
    } else if SCHEDULE.keys().any(is) {
        Some("[schedule]")
    } else if AVERAGE.keys().any(is) {
        Some("[average]")
    } else if PARAM.iter().any(is) {
        Some("a [[param]]")
    } else if CHECKPOINT.iter().any(is) {
        Some("[checkpoint]")
    } else if EARLY_STOPPING.iter().any(is) {
        Some("[early_stopping]")
    } else if LAYER.keys().any(is) {
        Some("a [[layer]]")
    } else if BLOCK.iter().any(is) {
        Some("a [block.NAME]")
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
            Self::IntOrWord(min, max, word) => {
                format!("a whole number from {min} to {max}, or \"{word}\"")
            }
            Self::Size(min, max) => {
                format!("a whole number from {min} to {max}, or two of them as [height, width]")
            }
            Self::Ints(min, max, most) => {
                format!("a list of 1 to {most} whole numbers from {min} to {max}")
            }
            Self::Float(bounds) => bounds.words.to_owned(),
            Self::Floats(bounds) => format!("{}, or a list of them", bounds.words),
            Self::ClassWeights(bounds) => format!(
                "\"balanced\", or a table with {} for each class",
                bounds.words
            ),
            Self::Arguments => "a table with a value for each argument".to_owned(),
            Self::Texts => "a list of texts in quotes".to_owned(),
            Self::Choice(words) => format!("one of {}", words().join(", ")),
            Self::Table => "a table".to_owned(),
            Self::Tables => "a list of tables".to_owned(),
        }
    }
}
