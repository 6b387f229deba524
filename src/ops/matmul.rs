//! `y = op(a) · op(b)`: the matrix product, either operand transposed or not.

use std::sync::Arc;

use super::add::Add;
use super::add_bias::AddBias;
use super::sigmoid::Sigmoid;
use super::subgroup::{Product, Tile};
use super::tanh::Tanh;
use super::{reduce_sum, workgroup};
use crate::graph::{
    Array, Case, CaseInput, Constant, Dispatch, Domain, Fused, Fusion, Gradient, Lowering, Op,
    Operand, ShapeError, Tape, Target, TensorType,
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

/// One way to compute a product.
struct Variant {
    entry: &'static str,
    /// Pieces of work that a split of the sum has, and the invocations of each.
    tiles: usize,
    lanes: usize,
    /// Numbers of one load along k, the loop iterations that one invocation spends per such unit, and those outside of the sum.
    unit: usize,
    trips_per_unit: usize,
    trips_around: usize,
    constants: Vec<(&'static str, Constant)>,
}

impl Variant {
    /// For any adapter: each invocation computes a tile by itself, with `vec4` loads where the stored rows allow it, and tiles
    /// small enough to leave work for every core.
    fn portable([m, n, k]: [usize; 3], op: &Matmul) -> Self {
        let large = m * n >= 1 << 15;
        let of = |entry, [rows, columns]: [usize; 2], trips_per_unit, constants| Self {
            entry,
            tiles: m.div_ceil(rows) * n.div_ceil(columns),
            lanes: 1,
            unit: 4,
            trips_per_unit,
            trips_around: 200,
            constants,
        };
        match (op.transpose_a, op.transpose_b) {
            (false, false) if n % 4 == 0 && k % 4 == 0 => {
                let (rows, columns4) = if large { (8, 2) } else { (4, 1) };
                of(
                    "forward_nn",
                    [rows, 4 * columns4],
                    1 + columns4 + rows * (1 + columns4),
                    vec![("NN_ROWS", rows.into()), ("NN_COLUMNS4", columns4.into())],
                )
            }
            (false, true) if k % 4 == 0 => {
                let (rows, columns) = if large { (8, 8) } else { (4, 4) };
                of(
                    "forward_nt",
                    [rows, columns],
                    1 + columns + rows * (1 + columns),
                    vec![("NT_ROWS", rows.into()), ("NT_COLUMNS", columns.into())],
                )
            }
            (true, false) if m % 4 == 0 && n % 4 == 0 => {
                let (rows4, columns4) = if large { (2, 2) } else { (1, 1) };
                of(
                    "forward_tn",
                    [4 * rows4, 4 * columns4],
                    4 * (1 + columns4 + rows4 * (1 + columns4)),
                    vec![("TN_ROWS4", rows4.into()), ("TN_COLUMNS4", columns4.into())],
                )
            }
            (_, false) if n % 4 == 0 => {
                let rows = if m >= 8 { 8 } else { 4 };
                of(
                    "forward_nx",
                    [rows, 4],
                    4 * (1 + rows),
                    vec![("NX_ROWS", rows.into())],
                )
            }
            _ => of("forward", [4, 4], 4, Vec::new()),
        }
    }

    /// Whether every extent that a load of so many numbers lies along is a multiple of them, so that subgroups can compute it.
    fn fits_subgroup([m, n, k]: [usize; 3], op: &Matmul, numbers: usize) -> bool {
        let of_a = if op.transpose_a { m } else { k };
        let of_b = if op.transpose_b { k } else { n };
        n % 4 + of_a % numbers + of_b % numbers == 0
    }

    fn subgroup([m, n, _]: [usize; 3], op: &Matmul, tile: Tile) -> Self {
        Self {
            entry: "forward_subgroup",
            tiles: tile.count(m, n),
            lanes: tile.lanes(),
            unit: tile.unit(),
            trips_per_unit: tile.trips_per_unit(op.transpose_a),
            trips_around: tile.trips_around(),
            constants: tile.constants().into(),
        }
    }

    /// A workgroup of 256 invocations for each 64 · `rows` × 64 outputs, with tiles of the operands in workgroup memory.
    fn workgroup([m, n, _]: [usize; 3], rows: usize) -> Self {
        Self {
            entry: "forward_workgroup",
            tiles: m.div_ceil(64 * rows) * n.div_ceil(64),
            lanes: 256,
            unit: 16,
            trips_per_unit: 1 + rows + 16 * (1 + rows),
            trips_around: 5 * rows,
            constants: vec![("WG_ROWS", rows.into()), ("WORKGROUP", 256usize.into())],
        }
    }

    /// A workgroup of 64 invocations for each column of few rows.
    fn skinny([m, n, _]: [usize; 3]) -> Self {
        Self {
            entry: "forward_skinny",
            tiles: n,
            lanes: 64,
            unit: 4,
            // Of 64 units one invocation has one.
            trips_per_unit: 1,
            trips_around: 1 + m + m + 6 * (1 + m),
            constants: vec![("SKINNY_ROWS", m.into()), ("WORKGROUP", 64usize.into())],
        }
    }

    fn lower(self, [m, n, k]: [usize; 3], op: &Matmul) -> Lowering {
        let for_trips = (k.div_ceil(self.unit) * self.trips_per_unit).div_ceil(MAX_TRIPS);
        let for_work = WANTED_INVOCATIONS
            .div_ceil(self.tiles * self.lanes)
            .min(k / MIN_SPLIT);
        let splits = for_trips.max(for_work).max(1);
        // Whole units of k per split, so that a chunk never ends inside one.
        let chunk = k.div_ceil(splits).next_multiple_of(self.unit);
        let splits = k.div_ceil(chunk);
        let invocations = self.tiles * self.lanes * splits;
        let mut constants = vec![
            ("M", m.into()),
            ("N", n.into()),
            ("K", k.into()),
            ("K_CHUNK", chunk.into()),
            ("SPLITS", splits.into()),
            ("TRANSPOSE_A", op.transpose_a.into()),
            ("TRANSPOSE_B", op.transpose_b.into()),
        ];
        if self.lanes == 1 {
            constants.push(workgroup::of_tiles(invocations));
        }
        constants.extend(self.constants);
        reduce_sum::of_planes(splits, m * n, |to| Dispatch {
            shader: "matmul",
            entry: self.entry,
            constants,
            operands: vec![Operand::Input(0), Operand::Input(1), to],
            invocations,
            loop_trips: chunk.div_ceil(self.unit) * self.trips_per_unit + self.trips_around,
            flops: 2 * (m * n * k) as u64,
            // The plain kernels store single numbers, and the parts of a split sum are not y yet.
            fusion: Fusion::host(splits == 1 && HOSTS.contains(&self.entry)),
        })
    }
}

/// Products of at most so many rows can be computed column by column.
const SKINNY: usize = 8;

/// The entry points that store `vec4`s of y.
const HOSTS: [&str; 5] = [
    "forward_nn",
    "forward_nx",
    "forward_tn",
    "forward_subgroup",
    "forward_workgroup",
];

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

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], target: &Target) -> Vec<Lowering> {
        let [m, n, k] = self
            .extents(&inputs[0], &inputs[1])
            .expect("the shapes were inferred");
        let extents = [m, n, k];
        let fits = |numbers| Variant::fits_subgroup(extents, self, numbers);
        let tiles = if fits(4) {
            let product = Product {
                count: (k / MIN_SPLIT).max(1),
                rows: m,
                columns: n,
                along_rows: self.transpose_a,
                columns_along_k: self.transpose_b,
                wide: fits(8),
            };
            Tile::candidates(target, product)
        } else {
            vec![None]
        };
        let mut variants: Vec<Variant> = tiles
            .into_iter()
            .map(|tile| match tile {
                Some(tile) => Variant::subgroup(extents, self, tile),
                None => Variant::portable(extents, self),
            })
            .collect();
        if n.is_multiple_of(4) && m.min(n) >= 16 {
            let tall = if m > 64 { 2 } else { 1 };
            let shared = Variant::workgroup(extents, tall);
            // Tiles that are mostly beyond an edge are no good guess.
            let best = target.workgroup_tiles && m.min(n) >= 48;
            variants.insert(if best { 0 } else { variants.len() }, shared);
        }
        let [a_along_k, b_along_k] = [!self.transpose_a, self.transpose_b];
        if m <= SKINNY && a_along_k && b_along_k && k.is_multiple_of(4) {
            let best = target.workgroup_tiles && k >= 256;
            variants.insert(
                if best { 0 } else { variants.len() },
                Variant::skinny(extents),
            );
        }
        let ways = variants.into_iter().map(|way| way.lower(extents, self));
        ways.collect()
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
        [8, 37, 516],
        [88, 136, 72],
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
    cases.extend(fused_cases());
    cases
}

