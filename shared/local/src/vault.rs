//! The Vault port over one file that only its owner can read.

use crate::folder;
use async_trait::async_trait;
use channels::Secrets;
use engine::ports::{Vault, VaultError};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const FILE: &str = "secrets.json";
const LOCK: &str = "secrets.lock";
/// Read and write for the owner, nothing for anybody else.
const OWNER_ONLY: u32 = 0o600;
const OTHERS: u32 = 0o077;

type Names = BTreeMap<String, Secrets>;

/// A [`Vault`] in `secrets.json`. Other processes may write it too: each write happens under a lock file and replaces
/// the file, which every reader notices.
#[derive(Debug, Clone)]
pub struct FileVault {
    folder: Arc<PathBuf>,
    cache: Arc<Mutex<Kept>>,
}

#[derive(Debug)]
struct Kept {
    names: Names,
    version: Version,
}

/// Tells one file from the one that replaces it: its number and the nanosecond of its last change.
type Version = Option<(u64, i64, i64)>;

impl FileVault {
    /// Opens the vault in `folder`, creating the folder. The file appears with the first secret.
    ///
    /// # Errors
    /// [`VaultError`] when the file is readable by others than its owner, or is not ours.
    pub fn open(folder: &Path) -> Result<Self, VaultError> {
        folder::make(folder).map_err(|error| failed("open", error.to_string()))?;
        let kept = load(folder)?;
        Ok(Self { folder: Arc::new(folder.to_owned()), cache: Arc::new(Mutex::new(kept)) })
    }

    fn cached(&self) -> MutexGuard<'_, Kept> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refresh(&self) -> Result<(), VaultError> {
        let kept = load(&self.folder)?;
        *self.cached() = kept;
        Ok(())
    }

    fn change(&self, edit: impl FnOnce(&mut Names)) -> Result<(), VaultError> {
        let lock = lock(&self.folder).map_err(|error| failed("lock", error.to_string()))?;
        let mut names = read(&self.folder)?;
        edit(&mut names);
        write(&self.folder, &names).map_err(|error| failed("write", error.to_string()))?;
        drop(lock);
        self.refresh()
    }
}

#[async_trait]
impl Vault for FileVault {
    async fn get(&self, name: &str, fresh: bool) -> Result<Option<Secrets>, VaultError> {
        if fresh || self.cached().version != version(&self.folder) {
            let vault = self.clone();
            aside(move || vault.refresh()).await?;
        }
        Ok(self.cached().names.get(name).cloned())
    }

    async fn put(&self, name: &str, secrets: &Secrets) -> Result<(), VaultError> {
        let (vault, name, secrets) = (self.clone(), name.to_owned(), secrets.clone());
        aside(move || vault.change(|names| drop(names.insert(name, secrets)))).await
    }

    async fn delete(&self, name: &str) -> Result<(), VaultError> {
        let (vault, name) = (self.clone(), name.to_owned());
        aside(move || vault.change(|names| drop(names.remove(&name)))).await
    }
}

/// Waits for the disk on a thread that may wait.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(failed("finish", error.to_string())))
}

/// The version is taken first: should the file be replaced in between, the next read loads it again.
fn load(folder: &Path) -> Result<Kept, VaultError> {
    let version = version(folder);
    Ok(Kept { names: read(folder)?, version })
}

fn version(folder: &Path) -> Version {
    let file = fs::metadata(folder.join(FILE)).ok()?;
    Some((file.ino(), file.mtime(), file.mtime_nsec()))
}

fn read(folder: &Path) -> Result<Names, VaultError> {
    let path = folder.join(FILE);
    let text = match open_private(&path) {
        Ok(file) => io::read_to_string(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Names::new()),
        Err(error) => Err(error),
    };
    let text = text.map_err(|error| failed("read its file", error.to_string()))?;
    // the parser's own words could quote a secret
    serde_json::from_str(&text).map_err(|_| failed("read its file", format!("{} is not ours", path.display())))
}

fn open_private(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    if mode & OTHERS == 0 {
        return Ok(file);
    }
    let shown = path.display();
    Err(io::Error::other(format!("others can read {shown} (mode {:o}); run: chmod 600 {shown}", mode & 0o777)))
}

/// Held until the file is dropped.
fn lock(folder: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).mode(OWNER_ONLY).open(folder.join(LOCK))?;
    file.lock()?;
    Ok(file)
}

/// Either the old file or the whole new one is there, whenever the machine stops.
fn write(folder: &Path, names: &Names) -> io::Result<()> {
    let fresh = folder.join("secrets.json.new");
    // one left by a crash may have any mode
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().create_new(true).write(true).mode(OWNER_ONLY).open(&fresh)?;
    file.write_all(serde_json::to_string_pretty(names)?.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, folder.join(FILE))?;
    folder::sync(folder)
}

fn failed(action: &'static str, reason: impl Into<String>) -> VaultError {
    VaultError { action, reason: reason.into() }
}
