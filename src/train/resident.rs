//! The data set: found, read, and brought to the adapter once.

use std::ops::Range;
use std::path::Path;

use super::event::Model;
use super::session::Measure;
use super::step::{Resident, buffers};
use super::stream::WINDOW_BYTES;
use crate::config::{self, ClassWeights, Config, DataSource, Task};
use crate::data::{
    self, Dataset, Fold, HoldOut, Known, Parts, Progress, Samples, Scale, Targets, Tokens,
};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Memory};
use crate::graph::DType;
use crate::ops::gather_batch::{MAX_CHANNELS, Normalization};

/// Whose data is read, and how.
#[derive(Default)]
pub(super) struct Reading<'a> {
    /// The path that wins over the one of the configuration.
    pub(super) path: Option<&'a Path>,
    /// What a trained network knows of its data.
    pub(super) known: Option<Known<'a>>,
    /// One of several equal parts of the training samples is validated on.
    pub(super) fold: Option<Fold>,
    /// All samples are the test part.
    pub(super) all: bool,
}

/// Reads the data set of a configuration; `path` wins over the one it names.
///
/// # Errors
/// If there is no path where one is needed, or the data is refused.
pub fn dataset(config: &Config, path: Option<&Path>) -> Result<Dataset> {
    let reading = Reading {
        path,
        ..Reading::default()
    };
    load(config, &reading, &mut |_, _| Ok(()))
}

/// Reads the data set of a configuration; `progress` is told how many samples are there.
///
/// # Errors
/// If there is no path where one is needed, or the data is refused.
pub(super) fn load(
    config: &Config,
    reading: &Reading<'_>,
    progress: &mut Progress<'_>,
) -> Result<Dataset> {
    let wanted = &config.data;
    let hold_out = HoldOut {
        test: wanted.test,
        validation: wanted.validation,
        split: match wanted.split {
            config::Split::Tail => data::Split::Tail,
            config::Split::Random => data::Split::Random,
            config::Split::Stratified => data::Split::Stratified,
        },
        seed: config.seed,
        fold: reading.fold,
    };
    let path = reading.path.or(wanted.path.as_deref());
    let known = reading.known.as_ref();
    let regression = wanted.task == Task::Regression;
    let mut dataset = match (wanted.source, path) {
        (DataSource::Digits, None) => data::digits::load(&hold_out),
        (DataSource::Digits, Some(path)) => Err(Error::usage(
            format!(
                "{}: the configuration learns the embedded digits, not files",
                path.display()
            ),
            "leave --data out; for files, name a network for them, as in `anygrad train mnist-cnn --data FOLDER`, or write \
             `source = \"idx\"` under [data]",
        )),
        (_, None) => Err(Error::usage(
            format!("{}: it is not said where the data is", config.source.name),
            "give it with --data PATH, or write `path = \"PATH\"` under [data]",
        )),
        (DataSource::Idx, Some(path)) => data::idx::load(path, &hold_out),
        (DataSource::Cifar10, Some(path)) => data::cifar10::load(path, &hold_out),
        (DataSource::Images, Some(path)) => {
            let options = data::image_folder::Options {
                size: wanted.images.size,
                channels: wanted.images.channels,
            };
            data::image_folder::load(path, &options, &hold_out, known, progress)
        }
        (DataSource::Csv, Some(path)) => {
            let options = table(&wanted.table, regression);
            data::table::load(path, &options, &hold_out, known)
        }
        (DataSource::Npy, Some(path)) => data::npy::load(path, regression, &hold_out, known),
        (DataSource::Text, Some(path)) => {
            let options = data::text::Options {
                context: wanted.text.context,
                stride: wanted.text.stride,
                all: reading.all,
            };
            data::text::load(path, options, &hold_out, known.map(|known| known.classes))
        }
    }?;
    if let Some(weights) = &wanted.class_weights {
        weigh_classes(&mut dataset, weights).map_err(|error| {
            let (what, help) = (error.to_string(), error.help());
            config.error_in_data("class_weights", what, "no such class", help)
        })?;
    }
    if reading.all && wanted.source != DataSource::Text {
        dataset.parts = Parts::of([0, 0, dataset.len()]);
    }
    Ok(dataset)
}

