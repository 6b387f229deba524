//! `[schedule]`: how the learning rate moves.

use super::keys::{self, Choice};
use super::reader::Section;
use super::report::Report;
use super::sections::table;
use super::tree::Table;

/// `[schedule]`: the learning rate over time, as a curve behind a warm-up. Curves and numbers are those of
/// `torch.optim.lr_scheduler`.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// `warmup`: updates in which the learning rate grows in a straight line to where the curve begins. Default 0.
    pub warmup: u32,
    /// `warmup_from`: the share of the learning rate in the first of these, 0 <= x < 1. Default 0.
    pub warmup_from: f64,
    /// `kind` and the keys of that kind. Default `constant`.
    pub curve: Curve,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            warmup: 0,
            warmup_from: 0.0,
            curve: Curve::Constant,
        }
    }
}

/// What the learning rate of `[optimizer]` is multiplied with, as a function of the time since the warm-up.
#[derive(Clone, Debug, PartialEq)]
pub enum Curve {
    /// `constant`: it stays.
    Constant,
    /// `step`: times `gamma` after `every` units.
    Step {
        /// `every`: units from drop to drop, at least 1. Required.
        every: u32,
        /// `gamma`: above 0. Default 0.1.
        gamma: f64,
        /// `unit`. Default epochs.
        unit: Unit,
    },
    /// `multi_step`: times `gamma` at each milestone.
    MultiStep {
        /// `milestones`: units, at most [`MAX_MILESTONES`], in increasing order. Required.
        milestones: Vec<u32>,
        /// `gamma`: above 0. Default 0.1.
        gamma: f64,
        /// `unit`. Default epochs.
        unit: Unit,
    },
    /// `exponential`: times `gamma` after every unit.
    Exponential {
        /// `gamma`: above 0. Required.
        gamma: f64,
        /// `unit`. Default epochs.
        unit: Unit,
    },
    /// `cosine`: down along half a cosine.
    Cosine {
        /// `period`: units of the way down, at least 1. Default: what is left of the training.
        period: Option<u32>,
        /// `min_learning_rate`: where it ends, at most the learning rate. Default 0.
        min_learning_rate: f64,
        /// `unit`. Default steps.
        unit: Unit,
    },
    /// `cosine_restarts`: down along half a cosine, again and again.
    CosineRestarts {
        /// `period`: units of the first way down, at least 1. Required.
        period: u32,
        /// `multiply`: how many times longer than the one before each is, at least 1. Default 1.
        multiply: u32,
        /// `min_learning_rate`: where each ends, at most the learning rate. Default 0.
        min_learning_rate: f64,
        /// `unit`. Default steps.
        unit: Unit,
    },
    /// `one_cycle`: up to the learning rate, then down to nearly nothing, step by step.
    OneCycle {
        /// `period`: steps of the cycle, at least 1. Default: what is left of the training.
        period: Option<u32>,
        /// `pct_start`: the share of the steps that goes up, 0 <= x < 1. Default 0.3.
        pct_start: f64,
        /// `div_factor`: the learning rate over that of the first step, at least 1. Default 25.
        div_factor: f64,
        /// `final_div_factor`: the learning rate of the first step over that of the last, at least 1. Default 10000.
        final_div_factor: f64,
        /// `anneal`. Default cosine.
        anneal: Anneal,
    },
    /// `reduce_on_plateau`: times `factor` when the loss has stood still, decided between epochs.
    ReduceOnPlateau(Plateau),
}

/// When a learning rate falls because the loss over the validation samples, or without any that over the training samples, no
/// longer does. Numbers are those of `torch.optim.lr_scheduler.ReduceLROnPlateau`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plateau {
    /// `factor`: the learning rate is multiplied by this, 0 <= f < 1. Default 0.1.
    pub factor: f64,
    /// `patience`: epochs without an improvement that are waited for. Default 10.
    pub patience: u32,
    /// `threshold`: an improvement is a loss smaller by this share, 0 <= t < 1. Default 0.0001.
    pub threshold: f64,
    /// `cooldown`: epochs behind a change that do not count. Default 0.
    pub cooldown: u32,
    /// `min_learning_rate`: it does not fall below, at most the learning rate. Default 0.
    pub min_learning_rate: f64,
}

