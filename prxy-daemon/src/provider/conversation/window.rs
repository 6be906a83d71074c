//! How many tokens a model reads at most, as far as it is known.

/// Models, and the tokens of prompt and answer together; the first line that fits counts.
///
/// Left is how a name begins, without what stands before its last `/`. From the providers' model
/// pages. Where a larger window must be asked for, the one that is always there stands here.
const WINDOWS: &[(&str, u64)] = &[
    ("claude-instant", 100_000),
    ("claude-2.0", 100_000),
    ("claude-", 200_000),
    ("gpt-5-chat", 128_000),
    ("gpt-5", 400_000),
    ("gpt-4.1", 1_047_576),
    ("gpt-4.5", 128_000),
    ("gpt-4o", 128_000),
    ("chatgpt-4o", 128_000),
    ("gpt-4-turbo", 128_000),
    ("gpt-4-1106", 128_000),
    ("gpt-4-0125", 128_000),
    ("gpt-4-32k", 32_768),
    ("gpt-4", 8_192),
    ("gpt-3.5-turbo-instruct", 4_096),
    ("gpt-3.5", 16_385),
    ("gpt-oss", 131_072),
    ("codex-mini", 200_000),
    ("o1-mini", 128_000),
    ("o1-preview", 128_000),
    ("o1", 200_000),
    ("o3", 200_000),
    ("o4", 200_000),
    ("gemini-2.5-flash-image", 32_768),
    ("gemini-1.0", 32_768),
    ("gemini-1.5-pro", 2_097_152),
    ("gemini-", 1_048_576),
    ("gemma2", 8_192),
    ("gemma-2", 8_192),
    ("gemma-3", 131_072),
    ("llama3-", 8_192),
    ("llama-3", 131_072),
    ("llama-4", 131_072),
    ("mixtral-8x7b", 32_768),
    ("qwen3", 131_072),
    ("kimi-k2", 131_072),
    ("deepseek-r1-distill", 131_072),
];

/// The window of a model; `None` where it is not known.
pub fn of(model: &str) -> Option<u64> {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let name = name.strip_prefix("ft:").unwrap_or(&name);
    WINDOWS.iter().find(|(family, _)| name.starts_with(family)).map(|(_, tokens)| *tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_the_window_of_its_nearest_family() {
        for (model, tokens) in [
            ("claude-sonnet-4-5-20250929", Some(200_000)),
            ("gpt-4o-mini", Some(128_000)),
            ("gpt-4-0613", Some(8_192)),
            ("gpt-4-turbo-2024-04-09", Some(128_000)),
            ("ft:gpt-4o-2024-08-06:acme::x", Some(128_000)),
            ("o3-mini", Some(200_000)),
            ("meta-llama/llama-4-scout-17b", Some(131_072)),
            ("Llama-3.3-70b-versatile", Some(131_072)),
            ("gemini-2.5-flash", Some(1_048_576)),
            ("my-own", None),
            ("", None),
        ] {
            assert_eq!(of(model), tokens, "{model}");
        }
    }
}
