// clip_value: gradients = min(max(gradients, -LIMIT), LIMIT), and NaN stays NaN.
//
// One invocation per vec4 of the slab of COUNT floats. The elements of the last vec4 beyond COUNT become zeros.
#import flat
#import tail
#import finite

const COUNT: u32 = 64u;
const LIMIT: f32 = 1.0;

const COUNT4: u32 = (COUNT + 3u) / 4u;

@group(0) @binding(0) var<storage, read_write> gradients: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    let g = gradients[i];
    let clipped = clamp(g, vec4<f32>(-LIMIT), vec4<f32>(LIMIT));
    gradients[i] = without_tail(select(clipped, g, is_nan(g)), i, COUNT);
}
