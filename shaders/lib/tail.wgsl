// A tensor is stored up to the next multiple of 16 bytes; what lies beyond its last element is kept at zero.

fn without_tail(v: vec4<f32>, index4: u32, count: u32) -> vec4<f32> {
    let beyond = vec4<u32>(0u, 1u, 2u, 3u) + index4 * 4u >= vec4<u32>(count);
    return select(v, vec4<f32>(0.0), beyond);
}