/// The most `milestones`.
pub const MAX_MILESTONES: usize = 8;

/// In what a curve counts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `epoch`: the learning rate changes between epochs.
    Epoch,
    /// `step`: it changes with every update.
    Step,
}

impl Choice for Unit {
    const ALL: &'static [(&'static str, Self)] = &[("epoch", Self::Epoch), ("step", Self::Step)];
}

/// The way of a cycle up and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anneal {
    /// `cos`: half a cosine.
    Cos,
    /// `linear`: a straight line.
    Linear,
}

impl Choice for Anneal {
    const ALL: &'static [(&'static str, Self)] = &[("cos", Self::Cos), ("linear", Self::Linear)];
}

/// Reads `[schedule]` of a training with this learning rate.
pub(super) fn schedule(report: &mut Report<'_>, root: &Table, learning_rate: f64) -> Schedule {
    let Some((table, place)) = table(report, root, "schedule") else {
        return Schedule::default();
    };
    let (mut s, kind) = Section::open_family(report, table, &place, "[schedule]", &keys::SCHEDULE);
    let curve = match kind {
        Some("constant") | None => Curve::Constant,
        Some("step") => Curve::Step {
            every: s.small("every"),
            gamma: s.float("gamma"),
            unit: unit(&mut s),
        },
        Some("multi_step") => Curve::MultiStep {
            milestones: milestones(&mut s),
            gamma: s.float("gamma"),
            unit: unit(&mut s),
        },
        Some("exponential") => Curve::Exponential {
            gamma: s.float_if_given("gamma").unwrap_or(1.0),
            unit: unit(&mut s),
        },
        Some("cosine") => Curve::Cosine {
            period: s.small_if_given("period"),
            min_learning_rate: least(&mut s, learning_rate),
            unit: unit(&mut s),
        },
        Some("cosine_restarts") => Curve::CosineRestarts {
            period: s.small("period"),
            multiply: s.small("multiply"),
            min_learning_rate: least(&mut s, learning_rate),
            unit: unit(&mut s),
        },
        Some("one_cycle") => Curve::OneCycle {
            period: s.small_if_given("period"),
            pct_start: s.float("pct_start"),
            div_factor: s.float("div_factor"),
            final_div_factor: s.float("final_div_factor"),
            anneal: s.choice("anneal").unwrap_or(Anneal::Cos),
        },
        Some("reduce_on_plateau") => Curve::ReduceOnPlateau(Plateau {
            factor: s.float("factor"),
            patience: s.small("patience"),
            threshold: s.float("threshold"),
            cooldown: s.small("cooldown"),
            min_learning_rate: least(&mut s, learning_rate),
        }),
        Some(kind) => unreachable!("{kind} has keys but is not read"),
    };
    Schedule {
        warmup: s.small("warmup"),
        warmup_from: s.float("warmup_from"),
        curve,
    }
}

fn unit(s: &mut Section<'_, '_>) -> Unit {
    s.choice("unit").unwrap_or(Unit::Epoch)
}

fn milestones(s: &mut Section<'_, '_>) -> Vec<u32> {
    let milestones = s.ints("milestones").unwrap_or_default();
    if !milestones.is_sorted() {
        let help = "write the smallest first";
        s.mistake_at(
            "milestones",
            "`milestones` must be in increasing order",
            "not in order",
            help,
        );
    }
    milestones
}

/// `min_learning_rate`, which is not above the learning rate that the curve comes from.
fn least(s: &mut Section<'_, '_>, learning_rate: f64) -> f64 {
    let least = s.float("min_learning_rate");
    if s.sound("min_learning_rate") && least > learning_rate {
        s.mistake_at(
            "min_learning_rate",
            &format!("`min_learning_rate` is above the learning rate {learning_rate:?}"),
            "the curve goes down to it",
            "make it smaller, or `learning_rate` in [optimizer] larger",
        );
    }
    least
}
