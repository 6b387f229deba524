// gelu: y = x · Φ(x), dx = (Φ(x) + x · Φ′(x)) · dy, with the distribution function of the standard normal,
//   Φ(x) = (1 + erf(x / √2)) / 2,   Φ′(x) = exp(−x²/2) / √(2π),
// or, with TANH, the approximation
//   Φ(x) = (1 + tanh(u)) / 2 = 1 / (1 + exp(−2u)),   u = √(2/π) · (x + 0.044715 · x³).
#import unary
#import erfc

const TANH: bool = false;

// Beyond 64 both are 0 or 1 in 32 bits, and no power of 64 overflows. 2u is a · (1.5957691 + 0.07135481 · a²) for a = |x|.
// Only exp of numbers up to 0 is taken, and below 0 nothing cancels.
fn f(x: vec4<f32>) -> vec4<f32> {
    let positive = x >= vec4<f32>(0.0);
    let a = min(abs(x), vec4<f32>(64.0));
    if (TANH) {
        let e = exp(-a * (1.5957691 + 0.07135481 * a * a));
        return x * (select(e, vec4<f32>(1.0), positive) / (1.0 + e));
    }
    let tail = 0.5 * erfc_scale(0.70710677 * a) * exp(-0.5 * a * a);
    return x * select(tail, 1.0 - tail, positive);
}

// Of x.
fn df(x: vec4<f32>) -> vec4<f32> {
    let positive = x >= vec4<f32>(0.0);
    let a = min(abs(x), vec4<f32>(64.0));
    // As in f, what is no number must stay none.
    let signed = select(-a, a, positive) + 0.0 * x;
    if (TANH) {
        let e = exp(-a * (1.5957691 + 0.07135481 * a * a));
        let s = 1.0 / (1.0 + e);
        return select(e * s, s, positive) + signed * (1.5957691 + 0.21406443 * a * a) * e * s * s;
    }
    let bell = exp(-0.5 * a * a);
    let tail = 0.5 * erfc_scale(0.70710677 * a) * bell;
    return select(tail, 1.0 - tail, positive) + signed * (0.3989423 * bell);
}
