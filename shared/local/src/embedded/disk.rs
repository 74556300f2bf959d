//! Flushing the write-ahead log to the disk.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The write-ahead log beside a database that stays open as long as this does (SQLite deletes it with the last
/// connection).
pub(super) struct Log {
    path: PathBuf,
    file: Option<File>,
    broken: bool,
}

impl Log {
    pub(super) fn beside(database: &Path) -> Self {
        let mut path = OsString::from(database);
        path.push("-wal");
        Self { path: path.into(), file: None, broken: false }
    }

    /// Waits until everything written so far is on the disk. After a failure it fails for ever: the kernel may have
    /// dropped the pages that it could not write, and a later success would say nothing about them.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("the log could not be flushed before; restart"));
        }
        let flushed = self.file().and_then(|file| file.sync_data());
        self.broken = flushed.is_err();
        flushed
    }

    fn file(&mut self) -> io::Result<&File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => File::open(&self.path)?,
        };
        Ok(self.file.insert(file))
    }
}
