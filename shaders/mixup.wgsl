// mixup: y = share · x + (1 − share) · other, sample by sample (Zhang et al. 2017, arXiv:1710.09412).
//
// draw: for row FIRST + i of a batch of BATCH samples out of an epoch of COUNT, two words of philox(indices[i], 0, 8, epoch) give the row
//   that it is mixed with, one of the real ones of the batch, and a place in the table, whose ENTRIES values are the shares at even steps
//   of their distribution, with a straight line between two. Rows behind the real ones stay as they are. One invocation per row.
// apply: y[r, e] = share[r] · x[r, e] + rest[r] · other[r, e] for x, other, y (ROWS, SAMPLE). One invocation per element.
#import flat
#import state
#import philox

const ROWS: u32 = 4u;
const COUNT: u32 = 64u;
const BATCH: u32 = 4u;
const FIRST: u32 = 0u;
const SEED_LOW: u32 = 0u;
const SEED_HIGH: u32 = 0u;
const SAMPLE: u32 = 4u;

const STREAM: u32 = 8u;
// The table has a power of two of intervals, so that a place in it is exact.
const INTERVALS: u32 = 1024u;

@group(0) @binding(0) var<storage, read> counters: array<u32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read_write> drawn_partner: array<u32>;
@group(0) @binding(4) var<storage, read_write> drawn_share: array<f32>;
@group(0) @binding(5) var<storage, read_write> drawn_rest: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn draw(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= ROWS) {
        return;
    }
    let real = min(BATCH, COUNT - min(counters[POSITION], COUNT));
    var partner = 0u;
    var share = 1.0;
    if (FIRST + i < real) {
        let words = philox(vec4<u32>(indices[i], 0u, STREAM, counters[EPOCH]), vec2<u32>(SEED_LOW, SEED_HIGH));
        partner = words.x % real;
        let place = words.y >> 8u;
        let width = 16777216u / INTERVALS;
        let entry = place / width;
        let part = f32(place % width) / f32(width);
        share = mix(table[entry], table[entry + 1u], part);
    }
    drawn_partner[i] = partner;
    drawn_share[i] = share;
    drawn_rest[i] = 1.0 - share;
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> other: array<f32>;
@group(0) @binding(2) var<storage, read> share: array<f32>;
@group(0) @binding(3) var<storage, read> rest: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn apply(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= ROWS * SAMPLE) {
        return;
    }
    let row = i / SAMPLE;
    y[i] = share[row] * x[i] + rest[row] * other[i];
}
