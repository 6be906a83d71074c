//! Passwords: what a name such as `password` is given, in nine languages, and what commands take.
//!
//! Not for credentials inside URLs: those are `connection`.

use std::ops::Range;

use super::assign::{self, Assigned, Form};
use super::password_words::{
    COLUMNS, HASHES, LOGIN, NEIGHBOURS, NO_OPTION_BEFORE, NO_PASSWORD_BEFORE, NO_PASSWORD_IN,
    PLACEHOLDERS, STEMS, SUFFIXES, TEMPLATES, WORDS,
};
use super::{Detector, Trigger, sample, text};
use crate::redact::Action;

pub(super) const PASSWORD: Detector = Detector {
    name: "password",
    label: "PASSWORD",
    action: Action::Block,
    shape: "the value that a name such as `password` is given: configuration, code, markup, command lines, prose",
    validator: "no type, call, reference, placeholder, hash or message",
    score: 80,
    trigger: Trigger::Folded(&[
        "password",
        "passwd",
        "passwort",
        "kennwort",
        "passphrase",
        "passcode",
        "pwd",
        "mot de passe",
        "motdepasse",
        "mot_de_passe",
        "contraseña",
        "contrasena",
        "wachtwoord",
        "hasło",
        "haslo",
        "senha",
        "palavra-passe",
        "密码",
        "密碼",
        "口令",
        "identified by",
        "userpass",
        "dbpass",
        "_pass",
        "-pass",
        " pass:",
        " pass=",
        "pw:",
        "pw=",
        "(pw ",
        "pw is ",
        "pw ist ",
        "pw lautet ",
        "$pass",
        "ftp_pw",
        "parola d'ordine",
    ]),
    find,
    positives: &[
        "DB_PASSWORD=⟦hunter2⟧",
        "export PGPASSWORD=⟦Tr0ub4dor&3⟧\n",
        "POSTGRES_PASSWORD=⟦postgres⟧\nX=1",
        "password: ⟦S3cr3t!pass⟧\n",
        "  password: \"⟦letmein⟧\"\n",
        "{\"user\":\"root\",\"password\":\"⟦letmein⟧\"}",
        "{\\\"password\\\":\\\"⟦let me1n⟧\\\"}",
        "spring.datasource.password=⟦geheim⟧\n",
        "password = ⟦hunter2⟧\n",
        "String password = \"⟦hunter⟧\";",
        "const password: string = '⟦hunter⟧';",
        "let password: &str = \"⟦hunter⟧\";",
        "dbPassword := `⟦hunter⟧`",
        "\"password\" => \"⟦letmein⟧\"",
        "user[\"password\"] = \"⟦letmein⟧\"",
        "cfg.set('password', '⟦letmein⟧')",
        "<password>⟦letmein⟧</password>",
        "<user password=\"⟦letmein⟧\"/>",
        "mysqldump --password=⟦hunter2⟧ db",
        "tool --password ⟦hunter2⟧ --x",
        "/login?user=bob&password=⟦hunter2⟧&x=1",
        "The password is ⟦hunter2⟧.",
        "My password for the admin account is ⟦Sommer2024!⟧",
        "Password: ⟦hunter2⟧, user: bob",
        "Username: root\nPassword: ⟦swordfish⟧",
        "Passwort: ⟦Sommer2024!⟧",
        "Das Passwort lautet ⟦Sommer2024!⟧",
        "Kennwort: ⟦Gartenzaun77⟧",
        "Mot de passe : ⟦Soleil2024!⟧",
        "Le mot de passe est ⟦Soleil2024!⟧",
        "Contraseña: ⟦Verano#2024⟧",
        "La contraseña es ⟦Verano#2024⟧.",
        "Wachtwoord: ⟦Fiets123!⟧",
        "Hasło: ⟦Lato2024!⟧",
        "Hasło to ⟦Lato2024!⟧",
        "Senha: ⟦Verao2024!⟧",
        "密码：⟦Qwe@1234⟧。",
        "密码是⟦Qwe@1234⟧，请保密",
        "- name: DB_PASSWORD\n  value: ⟦hunter2⟧\n",
        "{\"name\": \"DB_PASSWORD\", \"value\": \"⟦hunter2⟧\"}",
        "CREATE USER bob WITH PASSWORD '⟦hunter2⟧';",
        "CREATE USER bob IDENTIFIED BY '⟦hunter2⟧';",
        "**Password:** ⟦hunter2⟧",
        "ENV DB_PASSWORD=⟦hunter2⟧",
        "wifi passphrase: ⟦Blau3Kuh!⟧",
        "passphrase: ⟦correct horse battery staple⟧\nnext",
        "os.environ['DB_PASSWORD'] = '⟦hunter⟧'",
        "password = SecretStr(\"⟦hunter⟧\")",
        "db_pass: '⟦hunter⟧'",
        "| Password | ⟦hunter2⟧ |",
        "ADMIN_PASSWORD=\"⟦Adm1n⟧\"",
        "password = \"⟦correct horse battery staple⟧\"",
        "password:\n  ⟦hunter2!x⟧",
        "  password:\n    ⟦M0rning&Dew4⟧\nreplicas: 3",
        "\"password\":\n    \"⟦hunter2!x⟧\"",
        "$pass = '⟦Tr1cky-Horse⟧';",
        "$dbpass = \"⟦Tr1ckyHorse⟧\";",
        "wifi passphrase: ⟦Blau3Kuh!⟧",
        "the password is ⟦Fish&Chips22⟧ now",
        "with the temp password ⟦Winter#Sun21⟧.",
        "https://x/?user=bob&password=⟦F1shing⟧&page=2",
        "<add key=\"Password\" value=\"⟦S3cr3t!⟧\" />",
        "User: maria  Pass: ⟦Sonne#99⟧",
        "the root pw: ⟦Toor1234!⟧",
        "password: ⟦Krokus.Nebel.19⟧",
        "password: \"⟦Krokus.Nebel.19⟧\"",
        "password=⟦Krokus.Nebel.19⟧ next",
        "login jdoe password ⟦Tuesday9⟧",
        "machine api.corp.io login jdoe password ⟦Tuesday9⟧",
        "machine api.corp.io\n  login jdoe\n  password ⟦Tuesday9⟧\n",
        "pw: ⟦Tuesday9⟧",
        "db_pw=⟦Tuesday9⟧",
        "the box (pw ⟦Tuesday9⟧) is up",
        "the pw is ⟦Tuesday9⟧.",
        "tool --password=⟦marigold⟧ --x",
        "ENV DB_PASS ⟦marigold⟧\nRUN x",
        "ENV DB_PASSWORD ⟦marigold⟧",
        "db:\n  password: ⟦marigold⟧\n  port: 5432\n",
        "name,password,role\nanna,⟦Tuesday9!⟧,x\nbert,⟦Krokus.Nebel.19⟧,y\n",
        "id;passwort\n1;⟦Tuesday9!⟧\n",
        "id\tpw\n1\t⟦Tuesday9!⟧\n",
        "| Host | Password |\n|---|---|\n| web | ⟦Tuesday9!⟧ |\n",
        " id | password\n----+-----------\n 1 | ⟦Tuesday9!⟧\n",
        "+----+-----------+\n| id | password |\n+----+-----------+\n| 1 | ⟦Tuesday9!⟧ |\n",
        "<tr><td>Password</td><td>⟦Tuesday9!⟧</td></tr>",
        "<th>Password:</th>\n  <td class=\"x\">⟦Tuesday9!⟧</td>",
        "\"password\":{\"value\":\"⟦Tuesday9!⟧\"}",
        "\"password\": {\n  \"value\": \"⟦letmein⟧\"",
        "if password == \"⟦Tuesday9!⟧\":",
        "I set the password for jdoe to ⟦Tuesday9!⟧.",
        "change the password to ⟦Tuesday9⟧.",
        "tool --ftp-pass ⟦Tuesday9⟧ --x",
    ],
    look_alikes: &[
        "password:\n  type: string",
        "passphrase: enter your own secret words here",
        "passphrase: it is a set of words",
        "password:\nhunter2x",
        "password:\n  must contain 8 characters",
        "password:\n    - hunter2x",
        "$pass = $_POST['pass'];",
        "$pass = 'pass';",
        "the password field Name2",
        "the password Reset2 link",
        "password: string",
        "password: string;",
        "password?: string | undefined",
        "password: Option<String>,",
        "password = getpass()",
        "password = os.environ[\"DB_PASSWORD\"]",
        "password = process.env.DB_PASSWORD",
        "password=password",
        "self.password = password",
        "this.password = user.password;",
        "password: req.body.password,",
        "const { password } = req.body;",
        "password = hash(password1)",
        "if password == other_password1:",
        "password=${DB_PASSWORD}",
        "PASSWORD=$PASSWORD",
        "PASSWORD=$(cat /run/secrets/db)",
        "password: {{ .Values.password }}",
        "password: \"{{ db_password }}\"",
        "password: <your-password>",
        "password: your-password-here",
        "DB_PASSWORD=changeme",
        "DB_PASSWORD=",
        "DB_PASSWORD=\"\"",
        "password: ********",
        "password: ••••••••",
        "password: null",
        "\"password\": \"Password\"",
        "\"password\": \"Passwort\"",
        "\"password\": \"required|min:8\"",
        "\"password\": \"Enter your password\"",
        "password_hash: bcrypt",
        "password_hash = \"argon2id\"",
        "passwordEncoder: BCryptPasswordEncoder",
        "<input type=\"password\" name=\"password\" placeholder=\"Password\">",
        "password is required",
        "The password is incorrect.",
        "Passwords must be at least 8 characters",
        "password: must contain 1 digit",
        "password reset link",
        "Passwort vergessen?",
        "mot de passe oublié",
        "the password is too short",
        "echo $PWD",
        "PWD=/home/user/project",
        "cd $OLDPWD",
        "password VARCHAR(255) NOT NULL",
        "password: varchar(255)",
        "password = Column(String(128))",
        "password: z.string().min(8)",
        "password: Joi.string().required()",
        "password=%s",
        "WHERE password = :password",
        "WHERE password = ? AND user = 'bob'",
        "password: !vault |",
        "password: *default_password",
        "password: op://vault/item/field",
        "passwordField.value = input1;",
        "max_password_length = 128",
        "getPassword(): string",
        "password_file: /run/secrets/db_password",
        "compass: north5",
        "tests: 12 _passed",
        "lowpass-filter1",
        "pub const FLAGS_PASSWORD: u32 = 16u32;",
        "PRIORITY_PASS = 0x030,",
        "<user>[:<password>]@]<hostname>",
        "['KEYPASSWD', 'KRB4LEVEL']",
        "* `passphrase`: {string | Buffer}",
        "printf(&quot;Password is incorrect.&quot;);",
        "CHALLENGE_PASSWORD: \"challengePassword\",",
        "--sasl-password='projects/123/secrets/my-secret/versions/1'",
        "fn set(password: &[u8]) -> u8",
        "the named pipe identified by `addr1` is",
        "        if self._username and self._password:\n            return\n",
        "    elif not password:\n        fail2(self)\n",
        "if user_pass == \"git\"",
        "--no-ask-password --no-block --legend=no",
        "--ask-password --quiet=yes",
        "--no-password --yes2",
        "--no-password server1",
        "--encrypt-master-password --encrypt-password --fail-at-end",
        "local OPTS='--no-ask-password --scope -u --unit'",
        "the unhashed passphrase they will pass to crypt_*.",
        "a two-pass memchr2+SWAR code on",
        "\"username= message= passphrase= password= scmVersion= $(__list)\"",
        "password: return",
        "pub const SET_PW: u32 = 2183164128;",
        "pub const NSS_BUFLEN_PASSWD: usize = 1024;",
        "prf_test!(\n    master_secret,\n    &P_SHA256,\n    32,\n);",
        "| Method | Password | Key |\n|---|---|---|\n| ssh | optional | yes |\n",
        "method,password\nssh,required\nftp,none\n",
        "password: this.user.login2",
        "\"password\": \"com.example.auth.19\"",
        "the user enters password Name22 field",
        "login with password Auth22 flow",
        "httpw: north55",
        "(password reset22 only)",
        "tool --password=prompt --x",
        "tool [--password=something]",
        "tool --password-type=marigold",
        "ENV variables PASSWORD and DB_PASS are read",
        "password: text\n  port: number",
        "<th>Password</th><th>Created1 at</th>",
        "<td>Password</td><td>Required</td>",
        "\"password\": {\"type\": \"string\"}",
    ],
};

