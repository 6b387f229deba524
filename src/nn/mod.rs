//! From the layers of a configuration to a graph: shapes, parameters, initial values.
//!
//! A [`Network`] is checked once against the shape of a sample; after that it appends itself to any graph, for any batch.
//! Invariant: layers are compositions of ops; nothing here computes.

mod border;
mod init;
mod layers;

use std::ops::Range;

use crate::config::{Config, LayerKind};
use crate::error::Result;
use crate::graph::{Graph, SLICE_ALIGNMENT, Shape, Value};

pub use border::Border;
pub use init::Init;

/// A network whose shapes are known.
#[derive(Clone, Debug)]
pub struct Network {
    layers: Vec<Layer>,
    /// Every trained tensor, in the order of the layers.
    pub parameters: Vec<Parameter>,
    /// Elements of the slab that holds all parameters, each at an aligned offset.
    pub slab_elements: usize,
}

/// A layer with its place in the network.
#[derive(Clone, Debug)]
struct Layer {
    name: String,
    kind: LayerKind,
    /// What comes out of it, without the batch.
    output: Vec<usize>,
    /// Its parameters among those of the network: weight, then bias.
    parameters: Range<usize>,
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
    /// Checks the layers of a configuration against samples of `(height, width, channels)` and a number of classes.
    ///
    /// # Errors
    /// The first layer that does not fit, at its place in the configuration, with both shapes.
    pub fn new(config: &Config, sample: [usize; 3], classes: usize) -> Result<Self> {
        layers::check(config, sample, classes)
    }

    /// Appends the network to a graph: `x` (batch, H, W, C) → logits (batch, classes). `slab` holds the parameters.
    pub fn forward(&self, graph: &mut Graph, slab: Value, x: Value) -> Value {
        layers::forward(self, graph, slab, x)
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

    /// The initial slab, drawn from the seed.
    pub fn initial(&self, seed: u64) -> Vec<f32> {
        init::slab(self, seed)
    }

    /// How many numbers are trained.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|p| p.shape.elements()).sum()
    }

    /// The table of layers.
    pub fn summary(&self) -> Vec<LayerSummary> {
        self.layers
            .iter()
            .map(|layer| LayerSummary {
                name: layer.name.clone(),
                kind: layers::describe(&layer.kind),
                output: layer.output.clone(),
                parameters: self.parameters[layer.parameters.clone()]
                    .iter()
                    .map(|p| p.shape.elements())
                    .sum(),
            })
            .collect()
    }

    /// Whether a dense layer takes the features behind `flatten`. Its weights are then reordered in files, and the features stay
    /// in the order of the kernels, (H, W, C); else they are the classes themselves and must come as (C, H, W).
    fn has_dense(&self) -> bool {
        let is_dense = |layer: &Layer| matches!(layer.kind, LayerKind::Dense(_));
        self.layers.iter().any(is_dense)
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
        });
    }
}
