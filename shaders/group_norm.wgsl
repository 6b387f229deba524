// group_norm: of every group of C / GROUPS channels of every sample of x (SAMPLES, PIXELS, C), with its mean and its variance over these
// channels and all pixels (n numbers), and r = 1 / √(variance + EPSILON),
//   y = weight[c] · (x − mean) · r + bias[c]
//   dbias[c] = Σ dy, dweight[c] = Σ dy · (x − mean) · r
//   dx = r · (weight[c] · dy − (Σ weight · dy + (x − mean) · r · Σ weight · dy · (x − mean) · r) / n), summed over the group.
//
// Sums go over parts first (lib/norm.wgsl), then, one invocation per group and sample, over their results, in order; those of weights
// and biases one invocation per channel.
#import norm

const EPSILON: f32 = 1e-5;
const GROUPS: u32 = 1u;
const MEMBERS: u32 = C / GROUPS;

@group(0) @binding(0) var<storage, read> part_means: array<f32>;
@group(0) @binding(1) var<storage, read> part_squares: array<f32>;

// Mean and 1 / √(variance + EPSILON) of a group of a sample, from those of its channels' parts.
fn of_group(sample: u32, group: u32) -> vec2<f32> {
    var n = 0.0;
    var center = 0.0;
    var square = 0.0;
    for (var chunk = 0u; chunk < CHUNKS; chunk++) {
        let part = sample * CHUNKS + chunk;
        let count = f32(pixels_of(part));
        for (var member = 0u; member < MEMBERS; member++) {
            let i = part * C + group * MEMBERS + member;
            let share = count / (n + count);
            let off = part_means[i] - center;
            center += off * share;
            square += part_squares[i] + off * off * (n * share);
            n += count;
        }
    }
    return vec2<f32>(center, 1.0 / sqrt(square / n + EPSILON));
}

@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> line: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn merge(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= SAMPLES * GROUPS) {
        return;
    }
    let sample = id / GROUPS;
    let group = id % GROUPS;
    let moment = of_group(sample, group);
    for (var member = 0u; member < MEMBERS; member++) {
        let c = group * MEMBERS + member;
        let slope = weight[c] * moment.y;
        line[sample * 2u * C + c] = slope;
        line[(sample * 2u + 1u) * C + c] = bias[c] - moment.x * slope;
    }
}

@group(0) @binding(2) var<storage, read_write> center: array<f32>;
@group(0) @binding(3) var<storage, read_write> inverse: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn merge_centers(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= SAMPLES * GROUPS) {
        return;
    }
    let sample = id / GROUPS;
    let group = id % GROUPS;
    let moment = of_group(sample, group);
    for (var member = 0u; member < MEMBERS; member++) {
        let c = sample * C + group * MEMBERS + member;
        center[c] = moment.x;
        inverse[c] = moment.y;
    }
}

@group(0) @binding(0) var<storage, read> part_sums: array<f32>;
@group(0) @binding(1) var<storage, read> part_products: array<f32>;
@group(0) @binding(2) var<storage, read> inverses: array<f32>;
@group(0) @binding(3) var<storage, read> scales: array<f32>;
@group(0) @binding(4) var<storage, read_write> slope_rows: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn gradient(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= SAMPLES * GROUPS) {
        return;
    }
    let sample = id / GROUPS;
    let first = id % GROUPS * MEMBERS;
    let r = inverses[sample * C + first];
    var sum = 0.0;
    var product = 0.0;
    for (var chunk = 0u; chunk < CHUNKS; chunk++) {
        for (var member = 0u; member < MEMBERS; member++) {
            let c = first + member;
            let i = (sample * CHUNKS + chunk) * C + c;
            sum += scales[c] * part_sums[i];
            product += scales[c] * part_products[i];
        }
    }
    let share = -r / f32(PIXELS * MEMBERS);
    for (var member = 0u; member < MEMBERS; member++) {
        let c = first + member;
        slope_rows[sample * 3u * C + c] = scales[c] * r;
        slope_rows[(sample * 3u + 1u) * C + c] = share * sum;
        slope_rows[(sample * 3u + 2u) * C + c] = share * r * r * product;
    }
}

@group(0) @binding(3) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(4) var<storage, read_write> dbias: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn gradient_weight(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let c = flat_id(global_id);
    if (c >= C) {
        return;
    }
    var sum = 0.0;
    var product = 0.0;
    for (var part = 0u; part < PARTS; part++) {
        sum += part_sums[part * C + c];
        product += part_products[part * C + c] * inverses[part / CHUNKS * C + c];
    }
    dweight[c] = product;
    dbias[c] = sum;
}
