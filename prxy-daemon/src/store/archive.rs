//! The whole state as lines of JSON: every row of every table, and every blob, readable and in the
//! open. The format is told in docs/state.md.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, Read as _, Seek as _, SeekFrom, Write};

use rusqlite::types::{Value as Cell, ValueRef};
use rusqlite::{Connection, TransactionBehavior, params_from_iter};
use serde_json::{Value, json};
use thiserror::Error;

use super::blob::hex;
use super::{Store, StoreError, now, schema};

/// Reads and writes the lines.
#[derive(Debug)]
pub struct Archive;

/// Why a file is not taken, or not written.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The state cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be read or written.
    #[error("the file: {0}")]
    File(#[from] io::Error),
    /// It is no export of a state, or a later prxy wrote it.
    #[error("this is no export of a state in format {FORMAT}")]
    Format,
    /// Its tables are those of another version.
    #[error(
        "the export has tables of version {found}, this prxy those of version {known}: import it \
         with the prxy that wrote it, and let this one upgrade the state"
    )]
    Version {
        /// In the file.
        found: i64,
        /// Here.
        known: i64,
    },
    /// A line means nothing here.
    #[error("line {0} is damaged")]
    Line(u64),
    /// Its end is missing, or something in it has changed.
    #[error("the export is cut off or changed: its end does not fit")]
    End,
}

impl From<rusqlite::Error> for ArchiveError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// How much has been read or written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Rows of all tables.
    pub rows: u64,
    /// Texts in `blob/`.
    pub blobs: u64,
}

impl Archive {
    /// Writes everything, as it is at one moment; `told` hears of the rows.
    ///
    /// # Errors
    /// The state cannot be read, or the file not be written.
    pub fn write(
        store: &Store,
        out: &mut dyn Write,
        told: &dyn Fn(Counted),
    ) -> Result<Counted, ArchiveError> {
        let mut out = Lines { out, hash: blake3::Hasher::new() };
        let mut counted = Counted::default();
        let head =
            json!({ "prxy": KIND, "format": FORMAT, "schema": schema::VERSION, "made": now() });
        out.line(&head)?;
        let mut connection = store.database.connection();
        let transaction = connection.transaction()?;
        for (table, columns) in tables(&transaction)? {
            out.line(&json!({ "table": table, "columns": columns }))?;
            let mut all = transaction.prepare(&format!("SELECT * FROM {}", quoted(&table)))?;
            let mut rows = all.query([])?;
            while let Some(row) = rows.next()? {
                let cells = (0..columns.len()).map(|at| row.get_ref(at).map(spelled));
                out.line(&Value::Array(cells.collect::<Result<_, _>>()?))?;
                counted.rows += 1;
                told(counted);
            }
        }
        transaction.commit()?;
        drop(connection);
        let mut failed = None;
        store.blobs.each(&mut |_, content| {
            let text = match str::from_utf8(content) {
                Ok(text) => json!({ "text": text }),
                Err(_) => json!({ "hex": hex(content) }),
            };
            if failed.is_none() {
                failed = out.line(&json!({ "blob": text })).err();
            }
            counted.blobs += 1;
            told(counted);
            Ok(())
        })?;
        failed.map_or(Ok(()), Err)?;
        let sum = out.hash.finalize().to_hex().to_string();
        let Counted { rows, blobs } = counted;
        out.line(&json!({ "end": { "rows": rows, "blobs": blobs, "blake3": sum } }))?;
        out.out.flush()?;
        Ok(counted)
    }

