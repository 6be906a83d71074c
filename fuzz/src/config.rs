//! The configuration's text.

use prxy::config::{Origin, Sources, Text};

pub(crate) fn configured(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let nowhere = Some("/nonexistent".into());
    let sources =
        Sources { config: None, listen: None, data_dir: nowhere, env: &|_| None, root: false };
    let origin = Origin::of(&sources);
    match origin.parse(&Text(Some(text.into_owned()))) {
        Err(errors) => assert!(!errors.to_string().is_empty()),
        Ok(config) => {
            let shown = config.summary().to_string();
            match origin.parse(&Text(Some(shown.clone()))) {
                Ok(again) => assert_eq!(again.summary().to_string(), shown),
                Err(errors) => panic!("{errors}\n{shown}"),
            }
        }
    }
}
