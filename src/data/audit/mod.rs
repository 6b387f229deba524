//! What is wrong with a data set before anything is learned from it: damaged files, duplicates, leaks between training and test,
//! contradicting labels, classes that are hardly there, columns that say nothing.
//!
//! Invariant: only what is there is told. A likeness that a fingerprint suggests is confirmed on the pixels.

mod clean;
mod fingerprint;
mod pictures;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use self::clean::{Cleaned, clean};
use self::pictures::Prints;
use super::image_folder;
use super::{Dataset, HoldOut, Progress, Split, Targets, cifar10, idx, npy};
use crate::error::{Error, Result};

/// A class with fewer samples than the largest one by this factor is told.
const IMBALANCE: usize = 5;

/// What was found, and in how much.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Samples that were looked at.
    pub samples: usize,
    /// The number of classes; 0 where numbers are predicted.
    pub classes: usize,
    /// Everything that is wrong.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub kind: Kind,
    /// What it is, in a sentence.
    pub what: String,
    /// The files, lines or samples it is about.
    pub places: Vec<String>,
}

/// Kinds of findings, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A file that cannot be decoded, or a row that is not whole.
    Damaged,
    /// The same sample to train and to test on.
    Leak,
    /// The same sample under two labels.
    Conflict,
    /// The same sample several times.
    Duplicate,
    /// Nearly the same sample to train and to test on.
    NearLeak,
    /// Nearly the same sample several times.
    NearDuplicate,
    /// Values that are not there.
    Missing,
    /// A column that never changes.
    Constant,
    /// A class with few samples.
    Imbalance,
}

impl Kind {
    /// What several of them are called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Leak => "leaks: the same sample to train and to test on",
            Self::Conflict => "contradicting labels: the same sample in two classes",
            Self::Duplicate => "duplicates",
            Self::NearLeak => "near leaks: almost the same picture to train and to test on",
            Self::NearDuplicate => "near duplicates",
            Self::Missing => "missing values",
            Self::Constant => "columns that never change",
            Self::Imbalance => "classes with few samples",
        }
    }
}

/// A sample as far as duplicates are concerned.
#[derive(Clone, Debug)]
struct Sample {
    place: String,
    /// 0 training, 1 validation, 2 test.
    part: usize,
    /// Its class, or its target as text.
    label: String,
}

/// What a path holds, as its files say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Pictures,
    Table,
    Idx,
    Npy,
    Cifar10,
}

/// Looks through the data at `path`: pictures, a table, IDX or NPY files, CIFAR-10. `target` is the column of a table that is predicted; without
/// one, the last.
///
/// # Errors
/// If the data cannot be read at all, or `target` is no column.
pub fn check(path: &Path, target: Option<&str>, progress: &mut Progress<'_>) -> Result<Report> {
    let holds = holds(path)?;
    if target.is_some() && holds != Holds::Table {
        return Err(Error::usage(
            format!("--target: {} is no table", path.display()),
            "leave it out: classes are the folders or labels",
        ));
    }
    let mut report = match holds {
        Holds::Pictures => pictures::check(path, progress)?,
        Holds::Table => tables::check(path, target)?,
        Holds::Idx => of_arrays(idx::load(path, &NONE_HELD_OUT)),
        Holds::Npy => of_arrays(npy_of_any_targets(path)),
        Holds::Cifar10 => of_arrays(cifar10::load(path, &NONE_HELD_OUT)),
    };
    report.findings.sort();
    Ok(report)
}

/// The parts are those that the data brings.
const NONE_HELD_OUT: HoldOut = HoldOut {
    test: 0.0,
    validation: 0.0,
    split: Split::Tail,
    seed: 0,
    fold: None,
};

fn holds(path: &Path) -> Result<Holds> {
    if path.is_file() {
        return match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv" | "tsv" | "txt") => Ok(Holds::Table),
            Some("gz" | "tgz" | "tar") => Ok(Holds::Cifar10),
            _ => Err(Error::data(
                format!("{}: not a table by its name", path.display()),
                "name a .csv or .tsv file, or a folder of pictures, IDX or NPY files",
            )),
        };
    }
    let entries = std::fs::read_dir(path).map_err(|e| Error::io(path, "read", e))?;
    let names: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    let has = |is: &dyn Fn(&Path) -> bool| names.iter().any(|name| is(name));
    let ends_in = |name: &Path, ending: &str| name.extension().is_some_and(|e| e == ending);
    Ok(
        if path.join("train.csv").is_file() || path.join("train.tsv").is_file() {
            Holds::Table
        } else if has(&|name| ends_in(name, "npy")) {
            Holds::Npy
        } else if has(&|name| name.is_file() && name.to_string_lossy().contains("idx")) {
            Holds::Idx
        } else if cifar10::is_at(path) {
            Holds::Cifar10
        } else {
            Holds::Pictures
        },
    )
}

fn npy_of_any_targets(path: &Path) -> Result<Dataset> {
    match npy::load(path, false, &NONE_HELD_OUT, None) {
        Err(_) => npy::load(path, true, &NONE_HELD_OUT, None),
        classes => classes,
    }
}

