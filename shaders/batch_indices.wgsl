// batch_indices: the samples of some rows of the next batch, FIRST to FIRST + ROWS, from where the training is.
//
// Row r is sample p = POSITION + r of the epoch over samples BEGIN..BEGIN + COUNT. If p < COUNT:
//   indices[r] = BEGIN + (SHUFFLE ? permuted(p) : p), weights[r] = 1 / (real samples in this batch)
// and else, or where r >= BATCH, BEGIN, weighing 0. One invocation per row.
#import flat
#import state
#import philox

const BEGIN: u32 = 0u;
const COUNT: u32 = 64u;
const BATCH: u32 = 16u;
const FIRST: u32 = 0u;
const ROWS: u32 = 16u;
const SHUFFLE: bool = false;
const SEED_LOW: u32 = 0u;
const SEED_HIGH: u32 = 0u;

@group(0) @binding(0) var<storage, read> counters: array<u32>;
@group(0) @binding(1) var<storage, read_write> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> weights: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= ROWS) {
        return;
    }
    let row = FIRST + i;
    let position = min(counters[POSITION], COUNT);
    let real = min(BATCH, COUNT - position);
    var index = BEGIN;
    var weight = 0.0;
    if (row < real) {
        var p = position + row;
        if (SHUFFLE) {
            p = permuted(p, COUNT, vec2<u32>(SEED_LOW, SEED_HIGH), counters[EPOCH]);
        }
        index = BEGIN + p;
        weight = 1.0 / f32(real);
    }
    indices[i] = index;
    weights[i] = weight;
}