/// Multiplies what each sample counts by the weight of its class.
fn weigh_classes(dataset: &mut Dataset, weights: &ClassWeights) -> Result<()> {
    let Targets::Classes { labels, names } = &dataset.targets else {
        unreachable!("the configuration refuses weights of classes for a regression");
    };
    let of_class: Vec<f64> = match weights {
        ClassWeights::Balanced => {
            let train = &labels[dataset.parts.train.clone()];
            let mut counts = vec![0_usize; names.len()];
            train.iter().for_each(|&label| counts[label as usize] += 1);
            let share = train.len() as f64 / names.len() as f64;
            // A class that is not there is not learned from.
            counts
                .iter()
                .map(|&count| share / count.max(1) as f64)
                .collect()
        }
        ClassWeights::Table(table) => {
            let mut of_class = vec![1.0; names.len()];
            for (name, weight) in table {
                let Some(class) = names.iter().position(|known| known == name) else {
                    let known: Vec<String> = names
                        .iter()
                        .take(8)
                        .map(|name| format!("{name:?}"))
                        .collect();
                    return Err(Error::usage(
                        format!("{name:?} is no class of {}", dataset.name),
                        format!("the classes are {}", known.join(", ")),
                    ));
                };
                of_class[class] = *weight;
            }
            of_class
        }
    };
    let given = dataset
        .weights
        .take()
        .unwrap_or_else(|| vec![1.0; labels.len()]);
    #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
    let weighed = given
        .iter()
        .zip(labels)
        .map(|(&weight, &label)| (f64::from(weight) * of_class[label as usize]) as f32);
    dataset.weights = Some(weighed.collect());
    Ok(())
}

fn table(table: &config::Table, regression: bool) -> data::table::Options {
    data::table::Options {
        target: table.target.clone(),
        regression,
        weight: table.weight.clone(),
        ignore: table.ignore.clone(),
        categorical: table.categorical.clone(),
        ordinal: table.categories == config::Categories::Ordinal,
        missing: match table.missing {
            config::Missing::Refuse => data::table::Missing::Refuse,
            config::Missing::Drop => data::table::Missing::Drop,
            config::Missing::Fill => data::table::Missing::Fill,
        },
        text: (table.text.as_ref()).map(|text| data::table::TextColumn {
            name: text.name.clone(),
            unit: match text.tokens {
                config::TokenUnit::Words => data::table::Unit::Words,
                config::TokenUnit::Characters => data::table::Unit::Characters,
            },
            length: text.max_tokens,
            most: text.max_vocabulary,
        }),
    }
}

/// What of a data set and its configuration a trained network must remember; what is fitted is fitted to the training part.
#[expect(
    clippy::cast_possible_truncation,
    reason = "statistics are rounded once to f32"
)]
pub(super) fn model(config: &Config, dataset: &Dataset) -> Result<Model> {
    // Places in a vocabulary are no quantities.
    let text = matches!(dataset.targets, Targets::Next { .. });
    let is_tokens = matches!(dataset.samples, Samples::Ids(_) | Samples::Text(_));
    let channels = if is_tokens {
        0
    } else {
        dataset.sample_shape[2]
    };
    let per_channel = |key: &str, values: &Option<Vec<f64>>, default: f32| match values {
        None => Ok(vec![default; channels]),
        Some(values) if values.len() == 1 => Ok(vec![values[0] as f32; channels]),
        Some(values) if values.len() == channels => Ok(values.iter().map(|&v| v as f32).collect()),
        Some(values) => {
            let [h, w, _] = dataset.sample_shape;
            let channel = if channels == 1 { "channel" } else { "channels" };
            Err(config.error_in_data(
                key,
                format!(
                    "`{key}` has {} numbers, but the samples of {} have {channels} {channel}",
                    values.len(),
                    dataset.name
                ),
                format!("for samples of {h} × {w} × {channels}"),
                "give one number for all channels, or one for each",
            ))
        }
    };
    let divide_by = config.data.divide_by as f32;
    let is_fitted = config.data.normalize == config::Normalize::Standard;
    let (mean, std) = if is_fitted && !is_tokens {
        let fitted = data::Normalization::fit(dataset, divide_by);
        (fitted.mean, fitted.std)
    } else {
        (
            per_channel("mean", &config.data.mean, 0.0)?,
            per_channel("std", &config.data.std, 1.0)?,
        )
    };
    Ok(Model {
        classes: dataset.targets.classes().to_vec(),
        sample_shape: dataset.sample_shape,
        divide_by,
        mean,
        std,
        encoding: dataset.encoding.clone(),
        targets: match &dataset.targets {
            Targets::Values { .. } if is_fitted => Scale::fit(dataset),
            Targets::Values { names, .. } => Some(Scale::identity(names)),
            Targets::Classes { .. } | Targets::Next { .. } => None,
        },
        text,
    })
}

