//! Accounts that nothing but their place names: in commands, in lines of web servers, in sentences.
//!
//! Not for `username:` and home directories: those are `user`.

use std::ops::Range;

use super::lexicon::{FAMILY, GIVEN, word};
use super::user::{USERNAME, account_end, is_account, is_name, is_somebodys};
use super::{Detector, Trigger, text};

/// Accounts in the lines of web servers: `host ident NAME [date] "GET …`.
pub(super) const LOGGED: Detector = Detector {
    name: "web-log-user",
    shape: "the third field of a line of the common log format",
    validator: "a date in brackets and a method behind it; not `-`, no account of a system",
    score: 70,
    trigger: Trigger::Literals(&[
        "] \"GET ",
        "] \"POST ",
        "] \"PUT ",
        "] \"DELETE ",
        "] \"HEAD ",
        "] \"PATCH ",
        "] \"OPTIONS ",
        "] \\\"GET ",
        "] \\\"POST ",
    ]),
    find: |text, at| {
        let bytes = text.as_bytes();
        let from = at.start.saturating_sub(40);
        let open = from + memchr::memrchr(b'[', &bytes[from..at.start])?;
        let end = open.checked_sub(1).filter(|end| bytes[*end] == b' ')?;
        let window = &bytes[end.saturating_sub(40)..end];
        let start = end - window.iter().rev().take_while(|b| is_name(**b)).count();
        let field = start > 1 && bytes[start - 1] == b' ' && bytes[start - 2] != b' ';
        let dated = bytes[open..at.start].contains(&b':') && bytes[open + 1].is_ascii_digit();
        (field && dated && is_account(&bytes[start..end])).then_some(start..end)
    },
    positives: &[
        "10.0.0.9 - ⟦hwaters⟧ [01/Mar/2026:12:00:01 +0000] \"POST /api/orders HTTP/1.1\" 201 5",
        "10.0.0.9 - ⟦h.waters⟧ [01/Mar/2026:12:00:01 +0000] \"GET / HTTP/1.1\" 200 12 \"-\" \"curl\"",
    ],
    look_alikes: &[
        "10.0.0.9 - - [01/Mar/2026:12:00:01 +0000] \"GET / HTTP/1.1\" 200 12",
        "10.0.0.9 - admin [01/Mar/2026:12:00:01 +0000] \"GET / HTTP/1.1\" 200 12",
        "the worker [pid 12] \"GET /x\"",
    ],
    ..USERNAME
};

/// Accounts that commands are given.
pub(super) const COMMAND: Detector = Detector {
    name: "command-user",
    shape: "the account in `ssh NAME@host`, `mysql -u NAME`, `sudo -u NAME`, `su - NAME`",
    validator: "such a command on the line; no account of a system, no variable",
    score: 68,
    trigger: Trigger::Literals(&[
        "ssh ", "scp ", "sftp ", "rsync ", " -u", " -U ", " --user", " -l ", "su - ", "chown ",
    ]),
    find: command,
    positives: &[
        "ssh ⟦oreilly⟧@build07 'tail -n 50 x'",
        "scp x.tgz ⟦jdoe⟧@build07:/srv",
        "mysql -u ⟦oreilly⟧ -p inventory",
        "psql -h db -U ⟦mkowalski⟧ shop",
        "mysqldump --user=⟦mkowalski⟧ shop",
        "ssh -l ⟦jdoe42⟧ build07",
        "sudo -u ⟦mkowalski⟧ ls",
        "su - ⟦mkowalski⟧",
        "chown -R ⟦mkowalski⟧:staff /srv",
    ],
    look_alikes: &[
        "ssh root@build07",
        "ssh -i key.pem ec2-user@build07",
        "ssh keys are read @startup",
        "openssh is @2",
        "mysql -u root -p shop",
        "psql -U postgres shop",
        "mysql -u $DB_USER shop",
        "git push -u origin main",
        "sort -u names.txt",
        "pip install --user requests",
        "systemctl --user status foo",
        "ls -l target",
        "docker run -u node app",
        "chown www-data:www-data /srv",
        "sudo -u www-data php x",
        "su - postgres",
    ],
    ..USERNAME
};

