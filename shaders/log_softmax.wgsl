// log_softmax: y[r, c] = x[r, c] − m − log Σ_i exp(x[r, i] − m) with the maximum m of row r, for x (ROWS, C);
// dx[r, c] = dy[r, c] − exp(y[r, c]) · Σ_i dy[r, i].
//
// One invocation per row.
#import flat

const ROWS: u32 = 1u;
const C: u32 = 4u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let row = flat_id(global_id);
    if (row >= ROWS) {
        return;
    }
    let begin = row * C;
    let end = begin + C;
    var maximum = x[begin];
    for (var i = begin + 1u; i < end; i++) {
        maximum = max(maximum, x[i]);
    }
    var sum = 0.0;
    for (var i = begin; i < end; i++) {
        sum += exp(x[i] - maximum);
    }
    let log_sum = log(sum);
    for (var i = begin; i < end; i++) {
        y[i] = x[i] - maximum - log_sum;
    }
}

@group(0) @binding(0) var<storage, read> y_saved: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let row = flat_id(global_id);
    if (row >= ROWS) {
        return;
    }
    let begin = row * C;
    let end = begin + C;
    var sum = 0.0;
    for (var i = begin; i < end; i++) {
        sum += dy[i];
    }
    for (var i = begin; i < end; i++) {
        dx[i] = dy[i] - exp(y_saved[i]) * sum;
    }
}