/// What the graphs must know of a data set.
pub(super) fn resident(dataset: &Dataset, model: &Model) -> Result<Resident> {
    Ok(Resident {
        samples: dataset.len(),
        sample_shape: dataset.sample_shape,
        dtype: dtype(&dataset.samples, model),
        classes: model.outputs(),
        regression: model.targets.is_some(),
        weighted: dataset.weights.is_some(),
        window_bytes: None,
        normalization: normalization(model)?,
        windows: match &dataset.samples {
            Samples::Text(text) => Some(text.windows.clone()),
            Samples::Bytes(_) | Samples::Floats(_) | Samples::Ids(_) => None,
        },
    })
}

/// Streams the samples if the configuration says so, or if they are larger than the adapter binds in one piece.
pub(super) fn stream_what_does_not_fit(data: &mut Resident, config: &Config, limit: u64) {
    let bytes = data.stored_bytes() as u64;
    let is_streamed = match config.data.stream {
        // Windows overlap: a text is there as a whole.
        _ if data.windows.is_some() => false,
        config::Streaming::Auto => bytes > limit,
        config::Streaming::Always => true,
        config::Streaming::Never => false,
    };
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    data.window_bytes = is_streamed.then(|| WINDOW_BYTES.min(most));
}

/// How errors on the adapter become those of the targets' units.
pub(super) fn measure(model: &Model) -> Measure {
    match &model.targets {
        Some(scale) => Measure::Rmse {
            scale: scale.std.into(),
        },
        None => Measure::Accuracy,
    }
}

/// Whether samples are normalised on their way to the adapter: a kernel knows the statistics of a few channels at most.
fn is_normalised_here(model: &Model) -> bool {
    model.sample_shape[2] > MAX_CHANNELS
}

/// What samples are on the adapter.
pub(super) fn dtype(samples: &Samples, model: &Model) -> DType {
    match samples {
        Samples::Bytes(_) if !is_normalised_here(model) => DType::U8,
        Samples::Bytes(_) | Samples::Floats(_) => DType::F32,
        Samples::Ids(_) => DType::U32,
        Samples::Text(text) => match text.tokens {
            Tokens::Bytes(_) => DType::U8,
            Tokens::Words(_) => DType::U32,
        },
    }
}

/// Some of the samples, as they lie on the adapter; of a text, whatever is asked for, all of it.
pub(super) fn words(model: &Model, samples: &Samples, part: Range<usize>) -> Vec<u32> {
    let sample_len: usize = model.sample_shape.iter().product();
    let part = part.start * sample_len..part.end * sample_len;
    match samples {
        Samples::Bytes(bytes) if is_normalised_here(model) => {
            normalised(model, bytes[part].iter().copied().map(f32::from))
        }
        Samples::Bytes(bytes) => pack(&bytes[part]),
        Samples::Floats(raw) if is_normalised_here(model) => {
            normalised(model, raw[part].iter().copied())
        }
        Samples::Floats(raw) => raw[part].iter().map(|number| number.to_bits()).collect(),
        Samples::Ids(ids) => ids[part].to_vec(),
        Samples::Text(text) => match &text.tokens {
            Tokens::Bytes(tokens) => pack(tokens),
            Tokens::Words(tokens) => tokens.clone(),
        },
    }
}

/// These samples, as they lie on the adapter.
pub(super) fn gathered(
    model: &Model,
    samples: &Samples,
    rows: impl Iterator<Item = usize>,
) -> Vec<u32> {
    let sample_len: usize = model.sample_shape.iter().product();
    let part = |row: usize| row * sample_len..(row + 1) * sample_len;
    match samples {
        Samples::Bytes(bytes) if is_normalised_here(model) => {
            let raw = rows.flat_map(|row| &bytes[part(row)]);
            normalised(model, raw.copied().map(f32::from))
        }
        Samples::Bytes(bytes) => {
            let mut gathered = Vec::new();
            rows.for_each(|row| gathered.extend_from_slice(&bytes[part(row)]));
            pack(&gathered)
        }
        Samples::Floats(raw) if is_normalised_here(model) => {
            normalised(model, rows.flat_map(|row| &raw[part(row)]).copied())
        }
        Samples::Floats(raw) => {
            let raw = rows.flat_map(|row| &raw[part(row)]);
            raw.map(|number| number.to_bits()).collect()
        }
        Samples::Ids(ids) => rows.flat_map(|row| &ids[part(row)]).copied().collect(),
        Samples::Text(_) => unreachable!("a text is not streamed"),
    }
}

/// Raw numbers of whole samples as the network sees them.
fn normalised(model: &Model, raw: impl Iterator<Item = f32>) -> Vec<u32> {
    let statistics = model.mean.iter().zip(&model.std).cycle();
    raw.zip(statistics)
        .map(|(v, (mean, std))| ((v / model.divide_by - mean) / std).to_bits())
        .collect()
}

