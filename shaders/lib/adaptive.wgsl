// Windows that cover an image (N, H, W, C) in OH rows of OW: along an axis of `extent` pixels, window o of `out` holds the pixels from
// floor(o · extent / out) to below ceil((o + 1) · extent / out), so that neighbours overlap where `out` does not divide it.
#import flat

const N: u32 = 1u;
const H: u32 = 4u;
const W: u32 = 4u;
const C: u32 = 4u;
const OH: u32 = 2u;
const OW: u32 = 2u;

const VEC4: bool = true;
#if VEC4
alias Channels = vec4<f32>;
alias Places = vec4<u32>;
const LANES: u32 = 4u;
#else
alias Channels = f32;
alias Places = u32;
const LANES: u32 = 1u;
#end
const CW: u32 = max(C / LANES, 1u);

// The pixels of window o of OUT along an axis of IN: from the first to the one before the second.
fn window(o: u32, extent: u32, out: u32) -> vec2<u32> {
    return vec2<u32>(o * extent / out, ((o + 1u) * extent + out - 1u) / out);
}

// The windows that hold pixel i.
fn windows_of(i: u32, extent: u32, out: u32) -> vec2<u32> {
    return vec2<u32>(i * out / extent, ((i + 1u) * out + extent - 1u) / extent);
}