pub(super) const OPTION: Detector = Detector {
    name: "command-password",
    label: "PASSWORD",
    action: Action::Block,
    shape: "the password option of a command: mysql -p…, docker login -p …, sshpass -p …, curl -u user:…",
    validator: "one of these commands stands before it on the line; no variable or placeholder",
    score: 82,
    trigger: Trigger::Literals(&[" -p", " -u", " --user", " -a ", " -w "]),
    find: find_option,
    positives: &[
        "mysql -u root -p⟦hunter2⟧ shop",
        "mysqldump -uroot -p'⟦hunter2⟧' shop",
        "docker login -u bob -p ⟦hunter2⟧ registry.corp.com",
        "sshpass -p ⟦hunter2⟧ ssh root@host",
        "sshpass -p '⟦hunter2⟧' ssh root@host",
        "curl -u bob:⟦hunter2⟧ https://corp.com",
        "curl --user \"bob:⟦hunter2⟧\" https://corp.com",
        "redis-cli -h cache -a ⟦hunter2⟧ ping",
    ],
    look_alikes: &[
        "mkdir -p hunter2/x",
        "mysql -u root -p shop",
        "mysql -u root -p$DB_PASSWORD shop",
        "ssh -p 2222 root@host",
        "docker run -p 8080:80 nginx",
        "docker run -u 1000:1000 nginx",
        "curl -u $USER:$PASS https://corp.com",
        "curl -u user:password https://corp.com",
        "git push -u origin main",
        "curl -u bob https://corp.com",
    ],
};

