//! The data set: found, read, and brought to the adapter once.

use std::path::Path;

use super::event::Model;
use super::step::{Resident, buffers};
use crate::config::{self, Config, DataSource};
use crate::data::{self, Dataset, Samples};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Memory};
use crate::graph::DType;
use crate::ops::gather_batch::{MAX_CHANNELS, Normalization};

/// Reads the data set of a configuration; `path` wins over the one it names.
///
/// # Errors
/// If there is no path where one is needed, or the data is refused.
pub fn load(config: &Config, path: Option<&Path>) -> Result<Dataset> {
    let wanted = &config.data;
    let split = match wanted.split {
        config::Split::Tail => data::Split::Tail,
        config::Split::Random => data::Split::Random,
        config::Split::Stratified => data::Split::Stratified,
    };
    match (wanted.source, path.or(wanted.path.as_deref())) {
        (DataSource::Digits, None) => data::digits::load(wanted.validation, split, config.seed),
        (DataSource::Digits, Some(path)) => Err(Error::usage(
            format!(
                "{}: the configuration learns the embedded digits, not files",
                path.display()
            ),
            "leave --data out; for files, name a network for them, as in `anygrad train mnist-cnn --data FOLDER`, or write \
             `source = \"idx\"` under [data]",
        )),
        (DataSource::Idx, Some(path)) => {
            data::idx::load(path, wanted.validation, split, config.seed)
        }
        (DataSource::Idx, None) => Err(Error::usage(
            format!(
                "{}: it is not said where the IDX files are",
                config.source.name
            ),
            "give their folder with --data FOLDER, or write `path = \"FOLDER\"` under [data]",
        )),
    }
}

/// What of a data set and its configuration a trained network must remember.
#[expect(
    clippy::cast_possible_truncation,
    reason = "statistics are rounded once to f32"
)]
pub(super) fn model(config: &Config, dataset: &Dataset) -> Result<Model> {
    let channels = dataset.sample_shape[2];
    let per_channel = |key: &str, values: &Option<Vec<f64>>, default: f32| match values {
        None => Ok(vec![default; channels]),
        Some(values) if values.len() == 1 => Ok(vec![values[0] as f32; channels]),
        Some(values) if values.len() == channels => Ok(values.iter().map(|&v| v as f32).collect()),
        Some(values) => Err(Error::usage(
            format!(
                "data.{key}: {} numbers for samples of {channels} channel(s)",
                values.len()
            ),
            format!("give one number, or {channels}"),
        )),
    };
    Ok(Model {
        classes: dataset.classes.clone(),
        sample_shape: dataset.sample_shape,
        divide_by: config.data.divide_by as f32,
        mean: per_channel("mean", &config.data.mean, 0.0)?,
        std: per_channel("std", &config.data.std, 1.0)?,
    })
}

/// What the graphs must know of a data set.
pub(super) fn resident(dataset: &Dataset, model: &Model) -> Result<Resident> {
    Ok(Resident {
        samples: dataset.len(),
        sample_shape: dataset.sample_shape,
        dtype: match dataset.samples {
            Samples::Bytes(_) => DType::U8,
            Samples::Floats(_) => DType::F32,
        },
        classes: model.classes.len(),
        normalization: normalization(model)?,
    })
}

/// From raw values to what the network sees.
///
/// # Errors
/// If the model's numbers make no sense: they may come from a file.
pub(super) fn normalization(model: &Model) -> Result<Normalization> {
    let channels = model.sample_shape[2];
    let (means, deviations) = (model.mean.len(), model.std.len());
    if channels > MAX_CHANNELS || [means, deviations] != [channels; 2] {
        return Err(Error::data(
            format!(
                "the model has {means} means and {deviations} standard deviations for samples of {channels} channels"
            ),
            format!("there must be one of each per channel, of at most {MAX_CHANNELS} channels"),
        ));
    }
    let divisors = std::iter::once(&model.divide_by).chain(&model.std);
    if !divisors.clone().all(|d| d.is_normal()) || !model.mean.iter().all(|m| m.is_finite()) {
        return Err(Error::data(
            format!(
                "the model normalises with divide_by {}, mean {:?} and std {:?}",
                model.divide_by, model.mean, model.std
            ),
            "these must be finite numbers, and those that divide not 0",
        ));
    }
    Ok(Normalization {
        divide_by: model.divide_by,
        mean: model.mean.clone(),
        std: model.std.clone(),
    })
}

/// Bytes of the data set on the adapter.
pub(super) fn bytes(dataset: &Dataset) -> usize {
    let samples = match &dataset.samples {
        Samples::Bytes(bytes) => DType::U8.storage_bytes(bytes.len()),
        Samples::Floats(floats) => DType::F32.storage_bytes(floats.len()),
    };
    samples + DType::U32.storage_bytes(dataset.labels.len())
}

/// Brings samples and labels to the adapter, and the one-hot rows a loss may want.
pub(super) fn upload(gpu: &Gpu, memory: &mut Memory, dataset: &Dataset) -> Result<()> {
    let samples = match &dataset.samples {
        Samples::Bytes(bytes) => pack(bytes),
        Samples::Floats(floats) => floats.iter().map(|value| value.to_bits()).collect(),
    };
    let bytes = (samples.len() * 4).next_multiple_of(16);
    memory.write(gpu, buffers::SAMPLES, bytes, &samples)?;
    let label_bytes = DType::U32.storage_bytes(dataset.labels.len());
    memory.write(gpu, buffers::LABELS, label_bytes, &dataset.labels)?;
    Ok(())
}

/// Four bytes to a word, the first in the lowest bits.
pub(super) fn pack(bytes: &[u8]) -> Vec<u32> {
    bytes
        .chunks(4)
        .map(|chunk| {
            chunk
                .iter()
                .enumerate()
                .fold(0, |word, (i, &byte)| word | u32::from(byte) << (8 * i))
        })
        .collect()
}
