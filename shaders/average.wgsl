// average: averaged = averaged + share · (parameters − averaged), the average of the parameters over the updates so far.
//
//   moving: share = 1 in the first update, then ONE_MINUS_DECAY
//   equal:  share = 1 up to update BEGIN (from 0), then 1 / (n + 1) in every EVERYth update behind it, the nth, and 0 in the others
//
// A share of 1 is a copy, a share of 0 leaves everything as it is. STEP is the update just done, from 0. One invocation per vec4 of
// COUNT floats. The elements of the last vec4 beyond COUNT become zeros.
#import flat
#import tail
#import state

const COUNT: u32 = 64u;
const ONE_MINUS_DECAY: f32 = 0.001;
const BEGIN: u32 = 0u;
const EVERY: u32 = 1u;

const COUNT4: u32 = (COUNT + 3u) / 4u;

@group(0) @binding(0) var<storage, read_write> averaged: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> parameters: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> counters: array<u32>;

fn take(i: u32, share: f32) {
    let p = parameters[i];
    var a = p;
    if (share < 1.0) {
        a = averaged[i];
        a += share * (p - a);
    }
    averaged[i] = without_tail(a, i, COUNT);
}

@compute @workgroup_size(WORKGROUP)
fn moving(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    take(i, select(ONE_MINUS_DECAY, 1.0, counters[STEP] == 0u));
}

@compute @workgroup_size(WORKGROUP)
fn equal(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    let step = counters[STEP];
    let since = step - min(step, BEGIN);
    let every = max(EVERY, 1u);
    if (since % every == 0u) {
        take(i, 1.0 / (f32(since / every) + 1.0));
    }
}
