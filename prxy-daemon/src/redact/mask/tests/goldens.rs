//! Whole requests, file by file: `name.in.json` becomes `name.out.json`.

use super::{Memory, masker};
use crate::provider::Surface;

#[test]
fn whole_requests_are_masked_as_the_golden_files_say() {
    let cases = [
        (
            Surface::Messages,
            include_str!("goldens/anthropic.in.json"),
            include_str!("goldens/anthropic.out.json"),
        ),
        (
            Surface::Chat,
            include_str!("goldens/openai.in.json"),
            include_str!("goldens/openai.out.json"),
        ),
    ];
    for (surface, input, output) in cases {
        let masked = masker().request(surface, input.as_bytes(), &Memory::default()).unwrap();
        let sent = String::from_utf8(masked.body.unwrap()).unwrap();
        for (sent, wanted) in sent.lines().zip(output.lines()) {
            assert_eq!(sent, wanted);
        }
        assert_eq!(sent, output);
        masker().check(sent.as_bytes()).unwrap();
    }
}
