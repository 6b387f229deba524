// adam: one update of all parameters by Adam or, DECOUPLED, AdamW, as torch.optim.Adam and torch.optim.AdamW; t counts from 1.
//
//   p = p - learning rate · WEIGHT_DECAY · p (AdamW) or g = gradient + WEIGHT_DECAY · p (Adam)
//   m = BETA1 · m + (1 - BETA1) · g
//   v = BETA2 · v + (1 - BETA2) · g²
//   p = p - learning rate / (1 - BETA1^t) · m / (√v / √(1 - BETA2^t) + EPSILON)
//
// with the learning rate and the weight decay of each tensor's group.
//
// Differences from 1 come as constants of their own: taken from rounded betas they would lose half their digits. One invocation
// per vec4 of the slabs of COUNT floats. The elements of the last vec4 beyond COUNT become zeros.
#import flat
#import tail
#import state
#import groups

const COUNT: u32 = 64u;
const BETA1: f32 = 0.9;
const BETA2: f32 = 0.999;
const ONE_MINUS_BETA1: f32 = 0.1;
const ONE_MINUS_BETA2: f32 = 1e-3;
const LOG_BETA1: f32 = -0.105360515657826301227500980839;
const LOG_BETA2: f32 = -0.001000500333583533500142986903;
const EPSILON: f32 = 1e-8;
const WEIGHT_DECAY: f32 = 0.0;
const DECOUPLED: bool = false;

const COUNT4: u32 = (COUNT + 3u) / 4u;

@group(0) @binding(0) var<storage, read_write> parameters: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> v: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> groups: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read> schedule: array<f32>;
@group(0) @binding(6) var<storage, read> counters: array<u32>;

// 1 - exp(x) for x <= 0, all digits right near 0: the Taylor series up to x^8 / 8!, whose next term is below 2^-26 of the sum.
fn one_minus_exp(x: f32) -> f32 {
    if (x < -0.5) {
        // Beyond -20 the difference from 1 is lost.
        return 1.0 - exp(max(x, -20.0));
    }
    var sum = 1.0;
    sum = 1.0 + x / 8.0 * sum;
    sum = 1.0 + x / 7.0 * sum;
    sum = 1.0 + x / 6.0 * sum;
    sum = 1.0 + x / 5.0 * sum;
    sum = 1.0 + x / 4.0 * sum;
    sum = 1.0 + x / 3.0 * sum;
    sum = 1.0 + x / 2.0 * sum;
    return -x * sum;
}

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
    let learning_rate = schedule[LEARNING_RATE] * group.x;
    let decay = WEIGHT_DECAY * group.y;
    let t = f32(counters[STEP]) + 1.0;
    let step_size = learning_rate / one_minus_exp(t * LOG_BETA1);
    let root_correction = sqrt(one_minus_exp(t * LOG_BETA2));

    var p = parameters[i];
    var g = gradients[i];
    if (DECOUPLED) {
        p -= learning_rate * decay * p;
    } else {
        g += decay * p;
    }
    let m_new = BETA1 * m[i] + ONE_MINUS_BETA1 * g;
    let v_new = BETA2 * v[i] + ONE_MINUS_BETA2 * g * g;
    p -= step_size * (m_new / (sqrt(v_new) / root_correction + EPSILON));
    m[i] = without_tail(m_new, i, COUNT);
    v[i] = without_tail(v_new, i, COUNT);
    parameters[i] = without_tail(p, i, COUNT);
}
