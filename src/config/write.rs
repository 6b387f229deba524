//! A configuration as TOML with every default written out.

use std::fmt::{Display, Write};

use super::keys::{self, Choice, LossWord};
use super::{
    Activation, Adam, ClassWeights, Config, Conv2d, Data, DataSource, Dense, Layer, LayerKind,
    Length, Loss, Optimizer, Pool2d, Table, Train,
};

pub(super) fn config(config: &Config) -> String {
    let mut toml = Toml(String::new());
    toml.text("name", &config.name);
    toml.put("seed", config.seed);
    data(&mut toml, &config.data);
    train(&mut toml, &config.train);
    optimizer(&mut toml, &config.optimizer);
    for each in &config.layers {
        layer(&mut toml, each);
    }
    toml.0
}

struct Toml(String);

impl Toml {
    fn header(&mut self, header: &str) {
        self.line(format_args!("\n{header}"));
    }

    fn line(&mut self, line: impl Display) {
        writeln!(self.0, "{line}").expect("writing to a String cannot fail");
    }

    fn put(&mut self, key: &str, value: impl Display) {
        self.line(format_args!("{key} = {value}"));
    }

    fn text(&mut self, key: &str, value: &str) {
        self.put(key, toml::Value::from(value));
    }

    fn texts(&mut self, key: &str, values: &[String]) {
        self.put(key, toml::Value::from(values.to_vec()));
    }

    fn word(&mut self, key: &str, value: impl Choice) {
        self.text(key, value.word());
    }

    /// The shortest digits that are read as the same number, with a point or an exponent.
    fn float(&mut self, key: &str, value: f64) {
        self.line(format_args!("{key} = {value:?}"));
    }

    fn floats(&mut self, key: &str, values: Option<&[f64]>) {
        match values {
            None => {}
            Some([value]) => self.float(key, *value),
            Some(values) => self.line(format_args!("{key} = {values:?}")),
        }
    }

    fn size(&mut self, key: &str, [height, width]: [usize; 2]) {
        if height == width {
            self.put(key, height);
        } else {
            self.line(format_args!("{key} = [{height}, {width}]"));
        }
    }
}

fn data(toml: &mut Toml, data: &Data) {
    toml.header("[data]");
    toml.word("source", data.source);
    if let Some(path) = &data.path {
        toml.text("path", &path.to_string_lossy());
    }
    if keys::has(data.source, "task") {
        toml.word("task", data.task);
    }
    if keys::has(data.source, "test") {
        toml.float("test", data.test);
    }
    toml.float("validation", data.validation);
    toml.word("split", data.split);
    toml.float("divide_by", data.divide_by);
    toml.word("normalize", data.normalize);
    toml.floats("mean", data.mean.as_deref());
    toml.floats("std", data.std.as_deref());
    toml.word("stream", data.stream);
    match &data.class_weights {
        None => {}
        Some(ClassWeights::Balanced) => toml.text("class_weights", "balanced"),
        Some(ClassWeights::Table(weights)) => {
            let weight = |(class, weight): &(String, f64)| {
                format!("{} = {weight:?}", toml::Value::from(class.as_str()))
            };
            let weights: Vec<String> = weights.iter().map(weight).collect();
            toml.put(
                "class_weights",
                format_args!("{{ {} }}", weights.join(", ")),
            );
        }
    }
    match data.source {
        DataSource::Images => {
            if let Some(size) = data.images.size {
                toml.size("size", size);
            }
            if let Some(channels) = data.images.channels {
                toml.put("channels", channels);
            }
        }
        DataSource::Csv => table(toml, &data.table),
        DataSource::Digits | DataSource::Idx | DataSource::Npy => {}
    }
    if let Some(augment) = &data.augment {
        toml.header("[data.augment]");
        toml.put("shift", augment.shift);
        toml.word("flip", augment.flip);
        toml.float("rotate", augment.rotate);
        toml.float("scale", augment.scale);
        toml.float("brightness", augment.brightness);
        toml.float("contrast", augment.contrast);
        toml.put("cutout", augment.cutout);
    }
}

