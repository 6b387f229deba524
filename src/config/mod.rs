//! The configuration: TOML text in, a checked and fully resolved [`Config`] out.
//!
//! ```text
//! text ─→ tree (places kept) ─→ overrides ─→ sections, layers ─→ Config
//!                 └──────────── every mistake ──────────────────→ report
//! ```
//!
//! All mistakes of a file are reported at once, each with its place, what was expected and one suggestion. What is not in the
//! file has its default from [`keys`], where the whole grammar stands as data. After this room nothing is optional that the
//! program must know, and no later stage asks the text again; it only points at it ([`Config::error_at`]).

use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::{Diagnostic, Error, Result, SourceErrors};

mod average;
mod block;
mod choice;
mod control;
mod data;
mod expand;
pub mod keys;
mod layer;
mod layer_keys;
mod layers;
mod optimizer;
mod overrides;
mod param;
mod reader;
mod report;
mod schedule;
mod schema;
mod sections;
mod shipped;
mod source;
mod suggest;
#[cfg(test)]
mod tests;
mod tree;
mod value;
mod write;

pub use schema::schema;
pub use shipped::{SHIPPED, SHIPPED_FOR_TEXTS, STARTERS, shipped};

/// The largest configuration that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// The most layers a network may have.
pub const MAX_LAYERS: usize = 4096;

/// A checked configuration in which every default is filled in.
///
/// Two are equal when they say the same: the source text and the layers' places in it do not count.
#[derive(Clone, Debug)]
pub struct Config {
    /// `name`: what the run is called; its folder carries the name. Default: the file's name without `.toml`.
    pub name: String,
    /// `seed`: the number all randomness comes from (initial weights, shuffling, split). Default 0.
    pub seed: u64,
    /// `init_from`: a run folder or a file of weights; tensors of the same name and shape begin as there. `None`: all are random.
    pub init_from: Option<PathBuf>,
    /// `[data]`: what is learned from.
    pub data: Data,
    /// `[train]`: how long and on what loss.
    pub train: Train,
    /// `[optimizer]`: how the weights move.
    pub optimizer: Optimizer,
    /// `clip_norm` or `clip_value` of `[optimizer]`: how gradients are kept from being too large; `None`: not at all.
    pub clip: Option<Clip>,
    /// `[schedule]`: how the learning rate moves.
    pub schedule: Schedule,
    /// `[average]`: what the weights are averaged by; `None`: they are not.
    pub average: Option<Average>,
    /// `[[param]]`: weights that are trained differently. Of those that match a weight the last one counts.
    pub params: Vec<Param>,
    /// `[checkpoint]`: when the state of the training is written down.
    pub checkpoints: Checkpoints,
    /// `[early_stopping]`: ends a training that no longer gets better; `None`: nothing does.
    pub early_stopping: Option<EarlyStopping>,
    /// `[[layer]]`, in order, blocks and repetitions written out: at least one.
    pub layers: Vec<Layer>,
    /// The text all this was read from.
    pub source: Source,
}

impl PartialEq for Config {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.seed == other.seed
            && self.init_from == other.init_from
            && self.data == other.data
            && self.train == other.train
            && self.optimizer == other.optimizer
            && self.clip == other.clip
            && self.schedule == other.schedule
            && self.average == other.average
            && self.params == other.params
            && self.checkpoints == other.checkpoints
            && self.early_stopping == other.early_stopping
            && self.layers == other.layers
    }
}

/// A text and the name it is shown under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What stands before line and column: a path.
    pub name: String,
    /// The text.
    pub text: String,
}

/// `[train]`: how long and on what loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Train {
    /// `batch`: samples whose gradients make an update, 1 to 65536. Default 32.
    pub batch: usize,
    /// `epochs` or `steps`, not both: how long. Default: one epoch.
    pub length: Length,
    /// `accumulate`: so many batches of gradients are added up for one update, 1 to [`MAX_PARTS`]. Default 1.
    pub accumulate: usize,
    /// `micro_batch`: what is computed at a time. Default: the whole batch.
    pub micro_batch: MicroBatch,
    /// `shuffle`: a new order of the training samples every epoch. Default true.
    pub shuffle: bool,
    /// `loss`, and `label_smoothing` with it: what is made small.
    pub loss: Loss,
    /// `precision`: how activations and their gradients are held. Default f32.
    pub precision: Precision,
}

/// How activations and their gradients are held between kernels, which compute in f32 either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// `f32`: as they are computed.
    F32,
    /// `f16`: in 16 bits, with a loss that is scaled as far as they allow. Weights, moments and sums keep their 32.
    F16,
}

