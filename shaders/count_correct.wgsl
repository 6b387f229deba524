// count_correct: correct[r] = 1 where weights[r] ≠ 0 and the first maximum of logits[r] stands at labels[r], else 0, for logits
// (ROWS, C).
//
// One invocation per row.
#import flat
#import argmax

const ROWS: u32 = 1u;
const C: u32 = 4u;

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> correct: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let row = flat_id(global_id);
    if (row >= ROWS) {
        return;
    }
    correct[row] = select(0.0, 1.0, weights[row] != 0.0 && argmax(row) == labels[row]);
}
