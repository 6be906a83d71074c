//! Which known word a misspelt one probably means.

/// The closest of `known`, if it is close enough to be a likely meaning.
pub(crate) fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // Nothing worth suggesting is longer, and the distance takes quadratic time.
    if word.len() > MAX_WORD {
        return None;
    }
    let folded = fold(word);
    let limit = (folded.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let known = fold(candidate);
        // `api_key` for `key`, `openai.com` for `api.openai.com`: only more or less said.
        let part = (folded.len() >= 3 && (known.starts_with(&folded) || known.ends_with(&folded)))
            || (known.len() >= 3 && folded.ends_with(&known));
        let near = match distance(&folded, &known) {
            near if near <= limit && near < known.len() => near,
            _ if part => limit + 1,
            _ => continue,
        };
        if best.is_none_or(|(least, _)| near < least) {
            best = Some((near, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Case and separators are the commonest slips, so they cost nothing.
fn fold(word: &str) -> Vec<char> {
    word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

const MAX_WORD: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_finds_none() {
        let known = ["airgap", "guardrails", "allowedHosts", "exact-cache", "EMAIL", "ca_file"];
        for (word, expected) in [
            ("guardrail", Some("guardrails")),
            ("gaurdrails", Some("guardrails")),
            ("allowed_hosts", Some("allowedHosts")),
            ("exact_cache", Some("exact-cache")),
            ("email", Some("EMAIL")),
            ("cafile", Some("ca_file")),
            ("argiap", Some("airgap")),
            ("api_ca_file", Some("ca_file")),
            ("hosts", Some("allowedHosts")),
            ("semantic", None),
            ("exact", Some("exact-cache")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(closest(word, known), expected, "{word}");
        }
        assert_eq!(closest(&"a".repeat(1 << 20), known), None);
    }
}
