//! Proof that the comparison of kernels with references can fail: wrong outputs that it must refuse.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::{Tolerance, compare};
use super::experiment::{self, Experiment};
use crate::graph::{Array, DType, Target};
use crate::ops::Definition;

/// A way in which an output can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// All elements are zero: nothing was computed.
    Zeroed,
    /// Every sign is wrong.
    Flipped,
    /// One element is not a number.
    OneNan,
    /// The largest element is off by ten tolerances; an integer by one.
    TenTolerances,
    /// One element still holds what was there before the run.
    Poisoned,
    /// The last element that matters is zero: the tail was forgotten.
    TailZeroed,
    /// An updated tensor is as it was before.
    Stale,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Zeroed,
        Self::Flipped,
        Self::OneNan,
        Self::TenTolerances,
        Self::Poisoned,
        Self::TailZeroed,
        Self::Stale,
    ];

    /// Whether it must be refused in every case. The others may equal the truth in some: an output of zeros, for example.
    pub fn always_wrong(self) -> bool {
        matches!(self, Self::OneNan | Self::TenTolerances | Self::Poisoned)
    }

    /// The wrong output in place of `truth`; `None` if there is no such mutant of this kind of tensor.
    ///
    /// `before` is what the output was before the run, if it is an updated input.
    pub fn of(
        self,
        truth: &Array,
        dtype: DType,
        tolerance: Tolerance,
        before: Option<&Array>,
    ) -> Option<Array> {
        let floats = dtype == DType::F32;
        let mut wrong = truth.clone();
        let middle = wrong.data.len() / 2;
        match self {
            Self::Zeroed => wrong.data.fill(0.0),
            Self::Flipped if floats => wrong.data.iter_mut().for_each(|x| *x = -*x),
            Self::OneNan if floats => wrong.data[middle] = f64::NAN,
            Self::TenTolerances => {
                let (largest, x) = truth
                    .data
                    .iter()
                    .enumerate()
                    .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?;
                let off = if floats { 10.0 * tolerance.at(*x) } else { 1.0 };
                // An f32 that is zero everywhere has no tolerance; the smallest number is wrong then.
                wrong.data[largest] += if off == 0.0 { 1e-37 } else { off };
            }
            Self::Poisoned if before.is_none() => {
                wrong.data[middle] = match dtype {
                    DType::F32 => f64::NAN,
                    DType::U32 => f64::from(u32::MAX),
                    DType::U8 => f64::from(u8::MAX),
                };
                // A truth that happens to be the poison is wrong by being anything else.
                if wrong.data[middle] == truth.data[middle] {
                    wrong.data[middle] = 0.0;
                }
            }
            Self::TailZeroed => {
                let matters = |x: &f64| x.abs() > 2.0 * tolerance.at(*x);
                let last = truth.data.iter().rposition(matters);
                wrong.data[last.unwrap_or(0)] = 0.0;
            }
            Self::Stale => wrong = before?.clone(),
            Self::Flipped | Self::OneNan | Self::Poisoned => return None,
        }
        Some(wrong)
    }
}

/// What came of the sabotage of one op.
#[derive(Clone, Debug)]
pub struct SabotageReport {
    /// The op.
    pub op: &'static str,
    /// How many wrong outputs were tried.
    pub tried: usize,
    /// How many of them were refused.
    pub refused: usize,
    /// What should have been refused and was not.
    pub failures: Vec<String>,
}

/// Sabotages every output of every node of the forward and backward graphs of an op's cases, with the reference as the truth.
///
/// It is a failure if a mutant that is always wrong passes, or if one that may equal the truth passes in more cases than it is
/// refused in: those cases prove too little.
pub fn sabotage_op(definition: &Definition) -> SabotageReport {
    let mut report = SabotageReport {
        op: definition.name,
        tried: 0,
        refused: 0,
        failures: Vec::new(),
    };
    let mut seen = BTreeSet::new();
    // Of one output of one pass: in how many cases a mutant was refused, and in how many it passed.
    let mut counts: BTreeMap<(String, usize, Mutant), [usize; 2]> = BTreeMap::new();
    for (index, case) in (definition.cases)().iter().enumerate() {
        match experiment::of_case(definition.name, index, case, &Target::FLOOR, &mut seen) {
            Err(error) => report.failures.push(error),
            Ok(experiments) => {
                for experiment in &experiments {
                    sabotage(experiment, &mut counts, &mut report);
                }
            }
        }
    }
    for ((name, output, mutant), [refused, passed]) in counts {
        report.tried += refused + passed;
        report.refused += refused;
        if passed > refused && !mutant.always_wrong() {
            report.failures.push(format!(
                "{name} output {output}: {mutant:?} passes in {passed} cases and is refused in {refused} only: the cases are vacuous"
            ));
        }
    }
    report
}

fn sabotage(
    experiment: &Experiment,
    counts: &mut BTreeMap<(String, usize, Mutant), [usize; 2]>,
    report: &mut SabotageReport,
) {
    for (output, tensor) in experiment.output_types.iter().enumerate() {
        let (truth, tolerance) = (&experiment.truth[output], experiment.tolerances[output]);
        let before = experiment.before(output);
        if !compare(truth, truth, tolerance).accepted {
            report.failures.push(format!(
                "{}: output {output} is refused though it is the truth",
                experiment.what
            ));
        }
        for mutant in Mutant::ALL {
            let Some(wrong) = mutant.of(truth, tensor.dtype, tolerance, before) else {
                continue;
            };
            let passes = compare(&wrong, truth, tolerance).accepted;
            let key = (experiment.node.name(), output, mutant);
            counts.entry(key).or_default()[usize::from(passes)] += 1;
            if passes && mutant.always_wrong() {
                report.failures.push(format!(
                    "{}: {mutant:?} passes in output {output} {tensor}",
                    experiment.what
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: Tolerance = Tolerance {
        rtol: 1e-5,
        atol: 1e-6,
    };

    fn passes(mutant: Mutant, truth: &[f64], dtype: DType, before: Option<&[f64]>) -> Option<bool> {
        let array = |data: &[f64]| Array::new([data.len()], data.to_vec());
        let truth = array(truth);
        let tolerance = match dtype {
            DType::F32 => TOLERANCE,
            DType::U32 | DType::U8 => Tolerance::EXACT,
        };
        let wrong = mutant.of(&truth, dtype, tolerance, before.map(array).as_ref())?;
        Some(compare(&wrong, &truth, tolerance).accepted)
    }

    #[test]
    fn no_mutant_of_an_ordinary_tensor_passes() {
        for mutant in Mutant::ALL {
            let floats = passes(
                mutant,
                &[1.0, -2.0, 0.0],
                DType::F32,
                Some(&[1.0, -2.0, 0.1]),
            );
            assert_ne!(floats, Some(true), "{mutant:?} of floats");
            let integers = passes(mutant, &[1.0, 0.0, 7.0], DType::U32, Some(&[1.0, 0.0, 6.0]));
            assert_ne!(integers, Some(true), "{mutant:?} of integers");
        }
    }

    #[test]
    fn mutants_of_zeros_pass_where_they_equal_the_truth() {
        for mutant in Mutant::ALL {
            let equal = passes(mutant, &[0.0; 3], DType::F32, Some(&[0.0; 3]));
            assert_ne!(equal, Some(mutant.always_wrong()), "{mutant:?}");
        }
    }

    #[test]
    fn poison_is_refused_even_where_the_truth_is_poison() {
        let poison = f64::from(u32::MAX);
        let passes = passes(Mutant::Poisoned, &[poison; 3], DType::U32, None);
        assert_eq!(passes, Some(false));
    }
}
