// cross_entropy: loss[r] = weights[r] · ((1 − s) · (lse − logits[r, label]) + s / C · Σ_c (lse − logits[r, c])) for logits
// (ROWS, C), with lse = log Σ_c exp(logits[r, c]) and the label smoothing s;
// dlogits[r, c] = dloss[r] · weights[r] · (softmax(logits[r])[c] − (1 − s) · [c = label] − s / C).
//
// One invocation per row. The logits of rows of weight 0 are not looked at: they are padding. All logits are taken relative to the
// row's maximum m, so that nothing overflows and nothing large cancels. A label beyond the classes counts as the last.
#import flat

const ROWS: u32 = 1u;
const C: u32 = 4u;
const SMOOTHING: f32 = 0.0;

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
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
    let begin = row * C;
    let end = begin + C;
    var maximum = logits[begin];
    for (var i = begin + 1u; i < end; i++) {
        maximum = max(maximum, logits[i]);
    }
    var sum_exp = 0.0;
    var sum = 0.0;
    for (var i = begin; i < end; i++) {
        let v = logits[i] - maximum;
        sum_exp += exp(v);
        sum += v;
    }
    let lse = log(sum_exp);
    var entropy = lse - (logits[begin + min(labels[row], C - 1u)] - maximum);
    // Without smoothing the other logits do not count, be they infinite.
    if (SMOOTHING > 0.0) {
        entropy = (1.0 - SMOOTHING) * entropy + SMOOTHING * (lse - sum / f32(C));
    }
    loss[row] = weight * entropy;
}

@group(0) @binding(3) var<storage, read> dloss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dlogits: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn backward_logits(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let row = flat_id(global_id);
    if (row >= ROWS) {
        return;
    }
    let weight = weights[row];
    let begin = row * C;
    let end = begin + C;
    if (weight == 0.0) {
        for (var i = begin; i < end; i++) {
            dlogits[i] = 0.0;
        }
        return;
    }
    var maximum = logits[begin];
    for (var i = begin + 1u; i < end; i++) {
        maximum = max(maximum, logits[i]);
    }
    var sum = 0.0;
    for (var i = begin; i < end; i++) {
        sum += exp(logits[i] - maximum);
    }
    let factor = dloss[row] * weight;
    let label = begin + min(labels[row], C - 1u);
    for (var i = begin; i < end; i++) {
        let target_share = select(0.0, 1.0 - SMOOTHING, i == label) + SMOOTHING / f32(C);
        dlogits[i] = factor * (exp(logits[i] - maximum) / sum - target_share);
    }
}
