// What the optimisers are told of every 64 neighbouring elements of a slab, which belong to one tensor: groups[i / GROUP4] for vec4 i.
//
//   x   the factor of the learning rate; where it is 0, nothing is touched
//   y   the factor of the weight decay

const GROUP4: u32 = 16u;