fn find(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    // The short names are looked for with what stands around them.
    let blank = usize::from(matches!(bytes[at.start], b' ' | b'$' | b'('));
    let sign = usize::from(matches!(bytes[at.end - 1], b':' | b'='));
    let mut at = at.start + blank..at.end - sign;
    if bytes[at.start..].get(..2).is_some_and(|pw| pw.eq_ignore_ascii_case(b"pw"))
        && !keyword_is_pwd(&bytes[at.clone()])
    {
        at.end = at.start + 2;
        let before = at.start.checked_sub(1).map(|i| bytes[i]);
        if before.is_some_and(|b| b.is_ascii_alphanumeric()) && !text::word_start(bytes, at.start) {
            return None;
        }
    }
    let keyword = &bytes[at.clone()];
    let assigned = assign::read(text, &at)?;
    let name = &bytes[assigned.name.clone()];
    // `pwd` alone is a directory more often; so is what contains `pass` by chance.
    let working =
        keyword.eq_ignore_ascii_case(b"pwd") && matches!(name, b"PWD" | b"OLDPWD" | b"pwd");
    let suffix = &bytes[at.end..assigned.name.end];
    let mut before = name[..at.start - assigned.name.start].split(|b| !b.is_ascii_alphabetic());
    let bounded = !before.next_back().is_some_and(|part| is_one_of(part, NO_PASSWORD_BEFORE))
        && !sample::says(&name[..at.start - assigned.name.start], NO_PASSWORD_IN);
    if !suffix_allows(suffix) || !bounded {
        return None;
    }
    let value = &bytes[assigned.value.clone()];
    if working && (value.contains(&b'/') || value.starts_with(b"$")) {
        return None;
    }
    // `identified by 'x'` of SQL; in prose the words mean something else.
    let sql = keyword.eq_ignore_ascii_case(b"identified by");
    if sql && !matches!(bytes[assigned.value.start - 1], b'"' | b'\'') {
        return None;
    }
    // `two-pass code` is no password; `-pass` needs a sign.
    if keyword.eq_ignore_ascii_case(b"-pass") && assigned.form == Form::Prose {
        return None;
    }
    let lead = &name[..at.start - assigned.name.start];
    let lead = lead.strip_suffix(b"-").or(lead.strip_suffix(b"_")).unwrap_or(lead);
    let last = lead.rsplit(|b| matches!(b, b'-' | b'_')).next().unwrap_or_default();
    if is_one_of(last, NO_OPTION_BEFORE) && assigned.form == Form::Argument {
        return None;
    }
    // `user_pass == "git"` compares with a word.
    let between = &bytes[assigned.name.end..assigned.value.start];
    if between.windows(2).any(|pair| pair == b"==") && !strong(value) {
        return None;
    }
    // `BUFLEN_PASSWD: usize = 1024` is a constant of a program.
    let typed = between.contains(&b':') && between.contains(&b'=') && between.len() > 3;
    if typed && assigned.form != Form::Quoted && value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // `password= name=`: both are empty.
    if assigned.form != Form::Quoted && is_empty_name(value) {
        return None;
    }
    let phrase = keyword.eq_ignore_ascii_case(b"passphrase");
    if phrase && let Some(words) = words_of_phrase(bytes, &assigned) {
        return Some(words);
    }
    (is_password(bytes, &assigned, phrase)).then_some(assigned.value)
}

