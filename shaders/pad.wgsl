// pad: y[o, BEGIN + i · STEP, j] = x[o, i, j], and zero elsewhere, for x (OUTER, X_EXTENT, INNER) and y (OUTER, Y_EXTENT, INNER).
//
// One invocation per element of y, or per vec4 where the innermost axis is made of them; extents are counted in what moves as one.
#import flat

const OUTER: u32 = 2u;
const X_EXTENT: u32 = 2u;
const Y_EXTENT: u32 = 5u;
const INNER: u32 = 4u;
const BEGIN: u32 = 1u;
const STEP: u32 = 2u;

const COUNT: u32 = OUTER * Y_EXTENT * INNER;
const NOWHERE: u32 = 0xffffffffu;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@group(0) @binding(0) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y4: array<vec4<f32>>;

// Where an element of y comes from, or NOWHERE.
fn source(id: u32) -> u32 {
    let j = id % INNER;
    let place = id / INNER % Y_EXTENT;
    let o = id / (INNER * Y_EXTENT);
    let i = (place - BEGIN) / STEP;
    if (place < BEGIN || i >= X_EXTENT || place != BEGIN + i * STEP) {
        return NOWHERE;
    }
    return (o * X_EXTENT + i) * INNER + j;
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= COUNT) {
        return;
    }
    let place = source(id);
    if (place == NOWHERE) {
        y[id] = 0.0;
    } else {
        y[id] = x[place];
    }
}

@compute @workgroup_size(WORKGROUP)
fn forward_vec4(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= COUNT) {
        return;
    }
    let place = source(id);
    if (place == NOWHERE) {
        y4[id] = vec4<f32>(0.0);
    } else {
        y4[id] = x4[place];
    }
}
