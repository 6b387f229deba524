//! From a run folder back to a trained network.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::{CONFIG, MODEL, SUMMARY, WEIGHTS};
use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::train::{Model, Trained, Tuning, Weights};

/// `model.json` is at most this large; 16 MiB are names for a million classes.
const MAX_MODEL_BYTES: u64 = 16 << 20;

/// What to do about a damaged file.
const RESTORE: &str =
    "it was changed since it was written, or another version wrote it; restore it, or train again";

/// So many runs are named where the right one is looked for.
const MOST_CANDIDATES: usize = 6;

/// Reads the run folder at `path`.
///
/// # Errors
/// If it is not a folder, not a run, not finished, or one of its files is damaged; what is missing and where runs are is said.
pub fn load(path: &Path) -> Result<Trained> {
    check_folder(path)?;
    let config = config_of(path)?;
    let model = read_model(&path.join(MODEL))?;
    let weights = Weights::read(&path.join(WEIGHTS)).map_err(|error| match error {
        Error::Plain { what, .. } => Error::data(what, RESTORE),
        other => other,
    })?;
    Ok(Trained {
        config,
        model,
        weights,
    })
}

/// Which ways the kernels of a finished run were computed.
///
/// # Errors
/// As [`load`].
pub fn kernels(path: &Path) -> Result<Tuning> {
    #[derive(serde::Deserialize)]
    struct Summary {
        kernels: Tuning,
    }
    check_folder(path)?;
    let path = path.join(SUMMARY);
    let text = fs::read_to_string(&path).map_err(|error| Error::io(&path, "read", error))?;
    let summary: Summary = serde_json::from_str(&text).map_err(|error| {
        Error::data(
            format!("{}: no choice of kernels: {error}", path.display()),
            RESTORE,
        )
    })?;
    Ok(summary.kernels)
}

/// The configuration of the run at `path`, which is no longer the user's to mend.
pub(super) fn config_of(path: &Path) -> Result<Config> {
    let path = path.join(CONFIG);
    config::load(&path, &[]).map_err(|error| match error {
        Error::Source(mistakes) => damaged(&path, &mistakes),
        Error::Plain { what, help, .. } => Error::data(what, help),
        other => other,
    })
}

/// Whether a folder holds a finished run.
fn is_run(folder: &Path) -> bool {
    [CONFIG, MODEL, WEIGHTS, SUMMARY]
        .iter()
        .all(|name| folder.join(name).is_file())
}

fn check_folder(path: &Path) -> Result<()> {
    let shown = path.display();
    if !path.is_dir() {
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if !path.exists() {
            return Err(Error::data(
                format!("{shown}: there is no such folder"),
                advice(&[parent, Path::new("runs")]),
            ));
        }
        let help = if is_run(parent) {
            format!("give the folder of the run: {}", parent.display())
        } else {
            advice(&[parent, Path::new("runs")])
        };
        return Err(Error::data(
            format!("{shown}: a file, where the folder of a run is wanted"),
            help,
        ));
    }
    let missing: Vec<&str> = [CONFIG, MODEL, WEIGHTS, SUMMARY]
        .into_iter()
        .filter(|name| !path.join(name).is_file())
        .collect();
    match missing[..] {
        [] => Ok(()),
        [MODEL, WEIGHTS, SUMMARY] | [WEIGHTS, SUMMARY] | [SUMMARY] => Err(Error::data(
            format!("{shown}: the run did not finish: {} missing", are(&missing)),
            format!(
                "go on with it, `anygrad train --resume {shown}`; or {}",
                advice(&[path.parent().unwrap_or(path), Path::new("runs")])
            ),
        )),
        _ => Err(Error::data(
            format!(
                "{shown}: not the folder of a run: {} missing",
                are(&missing)
            ),
            advice(&[path, Path::new("runs")]),
        )),
    }
}

fn are(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}

