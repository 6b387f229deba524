//! What the recurrent ops share: shapes, kernels (`shaders/lib/recurrence.wgsl`) and the gradients of weight and bias.
//!
//! The products of the input with its weights are one matrix product over the whole sequence, before the op; the op is what is left,
//! the walk over the steps. It has two forms. In the one, a workgroup owns some samples and walks as many steps in a dispatch as a
//! kernel may loop for; in the other, a dispatch is one step, with as many workgroups as there is work for. Both run the same
//! text, and a dispatch learns from the one before where the sequence stands, so that a sequence of any length is one pipeline.

use super::matmul::Matmul;
use super::reduce_sum::ReduceSum;
use super::reshape::Reshape;
use crate::graph::op::MAX_LOOP_TRIPS;
use crate::graph::{
    CaseInput, Constant, Dispatch, Domain, Fusion, Lowering, Operand, Shape, ShapeError, Tape,
    Target, TensorType, Value,
};

/// What tells one recurrent op from another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// The op, and its shader.
    pub(super) name: &'static str,
    /// Gates of a unit: `x` is (N, T, gates · H).
    pub(super) gates: usize,
    /// What is kept of a unit and step for the gradient beside `y`: `saved` is (N, T, saved, H), or there is none.
    pub(super) saved: usize,
    /// Whether the gradient of the sums over the state is another than that of `x`.
    pub(super) split: bool,
    /// Floating-point operations of a unit and step beside the sums, about.
    pub(super) flops: usize,
}

/// One invocation spends at most this many loop iterations: the steps of a dispatch follow from it.
const MAX_TRIPS: usize = 40_000;

/// A workgroup has at least so many invocations where there is work for them.
const WORKGROUP: usize = 64;

/// Invocations of a workgroup that WebGPU allows everywhere.
const MAX_WORKGROUP: usize = 256;

/// How the work is shared out.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tile {
    /// Samples of one invocation.
    rows: usize,
    /// Invocations side by side.
    across: usize,
    /// Whether a dispatch is one step, and the parts of the units are spread over invocations.
    spread: bool,
    /// Whether `across` invocations are a subgroup that hands round the states.
    subgroup: bool,
}

/// A cell over sequences of given extents.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    cell: Cell,
    n: usize,
    t: usize,
    h: usize,
    reverse: bool,
}

