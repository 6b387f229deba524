// Every kernel of the project counts its invocations from 0 in one dimension. A grid has at most 65,535 workgroups along an
// axis, so a longer one is folded: rows of 65,535 workgroups along y.

const WORKGROUP: u32 = 64u;

fn flat_id(global_id: vec3<u32>) -> u32 {
    return global_id.y * (65535u * WORKGROUP) + global_id.x;
}
