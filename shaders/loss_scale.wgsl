// loss_scale: gradients of 16 bits that neither vanish nor overflow (Micikevicius et al., Mixed Precision Training, 2018).
//
//   forward   dy = state[SCALE], for each of COUNT rows: the gradient of the loss by itself, scaled
//   unscale   gradients = gradients / state[SCALE] and still = groups, if every gradient is finite; else both are 0, and nothing moves
//   adjust    finite: one more good update, and after INTERVAL of them SCALE doubles, up to MOST; else SCALE halves, down to 1,
//             and the good updates are counted anew
//
// state: F32 [4]: the scale, good updates since it changed, updates left out, reserved.
//
// forward and unscale: one invocation per vec4; its elements beyond COUNT become zeros. scan: invocation r of PARTS looks at the
// vec4s r, r + PARTS, ... and says 1 if it has seen what is no number; reduce_sum adds that up. adjust: one invocation.
#import flat
#import tail
#import finite
#import groups

const COUNT: u32 = 64u;
const PARTS: u32 = 1u;
const INTERVAL: f32 = 2000.0;
const MOST: f32 = 16777216.0;

const COUNT4: u32 = (COUNT + 3u) / 4u;
const STRIDE: u32 = max(PARTS, 1u);
const ROWS: u32 = (COUNT4 + GROUP4 - 1u) / GROUP4;

const SCALE: u32 = 0u;
const GOOD: u32 = 1u;
const LEFT_OUT: u32 = 2u;

@group(0) @binding(0) var<storage, read> scale: array<f32>;
@group(0) @binding(1) var<storage, read_write> dy: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    dy[i] = without_tail(vec4<f32>(scale[SCALE]), i, COUNT);
}

@group(0) @binding(0) var<storage, read> scanned: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn scan(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let part = flat_id(global_id);
    if (part >= PARTS) {
        return;
    }
    var seen = vec4<bool>(false);
    for (var i = part; i < COUNT4; i += STRIDE) {
        seen |= is_not_finite(without_tail(scanned[i], i, COUNT));
    }
    parts[part] = select(0.0, 1.0, any(seen));
}

@group(0) @binding(0) var<storage, read_write> gradients: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> groups: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> still: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> state: array<f32>;
@group(0) @binding(4) var<storage, read> found: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn unscale(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    let finite = found[0] == 0.0;
    gradients[i] = select(vec4<f32>(0.0), without_tail(gradients[i] / state[SCALE], i, COUNT), finite);
    if (i < ROWS) {
        still[i] = select(vec2<f32>(0.0), groups[i], finite);
    }
}

@group(0) @binding(0) var<storage, read_write> adjusted: array<f32>;
@group(0) @binding(1) var<storage, read> counted: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn adjust(@builtin(global_invocation_id) global_id: vec3<u32>) {
    if (flat_id(global_id) >= 1u) {
        return;
    }
    let scale = adjusted[SCALE];
    let good = adjusted[GOOD] + 1.0;
    if (counted[0] > 0.0) {
        adjusted[SCALE] = max(0.5 * scale, 1.0);
        adjusted[GOOD] = 0.0;
        adjusted[LEFT_OUT] += 1.0;
    } else if (good >= INTERVAL) {
        adjusted[SCALE] = min(2.0 * scale, MOST);
        adjusted[GOOD] = 0.0;
    } else {
        adjusted[GOOD] = good;
    }
}