impl Loss {
    /// Whether it is a loss of numbers, as a regression predicts them.
    pub fn is_of_numbers(&self) -> bool {
        matches!(self, Self::Mse | Self::Mae | Self::Huber { .. })
    }

    /// Whether it compares what the network says with a row of numbers; a class then stands for one.
    pub fn compares_rows(&self) -> bool {
        !matches!(self, Self::CrossEntropy { .. })
    }
}

/// The most parts that the samples of one update are computed in.
pub const MAX_PARTS: usize = 256;

/// How many samples are computed at a time, which changes the memory a step takes but not its result beyond rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MicroBatch {
    /// The whole batch.
    Whole,
    /// As many as fit the adapter: `"auto"`.
    Auto,
    /// At most so many.
    Rows(usize),
}

impl Train {
    /// Samples of one update.
    pub fn samples_per_update(&self) -> usize {
        self.batch * self.accumulate
    }

    /// Samples that are computed at a time.
    pub fn rows(&self) -> usize {
        match self.micro_batch {
            MicroBatch::Whole | MicroBatch::Auto => self.batch,
            MicroBatch::Rows(rows) => rows.min(self.batch),
        }
    }

    /// Parts in which the samples of one update are computed.
    pub fn parts(&self) -> usize {
        self.samples_per_update().div_ceil(self.rows())
    }
}

/// How long a training lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// `epochs`: passes over the training samples, at least 1.
    Epochs(u32),
    /// `steps`: updates, at least 1.
    Steps(u32),
}

/// What training makes small.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// `cross_entropy` of logits: softmax is part of it. The default.
    CrossEntropy {
        /// `label_smoothing`: the share of each target that is spread over all classes, 0 <= x < 1. Default 0.
        label_smoothing: f64,
    },
    /// `binary_cross_entropy` of logits, each of which says yes or no: sigmoid is part of it.
    BinaryCrossEntropy,
    /// `mse`: the mean of the squared differences to the target; that of a class is its one-hot row.
    Mse,
    /// `mae`: the mean of the absolute differences to the target.
    Mae,
    /// `huber`: squared differences up to delta, absolute ones beyond it.
    Huber {
        /// `huber_delta`: above 0. Default 1.
        delta: f64,
    },
}

pub use average::Average;
pub use control::{Checkpoints, EarlyStopping, Every, Monitored, OnNan, Rollback};
pub use layer::{
    Activation, Attention, Axis, BatchNorm, Cell, Conv2d, ConvTranspose2d, Dense, Dropout,
    Embedding, GroupNorm, Initializer, Input, Layer, LayerKind, LayerNorm, Nonlinearity, Pad,
    Pool2d, PositionEmbedding, Recurrent, Returns, RmsNorm, Slice, Upsample, UpsampleMode,
};
pub use optimizer::{Adam, Clip, Lion, Optimizer, RmsProp, Sgd};
pub use param::{MAX_PARAMS, Param};
pub use schedule::{Anneal, Curve, MAX_MILESTONES, Plateau, Schedule, Unit};
pub use sections::unfit_name;
pub use source::{
    Augment, Categories, ClassWeights, Data, DataSource, Flip, Images, Missing, Normalize, Split,
    Streaming, Table, Task, Text, TextColumn, TokenUnit,
};

/// The key of the configuration that someone may mean by a word, as `--set` takes it: `train.epochs` for `epoch`.
pub fn key_like(word: &str) -> Option<String> {
    let word = word.replace('-', "_");
    let tables = [
        ("train.", keys::TRAIN.iter().collect()),
        ("optimizer.", keys::OPTIMIZER.keys().collect()),
        ("schedule.", keys::SCHEDULE.keys().collect()),
        ("average.", keys::AVERAGE.keys().collect()),
        ("checkpoint.", keys::CHECKPOINT.iter().collect()),
        ("early_stopping.", keys::EARLY_STOPPING.iter().collect()),
        ("data.", keys::DATA.iter().collect::<Vec<_>>()),
    ];
    let names = tables.iter().flat_map(|(_, keys)| keys.iter());
    let nearest = suggest::nearest(&word, names.map(|key| key.name))?;
    let home = tables
        .iter()
        .find(|(_, keys)| keys.iter().any(|key| key.name == nearest));
    home.map(|(table, _)| format!("{table}{nearest}"))
}

