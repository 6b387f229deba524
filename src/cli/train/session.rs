//! A training while it runs: what is told of it, and what is kept.

use std::path::Path;
use std::time::{Duration, Instant};

use super::super::format;
use super::super::output::Out;
use super::{PREPARING, lines, objects};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::report::RunFolder;
use crate::train::{Checkpoint, Event, Progress, RolledBack, Start};

/// What to know of a software adapter.
const SLOW: &str = "a software adapter: it works, but a GPU is much faster (`anygrad devices` lists what there is)";

/// Without a terminal, an epoch that lasts longer says so this often.
const EVERY: Duration = Duration::from_secs(10);

/// A training while it runs.
pub(super) struct Session<'a> {
    pub(super) out: &'a Out,
    pub(super) parent: &'a Path,
    pub(super) config: &'a Config,
    pub(super) init: Option<&'a Path>,
    /// The folder of a run that goes on.
    pub(super) reopened: Option<RunFolder>,
    pub(super) run: Option<Run>,
    /// Why the newest state could not be kept.
    pub(super) unsaved: Option<Error>,
    pub(super) pace: Pace,
    /// In place of lines.
    #[cfg(feature = "tui")]
    pub(super) dashboard: Option<super::tui::Dashboard>,
}

/// What there is once the first step is about to come.
pub(super) struct Run {
    pub(super) start: Start,
    pub(super) folder: RunFolder,
}

impl Session<'_> {
    pub(super) fn observe(&mut self, event: &Event) -> Result<()> {
        #[cfg(feature = "tui")]
        if let Some(dashboard) = &self.dashboard {
            dashboard.tell(event);
        }
        match event {
            Event::Reading { done, total } => {
                self.reading(*done, *total);
                Ok(())
            }
            Event::Start(start) => self.start(start),
            Event::Steps(_) => Ok(()),
            Event::Checkpoint(checkpoint) => self.checkpoint(checkpoint),
            Event::Rollback(back) => self.rollback(back),
            Event::Progress(progress) => {
                self.progress(progress);
                Ok(())
            }
            Event::Epoch(epoch) => {
                let Run { start, folder } = self.run.as_mut().expect("the start comes first");
                folder.epoch(epoch)?;
                self.pace.epoch_ends(Instant::now());
                self.out.object(&objects::Epoch::from(epoch))?;
                let width = super::super::output::width_of_stdout();
                self.out
                    .line(lines::epoch(epoch, lines::epochs(start), width))
            }
        }
    }

    fn start(&mut self, start: &Start) -> Result<()> {
        self.out.end_bar();
        let folder = match (self.reopened.take(), &start.resumed) {
            // Made only now, so that a mistake in configuration or data leaves no folder behind.
            (None, _) => RunFolder::create(
                self.parent,
                &start.name,
                self.config,
                self.init,
                &start.kernels,
            )?,
            (Some(mut folder), resumed) => {
                let epochs = resumed.as_ref().map_or(&[][..], |resumed| &resumed.epochs);
                folder.rewind(epochs, Some(self.config))?;
                folder
            }
        };
        folder.environment(start, &super::super::command_line())?;
        let path = folder.path().to_owned();
        self.run = Some(Run {
            start: start.clone(),
            folder,
        });
        self.out.object(&objects::Start::new(start, &path))?;
        let shown = format::clean(path.display());
        self.out.prose(&lines::start(start, &shown))?;
        for note in &start.notes {
            self.out.warn(&format::clean(note));
        }
        if start.adapter.is_software() {
            self.out.hint("hint:", SLOW);
        }
        if let Some(warning) = &start.kernels.warning {
            self.out.warn(&format::clean(warning));
        }
        if let Some(hint) = lines::batch_too_large(start) {
            self.out.hint("hint:", &hint);
        }
        self.out.line("")?;
        self.out.begin_bar(start.steps);
        self.out
            .bar(lines::epoch_of(1, lines::epochs(start)), 0, &[]);
        self.pace = Pace::new(Instant::now());
        Ok(())
    }

    /// How far the reading of the data is; after it, planning and compiling go on under the spinner.
    fn reading(&self, done: usize, total: usize) {
        if done == 0 {
            self.out.end_bar();
            self.out.begin_bar(total as u64);
        }
        if done == total {
            self.out.end_bar();
            self.out.begin_spinner(PREPARING);
        } else {
            let parts = [format!("{}/{}", format::count(done), format::count(total))];
            self.out.bar("reading".to_owned(), done as u64, &parts);
        }
    }

    /// A state that cannot be kept is no reason to lose a training: the next one may be.
    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let Run { folder, .. } = self.run.as_mut().expect("the start comes first");
        let step = checkpoint.host.step;
        match folder.checkpoint(checkpoint) {
            Ok(path) => {
                self.unsaved = None;
                self.out.object(&objects::Checkpoint::new(step, &path))
            }
            Err(error) => {
                let what = format!("no checkpoint after step {step}: {}", format::clean(&error));
                #[cfg(feature = "tui")]
                if let Some(dashboard) = &self.dashboard {
                    dashboard.warn(&what);
                }
                self.out.warn(&what);
                self.unsaved = Some(error);
                Ok(())
            }
        }
    }

    fn rollback(&mut self, back: &RolledBack) -> Result<()> {
        let Run { folder, .. } = self.run.as_mut().expect("the start comes first");
        folder.rewind(&back.epochs, None)?;
        let [time, limit] = back.times;
        self.out.warn(&format!(
            "{}; back to step {} with {} of the learning rate ({time} of {limit} times)",
            format::clean(&back.why),
            back.step,
            back.learning_rate_factor
        ));
        self.out.object(&objects::Rollback::from(back))
    }

    fn progress(&mut self, progress: &Progress) {
        let Some(Run { start, .. }) = &self.run else {
            return;
        };
        let now = Instant::now();
        let left = self.pace.seconds_left(progress.step, start.steps, now);
        let prefix = lines::epoch_of(progress.epoch, lines::epochs(start));
        if self.out.is_live() {
            let parts = lines::bar_parts(progress, start.steps, left);
            self.out.bar(prefix, progress.step, &parts);
        } else if !self.out.is_held() && self.pace.is_due(now) {
            self.out.talk(lines::progress(progress, start, left));
        }
    }
}

