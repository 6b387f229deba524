// The most bytes that an adapter moves: y = x, one invocation per vec4, each byte read once and written once.
#import flat

const COUNT: u32 = 64u; // vec4s

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn copy(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT) {
        return;
    }
    y[i] = x[i];
}
