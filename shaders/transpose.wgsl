// transpose: y[i0, i1, i2, i3] = x[i0 · S0 + i1 · S1 + i2 · S2 + i3 · S3] for y (D0, D1, D2, D3).
//
// One invocation per element of y, or per vec4 where the innermost axis stays the innermost; extents and strides are counted in
// what moves as one.
#import flat

const D0: u32 = 1u;
const D1: u32 = 1u;
const D2: u32 = 4u;
const D3: u32 = 4u;
const S0: u32 = 0u;
const S1: u32 = 0u;
const S2: u32 = 1u;
const S3: u32 = 4u;

const COUNT: u32 = D0 * D1 * D2 * D3;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@group(0) @binding(0) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y4: array<vec4<f32>>;

fn source(id: u32) -> u32 {
    let i3 = id % D3;
    let i2 = id / D3 % D2;
    let i1 = id / (D3 * D2) % D1;
    let i0 = id / (D3 * D2 * D1);
    return i0 * S0 + i1 * S1 + i2 * S2 + i3 * S3;
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
