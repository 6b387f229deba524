//! The folder of a run while it is being written.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::journal::Journal;
use super::{CONFIG, Document, ENVIRONMENT, METRICS, MODEL, SUMMARY, Summary, WEIGHTS, atomic};
use crate::config::{Config, Task};
use crate::error::{Error, Result};
use crate::train::{Epoch, Outcome, Scores, Start};

/// After so many runs of one name it is time for another name.
const MOST_RUNS: u32 = 100_000;

/// The first line of `metrics.csv`.
fn columns(task: Task) -> String {
    let metric = match task {
        Task::Classification => "accuracy",
        Task::Regression => "rmse",
    };
    format!(
        "epoch,step,train_loss,train_{metric},validation_loss,validation_{metric},samples_per_second,seconds"
    )
}

/// The folder of a run.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    metrics: File,
    journal: Journal,
    last: Option<(Scores, Option<Scores>)>,
}

impl RunFolder {
    /// Makes `<parent>/<name>`, or `<name>-2`, `-3` and so on when that is taken: two trainings that begin at the same moment
    /// never share a folder. It then holds the configuration and empty metrics.
    ///
    /// # Errors
    /// If `parent` is a file; whatever the system refuses. Then no folder is left.
    pub fn create(parent: &Path, name: &str, config: &Config) -> Result<Self> {
        if parent.exists() && !parent.is_dir() {
            return Err(Error::usage(
                format!(
                    "{}: a file, where the folder for runs is wanted",
                    parent.display()
                ),
                "choose another folder with --out",
            ));
        }
        fs::create_dir_all(parent).map_err(|error| Error::io(parent, "create", error))?;
        let path = claim(parent, name)?;
        let begun = Self::begin(path.clone(), config);
        if begun.is_err() {
            // The first error is the one to tell; a folder without a run in it helps nobody.
            for name in [CONFIG, METRICS] {
                let _ = fs::remove_file(path.join(name));
            }
            let _ = fs::remove_dir(&path);
        }
        begun
    }

