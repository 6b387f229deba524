//! `[optimizer]`: how the weights move.

use super::keys;
use super::reader::Section;
use super::report::Report;
use super::sections::{missing_table, table};
use super::tree::{Place, Table};
use super::write::Toml;

/// `[optimizer]`: how the weights move, by its `kind`. Formulas are PyTorch's.
#[derive(Clone, Debug, PartialEq)]
pub enum Optimizer {
    /// `sgd`: gradient descent, plain or with momentum.
    Sgd(Sgd),
    /// `adam`: weight decay is added to the gradient.
    Adam(Adam),
    /// `adamw`: weight decay acts on the weights, apart from the gradient.
    AdamW(Adam),
    /// `rmsprop`: gradients over the root of their mean square.
    RmsProp(RmsProp),
    /// `lion`: steps of one size in the direction of the momentum.
    Lion(Lion),
}

impl Optimizer {
    /// The learning rate, before any schedule.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::Sgd(sgd) => sgd.learning_rate,
            Self::Adam(adam) | Self::AdamW(adam) => adam.learning_rate,
            Self::RmsProp(rmsprop) => rmsprop.learning_rate,
            Self::Lion(lion) => lion.learning_rate,
        }
    }
}

/// The numbers of `sgd`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sgd {
    /// `learning_rate`: above 0. Default 0.01.
    pub learning_rate: f64,
    /// `momentum`: 0 <= m < 1. Default 0.
    pub momentum: f64,
    /// `nesterov`: look ahead along the momentum, which must be above 0. Default false.
    pub nesterov: bool,
    /// `weight_decay`: at least 0. Default 0.
    pub weight_decay: f64,
}

/// The numbers of `adam` and `adamw`.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    /// `learning_rate`: above 0. Default 0.001.
    pub learning_rate: f64,
    /// `beta1`: memory of the mean of gradients, 0 <= b < 1. Default 0.9.
    pub beta1: f64,
    /// `beta2`: memory of the mean of squared gradients, 0 <= b < 1. Default 0.999.
    pub beta2: f64,
    /// `epsilon`: above 0, added to the root of the second moment. Default 1e-8.
    pub epsilon: f64,
    /// `weight_decay`: at least 0. Default 0 for `adam`, 0.01 for `adamw`.
    pub weight_decay: f64,
}

/// The numbers of `rmsprop`.
#[derive(Clone, Debug, PartialEq)]
pub struct RmsProp {
    /// `learning_rate`: above 0. Default 0.01.
    pub learning_rate: f64,
    /// `alpha`: memory of the mean of squared gradients, 0 <= a < 1. Default 0.99.
    pub alpha: f64,
    /// `epsilon`: above 0, added to the root. Default 1e-8.
    pub epsilon: f64,
    /// `momentum`: 0 <= m < 1. Default 0.
    pub momentum: f64,
    /// `centered`: divide by the standard deviation of the gradients. Default false.
    pub centered: bool,
    /// `weight_decay`: at least 0. Default 0.
    pub weight_decay: f64,
}

/// The numbers of `lion`.
#[derive(Clone, Debug, PartialEq)]
pub struct Lion {
    /// `learning_rate`: above 0. Default 0.0001.
    pub learning_rate: f64,
    /// `beta1`: share of the momentum in the direction, 0 <= b < 1. Default 0.9.
    pub beta1: f64,
    /// `beta2`: memory of the momentum, 0 <= b < 1. Default 0.99.
    pub beta2: f64,
    /// `weight_decay`: at least 0. Default 0.
    pub weight_decay: f64,
}

/// How gradients are kept from being too large.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clip {
    /// `clip_norm`: together they are at most this long.
    Norm(f64),
    /// `clip_value`: each is at most this large.
    Value(f64),
}

