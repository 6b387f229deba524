//! What steers a training beside its numbers: `[checkpoint]`, `[early_stopping]`.

use std::time::Duration;

use super::keys::{self, Choice};
use super::reader::Section;
use super::report::Report;
use super::tree::{Place, Table};
use super::write::Toml;
use super::{Average, Config, Curve, Task, sections, value};

/// `[checkpoint]`: when the state of a training is written down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Checkpoints {
    /// `every`: how often. Default `10m`.
    pub every: Every,
    /// `keep`: so many of the newest stay. Default 2.
    pub keep: usize,
    /// `best`: the epoch that is the best by this metric is kept, too. Default: what early stopping monitors, else none.
    pub best: Option<Monitored>,
    /// `on_nan`: what follows a loss or weights that are not numbers. Default `stop`.
    pub on_nan: OnNan,
}

/// What follows a loss or weights that are not numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OnNan {
    /// `stop`: the training ends and says where it came from.
    Stop,
    /// `rollback`: it goes back to the last checkpoint that was due by steps or epochs.
    Rollback(Rollback),
}

/// The numbers of `rollback`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rollback {
    /// `rollback_factor`: the learning rate is multiplied by this each time. Default 0.5.
    pub factor: f64,
    /// `rollbacks`: so often at most, then the training ends. Default 3.
    pub limit: u32,
}

/// The words for what follows, without their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnNanWord {
    Stop,
    Rollback,
}

impl Choice for OnNanWord {
    const ALL: &'static [(&'static str, Self)] =
        &[("stop", Self::Stop), ("rollback", Self::Rollback)];
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self {
            every: Every::Time(Duration::from_secs(600)),
            keep: 2,
            best: None,
            on_nan: OnNan::Stop,
        }
    }
}

/// How often something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// `500 steps`.
    Steps(u32),
    /// `1 epoch`, `5 epochs`.
    Epochs(u32),
    /// `30s`, `10m`, `2h`: at the end of a submission, as soon as so much time has passed.
    Time(Duration),
    /// `never`: at the end only.
    Never,
}

/// `[early_stopping]`: ends a training that no longer gets better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyStopping {
    /// `monitor`: what is watched. Default `validation_loss`.
    pub monitor: Monitored,
    /// `patience`: epochs without an improvement after which it ends. Default 5.
    pub patience: u32,
    /// `min_delta`: a smaller change is no improvement. Default 0.
    pub min_delta: f64,
    /// `restore_best`: the result is the best epoch, not the last. Default true.
    pub restore_best: bool,
}

/// What can be watched from epoch to epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monitored {
    /// `train_loss`.
    TrainLoss,
    /// `train_accuracy`, of a classification.
    TrainAccuracy,
    /// `train_rmse`, of a regression.
    TrainRmse,
    /// `validation_loss`.
    ValidationLoss,
    /// `validation_accuracy`, of a classification.
    ValidationAccuracy,
    /// `validation_rmse`, of a regression.
    ValidationRmse,
}

impl Monitored {
    /// Whether less is better.
    pub fn falls(self) -> bool {
        !matches!(self, Self::TrainAccuracy | Self::ValidationAccuracy)
    }

    /// Whether it needs validation samples.
    pub fn needs_validation(self) -> bool {
        matches!(
            self,
            Self::ValidationLoss | Self::ValidationAccuracy | Self::ValidationRmse
        )
    }

    /// Whether the samples of such a task have it.
    pub fn is_of(self, task: Task) -> bool {
        match self {
            Self::TrainLoss | Self::ValidationLoss => true,
            Self::TrainAccuracy | Self::ValidationAccuracy => task == Task::Classification,
            Self::TrainRmse | Self::ValidationRmse => task == Task::Regression,
        }
    }

    /// The word for it in a configuration.
    pub fn word(self) -> &'static str {
        Choice::word(self)
    }
}

