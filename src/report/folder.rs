//! The folder of a run while it is being written.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::checkpoints::{self, Found};
use super::disk::{self, Disk};
use super::environment::Environment;
use super::journal::Journal;
use super::trace::Trace;
use super::{
    CONFIG, Document, ENVIRONMENT, INIT, KERNELS, LAST_WEIGHTS, LOCK, METRICS, MODEL, SUMMARY,
    Summary, TRACE, WEIGHTS, atomic,
};
use crate::config::{self, Config, Task};
use crate::error::{Error, Result};
use crate::train::{Checkpoint, Epoch, Outcome, Scores, Start, Tuning};

/// After so many runs of one name it is time for another name.
const MOST_RUNS: u32 = 100_000;

/// The first line of `metrics.csv`.
fn columns(task: Task) -> String {
    let metric = match task {
        Task::Classification => "accuracy",
        Task::Regression => "rmse",
    };
    format!(
        "epoch,step,train_loss,train_{metric},validation_loss,validation_{metric},learning_rate,samples_per_second,seconds"
    )
}

/// The folder of a run, which no other process writes to as long as this lives.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    disk: Box<dyn Disk>,
    _lock: File,
    metrics: File,
    /// How many of the newest checkpoints stay.
    keep: usize,
    task: Task,
    journal: Journal,
    last: Option<(Scores, Option<Scores>)>,
}

impl RunFolder {
    /// Makes `<parent>/<name>`, or `<name>-2`, `-3` and so on when that is taken: two trainings that begin at the same moment
    /// never share a folder. It then holds the configuration, empty metrics, and the weights it begins with, where a file of them
    /// is given.
    ///
    /// # Errors
    /// If `parent` is a file; whatever the system refuses. Then no folder is left.
    pub fn create(
        parent: &Path,
        name: &str,
        config: &Config,
        init: Option<&Path>,
        kernels: &Tuning,
    ) -> Result<Self> {
        let disk = disk::of_process();
        let path = claim_in(&*disk, parent, name)?;
        let begun = Self::begin(path.clone(), disk, config, init, kernels);
        if begun.is_err() {
            // The first error is the one to tell; a folder without a run in it helps nobody.
            for name in [CONFIG, METRICS, INIT, KERNELS, LOCK] {
                let _ = fs::remove_file(path.join(name));
            }
            let _ = fs::remove_dir(&path);
        }
        begun
    }

    /// Writes the files that a run begins with, the configuration last: a folder that has one is a run with all of them.
    fn begin(
        path: PathBuf,
        disk: Box<dyn Disk>,
        config: &Config,
        init: Option<&Path>,
        kernels: &Tuning,
    ) -> Result<Self> {
        let lock = lock(&path)?;
        if let Some(init) = init {
            let bytes = fs::read(init).map_err(|error| Error::io(init, "read", error))?;
            atomic::write(&*disk, &path.join(INIT), &bytes)?;
        }
        atomic::write(&*disk, &path.join(KERNELS), &json(kernels))?;
        let task = config.data.task;
        let metrics = write_metrics(&*disk, &path, task, &[])?;
        atomic::write(&*disk, &path.join(CONFIG), config.to_toml().as_bytes())?;
        Ok(Self {
            journal: Journal::new(&path),
            path,
            disk,
            _lock: lock,
            metrics,
            keep: config.checkpoints.keep,
            task,
            last: None,
        })
    }

    /// Opens the folder of a run that was begun before, to go on with it.
    ///
    /// # Errors
    /// If it is not the folder of a run, or another process is at work in it.
    pub fn reopen(path: &Path) -> Result<(Self, Begun)> {
        let shown = path.display();
        if !path.join(CONFIG).is_file() {
            let what = if path.is_dir() {
                format!("{shown}: not the folder of a run: {CONFIG} is missing")
            } else {
                format!("{shown}: there is no such folder")
            };
            return Err(Error::data(
                what,
                "`anygrad train` makes one: runs/NAME; nothing was trained in a folder without a configuration",
            ));
        }
        let lock = lock(path)?;
        let config = config::load(&path.join(CONFIG), &[])?;
        let metrics = OpenOptions::new().append(true).open(path.join(METRICS));
        let folder = Self {
            journal: Journal::new(path),
            path: path.to_owned(),
            disk: disk::of_process(),
            _lock: lock,
            metrics: metrics.map_err(|error| Error::io(&path.join(METRICS), "open", error))?,
            keep: config.checkpoints.keep,
            task: config.data.task,
            last: None,
        };
        let init = path.join(INIT);
        let begun = Begun {
            config,
            found: checkpoints::newest(path),
            init: init.is_file().then_some(init),
            kernels: read_kernels(&path.join(KERNELS))?,
            is_finished: is_finished(&path.join(SUMMARY)),
        };
        Ok((folder, begun))
    }