fn table(toml: &mut Toml, table: &Table) {
    if let Some(target) = &table.target {
        toml.text("target", target);
    }
    if let Some(weight) = &table.weight {
        toml.text("weight", weight);
    }
    toml.texts("ignore", &table.ignore);
    toml.texts("categorical", &table.categorical);
    toml.word("categories", table.categories);
    toml.word("missing", table.missing);
}

fn train(toml: &mut Toml, train: &Train) {
    toml.header("[train]");
    toml.put("batch", train.batch);
    match train.length {
        Length::Epochs(epochs) => toml.put("epochs", epochs),
        Length::Steps(steps) => toml.put("steps", steps),
    }
    toml.put("shuffle", train.shuffle);
    match train.loss {
        Loss::CrossEntropy { label_smoothing } => {
            toml.word("loss", LossWord::CrossEntropy);
            toml.float("label_smoothing", label_smoothing);
        }
        Loss::Mse => toml.word("loss", LossWord::Mse),
    }
}

fn optimizer(toml: &mut Toml, optimizer: &Optimizer) {
    toml.header("[optimizer]");
    match optimizer {
        Optimizer::Sgd(sgd) => {
            toml.text("kind", "sgd");
            toml.float("learning_rate", sgd.learning_rate);
            toml.float("momentum", sgd.momentum);
            toml.put("nesterov", sgd.nesterov);
            toml.float("weight_decay", sgd.weight_decay);
        }
        Optimizer::Adam(numbers) => adam(toml, "adam", numbers),
        Optimizer::AdamW(numbers) => adam(toml, "adamw", numbers),
    }
}

fn adam(toml: &mut Toml, kind: &str, adam: &Adam) {
    toml.text("kind", kind);
    toml.float("learning_rate", adam.learning_rate);
    toml.float("beta1", adam.beta1);
    toml.float("beta2", adam.beta2);
    toml.float("epsilon", adam.epsilon);
    toml.float("weight_decay", adam.weight_decay);
}

fn layer(toml: &mut Toml, layer: &Layer) {
    toml.header("[[layer]]");
    toml.text("kind", layer.kind.word());
    toml.text("name", &layer.name);
    match &layer.kind {
        LayerKind::Conv2d(conv) => conv2d(toml, conv),
        LayerKind::MaxPool2d(pool) | LayerKind::AvgPool2d(pool) => pool2d(toml, pool),
        LayerKind::Dense(dense) => {
            let Dense {
                out_features,
                bias,
                activation,
                init,
            } = dense;
            toml.put("out_features", out_features);
            toml.put("bias", bias);
            toml.word("activation", *activation);
            toml.word("init", *init);
        }
        LayerKind::Flatten
        | LayerKind::Activation(_)
        | LayerKind::Softmax
        | LayerKind::LogSoftmax => {}
    }
}

fn conv2d(toml: &mut Toml, conv: &Conv2d) {
    toml.put("out_channels", conv.out_channels);
    toml.size("kernel", conv.kernel);
    toml.size("stride", conv.stride);
    toml.size("padding", conv.padding);
    toml.size("dilation", conv.dilation);
    toml.put("groups", conv.groups);
    toml.put("bias", conv.bias);
    toml.word("activation", conv.activation);
    toml.word("init", conv.init);
}

fn pool2d(toml: &mut Toml, pool: &Pool2d) {
    toml.size("kernel", pool.kernel);
    toml.size("stride", pool.stride);
    toml.size("padding", pool.padding);
}

impl LayerKind {
    /// The word for it in a configuration: `conv2d`, `max_pool2d`, `dense`, ….
    pub fn word(&self) -> &'static str {
        match self {
            Self::Conv2d(_) => "conv2d",
            Self::MaxPool2d(_) => "max_pool2d",
            Self::AvgPool2d(_) => "avg_pool2d",
            Self::Dense(_) => "dense",
            Self::Flatten => "flatten",
            Self::Activation(activation) => activation.word(),
            Self::Softmax => "softmax",
            Self::LogSoftmax => "log_softmax",
        }
    }
}

impl Activation {
    /// The word for it in a configuration: `relu`, `sigmoid`, `tanh`.
    pub fn word(self) -> &'static str {
        Some(self).word()
    }
}
