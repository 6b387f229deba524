//! A configuration as TOML with every default written out.

use std::fmt::{Display, Write};

use super::keys::{Choice, LossWord};
use super::{
    Activation, Adam, Config, Conv2d, Curve, Data, Dense, Layer, LayerKind, Length, Loss,
    Optimizer, Pool2d, Schedule, Train,
};

pub(super) fn config(config: &Config) -> String {
    let mut toml = Toml(String::new());
    toml.text("name", &config.name);
    toml.put("seed", config.seed);
    data(&mut toml, &config.data);
    train(&mut toml, &config.train);
    optimizer(&mut toml, &config.optimizer);
    schedule(&mut toml, &config.schedule);
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

    fn word(&mut self, key: &str, value: impl Choice) {
        self.text(key, value.word());
    }

    fn if_given(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.put(key, value);
        }
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
    toml.float("validation", data.validation);
    toml.word("split", data.split);
    toml.float("divide_by", data.divide_by);
    toml.floats("mean", data.mean.as_deref());
    toml.floats("std", data.std.as_deref());
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

fn schedule(toml: &mut Toml, schedule: &Schedule) {
    toml.header("[schedule]");
    match &schedule.curve {
        Curve::Constant => toml.text("kind", "constant"),
        Curve::Step { every, gamma, unit } => {
            toml.text("kind", "step");
            toml.put("every", every);
            toml.float("gamma", *gamma);
            toml.word("unit", *unit);
        }
        Curve::MultiStep {
            milestones,
            gamma,
            unit,
        } => {
            toml.text("kind", "multi_step");
            toml.line(format_args!("milestones = {milestones:?}"));
            toml.float("gamma", *gamma);
            toml.word("unit", *unit);
        }
        Curve::Exponential { gamma, unit } => {
            toml.text("kind", "exponential");
            toml.float("gamma", *gamma);
            toml.word("unit", *unit);
        }
        Curve::Cosine {
            period,
            min_learning_rate,
            unit,
        } => {
            toml.text("kind", "cosine");
            toml.if_given("period", *period);
            toml.float("min_learning_rate", *min_learning_rate);
            toml.word("unit", *unit);
        }
        Curve::CosineRestarts {
            period,
            multiply,
            min_learning_rate,
            unit,
        } => {
            toml.text("kind", "cosine_restarts");
            toml.put("period", period);
            toml.put("multiply", multiply);
            toml.float("min_learning_rate", *min_learning_rate);
            toml.word("unit", *unit);
        }
        Curve::OneCycle {
            period,
            pct_start,
            div_factor,
            final_div_factor,
            anneal,
        } => {
            toml.text("kind", "one_cycle");
            toml.if_given("period", *period);
            toml.float("pct_start", *pct_start);
            toml.float("div_factor", *div_factor);
            toml.float("final_div_factor", *final_div_factor);
            toml.word("anneal", *anneal);
        }
    }
    toml.put("warmup", schedule.warmup);
    toml.float("warmup_from", schedule.warmup_from);
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
