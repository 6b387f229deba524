// Philox4x32-10: random numbers from a counter and a key, without state.
//
// J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw: "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
// The twin of src/rng.rs: the same counter and key give the same numbers, bit for bit.

// The third counter word says what the numbers are for, so that two uses never share one (enum Stream in src/rng.rs).
const STREAM_SHUFFLE: u32 = 1u;

// The longest walk of `permuted`; see PERMUTED_WALK in src/rng.rs.
const PERMUTED_WALK: u32 = 256u;

// a * b as (low, high) words, by 16-bit halves: WGSL has no 64-bit integers. No partial sum exceeds 2^32 - 1.
fn multiply_wide(a: u32, b: u32) -> vec2<u32> {
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let low = a_low * b_low;
    let middle = a_high * b_low + (low >> 16u);
    let other_middle = a_low * b_high + (middle & 0xffffu);
    return vec2<u32>(a * b, a_high * b_high + (middle >> 16u) + (other_middle >> 16u));
}

// Four uniform 32-bit words.
fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = counter;
    var k = key;
    for (var round = 0u; round < 10u; round++) {
        let p0 = multiply_wide(0xd2511f53u, c.x);
        let p1 = multiply_wide(0xcd9e8d57u, c.z);
        c = vec4<u32>(p1.y ^ c.y ^ k.x, p1.x, p0.y ^ c.w ^ k.y, p0.x);
        k += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
    }
    return c;
}

// Where `index` goes when 0..length is shuffled: a keyed bijection, so that no permutation is ever stored.
//
// A Feistel network permutes the least power of four that holds `length`; a result beyond `length` is fed back until one falls
// inside. An index at or beyond `length` counts as the last one, so that a padded row reads a real sample.
fn permuted(index: u32, length: u32, key: vec2<u32>, epoch: u32) -> u32 {
    if length < 2u {
        return 0u;
    }
    let half_bits = max(1u, (33u - countLeadingZeros(length - 1u)) / 2u);
    let mask = (1u << half_bits) - 1u;
    var x = min(index, length - 1u);
    for (var walk = 0u; walk < PERMUTED_WALK; walk++) {
        var left = x >> half_bits;
        var right = x & mask;
        for (var round = 0u; round < 6u; round++) {
            let f = philox(vec4<u32>(right, round, STREAM_SHUFFLE, epoch), key).x & mask;
            let mixed = left ^ f;
            left = right;
            right = mixed;
        }
        x = (left << half_bits) | right;
        if x < length {
            return x;
        }
    }
    return x % length;
}
