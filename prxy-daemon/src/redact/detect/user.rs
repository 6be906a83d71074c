//! Names of accounts: home directories, and what follows `username:`.

use std::ops::Range;

use super::{Detector, Trigger, text};
use crate::redact::Action;

pub(super) const HOME: Detector = Detector {
    name: "home-directory",
    label: "USERNAME",
    action: Action::Mask,
    shape: "the name in /home/NAME, /Users/NAME, C:\\Users\\NAME",
    validator: "no account of a system or an image, no variable, no path of a web site",
    score: 72,
    trigger: Trigger::Literals(&["/home/", "/Users/", "\\Users\\"]),
    find: home,
    positives: &[
        "cd /home/⟦mkowalski⟧/src",
        "\"/Users/⟦jane.doe⟧/Library\"",
        "C:\\Users\\⟦jdoe42⟧\\Desktop",
        "C:\\\\Users\\\\⟦jdoe42⟧\\\\Desktop",
        "file:///home/⟦mkowalski⟧/x",
        "/home/⟦mkowalski⟧",
        "/mnt/c/Users/⟦mkowalski⟧/x",
    ],
    look_alikes: &[
        "/home/ubuntu/x",
        "/home/runner/work",
        "/home/$USER/x",
        "/home/{user}/x",
        "/Users/Shared/x",
        "/home/user/project",
        "https://example.com/home/products",
        "/api/Users/12345",
        "/home/node/app",
        "C:\\Users\\Public\\x",
        "/home/<name>/x",
        "/home/linuxbrew/.linuxbrew",
    ],
};

pub(super) const USERNAME: Detector = Detector {
    name: "username",
    label: "USERNAME",
    action: Action::Mask,
    shape: "3 to 32 letters, digits, dots, dashes after `username:`, `user=`, `login:` and the like",
    validator: "no account of a system, no variable, no call; after `user` and `login` it is quoted or has more than letters",
    score: 60,
    trigger: Trigger::Words(&[
        "username",
        "user_name",
        "user name",
        "login",
        "user=",
        "user:",
        "user\"",
        "benutzername",
        "nutzername",
        "anmeldename",
        "utilisateur",
        "usuario",
        "usuário",
        "gebruikersnaam",
        "nome utente",
        "użytkownika",
        "用户名",
        "userid",
        "user_id",
    ]),
    find: named,
    positives: &[
        "username: ⟦mkowalski⟧",
        "Username: ⟦jane.doe⟧",
        "\"username\": \"⟦mkowalski⟧\",",
        "user=⟦mkowalski7⟧ action=login",
        "username: ⟦mkowalski⟧ shell: zsh",
        "login: ⟦m.kowalski⟧",
        "{\"user\": \"⟦mkowalski⟧\"}",
        "Benutzername: ⟦hmueller⟧",
        "nom d'utilisateur : ⟦jdupont⟧",
        "nombre de usuario: ⟦pgarcia⟧",
        "nome utente: ⟦mrossi⟧",
        "gebruikersnaam: ⟦jdevries⟧",
        "用户名：⟦zhangwei88⟧",
        "USERNAME=⟦mkowalski⟧",
        "userName: '⟦mkowalski⟧'",
        "my username is ⟦mkowalski⟧.",
    ],
    look_alikes: &[
        "username: string",
        "username = request.form['username']",
        "username: root",
        "user: postgres",
        "user=admin",
        "user: I need help with this",
        "login: see below",
        "\"user\": {\"id\": 1}",
        "\"role\": \"user\", \"content\"",
        "username is required",
        "username: ${USER}",
        "username: <name>",
        "username=$1",
        "let username = String::new();",
        "username: str",
        "login failed",
        "user: 1000",
        "USERNAME=os.environ",
        "Username: your-username",
        "username: &str,",
    ],
};

fn home(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let before = at.start.checked_sub(1).map(|i| bytes[i]);
    let drive = bytes[at.start] == b'\\' || bytes[..at.start].ends_with(b"/c");
    if !drive
        && before
            .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'}'))
    {
        return None;
    }
    let start = at.end + usize::from(bytes[at.end..].starts_with(b"\\"));
    let end = text::run_end(bytes, start, 40, |b| is_name(b) || b >= 0x80);
    let end = trimmed(bytes, start, end);
    let behind = bytes.get(end).copied().unwrap_or(b'\n');
    let open = matches!(behind, b'$' | b'{' | b'<' | b'*' | b'(' | b'%');
    (!open && is_account(&bytes[start..end])).then_some(start..end)
}