    /// Brings the folder to where a training goes on: the metrics of the epochs that are complete, and no more; another
    /// configuration, if it has changed. From then on the run is unfinished.
    ///
    /// # Errors
    /// Whatever the system refuses.
    pub fn rewind(&mut self, epochs: &[Epoch], config: Option<&Config>) -> Result<()> {
        let summary = self.path.join(SUMMARY);
        match fs::remove_file(&summary) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Error::io(&summary, "remove", error));
            }
            _ => {}
        }
        self.metrics = write_metrics(&*self.disk, &self.path, self.task, epochs)?;
        self.journal = Journal::new(&self.path);
        self.last = epochs.last().map(|epoch| (epoch.train, epoch.validation));
        if let Some(config) = config {
            self.keep = config.checkpoints.keep;
            let text = config.to_toml();
            atomic::write(&*self.disk, &self.path.join(CONFIG), text.as_bytes())?;
        }
        Ok(())
    }

    /// Keeps the state of the training. When this fails, the states that were kept before still are.
    ///
    /// # Errors
    /// Whatever the system refuses.
    pub fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<PathBuf> {
        checkpoints::save(&*self.disk, &self.path, checkpoint, self.keep)
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
        atomic::write(
            &*self.disk,
            &self.path.join(ENVIRONMENT),
            &json(&environment),
        )
    }

    /// Writes the trained network, and last the summary that marks the run as finished.
    ///
    /// # Errors
    /// Whatever the system refuses.
    pub fn finish(&mut self, start: &Start, outcome: &Outcome) -> Result<Summary> {
        self.metrics
            .sync_all()
            .map_err(|error| Error::io(&self.path.join(METRICS), "write", error))?;
        let write =
            |name: &str, bytes: &[u8]| atomic::write(&*self.disk, &self.path.join(name), bytes);
        write(MODEL, &json(&outcome.model))?;
        if let Some(last) = &outcome.raw_weights {
            write(LAST_WEIGHTS, &last.to_bytes()?)?;
        }
        write(WEIGHTS, &outcome.weights.to_bytes()?)?;
        if let Some(profile) = &outcome.profile {
            write(TRACE, &json(&Trace::new(profile)))?;
        }
        Document::of(&self.path, start, outcome)?.write(&write)?;
        let (train, validation) = self.last.unzip();
        let summary = Summary::new(start, outcome, train, validation.flatten());
        write(SUMMARY, &json(&summary))?;
        Ok(summary)
    }
}

/// [`claim`] in a folder for runs, which is made if it is not there.
pub(super) fn claim_in(disk: &dyn Disk, parent: &Path, name: &str) -> Result<PathBuf> {
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
    claim(disk, parent, name)
}

/// What there is of a run that was begun before.
#[derive(Debug)]
pub struct Begun {
    /// Its configuration.
    pub config: Config,
    /// Its checkpoints.
    pub found: Found,
    /// The weights it began with, where they were given.
    pub init: Option<PathBuf>,
    /// Which ways its kernels are computed.
    pub kernels: Tuning,
    /// Whether it came to its end.
    pub is_finished: bool,
}

/// Whether a summary is that of a training which came to its end, and not only to the end of its time.
fn is_finished(summary: &Path) -> bool {
    let bytes = fs::read(summary).unwrap_or_default();
    let summary: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    summary["ending"].is_string() && summary["ending"] != "time_is_up"
}

/// Which ways the kernels of a run are computed.
fn read_kernels(path: &Path) -> Result<Tuning> {
    let bytes = fs::read(path).map_err(|error| Error::io(path, "read", error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Error::data(
            format!("{}: no choice of kernels: {error}", path.display()),
            "it was changed since it was written; restore it, or train again",
        )
    })
}

