//! Tiles of matrix products that one subgroup computes together (`shaders/lib/subgroup.wgsl`).

use crate::graph::{Constant, Target};

/// The tile of one subgroup: rows, and `vec4`s of columns for each of its lanes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tile {
    lanes: usize,
    rows: usize,
    columns4: usize,
    /// Whether operands are loaded eight numbers at a time instead of four.
    wide: bool,
}

/// The largest tiles that are considered: rows, `vec4`s of columns, and whether loads are wide. Mesa unrolls loops of at most 32
/// iterations, and needs a second to compile much larger tiles.
const LARGEST: [(usize, usize, bool); 10] = [
    (32, 2, true),
    (24, 2, true),
    (32, 1, true),
    (16, 1, true),
    (32, 1, false),
    (24, 1, false),
    (16, 1, false),
    (8, 1, false),
    (24, 2, false),
    (16, 2, false),
];

/// How many of them are offered.
const OFFERED: usize = 3;

/// What one load of a `vec4` by every lane costs on Mesa's lavapipe, in units of four multiply-adds of a `vec4` by every lane: a
/// load goes through the lanes one by one. Fitted to nine tiles, within 6 % of each (`benches/RESULTS.md`).
const LOAD: f64 = 2.75;

/// The same for a wide load, of eight numbers.
const WIDE_LOAD: f64 = 4.4;

/// What a `vec4` of one row costs in a product that each invocation computes by itself, on the same scale.
const ALONE: f64 = 4.8;

/// Tiles are shared out to the cores of a software adapter, of which there are at least about as many.
const CORES: usize = 4;

/// What of a product decides which tiles there are for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product {
    /// Products of these extents that are computed side by side.
    pub(super) count: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Whether the left operand is loaded along its rows.
    pub(super) along_rows: bool,
    /// Whether the right operand is loaded along k, and not along its columns.
    pub(super) columns_along_k: bool,
    /// Whether every extent that is loaded along is a multiple of 8.
    pub(super) wide: bool,
}

impl Tile {
    /// The tiles for a product on such an adapter, the best guess first; `None` is a product without subgroups, which is always
    /// among them.
    pub(super) fn candidates(target: &Target, product: Product) -> Vec<Option<Self>> {
        let Some(lanes) = target.subgroup.map(|lanes| lanes as usize) else {
            return vec![None];
        };
        let Product {
            count,
            rows,
            columns,
            ..
        } = product;
        let mut tiles: Vec<(f64, Self)> = Vec::new();
        for (most, columns4, wide) in LARGEST {
            // As many rows as make the same number of tiles, and no more.
            let groups = if wide && product.along_rows { 8 } else { 4 };
            let tile = Self {
                lanes,
                rows: rows.div_ceil(rows.div_ceil(most)).next_multiple_of(groups),
                columns4,
                wide,
            };
            let there = tiles.iter().any(|(_, other)| *other == tile);
            // Eight columns are loaded at once where it is not k.
            let loadable = product.wide && (columns4 > 1 || product.columns_along_k);
            if !there && (!wide || loadable && target.wide_loads) {
                let tiles_of_all = (count * tile.count(rows, columns)).next_multiple_of(CORES);
                tiles.push((tiles_of_all as f64 * tile.cost(), tile));
            }
        }
        tiles.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        tiles.truncate(OFFERED);
        let work = count * rows * columns.div_ceil(4);
        let alone = ALONE * work.div_ceil(lanes) as f64;
        let place = tiles.partition_point(|(cost, _)| *cost <= alone);
        let mut candidates: Vec<_> = tiles.into_iter().map(|(_, tile)| Some(tile)).collect();
        candidates.insert(place, None);
        candidates
    }

    /// What four units of k cost one subgroup.
    fn cost(self) -> f64 {
        // A wide load of columns is one of two vec4s for one unit of k, as two narrow ones are.
        let loads = (self.loads() + 4 * self.columns4) as f64;
        let of_loads = if self.wide {
            WIDE_LOAD / 2.0 * loads
        } else {
            LOAD * loads
        };
        of_loads + (self.rows * self.columns4) as f64
    }

    /// Tiles of a product of so many rows and columns.
    pub(super) fn count(self, rows: usize, columns: usize) -> usize {
        rows.div_ceil(self.rows) * columns.div_ceil(4 * self.lanes * self.columns4)
    }

    /// Invocations of one tile.
    pub(super) fn lanes(self) -> usize {
        self.lanes
    }

    /// Numbers of one load: sums are cut between them.
    pub(super) fn unit(self) -> usize {
        4 * self.load4()
    }

    /// `vec4`s of one load.
    fn load4(self) -> usize {
        if self.wide { 2 } else { 1 }
    }

    /// Loads of the left operand, per unit of k, of one lane.
    pub(super) fn loads(self) -> usize {
        self.rows.div_ceil(self.lanes)
    }

    /// The constants of the fragment, and the workgroup that is one subgroup.
    pub(super) fn constants(self) -> [(&'static str, Constant); 5] {
        [
            ("LANES", self.lanes.into()),
            ("ROWS", self.rows.into()),
            ("COLUMNS4", self.columns4.into()),
            ("WIDE", self.wide.into()),
            ("WORKGROUP", self.lanes.into()),
        ]
    }

    /// Loop iterations of one invocation per load along k.
    pub(super) fn trips_per_unit(self, along_rows: bool) -> usize {
        let load4 = self.load4();
        let gather = if along_rows { 4 } else { 0 };
        // Wide or not, and along k or not, from 6 to 7.5 for each vec4.
        let columns = 8 * self.columns4;
        let rows = self.rows * (1 + load4 * (1 + gather + self.columns4));
        1 + self.loads() * (1 + load4) + columns + rows
    }

    /// Loop iterations of one invocation outside of the sum.
    pub(super) fn trips_around(self) -> usize {
        self.columns4 * (1 + self.rows)
    }
}