fn named(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let name = &bytes[at.clone()];
    // The literal itself may end with the mark.
    let mut i =
        if matches!(name[name.len() - 1], b'=' | b':' | b'"') { at.end - 1 } else { at.end };
    let weak = matches!(name[name.len() - 1], b'=' | b':' | b'"')
        || name.eq_ignore_ascii_case(b"login")
        || name.ends_with(b"id");
    // What leads from the name to the value: `": "`, ` is `, `=`, `：`.
    let lead = i;
    i = text::run_end(bytes, i, 4, |b| matches!(b, b'"' | b'\'' | b'\\' | b' '));
    if bytes[i..].starts_with(b"is ") && i > lead {
        i += 3;
    } else {
        i += match bytes.get(i..)? {
            [b':' | b'=', ..] => 1,
            [0xEF, 0xBC, 0x9A, ..] => 3,
            _ => return None,
        };
    }
    let quotes = i;
    i = text::run_end(bytes, i, 4, |b| matches!(b, b'"' | b'\'' | b'\\' | b' ' | b'@' | b'`'));
    let quoted = bytes[quotes..i].iter().any(|b| matches!(b, b'"' | b'\'' | b'`'));
    let end = text::run_end(bytes, i, 40, is_name);
    let end = trimmed(bytes, i, end);
    let value = &bytes[i..end];
    let behind = bytes.get(end).copied().unwrap_or(b'\n');
    let closed = match behind {
        b'"' | b'\'' | b'`' | b'\\' => true,
        b'(' | b'[' | b'{' | b'<' | b'$' | b':' | b'@' | b'/' => false,
        // `username is required`, `user: I need help`: a sentence goes on.
        b' ' => {
            let next = bytes.get(end + 1).copied().unwrap_or(b'\n');
            let word = text::run_end(bytes, end + 1, 16, |b| b.is_ascii_alphabetic() || b == b'_');
            let field = matches!(bytes.get(word), Some(b':' | b'=')) && word > end + 1;
            let is = bytes[lead..quotes].ends_with(b"is ");
            field && !is
                || !is && !weak && !next.is_ascii_lowercase()
                || value.iter().any(u8::is_ascii_digit)
        }
        b if b >= 0x80 => true,
        _ => {
            behind.is_ascii_whitespace()
                || matches!(behind, b',' | b'.' | b';' | b')' | b'&' | b'|' | b'}')
        }
    };
    let telling = quoted
        || !weak
        || value.iter().any(|b| b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
    let code = !quoted
        && (value.contains(&b'.') && matches!(bytes[quotes - 1], b'=')
            || value.first().is_some_and(u8::is_ascii_uppercase) && behind == b':');
    (closed && telling && !code && is_account(value)).then_some(i..end)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// `end` without the marks that close a sentence.
fn trimmed(bytes: &[u8], start: usize, end: usize) -> usize {
    end - bytes[start..end].iter().rev().take_while(|b| matches!(b, b'.' | b'-' | b'_')).count()
}

/// Whether somebody may be called `name`.
fn is_account(name: &[u8]) -> bool {
    let lower = name.to_ascii_lowercase();
    (3..=32).contains(&name.len())
        && name[0].is_ascii_alphanumeric()
        && name.iter().any(u8::is_ascii_alphabetic)
        && !SYSTEM.contains(&&*lower)
        && ![&b"your"[..], b"my-", b"my_", b"example", b"test", b"xxx", b"user", b"name", b"foo"]
            .iter()
            .any(|start| lower.starts_with(start))
}

/// Accounts of systems, images and examples, and words that code writes there.
const SYSTEM: &[&[u8]] = &[
    b"root",
    b"admin",
    b"administrator",
    b"ubuntu",
    b"debian",
    b"centos",
    b"fedora",
    b"www-data",
    b"nobody",
    b"daemon",
    b"postgres",
    b"mysql",
    b"redis",
    b"nginx",
    b"runner",
    b"node",
    b"app",
    b"git",
    b"circleci",
    b"vscode",
    b"ec2-user",
    b"vagrant",
    b"docker",
    b"jenkins",
    b"pi",
    b"linuxbrew",
    b"shared",
    b"public",
    b"default",
    b"guest",
    b"service",
    b"system",
    b"sys",
    b"local",
    b"home",
    b"me",
    b"you",
    b"someone",
    b"somebody",
    b"anonymous",
    b"null",
    b"none",
    b"true",
    b"false",
    b"undefined",
    b"string",
    b"str",
    b"text",
    b"int",
    b"number",
    b"object",
    b"optional",
    b"option",
    b"required",
    b"any",
    b"varchar",
    b"self",
    b"this",
    b"request",
    b"req",
    b"args",
    b"input",
    b"env",
    b"config",
    b"params",
    b"data",
    b"value",
    b"field",
    b"get",
    b"set",
    b"let",
    b"const",
    b"var",
    b"new",
    b"see",
    b"the",
    b"not",
    b"and",
    b"for",
    b"with",
    b"assistant",
    b"oracle",
    b"sa",
    b"dbo",
    b"steam",
    b"coder",
    b"dev",
    b"developer",
    b"work",
    b"workspace",
    b"workspaces",
    b"jovyan",
    b"airflow",
    b"deploy",
    b"builder",
    b"build",
    b"ansible",
    b"hadoop",
    b"elastic",
    b"elasticsearch",
    b"kafka",
    b"rabbitmq",
    b"mongodb",
    b"mongo",
    b"tomcat",
    b"apache",
    b"bin",
    b"ftp",
    b"mail",
    b"sync",
    b"operator",
    b"travis",
    b"gitpod",
    b"codespace",
    b"container",
    b"appuser",
    b"nonroot",
    b"backup",
    b"demo",
    b"alluser",
    b"allusers",
    b"all",
    b"public-user",
    b"products",
    b"page",
    b"index",
    b"failed",
    b"page.tsx",
];
