// sgd: one update of all parameters by stochastic gradient descent, as torch.optim.SGD.
//
//   g = gradient + WEIGHT_DECAY · p
//   buf = g in the first step, else MOMENTUM · buf + g;  g = NESTEROV ? g + MOMENTUM · buf : buf     (forward_momentum)
//   p = p - learning rate · g
//
// with the learning rate and the weight decay of each tensor's group. One invocation per vec4 of the slabs of COUNT floats. The elements of the last vec4 beyond COUNT become zeros.
#import flat
#import tail
#import state
#import groups

const COUNT: u32 = 64u;
const WEIGHT_DECAY: f32 = 0.0;
const MOMENTUM: f32 = 0.9;
const NESTEROV: bool = false;

const COUNT4: u32 = (COUNT + 3u) / 4u;

@group(0) @binding(0) var<storage, read_write> parameters: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> groups: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> schedule: array<f32>;

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
    let g = gradients[i] + WEIGHT_DECAY * group.y * p;
    parameters[i] = without_tail(p - schedule[LEARNING_RATE] * group.x * g, i, COUNT);
}

@group(0) @binding(4) var<storage, read_write> momentum: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> counters: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn forward_momentum(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    let group = groups[i / GROUP4];
    if (group.x == 0.0) {
        return;
    }
    let p = parameters[i];
    var g = gradients[i] + WEIGHT_DECAY * group.y * p;
    var buf = g;
    if (counters[STEP] > 0u) {
        buf = MOMENTUM * momentum[i] + g;
    }
    if (NESTEROV) {
        g += MOMENTUM * buf;
    } else {
        g = buf;
    }
    momentum[i] = without_tail(buf, i, COUNT);
    parameters[i] = without_tail(p - schedule[LEARNING_RATE] * group.x * g, i, COUNT);
}
