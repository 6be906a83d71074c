//! Names of accounts: home directories, and what follows `username:`.
//!
//! Not for accounts in commands, web logs and sentences: those are `account`.

use std::ops::Range;

use super::lexicon::{FAMILY, GIVEN, ORDINARY, PLACE, word};
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
        "user id",
        "identifiant",
        "account name",
        "gebruiker:",
        "benutzer:",
        "handle:",
        "utente:",
        "账号",
        "帐号",
        "登录名",
        "uid ",
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
        "login ok user=⟦jkowalski⟧ ip=10.0.0.4",
        "login ok user=⟦mfairweather⟧ ip=10.0.0.4",
        "user: str = \"⟦svc_reports⟧\"",
        "user=⟦mthornbury⟧ attempts=3",
        "his login is ⟦skulk⟧ and he",
        "mi usuario es ⟦pmontero⟧ y mi correo",
        "mój login to ⟦mwrobel⟧, hasło",
        "mein Benutzername lautet ⟦hmueller⟧.",
        "Utente: ⟦gferri⟧\nEmail",
        "账号：⟦zhaomin88⟧",
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
        "my login is broken and slow",
        "my login to github works",
        "mein Login ist gesperrt",
        "mi usuario es correcto y válido",
        "the username is missing here",
        "user: 1000",
        "USERNAME=os.environ",
        "Username: your-username",
        "user=scheduler ip=10.0.0.4",
        "user=value",
        "username: &str,",
        "username: env.CI_REGISTRY_USER",
        "username: forceAuth.username,",
        "user: ctx.session.user_id",
        "login: resp.url",
        "login ok user=scheduler ip=10.0.0.4",
        "user: str = \"admin\"",
    ],
};

/// Accounts in what a system writes of its logins.
pub(super) const SESSION: Detector = Detector {
    name: "login-session",
    shape: "the account in the lines of `sshd`, `sudo` and `su`",
    validator: "no account of a system",
    trigger: Trigger::Literals(&[
        "Accepted publickey for ",
        "Accepted password for ",
        "Failed password for ",
        "Failed publickey for ",
        "invalid user ",
        "Invalid user ",
        " for user ",
        "authenticating user ",
        "log in as ",
        "logged in as ",
        "login as ",
        " as user ",
        " sudo: ",
        "; USER=",
        "su: (to ",
    ]),
    find: session,
    positives: &[
        "sshd[2211]: Accepted publickey for ⟦dbrennan⟧ from 192.168.1.20 port 50122 ssh2",
        "Failed password for invalid user ⟦oracle9⟧ from 10.0.0.1",
        "web01 sudo: ⟦dbrennan⟧ : TTY=pts/0 ; PWD=/srv ; USER=root ;",
        "pam_unix(sshd:session): session opened for user ⟦dbrennan⟧ by (uid=0)",
    ],
    look_alikes: &[
        "Accepted password for root from 10.0.0.1",
        "the settings for user accounts",
        "web01 sudo: pam_unix(sudo:auth): failed",
        "options for user input and more",
        "logged in as Node.js",
        "logged in as this.accountName",
    ],
    ..USERNAME
};

/// The account behind one of the literals of [`SESSION`].
fn session(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let start = at.end;
    let end = account_end(bytes, start);
    if bytes[start..end].starts_with(b"invalid") {
        return None;
    }
    let rest = &bytes[end..];
    let literal = &bytes[at.clone()];
    let fits = if literal.ends_with(b"for user ") {
        [b" by ".as_slice(), b"(", b" from ", b"\n"].iter().any(|behind| rest.starts_with(behind))
            || rest.is_empty() && bytes[..at.start].ends_with(b"d")
    } else if literal.ends_with(b" as ") || literal.ends_with(b" as user ") {
        let name = &bytes[start..end];
        is_somebody(name)
            || !name.iter().all(u8::is_ascii_alphabetic)
                && name.iter().filter(|b| b.is_ascii_lowercase()).count() > 2
    } else if literal.ends_with(b"sudo: ") {
        rest.starts_with(b" : ")
    } else {
        rest.first().is_none_or(|b| matches!(b, b' ' | b'\n' | b')' | b';'))
    };
    let value = &bytes[start..end];
    // `Node.js`
    let file = [&b".js"[..], b".ts", b".py", b".rs", b".net", b".json", b".md"]
        .iter()
        .any(|ending| value.ends_with(ending));
    (fits && is_account(value) && !is_member(value) && !file).then_some(start..end)
}

