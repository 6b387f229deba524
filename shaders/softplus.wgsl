// softplus: y = log(1 + exp(x)) = max(x, 0) + log(1 + e) with e = exp(−|x|); dx = (1 − exp(−y)) · dy.
#import unary

// log(1 + e) = 2 · artanh(r) with r = e / (2 + e), at most 1/3: the series up to r¹³ is exact to 2e-8 of its value, however small.
fn f(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(x));
    let r = e / (2.0 + e);
    let s = r * r;
    let series = 1.0 + s * (1.0 / 3.0 + s * (1.0 / 5.0 + s * (1.0 / 7.0 + s * (1.0 / 9.0 + s * (1.0 / 11.0 + s / 13.0)))));
    // What is no number is not below 0, and stays.
    return select(x, vec4<f32>(0.0), x < vec4<f32>(0.0)) + 2.0 * r * series;
}

// Near 0, where the difference cancels, the Taylor series up to y⁵ is exact to 3e-8 of its value.
fn df(y: vec4<f32>) -> vec4<f32> {
    let near = y * (1.0 - y * (1.0 / 2.0 - y * (1.0 / 6.0 - y * (1.0 / 24.0 - y / 120.0))));
    return select(1.0 - exp(-y), near, y < vec4<f32>(0.1));
}
