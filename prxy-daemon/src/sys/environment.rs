//! Removes secrets from the process environment, so that later forks do not carry them.

/// Overwrites the values of the named variables in the process' own memory and forgets them.
///
/// `std::env::remove_var` alone leaves the text in the initial stack, where every forked role
/// (and `/proc/PID/environ`) would keep it.
pub fn scrub(names: &[&str]) {
    // SAFETY: called before any thread exists, so nobody else reads `environ`. Entries are
    // NUL-terminated strings in writable memory (the initial stack, or malloc).
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            let text = *entry;
            let length = libc::strlen(text);
            let bytes = std::slice::from_raw_parts_mut(text.cast::<u8>(), length);
            if let Some(split) = bytes.iter().position(|byte| *byte == b'=')
                && names.iter().any(|name| name.as_bytes() == &bytes[..split])
            {
                for byte in &mut bytes[split + 1..] {
                    std::ptr::write_volatile(byte, b'\0');
                }
            }
            entry = entry.add(1);
        }
        for name in names {
            std::env::remove_var(name);
        }
    }
}

unsafe extern "C" {
    static mut environ: *mut *mut libc::c_char;
}