/// Whether the header of a column names passwords or keys.
pub(in crate::redact) fn names_a_secret(header: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.');
    let last = header.rsplit(['_', '-', ' ', '.']).next().unwrap_or(header);
    header.chars().all(plain) && COLUMNS.iter().any(|known| last.eq_ignore_ascii_case(known))
}

fn keyword_is_pwd(keyword: &[u8]) -> bool {
    keyword.eq_ignore_ascii_case(b"pwd")
}

/// Whether `value` is a name and the sign that would give it a value.
fn is_empty_name(value: &[u8]) -> bool {
    let Some(name) = value.strip_suffix(b"=") else { return false };
    name.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-'))
}

/// The words of a phrase without quotes: four to eight in lower case, up to the end of the line.
fn words_of_phrase(bytes: &[u8], assigned: &Assigned) -> Option<Range<usize>> {
    let start = assigned.value.start;
    let end = text::run_end(bytes, start, 96, |b| b.is_ascii_lowercase() || b == b' ');
    let phrase = &bytes[start..end];
    let ends = matches!(bytes.get(end), None | Some(b'\n' | b'\r' | b'\\'));
    let words = phrase.split(|b| *b == b' ');
    let fits = (4..=8).contains(&words.clone().count()) && words.clone().all(|w| w.len() > 2);
    let told = matches!(bytes[..start].trim_ascii_end().last(), Some(b':' | b'='));
    (ends && fits && told && !sample::says(phrase, PLACEHOLDERS)).then_some(start..end)
}

