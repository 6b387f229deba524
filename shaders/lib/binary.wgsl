// y = f(a, b), element by element, for a file that defines
//   fn f(a: vec4<f32>, b: vec4<f32>) -> vec4<f32>
//
// One invocation per vec4. The elements of the last vec4 beyond COUNT are written as zeros.
#import flat
#import tail

const COUNT: u32 = 64u;
const COUNT4: u32 = (COUNT + 3u) / 4u;

#epilogue

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    y[i] = without_tail(epilogue(f(a[i], b[i]), i, columns(0u)), i, COUNT);
}
