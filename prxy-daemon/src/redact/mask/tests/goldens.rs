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
        (
            Surface::MessageBatch,
            include_str!("goldens/batch.in.json"),
            include_str!("goldens/batch.out.json"),
        ),
        (
            Surface::Responses,
            include_str!("goldens/responses.in.json"),
            include_str!("goldens/responses.out.json"),
        ),
        (
            Surface::Generate,
            include_str!("goldens/google.in.json"),
            include_str!("goldens/google.out.json"),
        ),
        (
            Surface::Generate,
            include_str!("goldens/google_embed.in.json"),
            include_str!("goldens/google_embed.out.json"),
        ),
        (
            Surface::Completions,
            include_str!("goldens/completions.in.json"),
            include_str!("goldens/completions.out.json"),
        ),
        (
            Surface::Inputs,
            include_str!("goldens/embeddings.in.json"),
            include_str!("goldens/embeddings.out.json"),
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
        // The broker's look knows the shape, and so what stands in base64.
        crate::json::walk(sent.as_bytes(), &mut masker().checker(surface, sent.as_bytes()))
            .unwrap();
        crate::json::walk(input.as_bytes(), &mut masker().checker(surface, input.as_bytes()))
            .unwrap_err();
    }
}
