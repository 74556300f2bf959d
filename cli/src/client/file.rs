//! Files on the disk of whoever uses the command line.

use super::Cx;
use anyhow::{Context, bail};
use serde_json::json;
use std::io::Write;
use std::path::Path;

/// Bytes of a file that we read.
const FILE_MAX: u64 = 256 * 1024 * 1024;

/// Reads a file.
///
/// # Errors
/// When it cannot be read, or is too large.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let size = std::fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?.len();
    if size > FILE_MAX {
        bail!("{}: larger than {} MiB", path.display(), FILE_MAX / 1024 / 1024);
    }
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Writes a file, or standard output, and tells how much it holds.
///
/// # Errors
/// When it cannot be written.
pub fn write(cx: &Cx, file: Option<&Path>, bytes: &[u8], rows: usize, what: &str) -> anyhow::Result<bool> {
    match file {
        Some(file) => {
            std::fs::write(file, bytes).with_context(|| format!("{} cannot be written", file.display()))?;
            let told = json!({"file": file, "rows": rows});
            cx.show.answer(&told, |_| format!("{rows} {what} written to {}", file.display()))?;
        }
        None => std::io::stdout().write_all(bytes)?,
    }
    Ok(true)
}
