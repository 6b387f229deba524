//! Every group of channels of a sample with mean 0 and variance 1, times a weight, plus a bias.

use std::sync::Arc;

use super::norm::{self, Extents};
use super::relu::Relu;
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Fused, Fusion, Gradient, Lowering, Op, Operand, ShapeError,
    Tape, Target, TensorType,
};
use crate::reference;

/// Group normalisation (Wu and He 2018), as PyTorch's; the channels of a group are neighbours. With one group it normalises the
/// sample, with as many groups as channels each channel of it.
#[derive(Clone, Copy, Debug)]
pub enum GroupNorm {
    /// `x` (N, …, C), `weight, bias` (C) → `y`.
    Forward {
        /// Groups of channels; they divide the channels.
        groups: usize,
        /// Added to the variance.
        epsilon: f32,
    },
    /// `x, weight, dy` → `dx, dweight, dbias`.
    Backward {
        /// Groups of channels.
        groups: usize,
        /// Added to the variance.
        epsilon: f32,
    },
}

const NAME: &str = "group_norm";

/// One invocation spends at most this many loop iterations.
const MAX_TRIPS: usize = 50_000;

use Operand::{Input, Output, Scratch};

impl GroupNorm {
    fn attributes(self) -> (usize, f32) {
        match self {
            Self::Forward { groups, epsilon } | Self::Backward { groups, epsilon } => {
                (groups, epsilon)
            }
        }
    }

    /// The extents of `x`, and the loop iterations over a group.
    fn extents(self, x: &TensorType) -> Result<(Extents, usize), ShapeError> {
        let extents = Extents::of(NAME, x)?;
        let (groups, _) = self.attributes();
        if groups == 0 || !extents.channels.is_multiple_of(groups) {
            return Err(ShapeError::new(format!(
                "{NAME} of {x}: {} channels do not divide into {groups} groups",
                extents.channels
            )));
        }
        let members = extents.channels / groups;
        let trips = extents.chunks() * (members + 1) + members;
        if trips > MAX_TRIPS {
            return Err(ShapeError::new(format!(
                "{NAME} of {x}: a group of {members} channels is more than an invocation may add up; use more groups"
            )));
        }
        Ok((extents, trips))
    }
}

impl Op for GroupNorm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "forward",
            Self::Backward { .. } => "backward",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let x = &inputs[0];
        let (extents, _) = self.extents(x)?;
        let row = TensorType::f32([extents.channels]);
        match self {
            Self::Forward { .. } => {
                norm::check_rows(NAME, x, &inputs[1..3])?;
                Ok(vec![x.clone()])
            }
            Self::Backward { .. } => {
                norm::check_rows(NAME, x, &inputs[1..2])?;
                Ok(vec![x.clone(), row.clone(), row])
            }
        }
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let (extents, trips) = self.extents(&inputs[0]).expect("the shapes were inferred");
        let (groups, epsilon) = self.attributes();
        let rows = extents.samples;
        let by_group = |entry, operands| {
            let mut constants = extents.constants(rows);
            constants.extend([("EPSILON", epsilon.into()), ("GROUPS", groups.into())]);
            Dispatch {
                shader: NAME,
                entry,
                constants,
                operands,
                invocations: rows * groups,
                loop_trips: trips,
                flops: (10 * extents.part_elements()) as u64,
                fusion: Fusion::None,
            }
        };
        let (parts, table) = (extents.part_elements(), rows * extents.channels);
        let moments = extents.moments(NAME, Input(0), [Scratch(0), Scratch(1)]);
        let (scratch, dispatches) = match self {
            Self::Forward { .. } => {
                let operands = vec![Scratch(0), Scratch(1), Input(1), Input(2), Scratch(2)];
                let dispatches = vec![
                    moments,
                    by_group("merge", operands),
                    extents.forward(NAME, rows, [Input(0), Scratch(2), Output(0)]),
                ];
                (vec![parts, parts, 2 * table], dispatches)
            }
            Self::Backward { .. } => {
                let [centers, inverses, sums, products, slopes] = [2, 3, 4, 5, 6].map(Scratch);
                let merge = vec![Scratch(0), Scratch(1), centers, inverses];
                let from = [Input(0), Input(2), centers];
                let gradient = vec![sums, products, inverses, Input(1), slopes];
                let weight = vec![sums, products, inverses, Output(1), Output(2)];
                let dispatches = vec![
                    moments,
                    by_group("merge_centers", merge),
                    extents.products(NAME, rows, from, [sums, products]),
                    by_group("gradient", gradient),
                    Dispatch {
                        invocations: extents.channels,
                        loop_trips: extents.parts(),
                        ..by_group("gradient_weight", weight)
                    },
                    extents.backward(
                        NAME,
                        rows,
                        [Input(0), Input(2), centers, slopes, Output(0)],
                        None,
                    ),
                ];
                let scratch = vec![parts, parts, table, table, parts, parts, 3 * table];
                (scratch, dispatches)
            }
        };
        vec![Lowering::Kernels {
            scratch,
            dispatches,
        }]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let Self::Forward { groups, epsilon } = *self else {
            return Gradient::None("second derivatives are not built");
        };
        let Some(dy) = tape.dy[0] else {
            return Gradient::Of(vec![None; 3]);
        };
        let op = Arc::new(Self::Backward { groups, epsilon });
        let inputs = [tape.inputs[0], tape.inputs[1], dy];
        let gradients = tape.graph.apply(op, &inputs).expect("dy is like x");
        Gradient::Of(gradients.into_iter().map(Some).collect())
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        use reference::group_norm::{backward, forward};
        let [x, weight, other] = inputs else {
            unreachable!("the shapes were inferred");
        };
        match *self {
            Self::Forward { groups, epsilon } => {
                vec![forward(x, weight, other, groups, f64::from(epsilon))]
            }
            Self::Backward { groups, epsilon } => {
                backward(x, weight, other, groups, f64::from(epsilon))
            }
        }
    }
}

/// Rows and images; one group, several, and one for each channel; channels with and without `vec4`s.
pub fn cases() -> Vec<Case> {
    let list: &[(&[usize], usize)] = &[
        (&[7, 13], 1),
        (&[3, 24], 2),
        (&[5, 3, 7, 4], 4),
        (&[3, 5, 5, 6], 3),
        (&[1, 9, 11, 12], 2),
        (&[2, 37, 31, 4], 2),
        (&[2, 45, 10], 5),
    ];
    let mut cases: Vec<Case> = list
        .iter()
        .zip([1e-5, 0.1].into_iter().cycle())
        .map(|(&(dims, groups), epsilon)| {
            let row = || CaseInput::normal([dims[dims.len() - 1]]);
            let op = GroupNorm::Forward { groups, epsilon };
            Case::new(op, vec![CaseInput::normal(dims.to_vec()), row(), row()])
        })
        .collect();
    let op = GroupNorm::Forward {
        groups: 3,
        epsilon: 1e-5,
    };
    let row = || CaseInput::normal([12]);
    cases.push(Case::new(
        Fused::new(Arc::new(op), 3).then(Arc::new(Relu::Forward), 1, 0),
        vec![CaseInput::normal([2, 5, 3, 12]), row(), row()],
    ));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_do_not_divide_the_channels_are_refused() {
        let row = TensorType::f32([6]);
        for groups in [0, 4, 12] {
            let op = GroupNorm::Forward {
                groups,
                epsilon: 1e-5,
            };
            let inputs = [TensorType::f32([2, 5, 6]), row.clone(), row.clone()];
            let error = op.infer(&inputs).unwrap_err();
            assert!(error.0.contains("do not divide"), "{error}");
        }
    }
}