/// Whether what follows the keyword in its name leaves it the name of a password: nothing, a number, a stage.
pub(super) fn suffix_allows(suffix: &[u8]) -> bool {
    let mut parts =
        suffix.split(|b| matches!(b, b'_' | b'-' | b'.')).filter(|part| !part.is_empty());
    parts.all(|part| {
        part.iter().all(u8::is_ascii_digit)
            || SUFFIXES.iter().any(|allowed| part.eq_ignore_ascii_case(allowed.as_bytes()))
    })
}

/// Whether `assigned` gives a password rather than a type, a call, a reference, a placeholder or a message.
fn is_password(bytes: &[u8], assigned: &Assigned, phrase: bool) -> bool {
    let value = &bytes[assigned.value.clone()];
    let shortest = if assigned.form == Form::Quoted { 3 } else { 4 };
    let length = (shortest..=128).contains(&value.len());
    if !length || stands_for_another(value) || is_placeholder(value) {
        return false;
    }
    if assigned.form == Form::Quoted {
        if value.iter().any(u8::is_ascii_whitespace) {
            let words = value.split(u8::is_ascii_whitespace).count();
            let sentence = value.ends_with(b".") || value.ends_with(b"?") || value.ends_with(b":");
            let lower = value.iter().all(|b| b.is_ascii_lowercase() || *b == b' ');
            return (phrase && words >= 3
                || lower && words >= 4
                || value.iter().any(u8::is_ascii_digit))
                && words <= 8
                && !sentence;
        }
        let parts = value.split(|b| *b == b'-').count();
        let names_a_thing =
            sample::wordy(value) && (parts < 4 || value.contains(&b'.')) && !ends_in_number(value);
        let rules = value.contains(&b'|') && value.contains(&b':');
        return !names_a_thing && !rules;
    }
    let next = bytes.get(assigned.value.end).copied();
    // A call, an index, a generic type: not a value, but something that makes one.
    let closes = bytes[assigned.value.end..].starts_with(b"</");
    let made = matches!(next, Some(b'(' | b'[' | b'<' | b'"' | b'\'' | b'`')) && !closes;
    let call = value
        .iter()
        .position(|b| *b == b'(')
        .is_some_and(|open| open > 0 && is_path(&value[..open]));
    let index = value
        .iter()
        .position(|b| *b == b'[')
        .is_some_and(|open| open > 0 && is_path(&value[..open]));
    if made || call || index {
        return false;
    }
    match assigned.form {
        Form::Environment => true,
        Form::Argument => {
            let word = value.len() >= 5 && value.iter().all(u8::is_ascii_lowercase);
            let long = bytes[..assigned.name.start].ends_with(b" --")
                || assigned.name.start == 2 && bytes.starts_with(b"--");
            let given = bytes.get(assigned.name.end) == Some(&b'=');
            let ends = next.is_none_or(|b| b.is_ascii_whitespace());
            !is_path(value) || value.iter().any(u8::is_ascii_digit) || word && long && given && ends
        }
        Form::Line => {
            let dotted = bytes[assigned.name.clone()].contains(&b'.')
                && bytes.get(assigned.name.end) == Some(&b'=');
            let login = text::said_before(bytes, assigned.name.start, 80, LOGIN)
                || next_key(bytes, assigned.value.end)
                    .is_some_and(|key| is_one_of(key, NEIGHBOURS));
            let plain = value.iter().all(u8::is_ascii_lowercase);
            strong(value) && !is_variable(value) || dotted || login && plain
        }
        _ => {
            let code =
                matches!(next, Some(b',' | b';' | b')' | b'}')) || spaced_equals(bytes, assigned);
            strong(value) && !is_variable(value) && !(code && is_identifier(value) && humped(value))
        }
    }
}

