//! Hands a key to SQLCipher without a copy in the text of a statement.

use std::ffi::c_int;
use std::fmt::Write as _;

use rusqlite::{Connection, ffi};
use zeroize::Zeroizing;

/// Sets the key of the main database; nothing may have been read or written there.
///
/// # Errors
/// SQLCipher does not take it; a wrong key shows at the first reading only.
pub fn unlock(connection: &Connection, key: &[u8; 32]) -> Result<(), rusqlite::Error> {
    let text = spelled(key);
    let length = c_int::try_from(text.len()).unwrap_or(0);
    // SAFETY: the handle is of an open connection that nobody else uses meanwhile, and the text is
    // live and as long as said; SQLCipher copies it, into memory that it wipes.
    let code = unsafe { sqlite3_key(connection.handle(), text.as_ptr(), length) };
    match code {
        ffi::SQLITE_OK => Ok(()),
        code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
    }
}

/// A key as such, not a passphrase: `x'…'`.
pub fn spelled(key: &[u8; 32]) -> Zeroizing<String> {
    // Long enough from the start: a string that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(3 + 2 * key.len()));
    text.push_str("x'");
    for byte in key {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\'');
    text
}

unsafe extern "C" {
    fn sqlite3_key(database: *mut ffi::sqlite3, key: *const u8, length: c_int) -> c_int;
}
