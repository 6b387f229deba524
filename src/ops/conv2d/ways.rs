//! The ways to compute a convolution and its gradients: which kernel, with which tiles.

use super::super::subgroup::{Product, Tile};
use super::super::{reduce_sum, workgroup};
use crate::graph::{Constant, Dispatch, Fusion, Lowering, Operand, Shape, Target, Window};

/// The extents of one convolution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extents {
    n: usize,
    h: usize,
    w: usize,
    c: usize,
    oh: usize,
    ow: usize,
    o: usize,
    window: Window,
    groups: usize,
}

impl Extents {
    pub(super) fn new(x: &Shape, y: &Shape, window: Window, groups: usize) -> Self {
        let (&[n, h, w, c], &[_, oh, ow, o]) = (x.dims(), y.dims()) else {
            unreachable!("the shapes were inferred");
        };
        Self {
            n,
            h,
            w,
            c,
            oh,
            ow,
            o,
            window,
            groups,
        }
    }

    fn taps(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1]
    }

    /// Multiply-adds of one pass, as floating-point operations.
    pub(super) fn flops(&self) -> u64 {
        2 * (self.n * self.oh * self.ow * self.o * self.taps() * self.c / self.groups) as u64
    }

    fn constants(&self) -> Vec<(&'static str, Constant)> {
        let window = &self.window;
        vec![
            ("N", self.n.into()),
            ("H", self.h.into()),
            ("W", self.w.into()),
            ("C", self.c.into()),
            ("OH", self.oh.into()),
            ("OW", self.ow.into()),
            ("O", self.o.into()),
            ("KH", window.kernel[0].into()),
            ("KW", window.kernel[1].into()),
            ("STRIDE_H", window.stride[0].into()),
            ("STRIDE_W", window.stride[1].into()),
            ("PADDING_H", window.padding[0].into()),
            ("PADDING_W", window.padding[1].into()),
            ("DILATION_H", window.dilation[0].into()),
            ("DILATION_W", window.dilation[1].into()),
            ("GROUPS", self.groups.into()),
        ]
    }

    /// Whether both channel extents allow `vec4`s, and there is one group.
    pub(super) fn all_vec4(&self) -> bool {
        self.groups == 1 && self.c.is_multiple_of(4) && self.o.is_multiple_of(4)
    }

    /// Whether the output channels allow `vec4`s, and there are few input channels (a first layer).
    fn thin(&self) -> bool {
        self.groups == 1 && self.o.is_multiple_of(4) && self.taps() * self.c <= MAX_THIN
    }

    /// The product of so many pixels and channels, as the tiles of subgroups see it.
    fn product(&self, rows: usize, columns: usize) -> Product {
        Product {
            count: 1,
            rows,
            columns,
            along_rows: false,
            columns_along_k: false,
            wide: self.c.is_multiple_of(8) && self.o.is_multiple_of(8),
        }
    }

    /// Whether a first layer's rows are whole `vec4`s whose windows lie side by side.
    fn thin_rows(&self) -> bool {
        let Window {
            stride,
            padding,
            dilation,
            ..
        } = self.window;
        let side_by_side = stride[1] == 1 && dilation[1] == 1 && padding[1] == 0;
        self.thin() && side_by_side && (self.w * self.c).is_multiple_of(4)
    }

    pub(super) fn forward(&self, target: &Target) -> Vec<Lowering> {
        let pixels = self.n * self.oh * self.ow;
        let tiles = if self.all_vec4() {
            Tile::candidates(target, self.product(pixels, self.o))
        } else if self.thin() {
            let product = Product {
                wide: false,
                ..self.product(pixels, self.o)
            };
            Tile::candidates(target, product)
        } else {
            vec![None]
        };
        let lowered = tiles.into_iter().map(|tile| match tile {
            Some(tile) if self.all_vec4() => {
                let per_tap = 2 + tile.loads() + self.c / tile.unit() * tile.trips_per_unit(false);
                self.subgroup("forward_subgroup", tile, pixels, self.o, per_tap)
            }
            Some(tile) => {
                let per_tap = 2 + tile.loads() + self.c * tile.trips_per_unit(false);
                self.subgroup("forward_thin_subgroup", tile, pixels, self.o, per_tap)
            }
            None => self.forward_alone(pixels),
        });
        lowered.collect()
    }

    fn forward_alone(&self, pixels: usize) -> Lowering {
        let mut constants = self.constants();
        let (entry, invocations, loop_trips);
        if self.all_vec4() || self.thin() {
            let (rows, columns4) = self.tile(pixels, self.o);
            constants.extend([("ROWS", rows.into()), ("COLUMNS4", columns4.into())]);
            invocations = pixels.div_ceil(rows) * (self.o / 4).div_ceil(columns4);
            let step = 1 + columns4 + rows * (1 + columns4);
            if self.all_vec4() {
                entry = "forward_vec4";
                loop_trips = 4 * rows + self.taps() * (2 + 2 * rows + self.c / 4 * step);
            } else {
                entry = "forward_thin";
                loop_trips = 4 * rows + self.taps() * (2 + 2 * rows + self.c * step);
            }
        } else {
            entry = "forward";
            invocations = pixels * self.o;
            loop_trips = self.taps() * (2 + self.c / self.groups);
        }
        self.one(entry, constants, invocations, loop_trips)
    }

    pub(super) fn backward_x(&self, target: &Target) -> Vec<Lowering> {
        let pixels = self.n * self.h * self.w;
        let tiles = if self.all_vec4() {
            let product = Product {
                columns_along_k: true,
                wide: self.o.is_multiple_of(8),
                ..self.product(pixels, self.c)
            };
            Tile::candidates(target, product)
        } else {
            vec![None]
        };
        let lowered = tiles.into_iter().map(|tile| match tile {
            Some(tile) => {
                let per_tap = 2 + tile.loads() + self.o / tile.unit() * tile.trips_per_unit(false);
                self.subgroup("backward_x_subgroup", tile, pixels, self.c, per_tap)
            }
            None => self.backward_x_alone(pixels),
        });
        lowered.collect()
    }

    fn backward_x_alone(&self, pixels: usize) -> Lowering {
        let mut constants = self.constants();
        let (entry, invocations, loop_trips);
        if self.all_vec4() {
            let (rows, columns4) = self.tile(pixels, self.c);
            constants.extend([("ROWS", rows.into()), ("COLUMNS4", columns4.into())]);
            entry = "backward_x_vec4";
            invocations = pixels.div_ceil(rows) * (self.c / 4).div_ceil(columns4);
            let step = 1 + columns4 + rows * (1 + columns4);
            loop_trips = 4 * rows + self.taps() * (2 + 2 * rows + self.o / 4 * step);
        } else {
            entry = "backward_x";
            invocations = pixels * self.c;
            loop_trips = self.taps() * (2 + self.o / self.groups);
        }
        self.one(entry, constants, invocations, loop_trips)
    }

    /// A subgroup for each tile of (pixels, channels), which spends so many loop iterations per tap.
    fn subgroup(
        &self,
        entry: &'static str,
        tile: Tile,
        pixels: usize,
        channels: usize,
        trips_per_tap: usize,
    ) -> Lowering {
        let mut constants = self.constants();
        constants.extend(tile.constants());
        let invocations = tile.count(pixels, channels) * tile.lanes();
        let loop_trips = tile.loads() + self.taps() * trips_per_tap + tile.trips_around();
        self.dispatch(entry, constants, invocations, loop_trips)
    }

    pub(super) fn backward_weight(&self, target: &Target) -> Vec<Lowering> {
        let tiles = if self.all_vec4() {
            let sums = (self.n * self.oh * self.ow).div_ceil(MIN_SUM);
            let product = Product {
                count: self.taps() * sums,
                along_rows: true,
                ..self.product(self.c, self.o)
            };
            Tile::candidates(target, product)
        } else {
            vec![None]
        };
        let lowered = tiles.into_iter().map(|tile| match tile {
            Some(tile) => self.backward_weight_subgroup(tile),
            None => self.backward_weight_alone(),
        });
        lowered.collect()
    }

    fn backward_weight_subgroup(&self, tile: Tile) -> Lowering {
        let pixels = self.n * self.oh * self.ow;
        let weights = self.taps() * self.c * self.o;
        let tiles = self.taps() * tile.count(self.c, self.o);
        let trips_per_unit = tile.trips_per_unit(true);
        let for_trips = (pixels.div_ceil(tile.unit()) * trips_per_unit).div_ceil(MAX_TRIPS);
        let for_work = WANTED_INVOCATIONS
            .div_ceil(tiles * tile.lanes())
            .min(pixels.div_ceil(MIN_SUM));
        let chunks = for_trips.max(for_work).max(1);
        let chunk = pixels.div_ceil(chunks).next_multiple_of(tile.unit());
        let chunks = pixels.div_ceil(chunk);
        let mut constants = self.constants();
        constants.extend([("K_CHUNK", chunk.into()), ("CHUNKS", chunks.into())]);
        constants.extend(tile.constants());
        reduce_sum::of_planes(chunks, weights, |to| Dispatch {
            shader: "conv2d",
            entry: "backward_weight_subgroup",
            constants,
            operands: vec![Operand::Input(0), Operand::Input(1), to],
            invocations: tiles * tile.lanes() * chunks,
            loop_trips: chunk.div_ceil(tile.unit()) * trips_per_unit + tile.trips_around(),
            flops: self.flops(),
            fusion: Fusion::None,
        })
    }

    fn backward_weight_alone(&self) -> Lowering {
        // The long sum runs over the rows (n, oh) of y, each OW long; it is cut into chunks of whole rows.
        let sum_rows = self.n * self.oh;
        let weights = self.taps() * self.c / self.groups * self.o;
        let mut constants = self.constants();
        let plain = ("backward_weight", weights, 1 + self.ow);
        let (entry, lanes, trips_per_row) = if self.all_vec4() {
            let (rows4, columns4) = if weights >= 1 << 14 { (2, 2) } else { (1, 1) };
            constants.extend([("DW_ROWS4", rows4.into()), ("DW_COLUMNS4", columns4.into())]);
            (
                "backward_weight_vec4",
                self.taps() * (self.c / 4).div_ceil(rows4) * (self.o / 4).div_ceil(columns4),
                1 + self.ow * (1 + columns4 + rows4 * (1 + columns4)),
            )
        } else if self.thin_rows() {
            let [kh, kw] = self.window.kernel;
            let tap_vec4s = ((3 + kw) * self.c).div_ceil(4);
            let per_tap_row = 1 + tap_vec4s + 4 * (1 + kw * self.c);
            (
                "backward_weight_thin_vec4",
                self.o / 4,
                1 + self.ow.div_ceil(4) * (5 + kh * per_tap_row),
            )
        } else if self.thin() {
            let [kh, kw] = self.window.kernel;
            (
                "backward_weight_thin",
                self.o / 4,
                1 + self.ow * (1 + kh * (1 + kw * (1 + self.c))),
            )
        } else {
            plain
        };
        // Of very wide images one row alone is too much for the faster kernels.
        let (entry, lanes, trips_per_row) = if trips_per_row > MAX_TRIPS {
            plain
        } else {
            (entry, lanes, trips_per_row)
        };
        let for_trips = (sum_rows * trips_per_row).div_ceil(MAX_TRIPS);
        let for_work = WANTED_INVOCATIONS
            .div_ceil(lanes)
            .min((sum_rows * self.ow).div_ceil(MIN_SUM));
        let chunks = for_trips.max(for_work).clamp(1, sum_rows);
        let chunk = sum_rows.div_ceil(chunks);
        let chunks = sum_rows.div_ceil(chunk);
        constants.extend([("CHUNK", chunk.into()), ("CHUNKS", chunks.into())]);
        constants.push(workgroup::of_tiles(lanes * chunks));
        reduce_sum::of_planes(chunks, weights, |to| Dispatch {
            shader: "conv2d",
            entry,
            constants,
            operands: vec![Operand::Input(0), Operand::Input(1), to],
            invocations: lanes * chunks,
            loop_trips: chunk * trips_per_row + MAX_THIN + 64,
            flops: self.flops(),
            fusion: Fusion::None,
        })
    }

    /// Rows (pixels) and `vec4` columns (channels) of the tile of one invocation: smaller where there would be too few.
    fn tile(&self, pixels: usize, channels: usize) -> (usize, usize) {
        if pixels * channels >= 1 << 14 && channels >= 8 {
            (8, 2)
        } else {
            (4, 1)
        }
    }

    fn one(
        &self,
        entry: &'static str,
        mut constants: Vec<(&'static str, Constant)>,
        invocations: usize,
        loop_trips: usize,
    ) -> Lowering {
        constants.push(workgroup::of_tiles(invocations));
        self.dispatch(entry, constants, invocations, loop_trips)
    }

    fn dispatch(
        &self,
        entry: &'static str,
        constants: Vec<(&'static str, Constant)>,
        invocations: usize,
        loop_trips: usize,
    ) -> Lowering {
        Lowering::one(Dispatch {
            shader: "conv2d",
            entry,
            constants,
            operands: vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)],
            invocations,
            loop_trips,
            flops: self.flops(),
            // The kernels for any channels store single numbers.
            fusion: Fusion::host(!["forward", "backward_x"].contains(&entry)),
        })
    }

    /// The loop iterations of the longest invocation of any pass, for the refusal of convolutions beyond the kernels' reach.
    pub(super) fn worst_trips(&self) -> usize {
        let channels = self.c.max(self.o);
        let over_channels = if self.groups == 1 {
            40 + 27 * channels.div_ceil(4)
        } else {
            2 + channels / self.groups
        };
        let over_a_row = 1 + self.ow + MAX_THIN + 64;
        (self.taps() * over_channels).max(over_a_row)
    }
}

/// A first layer's kernel and input channels together, at most: they are held in registers.
const MAX_THIN: usize = 36;

/// One invocation spends at most this many loop iterations on a sum; a longer one is cut.
const MAX_TRIPS: usize = 40_000;

/// Below this many invocations a long sum is cut to give every core work.
const WANTED_INVOCATIONS: usize = 2048;

/// A chunk of a sum has at least about this many terms.
const MIN_SUM: usize = 256;
