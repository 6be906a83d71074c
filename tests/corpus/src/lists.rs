//! The lists and templates in `data/` and `templates/`, cut into two halves.
//!
//! Items of a list take turns between `dev` and `held-out`, and so do templates: no name, street, number format
//! or template of one half appears in the other.

use std::collections::BTreeMap;

use crate::Half;

/// The values of one language.
pub(crate) struct Lists {
    pub(crate) lang: &'static str,
    sections: BTreeMap<&'static str, Vec<&'static str>>,
}

/// A text with slots.
pub(crate) struct Template {
    pub(crate) name: &'static str,
    /// The language of the sentences; `any` takes values of every language.
    pub(crate) lang: &'static str,
    pub(crate) format: &'static str,
    pub(crate) half: Half,
    pub(crate) body: &'static str,
}

impl Lists {
    fn parse(lang: &'static str, text: &'static str) -> Self {
        let mut sections: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let (mut section, mut commas) = ("", false);
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(head) = line.strip_prefix(":: ") {
                commas = head.ends_with(',');
                section = head.trim_end_matches([',', ' ']);
            } else if commas {
                let items = line.split(',').map(str::trim).filter(|item| !item.is_empty());
                sections.entry(section).or_default().extend(items);
            } else {
                sections.entry(section).or_default().push(line);
            }
        }
        Self { lang, sections }
    }

    /// The items of this half; a section that is missing has none.
    pub(crate) fn half(&self, section: &str, half: Half) -> Vec<&'static str> {
        let all = self.sections.get(section).map(Vec::as_slice).unwrap_or_default();
        all.iter().skip(half as usize).step_by(2).copied().collect()
    }

    /// All items, for lists that are the same for everybody, such as the months.
    pub(crate) fn all(&self, section: &str) -> &[&'static str] {
        self.sections.get(section).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The lists of every language.
pub(crate) fn languages() -> Vec<Lists> {
    DATA.iter().map(|(lang, text)| Lists::parse(lang, text)).collect()
}

/// All templates. A header is `=== NAME FORMAT`; headers of one file take turns between the halves.
pub(crate) fn templates() -> Vec<Template> {
    let mut all = Vec::new();
    for (file, (lang, text)) in TEMPLATES.iter().enumerate() {
        for (i, part) in text.split("=== ").skip(1).enumerate() {
            let (head, body) = part.split_once('\n').unwrap_or((part, ""));
            let (name, format) = head.split_once(' ').unwrap_or((head, "text"));
            // Templates stand in pairs; which half gets the first one changes from file to file.
            let half = if (i + file) % 2 == 0 { Half::Dev } else { Half::HeldOut };
            let body = body.strip_suffix('\n').unwrap_or(body);
            all.push(Template { name, lang, format, half, body });
        }
    }
    all
}

const DATA: &[(&str, &str)] = &[
    ("en", include_str!("../data/en.txt")),
    ("de", include_str!("../data/de.txt")),
    ("fr", include_str!("../data/fr.txt")),
    ("es", include_str!("../data/es.txt")),
    ("it", include_str!("../data/it.txt")),
    ("nl", include_str!("../data/nl.txt")),
    ("pl", include_str!("../data/pl.txt")),
    ("pt", include_str!("../data/pt.txt")),
    ("zh", include_str!("../data/zh.txt")),
];
const TEMPLATES: &[(&str, &str)] = &[
    ("en", include_str!("../templates/en.txt")),
    ("de", include_str!("../templates/de.txt")),
    ("fr", include_str!("../templates/fr.txt")),
    ("es", include_str!("../templates/es.txt")),
    ("it", include_str!("../templates/it.txt")),
    ("nl", include_str!("../templates/nl.txt")),
    ("pl", include_str!("../templates/pl.txt")),
    ("pt", include_str!("../templates/pt.txt")),
    ("zh", include_str!("../templates/zh.txt")),
    ("any", include_str!("../templates/any.txt")),
    ("none", include_str!("../templates/none.txt")),
];
