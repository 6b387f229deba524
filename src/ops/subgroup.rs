//! Tiles of matrix products that one subgroup computes together (`shaders/lib/subgroup.wgsl`).

use crate::graph::Constant;

/// The tile of one subgroup: rows, and `vec4`s of columns for each of its lanes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tile {
    lanes: usize,
    rows: usize,
    columns4: usize,
}

/// Rows and `vec4`s of columns of the tiles there are, with the speed of each in a product of many whole tiles, relative to the
/// first: measured on Mesa's lavapipe, where it decides (`benches/RESULTS.md`).
const TILES: [(usize, usize, f64); 4] = [(32, 1, 1.0), (16, 2, 0.85), (16, 1, 0.75), (8, 1, 0.5)];

/// Below this many tiles, some cores of a small adapter have nothing to do.
const FEW: usize = 8;

/// The speed of tiles that each invocation computes by itself, on the same scale.
const ALONE: f64 = 0.35;

impl Tile {
    /// The tiles for a product of so many rows and columns, the best guess first; `None` is a product without subgroups, which is
    /// always among them.
    pub(super) fn candidates(lanes: Option<u32>, rows: usize, columns: usize) -> Vec<Option<Self>> {
        let Some(lanes) = lanes.map(|lanes| lanes as usize) else {
            return vec![None];
        };
        let alone = (rows * columns.div_ceil(4)) as f64 / lanes as f64 / ALONE;
        let mut tiles = vec![(alone, None)];
        tiles.extend(TILES.iter().map(|&(tile_rows, columns4, speed)| {
            let tile = Self {
                lanes,
                rows: tile_rows,
                columns4,
            };
            let computed = tile.count(rows, columns).max(FEW) * tile_rows * columns4;
            (computed as f64 / speed, Some(tile))
        }));
        tiles.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        tiles.into_iter().map(|(_, tile)| tile).collect()
    }

    /// Tiles of a product of so many rows and columns.
    pub(super) fn count(self, rows: usize, columns: usize) -> usize {
        rows.div_ceil(self.rows) * columns.div_ceil(4 * self.lanes * self.columns4)
    }

    /// Invocations of one tile.
    pub(super) fn lanes(self) -> usize {
        self.lanes
    }

    /// Loads of the left operand, per four units of k, of one lane.
    pub(super) fn loads(self) -> usize {
        self.rows.div_ceil(self.lanes)
    }

    /// The constants of the fragment, and the workgroup that is one subgroup.
    pub(super) fn constants(self) -> [(&'static str, Constant); 4] {
        [
            ("LANES", self.lanes.into()),
            ("ROWS", self.rows.into()),
            ("COLUMNS4", self.columns4.into()),
            ("WORKGROUP", self.lanes.into()),
        ]
    }

    /// Loop iterations of one invocation per four units of k; `transposed` where the left operand is loaded along its rows.
    pub(super) fn trips_per_k4(self, transposed: bool) -> usize {
        let gather = if transposed { 4 } else { 0 };
        1 + self.rows.div_ceil(self.lanes)
            + self.columns4
            + self.rows * (1 + gather + self.columns4)
    }

    /// Loop iterations of one invocation outside of the sum.
    pub(super) fn trips_around(self) -> usize {
        self.rows * (1 + self.columns4)
    }
}
