//! From the layers of a configuration to a network whose shapes are known.

use std::collections::BTreeSet;

use super::layers::{self, Check};
use super::signal::Flattened;
use super::{Inputs, Layer, Network, Signal, params};
use crate::config::{
    self, BatchNorm, Config, DataSource, GroupNorm, Input, LayerKind, Loss, MicroBatch, Task,
};
use crate::error::{Error, Result};
use crate::graph::{DType, Graph, MAX_ELEMENTS, TensorType};
use crate::ops::cross_entropy::MAX_CLASSES;

/// Checks all layers and lists their parameters.
pub(super) fn check(config: &Config, sample: &Signal, classes: usize) -> Result<Network> {
    check_data(config, sample, classes)?;
    // Whether a row made of an image must have the order of files shows when all layers behind it were checked.
    let mut in_file_order = BTreeSet::new();
    let mut network = loop {
        let (network, seen) = walk(config, sample, &in_file_order)?;
        if seen.is_empty() {
            break network;
        }
        in_file_order.extend(seen);
    };
    check_output(config, sample, network.output(), classes)?;
    check_trains(config, &network)?;
    check_parts(config, &network)?;
    params::apply(config, &mut network)?;
    check_loops(config, &network)?;
    Ok(network)
}

/// Checks layer by layer, and finds the layers that made a row of an image whose order is seen by one behind them or by the
/// network's end: all but those `in_file_order`, whose rows have the order of files.
fn walk(
    config: &Config,
    sample: &Signal,
    in_file_order: &BTreeSet<usize>,
) -> Result<(Network, BTreeSet<usize>)> {
    let mut network = Network {
        input: sample.clone(),
        layers: Vec::new(),
        parameters: Vec::new(),
        slab_elements: 0,
        statistics: Vec::new(),
        statistics_elements: 0,
    };
    let mut seen = BTreeSet::new();
    for (index, layer) in config.layers.iter().enumerate() {
        let refuse = |message: String, label: &str, help: &str| {
            config.error_at(
                &layer.span,
                format!("layer `{}`: {message}", layer.name),
                label,
                help,
            )
        };
        let first = network.parameters.len();
        let inputs: Vec<Signal> = layer
            .inputs
            .iter()
            .map(|&input| network.signal(input).clone())
            .collect();
        let names: Vec<&str> = layer
            .inputs
            .iter()
            .map(|&input| config.input_name(input))
            .collect();
        let first_statistic = network.statistics.len();
        let ids = inputs.iter().find(|input| input.dtype == DType::U32);
        if let (Some(ids), false) = (ids, matches!(layer.kind, LayerKind::Embedding(_))) {
            return Err(refuse(
                format!("it needs numbers, but its input is {}", ids.words()),
                "tokens are no numbers yet",
                "put a layer with `kind = \"embedding\"` before it",
            ));
        }
        let mut at = Check {
            inputs: &inputs,
            input_names: &names,
            index,
            name: &layer.name,
            before_rectifier: rectified(config, index),
            in_file_order: in_file_order.contains(&index),
            absorbs: false,
            network: &mut network,
        };
        let output = layers::rule(&layer.kind)
            .check(&mut at)
            .map_err(|refusal| refuse(refusal.message, &refusal.label, &refusal.help))?;
        if !at.absorbs {
            let rows = inputs.iter().map(|input| input.flattened);
            let lost = rows.filter(|row| *row != output.flattened).flatten();
            seen.extend(lost.map(|Flattened { layer, .. }| layer));
        }
        let batch = config.train.rows();
        if !countable(batch, &output) {
            return Err(refuse(
                format!(
                    "its output for a batch of {batch} has {batch} × {output} numbers, more than {MAX_ELEMENTS}"
                ),
                "this layer",
                "make the layer smaller, or `train.batch`",
            ));
        }
        if network.slab_elements > MAX_ELEMENTS {
            return Err(refuse(
                format!("with its weights the network has more than {MAX_ELEMENTS} of them"),
                "this layer",
                "make it smaller, or reduce its input before it",
            ));
        }
        let takes = (layer.inputs != [Input::before(index)])
            .then(|| names.iter().map(|&name| name.to_owned()).collect());
        network.layers.push(Layer {
            name: layer.name.clone(),
            inputs: layer.inputs.clone(),
            takes: takes.unwrap_or_default(),
            kind: layer.kind.clone(),
            output,
            parameters: first..network.parameters.len(),
            statistics: first_statistic..network.statistics.len(),
            in_file_order: in_file_order.contains(&index),
        });
    }
    let last = network.output().flattened;
    seen.extend(last.map(|Flattened { layer, .. }| layer));
    Ok((network, seen))
}

