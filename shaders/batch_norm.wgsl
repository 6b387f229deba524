// batch_norm: of every channel c of x (SAMPLES, PIXELS, C), with its mean and its variance over the pixels of all samples that weigh
// more than 0 (n of them; the others are padding),
//   y = weight[c] · (x − mean[c]) / √(variance[c] + EPSILON) + bias[c]
//   dbias[c] = Σ dy, dweight[c] = Σ dy · (x − mean[c]) / √(variance[c] + EPSILON)
//   dx = weight[c] / √(variance[c] + EPSILON) · dy
//        − (dbias[c] + dweight[c] · (x − mean[c]) / √(variance[c] + EPSILON)) · weight[c] / √(variance[c] + EPSILON) / n
// where the second term is absent for padding, and for all where TRAINING is not: mean and variance do not come from x then.
// update: running mean += MOMENTUM · (mean − running mean), and the same of the variance, times n / (n − 1).
//
// Sums go over parts first (lib/norm.wgsl), then, one invocation per channel, over their results, in order.
#import norm

const EPSILON: f32 = 1e-5;
const TRAINING: bool = true;
const MOMENTUM: f32 = 0.1;

@group(0) @binding(0) var<storage, read> part_means: array<f32>;
@group(0) @binding(1) var<storage, read> part_squares: array<f32>;
@group(0) @binding(2) var<storage, read> row_weights: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> mean: array<f32>;
@group(0) @binding(6) var<storage, read_write> variance: array<f32>;
@group(0) @binding(7) var<storage, read_write> line: array<f32>;

// T. F. Chan, G. H. Golub, R. J. LeVeque: "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
@compute @workgroup_size(WORKGROUP)
fn merge(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let c = flat_id(global_id);
    if (c >= C) {
        return;
    }
    var n = 0.0;
    var center = 0.0;
    var square = 0.0;
    for (var part = 0u; part < PARTS; part++) {
        if (row_weights[part / CHUNKS] != 0.0) {
            let count = f32(pixels_of(part));
            let share = count / (n + count);
            let off = part_means[part * C + c] - center;
            center += off * share;
            square += part_squares[part * C + c] + off * off * (n * share);
            n += count;
        }
    }
    let v = square / max(n, 1.0);
    mean[c] = center;
    variance[c] = v;
    let slope = weight[c] / sqrt(v + EPSILON);
    line[c] = slope;
    line[C + c] = bias[c] - center * slope;
}

@group(0) @binding(0) var<storage, read> given_mean: array<f32>;
@group(0) @binding(1) var<storage, read> given_variance: array<f32>;
@group(0) @binding(2) var<storage, read> given_weight: array<f32>;
@group(0) @binding(3) var<storage, read> given_bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> given_line: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn given(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let c = flat_id(global_id);
    if (c >= C) {
        return;
    }
    let slope = given_weight[c] / sqrt(given_variance[c] + EPSILON);
    given_line[c] = slope;
    given_line[C + c] = given_bias[c] - given_mean[c] * slope;
}

@group(0) @binding(0) var<storage, read> part_sums: array<f32>;
@group(0) @binding(1) var<storage, read> part_products: array<f32>;
@group(0) @binding(2) var<storage, read> scales: array<f32>;
@group(0) @binding(3) var<storage, read> variances: array<f32>;
@group(0) @binding(4) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(5) var<storage, read_write> dbias: array<f32>;
@group(0) @binding(6) var<storage, read_write> slope_rows: array<f32>;
#if TRAINING
@group(0) @binding(7) var<storage, read> weights_of_rows: array<f32>;
#end

@compute @workgroup_size(WORKGROUP)
fn gradient(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let c = flat_id(global_id);
    if (c >= C) {
        return;
    }
    var n = 0.0;
    var sum = 0.0;
    var product = 0.0;
    for (var part = 0u; part < PARTS; part++) {
#if TRAINING
        n += select(0.0, f32(pixels_of(part)), weights_of_rows[part / CHUNKS] != 0.0);
#end
        sum += part_sums[part * C + c];
        product += part_products[part * C + c];
    }
    let inverse = 1.0 / sqrt(variances[c] + EPSILON);
    let slope = scales[c] * inverse;
    dweight[c] = product * inverse;
    dbias[c] = sum;
    let share = select(0.0, -slope / max(n, 1.0), TRAINING);
    slope_rows[c] = slope;
    slope_rows[C + c] = share * sum;
    slope_rows[2u * C + c] = share * inverse * inverse * product;
}

@group(0) @binding(0) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(1) var<storage, read_write> running_variance: array<f32>;
@group(0) @binding(2) var<storage, read> batch_mean: array<f32>;
@group(0) @binding(3) var<storage, read> batch_variance: array<f32>;
@group(0) @binding(4) var<storage, read> batch_weights: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn update(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let c = flat_id(global_id);
    if (c >= C) {
        return;
    }
    var n = 0.0;
    for (var sample = 0u; sample < SAMPLES; sample++) {
        n += select(0.0, f32(PIXELS), batch_weights[sample] != 0.0);
    }
    // A single number has no variance that says anything of others: nothing is learned from it.
    if (n < 2.0) {
        return;
    }
    running_mean[c] += MOMENTUM * (batch_mean[c] - running_mean[c]);
    running_variance[c] += MOMENTUM * (batch_variance[c] * (n / (n - 1.0)) - running_variance[c]);
}