/// What to give instead: the runs of the first of these folders that has any.
fn advice(folders: &[&Path]) -> String {
    let found = folders.iter().find_map(|folder| {
        let runs = runs_in(folder);
        (!runs.is_empty()).then_some(runs)
    });
    let Some(runs) = found else {
        return "`anygrad train` makes one: runs/NAME".to_owned();
    };
    let shown: Vec<String> = runs
        .iter()
        .take(MOST_CANDIDATES)
        .map(|run| run.display().to_string())
        .collect();
    let more = match runs.len().saturating_sub(MOST_CANDIDATES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("these are finished runs: {}{more}", shown.join(", "))
}

/// The finished runs in a folder, by name.
fn runs_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut runs: Vec<PathBuf> = entries
        .filter_map(|entry| Some(folder.join(entry.ok()?.file_name())))
        .map(|run| run.strip_prefix(".").map(Path::to_owned).unwrap_or(run))
        .filter(|run| is_run(run))
        .collect();
    runs.sort();
    runs
}

fn read_model(path: &Path) -> Result<Model> {
    let file = fs::File::open(path).map_err(|error| Error::io(path, "open", error))?;
    let mut bytes = Vec::new();
    file.take(MAX_MODEL_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io(path, "read", error))?;
    if bytes.len() as u64 > MAX_MODEL_BYTES {
        return Err(damaged(path, &"larger than 16 MiB"));
    }
    let model: Model = serde_json::from_slice(&bytes).map_err(|error| damaged(path, &error))?;
    check_model(&model).map_err(|why| damaged(path, &why))?;
    Ok(model)
}

/// Whether the numbers of a model can be a model's.
fn check_model(model: &Model) -> Result<(), String> {
    let [height, width, channels] = model.sample_shape;
    let pixels = height
        .checked_mul(width)
        .and_then(|pixels| pixels.checked_mul(channels));
    if !pixels.is_some_and(|pixels| pixels > 0 && u32::try_from(pixels).is_ok()) {
        return Err(format!("no image is of {height} × {width} × {channels}"));
    }
    check_targets(model)?;
    if let Some(encoding) = &model.encoding {
        encoding.check()?;
        if model.sample_shape != [1, 1, encoding.width()] {
            return Err(format!(
                "a row of the table has {} numbers, a sample is of {height} × {width} × {channels}",
                encoding.width()
            ));
        }
    }
    let mut names: Vec<&String> = model.classes.iter().collect();
    names.sort();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("two classes are called {:?}", twice[0]));
    }
    if model.text {
        check_text(model)?;
    }
    let channels = if model.has_tokens() { 0 } else { channels };
    for (name, values) in [("mean", &model.mean), ("std", &model.std)] {
        if values.len() != channels {
            return Err(format!(
                "`{name}` has {} numbers, the samples have {channels} channels",
                values.len()
            ));
        }
    }
    let finite = |x: &f32| x.is_finite();
    if !(model.mean.iter().all(finite) && model.std.iter().all(|x| *x > 0.0 && finite(x))) {
        return Err("`mean` and `std` must be finite, `std` above 0".to_owned());
    }
    if !(model.divide_by > 0.0 && model.divide_by.is_finite()) {
        return Err("`divide_by` must be finite and above 0".to_owned());
    }
    Ok(())
}

/// Whether classes are characters, and samples windows.
fn check_text(model: &Model) -> Result<(), String> {
    let mut names = model.classes.iter();
    if let Some(name) = names.find(|name| name.chars().count() != 1) {
        return Err(format!("{name:?} is no character"));
    }
    let is_window = matches!(model.sample_shape, [1, 1, _]);
    if !is_window || model.encoding.is_some() || model.targets.is_some() {
        return Err("a text has windows of characters, and nothing else".to_owned());
    }
    Ok(())
}

/// Whether there are classes or else numbers to predict.
fn check_targets(model: &Model) -> Result<(), String> {
    let Some(targets) = &model.targets else {
        return match model.classes.is_empty() {
            true => Err("there are no classes".to_owned()),
            false => Ok(()),
        };
    };
    if !model.classes.is_empty() {
        return Err("there are classes and numbers to predict".to_owned());
    }
    if targets.names.is_empty() || targets.mean.len() != targets.names.len() {
        return Err(format!(
            "{} means for {} numbers to predict",
            targets.mean.len(),
            targets.names.len()
        ));
    }
    let is_scale = targets.std > 0.0 && targets.std.is_finite();
    if !is_scale || !targets.mean.iter().all(|mean| mean.is_finite()) {
        return Err("`targets` must be finite, `std` above 0".to_owned());
    }
    Ok(())
}

fn damaged(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::data(format!("{}: damaged: {why}", path.display()), RESTORE)
}