/// Read and check the file at `path`.
///
/// `overrides` are the command line's `--set` texts, `key.path=value`: `train.epochs=3`, `optimizer.kind=adam`. The value is
/// TOML, or else taken as plain text. Layers are counted from 1 or called by name: `layer.2.out_features=64`,
/// `layer.dense1.out_features=64`; in a block, `block.NAME.layer.2.stride=2`. They are applied before anything is checked. Setting one of `train.epochs` and
/// `train.steps` puts aside the other one of the file.
///
/// # Errors
/// The file cannot be read, is larger than [`MAX_BYTES`], or holds mistakes: then all of them.
pub fn load(path: &Path, overrides: &[String]) -> Result<Config> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, "open", e))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io(path, "read", e))?;
    if bytes.len() > MAX_BYTES {
        return Err(too_large(&name));
    }
    let text = String::from_utf8(bytes).map_err(|e| not_utf8(&name, &e))?;
    parse(&name, &text, overrides)
}

/// Check `text`; `name` is what it is shown under, and its stem the default name of the run. For the rest see [`load`].
///
/// # Errors
/// The text is larger than [`MAX_BYTES`] or holds mistakes: all of them together. Mistakes in `overrides` come alone, with the
/// overrides as the text they stand in.
pub fn parse(name: &str, text: &str, overrides: &[String]) -> Result<Config> {
    if text.len() > MAX_BYTES {
        return Err(too_large(name));
    }
    let mut report = report::Report::new(name, text, overrides);
    let read = tree::parse(text, &mut report).map(|mut root| {
        overrides::apply(&mut root, overrides, &mut report);
        sections::config(&root, &mut report)
    });
    let source = Source {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    match (report.finish(), read) {
        (None, Some(config)) => Ok(Config { source, ..config }),
        (Some(error), _) => Err(error),
        (None, None) => unreachable!("a text that could not be parsed has left a mistake"),
    }
}

impl Config {
    /// The configuration as TOML with every default written out. Parsed again it gives an equal configuration.
    pub fn to_toml(&self) -> String {
        write::config(self)
    }

    /// What an input of a layer is called in the file.
    pub fn input_name(&self, input: Input) -> &str {
        match input {
            Input::Sample => expand::INPUT,
            Input::Layer(index) => &self.layers[index].name,
        }
    }

    /// The error for something that only a later stage can see, such as shapes that do not fit, at `span` of the source
    /// (mostly a [`Layer::span`]): what is wrong, a few words to draw under the place, and what to do.
    pub fn error_at(
        &self,
        span: &Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) -> Error {
        let diagnostic = Diagnostic {
            message: message.into(),
            span: span.clone(),
            label: label.into(),
            help: help.into(),
        };
        source_error(&self.source.name, &self.source.text, vec![diagnostic])
    }

    /// The same for a key of `[data]`, at its value; without a place where the text does not say it, but an override or a default.
    pub fn error_in_data(
        &self,
        key: &str,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) -> Error {
        match self.place_in_data(key) {
            Some(span) => self.error_at(&span, message, label, help),
            None => Error::usage(format!("data.{key}: {}", message.into()), help),
        }
    }

    /// Where the value of a key of `[data]` stands in the text.
    fn place_in_data(&self, key: &str) -> Option<Range<usize>> {
        let Source { name, text } = &self.source;
        // An override says something else than the text.
        if parse(name, text, &[]).ok()?.data != self.data {
            return None;
        }
        let root = tree::parse(text, &mut report::Report::new(name, text, &[]))?;
        match &root.get("data")?.node.value {
            tree::Value::Table(data) => Some(data.get(key)?.node.place.span.clone()),
            _ => None,
        }
    }
}

fn source_error(name: &str, text: &str, diagnostics: Vec<Diagnostic>) -> Error {
    Error::Source(Box::new(SourceErrors {
        name: name.to_owned(),
        text: text.to_owned(),
        diagnostics,
    }))
}

/// What a configuration is.
const GIVE: &str =
    "give the TOML file that describes the network; samples are given with `path` in [data]";

fn too_large(name: &str) -> Error {
    Error::usage(
        format!(
            "{name}: larger than {} KiB, which no configuration is",
            MAX_BYTES >> 10
        ),
        GIVE,
    )
}

fn not_utf8(name: &str, error: &std::string::FromUtf8Error) -> Error {
    let bytes = error.as_bytes();
    let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if bytes.contains(&0) && !is_utf16 {
        return Error::usage(format!("{name}: not a text file"), GIVE);
    }
    let start = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(bytes);
    let diagnostic = Diagnostic {
        message: "this is not UTF-8 text".to_owned(),
        span: start..start + char::REPLACEMENT_CHARACTER.len_utf8(),
        label: "from here".to_owned(),
        help: "save the file as UTF-8".to_owned(),
    };
    source_error(name, &text, vec![diagnostic])
}
