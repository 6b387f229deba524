//! A copy of a data set without what is wrong with it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::pictures::Prints;
use super::{
    Arrays, Holds, NONE_HELD_OUT, Sample, holds, listing, npy_of_any_targets, pictures, tables,
};
use crate::data::table::{self, Cells};
use crate::data::{Progress, idx, npy};
use crate::error::{Error, Result};

/// What a cleaning has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cleaned {
    /// Samples in the copy.
    pub kept: usize,
    /// Left out: files that cannot be decoded.
    pub damaged: usize,
    /// Left out: samples of which another copy is kept, the one to test on before the one to train on.
    pub copies: usize,
    /// Left out: the same sample under two labels, of which no one knows the right one.
    pub conflicts: usize,
}

/// Writes the data at `path` to the new folder `out`, without damaged samples, copies and contradictions. The folder has the same
/// files by the same names.
///
/// # Errors
/// If the data is of a form that is not written, or cannot be read; if nothing of a part is left; if `out` is there already or cannot
/// be written.
pub fn clean(
    path: &Path,
    target: Option<&str>,
    out: &Path,
    progress: &mut Progress<'_>,
) -> Result<Cleaned> {
    if out.exists() {
        return Err(Error::usage(
            format!("{}: it is there already", out.display()),
            "choose a folder that is not there: nothing is overwritten",
        ));
    }
    match holds(path)? {
        Holds::Pictures => clean_pictures(path, out, progress),
        Holds::Table => clean_table(path, target, out),
        Holds::Idx => {
            let arrays = Arrays::of(&idx::load(path, &NONE_HELD_OUT)?);
            let (cleaned, gone) = arrays_without(&arrays);
            idx::copy(path, out, |sample| !gone.contains(&sample))?;
            Ok(cleaned)
        }
        Holds::Npy => {
            let arrays = Arrays::of(&npy_of_any_targets(path)?);
            let (cleaned, gone) = arrays_without(&arrays);
            npy::copy(path, out, |sample| !gone.contains(&sample))?;
            Ok(cleaned)
        }
        Holds::Cifar10 => Err(Error::usage(
            format!("{}: CIFAR-10 is checked, not cleaned", path.display()),
            "its copies are known and part of what others measure; `anygrad data check` names them",
        )),
    }
}

/// Which samples of these groups are left out: all of a contradiction, else all but one. A sample to test on is kept before one to
/// validate or to train on: what leaks is learned from no more.
fn left_out(
    groups: &[Vec<usize>],
    samples: &[Sample],
    cleaned: &mut Cleaned,
    exact: bool,
) -> BTreeSet<usize> {
    let mut out = BTreeSet::new();
    for group in groups {
        let label = &samples[group[0]].label;
        if exact && group.iter().any(|&number| samples[number].label != *label) {
            cleaned.conflicts += group.len();
            out.extend(group.iter().copied());
            continue;
        }
        let kept = group
            .iter()
            .copied()
            .min_by_key(|&number| (std::cmp::Reverse(samples[number].part), number));
        let copies = group.iter().copied().filter(|&number| Some(number) != kept);
        cleaned.copies += group.len() - 1;
        out.extend(copies);
    }
    out
}

/// What is left out of samples in memory.
fn arrays_without(arrays: &Arrays) -> (Cleaned, BTreeSet<usize>) {
    let mut cleaned = Cleaned::default();
    let gone = without(&arrays.prints, &arrays.equal, &arrays.samples, &mut cleaned);
    cleaned.kept = arrays.samples.len() - gone.len();
    (cleaned, gone)
}

/// The samples that are left out: of those that are `equal`, then of those of the rest that nearly are.
fn without(
    prints: &Prints,
    equal: &[Vec<usize>],
    samples: &[Sample],
    cleaned: &mut Cleaned,
) -> BTreeSet<usize> {
    let mut gone = left_out(equal, samples, cleaned, true);
    let left: Vec<usize> = (0..samples.len())
        .filter(|number| !gone.contains(number))
        .collect();
    gone.extend(left_out(&prints.near(&left), samples, cleaned, false));
    gone
}

fn clean_pictures(dir: &Path, out: &Path, progress: &mut Progress<'_>) -> Result<Cleaned> {
    let listing = listing(dir)?;
    let decoded = pictures::fingerprints(&listing.files, progress)?;
    let mut cleaned = Cleaned::default();
    let parts = [
        &listing.parts.train,
        &listing.parts.validation,
        &listing.parts.test,
    ];
    let (mut files, mut samples, mut prints) = (Vec::new(), Vec::new(), Vec::new());
    for (number, picture) in decoded.into_iter().enumerate() {
        let Ok(print) = picture.print else {
            cleaned.damaged += 1;
            continue;
        };
        prints.push(print);
        files.push(&listing.files[number]);
        samples.push(Sample {
            place: String::new(),
            part: parts
                .iter()
                .position(|part| part.contains(&number))
                .unwrap_or(0),
            label: listing.classes[listing.labels[number] as usize].clone(),
        });
    }
    let prints = Prints::Pictures(prints);
    let gone = without(&prints, &prints.equal(), &samples, &mut cleaned);
    for (number, file) in files.iter().enumerate() {
        if gone.contains(&number) {
            continue;
        }
        let to = out.join(file.strip_prefix(dir).unwrap_or(file));
        let parent = to.parent().unwrap_or(out);
        fs::create_dir_all(parent).map_err(|error| Error::io(parent, "create", error))?;
        fs::copy(file, &to).map_err(|error| Error::io(&to, "write", error))?;
        cleaned.kept += 1;
    }
    Ok(cleaned)
}

fn clean_table(path: &Path, target: Option<&str>, out: &Path) -> Result<Cleaned> {
    let files = table::find(path)?;
    let mut tables = Vec::new();
    let mut parts = Vec::new();
    for (part, file) in files.iter().enumerate() {
        if let Some(file) = file {
            tables.push(Cells::read(file)?);
            parts.push(part);
        }
    }
    let target = tables::target_of(&tables[0], target)?;
    let rows = tables::rows(&tables, &parts, &target)?;
    let mut cleaned = Cleaned::default();
    let gone = left_out(&rows.groups, &rows.samples, &mut cleaned, true);
    fs::create_dir_all(out).map_err(|error| Error::io(out, "create", error))?;
    for (number, (cells, file)) in tables.iter().zip(files.iter().flatten()).enumerate() {
        let to = out.join(file.file_name().unwrap_or_default());
        let refused = |error: csv::Error| Error::io(&to, "write", error.into());
        let mut writer = csv::Writer::from_path(&to).map_err(refused)?;
        if cells.has_names {
            writer.write_record(&cells.names).map_err(refused)?;
        }
        for (sample, &(table, row)) in rows.of.iter().enumerate() {
            if table == number && !gone.contains(&sample) {
                let record = (0..cells.names.len()).map(|column| cells.cell(row, column));
                writer.write_record(record).map_err(refused)?;
                cleaned.kept += 1;
            }
        }
        writer
            .flush()
            .map_err(|error| Error::io(&to, "write", error))?;
    }
    Ok(cleaned)
}