/// Takes the lock of a run. The system gives it back when the process ends, however it ends.
fn lock(run: &Path) -> Result<File> {
    let path = run.join(LOCK);
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| Error::io(&path, "create", error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(Error::usage(
                format!(
                    "{}: another process is training in it{}",
                    run.display(),
                    match holder.trim() {
                        "" => String::new(),
                        pid => format!(" (process {pid})"),
                    }
                ),
                "wait for it or stop it; a new training gets a folder of its own",
            ));
        }
        // A file system without locks: what is lost is only this protection.
        Err(TryLockError::Error(_)) => return Ok(file),
    }
    let written = file
        .set_len(0)
        .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
    written.map_err(|error| Error::io(&path, "write", error))?;
    Ok(file)
}

/// Writes the metrics of these epochs; the file, to add to it.
fn write_metrics(disk: &dyn Disk, run: &Path, task: Task, epochs: &[Epoch]) -> Result<File> {
    let path = run.join(METRICS);
    let lines: String = epochs.iter().map(csv_line).collect();
    let text = format!("{}\n{lines}", columns(task));
    atomic::write(disk, &path, text.as_bytes())?;
    let file = OpenOptions::new().append(true).open(&path);
    file.map_err(|error| Error::io(&path, "open", error))
}

/// The first free name; making a folder is the only test for it that no other process can get between.
fn claim(disk: &dyn Disk, parent: &Path, name: &str) -> Result<PathBuf> {
    for number in 1..=MOST_RUNS {
        let path = match number {
            1 => parent.join(name),
            _ => parent.join(format!("{name}-{number}")),
        };
        match disk.create_dir(&path) {
            Ok(()) => {
                atomic::sync_folder(disk, parent)?;
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
        "{},{},{},{},{},{},{},{},{}\n",
        epoch.epoch,
        epoch.step,
        epoch.train.loss,
        epoch.train.metric.value(),
        optional(epoch.validation.map(|v| v.loss)),
        optional(epoch.validation.map(|v| v.metric.value())),
        epoch.learning_rate,
        epoch.samples_per_second,
        epoch.seconds,
    )
}

pub(super) fn json(record: &impl serde::Serialize) -> Vec<u8> {
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
    use crate::train::{Metric, Weights};

    #[test]
    fn the_second_run_of_a_name_gets_a_number_and_so_does_the_third() {
        let parent = tempfile::tempdir().unwrap();
        let runs = parent.path().join("deep/runs");
        let names: Vec<_> = (0..3)
            .map(|_| {
                RunFolder::create(&runs, "digits", &shipped(), None, &Tuning::default()).unwrap()
            })
            .map(|run| run.path().strip_prefix(&runs).unwrap().to_owned())
            .collect();
        assert_eq!(names, ["digits", "digits-2", "digits-3"].map(PathBuf::from));
    }

    #[test]
    fn a_file_in_place_of_the_folder_for_runs_is_told_and_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("runs");
        fs::write(&file, "mine").unwrap();
        let error =
            RunFolder::create(&file, "digits", &shipped(), None, &Tuning::default()).unwrap_err();
        assert_eq!(error.class(), Class::Usage);
        assert!(error.to_string().contains("a file"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    }

    #[test]
    fn runs_that_begin_together_never_share_a_folder() {
        let parent = tempfile::tempdir().unwrap();
        let config = shipped();
        let mut paths: Vec<PathBuf> = std::thread::scope(|scope| {
            let create = || {
                RunFolder::create(parent.path(), "digits", &config, None, &Tuning::default())
                    .unwrap()
            };
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
        let mut run = RunFolder::create(
            parent.path(),
            "digits",
            &shipped(),
            None,
            &Tuning::default(),
        )
        .unwrap();
        let text = || fs::read_to_string(parent.path().join("digits/metrics.csv")).unwrap();
        let columns = columns(Task::Classification);
        assert_eq!(text(), format!("{columns}\n"));
        run.epoch(&epoch(1, None)).unwrap();
        assert_eq!(
            text(),
            format!("{columns}\n1,41,0.5,0.875,,,0.01,12345.5,1.5\n")
        );
        let scores = Scores {
            loss: 0.25,
            metric: Metric::Accuracy(0.9375),
        };
        run.epoch(&epoch(2, Some(scores))).unwrap();
        assert!(
            text().ends_with("\n2,82,0.5,0.875,0.25,0.9375,0.01,12345.5,1.5\n"),
            "{}",
            text()
        );
    }

    #[test]
    fn a_finished_run_has_all_files_and_a_summary_of_its_last_epoch() {
        let parent = tempfile::tempdir().unwrap();
        let mut run = RunFolder::create(
            parent.path(),
            "digits",
            &shipped(),
            None,
            &Tuning::default(),
        )
        .unwrap();
        run.epoch(&epoch(1, None)).unwrap();
        run.finish(&start(), &outcome()).unwrap();
        let mut names: Vec<_> = fs::read_dir(run.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let told = [
            LOCK,
            "README.md",
            CONFIG,
            "events.out.tfevents.0.anygrad",
            KERNELS,
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
    fn the_weights_of_the_last_step_stand_beside_their_average() {
        let parent = tempfile::tempdir().unwrap();
        let run = RunFolder::create(
            parent.path(),
            "digits",
            &shipped(),
            None,
            &Tuning::default(),
        );
        let last = Weights::default();
        let outcome = Outcome {
            raw_weights: Some(last.clone()),
            ..outcome()
        };
        run.unwrap().finish(&start(), &outcome).unwrap();
        let file = parent.path().join("digits").join(LAST_WEIGHTS);
        assert_eq!(fs::read(file).unwrap(), last.to_bytes().unwrap());
    }

    #[test]
    fn a_run_that_was_profiled_has_a_trace() {
        let parent = tempfile::tempdir().unwrap();
        let mut run = RunFolder::create(
            parent.path(),
            "digits",
            &shipped(),
            None,
            &Tuning::default(),
        )
        .unwrap();
        let outcome = Outcome {
            profile: Some(super::super::fabricated::profile()),
            ..outcome()
        };
        run.finish(&start(), &outcome).unwrap();
        let text = fs::read_to_string(run.path().join(TRACE)).unwrap();
        let trace: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(trace["traceEvents"].is_array());
    }

    #[test]
    fn the_configuration_of_a_run_says_the_same_as_the_one_it_came_from() {
        let parent = tempfile::tempdir().unwrap();
        let config = shipped();
        let run =
            RunFolder::create(parent.path(), "digits", &config, None, &Tuning::default()).unwrap();
        assert_eq!(config::load(&run.path().join(CONFIG), &[]).unwrap(), config);
    }

    #[test]
    fn two_processes_never_train_in_one_folder() {
        let parent = tempfile::tempdir().unwrap();
        let run = RunFolder::create(
            parent.path(),
            "digits",
            &shipped(),
            None,
            &Tuning::default(),
        )
        .unwrap();
        let error = RunFolder::reopen(run.path()).unwrap_err();
        assert_eq!(error.class(), Class::Usage);
        let process = format!("(process {})", std::process::id());
        assert!(error.to_string().contains(&process), "{error}");
        let path = run.path().to_owned();
        drop(run);
        RunFolder::reopen(&path).unwrap();
    }

    #[test]
    fn a_run_that_goes_on_has_the_metrics_of_its_checkpoint_and_no_more() {
        let parent = tempfile::tempdir().unwrap();
        let mut run = RunFolder::create(
            parent.path(),
            "digits",
            &shipped(),
            None,
            &Tuning::default(),
        )
        .unwrap();
        for number in 1..=3 {
            run.epoch(&epoch(number, None)).unwrap();
        }
        let file = run.path().join(METRICS);
        let before = fs::read_to_string(&file).unwrap();
        run.rewind(&[epoch(1, None)], None).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 2);
        run.epoch(&epoch(2, None)).unwrap();
        run.epoch(&epoch(3, None)).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
    }

    #[test]
    fn weights_to_begin_with_are_kept_with_the_run() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("start.safetensors");
        fs::write(&file, "weights").unwrap();
        let run = RunFolder::create(
            parent.path(),
            "digits",
            &shipped(),
            Some(&file),
            &Tuning::default(),
        )
        .unwrap();
        let path = run.path().to_owned();
        drop(run);
        let (_, begun) = RunFolder::reopen(&path).unwrap();
        assert_eq!(fs::read(begun.init.as_ref().unwrap()).unwrap(), b"weights");
        assert!(
            !begun.is_finished && begun.found.resume.is_none(),
            "{begun:?}"
        );
    }
}