/// Products with epilogues, of every kernel that has one and of those that have none.
fn fused_cases() -> Vec<Case> {
    let of = |[m, n, k]: [usize; 3], transpose_a, transpose_b| {
        let op = Matmul {
            transpose_a,
            transpose_b,
        };
        let a = if transpose_a { [k, m] } else { [m, k] };
        let b = if transpose_b { [n, k] } else { [k, n] };
        let inputs = vec![CaseInput::normal(a), CaseInput::normal(b)];
        (Fused::new(Arc::new(op), 2), inputs)
    };
    let mut cases = Vec::new();
    for (extents, transpose_a, transpose_b) in [
        ([100, 36, 20], false, true),
        ([33, 20, 64], false, false),
        ([20, 132, 12], true, false),
        ([20, 12, 1100], true, true),
    ] {
        let n = extents[1];
        let (fused, inputs) = of(extents, transpose_a, transpose_b);
        let fused = fused.then(Arc::new(AddBias), 2, 0);
        let biased = [inputs.clone(), vec![CaseInput::normal([n])]].concat();
        let activated = fused.clone().then(Arc::new(Tanh::Forward), 1, 0);
        cases.push(Case::new(fused, biased.clone()));
        cases.push(Case::new(activated, biased));
        let (fused, inputs) = of(extents, transpose_a, transpose_b);
        let fused = fused.then(Arc::new(Sigmoid::Backward), 2, 1);
        let saved = CaseInput::floats([extents[0], n], Domain::Positive);
        cases.push(Case::new(fused, [inputs, vec![saved]].concat()));
        // What is added to a product, on either side.
        let (fused, inputs) = of(extents, transpose_a, transpose_b);
        let fused = fused.then(Arc::new(Add), 2, 1).then(Arc::new(Add), 2, 0);
        let added = CaseInput::normal([extents[0], n]);
        cases.push(Case::new(fused, [inputs, vec![added; 2]].concat()));
    }
    cases
}