/// The key of the line of configuration behind the one that ends at `i`.
fn next_key(bytes: &[u8], i: usize) -> Option<&[u8]> {
    let line = bytes[i..].strip_prefix(b"\n")?;
    let line = &line[..line.len().min(48)];
    let start = line.iter().position(|b| *b != b' ')?;
    let key = line[start..].split(|b| !b.is_ascii_lowercase()).next()?;
    matches!(line.get(start + key.len()), Some(b':' | b'=')).then_some(key)
}

/// Whether `value` refers to something: a variable, a template, a file, a vault, a hash of a password.
pub(super) fn stands_for_another(value: &[u8]) -> bool {
    let [first, rest @ ..] = value else { return true };
    let last = value[value.len() - 1];
    let name = |part: &[u8]| !part.is_empty() && is_path(part);
    let marked = match first {
        b'$' => name(rest) || rest.starts_with(b"{") || rest.starts_with(b"(") || is_hash(value),
        b'{' => true,
        b'%' => last == b'%' || matches!(rest, b"s" | b"d" | b"v" | b"q") || rest.starts_with(b"("),
        b'<' | b'[' | b'(' => true,
        b'&' if matches!(rest.first(), Some(b'[' | b'#')) => true,
        b'*' | b'&' | b':' | b'@' | b'!' | b'?' | b'#' => {
            rest.is_empty() || name(rest) && !rest.iter().any(u8::is_ascii_digit)
        }
        b'/' | b'~' | b'.' => rest.contains(&b'/') || rest.is_empty() || first == &b'/',
        _ => false,
    };
    let same = text::distinct(value) == 1 && !first.is_ascii_digit();
    let number = is_number(value);
    let masked = value.iter().filter(|b| matches!(b, b'*' | b'x' | b'X' | b'.')).count() * 10
        >= value.len() * 7
        || value.starts_with("•".as_bytes());
    marked || same || masked || number || sample::says(value, TEMPLATES) || is_hash(value)
}

/// Whether `value` is a number as code writes it: `0x1f`, `16u32`, `1_000`.
fn is_number(value: &[u8]) -> bool {
    let hex = value.strip_prefix(b"0x").is_some_and(|rest| rest.iter().all(u8::is_ascii_hexdigit));
    let types =
        ["u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize", "f32", "f64"];
    let typed = types.iter().filter_map(|kind| value.strip_suffix(kind.as_bytes()));
    hex || typed.into_iter().any(|rest| rest.iter().all(|b| b.is_ascii_digit() || *b == b'_'))
}

fn is_one_of(part: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| part.eq_ignore_ascii_case(word.as_bytes()))
}

fn is_hash(value: &[u8]) -> bool {
    HASHES.iter().any(|hash| value.starts_with(hash.as_bytes()))
}

/// Whether `value` is a word that stands beside a password's name without being one.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let bare = value.strip_suffix(b":").unwrap_or(value);
    let word = |known: &&str| bare.eq_ignore_ascii_case(known.as_bytes());
    let mine = bare.len() > 2
        && [&b"my"[..], b"my-", b"my_", b"the", b"the_", b"db_", b"user_", b"some"].iter().any(
            |lead| {
                let head = bare.get(..lead.len());
                head.is_some_and(|head| head.eq_ignore_ascii_case(lead))
                    && !bare.iter().any(u8::is_ascii_digit)
                    && sample::says(bare, &["pass", "secret", "pw"])
            },
        );
    let named =
        bare.iter().all(u8::is_ascii_alphabetic) && sample::says(bare, &["password", "passwd"]);
    WORDS.iter().any(word) || mine || named || sample::says(value, PLACEHOLDERS)
}

