// y = f(x) and dx = df(y) · dy, element by element, for a file that defines
//   fn f(x: vec4<f32>) -> vec4<f32>     the function
//   fn df(y: vec4<f32>) -> vec4<f32>    its derivative, in terms of its value
//
// One invocation per vec4. The elements of the last vec4 beyond COUNT are written as zeros.
#import flat
#import tail

const COUNT: u32 = 64u;
const COUNT4: u32 = (COUNT + 3u) / 4u;

#epilogue

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    y[i] = without_tail(epilogue(f(x[i]), i, columns(0u)), i, COUNT);
}

@group(0) @binding(0) var<storage, read> y_saved: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    dx[i] = without_tail(epilogue(df(y_saved[i]) * dy[i], i, columns(0u)), i, COUNT);
}
