//! The learning rate of the next update.

use super::state;
use crate::graph::{
    Array, Case, CaseInput, Constant, Dispatch, Domain, Fusion, Gradient, Lowering, Op, Operand,
    ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// `schedule`, `counters` → the new `schedule`, in place: its [`state::LEARNING_RATE`] becomes [`state::BASE`] times a factor that
/// follows from the number of updates done so far.
///
/// The factor is computed in 32 bits and is within 4e-6 of its value of the definition in 64 bits.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Updates in which the learning rate grows in a straight line before the curve begins.
    pub warmup: u32,
    /// The factor of the first of these.
    pub warmup_from: f64,
    /// Updates in which the curve stands still: 1, or those of an epoch; at least 1.
    pub unit: u32,
    /// The curve behind the warm-up.
    pub curve: Curve,
}

/// A factor as a function of time, which is counted in units from the end of the warm-up. Names are those of
/// `torch.optim.lr_scheduler`; a learning rate there is a multiple of [`state::BASE`] here.
#[derive(Clone, Debug, PartialEq)]
pub enum Curve {
    /// Always 1.
    Constant,
    /// `StepLR`: times `gamma` after every so many units.
    Step {
        /// Units from drop to drop, at least 1.
        every: u32,
        /// Above 0.
        gamma: f64,
    },
    /// `MultiStepLR`: times `gamma` at each milestone.
    MultiStep {
        /// At most [`MAX_MILESTONES`] units.
        milestones: Vec<u32>,
        /// Above 0.
        gamma: f64,
    },
    /// `ExponentialLR`: times `gamma` after every unit.
    Exponential {
        /// Above 0.
        gamma: f64,
    },
    /// `CosineAnnealingLR`: from 1 to `floor` in one period, and back in the next.
    Cosine {
        /// Units, at least 1.
        period: u32,
        /// The smallest factor, 0 to 1.
        floor: f64,
    },
    /// `CosineAnnealingWarmRestarts`: from 1 to `floor`, again and again.
    CosineRestarts {
        /// Units of the first time, at least 1.
        period: u32,
        /// How many times longer each one is than the one before, at least 1.
        multiply: u32,
        /// The smallest factor, 0 to 1.
        floor: f64,
    },
    /// `OneCycleLR` without its cycle of the momentum: up to 1, and down to nearly nothing.
    OneCycle {
        /// Units of the whole cycle, at least 1.
        total: u32,
        /// The share of them that goes up, at least 0 and below 1.
        pct_start: f64,
        /// 1 over the first factor.
        div_factor: f64,
        /// The first factor over the last.
        final_div_factor: f64,
        /// Straight lines in place of cosines.
        linear: bool,
    },
}

/// The most milestones that a curve may have.
pub const MAX_MILESTONES: usize = 8;

const MILESTONES: [&str; MAX_MILESTONES] = [
    "MILESTONE_0",
    "MILESTONE_1",
    "MILESTONE_2",
    "MILESTONE_3",
    "MILESTONE_4",
    "MILESTONE_5",
    "MILESTONE_6",
    "MILESTONE_7",
];

