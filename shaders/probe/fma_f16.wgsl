// The most multiply-adds of f16 that an adapter does: a ← a · factor + addend, in four chains of vec4s that know nothing of each
// other, so that neither memory nor the latency of one multiply-add limits.
//
// One invocation per COUNT; each does TRIPS · 32 multiply-adds of a vec4: 256 · TRIPS floating-point operations. The sum is
// written, so that no compiler leaves the work out.
enable f16;
#import flat

const COUNT: u32 = 64u;
const TRIPS: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>; // factor, addend: two registers
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn fma_f16(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let i = flat_id(global_id);
    if (i >= COUNT) {
        return;
    }
    let factor = vec4<f16>(f16(x[0].x));
    let addend = vec4<f16>(f16(x[0].y));
    var a = vec4<f16>(f16(i & 7u));
    var b = a + addend;
    var c = b + addend;
    var d = c + addend;
    for (var trip = 0u; trip < TRIPS; trip++) {
        a = fma(a, factor, addend); b = fma(b, factor, addend); c = fma(c, factor, addend); d = fma(d, factor, addend);
        a = fma(a, factor, addend); b = fma(b, factor, addend); c = fma(c, factor, addend); d = fma(d, factor, addend);
        a = fma(a, factor, addend); b = fma(b, factor, addend); c = fma(c, factor, addend); d = fma(d, factor, addend);
        a = fma(a, factor, addend); b = fma(b, factor, addend); c = fma(c, factor, addend); d = fma(d, factor, addend);
        a = fma(a, factor, addend); b = fma(b, factor, addend); c = fma(c, factor, addend); d = fma(d, factor, addend);
        a = fma(a, factor, addend); b = fma(b, factor, addend); c = fma(c, factor, addend); d = fma(d, factor, addend);
        a = fma(a, factor, addend); b = fma(b, factor, addend); c = fma(c, factor, addend); d = fma(d, factor, addend);
        a = fma(a, factor, addend); b = fma(b, factor, addend); c = fma(c, factor, addend); d = fma(d, factor, addend);
    }
    y[i] = vec4<f32>((a + b) + (c + d));
}
