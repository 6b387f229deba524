//! `[average]`: weights averaged over the steps of a training.

use super::keys;
use super::reader::Section;
use super::report::Report;
use super::sections::table;
use super::tree::Table;
use super::write::Toml;

/// `[average]`: the average of the weights, which is what is validated, tested and saved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Average {
    /// `ema`: an exponential moving average.
    Ema {
        /// `decay`: how much of the average each step keeps, 0 <= d < 1. Default 0.999.
        decay: f64,
    },
    /// `swa`: the mean of the weights at the ends of epochs.
    Swa {
        /// `begin`: the first of these epochs, at least 1. Default: the first of the last quarter of the training.
        begin: Option<u32>,
        /// `every`: epochs from one to the next, at least 1. Default 1.
        every: u32,
    },
}

/// Reads `[average]`.
pub(super) fn average(report: &mut Report<'_>, root: &Table) -> Option<Average> {
    let (table, place) = table(report, root, "average")?;
    let (mut s, kind) = Section::open_family(report, table, &place, "[average]", &keys::AVERAGE);
    match kind? {
        "ema" => Some(Average::Ema {
            decay: s.float("decay"),
        }),
        "swa" => Some(Average::Swa {
            begin: s.small_if_given("begin"),
            every: s.small("every"),
        }),
        kind => unreachable!("{kind} has keys but is not read"),
    }
}

/// Writes `[average]`.
pub(super) fn write(toml: &mut Toml, average: Average) {
    toml.header("[average]");
    match average {
        Average::Ema { decay } => {
            toml.text("kind", "ema");
            toml.float("decay", decay);
        }
        Average::Swa { begin, every } => {
            toml.text("kind", "swa");
            toml.if_given("begin", begin);
            toml.put("every", every);
        }
    }
}
