//! From the layers of a configuration to a graph: shapes, parameters, initial values.
//!
//! A [`Network`] is checked once against the shape of a sample; after that it appends itself to any graph, for any batch.
//! Invariant: layers are compositions of ops; nothing here computes.

mod border;
mod check;
mod init;
mod layers;
mod params;
mod signal;

use std::ops::Range;

use crate::config::{Config, Input, LayerKind};
use crate::error::Result;
use crate::graph::{Graph, SLICE_ALIGNMENT, Shape, ShapeError, Value};
use crate::ops::{reshape::Reshape, state};

pub use border::Border;
pub use init::Init;
pub use signal::Signal;

/// A network whose shapes are known.
#[derive(Clone, Debug)]
pub struct Network {
    /// What it takes.
    input: Signal,
    layers: Vec<Layer>,
    /// Every trained tensor, in the order of the layers.
    pub parameters: Vec<Parameter>,
    /// Elements of the slab that holds all parameters, each at an aligned offset.
    pub slab_elements: usize,
    /// What layers remember of what went through them while training.
    pub statistics: Vec<Statistic>,
    /// Elements of the slab that holds these, each at an aligned offset. Where a slab is spoken of on the host, they follow the
    /// parameters.
    pub statistics_elements: usize,
}

/// A layer with its place in the network.
#[derive(Clone, Debug)]
struct Layer {
    name: String,
    /// Where what it takes comes from.
    inputs: Vec<Input>,
    /// What that is called, where it is not what comes out of the layer before it.
    takes: Vec<String>,
    kind: LayerKind,
    /// What comes out of it.
    output: Signal,
    /// Its parameters among those of the network: weight, then bias.
    parameters: Range<usize>,
    /// What it remembers, among that of the network.
    statistics: Range<usize>,
    /// Whether a row that it makes of an image has the order of files, (C, H, W).
    in_file_order: bool,
}

/// What a network is appended to a graph with.
#[derive(Clone, Copy, Debug)]
pub struct Inputs {
    /// The samples: (batch, H, W, C), or what else the network's signal says.
    pub x: Value,
    /// The slab that holds the parameters.
    pub parameters: Value,
    /// The slab that holds the running statistics; `None` where the network has none.
    pub statistics: Option<Value>,
    /// While training; `None` where the network is measured or asked.
    pub training: Option<Training>,
}

/// What layers need that behave differently while training.
#[derive(Clone, Copy, Debug)]
pub struct Training {
    /// The number all randomness comes from.
    pub seed: u64,
    /// The counters of the step (`ops::state`).
    pub counters: Value,
    /// For each row of the batch, f32 (batch): 1 over the number of real samples, 0 for padding.
    pub weights: Value,
    /// The place of the first row among the samples of the update: that of a part of a batch is not 0.
    pub first_row: usize,
}

/// One trained tensor.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// `conv1.weight`, `dense1.bias`.
    pub name: String,
    /// The shape the kernels see.
    pub shape: Shape,
    /// How it is laid out in files.
    pub border: Border,
    /// Its first element in the slab.
    pub offset: usize,
    /// What it is before the first step.
    pub init: Init,
    /// The factor of its first values.
    pub init_scale: f32,
    /// The factor of its learning rate; 0 where it is not trained.
    pub lr_scale: f32,
    /// The factor of its weight decay.
    pub decay_scale: f32,
}

/// What a layer remembers: changed by what goes through it while training, and by no gradient.
#[derive(Clone, Debug)]
pub struct Statistic {
    /// `bn1.running_mean`.
    pub name: String,
    /// Its shape, in files too.
    pub shape: Shape,
    /// Its first element in the slab of statistics.
    pub offset: usize,
    /// What all of it is before the first step.
    pub init: f32,
}

impl Parameter {
    /// Whether it stays as it is.
    pub fn is_frozen(&self) -> bool {
        self.lr_scale == 0.0
    }
}

/// A row of the table of layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSummary {
    /// The layer's name.
    pub name: String,
    /// What it is, in a few words: `conv2d 3×3, relu`.
    pub kind: String,
    /// What comes out of it for one sample: (H, W, C) or (features).
    pub output: Vec<usize>,
    /// How many numbers it trains.
    pub parameters: usize,
}

impl Network {
    /// Checks the layers of a configuration against samples, of `(height, width, channels)` or another signal, and a number of
    /// classes.
    ///
    /// # Errors
    /// The first layer that does not fit, at its place in the configuration, with both shapes.
    pub fn new(config: &Config, sample: impl Into<Signal>, classes: usize) -> Result<Self> {
        check::check(config, &sample.into(), classes)
    }

