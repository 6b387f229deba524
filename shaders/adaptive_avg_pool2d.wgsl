// adaptive_avg_pool2d: y[n, oh, ow, c] = mean x[n, h, w, c] over the pixels of window (oh, ow) (lib/adaptive.wgsl);
// dx[n, h, w, c] = Σ dy / pixels over the windows that hold (h, w).
//
// Forward: one invocation per element of y. Backward: one per element of dx. Where C is a multiple of 4, per vec4.
#import adaptive

@group(0) @binding(0) var<storage, read> x: array<Channels>;
@group(0) @binding(1) var<storage, read_write> y: array<Channels>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * OH * OW * CW) {
        return;
    }
    let rows = window(id / (CW * OW) % OH, H, OH);
    let columns = window(id / CW % OW, W, OW);
    let image = id / (CW * OW * OH) * H;
    var sum = Channels(0.0);
    for (var h = rows.x; h < rows.y; h++) {
        for (var w = columns.x; w < columns.y; w++) {
            sum += x[((image + h) * W + w) * CW + id % CW];
        }
    }
    y[id] = sum / f32((rows.y - rows.x) * (columns.y - columns.x));
}

@group(0) @binding(0) var<storage, read> dy: array<Channels>;
@group(0) @binding(1) var<storage, read_write> dx: array<Channels>;

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * H * W * CW) {
        return;
    }
    let rows = windows_of(id / (CW * W) % H, H, OH);
    let columns = windows_of(id / CW % W, W, OW);
    let image = id / (CW * W * H) * OH;
    var sum = Channels(0.0);
    for (var oh = rows.x; oh < rows.y; oh++) {
        let tall = window(oh, H, OH);
        for (var ow = columns.x; ow < columns.y; ow++) {
            let wide = window(ow, W, OW);
            let pixels = (tall.y - tall.x) * (wide.y - wide.x);
            sum += dy[((image + oh) * OW + ow) * CW + id % CW] / f32(pixels);
        }
    }
    dx[id] = sum;
}
