// elu: y = x where x > 0, else ALPHA · (exp(x) − 1); dx = dy where y > 0, else (y + ALPHA) · dy.
#import unary

const ALPHA: f32 = 1.0;

// exp is taken of numbers up to 0 alone, which cannot overflow. Near 0, where the difference cancels, the Taylor series up to x⁷ is
// exact to 1e-8 of its value.
fn f(x: vec4<f32>) -> vec4<f32> {
    let near = x * (1.0 + x * (1.0 / 2.0 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x * (1.0 / 720.0 + x / 5040.0))))));
    let below = select(exp(-abs(x)) - 1.0, near, x > vec4<f32>(-0.5));
    // What is no number is not below 0, and stays.
    return select(x, ALPHA * below, x < vec4<f32>(0.0));
}

fn df(y: vec4<f32>) -> vec4<f32> {
    return select(y + ALPHA, vec4<f32>(1.0), y > vec4<f32>(0.0));
}
