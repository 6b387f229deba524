// layer_norm: every row of x (ROWS, C) with mean 0 and variance 1, times weight and plus bias where there are such (lib/row_norm.wgsl).
const CENTERED: bool = true;
#import row_norm