#[cfg(test)]
mod tests {
    use super::super::fabricated::{outcome, shipped, start};
    use super::super::{Comparison, METRICS, RunFolder};
    use super::*;
    use crate::data::Scale;
    use crate::data::mutate::mutate;
    use crate::data::table::{Column, Encoding, Kind};
    use crate::error::Class;
    use crate::rng::{Sequence, Stream};

    fn run_in(parent: &Path) -> PathBuf {
        let mut run =
            RunFolder::create(parent, "digits", &shipped(), None, &Tuning::default()).unwrap();
        run.finish(&start(), &outcome()).unwrap();
        run.path().to_owned()
    }

    fn refused(path: &Path) -> (String, String) {
        let error = load(path).unwrap_err();
        assert_eq!(error.class(), Class::Data, "{error}");
        (error.to_string(), error.help().to_owned())
    }

    #[test]
    fn what_was_written_is_read_back() {
        let parent = tempfile::tempdir().unwrap();
        let trained = load(&run_in(parent.path())).unwrap();
        assert_eq!(trained.config, shipped());
        assert_eq!(trained.model, outcome().model);
        assert_eq!(trained.weights, outcome().weights);
    }

    #[test]
    fn the_same_weights_are_the_same_bytes() {
        let parent = tempfile::tempdir().unwrap();
        let bytes = || fs::read(run_in(parent.path()).join(WEIGHTS)).unwrap();
        assert_eq!(bytes(), bytes());
    }

    #[test]
    fn a_folder_that_is_not_there_names_its_neighbours() {
        let parent = tempfile::tempdir().unwrap();
        let run = run_in(parent.path());
        let (what, help) = refused(&parent.path().join("digit"));
        assert!(what.contains("no such folder"), "{what}");
        assert!(help.contains(&run.display().to_string()), "{help}");
    }

    #[test]
    fn a_folder_of_runs_names_the_runs_inside() {
        let parent = tempfile::tempdir().unwrap();
        let run = run_in(parent.path());
        let (what, help) = refused(parent.path());
        assert!(what.contains("config.toml, model.json"), "{what}");
        assert!(help.contains(&run.display().to_string()), "{help}");
    }

    #[test]
    fn a_file_of_a_run_leads_to_its_folder() {
        let parent = tempfile::tempdir().unwrap();
        let run = run_in(parent.path());
        let (what, help) = refused(&run.join(WEIGHTS));
        assert!(what.contains("a file"), "{what}");
        assert!(help.ends_with(&run.display().to_string()), "{help}");
    }

    #[test]
    fn a_run_without_its_summary_did_not_finish() {
        let parent = tempfile::tempdir().unwrap();
        let run = RunFolder::create(
            parent.path(),
            "digits",
            &shipped(),
            None,
            &Tuning::default(),
        )
        .unwrap();
        let (what, help) = refused(run.path());
        assert!(what.contains("did not finish"), "{what}");
        assert!(help.contains("anygrad train"), "{help}");
    }

    #[test]
    fn every_damaged_file_is_named() {
        for (name, text) in [
            (CONFIG, "seed = \n"),
            (CONFIG, "seed = 1\n"),
            (CONFIG, "\u{0}"),
            (MODEL, "{"),
            (MODEL, "[]"),
            (WEIGHTS, "not safetensors"),
            (WEIGHTS, ""),
        ] {
            let parent = tempfile::tempdir().unwrap();
            let run = run_in(parent.path());
            fs::write(run.join(name), text).unwrap();
            let (what, help) = refused(&run);
            assert!(what.contains(name), "{what}");
            assert!(!help.is_empty(), "{what}");
        }
    }