    /// Writes the files that a run begins with.
    fn begin(path: PathBuf, config: &Config) -> Result<Self> {
        atomic::write(&path.join(CONFIG), config.to_toml().as_bytes())?;
        let metrics = path.join(METRICS);
        atomic::write(
            &metrics,
            format!("{}\n", columns(config.data.task)).as_bytes(),
        )?;
        let file = OpenOptions::new()
            .append(true)
            .open(&metrics)
            .map_err(|error| Error::io(&metrics, "open", error))?;
        Ok(Self {
            journal: Journal::new(&path),
            path,
            metrics: file,
            last: None,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line to the metrics; it is with the system when this returns.
    ///
    /// # Errors
    /// Whatever the system refuses.
    pub fn epoch(&mut self, epoch: &Epoch) -> Result<()> {
        self.last = Some((epoch.train, epoch.validation));
        let line = csv_line(epoch);
        self.metrics
            .write_all(line.as_bytes())
            .map_err(|error| Error::io(&self.path.join(METRICS), "write", error))?;
        self.journal.follow(&line)
    }

    /// Writes down what the training depends on beside its configuration and data; `command` is the command line.
    ///
    /// # Errors
    /// Whatever the system refuses.
    pub fn environment(&self, start: &Start, command: &[String]) -> Result<()> {
        let environment = Environment::new(start, command);
        atomic::write(&self.path.join(ENVIRONMENT), &json(&environment))
    }

    /// Writes the trained network, and last the summary that marks the run as finished.
    ///
    /// # Errors
    /// Whatever the system refuses.
    pub fn finish(&mut self, start: &Start, outcome: &Outcome) -> Result<Summary> {
        self.metrics
            .sync_all()
            .map_err(|error| Error::io(&self.path.join(METRICS), "write", error))?;
        atomic::write(&self.path.join(MODEL), &json(&outcome.model))?;
        atomic::write(&self.path.join(WEIGHTS), &outcome.weights.to_bytes()?)?;
        Document::of(&self.path, start, outcome)?.write(&self.path)?;
        let (train, validation) = self.last.unzip();
        let summary = Summary::new(start, outcome, train, validation.flatten());
        atomic::write(&self.path.join(SUMMARY), &json(&summary))?;
        Ok(summary)
    }
}

/// The first free name; making a folder is the only test for it that no other process can get between.
fn claim(parent: &Path, name: &str) -> Result<PathBuf> {
    for number in 1..=MOST_RUNS {
        let path = match number {
            1 => parent.join(name),
            _ => parent.join(format!("{name}-{number}")),
        };
        match fs::create_dir(&path) {
            Ok(()) => {
                atomic::sync_folder(parent)?;
                return Ok(path);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io(&path, "create", error)),
        }
    }
    Err(Error::usage(
        format!(
            "{}: there are {MOST_RUNS} runs called `{name}` already",
            parent.display()
        ),
        "choose another name with --name, or another folder with --out",
    ))
}

fn csv_line(epoch: &Epoch) -> String {
    let optional = |score: Option<f64>| score.map(|x| x.to_string()).unwrap_or_default();
    format!(
        "{},{},{},{},{},{},{},{}\n",
        epoch.epoch,
        epoch.step,
        epoch.train.loss,
        epoch.train.metric.value(),
        optional(epoch.validation.map(|v| v.loss)),
        optional(epoch.validation.map(|v| v.metric.value())),
        epoch.samples_per_second,
        epoch.seconds,
    )
}

fn json(record: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(record).expect("a record has only keys of text");
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::fabricated::{epoch, outcome, shipped, start};
    use super::*;
    use crate::config;
    use crate::error::Class;
    use crate::train::Metric;

    #[test]
    fn the_second_run_of_a_name_gets_a_number_and_so_does_the_third() {
        let parent = tempfile::tempdir().unwrap();
        let runs = parent.path().join("deep/runs");
        let names: Vec<_> = (0..3)
            .map(|_| RunFolder::create(&runs, "digits", &shipped()).unwrap())
            .map(|run| run.path().strip_prefix(&runs).unwrap().to_owned())
            .collect();
        assert_eq!(names, ["digits", "digits-2", "digits-3"].map(PathBuf::from));
    }

    #[test]
    fn a_file_in_place_of_the_folder_for_runs_is_told_and_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("runs");
        fs::write(&file, "mine").unwrap();
        let error = RunFolder::create(&file, "digits", &shipped()).unwrap_err();
        assert_eq!(error.class(), Class::Usage);
        assert!(error.to_string().contains("a file"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    }

    #[test]
    fn runs_that_begin_together_never_share_a_folder() {
        let parent = tempfile::tempdir().unwrap();
        let config = shipped();
        let mut paths: Vec<PathBuf> = std::thread::scope(|scope| {
            let create = || RunFolder::create(parent.path(), "digits", &config).unwrap();
            let runs: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
            runs.into_iter()
                .map(|run| run.join().unwrap().path().to_owned())
                .collect()
        });
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), 8);
    }

    #[test]
    fn metrics_grow_by_a_line_per_epoch_and_leave_missing_scores_empty() {
        let parent = tempfile::tempdir().unwrap();
        let mut run = RunFolder::create(parent.path(), "digits", &shipped()).unwrap();
        let text = || fs::read_to_string(parent.path().join("digits/metrics.csv")).unwrap();
        let columns = columns(Task::Classification);
        assert_eq!(text(), format!("{columns}\n"));
        run.epoch(&epoch(1, None)).unwrap();
        assert_eq!(text(), format!("{columns}\n1,41,0.5,0.875,,,12345.5,1.5\n"));
        let scores = Scores {
            loss: 0.25,
            metric: Metric::Accuracy(0.9375),
        };
        run.epoch(&epoch(2, Some(scores))).unwrap();
        assert!(
            text().ends_with("\n2,82,0.5,0.875,0.25,0.9375,12345.5,1.5\n"),
            "{}",
            text()
        );
    }

    #[test]
    fn a_finished_run_has_all_files_and_a_summary_of_its_last_epoch() {
        let parent = tempfile::tempdir().unwrap();
        let mut run = RunFolder::create(parent.path(), "digits", &shipped()).unwrap();
        run.epoch(&epoch(1, None)).unwrap();
        run.finish(&start(), &outcome()).unwrap();
        let mut names: Vec<_> = fs::read_dir(run.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let told = [
            "README.md",
            CONFIG,
            "events.out.tfevents.0.anygrad",
            "loss.svg",
            METRICS,
            "metrics.jsonl",
            MODEL,
            "report.html",
            SUMMARY,
            WEIGHTS,
        ];
        assert_eq!(names, told);
        let text = fs::read_to_string(run.path().join(SUMMARY)).unwrap();
        let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(summary["test"]["accuracy"], 0.975);
        assert_eq!(summary["train"]["loss"], 0.5);
        assert_eq!(summary["validation"], serde_json::Value::Null);
        assert_eq!(summary["samples"]["validation"], 144);
        assert_eq!(summary["adapter"]["backend"], "Vulkan");
    }

    #[test]
    fn the_configuration_of_a_run_says_the_same_as_the_one_it_came_from() {
        let parent = tempfile::tempdir().unwrap();
        let config = shipped();
        let run = RunFolder::create(parent.path(), "digits", &config).unwrap();
        assert_eq!(config::load(&run.path().join(CONFIG), &[]).unwrap(), config);
    }
}
