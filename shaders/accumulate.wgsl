// accumulate: total = total + x, in place.
//
// One invocation per vec4 of COUNT floats. The elements of the last vec4 beyond COUNT become zeros.
#import flat
#import tail

const COUNT: u32 = 64u;

const COUNT4: u32 = (COUNT + 3u) / 4u;

@group(0) @binding(0) var<storage, read_write> total: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    total[i] = without_tail(total[i] + x[i], i, COUNT);
}