/// Whether dots join the members of something in code: `resp.url`.
fn is_member(value: &[u8]) -> bool {
    const OBJECTS: &[&[u8]] = &[
        b"env",
        b"process",
        b"secrets",
        b"vars",
        b"this",
        b"self",
        b"req",
        b"res",
        b"resp",
        b"request",
        b"response",
        b"ctx",
        b"context",
        b"config",
        b"conf",
        b"cfg",
        b"settings",
        b"options",
        b"opts",
        b"params",
        b"props",
        b"state",
        b"session",
        b"args",
        b"event",
        b"body",
        b"data",
        b"result",
        b"auth",
        b"user",
        b"account",
        b"os",
        b"sys",
        b"window",
        b"document",
    ];
    const MEMBERS: &[&[u8]] = &[
        b"username",
        b"user",
        b"name",
        b"login",
        b"url",
        b"id",
        b"email",
        b"value",
        b"text",
        b"data",
        b"handle",
        b"account",
    ];
    let camel = |part: &[u8]| {
        part.windows(2).any(|two| two[0].is_ascii_lowercase() && two[1].is_ascii_uppercase())
            || part.contains(&b'_') && part.iter().any(u8::is_ascii_uppercase)
    };
    let known = |list: &[&[u8]], part: &[u8]| list.iter().any(|w| part.eq_ignore_ascii_case(w));
    let mut parts = value.split(|b| *b == b'.');
    let (Some(first), Some(last)) = (parts.next(), parts.next_back()) else { return false };
    known(OBJECTS, first)
        || known(MEMBERS, last)
        || last.ends_with(b"_id")
        || value.split(|b| *b == b'.').any(camel)
}

/// Whether a line of a log that speaks of a login names an account that no service has.
fn logs_in(bytes: &[u8], at: usize, value: &[u8]) -> bool {
    const WORDS: &[&str] = &["login", "logged", "logon", "signin", "auth", "session", "ssh"];
    const TAILS: &[&[u8]] = &[
        b"svc",
        b"bot",
        b"job",
        b"service",
        b"system",
        b"admin",
        b"api",
        b"ctl",
        b"db",
        b"web",
        b"test",
        b"user",
        b"scheduler",
        b"worker",
        b"manager",
        b"runner",
        b"server",
        b"controller",
        b"crawler",
        b"loader",
        b"builder",
        b"monitor",
        b"operator",
        b"listener",
        b"handler",
        b"ing",
        b"ion",
    ];
    value.iter().all(u8::is_ascii_lowercase)
        && (7..20).contains(&value.len())
        && word(value, 0).is_some_and(|word| word.class == 0)
        && !TAILS.iter().any(|tail| value.ends_with(tail))
        && text::said_before(bytes, at, 32, WORDS)
}

/// Whether another `key=value` follows on the line, as in a log.
fn logged(bytes: &[u8], end: usize) -> bool {
    if bytes.get(end) != Some(&b' ') {
        return false;
    }
    let key = text::run_end(bytes, end + 1, 16, |b| b.is_ascii_alphabetic() || b == b'_');
    key > end + 1 && bytes.get(key) == Some(&b'=')
}

/// Whether letters are no word that is known, nor end like what runs a service.
fn is_unknown(value: &[u8]) -> bool {
    const TAILS: &[&[u8]] = &[
        b"er", b"or", b"svc", b"bot", b"job", b"service", b"system", b"admin", b"ing", b"user",
        b"api", b"ctl", b"db", b"web", b"test", b"us", b"ion",
    ];
    value.iter().all(u8::is_ascii_lowercase)
        && (6..20).contains(&value.len())
        && word(value, 0).is_some_and(|word| word.class == 0)
        && !TAILS.iter().any(|tail| value.ends_with(tail))
}

