//! A configuration as TOML with every default written out.

use std::fmt::{Display, Write};

use super::control;
use super::keys::{self, Choice, LossWord};
use super::{
    Activation, BatchNorm, Cell, ClassWeights, Config, Conv2d, Curve, Data, DataSource, Dense,
    Dropout, GroupNorm, Input, Layer, LayerKind, LayerNorm, Length, Loss, MicroBatch, Pool2d,
    Recurrent, RmsNorm, Schedule, Table, Train, average, optimizer, param,
};

pub(super) fn config(config: &Config) -> String {
    let mut toml = Toml(String::new());
    toml.text("name", &config.name);
    toml.put("seed", config.seed);
    if let Some(path) = &config.init_from {
        toml.text("init_from", &path.to_string_lossy());
    }
    data(&mut toml, &config.data);
    train(&mut toml, &config.train);
    optimizer::write(&mut toml, &config.optimizer, config.clip);
    schedule(&mut toml, &config.schedule);
    if let Some(average) = config.average {
        average::write(&mut toml, average);
    }
    for each in &config.params {
        param::write(&mut toml, each);
    }
    control::write(
        &mut toml,
        config.checkpoints,
        config.early_stopping.as_ref(),
    );
    for (index, each) in config.layers.iter().enumerate() {
        layer(&mut toml, each);
        if each.inputs != [Input::before(index)] {
            let names = each.inputs.iter().map(|input| config.input_name(*input));
            toml.texts("inputs", &names.map(str::to_owned).collect::<Vec<_>>());
        }
    }
    toml.0
}

/// A text in the making.
pub(super) struct Toml(String);

impl Toml {
    pub(super) fn header(&mut self, header: &str) {
        self.line(format_args!("\n{header}"));
    }

    fn line(&mut self, line: impl Display) {
        writeln!(self.0, "{line}").expect("writing to a String cannot fail");
    }

    pub(super) fn put(&mut self, key: &str, value: impl Display) {
        self.line(format_args!("{key} = {value}"));
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.put(key, toml::Value::from(value));
    }

    fn texts(&mut self, key: &str, values: &[String]) {
        self.put(key, toml::Value::from(values.to_vec()));
    }

    pub(super) fn word(&mut self, key: &str, value: impl Choice) {
        self.text(key, value.word());
    }

