//! Every channel with mean 0 and variance 1 over a batch, times a weight, plus a bias.

use std::sync::Arc;

use super::norm::{self, Extents};
use super::relu::Relu;
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Domain, Fused, Fusion, Gradient, Lowering, Op, Operand,
    ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// Batch normalisation (Ioffe and Szegedy 2015), as PyTorch's: the variance that divides has n in its denominator, the one that is
/// remembered n − 1.
#[derive(Clone, Copy, Debug)]
pub enum BatchNorm {
    /// `x` (N, …, C), `weight, bias` (C), `row_weights` (N) → `y, mean, variance`. Samples that weigh 0 are padding: they are
    /// normalised with the statistics of the others.
    Forward {
        /// Added to the variance.
        epsilon: f32,
    },
    /// `x, weight, bias, mean, variance` → `y`, with statistics that are given.
    Evaluate {
        /// Added to the variance.
        epsilon: f32,
    },
    /// `x, weight, mean, variance, dy` → `dx, dweight, dbias`; with `row_weights` behind them, mean and variance are those of `x`.
    Backward {
        /// Added to the variance.
        epsilon: f32,
        /// Whether the statistics are those of `x`.
        training: bool,
    },
    /// `running_mean, running_variance, mean, variance` (C), `row_weights` (N) → the first two, in place.
    Update {
        /// How much of the new statistics is taken.
        momentum: f32,
        /// The numbers of a channel of each sample.
        pixels: usize,
    },
}

const NAME: &str = "batch_norm";

use Operand::{Input, Output, Scratch};

