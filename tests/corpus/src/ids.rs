//! Numbers that offices and banks give to people, with valid check digits where they have any.
//!
//! The two halves are written in different ways, and where a country has several schemes, take others.

use crate::checksum as sum;
use crate::random::Random;

pub(crate) fn national(lang: &str, dev: bool, r: &mut Random) -> String {
    let (year, month, day) = (r.between(40, 99), r.between(1, 12), r.between(1, 28));
    match (lang, dev) {
        ("en", true) => {
            let (area, group) = (r.between(1, 665), r.between(1, 99));
            format!("{area:03}-{group:02}-{:04}", r.between(1, 9999))
        }
        ("en", false) => match r.below(2) {
            0 => {
                let body = r.pattern("%##########").replacen(['1'], "2", 1);
                let whole = sum::aadhaar(&body);
                format!("{} {} {}", &whole[..4], &whole[4..8], &whole[8..])
            }
            _ => format!(
                "{} {} {} {} {}",
                r.chars("ABCEGHJKLMNPRSTWXYZ", 1) + &r.chars("ABCEHJLMPRSTWXYZ", 1),
                r.pattern("##"),
                r.pattern("##"),
                r.pattern("##"),
                r.chars("ABCD", 1)
            ),
        },
        ("de", dev) => {
            let whole = sum::steuer_id(&steuer_body(r));
            match dev {
                true => whole,
                false => {
                    format!("{} {} {} {}", &whole[..2], &whole[2..5], &whole[5..8], &whole[8..])
                }
            }
        }
        ("fr", dev) => {
            let body = format!(
                "{}{year:02}{month:02}{:02}{}{}",
                r.between(1, 2),
                r.between(1, 95),
                r.digits(3),
                r.digits(3)
            );
            let whole = sum::nir(&body);
            match dev {
                true => whole,
                false => format!(
                    "{} {} {} {} {} {} {}",
                    &whole[..1],
                    &whole[1..3],
                    &whole[3..5],
                    &whole[5..7],
                    &whole[7..10],
                    &whole[10..13],
                    &whole[13..]
                ),
            }
        }
        ("es", true) => sum::dni(&r.digits(8)),
        ("es", false) => sum::nie(r.below(3), &r.pattern("#######")),
        ("it", dev) => {
            let day = day + if dev { 0 } else { 40 };
            let letters = "BCDFGLMNPRSTVZ";
            let month = &"ABCDEHLMPRST"[month - 1..month];
            let body = format!(
                "{}{}{year:02}{month}{day:02}{}{}",
                r.chars(letters, 3),
                r.chars(letters, 3),
                r.chars("FGHL", 1),
                r.pattern("###")
            );
            sum::codice_fiscale(&body)
        }
        ("nl", dev) => {
            let whole = (0..).find_map(|_| sum::bsn(&r.digits(8))).unwrap_or_default();
            match dev {
                true => whole,
                false => format!("{}.{}.{}", &whole[..4], &whole[4..6], &whole[6..]),
            }
        }
        ("pl", dev) => {
            let (year, month) = if dev { (year, month) } else { (r.between(0, 7), month + 20) };
            sum::pesel(&format!("{year:02}{month:02}{day:02}{}", r.pattern("####")))
        }
        ("pt", true) => sum::nif(&format!("2{}", r.digits(7))),
        ("pt", false) => {
            let whole = sum::cpf(&r.digits(9));
            format!("{}.{}.{}-{}", &whole[..3], &whole[3..6], &whole[6..9], &whole[9..])
        }
        _ => {
            let area = r.pick(if dev {
                &["110105", "310104", "440305"]
            } else {
                &["330106", "510107", "420111"]
            });
            sum::resident(&format!("{area}19{year:02}{month:02}{day:02}{}", r.pattern("###")))
        }
    }
}

/// Ten digits of which one appears twice and one not at all.
fn steuer_body(r: &mut Random) -> String {
    let mut digits: Vec<usize> = (0..10).collect();
    for i in (1..10).rev() {
        digits.swap(i, r.below(i + 1));
    }
    digits[9] = digits[r.below(8)];
    if digits[0] == 0 {
        digits.swap(0, 4);
    }
    if digits[0] == 0 {
        digits[0] = 7;
    }
    digits.iter().map(ToString::to_string).collect()
}

