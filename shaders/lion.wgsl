// lion: one update of all parameters by Lion (Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, algorithm 2).
//
//   c = BETA1 · m + (1 - BETA1) · gradient
//   p = p - learning rate · (sign(c) + WEIGHT_DECAY · p)
//   m = BETA2 · m + (1 - BETA2) · gradient
//
// with the learning rate and the weight decay of each tensor's group. A sign would hide what is no finite number: it becomes the
// parameter. One invocation per vec4 of the slabs of COUNT floats. The elements of the last vec4 beyond COUNT become zeros.
#import flat
#import tail
#import state
#import groups
#import finite

const COUNT: u32 = 64u;
const BETA1: f32 = 0.9;
const BETA2: f32 = 0.99;
const ONE_MINUS_BETA1: f32 = 0.1;
const ONE_MINUS_BETA2: f32 = 0.01;
const WEIGHT_DECAY: f32 = 0.0;

const COUNT4: u32 = (COUNT + 3u) / 4u;

@group(0) @binding(0) var<storage, read_write> parameters: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> groups: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read> schedule: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    let group = groups[i / GROUP4];
    if (group.x == 0.0) {
        return;
    }
    let p = parameters[i];
    let g = gradients[i];
    let c = BETA1 * m[i] + ONE_MINUS_BETA1 * g;
    let moved = p - schedule[LEARNING_RATE] * group.x * (sign(c) + WEIGHT_DECAY * group.y * p);
    m[i] = without_tail(BETA2 * m[i] + ONE_MINUS_BETA2 * g, i, COUNT);
    parameters[i] = without_tail(select(moved, c, is_not_finite(c)), i, COUNT);
}
