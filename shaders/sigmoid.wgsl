// sigmoid: y = 1 / (1 + exp(−x)); dx = y · (1 − y) · dy.
#import unary

// Only exp of numbers up to 0 is taken, which cannot overflow.
fn f(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(x));
    return select(e, vec4<f32>(1.0), x >= vec4<f32>(0.0)) / (1.0 + e);
}

fn df(y: vec4<f32>) -> vec4<f32> {
    return y * (1.0 - y);
}
