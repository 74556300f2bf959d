//! The difference between two texts, line by line.

/// Lines around a difference that are shown.
const AROUND: usize = 2;

/// What must change to make `found` of `expected`: `-` expected, `+` found, with a little around it; empty when equal.
#[must_use]
pub fn diff(expected: &str, found: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let common = table(&old, &new);
    let (mut left, mut right, mut marked) = (0, 0, Vec::new());
    while left < old.len() || right < new.len() {
        if left < old.len() && right < new.len() && old[left] == new[right] {
            marked.push((' ', old[left]));
            (left, right) = (left + 1, right + 1);
        } else if right == new.len() || (left < old.len() && common[left + 1][right] >= common[left][right + 1]) {
            marked.push(('-', old[left]));
            left += 1;
        } else {
            marked.push(('+', new[right]));
            right += 1;
        }
    }
    let is_near = |place: usize| {
        let near = place.saturating_sub(AROUND)..(place + AROUND + 1).min(marked.len());
        marked[near].iter().any(|(mark, _)| *mark != ' ')
    };
    let near = marked.iter().enumerate().filter(|(place, _)| is_near(*place));
    near.map(|(_, (mark, line))| format!("{mark} {line}\n")).collect()
}

/// How many lines the rests of both texts have in common, by where the rests begin.
fn table(old: &[&str], new: &[&str]) -> Vec<Vec<usize>> {
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for left in (0..old.len()).rev() {
        for right in (0..new.len()).rev() {
            common[left][right] = if old[left] == new[right] {
                common[left + 1][right + 1] + 1
            } else {
                common[left + 1][right].max(common[left][right + 1])
            };
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::diff;

    #[test]
    fn shows_what_differs_and_a_little_around_it() {
        assert_eq!(diff("a\nb\nc\nd\ne\n", "a\nb\nX\nd\ne\n"), "  a\n  b\n- c\n+ X\n  d\n  e\n");
        assert_eq!(diff("1\n2\n3\n4\n5\n", "1\n2\n3\n4\n5\n6\n"), "  4\n  5\n+ 6\n");
        assert_eq!(diff("a\n", "a\n"), "");
    }
}