/// Whether an account in letters alone is made of somebody's name: `jkowalski`, `anna`, `jdeboer`.
fn is_somebody(value: &[u8]) -> bool {
    let name = |part: &[u8]| {
        part.len() > 3
            && word(part, 0)
                .is_some_and(|word| word.end == part.len() && word.surely(FAMILY | GIVEN))
    };
    const PARTICLES: &[&[u8]] = &[b"de", b"van", b"von", b"der", b"di", b"del", b"la", b"le"];
    let after =
        |rest: &[u8]| PARTICLES.iter().any(|word| rest.strip_prefix(*word).is_some_and(name));
    value.iter().all(u8::is_ascii_lowercase)
        && value.len() > 3
        && (name(value)
            || name(&value[1..])
            || value.len() > 6 && name(&value[2..])
            || after(&value[1..]))
}

/// Whether what looks like an account is made of somebody's name, with digits behind it or not.
pub(super) fn is_somebodys(value: &[u8]) -> bool {
    let digits = value.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let stem = &value[..value.len() - digits];
    let doe = stem.len() == 4 && stem.ends_with(b"doe");
    digits <= 4 && (is_somebody(stem) || doe)
}

/// Whether a key with its colon says no more than `user`, in a language where code is not written.
fn names_an_account(key: &[u8]) -> bool {
    [&b"utente:"[..], b"gebruiker:", b"benutzer:"]
        .iter()
        .any(|known| key.eq_ignore_ascii_case(known))
}

/// Whether letters are no word that says how an account is.
fn is_fresh(value: &[u8]) -> bool {
    (4..20).contains(&value.len())
        && value.iter().all(u8::is_ascii_lowercase)
        && word(value, 0).is_some_and(|word| word.class & (ORDINARY | PLACE) == 0)
        && !STATES.contains(&value)
}

/// Whether an account is somebody's wherever its name stands: made of a name, or no word at all.
///
/// `hello-world`, `main.py` and `python3` may be accounts too, but are mostly something else.
pub(in crate::redact) fn is_own(account: &str) -> bool {
    let stem = account.trim_end_matches(|c: char| c.is_ascii_digit());
    let (plain, numbered) = (stem.as_bytes(), stem.len() < account.len());
    let coined = numbered
        && plain.len() > 3
        && plain.iter().all(u8::is_ascii_lowercase)
        && word(plain, 0).is_some_and(|word| word.class == 0);
    let mut pieces = stem.split(['.', '_', '-']).map(str::as_bytes);
    account.len() > 4
        && is_account(plain)
        && (coined || is_unknown(plain) || is_somebody(plain) || pieces.any(is_somebody))
}

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
    let verb = VERBS.iter().find(|verb| i > lead && bytes[i..].starts_with(verb.as_bytes()));
    let own = verb.is_some_and(|verb| {
        let whose = if *verb == "to " { POLISH } else { WHOSE };
        text::said_before(bytes, at.start, 12, whose)
    });
    if let Some(verb) = verb {
        i += verb.len();
    } else {
        i += match bytes.get(i..)? {
            [b':' | b'=', ..] => 1,
            [0xEF, 0xBC, 0x9A, ..] => 3,
            _ => return None,
        };
    }
    // `user: str = "…"`
    let typed = [" str = ", " String = ", " string = ", " &str = ", " &'static str = "]
        .iter()
        .find(|typed| bytes[i..].starts_with(typed.as_bytes()));
    i += typed.map_or(0, |typed| typed.len() - 1);
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
            let is = verb.is_some();
            field && !is
                || is && (is_somebodys(value) || own && is_fresh(value))
                || !is && !weak && !next.is_ascii_lowercase()
                || value.iter().any(u8::is_ascii_digit)
        }
        b if b >= 0x80 => true,
        _ => {
            behind.is_ascii_whitespace()
                || matches!(behind, b',' | b'.' | b';' | b')' | b'&' | b'|' | b'}')
        }
    };
    // `login to github`, `username is required`
    let to = verb.is_some_and(|verb| *verb == "to ") && !own;
    if to || verb.is_some() && STATES.contains(&value) {
        return None;
    }
    let telling = quoted
        || !weak
        || (own || names_an_account(name)) && is_fresh(value)
        || bytes[quotes - 1] == b'='
            && (is_somebody(value)
                || logged(bytes, end) && (is_unknown(value) || logs_in(bytes, at.start, value)))
        || value.iter().any(|b| b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
    let code = !quoted
        && (value.contains(&b'.') && matches!(bytes[quotes - 1], b'=')
            || is_member(value)
            || value.first().is_some_and(u8::is_ascii_uppercase)
                && (behind == b':' || bytes[end..].starts_with(b" = ")));
    (closed && telling && !code && is_account(value)).then_some(i..end)
}

