// A subgroup computes one tile of a matrix product together: ROWS rows, and COLUMNS4 vec4s of columns for each of its LANES
// invocations. Every invocation holds all rows of its own columns. It loads a part of the left operand, which it hands to the
// others, and its own columns of the right one, so that nothing is loaded twice and nothing waits.
//
// A workgroup is one subgroup: WORKGROUP = LANES. Invocations are numbered as in lib/flat.wgsl, so the number of an invocation
// in its subgroup is its number modulo LANES.
const LANES: u32 = 8u;
const ROWS: u32 = 16u;
const COLUMNS4: u32 = 2u;

// The operands are loaded in units of LOAD4 vec4s: one, or two where loads are dear and extents are multiples of 8. A load of four
// 64-bit words costs Mesa's lavapipe, which goes through the lanes one by one, little more than one of four 32-bit words.
const WIDE: bool = false;
#if WIDE
alias Load = vec4<u64>;
const LOAD4: u32 = 2u;

fn floats(v: Load) -> array<vec4<f32>, LOAD4> {
    let low = vec4<u32>(u32(v.x), u32(v.y), u32(v.z), u32(v.w));
    let high = vec4<u32>(u32(v.x >> 32u), u32(v.y >> 32u), u32(v.z >> 32u), u32(v.w >> 32u));
    return array<vec4<f32>, LOAD4>(
        bitcast<vec4<f32>>(vec4<u32>(low.x, high.x, low.y, high.y)),
        bitcast<vec4<f32>>(vec4<u32>(low.z, high.z, low.w, high.w)),
    );
}
#else
alias Load = vec4<f32>;
const LOAD4: u32 = 1u;

fn floats(v: Load) -> array<vec4<f32>, LOAD4> {
    return array<vec4<f32>, LOAD4>(v);
}
#end

// The numbers of a load.
const UNIT: u32 = 4u * LOAD4;

// The loads of the left operand for UNIT units of k are ROWS, over all lanes; of the right one, COLUMN_LOADS per lane and unit of k.
const LOADS: u32 = (ROWS + LANES - 1u) / LANES;
const COLUMN_LOADS: u32 = COLUMNS4 / LOAD4;

// Column number j of a lane, in vec4s, where its first load of columns has number `column`.
fn column_of(column: u32, j: u32) -> u32 {
    return (column + j / LOAD4 * LANES) * LOAD4 + j % LOAD4;
}
