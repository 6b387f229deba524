//! `y = op(a) · op(b)`: the matrix product, either operand transposed or not.

use super::{reduce_sum, workgroup};
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Gradient, Lowering, Op, Operand, ShapeError, Tape, Target,
    TensorType,
};
use crate::reference;

/// Matrix product of `a` (m, k) and `b` (k, n); a transposed operand is stored with its axes exchanged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Matmul {
    /// `a` is stored as (k, m).
    pub transpose_a: bool,
    /// `b` is stored as (n, k).
    pub transpose_b: bool,
}

impl Matmul {
    fn extents(&self, a: &TensorType, b: &TensorType) -> Result<[usize; 3], ShapeError> {
        let refuse = |why: &str| {
            Err(ShapeError::new(format!(
                "matmul of {}{} and {}{}: {why}",
                a.shape,
                if self.transpose_a { " transposed" } else { "" },
                b.shape,
                if self.transpose_b { " transposed" } else { "" },
            )))
        };
        let (&[a0, a1], &[b0, b1]) = (a.shape.dims(), b.shape.dims()) else {
            return refuse("both must be matrices");
        };
        let (m, k) = if self.transpose_a { (a1, a0) } else { (a0, a1) };
        let (b_k, n) = if self.transpose_b { (b1, b0) } else { (b0, b1) };
        if k != b_k {
            return refuse(&format!("the inner extents {k} and {b_k} differ"));
        }
        Ok([m, n, k])
    }
}

