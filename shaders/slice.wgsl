// slice: y[o, i, j] = x[o, BEGIN + i · STEP, j] for x (OUTER, X_EXTENT, INNER) and y (OUTER, Y_EXTENT, INNER).
//
// One invocation per element of y, or per vec4 where the innermost axis is made of them; extents are counted in what moves as one.
#import flat

const OUTER: u32 = 2u;
const X_EXTENT: u32 = 5u;
const Y_EXTENT: u32 = 2u;
const INNER: u32 = 4u;
const BEGIN: u32 = 1u;
const STEP: u32 = 2u;

const COUNT: u32 = OUTER * Y_EXTENT * INNER;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@group(0) @binding(0) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y4: array<vec4<f32>>;

fn source(id: u32) -> u32 {
    let j = id % INNER;
    let i = id / INNER % Y_EXTENT;
    let o = id / (INNER * Y_EXTENT);
    return (o * X_EXTENT + BEGIN + i * STEP) * INNER + j;
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= COUNT) {
        return;
    }
    y[id] = x[source(id)];
}

@compute @workgroup_size(WORKGROUP)
fn forward_vec4(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= COUNT) {
        return;
    }
    y4[id] = x4[source(id)];
}
