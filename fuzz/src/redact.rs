//! Detectors, placeholders, and requests as a whole.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use prxy::provider::{Api, Surface};
use prxy::redact::detect::DETECTORS;
use prxy::redact::mask::Masker;
use prxy::redact::rehydrate;
use prxy::redact::scan::Scanner;
use prxy::redact::{Action, Label, Number, Policy, Vault, VaultError};

/// A vault in memory.
#[derive(Default)]
pub(crate) struct Memory(Mutex<BTreeMap<(String, Number), Arc<str>>>);

impl Vault for Memory {
    fn number(&self, label: &Label, value: &str) -> Result<Number, VaultError> {
        let mut known = self.0.lock().map_err(|_| VaultError("poisoned".to_owned()))?;
        let of_label = known.iter().filter(|((name, _), _)| name == label.as_str());
        let (mut next, mut found) = (1, None);
        for ((_, number), original) in of_label {
            next += 1;
            if **original == *value {
                found = Some(*number);
            }
        }
        let number = found.unwrap_or(Number::first(next));
        known.insert((label.as_str().to_owned(), number), value.into());
        Ok(number)
    }

    fn original(&self, label: &str, number: Number) -> Option<Arc<str>> {
        self.0.lock().ok()?.get(&(label.to_owned(), number)).cloned()
    }
}

/// Every label alone, and all of them together.
static SCANNERS: LazyLock<Vec<Scanner>> = LazyLock::new(|| {
    let mut labels: Vec<&str> = DETECTORS.iter().map(|detector| detector.label).collect();
    labels.sort_unstable();
    labels.dedup();
    let alone = |one: Option<&str>| {
        let allowed = labels.iter().filter(|label| one.is_some_and(|one| one != **label));
        let actions = allowed.filter_map(|label| Some((Label::new(label)?, Action::Allow)));
        Scanner::new(&Policy { actions: actions.collect(), ..Policy::default() }).ok()
    };
    std::iter::once(None).chain(labels.iter().copied().map(Some)).filter_map(alone).collect()
});

pub(crate) fn detected(data: &[u8]) {
    let Some((which, data)) = crate::choice(data, SCANNERS.len()) else { return };
    let text = String::from_utf8_lossy(data);
    let mut found = Vec::new();
    SCANNERS[which].scan(&text, &mut found);
    for span in &found {
        let there = span.start < span.end && text.get(span.start..span.end).is_some();
        assert!(there, "{span:?}");
    }
    assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start), "{found:?}");
    let mut again = Vec::new();
    SCANNERS[which].scan(&text, &mut again);
    assert_eq!(found, again);
}

/// Secrets are masked here, so that more is accepted.
static MASKER: LazyLock<Option<Masker>> = LazyLock::new(|| {
    let labels = DETECTORS.iter().filter_map(|detector| Label::new(detector.label));
    let actions = labels.map(|label| (label, Action::Mask)).collect();
    Masker::new(&Policy { actions, ..Policy::default() }).ok()
});

pub(crate) fn placeholders(data: &[u8]) {
    let Some(masker) = &*MASKER else { panic!("the policy is sound") };
    let text = String::from_utf8_lossy(data);
    let vault = Memory::default();
    let Ok((masked, counts)) = masker.text(&text, &vault) else { return };
    assert_eq!(rehydrate::text(&masked, &vault), text, "masked: {masked}");
    assert!(!counts.is_empty() || masked == text);
    assert_eq!(rehydrate::text(&text, &Memory::default()), text, "an empty vault restores nothing");
}

pub(crate) fn request(data: &[u8]) {
    let Some(masker) = &*MASKER else { panic!("the policy is sound") };
    let Some((surface, body)) = crate::choice(data, SURFACES.len()) else { return };
    let surface = SURFACES[surface];
    let vault = Memory::default();
    let Ok(masked) = masker.request(surface, body, &vault) else { return };
    let sent = masked.body.as_deref().unwrap_or(body);
    if let Err(refusal) = masker.check(sent) {
        panic!("{refusal}\n{}", String::from_utf8_lossy(sent));
    }
    let again = masker.request(surface, body, &vault);
    assert!(again.is_ok_and(|again| again == masked), "twice is not the same");
}

pub(crate) const SURFACES: [Surface; 8] = [
    Surface::Messages,
    Surface::MessageBatch,
    Surface::Chat,
    Surface::Responses,
    Surface::Completions,
    Surface::Inputs,
    Surface::Generate,
    Surface::Objects(Api::Google),
];