impl Choice for Monitored {
    const ALL: &'static [(&'static str, Self)] = &[
        ("train_loss", Self::TrainLoss),
        ("train_accuracy", Self::TrainAccuracy),
        ("train_rmse", Self::TrainRmse),
        ("validation_loss", Self::ValidationLoss),
        ("validation_accuracy", Self::ValidationAccuracy),
        ("validation_rmse", Self::ValidationRmse),
    ];
}

impl Choice for Option<Monitored> {
    const ALL: &'static [(&'static str, Self)] = &[
        ("none", None),
        ("train_loss", Some(Monitored::TrainLoss)),
        ("train_accuracy", Some(Monitored::TrainAccuracy)),
        ("train_rmse", Some(Monitored::TrainRmse)),
        ("validation_loss", Some(Monitored::ValidationLoss)),
        ("validation_accuracy", Some(Monitored::ValidationAccuracy)),
        ("validation_rmse", Some(Monitored::ValidationRmse)),
    ];
}

impl Config {
    /// What has no length of its own and so depends on that of the training: with another length even its first steps are others.
    pub fn follows_length(&self) -> Option<&'static str> {
        match (&self.schedule.curve, self.average) {
            (Curve::Cosine { period: None, .. } | Curve::OneCycle { period: None, .. }, _) => {
                Some("the learning rate, whose schedule has no `period`,")
            }
            (_, Some(Average::Swa { begin: None, .. })) => {
                Some("the average of the weights, which has no `begin`,")
            }
            _ => None,
        }
    }
}

/// How `every` is written.
const EVERY: &str =
    "a number with a unit, such as \"500 steps\", \"1 epoch\" or \"10m\" (s, m, h), or \"never\"";

impl std::str::FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("it must be {EVERY}");
        let text = text.trim();
        if text == "never" {
            return Ok(Self::Never);
        }
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = text.split_at(digits);
        let number: u32 = number.parse().map_err(|_| wrong())?;
        if number == 0 {
            return Err(wrong());
        }
        let seconds = |each: u64| Self::Time(Duration::from_secs(u64::from(number) * each));
        match unit.trim_start() {
            "step" | "steps" => Ok(Self::Steps(number)),
            "epoch" | "epochs" => Ok(Self::Epochs(number)),
            "s" => Ok(seconds(1)),
            "m" | "min" => Ok(seconds(60)),
            "h" => Ok(seconds(3600)),
            _ => Err(wrong()),
        }
    }
}

impl std::fmt::Display for Every {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = |n: u32| if n == 1 { "" } else { "s" };
        match *self {
            Self::Steps(n) => write!(f, "{n} step{}", plural(n)),
            Self::Epochs(n) => write!(f, "{n} epoch{}", plural(n)),
            Self::Time(time) => match time.as_secs() {
                s if s.is_multiple_of(3600) => write!(f, "{}h", s / 3600),
                s if s.is_multiple_of(60) => write!(f, "{}m", s / 60),
                s => write!(f, "{s}s"),
            },
            Self::Never => write!(f, "never"),
        }
    }
}

/// Reads `[early_stopping]`.
pub(super) fn early_stopping(report: &mut Report<'_>, root: &Table) -> Option<EarlyStopping> {
    let (table, place) = sections::table(report, root, "early_stopping")?;
    let mut s = Section::open(
        report,
        table,
        &place,
        "[early_stopping]",
        keys::EARLY_STOPPING,
    );
    Some(EarlyStopping {
        monitor: s.choice("monitor").unwrap_or(Monitored::ValidationLoss),
        patience: u32::try_from(s.int("patience")).unwrap_or(u32::MAX),
        min_delta: s.float("min_delta"),
        restore_best: s.bool("restore_best"),
    })
}

