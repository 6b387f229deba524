// confusion_matrix: counts[labels[r], argmax logits[r]] += 1 for every row r with weights[r] ≠ 0, for counts (C, C) and logits
// (ROWS, C).
//
// One invocation per row. Sums of integers do not depend on their order. A label beyond the classes counts as the last.
#import flat
#import argmax

const ROWS: u32 = 1u;
const C: u32 = 4u;

@group(0) @binding(0) var<storage, read_write> counts: array<atomic<u32>>;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let row = flat_id(global_id);
    if (row >= ROWS) {
        return;
    }
    if (weights[row] != 0.0) {
        atomicAdd(&counts[min(labels[row], C - 1u) * C + argmax(row)], 1u);
    }
}