/// Between the name of a field and its value in a sentence.
const VERBS: &[&str] =
    &["is ", "es ", "est ", "ist ", "lautet ", "è ", "é ", "jest ", "to ", "luidt "];
/// Whose account.
const WHOSE: &[&str] = &[
    "my", "his", "her", "their", "your", "mi", "su", "mon", "son", "votre", "mein", "sein", "ihr",
    "mio", "suo", "meu", "seu", "mijn", "zijn", "haar", "mój", "jego", "jej",
];
const POLISH: &[&str] = &["mój", "moj", "jego", "jej", "twój"];
/// What is said of an account instead of its name.
const STATES: &[&[u8]] = &[
    b"broken",
    b"slow",
    b"wrong",
    b"down",
    b"still",
    b"blocked",
    b"locked",
    b"disabled",
    b"expired",
    b"failing",
    b"invalid",
    b"working",
    b"fine",
    b"gone",
    b"same",
    b"different",
    b"being",
    b"also",
    b"already",
    b"always",
    b"never",
    b"incorrect",
    b"missing",
    b"required",
    b"stuck",
    b"correct",
    b"case",
    b"only",
    b"just",
    b"taken",
    b"stored",
    b"empty",
    b"correcto",
    b"incorrecto",
    b"bloqueado",
    b"falsch",
    b"gesperrt",
    b"nicht",
    b"kein",
    b"richtig",
    b"obligatoire",
    b"incorrecte",
    b"errato",
    b"sbagliato",
    b"bloccato",
    b"verlopen",
    b"kapot",
    b"zablokowany",
    b"obligatorio",
    b"requerido",
    b"inaktiv",
    b"abgelaufen",
    b"geblokkeerd",
    b"bloqu",
    b"not",
    b"used",
    b"hidden",
    b"visible",
];

pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// `end` without the marks that close a sentence.
fn trimmed(bytes: &[u8], start: usize, end: usize) -> usize {
    end - bytes[start..end].iter().rev().take_while(|b| matches!(b, b'.' | b'-' | b'_')).count()
}

/// Where the name ends that starts at `start`.
pub(super) fn account_end(bytes: &[u8], start: usize) -> usize {
    trimmed(bytes, start, text::run_end(bytes, start, 33, is_name))
}

/// Whether somebody may be called `name`.
pub(super) fn is_account(name: &[u8]) -> bool {
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
    b"gitlab",
    b"terraform",
    b"spark",
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
    b"prometheus",
    b"grafana",
    b"telegraf",
    b"consul",
    b"keycloak",
    b"sonarqube",
    b"influxdb",
    b"clickhouse",
    b"www",
    b"httpd",
    b"sshd",
    b"systemd",
    b"syslog",
    b"messagebus",
    b"polkitd",
    b"chrony",
    b"unknown",
    b"given",
    b"products",
    b"page",
    b"index",
    b"failed",
    b"page.tsx",
];
