// What is no number, by its bits: WGSL may assume that floats are finite.

const INFINITY_BITS: u32 = 0x7f800000u;

// NaN, by element.
fn is_nan(v: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu)) > vec4<u32>(INFINITY_BITS);
}

// Infinite or NaN, by element.
fn is_not_finite(v: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(v) & vec4<u32>(INFINITY_BITS)) == vec4<u32>(INFINITY_BITS);
}
