// silu: y = x · s with s = 1 / (1 + exp(−x)); dx = s · (1 + x · (1 − s)) · dy.
#import unary

// Only exp of numbers up to 0 is taken, which cannot overflow.
fn f(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(x));
    return x * (select(e, vec4<f32>(1.0), x >= vec4<f32>(0.0)) / (1.0 + e));
}

// Of x. With e = exp(−|x|), s is 1 or e over 1 + e, and 1 − s the other one.
fn df(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(x));
    let positive = x >= vec4<f32>(0.0);
    let s = select(e, vec4<f32>(1.0), positive) / (1.0 + e);
    let rest = select(vec4<f32>(1.0), e, positive) / (1.0 + e);
    return s + x * rest * s;
}
