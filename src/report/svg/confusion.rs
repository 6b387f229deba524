//! The confusion matrix as a picture.

use super::{Figure, WIDTH, shortened};

/// A matrix of more classes is finer than a screen.
const MOST_CLASSES: usize = 256;
/// Cells of at least this size have their number in them.
const READABLE: f64 = 17.0;
/// Names of at most this many characters stand beside the rows.
const LONGEST: usize = 14;
const TOP: f64 = 44.0;

/// Rows are true classes, columns guesses; the darker, the larger the share of the true class. `None` for too many classes.
pub(in super::super) fn confusion(classes: &[String], counts: &[Vec<u64>]) -> Option<Figure> {
    let n = counts.len();
    if n == 0 || n > MOST_CLASSES || classes.len() != n {
        return None;
    }
    let names: Vec<String> = classes
        .iter()
        .map(|name| shortened(name, LONGEST))
        .collect();
    let longest = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    let left = 26.0 + 7.5 * longest as f64;
    let cell = ((WIDTH - left - 2.0) / n as f64).min(56.0);
    let has_names = cell >= 11.0;
    // Names that are wider than a cell stand as numbers over the columns.
    let fits = |name: &String| name.chars().count() as f64 * 7.5 <= cell - 2.0;
    let numbered = !names.iter().all(fits);
    let side = cell * n as f64;
    let mut figure = Figure::new(
        "confusion matrix: rows are true classes, columns guesses",
        TOP + side + 6.0,
    );
    figure.text("muted mid", [left + side / 2.0, 14.0], "predicted");
    figure.text("muted", [0.0, TOP - 10.0], "true");
    for (row, name) in names.iter().enumerate() {
        let middle = (row as f64 + 0.5) * cell;
        if has_names {
            let shown = if numbered {
                format!("{row} {name}")
            } else {
                name.clone()
            };
            figure.text(
                "end",
                [left - 7.0, TOP + middle + 4.5],
                &shortened(&shown, LONGEST + 2),
            );
            let column = if numbered {
                row.to_string()
            } else {
                name.clone()
            };
            figure.text("mid", [left + middle, TOP - 8.0], &column);
        }
        let of_row: u64 = counts[row].iter().sum();
        for (column, &count) in counts[row].iter().enumerate() {
            let [x, y] = [column, row].map(|i| i as f64 * cell);
            let place = [left + x + 0.5, TOP + y + 0.5];
            let share = count as f64 / of_row.max(1) as f64;
            let (color, opacity) = match (count, row == column) {
                (0, true) => ("line", 0.5),
                (0, false) if n > 60 => continue,
                (0, false) => ("line", 0.25),
                (_, true) => ("s0", 0.12 + 0.88 * share),
                (_, false) => ("s1", 0.2 + 0.8 * share.sqrt()),
            };
            figure.rect(place, [cell - 1.0; 2], color, opacity);
            if cell >= READABLE && count > 0 {
                let text = count.to_string();
                let size = (cell * 0.42).min(13.0).min(cell * 1.5 / text.len() as f64);
                let ink = if opacity > 0.6 { "on" } else { "text" };
                let [x, y] = [left + x + cell / 2.0, TOP + y + cell / 2.0 + size * 0.36];
                figure.body.push_str(&format!(
                    "<text class=\"mid\" x=\"{x:.1}\" y=\"{y:.1}\" style=\"font-size:{size:.1}px;fill:var(--{ink})\">{text}</text>"
                ));
            }
        }
    }
    Some(figure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(n: usize) -> (Vec<String>, Vec<Vec<u64>>) {
        let names = (0..n).map(|i| format!("class {i}")).collect();
        (names, vec![vec![3; n]; n])
    }

    #[test]
    fn every_count_is_shown_where_there_is_room() {
        let (names, counts) = square(3);
        let body = confusion(&names, &counts).unwrap().body;
        assert_eq!(body.matches(">3</text>").count(), 9);
        assert!(body.contains(">class 2</text>"), "{body}");
    }

    #[test]
    fn any_number_of_classes_is_drawn_or_left_out() {
        for n in [1, 2, 19, 60, 100, MOST_CLASSES] {
            let (names, counts) = square(n);
            let figure = confusion(&names, &counts).unwrap();
            assert!(figure.height <= TOP + WIDTH + 6.0, "{n}: {}", figure.height);
        }
        let (names, counts) = square(MOST_CLASSES + 1);
        assert!(confusion(&names, &counts).is_none(), "too many");
        assert!(confusion(&[], &[]).is_none(), "none");
    }
}