impl Curve {
    /// The entry point of the shader.
    fn entry(&self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Step { .. } => "step_decay",
            Self::MultiStep { .. } => "multi_step",
            Self::Exponential { .. } => "exponential",
            Self::Cosine { .. } => "cosine",
            Self::CosineRestarts { .. } => "cosine_restarts",
            Self::OneCycle { .. } => "one_cycle",
        }
    }

    fn is_sound(&self) -> bool {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let share = |x: f64| (0.0..=1.0).contains(&x);
        match *self {
            Self::Constant => true,
            Self::Step { every, gamma } => every > 0 && positive(gamma),
            Self::MultiStep {
                ref milestones,
                gamma,
            } => milestones.len() <= MAX_MILESTONES && positive(gamma),
            Self::Exponential { gamma } => positive(gamma),
            Self::Cosine { period, floor } => period > 0 && share(floor),
            Self::CosineRestarts {
                period,
                multiply,
                floor,
            } => period > 0 && multiply > 0 && share(floor),
            Self::OneCycle {
                total,
                pct_start,
                div_factor,
                final_div_factor,
                linear: _,
            } => {
                total > 0
                    && share(pct_start)
                    && pct_start < 1.0
                    && positive(div_factor)
                    && positive(final_div_factor)
            }
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "constants of the shader are f32, rounded once from f64"
    )]
    fn constants(&self) -> Vec<(&'static str, Constant)> {
        let float = |x: f64| Constant::F32(x as f32);
        let log = |gamma: f64| ("LOG_GAMMA", float(gamma.ln()));
        match *self {
            Self::Constant => Vec::new(),
            Self::Step { every, gamma } => vec![("EVERY", every.into()), log(gamma)],
            Self::MultiStep {
                ref milestones,
                gamma,
            } => MILESTONES
                .into_iter()
                .zip(milestones)
                .map(|(name, &milestone)| (name, milestone.into()))
                .chain([log(gamma)])
                .collect(),
            Self::Exponential { gamma } => vec![log(gamma)],
            Self::Cosine { period, floor } => {
                vec![("PERIOD", period.into()), ("FLOOR", float(floor))]
            }
            Self::CosineRestarts {
                period,
                multiply,
                floor,
            } => vec![
                ("PERIOD", period.into()),
                ("MULTIPLY", multiply.into()),
                ("FLOOR", float(floor)),
            ],
            Self::OneCycle {
                total,
                pct_start,
                div_factor,
                final_div_factor,
                linear,
            } => {
                let last = f64::from(total - 1);
                let top = pct_start * f64::from(total) - 1.0;
                vec![
                    ("START", float(1.0 / div_factor)),
                    ("END", float(1.0 / div_factor / final_div_factor)),
                    // A top in the very first step is the begin of the way down.
                    ("UP", float(if top > 0.0 { top } else { -1.0 })),
                    ("DOWN", float(last - top)),
                    ("LAST", (total - 1).into()),
                    ("LINEAR", linear.into()),
                ]
            }
        }
    }

    /// The factor in f64.
    fn factor(&self, t: f64) -> f64 {
        use reference::schedule as truth;
        match *self {
            Self::Constant => 1.0,
            Self::Step { every, gamma } => truth::step_decay(t, every.into(), gamma),
            Self::MultiStep {
                ref milestones,
                gamma,
            } => truth::multi_step(t, milestones, gamma),
            Self::Exponential { gamma } => truth::exponential(t, gamma),
            Self::Cosine { period, floor } => truth::cosine(t, period.into(), floor),
            Self::CosineRestarts {
                period,
                multiply,
                floor,
            } => truth::cosine_restarts(t, period.into(), multiply.into(), floor),
            Self::OneCycle {
                total,
                pct_start,
                div_factor,
                final_div_factor,
                linear,
            } => truth::one_cycle(
                t,
                total.into(),
                pct_start,
                div_factor,
                final_div_factor,
                linear,
            ),
        }
    }
}

/// Iterations of the loop of `cosine_restarts`.
const RESTARTS: usize = 32;