/// Samples that are read as a whole: what cannot be read is the one finding.
fn of_arrays(read: Result<Dataset>) -> Report {
    let dataset = match read {
        Ok(dataset) => dataset,
        Err(error) => {
            return Report {
                samples: 0,
                classes: 0,
                findings: vec![Finding {
                    kind: Kind::Damaged,
                    what: error.to_string(),
                    places: Vec::new(),
                }],
            };
        }
    };
    let arrays = Arrays::of(&dataset);
    let mut findings = pictures::copies(&arrays.prints, &arrays.equal, &arrays.samples);
    if let Targets::Classes { labels, names } = &dataset.targets {
        let train = labels[dataset.parts.train.clone()].iter();
        findings.extend(imbalance(
            train.map(|&label| names[label as usize].as_str()),
            names,
        ));
    }
    Report {
        samples: dataset.len(),
        classes: dataset.targets.classes().len(),
        findings,
    }
}

/// The samples of a data set in memory, and those of them that are the same.
struct Arrays {
    samples: Vec<Sample>,
    prints: Prints,
    equal: Vec<Vec<usize>>,
}

impl Arrays {
    fn of(dataset: &Dataset) -> Self {
        let parts = [
            &dataset.parts.train,
            &dataset.parts.validation,
            &dataset.parts.test,
        ];
        let names = ["training", "validation", "test"];
        let samples: Vec<Sample> = (0..dataset.len())
            .map(|number| {
                let part = parts
                    .iter()
                    .position(|part| part.contains(&number))
                    .unwrap_or(0);
                Sample {
                    place: format!("{} sample {}", names[part], number - parts[part].start),
                    part,
                    label: label(&dataset.targets, number),
                }
            })
            .collect();
        let prints = Prints::of(dataset);
        let mut equal = prints.equal();
        if matches!(dataset.targets, Targets::Values { .. }) {
            equal.retain(|group| agree(group, &samples));
        }
        Self {
            samples,
            prints,
            equal,
        }
    }
}

/// Whether samples have one target: of numbers, two measurements of one thing differ and are both right.
fn agree(group: &[usize], samples: &[Sample]) -> bool {
    let label = &samples[group[0]].label;
    group.iter().all(|&number| samples[number].label == *label)
}

fn label(targets: &Targets, number: usize) -> String {
    match targets {
        Targets::Classes { labels, names } => names[labels[number] as usize].clone(),
        Targets::Values { values, names } => {
            format!("{:?}", &values[number * names.len()..][..names.len()])
        }
        Targets::Next { .. } => String::new(),
    }
}

/// Classes that are hardly there among the samples to train on.
fn imbalance<'a>(labels: impl Iterator<Item = &'a str>, classes: &[String]) -> Vec<Finding> {
    let mut counts: BTreeMap<&str, usize> =
        classes.iter().map(|class| (class.as_str(), 0)).collect();
    for label in labels {
        *counts.entry(label).or_default() += 1;
    }
    let Some((largest, most)) = counts.iter().max_by_key(|(_, count)| **count) else {
        return Vec::new();
    };
    let few = counts
        .iter()
        .filter(|(_, count)| **count * IMBALANCE <= *most);
    few.map(|(class, count)| Finding {
        kind: Kind::Imbalance,
        what: format!("class {class:?} has {count} samples to train on, class {largest:?} {most}"),
        places: Vec::new(),
    })
    .collect()
}

/// The findings about groups of samples that are the same, or nearly.
fn of_groups(groups: &[Vec<usize>], samples: &[Sample], near: bool) -> Vec<Finding> {
    let finding = |group: &Vec<usize>| {
        let members: Vec<&Sample> = group.iter().map(|&number| &samples[number]).collect();
        let first = members[0];
        let trains = members.iter().any(|sample| sample.part == 0);
        let leaks = trains && members.iter().any(|sample| sample.part == 2);
        let differ = members.iter().any(|sample| sample.label != first.label);
        let kind = match (near, leaks, differ) {
            (false, _, true) => Kind::Conflict,
            (false, true, false) => Kind::Leak,
            (false, false, false) => Kind::Duplicate,
            (true, true, _) => Kind::NearLeak,
            (true, false, _) => Kind::NearDuplicate,
        };
        let same = if near { "nearly the same" } else { "the same" };
        let labels: std::collections::BTreeSet<&str> =
            members.iter().map(|sample| sample.label.as_str()).collect();
        let of = match (kind, labels.len()) {
            (Kind::Conflict, _) | (_, 2..) => {
                let labels: Vec<String> = labels.iter().map(|label| format!("{label:?}")).collect();
                let across = if leaks {
                    ", to train and to test on"
                } else {
                    ""
                };
                format!(" as {}{across}", labels.join(", "))
            }
            _ => String::new(),
        };
        Finding {
            kind,
            what: format!("{} samples are {same}{of}", members.len()),
            places: members.iter().map(|sample| sample.place.clone()).collect(),
        }
    };
    groups.iter().map(finding).collect()
}

/// The pictures of a folder, for cleaning as well.
fn listing(dir: &Path) -> Result<image_folder::Listing> {
    image_folder::list(dir)
}