    /// How much is in a file that was just written: its last line says so.
    ///
    /// # Errors
    /// It cannot be read, or has no such line.
    pub fn counted(mut file: &File) -> Result<Counted, ArchiveError> {
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(length.saturating_sub(LAST_LINE)))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        let last = tail.trim_ascii_end().rsplit(|byte| *byte == b'\n').next();
        let line: Value =
            serde_json::from_slice(last.unwrap_or_default()).map_err(|_| ArchiveError::End)?;
        let count = |key: &str| line["end"][key].as_u64().ok_or(ArchiveError::End);
        Ok(Counted { rows: count("rows")?, blobs: count("blobs")? })
    }

    /// Reads everything into a store that is new and empty; all of it or nothing, but for blobs.
    ///
    /// # Errors
    /// The file is not whole, not of this version, or the store cannot be written.
    pub fn read(
        store: &Store,
        input: &mut dyn BufRead,
        told: &dyn Fn(Counted),
    ) -> Result<Counted, ArchiveError> {
        let database = &store.database;
        let mut input = Reader { input, hash: blake3::Hasher::new(), number: 0 };
        let head = input.line()?.ok_or(ArchiveError::Format)?;
        if head["prxy"] != KIND || head["format"] != FORMAT {
            return Err(ArchiveError::Format);
        }
        let (found, known) = (head["schema"].as_i64().unwrap_or(0), schema::VERSION);
        if found != known {
            return Err(ArchiveError::Version { found, known });
        }
        let mut connection = database.connection();
        // Rows come table by table; whether they fit is asked at the end.
        connection.pragma_update(None, "foreign_keys", false)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let known = tables(&transaction)?;
        let mut insert = None;
        let mut counted = Counted::default();
        loop {
            let sum = input.hash.finalize();
            let line = input.line()?.ok_or(ArchiveError::End)?;
            let bad = || ArchiveError::Line(input.number);
            match &line {
                Value::Array(cells) => {
                    let (sql, columns): &(String, usize) = insert.as_ref().ok_or_else(bad)?;
                    if cells.len() != *columns {
                        return Err(bad());
                    }
                    let cells = cells.iter().map(|value| cell(value).ok_or_else(bad));
                    let cells = cells.collect::<Result<Vec<Cell>, _>>()?;
                    transaction.prepare_cached(sql)?.execute(params_from_iter(cells))?;
                    counted.rows += 1;
                }
                Value::Object(object) if object.contains_key("table") => {
                    let name = line["table"].as_str().ok_or_else(bad)?;
                    let columns = known.get(name).ok_or_else(bad)?;
                    if line["columns"] != json!(columns) {
                        return Err(bad());
                    }
                    let marks = vec!["?"; columns.len()].join(", ");
                    let sql = format!("INSERT INTO {} VALUES ({marks})", quoted(name));
                    insert = Some((sql, columns.len()));
                }
                Value::Object(object) if object.contains_key("blob") => {
                    let blob = &line["blob"];
                    match (blob["text"].as_str(), blob["hex"].as_str().and_then(unhex)) {
                        (Some(text), _) => store.blobs.put(text.as_bytes())?,
                        (None, Some(bytes)) => store.blobs.put(&bytes)?,
                        (None, None) => return Err(bad()),
                    };
                    counted.blobs += 1;
                }
                Value::Object(object) if object.contains_key("end") => {
                    let end = &line["end"];
                    let fits = end["rows"] == counted.rows
                        && end["blobs"] == counted.blobs
                        && end["blake3"] == sum.to_hex().as_str();
                    if !fits || input.line()?.is_some() {
                        return Err(ArchiveError::End);
                    }
                    break;
                }
                _ => return Err(bad()),
            }
            told(counted);
        }
        let broken = transaction.prepare("PRAGMA foreign_key_check")?.exists([])?;
        if broken {
            return Err(ArchiveError::End);
        }
        transaction.commit()?;
        connection.pragma_update(None, "foreign_keys", true)?;
        drop(connection);
        database.forget();
        Ok(counted)
    }
}

impl Store {
    /// Whether nothing has ever been kept in it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        let connection = self.database.connection();
        for table in tables(&connection)?.keys() {
            if connection.prepare(&format!("SELECT 1 FROM {}", quoted(table)))?.exists([])? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The tables and their columns, in order of their names.
fn tables(connection: &Connection) -> Result<BTreeMap<String, Vec<String>>, rusqlite::Error> {
    let mut names = connection.prepare(
        "SELECT m.name, c.name FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY m.name, c.cid",
    )?;
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut rows = names.query([])?;
    while let Some(row) = rows.next()? {
        all.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(all)
}

struct Lines<'a> {
    out: &'a mut dyn Write,
    hash: blake3::Hasher,
}

impl Lines<'_> {
    fn line(&mut self, value: &Value) -> Result<(), ArchiveError> {
        let mut text = value.to_string();
        text.push('\n');
        self.hash.update(text.as_bytes());
        Ok(self.out.write_all(text.as_bytes())?)
    }
}

struct Reader<'a> {
    input: &'a mut dyn BufRead,
    hash: blake3::Hasher,
    number: u64,
}

impl Reader<'_> {
    fn line(&mut self) -> Result<Option<Value>, ArchiveError> {
        let mut text = Vec::new();
        let limit = &mut io::Read::take(&mut *self.input, MAX_LINE);
        if io::BufRead::read_until(limit, b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.hash.update(&text);
        let line = serde_json::from_slice(&text).map_err(|_| ArchiveError::Line(self.number))?;
        Ok(Some(line))
    }
}

fn spelled(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => json!(number),
        ValueRef::Real(number) => json!({ "real": format!("{number:?}") }),
        ValueRef::Text(text) => match str::from_utf8(text) {
            Ok(text) => json!(text),
            Err(_) => json!({ "hex": hex(text) }),
        },
        ValueRef::Blob(bytes) => json!({ "hex": hex(bytes) }),
    }
}

fn cell(value: &Value) -> Option<Cell> {
    Some(match value {
        Value::Null => Cell::Null,
        Value::Number(number) => Cell::Integer(number.as_i64()?),
        Value::String(text) => Cell::Text(text.clone()),
        Value::Object(_) => match (value["real"].as_str(), value["hex"].as_str()) {
            (Some(number), _) => Cell::Real(number.parse().ok()?),
            (None, Some(digits)) => Cell::Blob(unhex(digits)?),
            (None, None) => return None,
        },
        _ => return None,
    })
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

const KIND: &str = "state";
/// The last line is shorter.
const LAST_LINE: u64 = 512;
/// Of the lines; the tables have a version of their own.
const FORMAT: u64 = 1;
/// Twice the longest blob, spelled in hexadecimal digits.
const MAX_LINE: u64 = 4 * super::blob::MAX_BYTES;