    /// Appends the network to a graph: samples → logits (batch, classes).
    ///
    /// # Panics
    /// If the samples are not what the network was checked for: a mistake of the caller.
    pub fn forward(&self, graph: &mut Graph, inputs: Inputs) -> Value {
        self.append(graph, &inputs)
            .unwrap_or_else(|(_, error)| panic!("a checked network fits: {error}"))
    }

    /// Appends all layers, or gives the first one that does not fit.
    fn append(&self, graph: &mut Graph, inputs: &Inputs) -> Result<Value, (usize, ShapeError)> {
        let mut x = inputs.x;
        // A row of features comes as an image of one pixel.
        let tensor = self.input.batch(graph.shape(x).dims()[0]);
        if *graph.shape(x) != tensor.shape {
            let shape = tensor.shape;
            x = graph.one(Reshape { shape }, &[x]);
        }
        let sample = x;
        let mut outputs = Vec::with_capacity(self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            let takes = layer.inputs.iter().map(|&input| match input {
                Input::Sample => sample,
                Input::Layer(index) => outputs[index],
            });
            let takes: Vec<Value> = takes.collect();
            let outside = graph.enter(layer.name.clone());
            let indices = layer.parameters.clone();
            let parameters: Vec<Value> = indices
                .map(|index| self.parameter(graph, inputs.parameters, index))
                .collect();
            let statistics: Vec<Value> = self.statistics[layer.statistics.clone()]
                .iter()
                .map(|statistic| {
                    let slab = inputs.statistics.expect("the network has a slab of them");
                    let Statistic {
                        name,
                        shape,
                        offset,
                        ..
                    } = statistic;
                    graph.slice(name.clone(), slab, *offset, shape.clone())
                })
                .collect();
            let appended = layers::rule(&layer.kind).append(&mut layers::Append {
                graph,
                inputs: &takes,
                index,
                parameters: &parameters,
                statistics: &statistics,
                in_file_order: layer.in_file_order,
                training: inputs.training,
            });
            graph.enter(outside);
            x = appended.map_err(|error| (index, error))?;
            graph.set_label(x, layer.name.clone());
            outputs.push(x);
        }
        Ok(x)
    }

    /// What comes out of a layer, or into the network.
    fn signal(&self, input: Input) -> &Signal {
        match input {
            Input::Sample => &self.input,
            Input::Layer(index) => &self.layers[index].output,
        }
    }

    /// The part of a slab that is a parameter.
    pub fn parameter(&self, graph: &mut Graph, slab: Value, index: usize) -> Value {
        let parameter = &self.parameters[index];
        graph.slice(
            parameter.name.clone(),
            slab,
            parameter.offset,
            parameter.shape.clone(),
        )
    }

    /// The initial slab, drawn from the seed, and behind it the running statistics.
    pub fn initial(&self, seed: u64) -> Vec<f32> {
        init::slab(self, seed)
    }

    /// The rows of `groups` (`ops::state`) for the slab: the factors of learning rate and weight decay of its elements.
    pub fn groups(&self) -> Vec<f32> {
        let mut rows = vec![1.0; state::groups(self.slab_elements).elements()];
        for parameter in &self.parameters {
            let begin = parameter.offset / state::GROUP;
            let count = parameter.shape.elements().div_ceil(state::GROUP);
            for row in rows[2 * begin..2 * (begin + count)].chunks_exact_mut(2) {
                row[state::LEARNING_RATE_SCALE] = parameter.lr_scale;
                row[state::DECAY_SCALE] = parameter.decay_scale;
            }
        }
        rows
    }