/// Reads `[optimizer]`.
pub(super) fn optimizer(
    report: &mut Report<'_>,
    root: &Table,
    end: &Place,
) -> (Optimizer, Option<Clip>) {
    let found = table(report, root, "optimizer");
    let Some((table, place)) = found else {
        let help = "add [optimizer] with kind = \"sgd\", \"adam\" or \"adamw\"";
        missing_table(report, root, end, "optimizer", help);
        return (placeholder(), None);
    };
    let (mut s, kind) =
        Section::open_family(report, table, &place, "[optimizer]", &keys::OPTIMIZER);
    let clip = clip(&mut s);
    let optimizer = match kind {
        Some("sgd") => Optimizer::Sgd(sgd(&mut s)),
        Some("adam") => Optimizer::Adam(adam(&mut s)),
        Some("adamw") => Optimizer::AdamW(adam(&mut s)),
        Some("rmsprop") => Optimizer::RmsProp(RmsProp {
            learning_rate: s.float("learning_rate"),
            alpha: s.float("alpha"),
            epsilon: s.float("epsilon"),
            momentum: s.float("momentum"),
            centered: s.bool("centered"),
            weight_decay: s.float("weight_decay"),
        }),
        Some("lion") => Optimizer::Lion(Lion {
            learning_rate: s.float("learning_rate"),
            beta1: s.float("beta1"),
            beta2: s.float("beta2"),
            weight_decay: s.float("weight_decay"),
        }),
        Some(kind) => unreachable!("{kind} has keys but is not read"),
        None => placeholder(),
    };
    (optimizer, clip)
}

/// Stands in for an optimizer that was refused.
fn placeholder() -> Optimizer {
    Optimizer::Sgd(Sgd {
        learning_rate: 0.01,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    })
}

fn clip(s: &mut Section<'_, '_>) -> Option<Clip> {
    let (norm, value) = (
        s.float_if_given("clip_norm"),
        s.float_if_given("clip_value"),
    );
    if s.given("clip_norm").is_some() && s.given("clip_value").is_some() {
        s.mistake_at(
            "clip_value",
            "`clip_value` and `clip_norm` are both given",
            "which one?",
            "keep one: gradients are clipped together or each for itself",
        );
    }
    norm.map(Clip::Norm).or(value.map(Clip::Value))
}

fn sgd(s: &mut Section<'_, '_>) -> Sgd {
    let momentum = s.float_if_given("momentum");
    let nesterov = s.bool("nesterov");
    if nesterov && s.sound("momentum") && momentum.unwrap_or(0.0) == 0.0 {
        s.mistake_at(
            "nesterov",
            "`nesterov` needs momentum above 0",
            "nothing to look ahead along",
            "add momentum = 0.9, or remove `nesterov`",
        );
    }
    Sgd {
        learning_rate: s.float("learning_rate"),
        momentum: momentum.unwrap_or(0.0),
        nesterov,
        weight_decay: s.float("weight_decay"),
    }
}

fn adam(s: &mut Section<'_, '_>) -> Adam {
    Adam {
        learning_rate: s.float("learning_rate"),
        beta1: s.float("beta1"),
        beta2: s.float("beta2"),
        epsilon: s.float("epsilon"),
        weight_decay: s.float("weight_decay"),
    }
}

/// Writes `[optimizer]`.
pub(super) fn write(toml: &mut Toml, optimizer: &Optimizer, clip: Option<Clip>) {
    toml.header("[optimizer]");
    match optimizer {
        Optimizer::Sgd(sgd) => {
            toml.text("kind", "sgd");
            toml.float("learning_rate", sgd.learning_rate);
            toml.float("momentum", sgd.momentum);
            toml.put("nesterov", sgd.nesterov);
            toml.float("weight_decay", sgd.weight_decay);
        }
        Optimizer::Adam(adam) => write_adam(toml, "adam", adam),
        Optimizer::AdamW(adam) => write_adam(toml, "adamw", adam),
        Optimizer::RmsProp(rmsprop) => {
            toml.text("kind", "rmsprop");
            toml.float("learning_rate", rmsprop.learning_rate);
            toml.float("alpha", rmsprop.alpha);
            toml.float("epsilon", rmsprop.epsilon);
            toml.float("momentum", rmsprop.momentum);
            toml.put("centered", rmsprop.centered);
            toml.float("weight_decay", rmsprop.weight_decay);
        }
        Optimizer::Lion(lion) => {
            toml.text("kind", "lion");
            toml.float("learning_rate", lion.learning_rate);
            toml.float("beta1", lion.beta1);
            toml.float("beta2", lion.beta2);
            toml.float("weight_decay", lion.weight_decay);
        }
    }
    match clip {
        None => {}
        Some(Clip::Norm(norm)) => toml.float("clip_norm", norm),
        Some(Clip::Value(value)) => toml.float("clip_value", value),
    }
}

fn write_adam(toml: &mut Toml, kind: &str, adam: &Adam) {
    toml.text("kind", kind);
    toml.float("learning_rate", adam.learning_rate);
    toml.float("beta1", adam.beta1);
    toml.float("beta2", adam.beta2);
    toml.float("epsilon", adam.epsilon);
    toml.float("weight_decay", adam.weight_decay);
}
