// add_bias: y[r, c] = x[r, c] + bias[c] for x (ROWS, C) and bias (C).
//
// One invocation per vec4 of y.
#import flat
#import tail

const ROWS: u32 = 16u;
const C: u32 = 4u;

// At least 1, so that the entry points for vec4s are valid where they are not used.
const C4: u32 = max(C / 4u, 1u);
const COUNT: u32 = ROWS * C;
const COUNT4: u32 = (COUNT + 3u) / 4u;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@group(0) @binding(1) var<storage, read> bias4: array<vec4<f32>>;

#epilogue

// Any C: a vec4 may reach into the next rows. The elements of the last vec4 beyond COUNT are written as zeros.
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    let c = (vec4<u32>(0u, 1u, 2u, 3u) + i * 4u) % vec4<u32>(C);
    y[i] = without_tail(x[i] + vec4<f32>(bias[c.x], bias[c.y], bias[c.z], bias[c.w]), i, COUNT);
}

// C a multiple of 4.
@compute @workgroup_size(WORKGROUP)
fn forward_vec4(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= ROWS * C4) {
        return;
    }
    y[i] = epilogue(x[i] + bias4[i % C4], i, columns(i % C4));
}