impl Op for BatchNorm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "forward",
            Self::Evaluate { .. } => "evaluate",
            Self::Backward { .. } => "backward",
            Self::Update { .. } => "update",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let x = &inputs[0];
        if let Self::Update { .. } = self {
            norm::check_rows(NAME, x, &inputs[..4])?;
            return Ok(inputs[..2].to_vec());
        }
        let extents = Extents::of(NAME, x)?;
        let row = TensorType::f32([extents.channels]);
        let check_weights =
            |weights: &TensorType| match *weights == TensorType::f32([extents.samples]) {
                true => Ok(()),
                false => Err(ShapeError::new(format!(
                    "{NAME} of {x} with weights {weights}: there is one for each of the {} samples",
                    extents.samples
                ))),
            };
        Ok(match self {
            Self::Forward { .. } => {
                norm::check_rows(NAME, x, &inputs[1..3])?;
                check_weights(&inputs[3])?;
                vec![x.clone(), row.clone(), row]
            }
            Self::Evaluate { .. } => {
                norm::check_rows(NAME, x, &inputs[1..5])?;
                vec![x.clone()]
            }
            Self::Backward { training, .. } => {
                norm::check_rows(NAME, x, &inputs[1..4])?;
                if *training {
                    check_weights(&inputs[5])?;
                }
                vec![x.clone(), row.clone(), row]
            }
            Self::Update { .. } => unreachable!("it is answered above"),
        })
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        if let Self::Update { momentum, pixels } = *self {
            return vec![Lowering::one(update(inputs, momentum, pixels))];
        }
        let extents = Extents::of(NAME, &inputs[0]).expect("the shapes were inferred");
        let channels = extents.channels;
        let of_channels = |entry, epsilon: f32, loop_trips, operands| {
            let mut constants = extents.constants(1);
            constants.push(("EPSILON", epsilon.into()));
            Dispatch {
                shader: NAME,
                entry,
                constants,
                operands,
                invocations: channels,
                loop_trips,
                flops: (10 * (loop_trips + 1) * channels) as u64,
                fusion: Fusion::None,
            }
        };
        let parts = extents.part_elements();
        let (scratch, dispatches) = match *self {
            Self::Forward { epsilon } => {
                let operands = [
                    [Scratch(0), Scratch(1), Input(3), Input(1), Input(2)].as_slice(),
                    &[Output(1), Output(2), Scratch(2)],
                ];
                let dispatches = vec![
                    extents.moments(NAME, Input(0), [Scratch(0), Scratch(1)]),
                    of_channels("merge", epsilon, extents.parts(), operands.concat()),
                    extents.forward(NAME, 1, [Input(0), Scratch(2), Output(0)]),
                ];
                (vec![parts, parts, 2 * channels], dispatches)
            }
            Self::Evaluate { epsilon } => {
                let operands = vec![Input(3), Input(4), Input(1), Input(2), Scratch(0)];
                let dispatches = vec![
                    of_channels("given", epsilon, 0, operands),
                    extents.forward(NAME, 1, [Input(0), Scratch(0), Output(0)]),
                ];
                (vec![2 * channels], dispatches)
            }
            Self::Backward { epsilon, training } => {
                let row_weights = training.then_some(Input(5));
                let mut operands = vec![Scratch(0), Scratch(1), Input(1), Input(3)];
                operands.extend([Output(1), Output(2), Scratch(2)]);
                operands.extend(row_weights);
                let mut gradient = of_channels("gradient", epsilon, extents.parts(), operands);
                gradient.constants.push(("TRAINING", training.into()));
                let from = [Input(0), Input(4), Input(2)];
                let all = [Input(0), Input(4), Input(2), Scratch(2), Output(0)];
                let dispatches = vec![
                    extents.products(NAME, 1, from, [Scratch(0), Scratch(1)]),
                    gradient,
                    extents.backward(NAME, 1, all, row_weights),
                ];
                (vec![parts, parts, 3 * channels], dispatches)
            }
            Self::Update { .. } => unreachable!("it is answered above"),
        };
        vec![Lowering::Kernels {
            scratch,
            dispatches,
        }]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let (epsilon, training) = match *self {
            Self::Forward { epsilon } => (epsilon, true),
            Self::Evaluate { epsilon } => (epsilon, false),
            Self::Backward { .. } => return Gradient::None("second derivatives are not built"),
            Self::Update { .. } => return Gradient::None("an update is not differentiated"),
        };
        let Some(dy) = tape.dy[0] else {
            return Gradient::Of(vec![None; tape.inputs.len()]);
        };
        let &[x, weight, ..] = tape.inputs else {
            unreachable!("there are four or five inputs");
        };
        let inputs = if training {
            let row_weights = tape.inputs[3];
            vec![x, weight, tape.outputs[1], tape.outputs[2], dy, row_weights]
        } else {
            vec![x, weight, tape.inputs[3], tape.inputs[4], dy]
        };
        let op = Arc::new(Self::Backward { epsilon, training });
        let gradients = tape.graph.apply(op, &inputs).expect("dy is like x");
        let mut all: Vec<_> = gradients.into_iter().map(Some).collect();
        all.resize(tape.inputs.len(), None);
        Gradient::Of(all)
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        use reference::batch_norm::{backward, evaluate, forward, update};
        match (self, inputs) {
            (Self::Forward { epsilon }, [x, weight, bias, row_weights]) => {
                forward(x, weight, bias, row_weights, f64::from(*epsilon))
            }
            (Self::Evaluate { epsilon }, [x, weight, bias, mean, variance]) => {
                let rows = [weight, bias, mean, variance];
                vec![evaluate(x, rows, f64::from(*epsilon))]
            }
            (Self::Backward { epsilon, .. }, [x, weight, mean, variance, dy, row_weights @ ..]) => {
                let rows = [weight, mean, variance];
                backward(x, rows, dy, row_weights.first(), f64::from(*epsilon))
            }
            (
                Self::Update { momentum, pixels },
                [running_mean, running_variance, mean, variance, row_weights],
            ) => update(
                [running_mean, running_variance],
                [mean, variance],
                row_weights,
                *pixels,
                f64::from(*momentum),
            ),
            _ => unreachable!("the shapes were inferred"),
        }
    }
}

