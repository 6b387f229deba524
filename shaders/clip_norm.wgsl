// clip_norm: gradients = gradients · min(1, MAX_NORM / (norm + 1e-6)) with norm = √Σ gradients², and GRADIENT_NORM = norm.
//
// Squares first: invocation r of PARTS adds up the squares of the vec4s r, r + PARTS, ...; reduce_sum adds up the parts in a fixed
// order. Then one invocation per vec4 of the slab of COUNT floats. What lies beyond COUNT is zero and stays so.
#import flat
#import tail
#import state

const COUNT: u32 = 64u;
const PARTS: u32 = 1u;
const MAX_NORM: f32 = 1.0;

const COUNT4: u32 = (COUNT + 3u) / 4u;
const STRIDE: u32 = max(PARTS, 1u);

@group(0) @binding(0) var<storage, read> squared: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn squares(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let part = flat_id(global_id);
    if (part >= PARTS) {
        return;
    }
    var sum = vec4<f32>(0.0);
    for (var i = part; i < COUNT4; i += STRIDE) {
        let v = without_tail(squared[i], i, COUNT);
        sum += v * v;
    }
    parts[part] = (sum.x + sum.y) + (sum.z + sum.w);
}

@group(0) @binding(0) var<storage, read_write> gradients: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> total: array<f32>;
@group(0) @binding(2) var<storage, read_write> schedule: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    let norm = sqrt(total[0]);
    if (i == 0u) {
        schedule[GRADIENT_NORM] = norm;
    }
    gradients[i] = without_tail(gradients[i] * min(MAX_NORM / (norm + 1e-6), 1.0), i, COUNT);
}