/// When something was said, and how fast it goes.
pub(super) struct Pace {
    began: Instant,
    said: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            said: now,
        }
    }

    fn epoch_ends(&mut self, now: Instant) {
        self.said = now;
    }

    /// Whether nothing has been said for so long that it is time; if so, something will be.
    fn is_due(&mut self, now: Instant) -> bool {
        let due = now.duration_since(self.said) >= EVERY;
        if due {
            self.said = now;
        }
        due
    }

    /// Seconds to the last step, validation included, if it goes on like this.
    fn seconds_left(&self, step: u64, steps: u64, now: Instant) -> f64 {
        let seconds = now.duration_since(self.began).as_secs_f64();
        seconds * steps.saturating_sub(step) as f64 / step as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_lasts_ten_seconds_at_most() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut pace = Pace::new(begin);
        assert!(!pace.is_due(at(9)), "nine seconds are short");
        assert!(pace.is_due(at(10)), "ten are not");
        assert!(!pace.is_due(at(19)), "nine since then");
        pace.epoch_ends(at(19));
        assert!(
            !pace.is_due(at(28)),
            "the end of an epoch was something said"
        );
        assert!(pace.is_due(at(29)), "ten since the epoch's end");
    }

    #[test]
    fn what_is_left_follows_from_what_is_done() {
        let begin = Instant::now();
        let pace = Pace::new(begin);
        let left = pace.seconds_left(25, 100, begin + Duration::from_secs(5));
        assert!((left - 15.0).abs() < 1e-9, "{left}");
        let unknown = pace.seconds_left(0, 100, begin + Duration::from_secs(5));
        assert!(!unknown.is_finite(), "{unknown}");
    }
}
