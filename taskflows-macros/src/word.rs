/// Returns the word that `slip` is most likely meant to be, if one is near: at most a third of its letters wrong.
pub(crate) fn nearest(slip: &str, words: &[&'static str]) -> Option<&'static str> {
    let limit = slip.chars().count().div_ceil(3);
    let near =
        words.iter().map(|word| (distance(slip, word), *word)).filter(|(distance, _)| *distance <= limit);
    near.min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// Counts letters put in, left out or replaced.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = before + usize::from(letter != *other);
            before = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(before + 1);
        }
    }
    row[b.len()]
}
