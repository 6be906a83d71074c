use super::*;
use crate::pipeline::semantic_cache::tables::LANGUAGES;

#[track_caller]
fn check(cases: &[(&str, &str, Result<(), Differs>)]) {
    let mut wrong = Vec::new();
    for (a, b, expected) in cases {
        let found =
            [same_question(a, b), same_question(b, a), same_question(a, a), same_question(b, b)];
        if found != [*expected, *expected, Ok(()), Ok(())] {
            wrong.push((a, b, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_said_around_a_question_does_not_change_it() {
    let expected = Ok(());
    check(&[
        ("How do I enable 2FA?", "how to turn on two-factor authentication", expected),
        (
            "How do I enable 2FA?",
            "Hello! Could you tell me how I can enable 2FA? Thanks!",
            expected,
        ),
        ("How do I find a file?", "How can I locate files?", expected),
        ("What’s a monad?", "Can you explain what a monad is?", expected),
        ("In Python, how do I sort a list?", "How do I sort a list in python?", expected),
        ("May I swim?", "may I swim", expected),
        ("How can i swim if I am cold?", "How can I swim if i am cold?", expected),
        ("Give me two reasons.", "Please give me 2 reasons", expected),
        ("Comment puis-je installer Git ?", "Comment installer Git ?", expected),
        ("¿Cómo puedo instalar Git?", "¿Cómo instalar Git?", expected),
        ("Ask <PERSON_3> about <PERSON_1>.", "Ask <PERSON_7> about <PERSON_2>.", expected),
    ]);
}

#[test]
fn what_can_change_the_answer_does() {
    use Differs::{Exact, Name, Order, Placeholder, Polarity, Question, Unreadable, Word};
    check(&[
        ("How do I enable 2FA?", "How do I disable 2FA?", Err(Polarity)),
        ("How do I turn 2FA on?", "How do I turn 2FA off?", Err(Polarity)),
        ("Why is it safe?", "Why isn't it safe?", Err(Polarity)),
        ("Why is it safe?", "Why is it unsafe?", Err(Polarity)),
        ("Warum geht es?", "Warum geht es nicht?", Err(Polarity)),
        ("How do I wait 5 s?", "How do I wait 50 s?", Err(Exact)),
        ("How do I wait 5 s?", "How do I wait 5 m?", Err(Word)),
        ("Is two more than one?", "Is three more than one?", Err(Exact)),
        ("What costs $5?", "What costs €5?", Err(Exact)),
        ("Is it open on Monday?", "Is it open on Sunday?", Err(Word)),
        ("What does `ls -a` do?", "What does `ls -A` do?", Err(Exact)),
        ("What does ls -a do?", "What does ls -l do?", Err(Exact)),
        ("What is C?", "What is C++?", Err(Exact)),
        ("What is 5!", "What is 5?", Err(Exact)),
        ("What is n!", "What is n?", Err(Exact)),
        ("How do I call save!", "How do I call save?", Err(Word)),
        ("Turkey in the world", "turkey in the world", Err(Name)),
        ("What is I in physics?", "What is i in physics?", Err(Name)),
        ("What is the unit of I?", "What is the unit of i?", Err(Name)),
        ("What is REST?", "What is rest?", Err(Name)),
        ("How do I solve a x = b?", "How do I solve x = b?", Err(Word)),
        ("Why is this bad?\nif x:\n  y\n  z", "Why is this bad?\nif x:\n  y\nz", Err(Exact)),
        ("How do banks make money?", "How do banks create money?", Err(Word)),
        ("How do I pick a lock?", "How do I choose a lock?", Err(Word)),
        ("In May, what is due?", "What is due in May?", Err(Word)),
        ("What is ++i in C?", "What is i++ in C?", Err(Exact)),
        ("Is a.b a path?", "Is a/b a path?", Err(Exact)),
        ("Who is Ann?", "Who is Anna?", Err(Name)),
        ("Does US law apply to us?", "Does us law apply to us?", Err(Name)),
        ("Is Turkey big?", "Is turkey big?", Err(Name)),
        ("How do I say \"yes\"?", "How do I say \"si\"?", Err(Exact)),
        ("How do I say 'yes' twice?", "How do I say 'si' twice?", Err(Exact)),
        ("How do I swim?", "Why do I swim?", Err(Question)),
        ("How do I swim?", "How can you swim?", Err(Question)),
        ("How do I look?", "How to look?", Err(Word)),
        ("Did Ann see Bob?", "Did Bob see Ann?", Err(Order)),
        ("How do I go from Rome to Bonn?", "How do I go from Bonn to Rome?", Err(Order)),
        ("A list of users in a group of files", "A list of files in a group of users", Err(Order)),
        ("Who left?", "Who is left?", Err(Word)),
        ("Who is paid?", "Who paid?", Err(Word)),
        ("What dog is eating?", "What is the dog eating?", Err(Word)),
        ("What is the mean?", "What is a mean?", Err(Word)),
        (
            "What is the difference between a and an?",
            "What is the difference between and?",
            Err(Word),
        ),
        ("Can I swim?", "Must I swim?", Err(Word)),
        ("Do I win?", "Did I win?", Err(Word)),
        ("Do all birds fly?", "Do some birds fly?", Err(Polarity)),
        ("Do few birds fly?", "Do a few birds fly?", Err(Word)),
        ("How do I undo the last commit?", "How do I undo the last commits?", Err(Word)),
        ("What are the terms of a lease?", "What is the term of a lease?", Err(Word)),
        ("How do I say thank you in French?", "How do I say in French?", Err(Word)),
        ("How do I say please?", "How do I say?", Err(Word)),
        ("Hello world in Rust", "World in Rust", Err(Name)),
        ("Tell me when it rains.", "When does it rain?", Err(Word)),
        ("Can you swim?", "Swim?", Err(Name)),
        ("How do I die?", "How do I?", Err(Name)),
        ("Ask <PERSON_1> about <PERSON_2>.", "Ask <PERSON_1> about <PERSON_1>.", Err(Placeholder)),
        ("Ask <PERSON_1> about <EMAIL_1>.", "Ask <EMAIL_1> about <PERSON_1>.", Err(Placeholder)),
        ("Ask <PERSON_1> now.", "Ask <PERSON_1_2> now.", Ok(())),
        ("Say \"Hi <PERSON_1>\" to <PERSON_1>.", "Say \"Hi <PERSON_2>\" to <PERSON_2>.", Ok(())),
        (
            "Say \"Hi <PERSON_1>\" to <PERSON_2>.",
            "Say \"Hi <PERSON_2>\" to <PERSON_2>.",
            Err(Placeholder),
        ),
        ("Is <PERSON_1> <PERSON_1_2>?", "Is <PERSON_1> <PERSON_2>?", Err(Placeholder)),
        ("Is <PERSON_1> <PERSON_1_2>?", "Is <PERSON_1> <PERSON_1>?", Err(Placeholder)),
        ("¿Es su papá?", "¿Es su papa?", Err(Word)),
        ("Wer hat den Hund gesehen?", "Wer hat der Hund gesehen?", Err(Word)),
    ]);
    assert_eq!(same_question("", ""), Err(Unreadable));
    assert_eq!(same_question("?", "?"), Err(Unreadable));
    let long = "word ".repeat(1000);
    assert_eq!(same_question(&long, &long), Err(Unreadable));
}

#[test]
fn opposites_are_never_the_same_in_any_language() {
    let mut pairs = 0;
    for language in LANGUAGES.iter() {
        for line in language.lines("opposite") {
            let (a, b) = line.split_once(' ').unwrap();
            let question = language.lines("howto")[0].split(" +").next().unwrap();
            for (before, after) in [(question, "it"), ("", ""), ("x y", "z")] {
                let (a, b) = (format!("{before} {a} {after}?"), format!("{before} {b} {after}?"));
                assert!(same_question(&a, &b).is_err(), "{a} | {b}");
            }
            pairs += 1;
        }
    }
    assert!(pairs > 150, "{pairs}");
}

#[test]
fn meanings_are_in_one_line_of_their_table_only() {
    for language in LANGUAGES.iter() {
        let phrases: Vec<&str> =
            language.lines("same").iter().flat_map(|line| line.split('|')).map(str::trim).collect();
        for (at, phrase) in phrases.iter().enumerate() {
            // A meaning of several words, such as `can not`, has many spellings.
            let twice = phrases[..at].contains(phrase) && !phrase.contains(' ');
            assert!(!twice, "{}: {phrase}", language.name);
        }
    }
}

#[test]
fn no_word_of_a_question_can_be_left_out_but_the_harmless_ones() {
    let harmless = [
        "a", "an", "the", "do", "does", "please", "please?", "please.", "can", "you", "could",
        "tell", "me", "explain", "hi,", "thanks!", "i", "to", "how", "what", "is", "are",
    ];
    let mut left_out = 0;
    let blocks = include_str!("../../../../tests/corpus/semantic/dev.txt").split("\n\n");
    let english = blocks.filter(|block| block.starts_with("[en "));
    for line in english.flat_map(str::lines) {
        let Some(question) = line.strip_prefix("= ").or(line.strip_prefix("! ")) else { continue };
        let words: Vec<&str> = question.split(' ').collect();
        for at in 0..words.len() {
            if harmless.contains(&words[at].to_lowercase().as_str()) {
                continue;
            }
            let less = [&words[..at], &words[at + 1..]].concat().join(" ");
            match same_question(question, &less) {
                Err(_) => left_out += 1,
                Ok(()) => panic!("{question} | {less}"),
            }
        }
    }
    assert!(left_out > 1000, "{left_out}");
}

#[test]
fn equal_readings_have_equal_forms_and_no_text_breaks_the_reader() {
    let texts = [
        "",
        "`",
        "``",
        "```",
        "```a```",
        "\"",
        "'",
        "''",
        "<",
        "<PERSON_1",
        "...",
        "(((",
        "a'b'c",
        "\u{1}",
        "é",
        "¿",
        "`x` 'y' \"z\" <A_1><A_1>",
        "hi,",
        "please",
        "how do i",
        "what is",
        "in a, how do i",
        "a",
        "the",
        "s",
        "how do I 'x",
        "\n\n",
        "x\ny",
        "how to x?!",
        "ﬁ ǅ ß İ",
        "why is",
        "why be x is",
        "ies xies",
        "can you please",
    ];
    for a in texts {
        for b in texts {
            let (a, b) = (Reading::of(a), Reading::of(b));
            if let (Some(a), Some(b)) = (a, b) {
                assert_eq!(a.form() == b.form(), a.same(&b).is_ok());
            }
        }
    }
}
