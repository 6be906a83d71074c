//! Names of fields that tell what a value is.
//!
//! Not for deciding what the value is: a detector sees name and value together and decides.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::json::{Path, Segment};
use crate::redact::detect::names_a_value;

/// The name of the field that a value stands in, where that name may tell what the value is.
pub(super) fn telling_name<'a>(path: &Path<'a>) -> Option<Cow<'a, str>> {
    let key = path.segments().iter().rev().find_map(|segment| match segment {
        Segment::Key(key) => Some(key),
        Segment::Index(_) => None,
    })?;
    let name = key.decode();
    let words = WORDS.as_ref()?;
    let [first, last] = ends(&name);
    let part =
        [last, first].into_iter().find(|part| words.is_match(*part) || names_a_value(part))?;
    if part.len() <= NEAR {
        return Some(if part.len() == name.len() { name } else { Cow::Owned(part.to_owned()) });
    }
    // Detectors look for a word right before a value: of a long name, only its telling words.
    let telling: Vec<&str> = words.find_iter(part).map(|word| &part[word.range()]).collect();
    Some(match telling.is_empty() {
        true => Cow::Owned(part.to_owned()),
        false => Cow::Owned(telling.join("_")),
    })
}

/// The first and the last part of a name; both are all of it where it is not long.
fn ends(name: &str) -> [&str; 2] {
    let cut = |at: usize| (0..=at).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    if name.len() <= LONGEST {
        return [name; 2];
    }
    [&name[..cut(LONGEST)], &name[cut(name.len() - LONGEST)..]]
}

/// As far as every detector looks back.
const NEAR: usize = 24;
/// Longer names are looked at from both ends.
const LONGEST: usize = 256;

/// `None` would mean that the list below cannot be searched for: a test shows that it can.
static WORDS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(TELLING).ok());

/// Parts of field names, in the languages of the detectors.
#[rustfmt::skip]
const TELLING: &[&str] = &[
    // Ways to reach somebody.
    "phone", "telef", "tel", "mobil", "cell", "fax", "whatsapp", "contact", "handy", "movil", "móvil",
    "mail", "correo", "portable", "电话", "手机", "传真", "联系", "邮箱",
    // Who somebody is.
    "name", "nom", "cognome", "naam", "imie", "imię", "nazw", "sobrenome", "person", "author", "sender",
    "recipient", "customer", "client", "employee", "patient", "paciente", "paziente", "pacjent", "kunde",
    "klient", "cliente", "holder", "owner", "doctor", "witness", "姓名", "名字", "患者", "客户", "联系人",
    // When and where.
    "birth", "dob", "born", "geb", "naiss", "nasc", "nacim", "urodz", "geboort", "生日", "出生",
    "address", "adres", "street", "stra", "direcc", "dirección", "indirizz", "endere", "anschrift",
    "rue", "calle", "city", "zip", "postal", "plz", "地址", "住址",
    // Numbers given by others.
    "ssn", "social", "tax", "steuer", "fiscal", "national", "passport", "passeport", "pasaporte",
    "passaporto", "paspoort", "paszport", "licen", "permis", "ausweis", "护照", "身份证", "驾照",
    "nino", "nhs", "mrn", "medical", "medicare", "insurance", "versicher", "assur", "seguro", "record",
    "npi", "nif", "nie", "dni", "cpf", "cnpj", "pesel", "bsn", "nir", "aadhaar", "aadhar", "pan", "itin",
    "cedula", "curp", "codice", "病历", "医保",
    "account", "konto", "compte", "cuenta", "conto", "conta", "rekening", "iban", "bic", "swift",
    "routing", "sort", "card", "karte", "carte", "tarjeta", "carta", "kaart", "karta", "cartao", "账号",
    "银行", "卡号", "wallet", "vin", "plate",
    // What a machine is called, and who uses it.
    "user", "login", "nick", "handle", "utente", "usuario", "utilis", "benutzer", "gebruiker",
    "usuário", "uzytk", "mac", "host", "用户",
    // What opens things.
    "secret", "authorization", "auth", "token", "key", "pass", "pwd", "pw", "pin", "cred", "kennwort",
    "contrase", "senha", "wachtwoord", "haslo", "hasło", "clave", "密码", "口令", "connection", "dsn",
    "database_url", "bearer", "session", "cookie", "signature",
    // What a company is called.
    "company", "compan", "organi", "employer", "firma", "empresa", "société", "societe", "azienda",
    "bedrijf", "公司", "单位",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_tell_are_known() {
        let words = WORDS.as_ref().unwrap();
        for name in ["phone", "customer_phone", "homePhone", "SSN", "fecha_nacimiento", "客户姓名"]
        {
            assert!(words.is_match(name), "{name}");
        }
        for name in
            ["text", "content", "input", "arguments", "description", "command", "old_string"]
        {
            assert!(!words.is_match(name), "{name}");
        }
    }
}
