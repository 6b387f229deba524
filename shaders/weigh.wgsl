// weigh: y[r] = weights[r] · own[r] / mean, or 0 where the mean is 0: what each row of a batch counts in its loss.
//
// One invocation per vec4 of COUNT floats. The elements of the last vec4 beyond COUNT become zeros.
#import flat
#import tail

const COUNT: u32 = 64u;

const COUNT4: u32 = (COUNT + 3u) / 4u;

@group(0) @binding(0) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> own: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT4) {
        return;
    }
    var v = vec4<f32>(0.0);
    if (mean[0] != 0.0) {
        v = weights[i] * own[i] / mean[0];
    }
    y[i] = without_tail(v, i, COUNT);
}