fn command(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let literal = &text[at.clone()];
    if literal.starts_with(' ') {
        let window = &bytes[at.start.saturating_sub(120)..at.start];
        let line = window.rsplit(|b| matches!(b, b'\n' | b'|' | b';' | b'&')).next()?;
        let commands = match literal {
            " -l " => &["ssh"][..],
            " -U " => &["psql", "pg_", "smbclient"],
            _ => &["mysql", "mariadb", "sudo", "crontab", "createuser"],
        };
        if !super::sample::says(line, commands) {
            return None;
        }
    } else if !text::word_start(bytes, at.start) {
        return None;
    }
    let mut start = at.end;
    match literal {
        "ssh " | "scp " | "sftp " | "rsync " => {
            let end = text::run_end(bytes, start, 120, |b| b != b'\n' && b != b'@');
            let host = bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric);
            let named = bytes[start..end].iter().rev().take_while(|b| is_name(**b)).count();
            let open =
                bytes[end - named - 1].is_ascii_whitespace() || bytes[end - named - 1] == b'\'';
            let fits = bytes.get(end) == Some(&b'@') && host && open;
            return (fits && is_account(&bytes[end - named..end])).then_some(end - named..end);
        }
        " --user" => start += usize::from(bytes[start..].starts_with(b"name")) * 4,
        "chown " => start += usize::from(bytes[start..].starts_with(b"-R ")) * 3,
        _ => {}
    }
    if literal.starts_with(" --") {
        start = text::run_end(bytes, start, 1, |b| b == b'=' || b == b' ');
    }
    start = text::run_end(bytes, start, 2, |b| matches!(b, b' ' | b'"' | b'\''));
    let end = account_end(bytes, start);
    let name = &bytes[start..end];
    let behind = bytes.get(end).copied().unwrap_or(b'\n');
    let fits = match literal {
        "chown " => behind == b':' || behind == b' ',
        _ => behind.is_ascii_whitespace() || b"\"'`:,.;)\\".contains(&behind),
    };
    (fits && is_account(name)).then_some(start..end)
}

/// Accounts that a sentence names.
pub(super) const MENTIONED: Detector = Detector {
    name: "mentioned-user",
    shape: "the word behind `user`, `Benutzer`, `gebruiker`, `usuario` and the like",
    validator: "made of somebody's name, as `jkowalski` and `mfarouk3` are; any account in `user 'NAME'@`",
    score: 61,
    trigger: Trigger::Words(&[
        "user ",
        "benutzer ",
        "gebruiker ",
        "usuario ",
        "utilisateur ",
        "utente ",
        "usuário ",
        "account ",
        "użytkownik ",
    ]),
    find: |text, at| {
        let bytes = text.as_bytes();
        let quote = bytes.get(at.end).copied().filter(|b| b"'\"`".contains(b));
        let start = at.end + usize::from(quote.is_some());
        let end = account_end(bytes, start);
        let name = &bytes[start..end];
        let host = quote.is_some()
            && bytes.get(end).copied() == quote
            && bytes.get(end + 1) == Some(&b'@');
        let behind = bytes.get(end).copied().unwrap_or(b' ');
        let alone = matches!(behind, b' ' | b'\n' | b'.' | b',' | b')' | b';' | b'!' | b'?')
            || Some(behind) == quote;
        // `user anna` names a person, if anybody.
        let plain = word(name, 0).is_some_and(|w| w.end == name.len() && w.is(FAMILY | GIVEN));
        // `for this user alone`: in a short word a name is there by chance.
        let long = name.len() > 5 || name.ends_with(b"doe");
        (is_account(name) && alone && (host || long && is_somebodys(name) && !plain))
            .then_some(start..end)
    },
    positives: &[
        "Gebruiker ⟦jdeboer⟧ kan niet inloggen",
        "please log in as user ⟦jdoe⟧.",
        "user ⟦mfarouk3⟧ cannot log in",
        "Access denied for user '⟦shopkeep⟧'@'localhost' (using password: YES)",
        "Der Benutzer ⟦hmueller⟧ ist gesperrt",
    ],
    look_alikes: &[
        "the user can see it",
        "for this user alone.",
        "a user story and user input",
        "user stories, user profile1",
        "Access denied for user 'root'@'localhost'",
        "account manager",
        "the user may log out",
        "un usuario nuevo",
    ],
    ..USERNAME
};
