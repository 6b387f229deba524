// leaky_relu: y = x where x > 0, else SLOPE · x; dx = dy where y > 0, else SLOPE · dy. SLOPE is 0 or more: the sign of y is that of x.
#import unary

const SLOPE: f32 = 0.01;

fn f(x: vec4<f32>) -> vec4<f32> {
    return select(SLOPE * x, x, x > vec4<f32>(0.0));
}

fn df(y: vec4<f32>) -> vec4<f32> {
    return select(vec4<f32>(SLOPE), vec4<f32>(1.0), y > vec4<f32>(0.0));
}