/// The kernel that takes the statistics of a batch into the running ones.
fn update(inputs: &[TensorType], momentum: f32, pixels: usize) -> Dispatch {
    let (channels, samples) = (inputs[0].elements(), inputs[4].elements());
    let running = |i| Operand::Update {
        input: i,
        output: i,
    };
    Dispatch {
        shader: NAME,
        entry: "update",
        constants: vec![
            ("SAMPLES", samples.into()),
            ("PIXELS", pixels.into()),
            ("C", channels.into()),
            ("MOMENTUM", momentum.into()),
        ],
        operands: vec![running(0), running(1), Input(2), Input(3), Input(4)],
        invocations: channels,
        loop_trips: samples,
        flops: (8 * channels) as u64,
        fusion: Fusion::None,
    }
}

/// Rows and images; channels with and without `vec4`s; padded batches; small and large numbers added to the variance.
pub fn cases() -> Vec<Case> {
    let row = |channels: usize, domain: Domain| CaseInput::floats([channels], domain);
    let mut cases = Vec::new();
    for (i, dims) in norm::SHAPES.iter().enumerate() {
        let (n, c) = (dims[0], dims[dims.len() - 1]);
        let epsilon = if i % 2 == 0 { 1e-5 } else { 0.1 };
        let x = || CaseInput::normal(dims.to_vec());
        let weights = if n > 4 {
            Domain::Weights
        } else {
            Domain::Positive
        };
        let row_weights = || CaseInput::floats([n], weights.clone());
        let affine = [row(c, Domain::Normal), row(c, Domain::Normal)];
        let [weight, bias] = affine.clone();
        cases.push(Case::new(
            BatchNorm::Forward { epsilon },
            vec![x(), weight, bias, row_weights()],
        ));
        let [weight, bias] = affine;
        let statistics = [row(c, Domain::Normal), row(c, Domain::Positive)];
        let mut inputs = vec![x(), weight, bias];
        inputs.extend(statistics.clone());
        cases.push(Case::new(BatchNorm::Evaluate { epsilon }, inputs));
        let mut inputs = vec![row(c, Domain::Normal), row(c, Domain::Positive)];
        inputs.extend(statistics);
        inputs.push(row_weights());
        let update = BatchNorm::Update {
            momentum: 0.1,
            pixels: 1 + i,
        };
        cases.push(Case::new(update, inputs));
    }
    cases.push(fused_case());
    cases
}

/// What is activated behind it.
fn fused_case() -> Case {
    let epsilon = 1e-5;
    let fused = Fused::new(Arc::new(BatchNorm::Evaluate { epsilon }), 5);
    let row = |domain| CaseInput::floats([12], domain);
    Case::new(
        fused.then(Arc::new(Relu::Forward), 1, 0),
        vec![
            CaseInput::normal([3, 5, 7, 12]),
            row(Domain::Normal),
            row(Domain::Normal),
            row(Domain::Normal),
            row(Domain::Positive),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        let forward = BatchNorm::Forward { epsilon: 1e-5 };
        let (x, row, samples) = (
            TensorType::f32([5, 3]),
            TensorType::f32([3]),
            TensorType::f32([5]),
        );
        let fits = [x.clone(), row.clone(), row.clone(), samples.clone()];
        assert!(forward.infer(&fits).is_ok());
        for (place, wrong) in [
            (0, row),
            (1, samples.clone()),
            (2, x),
            (3, TensorType::u32([5])),
        ] {
            let mut inputs = fits.clone();
            inputs[place] = wrong;
            let error = forward.infer(&inputs).unwrap_err();
            assert!(error.0.starts_with("batch_norm of "), "{error}");
        }
        let many = TensorType::f32([50_001, 3]);
        assert!(
            Extents::of(NAME, &many)
                .unwrap_err()
                .0
                .contains("smaller batches")
        );
    }

    #[test]
    fn a_single_number_changes_no_running_statistics() {
        let op = BatchNorm::Update {
            momentum: 0.1,
            pixels: 1,
        };
        let array = |data: &[f64]| Array::new([data.len()], data.to_vec());
        let [mean, variance] = [array(&[0.5]), array(&[2.0])];
        let rows = [mean.clone(), variance.clone(), array(&[9.0]), array(&[0.0])];
        let one = [rows.as_slice(), &[array(&[1.0, 0.0])]].concat();
        assert_eq!(op.reference(&one), [mean, variance]);
    }
}
