// The column of the first maximum of a row of
//   const C: u32                                            columns, at least 1
//   var<storage, read> logits: array<f32>                   (rows, C)

fn argmax(row: u32) -> u32 {
    let begin = row * C;
    var best = logits[begin];
    var winner = 0u;
    for (var c = 1u; c < C; c++) {
        let v = logits[begin + c];
        if (v > best) {
            best = v;
            winner = c;
        }
    }
    return winner;
}
