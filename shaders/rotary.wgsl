// rotary: the numbers i and i + D / 2 of a row of D, for token t, are the coordinates of a point that is turned by the angle
// t · base^(−2 · i / D), back where BACK. x and y are (ROWS, T, WIDTH), WIDTH a multiple of D; from column TURNED on they are the same.
// J. Su et al.: "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021; the pairs are those of GPT-NeoX.
//
// An item is a vec4 where D is a multiple of 8, else one number. One invocation per pair of items.
//
// Angles are fractions of a whole turn in 32 bits, so that many turns cost no accuracy; WGSL promises little of sin and cos.
#import flat
#import philox

const ROWS: u32 = 2u;
const T: u32 = 5u;
const WIDTH: u32 = 24u;
const TURNED: u32 = 16u;
const D: u32 = 8u;
const BACK: bool = false;
// base^(−2 / D), in units of 2^-32.
const RATIO: u32 = 429496730u;
// 1 / 2π, the first angle per token, in units of 2^-32 turns.
const FIRST: u32 = 683565276u;

const VEC4: bool = true;
#if VEC4
alias Item = vec4<f32>;
const ITEM: u32 = 4u;
#else
alias Item = f32;
const ITEM: u32 = 1u;
#end

const HALF: u32 = max(D / (2u * ITEM), 1u);
const PAIRS: u32 = WIDTH / (2u * ITEM);

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read_write> y: array<Item>;

// a · b · 2^-32, rounded.
fn fraction_of(a: u32, b: u32) -> u32 {
    let product = multiply_wide(a, b);
    return product.y + (product.x >> 31u);
}

// The angle per token of pair i.
fn angle(i: u32) -> u32 {
    var power = FIRST;
    var ratio = RATIO;
    for (var bit = 0u; bit < 16u; bit++) {
        if (((i >> bit) & 1u) == 1u) {
            power = fraction_of(power, ratio);
        }
        ratio = fraction_of(ratio, ratio);
    }
    return power;
}

// Cosine and sine of an angle, by Taylor series about the nearest quarter turn.
fn direction(turns: u32) -> vec2<f32> {
    let quarter = (turns + 0x20000000u) >> 30u;
    let rest = bitcast<i32>(turns - (quarter << 30u));
    let a = f32(rest) * 1.4629180792671596e-9;
    let square = a * a;
    let cosine = 1.0 + square * (-0.5 + square * (4.1666668e-2 + square * (-1.3888889e-3 + square * 2.4801587e-5)));
    let sine = a + a * square * (-1.6666667e-1 + square * (8.3333333e-3 + square * (-1.9841270e-4 + square * 2.7557319e-6)));
    let turned = select(vec2<f32>(cosine, sine), vec2<f32>(-sine, cosine), (quarter & 1u) == 1u);
    return select(turned, -turned, (quarter & 2u) == 2u);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= ROWS * T * PAIRS) {
        return;
    }
    let pair = id % PAIRS;
    let t = id / PAIRS % T;
    let at = id / PAIRS * 2u * PAIRS + pair / HALF * 2u * HALF + pair % HALF;
    let a = x[at];
    let b = x[at + HALF];
    if (pair / HALF * D >= TURNED) {
        y[at] = a;
        y[at + HALF] = b;
        return;
    }
    let i = pair % HALF * ITEM;
#if VEC4
    let of_x = direction(t * angle(i));
    let of_y = direction(t * angle(i + 1u));
    let of_z = direction(t * angle(i + 2u));
    let of_w = direction(t * angle(i + 3u));
    let cosine = vec4<f32>(of_x.x, of_y.x, of_z.x, of_w.x);
    let turn = vec4<f32>(of_x.y, of_y.y, of_z.y, of_w.y);
#else
    let of_pair = direction(t * angle(i));
    let cosine = of_pair.x;
    let turn = of_pair.y;
#end
    let sine = select(turn, -turn, BACK);
    y[at] = a * cosine - b * sine;
    y[at + HALF] = a * sine + b * cosine;
}
