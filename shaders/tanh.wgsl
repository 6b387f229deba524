// tanh: y = tanh(x) = (1 − exp(−2x)) / (1 + exp(−2x)); dx = (1 − y²) · dy.
//
// The built-in function overflows for large x on some drivers, and WGSL allows it an absolute error of 1e-5.
#import unary

// Only exp of numbers up to 0 is taken, which cannot overflow. Near 0, where the difference cancels, the Taylor series up to x⁷
// is exact to 6e-8 of its value.
fn f(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-2.0 * abs(x));
    let far = sign(x) * (1.0 - e) / (1.0 + e);
    let s = x * x;
    let near = x * (1.0 + s * (-1.0 / 3.0 + s * (2.0 / 15.0 - s * (17.0 / 315.0))));
    return select(far, near, s < vec4<f32>(0.04));
}

fn df(y: vec4<f32>) -> vec4<f32> {
    return 1.0 - y * y;
}
