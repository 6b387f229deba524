//! `anygrad train --resume RUN`: a run that was begun before goes on.

use std::path::Path;
use std::sync::Arc;

use super::super::format;
use super::super::output::Out;
use super::{Begin, Options, kept};
use crate::config::{self, Config, Length, OnNan};
use crate::error::{Error, Result};
use crate::report::{Begun, RunFolder};
use crate::train::Tune;

/// What is needed to go on with a run; nothing, said aloud, if it is finished and nothing is to be added.
pub(super) fn open(options: &Options, run: &Path, out: &Out) -> Result<Option<Begin>> {
    let (folder, begun) = RunFolder::reopen(run)?;
    let config = configuration(options, run, &begun)?;
    let shown = format::shell(run.display());
    for torn in &begun.found.torn {
        out.warn(&format!(
            "a checkpoint is left out: {}",
            format::clean(torn)
        ));
    }
    let is_longer = longer(begun.config.train.length, config.train.length);
    if begun.is_finished && !is_longer {
        out.talk(format!(
            "{shown} is finished: there is nothing to go on with"
        ));
        out.hint(
            "next:",
            &format!("to train longer: anygrad train --resume {shown} --set train.epochs=N"),
        );
        return Ok(None);
    }
    if begun.found.resume.is_none() {
        out.warn(&format!(
            "{shown} has no checkpoint: the training begins again at its first step"
        ));
    }
    if config != begun.config {
        let changes = changes(&begun.config, &config);
        out.hint(
            "changed:",
            &format!(
                "{}; steps are computed as in a run that was begun so",
                changes.join(", ")
            ),
        );
    }
    Ok(Some(Begin {
        kept: kept(&config, options.data.as_deref())?,
        config,
        init: begun.init,
        tune: Tune::As(begun.kernels.choices),
        resume: begun.found.resume.map(Arc::new),
        folder: Some(folder),
    }))
}

/// The configuration of the run with what may be changed in it.
fn configuration(options: &Options, run: &Path, begun: &Begun) -> Result<Config> {
    let file = run.join("config.toml");
    let mut config = config::load(&file, &options.sets)?;
    if let Some(every) = options.checkpoint_every {
        config.checkpoints.every = every;
    }
    let before = &begun.config;
    let mut same = config.clone();
    same.train.length = before.train.length;
    // Where it may go back, the steps at which it keeps its state decide to which.
    if matches!(before.checkpoints.on_nan, OnNan::Stop) {
        same.checkpoints.every = before.checkpoints.every;
    }
    same.checkpoints.keep = before.checkpoints.keep;
    same.data.path.clone_from(&before.data.path);
    if let (Some(same), Some(before)) = (&mut same.early_stopping, &before.early_stopping) {
        same.patience = before.patience;
        same.restore_best = before.restore_best;
    }
    if same != *before {
        return Err(Error::usage(
            format!(
                "{}: with {} it would be another training",
                run.display(),
                changes(before, &same).join(", ")
            ),
            format!(
                "a run goes on with other train.epochs or train.steps, checkpoint.every and keep, early_stopping.patience and \
                 restore_best, and --data; for anything else begin a new one from its weights, with --init {}",
                run.join("weights.safetensors").display()
            ),
        ));
    }
    if let (Some(what), true) = (
        config.follows_length(),
        config.train.length != before.train.length,
    ) {
        return Err(Error::usage(
            format!(
                "{}: {what} spans the whole training, so with another length it would have been another training from its first step",
                run.display()
            ),
            format!(
                "begin a new one from its weights, with --init {}",
                run.join("weights.safetensors").display()
            ),
        ));
    }
    Ok(config)
}

/// Whether there is more to do than before; epochs and steps are not compared with each other.
fn longer(before: Length, now: Length) -> bool {
    match (before, now) {
        (Length::Epochs(before), Length::Epochs(now))
        | (Length::Steps(before), Length::Steps(now)) => now > before,
        _ => true,
    }
}

/// The lines of the configuration that are not as they were.
fn changes(before: &Config, now: &Config) -> Vec<String> {
    let (before, now) = (before.to_toml(), now.to_toml());
    let was: Vec<&str> = before.lines().collect();
    let other = now.lines().filter(|line| !was.contains(line));
    let other = other.filter(|line| !line.is_empty());
    other.map(|line| format!("`{line}`")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_longer_when_its_count_grows() {
        assert!(longer(Length::Epochs(3), Length::Epochs(4)));
        assert!(!longer(Length::Epochs(3), Length::Epochs(3)));
        assert!(!longer(Length::Steps(30), Length::Steps(20)));
        assert!(
            longer(Length::Epochs(3), Length::Steps(1)),
            "it must be tried"
        );
    }

    #[test]
    fn changes_are_told_as_the_lines_that_changed() {
        let parse = |sets: &[&str]| {
            let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
            let (name, text) = config::SHIPPED[0];
            config::parse(name, text, &sets).unwrap()
        };
        let changed = parse(&["train.epochs=99", "optimizer.learning_rate=0.5"]);
        assert_eq!(
            changes(&parse(&[]), &changed),
            ["`epochs = 99`", "`learning_rate = 0.5`"]
        );
    }
}
