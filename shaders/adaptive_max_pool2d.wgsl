// adaptive_max_pool2d: y[n, oh, ow, c] = max x[n, h, w, c] over the pixels of window (oh, ow) (lib/adaptive.wgsl), and the pixel h · W + w
// where it first stands; a NaN is greater than everything. dx[n, h, w, c] = Σ dy over the windows whose maximum the pixel is.
//
// Forward: one invocation per element of y. Backward: one per element of dx. Where C is a multiple of 4, per vec4.
#import adaptive

@group(0) @binding(0) var<storage, read> x: array<Channels>;
@group(0) @binding(1) var<storage, read_write> y: array<Channels>;
@group(0) @binding(2) var<storage, read_write> places: array<Places>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * OH * OW * CW) {
        return;
    }
    let rows = window(id / (CW * OW) % OH, H, OH);
    let columns = window(id / CW % OW, W, OW);
    let image = id / (CW * OW * OH) * H * W;
    let first = rows.x * W + columns.x;
    var best = x[(image + first) * CW + id % CW];
    var place = Places(first);
    for (var h = rows.x; h < rows.y; h++) {
        for (var w = columns.x; w < columns.y; w++) {
            let pixel = h * W + w;
            let v = x[(image + pixel) * CW + id % CW];
            // WGSL may assume that there is no NaN, so the bits are asked.
            let is_nan = (bitcast<Places>(v) & Places(0x7fffffffu)) > Places(0x7f800000u);
            let wins = (v > best) | is_nan;
            best = select(best, v, wins);
            place = select(place, Places(pixel), wins);
        }
    }
    y[id] = best;
    places[id] = place;
}

@group(0) @binding(0) var<storage, read> dy: array<Channels>;
@group(0) @binding(1) var<storage, read> winners: array<Places>;
@group(0) @binding(2) var<storage, read_write> dx: array<Channels>;

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * H * W * CW) {
        return;
    }
    let rows = windows_of(id / (CW * W) % H, H, OH);
    let columns = windows_of(id / CW % W, W, OW);
    let image = id / (CW * W * H) * OH;
    let pixel = Places(id / CW % (H * W));
    var sum = Channels(0.0);
    for (var oh = rows.x; oh < rows.y; oh++) {
        for (var ow = columns.x; ow < columns.y; ow++) {
            let i = ((image + oh) * OW + ow) * CW + id % CW;
            sum += select(Channels(0.0), dy[i], winners[i] == pixel);
        }
    }
    dx[id] = sum;
}
