// rms_norm: every row of x (ROWS, C) with mean square 1, times weight where there is one (lib/row_norm.wgsl).
const CENTERED: bool = false;
#import row_norm