/// Reads `[checkpoint]`.
pub(super) fn checkpoints(
    report: &mut Report<'_>,
    root: &Table,
    end: &Place,
    early: Option<&EarlyStopping>,
) -> Checkpoints {
    let empty = Table::default();
    let (table, place) =
        sections::table(report, root, "checkpoint").unwrap_or((&empty, end.clone()));
    let mut s = Section::open(report, table, &place, "[checkpoint]", keys::CHECKPOINT);
    let every = match s.text("every").map(|text| text.parse()) {
        None => None,
        Some(Ok(every)) => Some(every),
        Some(Err(_)) => {
            let message = format!("`every` must be {EVERY}");
            s.mistake_at("every", &message, "no number with a unit", "");
            None
        }
    };
    let rollback = Rollback {
        factor: s.float("rollback_factor"),
        limit: u32::try_from(s.int("rollbacks")).unwrap_or(u32::MAX),
    };
    let on_nan = match s.choice("on_nan") {
        Some(OnNanWord::Rollback) => OnNan::Rollback(rollback),
        _ => OnNan::Stop,
    };
    let every = match (on_nan, every) {
        (OnNan::Rollback(_), Some(Every::Time(_) | Every::Never)) => {
            s.mistake_at(
                "every",
                "`every` depends on the clock or never comes, but on_nan = \"rollback\" needs checkpoints at fixed steps",
                "no fixed step",
                "write a number of steps or epochs, or remove `every`",
            );
            Every::Epochs(1)
        }
        (OnNan::Rollback(_), None) => Every::Epochs(1),
        (_, every) => every.unwrap_or(Checkpoints::default().every),
    };
    let monitored = early.map(|early| early.monitor);
    let given = s.given("best").is_some();
    let best = s.choice::<Option<Monitored>>("best").unwrap_or(None);
    if given && monitored.is_some() && s.sound("best") && best != monitored {
        s.mistake_at(
            "best",
            "`best` is another metric than [early_stopping] monitors",
            "which one is it?",
            "remove `best`, or name the same metric in both",
        );
    }
    Checkpoints {
        every,
        keep: value::size(s.int("keep")),
        best: best.or(monitored),
        on_nan,
    }
}

/// Writes both tables.
pub(super) fn write(toml: &mut Toml, checkpoints: Checkpoints, early: Option<&EarlyStopping>) {
    toml.header("[checkpoint]");
    toml.text("every", &checkpoints.every.to_string());
    toml.put("keep", checkpoints.keep);
    toml.word("best", checkpoints.best);
    match checkpoints.on_nan {
        OnNan::Stop => toml.word("on_nan", OnNanWord::Stop),
        OnNan::Rollback(rollback) => {
            toml.word("on_nan", OnNanWord::Rollback);
            toml.float("rollback_factor", rollback.factor);
            toml.put("rollbacks", rollback.limit);
        }
    }
    if let Some(early) = early {
        toml.header("[early_stopping]");
        toml.word("monitor", early.monitor);
        toml.put("patience", early.patience);
        toml.float("min_delta", early.min_delta);
        toml.put("restore_best", early.restore_best);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_as_it_is_written() {
        let time = |seconds| Every::Time(Duration::from_secs(seconds));
        for (text, span, written) in [
            ("500 steps", Every::Steps(500), "500 steps"),
            ("1step", Every::Steps(1), "1 step"),
            ("1epoch", Every::Epochs(1), "1 epoch"),
            ("20 epochs", Every::Epochs(20), "20 epochs"),
            ("10m", time(600), "10m"),
            ("90s", time(90), "90s"),
            ("120s", time(120), "2m"),
            ("2 h", time(7200), "2h"),
            ("never", Every::Never, "never"),
        ] {
            assert_eq!(text.parse(), Ok(span), "{text}");
            assert_eq!(span.to_string(), written);
            assert_eq!(written.parse(), Ok(span), "{written}");
        }
        for wrong in [
            "",
            "10",
            "m",
            "0 steps",
            "-1 steps",
            "1.5h",
            "3 days",
            "99999999999s",
        ] {
            let refused = wrong.parse::<Every>().unwrap_err();
            assert!(refused.contains("500 steps"), "{refused}");
        }
    }
}