pub(crate) fn passport(lang: &str, dev: bool, r: &mut Random) -> String {
    r.pattern(match (lang, dev) {
        ("en", true) => "%########",
        ("en", false) => "@########",
        ("de", true) => "C%^^^^^##",
        ("de", false) => "L%R^^^^##",
        ("fr", _) => "##@@#####",
        ("es", true) => "@@@######",
        ("es", false) => "@@######",
        ("it", _) => "Y@#######",
        ("nl", _) => "N^^^^^^^#",
        ("pl", _) => "@@#######",
        ("pt", true) => "C@######",
        ("pt", false) => "F@######",
        (_, true) => "E########",
        (_, false) => "EJ#######",
    })
}

pub(crate) fn licence(lang: &str, dev: bool, r: &mut Random) -> String {
    r.pattern(match (lang, dev) {
        ("en", true) => "@#######",
        ("en", false) => "MORGA%5%1%#SM9IJ",
        ("de", _) => "B0%2^^^^%#%",
        ("fr", true) => "##%%########",
        ("fr", false) => "##AA#####",
        ("es", _) => "########-@",
        ("it", true) => "U1#######@",
        ("it", false) => "MI#######@",
        ("nl", _) => "%#########",
        ("pl", _) => "0%###/##/####",
        ("pt", true) => "L-#######",
        ("pt", false) => "###########",
        (_, true) => "110%########",
        (_, false) => "330%########",
    })
}

pub(crate) fn medical(lang: &str, dev: bool, r: &mut Random) -> String {
    match (lang, dev) {
        ("en", false) => {
            let whole = (0..).find_map(|_| sum::nhs(&r.digits(9))).unwrap_or_default();
            format!("{} {} {}", &whole[..3], &whole[3..6], &whole[6..])
        }
        ("de", _) => {
            let letter = r.chars("ABCDEFGHJKLMNPRSTUVWXYZ", 1);
            sum::kvnr(letter.chars().next().unwrap_or('A'), &r.pattern("########"))
        }
        ("zh", true) => r.pattern("ZY######"),
        ("zh", false) => r.pattern("%#######"),
        ("en", true) => r.pattern("MRN-#######"),
        (_, true) => r.pattern("%######"),
        (_, false) => r.pattern("%#######"),
    }
}

pub(crate) fn card(dev: bool, r: &mut Random) -> String {
    let prefix =
        r.pick(if dev { &["4539", "5412", "4929"] } else { &["3742", "2720", "6011", "4716"] });
    let length = if prefix.starts_with('3') { 15 } else { 16 };
    let whole = sum::luhn(&format!("{prefix}{}", r.chars("0123456789", length - 5)));
    if length == 15 {
        return format!("{} {} {}", &whole[..4], &whole[4..10], &whole[10..]);
    }
    let separator = if dev { " " } else { "-" };
    match r.below(2) {
        0 => whole,
        _ => grouped(&whole, separator),
    }
}

pub(crate) fn iban(lang: &str, dev: bool, r: &mut Random) -> String {
    let (country, pattern) = match lang {
        "en" => ("GB", "NWBK##############"),
        "de" => ("DE", "37040044##########"),
        "fr" => ("FR", "3000600001###########89"),
        "es" => ("ES", "21000418##%#########"),
        "it" => ("IT", "X0542811101##########%#"),
        "nl" => ("NL", "ABNA0#########"),
        "pl" => ("PL", "10901014################"),
        "pt" => ("PT", "0002012312345678##%%#"),
        _ => ("CH", "00762############"),
    };
    let whole = sum::iban(country, &r.pattern(pattern));
    // Written in groups on paper, and without them in files.
    if r.below(2) == usize::from(dev) { grouped(&whole, " ") } else { whole }
}

pub(crate) fn account(lang: &str, dev: bool, r: &mut Random) -> String {
    r.pattern(match (lang, dev) {
        ("en", true) => "%###########",
        ("en", false) => "%#######",
        ("de", _) => "%#########",
        ("pt", false) => "%####-#",
        ("zh", true) => "%##################",
        ("zh", false) => "%###############",
        (_, true) => "%#########",
        (_, false) => "%###########",
    })
}

fn grouped(whole: &str, separator: &str) -> String {
    let parts: Vec<&str> =
        (0..whole.len()).step_by(4).map(|at| &whole[at..whole.len().min(at + 4)]).collect();
    parts.join(separator)
}
