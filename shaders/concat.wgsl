// concat: y[o, i, j] = a[o, i, j] for i < A_EXTENT, else b[o, i − A_EXTENT, j], for a (OUTER, A_EXTENT, INNER) and
// b (OUTER, B_EXTENT, INNER).
//
// One invocation per element of y, or per vec4 where the innermost axis is made of them; extents are counted in what moves as one.
#import flat

const OUTER: u32 = 2u;
const A_EXTENT: u32 = 3u;
const B_EXTENT: u32 = 2u;
const INNER: u32 = 4u;

const EXTENT: u32 = A_EXTENT + B_EXTENT;
const COUNT: u32 = OUTER * EXTENT * INNER;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@group(0) @binding(0) var<storage, read> a4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y4: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= COUNT) {
        return;
    }
    let j = id % INNER;
    let i = id / INNER % EXTENT;
    let o = id / (INNER * EXTENT);
    if (i < A_EXTENT) {
        y[id] = a[(o * A_EXTENT + i) * INNER + j];
    } else {
        y[id] = b[(o * B_EXTENT + i - A_EXTENT) * INNER + j];
    }
}

@compute @workgroup_size(WORKGROUP)
fn forward_vec4(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= COUNT) {
        return;
    }
    let j = id % INNER;
    let i = id / INNER % EXTENT;
    let o = id / (INNER * EXTENT);
    if (i < A_EXTENT) {
        y4[id] = a4[(o * A_EXTENT + i) * INNER + j];
    } else {
        y4[id] = b4[(o * B_EXTENT + i - A_EXTENT) * INNER + j];
    }
}
