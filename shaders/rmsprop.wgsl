// rmsprop: one update of all parameters by RMSProp, as torch.optim.RMSprop.
//
//   g = gradient + WEIGHT_DECAY · p
//   square = ALPHA · square + (1 - ALPHA) · g²
//   average = ALPHA · average + (1 - ALPHA) · g                            (centered)
//   root = √(square - average²) (centered) or √square, + EPSILON
//   buf = MOMENTUM · buf + g / root                                        (momentum), else buf = g / root
//   p = p - learning rate · buf
//
// with the learning rate and the weight decay of each tensor's group. One entry point per set of moments. A difference that
// rounding makes negative counts as 0. 1 - ALPHA comes as a constant of its own: taken from a rounded ALPHA it would lose half its
// digits. One invocation per vec4 of the slabs of COUNT floats. The elements of the last vec4 beyond COUNT become zeros.
#import flat
#import tail
#import state
#import groups

const COUNT: u32 = 64u;
const ALPHA: f32 = 0.99;
const ONE_MINUS_ALPHA: f32 = 0.01;
const EPSILON: f32 = 1e-8;
const MOMENTUM: f32 = 0.9;
const WEIGHT_DECAY: f32 = 0.0;

const COUNT4: u32 = (COUNT + 3u) / 4u;

@group(0) @binding(0) var<storage, read_write> parameters: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> groups: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> schedule: array<f32>;
@group(0) @binding(4) var<storage, read_write> square: array<vec4<f32>>;

// The gradient with the pull of its weights.
fn pulled(i: u32) -> vec4<f32> {
    return gradients[i] + WEIGHT_DECAY * groups[i / GROUP4].y * parameters[i];
}

fn step_size(i: u32) -> f32 {
    return schedule[LEARNING_RATE] * groups[i / GROUP4].x;
}

fn new_square(i: u32, g: vec4<f32>) -> vec4<f32> {
    let s = ALPHA * square[i] + ONE_MINUS_ALPHA * g * g;
    square[i] = without_tail(s, i, COUNT);
    return s;
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    if (groups[i / GROUP4].x == 0.0) {
        return;
    }
    let g = pulled(i);
    let s = new_square(i, g);
    parameters[i] = without_tail(parameters[i] - step_size(i) * (g / (sqrt(s) + EPSILON)), i, COUNT);
}

@group(0) @binding(5) var<storage, read_write> momentum: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn forward_momentum(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    if (groups[i / GROUP4].x == 0.0) {
        return;
    }
    let g = pulled(i);
    let s = new_square(i, g);
    let buf = MOMENTUM * momentum[i] + g / (sqrt(s) + EPSILON);
    momentum[i] = without_tail(buf, i, COUNT);
    parameters[i] = without_tail(parameters[i] - step_size(i) * buf, i, COUNT);
}

@group(0) @binding(5) var<storage, read_write> average: array<vec4<f32>>;

fn centered_root(i: u32, g: vec4<f32>, s: vec4<f32>) -> vec4<f32> {
    let a = ALPHA * average[i] + ONE_MINUS_ALPHA * g;
    average[i] = without_tail(a, i, COUNT);
    return sqrt(max(s - a * a, vec4<f32>(0.0))) + EPSILON;
}

@compute @workgroup_size(WORKGROUP)
fn forward_centered(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    if (groups[i / GROUP4].x == 0.0) {
        return;
    }
    let g = pulled(i);
    let s = new_square(i, g);
    parameters[i] = without_tail(parameters[i] - step_size(i) * (g / centered_root(i, g, s)), i, COUNT);
}

@group(0) @binding(6) var<storage, read_write> centered_momentum: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn forward_centered_momentum(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    if (groups[i / GROUP4].x == 0.0) {
        return;
    }
    let g = pulled(i);
    let s = new_square(i, g);
    let buf = MOMENTUM * centered_momentum[i] + g / centered_root(i, g, s);
    centered_momentum[i] = without_tail(buf, i, COUNT);
    parameters[i] = without_tail(parameters[i] - step_size(i) * buf, i, COUNT);
}