impl Cell {
    /// The outputs of the forward pass for `x` (N, T, gates · H), `weight` (gates · H, H) and `bias` (gates · H).
    pub(super) fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let walk = self.walk(&inputs[0].shape, &inputs[1].shape, false)?;
        let gates = self.gates;
        if inputs[2].shape.dims() != [gates * walk.h] {
            return Err(ShapeError::new(format!(
                "{} of {}: the bias is {}, not ({})",
                self.name,
                inputs[0].shape,
                inputs[2].shape,
                gates * walk.h
            )));
        }
        let too_long = |backward| {
            let tiles = walk.tiles(&Target::FLOOR, backward).into_iter();
            tiles.map(|tile| walk.trips(tile, backward)).min() >= Some(MAX_LOOP_TRIPS)
        };
        if too_long(false) || too_long(true) {
            return Err(ShapeError::new(format!(
                "{} of {}: a sum over {} units is longer than a kernel may loop",
                self.name, inputs[0].shape, walk.h
            )));
        }
        let mut outputs = vec![TensorType::f32([walk.n, walk.t, walk.h])];
        if self.saved > 0 {
            outputs.push(TensorType::f32([walk.n, walk.t, self.saved, walk.h]));
        }
        Ok(outputs)
    }

    /// The outputs of the backward pass for `dy, saved (where there is one), y, weight`: `dx`, the states before each step, and
    /// the gradient of the sums where it is another.
    pub(super) fn infer_backward(&self, inputs: &[TensorType]) -> Vec<TensorType> {
        let &[n, t, h] = inputs[0].shape.dims() else {
            unreachable!("dy has the shape of y");
        };
        let gates = TensorType::f32([n, t, self.gates * h]);
        let mut outputs = vec![gates.clone(), TensorType::f32([n, t, h])];
        if self.split {
            outputs.push(gates);
        }
        outputs
    }

    /// The walk over `x` (N, T, gates · H) with this weight.
    fn walk(&self, x: &Shape, weight: &Shape, reverse: bool) -> Result<Walk, ShapeError> {
        let refuse = |why: String| {
            Err(ShapeError::new(format!(
                "{} of {x} and {weight}: {why}",
                self.name
            )))
        };
        let (&[n, t, units], &[rows, h]) = (x.dims(), weight.dims()) else {
            return refuse(format!(
                "x must be (N, T, {0} · H) and the weight ({0} · H, H)",
                self.gates
            ));
        };
        if h == 0 || n == 0 || t == 0 || units != self.gates * h || rows != units {
            return refuse(format!(
                "for {h} units both must have {} gates of them, and a sample and a step at least",
                self.gates
            ));
        }
        Ok(Walk {
            cell: *self,
            n,
            t,
            h,
            reverse,
        })
    }

    /// The ways to compute the forward pass.
    pub(super) fn forward(
        &self,
        inputs: &[TensorType],
        reverse: bool,
        extra: &[(&'static str, Constant)],
        target: &Target,
    ) -> Vec<Lowering> {
        let walk = self
            .walk(&inputs[0].shape, &inputs[1].shape, reverse)
            .expect("the shapes were inferred");
        walk.ways(target, false, extra)
    }

    /// The ways to compute the backward pass, on `dy, saved (where there is one), y, weight`.
    pub(super) fn backward(
        &self,
        inputs: &[TensorType],
        reverse: bool,
        extra: &[(&'static str, Constant)],
        target: &Target,
    ) -> Vec<Lowering> {
        let &[n, t, h] = inputs[0].shape.dims() else {
            unreachable!("dy has the shape of y");
        };
        let walk = Walk {
            cell: *self,
            n,
            t,
            h,
            reverse,
        };
        walk.ways(target, true, extra)
    }

    /// The gradients of `x, weight, bias` from the outputs of the backward pass.
    pub(super) fn gradients(&self, tape: &mut Tape<'_>, back: &[Value]) -> Vec<Option<Value>> {
        let &[n, t, h] = tape.graph.shape(back[1]).dims() else {
            unreachable!("the states are (N, T, H)");
        };
        let units = self.gates * h;
        let mut rows = |value, columns| {
            let shape = Shape::from([n * t, columns]);
            tape.graph.one(Reshape { shape }, &[value])
        };
        // Without a gradient of its own, that of the sums is that of x.
        let (sums, before) = (
            rows(*back.get(2).unwrap_or(&back[0]), units),
            rows(back[1], h),
        );
        let product = Matmul {
            transpose_a: true,
            transpose_b: false,
        };
        let dweight = tape.wanted[1].then(|| tape.graph.one(product, &[sums, before]));
        let dbias = tape.wanted[2].then(|| tape.graph.one(ReduceSum::sum(0..1), &[sums]));
        vec![tape.wanted[0].then_some(back[0]), dweight, dbias]
    }
}

impl Walk {
    fn h4(&self) -> usize {
        self.h.div_ceil(4)
    }

    fn aligned(&self) -> bool {
        self.h.is_multiple_of(4)
    }

    /// The ways to share out the work on an adapter of this kind, the best guess first.
    fn tiles(&self, target: &Target, backward: bool) -> Vec<Tile> {
        let h4 = self.h4();
        let mut tiles = Vec::new();
        // A GPU wants many invocations more than few loads.
        if let Some(lanes) = target.subgroup
            && !target.workgroup_tiles
        {
            let across = lanes as usize;
            // Thirty-two sums of four at most, so that they stay in registers and the kernel is compiled in a second.
            let sums = if backward { 1 } else { self.cell.gates };
            let tile = |spread| Tile {
                rows: if sums > 2 { 8 } else { 16 },
                across,
                spread,
                subgroup: true,
            };
            // Where the units fill several subgroups, one step per dispatch has work for more cores.
            if h4 > 2 * across {
                tiles.push(tile(true));
            }
            tiles.push(tile(false));
        }
        // Few samples to each workgroup, so that there are many workgroups.
        let rows = self.n.div_ceil(16).clamp(1, 4);
        let portable = |spread| Tile {
            rows,
            across: h4.min(if spread { WORKGROUP } else { MAX_WORKGROUP }),
            spread,
            subgroup: false,
        };
        tiles.push(portable(false));
        if self.t > 1 && h4 >= WORKGROUP / 4 {
            tiles.push(portable(true));
        }
        tiles
    }

    /// An upper bound of the loop iterations of one step of one invocation.
    fn trips(&self, tile: Tile, backward: bool) -> usize {
        let (h4, gates, rows) = (self.h4(), self.cell.gates, tile.rows);
        let loads = if tile.subgroup {
            rows.div_ceil(tile.across)
        } else {
            0
        };
        // Four numbers of a row that is no multiple of four are stored one by one.
        let put = if self.aligned() { 0 } else { 4 };
        let (sums, cell) = if backward {
            (gates * h4 * (1 + loads + rows), gates * (1 + 2 * put))
        } else {
            let gate = 1 + loads + gates + rows * (1 + gates);
            (h4 * gate, put + gates + self.cell.saved * (1 + put))
        };
        let parts = if tile.spread {
            1
        } else {
            h4.div_ceil(tile.across)
        };
        1 + parts * (1 + sums + rows * (1 + cell))
    }

    fn ways(
        &self,
        target: &Target,
        backward: bool,
        extra: &[(&'static str, Constant)],
    ) -> Vec<Lowering> {
        let tiles = self.tiles(target, backward).into_iter();
        let mut ways: Vec<Lowering> = tiles
            .map(|tile| self.lower(tile, backward, extra))
            .collect();
        ways.retain(Lowering::ends);
        ways
    }

    fn lower(&self, tile: Tile, backward: bool, extra: &[(&'static str, Constant)]) -> Lowering {
        let Self { cell, n, t, h, .. } = *self;
        let (h4, gates) = (self.h4(), cell.gates);
        let trips = self.trips(tile, backward);
        let parts = h4.div_ceil(tile.across);
        let row_groups = n.div_ceil(tile.rows);
        let (steps, spread) = if tile.spread {
            (1, parts)
        } else {
            ((MAX_TRIPS / trips).clamp(1, t), 1)
        };
        // Whole groups of samples, so that no workgroup waits for another.
        let groups = (WORKGROUP / tile.across).clamp(1, row_groups * spread);
        let workgroup = if tile.subgroup {
            tile.across
        } else {
            tile.across * groups
        };
        let mut constants = vec![
            ("N", n.into()),
            ("T", t.into()),
            ("H", h.into()),
            ("ALIGNED", self.aligned().into()),
            ("REVERSE", self.reverse.into()),
            ("STEPS", steps.into()),
            ("ROWS", tile.rows.into()),
            ("ACROSS", tile.across.into()),
            ("SPREAD", spread.into()),
            ("WORKGROUP", workgroup.into()),
        ];
        if tile.subgroup {
            constants.push(("LANES", tile.across.into()));
        }
        constants.extend_from_slice(extra);
        let dispatch = |entry, operands, invocations, loop_trips, flops| Dispatch {
            shader: cell.name,
            entry,
            constants: constants.clone(),
            operands,
            invocations,
            loop_trips,
            flops,
            fusion: Fusion::None,
        };
        // Scratch: the weights in order, the two counters, the states.
        let counters = [Operand::Scratch(1), Operand::Scratch(2)];
        let states = if backward { gates } else { 1 };
        let packed = if backward {
            gates * 4 * h4 * h4
        } else {
            (4 * h4 + 1) * gates * h4
        };
        let scratch = vec![4 * packed, 1, 1, 4 * (2 * states + 1) * n * h4];
        let (weight, mut operands) = if backward {
            let weight = 2 + usize::from(cell.saved > 0);
            ("pack_backward", vec![Operand::Input(weight)])
        } else {
            ("pack", vec![Operand::Input(1), Operand::Input(2)])
        };
        operands.extend([Operand::Scratch(0), counters[0]]);
        let mut dispatches = vec![dispatch(weight, operands, packed, 4, 0)];
        let entry = match (backward, tile.subgroup) {
            (false, false) => "forward",
            (false, true) => "forward_subgroup",
            (true, false) => "backward",
            (true, true) => "backward_subgroup",
        };
        for (number, begin) in (0..t).step_by(steps).enumerate() {
            let (from, to) = (counters[number % 2], counters[(number + 1) % 2]);
            let mut operands = vec![Operand::Input(0), Operand::Scratch(0), from, to];
            operands.push(Operand::Scratch(3));
            if backward {
                // What was kept, or y itself, and dy.
                operands[0] = Operand::Input(1);
                operands.extend([Operand::Input(0), Operand::Output(0)]);
                operands.extend(cell.split.then_some(Operand::Output(2)));
            } else {
                operands.push(Operand::Output(0));
                operands.extend((cell.saved > 0).then_some(Operand::Output(1)));
            }
            let of_step = 2 * gates * h * h + cell.flops * h;
            let flops = (steps.min(t - begin) * n * of_step) as u64;
            let invocations = row_groups * spread * tile.across;
            dispatches.push(dispatch(entry, operands, invocations, steps * trips, flops));
        }
        if backward {
            let y = Operand::Input(1 + usize::from(cell.saved > 0));
            let units = if self.aligned() { h4 } else { h };
            let operands = vec![y, Operand::Output(1)];
            dispatches.push(dispatch("shift", operands, n * t * units, 0, 0));
        }
        Lowering::Kernels {
            scratch,
            dispatches,
        }
    }
}

/// The extents (N, T, H) and directions on which a recurrent op is proved: one of each, odd ones, more units than a `vec4`, a
/// subgroup and a workgroup of them, more samples than a tile, and sequences longer than a dispatch walks.
pub(super) const EXTENTS: [([usize; 3], bool); 7] = [
    ([1, 1, 1], false),
    ([3, 37, 5], true),
    ([37, 3, 8], false),
    ([17, 5, 33], false),
    ([2, 4, 130], false),
    ([9, 3, 64], true),
    ([2, 1000, 3], false),
];

/// The inputs of a case: `x, weight, bias`, the weight small enough that no difference grows from step to step.
pub(super) fn case(gates: usize, [n, t, h]: [usize; 3]) -> Vec<CaseInput> {
    let weight = Domain::Scaled(0.5 / (h as f64).sqrt());
    vec![
        CaseInput::normal([n, t, gates * h]),
        CaseInput::floats([gates * h, h], weight),
        CaseInput::normal([gates * h]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const LSTM: Cell = Cell {
        name: "lstm",
        gates: 4,
        saved: 5,
        split: false,
        flops: 30,
    };

    fn types([n, t, h]: [usize; 3]) -> [TensorType; 3] {
        [
            TensorType::f32([n, t, 4 * h]),
            TensorType::f32([4 * h, h]),
            TensorType::f32([4 * h]),
        ]
    }

    fn walks(way: &Lowering) -> usize {
        let Lowering::Kernels { dispatches, .. } = way else {
            return 0;
        };
        let walk = |d: &&Dispatch| d.entry.contains("ward") && !d.entry.starts_with("pack");
        dispatches.iter().filter(walk).count()
    }

    #[test]
    fn a_short_sequence_of_few_units_is_one_dispatch_and_a_long_one_few() {
        let of = |extents| {
            let ways = LSTM.forward(&types(extents), false, &[], &Target::FLOOR);
            ways.iter().map(walks).min().unwrap()
        };
        assert_eq!(of([32, 64, 16]), 1);
        assert_eq!(of([8, 128, 32]), 1);
        let long = of([32, 1000, 64]);
        assert!((2..30).contains(&long), "{long} dispatches");
    }

    #[test]
    fn what_is_not_refused_can_be_computed_everywhere() {
        for extents in [[1, 1, 1], [64, 3, 1024], [2, 5, 1025], [256, 2, 2048]] {
            let types = types(extents);
            LSTM.infer(&types).unwrap();
            assert!(
                !LSTM.forward(&types, false, &[], &Target::FLOOR).is_empty(),
                "{extents:?}"
            );
            let [n, t, h] = extents;
            let y = TensorType::f32([n, t, h]);
            let saved = TensorType::f32([n, t, 5, h]);
            let inputs = [y.clone(), saved, y, types[1].clone()];
            assert!(
                !LSTM
                    .backward(&inputs, false, &[], &Target::FLOOR)
                    .is_empty(),
                "{extents:?}"
            );
        }
        assert!(
            LSTM.infer(&types([1, 1, 20_000])).is_err(),
            "too many units"
        );
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let [x, weight, bias] = types([2, 3, 5]);
        let check = |x: &TensorType, weight: &TensorType, bias: &TensorType| {
            LSTM.infer(&[x.clone(), weight.clone(), bias.clone()])
        };
        assert!(check(&x, &weight, &bias).is_ok());
        assert!(check(&TensorType::f32([2, 15]), &weight, &bias).is_err());
        assert!(check(&TensorType::f32([2, 3, 19]), &weight, &bias).is_err());
        assert!(check(&TensorType::f32([2, 0, 20]), &weight, &bias).is_err());
        assert!(check(&x, &TensorType::f32([20, 4]), &bias).is_err());
        assert!(check(&x, &weight, &TensorType::f32([5])).is_err());
    }
}