impl Op for Schedule {
    fn name(&self) -> &'static str {
        "schedule"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let tensors = [
            ("schedule", state::schedule()),
            ("counters", state::counters()),
        ];
        state::expect("schedule", inputs, &tensors)?;
        let sound = self.unit > 0 && (0.0..=1.0).contains(&self.warmup_from);
        if !sound || !self.curve.is_sound() {
            return Err(ShapeError::new(format!(
                "{self:?}: units and periods are at least 1, factors are above 0, shares are 0 to 1"
            )));
        }
        Ok(vec![inputs[0].clone()])
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "constants of the shader are f32, rounded once from f64"
    )]
    fn lower(&self, _: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let mut constants = vec![
            ("WARMUP", self.warmup.into()),
            ("WARMUP_FROM", (self.warmup_from as f32).into()),
            ("UNIT", self.unit.into()),
        ];
        constants.extend(self.curve.constants());
        let schedule = Operand::Update {
            input: 0,
            output: 0,
        };
        vec![Lowering::one(Dispatch {
            shader: "schedule",
            entry: self.curve.entry(),
            constants,
            operands: vec![schedule, Operand::Input(1)],
            invocations: 1,
            loop_trips: match self.curve {
                Curve::CosineRestarts { .. } => RESTARTS,
                _ => 0,
            },
            flops: 0,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("a learning rate is not differentiated")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![reference::schedule::set(
            &inputs[0],
            &inputs[1],
            self.warmup.into(),
            self.warmup_from,
            self.unit.into(),
            |t| self.curve.factor(t),
        )]
    }
}

/// Every curve, in its first steps and on both sides of each corner, with and without a warm-up and units.
pub fn cases() -> Vec<Case> {
    let one_cycle = |total, pct_start, linear| Curve::OneCycle {
        total,
        pct_start,
        div_factor: 25.0,
        final_div_factor: 100.0,
        linear,
    };
    let restarts = |period, multiply| Curve::CosineRestarts {
        period,
        multiply,
        floor: 0.01,
    };
    let milestones = |milestones: &[u32]| Curve::MultiStep {
        milestones: milestones.to_vec(),
        gamma: 0.5,
    };
    let list: Vec<(Curve, &[u32])> = vec![
        (Curve::Constant, &[0, 1, 9, 10, 11, 1_000_003]),
        (
            Curve::Step {
                every: 7,
                gamma: 0.1,
            },
            &[0, 6, 7, 13, 14, 27, 28, 29, 31, 41, 42, 44],
        ),
        (
            milestones(&[3, 3, 5, 9, 20, 21, 40, 41]),
            &[0, 2, 3, 4, 5, 9, 12, 20, 25, 27, 80, 400],
        ),
        (milestones(&[]), &[0, 400]),
        (
            Curve::Exponential { gamma: 0.97 },
            &[0, 1, 2, 50, 100, 299, 1000],
        ),
        (Curve::Exponential { gamma: 1.01 }, &[0, 1, 300]),
        (
            Curve::Cosine {
                period: 100,
                floor: 0.0,
            },
            &[0, 1, 50, 99, 101, 110, 150, 199, 200, 350],
        ),
        (
            Curve::Cosine {
                period: 1,
                floor: 0.25,
            },
            &[0, 1, 2, 3],
        ),
        (restarts(10, 1), &[0, 5, 9, 10, 11, 20, 399, 400, 1_000_009]),
        (
            restarts(3, 2),
            &[0, 2, 3, 8, 9, 20, 21, 45, 93, 4_000_000_000, u32::MAX],
        ),
        (restarts(u32::MAX, 3), &[0, 1 << 31, u32::MAX]),
        (
            one_cycle(100, 0.3, false),
            &[0, 1, 28, 29, 30, 31, 60, 98, 99, 100, 1000],
        ),
        (one_cycle(41, 0.5, true), &[0, 19, 20, 21, 39, 40, 41]),
        (one_cycle(10, 0.1, false), &[0, 1, 9]),
        (one_cycle(10, 0.0, false), &[0, 1, 9]),
        (one_cycle(1, 0.3, false), &[0, 1]),
    ];
    let mut cases = Vec::new();
    for (curve, steps) in list {
        for &step in steps {
            cases.push(case(&curve, [0, 1], step));
            cases.push(case(&curve, [10, 3], step));
        }
    }
    cases
}

fn case(curve: &Curve, [warmup, unit]: [u32; 2], step: u32) -> Case {
    let op = Schedule {
        warmup,
        warmup_from: 0.125,
        unit,
        curve: curve.clone(),
    };
    let schedule = Domain::Given(vec![0.7, 0.375, 0.0, 0.0]);
    Case::new(
        op,
        vec![
            CaseInput::floats([state::SCHEDULE], schedule),
            CaseInput::words(&[step, 3, 64, 0, 0, 0, 0, 0]),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_that_make_no_sense_are_refused() {
        let infer = |unit, curve| {
            let op = Schedule {
                warmup: 0,
                warmup_from: 0.0,
                unit,
                curve,
            };
            op.infer(&[state::schedule(), state::counters()])
        };
        assert!(infer(1, Curve::Constant).is_ok());
        let cosine = |period, floor| Curve::Cosine { period, floor };
        for (unit, curve) in [
            (0, Curve::Constant),
            (1, Curve::Exponential { gamma: 0.0 }),
            (1, cosine(0, 0.0)),
            (1, cosine(5, f64::NAN)),
            (
                1,
                Curve::MultiStep {
                    milestones: vec![1; MAX_MILESTONES + 1],
                    gamma: 0.1,
                },
            ),
        ] {
            assert!(infer(unit, curve.clone()).is_err(), "{curve:?}");
        }
    }
}
