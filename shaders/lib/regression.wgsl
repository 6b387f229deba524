// loss[r] = weights[r] / C · Σ_c off(prediction[r, c], target[r, c]) for prediction and target (ROWS, C), and
// dprediction[r, c] = dloss[r] · weights[r] / C · slope(prediction[r, c], target[r, c]), for a file that defines
//   fn off(p: f32, t: f32) -> f32     how far the prediction is off
//   fn slope(p: f32, t: f32) -> f32        its derivative by the prediction
//
// Forward: one invocation per row. Backward: one per element. Rows of weight 0 are not looked at: they are padding.
#import flat

const ROWS: u32 = 1u;
const C: u32 = 4u;

@group(0) @binding(0) var<storage, read> prediction: array<f32>;
@group(0) @binding(1) var<storage, read> expected: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let row = flat_id(global_id);
    if (row >= ROWS) {
        return;
    }
    let weight = weights[row];
    if (weight == 0.0) {
        loss[row] = 0.0;
        return;
    }
    var sum = 0.0;
    for (var i = row * C; i < (row + 1u) * C; i++) {
        sum += off(prediction[i], expected[i]);
    }
    loss[row] = weight * (sum / f32(C));
}

@group(0) @binding(3) var<storage, read> dloss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dprediction: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn backward_prediction(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= ROWS * C) {
        return;
    }
    let row = id / C;
    let weight = weights[row];
    if (weight == 0.0) {
        dprediction[id] = 0.0;
        return;
    }
    dprediction[id] = dloss[row] * weight / f32(C) * slope(prediction[id], expected[id]);
}