    /// How many numbers are trained.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|p| p.shape.elements()).sum()
    }

    /// Numbers that come out for one sample.
    pub fn outputs(&self) -> usize {
        self.output().elements()
    }

    /// What comes out of it.
    pub fn output(&self) -> &Signal {
        self.layers
            .last()
            .map_or(&self.input, |layer| &layer.output)
    }

    /// The table of layers.
    pub fn summary(&self) -> Vec<LayerSummary> {
        self.layers
            .iter()
            .map(|layer| LayerSummary {
                name: layer.name.clone(),
                kind: layers::describe(&layer.kind, &layer.takes),
                output: layer.output.shape.clone(),
                parameters: self.parameters[layer.parameters.clone()]
                    .iter()
                    .map(|p| p.shape.elements())
                    .sum(),
            })
            .collect()
    }

    /// Whether what one sample gives depends on the others of its batch while training.
    pub fn mixes_samples(&self) -> bool {
        let mixes = |layer: &Layer| matches!(layer.kind, LayerKind::BatchNorm(_));
        self.layers.iter().any(mixes)
    }

    /// Adds what a layer remembers at the end of the slab of statistics.
    fn push_statistic(&mut self, name: String, shape: Shape, init: f32) {
        let offset = self.statistics_elements;
        self.statistics_elements += shape.elements().next_multiple_of(SLICE_ALIGNMENT);
        self.statistics.push(Statistic {
            name,
            shape,
            offset,
            init,
        });
    }

    /// Adds a parameter at the end of the slab.
    fn push(&mut self, name: String, shape: Shape, border: Border, init: Init) {
        let offset = self.slab_elements;
        self.slab_elements += shape.elements().next_multiple_of(SLICE_ALIGNMENT);
        self.parameters.push(Parameter {
            name,
            shape,
            border,
            offset,
            init,
            init_scale: 1.0,
            lr_scale: 1.0,
            decay_scale: 1.0,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::error::Class;

    /// The network of these layers, for samples of `sample` and as many classes.
    fn network(batch: usize, layers: &str, sample: [usize; 3], classes: usize) -> Result<Network> {
        let text = format!(
            "[data]\nsource = \"idx\"\n[train]\nbatch = {batch}\n[optimizer]\nkind = \"sgd\"\n{layers}"
        );
        let config = config::parse("net.toml", &text, &[]).unwrap();
        Network::new(&config, sample, classes)
    }

    fn dense(features: usize) -> String {
        format!("[[layer]]\nkind = \"dense\"\nout_features = {features}\n")
    }

    const FLATTEN: &str = "[[layer]]\nkind = \"flatten\"\n";

    #[test]
    fn networks_beyond_what_kernels_can_count_are_refused_before_anything_is_made() {
        let two = dense(2);
        let wide = dense(1 << 20);
        let conv =
            "[[layer]]\nkind = \"conv2d\"\nout_channels = 1048576\nkernel = 1024\npadding = 1024\n";
        let image = [28, 28, 1];
        for (batch, layers, sample, why) in [
            (1, format!("{FLATTEN}{wide}{wide}{two}"), image, "dense2"),
            (
                65_536,
                format!("{FLATTEN}{wide}{two}"),
                image,
                "a batch of 65536",
            ),
            (1, format!("{conv}{FLATTEN}{two}"), image, "conv1"),
            (
                1,
                format!("{conv}{FLATTEN}{two}"),
                [1 << 20, 1 << 10, 1],
                "conv1",
            ),
            (
                2,
                format!("{FLATTEN}{two}"),
                [1 << 20, 1 << 10, 1],
                "train.batch",
            ),
            (
                1,
                format!("{FLATTEN}{two}"),
                [usize::MAX, 2, 1],
                "train.batch",
            ),
        ] {
            let error = network(batch, &layers, sample, 2).unwrap_err();
            assert_eq!(error.class(), Class::Usage, "{error}");
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn the_language_model_to_begin_with_is_that_of_nanogpt() {
        let (name, text) = config::STARTERS[4];
        let config = config::parse(name, text, &[]).unwrap();
        let network = Network::new(&config, Signal::tokens(64), 65).unwrap();
        let of_blocks = 4 * (12 * 128 * 128 + 2 * 128);
        let around = 65 * 128 + 64 * 128 + 128 + 128 * 65;
        assert_eq!(network.parameter_count(), of_blocks + around);
        let scaled = network.parameters.iter().filter(|p| p.init_scale < 1.0);
        let squares: f32 = scaled.map(|p| p.init_scale.powi(2)).sum();
        // Two in each block, each begins at 1 / √8 of the others.
        assert!((squares - 1.0).abs() < 1e-6, "{squares}");
        let still = network.parameters.iter().filter(|p| p.decay_scale == 0.0);
        assert_eq!(still.count(), 9, "the norms do not decay");
        assert_eq!(network.output().shape, [64, 65]);
    }

    #[test]
    fn a_network_without_weights_is_refused() {
        let error = network(4, FLATTEN, [2, 5, 1], 10).unwrap_err();
        assert!(error.to_string().contains("nothing to train"), "{error}");
    }

    #[test]
    fn data_that_is_empty_or_has_more_classes_than_a_loss_can_walk_is_refused() {
        let net = |classes| format!("{FLATTEN}{}", dense(classes));
        for (sample, classes) in [([0, 8, 1], 2), ([8, 8, 1], 16_667)] {
            let error = network(4, &net(classes), sample, classes).unwrap_err();
            assert_eq!(error.class(), Class::Data, "{error}");
        }
        let largest = network(4, &net(16_666), [8, 8, 1], 16_666);
        assert!(largest.is_ok(), "{largest:?}");
    }
}