    #[test]
    fn a_run_with_any_damage_is_read_or_refused_by_its_file() {
        let parent = tempfile::tempdir().unwrap();
        let run = run_in(parent.path());
        let names = [CONFIG, MODEL, WEIGHTS, SUMMARY, METRICS];
        let whole = names.map(|name| fs::read(run.join(name)).unwrap());
        let mut accepted = 0;
        for case in 0..1500 {
            let mut sequence = Sequence::new(31, Stream::Test, case);
            let place = sequence.below(5) as usize;
            let mut bytes = whole[place].clone();
            mutate(&mut bytes, &mut sequence);
            fs::write(run.join(names[place]), &bytes).unwrap();
            match load(&run) {
                Ok(trained) => {
                    accepted += 1;
                    assert!(check_model(&trained.model).is_ok(), "case {case}");
                }
                Err(error) => {
                    assert_eq!(error.class(), Class::Data, "case {case}: {error}");
                    assert!(
                        error.to_string().contains(names[place]),
                        "case {case}: {error}"
                    );
                }
            }
            if let Err(error) = Comparison::of(std::slice::from_ref(&run)) {
                assert_eq!(error.class(), Class::Data, "case {case}: {error}");
            }
            fs::write(run.join(names[place]), &whole[place]).unwrap();
        }
        assert!((300..1450).contains(&accepted), "{accepted} of 1500");
    }

    #[test]
    fn a_model_whose_numbers_cannot_be_is_refused() {
        let good = outcome().model;
        assert_eq!(check_model(&good), Ok(()));
        let scale = |names: &[&str], mean: &[f32], std| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let mean = mean.to_vec();
            Some(Scale { names, mean, std })
        };
        let regression = Model {
            classes: Vec::new(),
            targets: scale(&["y"], &[0.0], 1.0),
            ..good.clone()
        };
        assert_eq!(check_model(&regression), Ok(()));
        for targets in [
            scale(&[], &[], 1.0),
            scale(&["y"], &[], 1.0),
            scale(&["y"], &[f32::NAN], 1.0),
            scale(&["y"], &[0.0], 0.0),
        ] {
            let model = Model {
                targets,
                ..regression.clone()
            };
            assert!(check_model(&model).is_err(), "{model:?}");
        }
        let column = |kind, fill| Column {
            name: "a".to_owned(),
            kind,
            fill,
        };
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        for columns in [
            vec![],
            vec![column(Kind::OneHot(vec![]), None)],
            vec![column(Kind::OneHot(texts(&["b", "a"])), None)],
            vec![column(Kind::Ordinal(texts(&["a", "b"])), Some(2.0))],
            vec![column(Kind::Number, Some(f64::NAN))],
        ] {
            let encoding = Encoding {
                columns,
                target: "y".to_owned(),
            };
            let model = Model {
                sample_shape: [1, 1, encoding.width().max(1)],
                mean: vec![0.0; encoding.width().max(1)],
                std: vec![1.0; encoding.width().max(1)],
                encoding: Some(encoding),
                ..good.clone()
            };
            assert!(check_model(&model).is_err(), "{model:?}");
        }
        let wrong: [fn(&mut Model); 9] = [
            |m| m.targets = Some(Scale::identity(&["y".to_owned()])),
            |m| m.classes = vec!["0".to_owned(), "0".to_owned()],
            |m| m.classes.clear(),
            |m| m.sample_shape[0] = 0,
            |m| m.sample_shape = [usize::MAX; 3],
            |m| m.mean.clear(),
            |m| m.std = vec![0.0],
            |m| m.std = vec![f32::NAN],
            |m| m.divide_by = 0.0,
        ];
        let text = Model {
            classes: vec!["a".to_owned(), "\n".to_owned()],
            sample_shape: [1, 1, 7],
            mean: Vec::new(),
            std: Vec::new(),
            text: true,
            ..good.clone()
        };
        assert_eq!(check_model(&text), Ok(()));
        let wrong_of_text: [fn(&mut Model); 4] = [
            |m| m.classes[1] = "ab".to_owned(),
            |m| m.classes[1].clear(),
            |m| m.sample_shape = [7, 7, 1],
            |m| m.mean.push(0.0),
        ];
        for spoil in wrong_of_text {
            let mut model = text.clone();
            spoil(&mut model);
            assert!(check_model(&model).is_err(), "{model:?}");
        }
        for spoil in wrong {
            let mut model = good.clone();
            spoil(&mut model);
            assert!(check_model(&model).is_err(), "{model:?}");
        }
    }

    #[test]
    fn a_model_file_beyond_its_limit_is_refused_unread() {
        let parent = tempfile::tempdir().unwrap();
        let run = run_in(parent.path());
        let file = fs::File::create(run.join(MODEL)).unwrap();
        file.set_len(MAX_MODEL_BYTES + 1).unwrap();
        assert!(refused(&run).0.contains("16 MiB"), "the limit is named");
    }
}
