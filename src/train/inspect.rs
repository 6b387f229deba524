//! What a training would do, without doing it: layers, memory, kernels.

use super::Request;
use super::limits::binding_limit;
use super::plans::{Passes, Plans, fitted};
use super::resident::{self, Reading};
use super::step::{self, Resident};
use crate::data::Dataset;
use crate::error::Result;
use crate::gpu::{AdapterInfo, Gpu};
use crate::nn::{LayerSummary, Network};
use crate::plan::Plan;

/// A training before it begins.
#[derive(Debug)]
pub struct Inspection {
    /// The adapter it is planned for.
    pub adapter: AdapterInfo,
    /// What the data set is called.
    pub data: String,
    /// Height, width, channels of a sample.
    pub sample_shape: [usize; 3],
    /// The number of classes, or of the numbers that a regression predicts.
    pub classes: usize,
    /// Whether numbers are predicted, not classes.
    pub regression: bool,
    /// Whether samples are windows of a text, each character of which gives the next.
    pub text: bool,
    /// Samples per step.
    pub batch: usize,
    /// Samples that are computed at a time.
    pub micro_batch: usize,
    /// The layers, each with the floating-point operations of its forward pass over one sample, a multiply-add counted as two.
    pub layers: Vec<(LayerSummary, u64)>,
    /// How many numbers are trained.
    pub parameters: usize,
    /// One training step.
    pub step: Plan,
    /// Bytes on the adapter at the peak, evaluation included.
    pub planned_bytes: usize,
    /// Of these, the data set.
    pub data_bytes: usize,
}

/// Reads the data, opens the adapter, plans, and stops there.
///
/// # Errors
/// Whatever is wrong with the data, the network or the device.
pub fn inspect(request: &Request) -> Result<Inspection> {
    let reading = Reading {
        path: request.data.as_deref(),
        ..Reading::default()
    };
    let dataset = resident::load(&request.config, &reading, &mut |_, _| Ok(()))?;
    inspect_on(request, &dataset)
}

/// As [`inspect`], for a data set that is already in memory.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_on(request: &Request, dataset: &Dataset) -> Result<Inspection> {
    let config = &request.config;
    let model = resident::model(config, dataset)?;
    let network = Network::new(config, model.signal(), model.outputs())?;
    let mut data = resident::resident(dataset, &model)?;
    let gpu = Gpu::open(&request.adapter, request.trust)?;
    let passes = Passes::of(dataset);
    let limit = binding_limit(&gpu);
    resident::stream_what_does_not_fit(&mut data, config, limit);
    let config = &fitted(&network, config, &data, &passes, &gpu.target(), limit);
    let plans = Plans::new(&network, config, &data, &passes, &gpu.target());
    let planned_bytes = plans.peak_bytes();
    let data_bytes = resident::bytes(dataset, &data, &config.train);
    let one = Resident {
        samples: 1,
        window_bytes: None,
        ..data
    };
    let (forward, _) = step::prediction(&network, config, &one);
    let flops = |layer: &LayerSummary| {
        let nodes = forward.nodes().iter();
        let of_layer = nodes.filter(|node| node.scope == layer.name);
        of_layer.map(|node| node.lowering.flops()).sum()
    };
    let layers = network.summary().into_iter();
    Ok(Inspection {
        adapter: gpu.info.clone(),
        data: dataset.name.clone(),
        sample_shape: dataset.sample_shape,
        classes: model.outputs(),
        regression: model.targets.is_some(),
        text: model.text,
        batch: config.train.samples_per_update(),
        micro_batch: config.train.rows(),
        layers: layers
            .map(|layer| {
                let flops = flops(&layer);
                (layer, flops)
            })
            .collect(),
        parameters: network.parameter_count(),
        step: plans.training,
        planned_bytes,
        data_bytes,
    })
}
