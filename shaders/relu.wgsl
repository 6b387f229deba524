// relu: y = max(x, 0), and NaN stays NaN; dx = dy where y > 0, else 0.
#import unary

// max would turn NaN into 0 and hide a training gone wrong. WGSL may assume NaN away, so the bits are asked: -0 to -infinity.
fn f(x: vec4<f32>) -> vec4<f32> {
    let negative = bitcast<vec4<u32>>(x) - vec4<u32>(0x80000000u) <= vec4<u32>(0x7f800000u);
    return select(x, vec4<f32>(0.0), negative);
}

fn df(y: vec4<f32>) -> vec4<f32> {
    return select(vec4<f32>(0.0), vec4<f32>(1.0), y > vec4<f32>(0.0));
}