/// The entry point, the extents (rows, columns) of the tile of one invocation, and the loop iterations it spends per four units of k.
struct Variant {
    entry: &'static str,
    tile: [usize; 2],
    trips_per_k4: usize,
    constants: Vec<(&'static str, crate::graph::Constant)>,
}

impl Variant {
    /// The variant for a product of these extents: `vec4` loads where the stored rows allow it, and tiles small enough to leave
    /// work for every core.
    fn choose([m, n, k]: [usize; 3], op: &Matmul) -> Self {
        let large = m * n >= 1 << 15;
        match (op.transpose_a, op.transpose_b) {
            (false, false) if n % 4 == 0 && k % 4 == 0 => {
                let (rows, columns4) = if large { (8, 2) } else { (4, 1) };
                Self {
                    entry: "forward_nn",
                    tile: [rows, 4 * columns4],
                    trips_per_k4: 1 + columns4 + rows * (1 + columns4),
                    constants: vec![("NN_ROWS", rows.into()), ("NN_COLUMNS4", columns4.into())],
                }
            }
            (false, true) if k % 4 == 0 => {
                let (rows, columns) = if large { (8, 8) } else { (4, 4) };
                Self {
                    entry: "forward_nt",
                    tile: [rows, columns],
                    trips_per_k4: 1 + columns + rows * (1 + columns),
                    constants: vec![("NT_ROWS", rows.into()), ("NT_COLUMNS", columns.into())],
                }
            }
            (true, false) if m % 4 == 0 && n % 4 == 0 => {
                let (rows4, columns4) = if large { (2, 2) } else { (1, 1) };
                Self {
                    entry: "forward_tn",
                    tile: [4 * rows4, 4 * columns4],
                    trips_per_k4: 4 * (1 + columns4 + rows4 * (1 + columns4)),
                    constants: vec![("TN_ROWS4", rows4.into()), ("TN_COLUMNS4", columns4.into())],
                }
            }
            _ => Self {
                entry: "forward",
                tile: [4, 4],
                trips_per_k4: 4,
                constants: Vec::new(),
            },
        }
    }
}

/// One invocation spends at most this many loop iterations on a product; a longer sum is split.
const MAX_TRIPS: usize = 40_000;

/// A split of the inner extent is at least this long: shorter sums cost more to add up than they gain.
const MIN_SPLIT: usize = 512;

/// Below this many invocations a long sum is split to give every core work.
const WANTED_INVOCATIONS: usize = 2048;

impl Op for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let [m, n, _] = self.extents(&inputs[0], &inputs[1])?;
        Ok(vec![TensorType::f32([m, n])])
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let [m, n, k] = self
            .extents(&inputs[0], &inputs[1])
            .expect("the shapes were inferred");
        let variant = Variant::choose([m, n, k], self);
        let tiles = m.div_ceil(variant.tile[0]) * n.div_ceil(variant.tile[1]);
        let for_trips = (k.div_ceil(4) * variant.trips_per_k4).div_ceil(MAX_TRIPS);
        let for_work = WANTED_INVOCATIONS.div_ceil(tiles).min(k / MIN_SPLIT);
        let splits = for_trips.max(for_work).max(1);
        // Whole vec4s of k per split, so that a chunk never ends inside one.
        let chunk = k.div_ceil(splits).next_multiple_of(4);
        let splits = k.div_ceil(chunk);
        let mut constants = vec![
            ("M", m.into()),
            ("N", n.into()),
            ("K", k.into()),
            ("K_CHUNK", chunk.into()),
            ("SPLITS", splits.into()),
            ("TRANSPOSE_A", self.transpose_a.into()),
            ("TRANSPOSE_B", self.transpose_b.into()),
        ];
        constants.extend(variant.constants);
        constants.push(workgroup::of_tiles(tiles * splits));
        let product = |to| Dispatch {
            shader: "matmul",
            entry: variant.entry,
            constants,
            operands: vec![Operand::Input(0), Operand::Input(1), to],
            invocations: tiles * splits,
            loop_trips: chunk.div_ceil(4) * variant.trips_per_k4 + 200,
            flops: 2 * (m * n * k) as u64,
        };
        vec![reduce_sum::of_planes(splits, m * n, product)]
    }

    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let Some(dy) = tape.dy[0] else {
            return Gradient::Of(vec![None, None]);
        };
        let (a, b) = (tape.inputs[0], tape.inputs[1]);
        let (ta, tb) = (self.transpose_a, self.transpose_b);
        let mut product = |transpose_a, left, transpose_b, right| {
            tape.graph.one(
                Self {
                    transpose_a,
                    transpose_b,
                },
                &[left, right],
            )
        };
        // dA = dY · op(B)ᵀ and dB = op(A)ᵀ · dY, each transposed as its operand is stored.
        let da = tape.wanted[0].then(|| {
            if ta {
                product(tb, b, true, dy)
            } else {
                product(false, dy, !tb, b)
            }
        });
        let db = tape.wanted[1].then(|| {
            if tb {
                product(true, dy, ta, a)
            } else {
                product(!ta, a, false, dy)
            }
        });
        Gradient::Of(vec![da, db])
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        vec![reference::matmul::forward(
            &inputs[0],
            &inputs[1],
            self.transpose_a,
            self.transpose_b,
        )]
    }
}

/// Every transposition at extents of one, primes, just off the tiles, long sums that are split, and outputs of many workgroups.
pub fn cases() -> Vec<Case> {
    let extents = [
        [1, 1, 1],
        [7, 5, 3],
        [13, 10, 17],
        [4, 8, 4],
        [9, 12, 20],
        [33, 20, 64],
        [2, 1, 515],
        [1, 500, 8],
        [64, 64, 1028],
        [189, 188, 36],
        [17, 4, 40_003],
        [12, 20, 1100],
        [172, 196, 12],
    ];
    let mut cases = Vec::new();
    for [m, n, k] in extents {
        for (transpose_a, transpose_b) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            let a = if transpose_a { [k, m] } else { [m, k] };
            let b = if transpose_b { [n, k] } else { [k, n] };
            cases.push(Case::new(
                Matmul {
                    transpose_a,
                    transpose_b,
                },
                vec![CaseInput::normal(a), CaseInput::normal(b)],
            ));
        }
    }
    cases
}