/// Whether `value` is more than a word: letters and digits, or a sign that no name has, or many digits.
fn strong(value: &[u8]) -> bool {
    let letter = value.iter().any(|b| b.is_ascii_alphabetic() || *b >= 0x80);
    let digit = value.iter().any(u8::is_ascii_digit);
    let sign = value.iter().any(|b| b.is_ascii_punctuation() && !b"-_./:,'()".contains(b));
    let address = value.contains(&b'@') && value.contains(&b'.') && !digit;
    let digits = value.iter().all(u8::is_ascii_digit);
    !address && (letter && (digit || sign) || digits && value.len() >= 4)
}

/// Whether `value` names a variable with a number: `arg1`, `pw2`.
fn is_variable(value: &[u8]) -> bool {
    let stem = value.trim_ascii_end();
    let digits = stem.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let stem = &stem[..stem.len() - digits];
    let stem = stem.strip_suffix(b"_").unwrap_or(stem);
    let known = STEMS.iter().any(|known| stem.eq_ignore_ascii_case(known.as_bytes()));
    digits <= 2 && known || stem.contains(&b'.') && is_path(value) && !ends_in_number(value)
}

/// Whether the last part of `value` is a number of several digits, as no member is called: `Krokus.Nebel.19`.
fn ends_in_number(value: &[u8]) -> bool {
    let mut parts = value.rsplit(|b| *b == b'.');
    let last =
        parts.next().is_some_and(|part| part.len() > 1 && part.iter().all(u8::is_ascii_digit));
    let word = |part: &[u8]| {
        let capital = part.first().is_some_and(u8::is_ascii_uppercase);
        capital && part.iter().all(u8::is_ascii_alphabetic)
    };
    last && parts.all(word)
}

/// Names in code and their parts: `user.password`, `config::db::password`.
fn is_path(value: &[u8]) -> bool {
    value.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
        && value.iter().all(|b| b.is_ascii_alphanumeric() || b"_.:>-".contains(b))
}

fn is_identifier(value: &[u8]) -> bool {
    value.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

/// Whether an identifier has several words in it: `newPassword1`, `hash_2`.
fn humped(value: &[u8]) -> bool {
    let hump = |pair: &[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
    value.contains(&b'_') || value.windows(2).filter(|pair| hump(pair)).count() == 1
}

fn spaced_equals(bytes: &[u8], assigned: &Assigned) -> bool {
    bytes[..assigned.value.start].ends_with(b"= ")
}

fn find_option(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let window = &bytes[at.start.saturating_sub(160)..at.start];
    let line = window.rsplit(|b| matches!(b, b'\n' | b'|' | b';')).next()?;
    let said = |commands: &[&str]| sample::says(line, commands);
    let option = &text[at.clone()];
    let (attached, pair) = match option {
        " -p" if said(&["mysql", "mariadb"]) => (true, false),
        " -p"
            if said(&["docker login", "podman login", "sshpass", "az login", "registry login"]) =>
        {
            (false, false)
        }
        " -u" | " --user" if said(&["curl", "http "]) => (false, true),
        " -a " if said(&["redis-cli"]) => (false, false),
        " -w " if said(&["ldapsearch", "ldapadd", "ldapmodify"]) => (false, false),
        _ => return None,
    };
    let mut start = at.end;
    if !attached {
        start = text::run_end(bytes, start, 3, |b| b == b' ' || b == b'=');
    }
    let quote = bytes.get(start).copied().filter(|b| matches!(b, b'"' | b'\''));
    start += usize::from(quote.is_some());
    let ends = |b: u8| match quote {
        Some(quote) => b == quote || b == b'\n',
        None => b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'\\' | b'`'),
    };
    let end = text::run_end(bytes, start, 128, |b| !ends(b));
    if pair {
        start += bytes[start..end].iter().position(|b| *b == b':')? + 1;
    }
    let value = &bytes[start..end];
    let sound = value.len() >= 4
        && value.is_ascii()
        && !stands_for_another(value)
        && !is_placeholder(value);
    let identity = pair && value.iter().all(u8::is_ascii_digit) && value.len() <= 5;
    (sound && !identity && !value.starts_with(b"-")).then_some(start..end)
}
