// A subgroup computes one tile of a matrix product together: ROWS rows, and COLUMNS4 vec4s of columns for each of its LANES
// invocations. Every invocation holds all rows of its own columns. It loads a part of the left operand, which it hands to the
// others, and its own columns of the right one, so that nothing is loaded twice and nothing waits.
//
// A workgroup is one subgroup: WORKGROUP = LANES. Invocations are numbered as in lib/flat.wgsl, so the number of an invocation
// in its subgroup is its number modulo LANES.
const LANES: u32 = 8u;
const ROWS: u32 = 16u;
const COLUMNS4: u32 = 2u;

// The vec4s of the left operand for four units of k are ROWS, over all lanes.
const LOADS: u32 = (ROWS + LANES - 1u) / LANES;
