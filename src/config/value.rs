//! Values into numbers, or the reason why not.

use super::keys::Bounds;
use super::report::show;
use super::tree::{Node, Place, Value};

/// Why a value is refused.
pub(super) struct Wrong {
    pub(super) place: Place,
    pub(super) label: String,
    pub(super) help: String,
}

impl Wrong {
    pub(super) fn new(node: &Node, label: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            place: node.place.clone(),
            label: label.into(),
            help: help.into(),
        }
    }

    /// The value is of another type; `help` may be empty.
    pub(super) fn kind(node: &Node, help: impl Into<String>) -> Self {
        Self::new(node, format!("this is {}", node.value.what()), help)
    }
}

/// A count that the tables of keys hold within 32 bits.
pub(super) fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// A whole number within bounds.
pub(super) fn int(node: &Node, min: u64, max: u64) -> Result<u64, Wrong> {
    match &node.value {
        Value::Int(Some(value)) => match u64::try_from(*value) {
            Ok(value) if (min..=max).contains(&value) => Ok(value),
            _ if *value < i128::from(min) => Err(Wrong::new(node, "too small", "")),
            _ => Err(Wrong::new(node, "too large", "")),
        },
        Value::Int(None) => Err(Wrong::new(node, "out of range", "")),
        Value::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => {
            let help = format!("write {value:.0}");
            Err(Wrong::kind(node, help))
        }
        _ => Err(Wrong::kind(node, unquoted(node))),
    }
}

/// A finite number within bounds.
pub(super) fn float(node: &Node, bounds: &Bounds) -> Result<f64, Wrong> {
    // A whole number becomes the nearest f64, which is what its digits would mean with ".0" behind them.
    let value = match &node.value {
        Value::Int(Some(value)) => *value as f64,
        Value::Float(value) => *value,
        Value::Int(None) => f64::INFINITY,
        _ => return Err(Wrong::kind(node, unquoted(node))),
    };
    if !value.is_finite() {
        Err(Wrong::new(node, "not a finite number", ""))
    } else if value < bounds.min {
        Err(Wrong::new(node, "too small", ""))
    } else if value > bounds.max {
        Err(Wrong::new(node, "too large", ""))
    } else {
        Ok(value)
    }
}

/// Help for a number in quotes.
fn unquoted(node: &Node) -> String {
    match &node.value {
        Value::Text(text) if text.parse::<f64>().is_ok_and(f64::is_finite) => {
            format!("write {} without quotes", show(text))
        }
        _ => String::new(),
    }
}
