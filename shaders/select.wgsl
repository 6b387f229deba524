// select: y[o, i] = x[o, INDEX, i], one place along an axis, for x (OUTER, LENGTH, INNER); dx[o, l, i] = dy[o, i] where l is INDEX,
// else 0.
//
// One invocation per number of the result, or per vec4 of it where INNER counts those.
#import flat

const OUTER: u32 = 2u;
const LENGTH: u32 = 3u;
const INNER: u32 = 4u;
const INDEX: u32 = 1u;
const VEC4: bool = false;
#if VEC4
alias Numbers = vec4<f32>;
#else
alias Numbers = f32;
#end

@group(0) @binding(0) var<storage, read> x: array<Numbers>;
@group(0) @binding(1) var<storage, read_write> y: array<Numbers>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= OUTER * INNER) {
        return;
    }
    y[id] = x[(id / INNER * LENGTH + INDEX) * INNER + id % INNER];
}

@group(0) @binding(0) var<storage, read> dy: array<Numbers>;
@group(0) @binding(1) var<storage, read_write> dx: array<Numbers>;

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= OUTER * LENGTH * INNER) {
        return;
    }
    let place = id / INNER;
    var v = Numbers();
    if (place % LENGTH == INDEX) {
        v = dy[place / LENGTH * INNER + id % INNER];
    }
    dx[id] = v;
}