/// Whether ReLUs, or what is shaped like them, are all that take what comes out of a layer, perhaps behind a normalisation.
fn rectified(config: &Config, index: usize) -> bool {
    let all = config.layers.iter().enumerate().skip(index + 1);
    let mut takers = all.filter(|(_, layer)| layer.inputs.contains(&Input::Layer(index)));
    let fits = |(taker, layer): (usize, &config::Layer)| match &layer.kind {
        LayerKind::Activation(activation) => activation.is_rectifier(),
        LayerKind::BatchNorm(BatchNorm { activation, .. })
        | LayerKind::GroupNorm(GroupNorm { activation, .. }) => match activation {
            Some(activation) => activation.is_rectifier(),
            None => rectified(config, taker),
        },
        LayerKind::LayerNorm(_) | LayerKind::RmsNorm(_) => rectified(config, taker),
        _ => false,
    };
    takers.next().is_some_and(fits) && takers.all(fits)
}

/// Whether kernels can count the elements of a batch of this shape.
fn countable(batch: usize, signal: &Signal) -> bool {
    signal
        .shape
        .iter()
        .try_fold(batch, |product, &extent| product.checked_mul(extent))
        .is_some_and(|elements| elements <= MAX_ELEMENTS)
}

/// There is something to learn from, and a batch of it can be counted.
fn check_data(config: &Config, sample: &Signal, classes: usize) -> Result<()> {
    let batch = config.train.rows();
    if sample.shape.contains(&0) || classes == 0 {
        return Err(Error::data(
            format!(
                "the data has samples of {sample} numbers and {classes} classes: neither may be empty"
            ),
            "use data with samples and labels",
        ));
    }
    if classes > MAX_CLASSES {
        return Err(Error::data(
            format!("the data has {classes} classes, more than {MAX_CLASSES}"),
            "use data with fewer classes; they are counted from 0 to the largest label",
        ));
    }
    if !countable(batch, sample) {
        return Err(Error::usage(
            format!(
                "train.batch: {batch} samples of {sample} are more than {MAX_ELEMENTS} numbers"
            ),
            "make `train.batch` smaller, or the samples",
        ));
    }
    Ok(())
}

/// At least one layer has weights.
fn check_trains(config: &Config, network: &Network) -> Result<()> {
    if !network.parameters.is_empty() {
        return Ok(());
    }
    let last = config.layers.last().expect("a configuration has layers");
    Err(config.error_at(
        &last.span,
        "no layer of the network has weights: there is nothing to train",
        "the last layer",
        "add a layer with `kind = \"dense\"` or `kind = \"conv2d\"`",
    ))
}

/// The parts of a batch are what the batch is where its samples have nothing to do with each other.
fn check_parts(config: &Config, network: &Network) -> Result<()> {
    if !network.mixes_samples() || config.train.micro_batch == MicroBatch::Whole {
        return Ok(());
    }
    Err(Error::usage(
        "train.micro_batch: batch_norm takes mean and variance over what goes through it at a time, so that parts of a batch would \
         give another result than the whole",
        "remove `micro_batch`, or normalise with group_norm or layer_norm; with `accumulate` each batch has its own mean and variance",
    ))
}

/// The last layer gives one number for each class.
fn check_output(config: &Config, sample: &Signal, output: &Signal, classes: usize) -> Result<()> {
    let is_text = config.data.source == DataSource::Text;
    let wanted = match (config.data.task, classes) {
        _ if is_text => format!(
            "{} characters in a window, for each of which one of {classes} follows",
            sample.elements()
        ),
        (Task::Classification, _) => format!("{classes} classes"),
        (Task::Regression, 1) => "1 number to predict".to_owned(),
        (Task::Regression, _) => format!("{classes} numbers to predict"),
    };
    let last = config.layers.last().expect("a configuration has layers");
    // One yes or no tells two classes apart.
    let yes_or_no = config.train.loss == Loss::BinaryCrossEntropy && classes == 2;
    let fits = match is_text {
        true => output.shape == [sample.elements(), classes],
        false => output.shape == [classes] || yes_or_no && output.shape == [1],
    };
    if fits {
        return Ok(());
    }
    let what = match *output.shape {
        [numbers] => format!("{numbers} numbers"),
        _ => output.words(),
    };
    Err(config.error_at(
        &last.span,
        format!(
            "layer `{}`: the network ends in {what}, but the data has {wanted}",
            last.name
        ),
        "the last layer",
        match is_text {
            true => format!(
                "keep the sequence to the end, and end the network in a dense layer with `out_features = {classes}`"
            ),
            false => format!("end the network in a dense layer with `out_features = {classes}`"),
        },
    ))
}

/// No op refuses its shapes: sums longer than a kernel may loop are found here, on a batch of one.
fn check_loops(config: &Config, network: &Network) -> Result<()> {
    let mut graph = Graph::new();
    let parameters = graph.persistent("parameters", TensorType::f32([network.slab_elements]));
    let statistics = (network.statistics_elements > 0)
        .then(|| graph.persistent("statistics", TensorType::f32([network.statistics_elements])));
    let x = graph.input("x", network.input.batch(1));
    let inputs = Inputs {
        x,
        parameters,
        statistics,
        training: None,
    };
    let appended = network.append(&mut graph, &inputs);
    appended.map(|_| ()).map_err(|(index, error)| {
        let layer = &config.layers[index];
        config.error_at(
            &layer.span,
            format!("layer `{}`: {error}", layer.name),
            "this layer",
            "make it smaller",
        )
    })
}