/// From raw values to what the network sees, as far as it happens on the adapter.
///
/// # Errors
/// If the model's numbers make no sense: they may come from a file.
pub(super) fn normalization(model: &Model) -> Result<Normalization> {
    if model.has_tokens() {
        return Ok(Normalization::default());
    }
    let channels = model.sample_shape[2];
    let (means, deviations) = (model.mean.len(), model.std.len());
    if [means, deviations] != [channels; 2] {
        return Err(Error::data(
            format!(
                "the model has {means} means and {deviations} standard deviations for samples of {channels} channels"
            ),
            "there must be one of each per channel",
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
    if is_normalised_here(model) {
        return Ok(Normalization::default());
    }
    Ok(Normalization {
        divide_by: model.divide_by,
        mean: model.mean.clone(),
        std: model.std.clone(),
    })
}

/// Bytes of the data set on the adapter.
pub(super) fn bytes(dataset: &Dataset, data: &Resident, train: &config::Train) -> usize {
    let samples = match data.window(train, train.rows()) {
        None => data.stored_bytes(),
        Some(window) => data.dtype.storage_bytes(window.rows * dataset.sample_len()),
    };
    let targets = match (&data.windows, data.regression) {
        (Some(_), _) => 0,
        (None, true) => data.classes,
        (None, false) => 1,
    };
    let weights = if data.weighted { dataset.len() } else { 0 };
    samples + DType::U32.storage_bytes(dataset.len() * targets) + DType::F32.storage_bytes(weights)
}

/// Brings targets and weights to the adapter, and the samples unless they are streamed.
pub(super) fn upload(
    gpu: &Gpu,
    memory: &mut Memory,
    dataset: &Dataset,
    model: &Model,
    data: &Resident,
) -> Result<()> {
    let mut write = |name: &str, words: &[u32]| {
        memory.write(gpu, name, (words.len() * 4).next_multiple_of(16), words)
    };
    if data.window_bytes.is_none() {
        write(
            buffers::SAMPLES,
            &words(model, &dataset.samples, 0..dataset.len()),
        )?;
    }
    match (&dataset.targets, &model.targets) {
        (Targets::Classes { labels, .. }, _) => write(buffers::LABELS, labels)?,
        (Targets::Values { values, .. }, Some(scale)) => {
            write(buffers::TARGETS, bytemuck::cast_slice(&scale.apply(values)))?;
        }
        (Targets::Values { .. }, None) => unreachable!("the model of a regression has a scale"),
        // The text has them.
        (Targets::Next { .. }, _) => {}
    }
    if let Some(weights) = &dataset.weights {
        write(buffers::WEIGHTS, bytemuck::cast_slice(weights))?;
    }
    Ok(())
}

/// Four bytes to a word, the first in the lowest bits.
fn pack(bytes: &[u8]) -> Vec<u32> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn three_to_one() -> Dataset {
        Dataset {
            name: "three to one".to_owned(),
            sample_shape: [1, 1, 1],
            samples: Samples::Bytes(vec![0; 5]),
            targets: Targets::Classes {
                labels: vec![0, 0, 1, 0, 1],
                names: ["cat", "dog"].map(str::to_owned).to_vec(),
            },
            weights: None,
            parts: Parts::of([4, 0, 1]),
            encoding: None,
        }
    }

    #[test]
    fn balanced_classes_weigh_the_same_in_the_training_part() {
        let mut dataset = three_to_one();
        weigh_classes(&mut dataset, &ClassWeights::Balanced).unwrap();
        // n / (classes · samples of the class), as scikit-learn has it.
        let (cat, dog) = (4.0_f32 / 6.0, 2.0);
        assert_eq!(dataset.weights, Some(vec![cat, cat, dog, cat, dog]));
    }

    #[test]
    fn a_table_multiplies_weights_of_samples_and_knows_its_classes() {
        let mut dataset = three_to_one();
        dataset.weights = Some(vec![1.0, 2.0, 3.0, 4.0, 5.0]);
        let table = |name: &str| ClassWeights::Table(vec![(name.to_owned(), 0.5)]);
        weigh_classes(&mut dataset, &table("dog")).unwrap();
        assert_eq!(dataset.weights, Some(vec![1.0, 2.0, 1.5, 4.0, 2.5]));
        let error = weigh_classes(&mut dataset, &table("dogs")).unwrap_err();
        assert!(error.help().contains("\"dog\""), "{error}");
    }
}