    pub(super) fn if_given(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// The shortest digits that are read as the same number, with a point or an exponent.
    pub(super) fn float(&mut self, key: &str, value: f64) {
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
    if data.source != DataSource::Text {
        toml.word("split", data.split);
        toml.float("divide_by", data.divide_by);
        toml.word("normalize", data.normalize);
        toml.floats("mean", data.mean.as_deref());
        toml.floats("std", data.std.as_deref());
        toml.word("stream", data.stream);
    }
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
        DataSource::Text => {
            toml.put("context", data.text.context);
            toml.put("stride", data.text.stride);
        }
        DataSource::Digits | DataSource::Idx | DataSource::Cifar10 | DataSource::Npy => {}
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
        toml.float("mixup", augment.mixup);
    }
}

fn table(toml: &mut Toml, table: &Table) {
    if let Some(target) = &table.target {
        toml.text("target", target);
    }
    if let Some(weight) = &table.weight {
        toml.text("weight", weight);
    }
    match &table.text {
        None => {
            toml.texts("ignore", &table.ignore);
            toml.texts("categorical", &table.categorical);
            toml.word("categories", table.categories);
        }
        Some(text) => {
            toml.text("text", &text.name);
            toml.word("tokens", text.tokens);
            toml.put("max_tokens", text.max_tokens);
            toml.put("max_vocabulary", text.max_vocabulary);
        }
    }
    toml.word("missing", table.missing);
}

fn train(toml: &mut Toml, train: &Train) {
    toml.header("[train]");
    toml.put("batch", train.batch);
    toml.put("accumulate", train.accumulate);
    match train.micro_batch {
        MicroBatch::Whole => {}
        MicroBatch::Auto => toml.text("micro_batch", "auto"),
        MicroBatch::Rows(rows) => toml.put("micro_batch", rows),
    }
    match train.length {
        Length::Epochs(epochs) => toml.put("epochs", epochs),
        Length::Steps(steps) => toml.put("steps", steps),
    }
    toml.put("shuffle", train.shuffle);
    toml.word("precision", train.precision);
    match train.loss {
        Loss::CrossEntropy { label_smoothing } => {
            toml.word("loss", LossWord::CrossEntropy);
            toml.float("label_smoothing", label_smoothing);
        }
        Loss::BinaryCrossEntropy => toml.word("loss", LossWord::BinaryCrossEntropy),
        Loss::Mse => toml.word("loss", LossWord::Mse),
        Loss::Mae => toml.word("loss", LossWord::Mae),
        Loss::Huber { delta } => {
            toml.word("loss", LossWord::Huber);
            toml.float("huber_delta", delta);
        }
    }
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
        Curve::ReduceOnPlateau(plateau) => {
            toml.text("kind", "reduce_on_plateau");
            toml.float("factor", plateau.factor);
            toml.put("patience", plateau.patience);
            toml.float("threshold", plateau.threshold);
            toml.put("cooldown", plateau.cooldown);
            toml.float("min_learning_rate", plateau.min_learning_rate);
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
        LayerKind::Conv1d(conv) => {
            toml.put("out_channels", conv.out_channels);
            toml.put("kernel", conv.kernel[1]);
            toml.put("stride", conv.stride[1]);
            toml.put("padding", conv.padding[1]);
            toml.put("dilation", conv.dilation[1]);
            after_window(toml, conv);
        }
        LayerKind::ConvTranspose2d(transposed) => {
            conv2d(toml, &transposed.conv);
            toml.size("output_padding", transposed.output_padding);
        }
        LayerKind::MaxPool1d(pool) | LayerKind::AvgPool1d(pool) => {
            toml.put("kernel", pool.kernel[1]);
            toml.put("stride", pool.stride[1]);
            toml.put("padding", pool.padding[1]);
        }
        LayerKind::Upsample(upsample) => {
            toml.size("scale", upsample.scale);
            toml.word("mode", upsample.mode);
        }
        LayerKind::Pad(pad) => {
            let ends = [
                ("height", pad.height),
                ("width", pad.width),
                ("time", pad.time),
                ("channels", pad.channels),
            ];
            for (key, ends) in ends.into_iter().filter(|(_, ends)| *ends != [0, 0]) {
                toml.line(format_args!("{key} = {ends:?}"));
            }
        }
        LayerKind::Slice(slice) => {
            toml.word("axis", slice.axis);
            toml.put("begin", slice.begin);
            toml.put("step", slice.step);
            toml.if_given("size", slice.size);
        }
        LayerKind::Concat(axis) => toml.word("axis", *axis),
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
        LayerKind::Activation(Activation::Gelu { tanh }) => {
            toml.text("approximate", if *tanh { "tanh" } else { "none" });
        }
        LayerKind::Activation(Activation::LeakyRelu { slope }) => toml.float("slope", *slope),
        LayerKind::Activation(Activation::Elu { alpha }) => toml.float("alpha", *alpha),
        LayerKind::Dropout(Dropout { p, channels: _ }) => toml.float("p", *p),
        LayerKind::BatchNorm(BatchNorm {
            epsilon,
            momentum,
            activation,
        }) => {
            toml.float("epsilon", *epsilon);
            toml.float("momentum", *momentum);
            toml.word("activation", *activation);
        }
        LayerKind::LayerNorm(LayerNorm {
            epsilon,
            affine,
            bias,
        }) => {
            toml.float("epsilon", *epsilon);
            toml.put("affine", affine);
            toml.put("bias", bias);
        }
        LayerKind::RmsNorm(RmsNorm { epsilon, affine }) => {
            toml.float("epsilon", *epsilon);
            toml.put("affine", affine);
        }
        LayerKind::GroupNorm(GroupNorm {
            groups,
            epsilon,
            activation,
        }) => {
            toml.put("groups", groups);
            toml.float("epsilon", *epsilon);
            toml.word("activation", *activation);
        }
        LayerKind::AdaptiveAvgPool2d(output) | LayerKind::AdaptiveMaxPool2d(output) => {
            toml.size("output", *output);
        }
        LayerKind::Recurrent(layer) => recurrent(toml, layer),
        LayerKind::Embedding(embedding) => {
            toml.put("num_embeddings", embedding.num_embeddings);
            toml.put("embedding_dim", embedding.embedding_dim);
            toml.if_given("padding_idx", embedding.padding_idx);
            toml.word("init", embedding.init);
        }
        LayerKind::PositionEmbedding(positions) => toml.word("init", positions.init),
        LayerKind::Attention(attention) => {
            toml.put("heads", attention.heads);
            toml.put("causal", attention.causal);
            toml.put("rotary", attention.rotary);
            toml.put("bias", attention.bias);
            toml.word("init", attention.init);
        }
        LayerKind::Flatten
        | LayerKind::Activation(_)
        | LayerKind::GlobalAvgPool
        | LayerKind::Softmax
        | LayerKind::LogSoftmax
        | LayerKind::Add
        | LayerKind::Mul => {}
    }
}

fn conv2d(toml: &mut Toml, conv: &Conv2d) {
    toml.put("out_channels", conv.out_channels);
    toml.size("kernel", conv.kernel);
    toml.size("stride", conv.stride);
    toml.size("padding", conv.padding);
    toml.size("dilation", conv.dilation);
    after_window(toml, conv);
}

/// What a convolution says beside its window.
fn after_window(toml: &mut Toml, conv: &Conv2d) {
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

fn recurrent(toml: &mut Toml, layer: &Recurrent) {
    toml.put("hidden", layer.hidden);
    toml.put("layers", layer.layers);
    if let Cell::Rnn(nonlinearity) = layer.cell {
        toml.word("nonlinearity", nonlinearity);
    }
    toml.word("return", layer.returns);
    toml.word("init", layer.init);
}

impl LayerKind {
    /// The word for it in a configuration: `conv2d`, `max_pool2d`, `dense`, ….
    pub fn word(&self) -> &'static str {
        match self {
            Self::Conv2d(_) => "conv2d",
            Self::MaxPool2d(_) => "max_pool2d",
            Self::AvgPool2d(_) => "avg_pool2d",
            Self::Dense(_) => "dense",
            Self::Recurrent(layer) => match layer.cell {
                Cell::Rnn(_) => "rnn",
                Cell::Lstm => "lstm",
                Cell::Gru => "gru",
            },
            Self::Embedding(_) => "embedding",
            Self::PositionEmbedding(_) => "position_embedding",
            Self::Attention(_) => "attention",
            Self::Flatten => "flatten",
            Self::Activation(activation) => activation.word(),
            Self::Dropout(dropout) if dropout.channels => "dropout2d",
            Self::Dropout(_) => "dropout",
            Self::BatchNorm(_) => "batch_norm",
            Self::LayerNorm(_) => "layer_norm",
            Self::RmsNorm(_) => "rms_norm",
            Self::GroupNorm(_) => "group_norm",
            Self::GlobalAvgPool => "global_avg_pool",
            Self::AdaptiveAvgPool2d(_) => "adaptive_avg_pool2d",
            Self::AdaptiveMaxPool2d(_) => "adaptive_max_pool2d",
            Self::Softmax => "softmax",
            Self::LogSoftmax => "log_softmax",
            Self::Conv1d(_) => "conv1d",
            Self::ConvTranspose2d(_) => "conv_transpose2d",
            Self::MaxPool1d(_) => "max_pool1d",
            Self::AvgPool1d(_) => "avg_pool1d",
            Self::Upsample(_) => "upsample",
            Self::Pad(_) => "pad",
            Self::Slice(_) => "slice",
            Self::Concat(_) => "concat",
            Self::Add => "add",
            Self::Mul => "mul",
        }
    }
}

impl Activation {
    /// The word for it in a configuration: `relu`, `sigmoid`, `tanh`, ….
    pub fn word(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Gelu { .. } => "gelu",
            Self::Silu => "silu",
            Self::LeakyRelu { .. } => "leaky_relu",
            Self::Elu { .. } => "elu",
            Self::Softplus => "softplus",
        }
    }
}
