//! Passwords: kept as Argon2id hashes in PHC form, with the parameters that the crate takes from the OWASP cheat sheet
//! (19 MiB, 2 passes). Slow by design, so it works on a thread of its own.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use engine::Error;
use tokio::task::spawn_blocking;

/// The shortest password: NIST SP 800-63B-4 asks for 15 where it is the only proof. <https://pages.nist.gov/800-63-4/sp800-63b.html>
pub const SHORTEST: usize = 15;
/// The longest, bytes: hashing takes longer with it.
pub const LONGEST: usize = 256;

/// Whether a password is long enough, and not so long that it is an attack.
///
/// # Errors
/// [`Error::Invalid`] that says which.
pub fn accept(password: &str) -> Result<(), Error> {
    if password.chars().count() < SHORTEST {
        return Err(Error::Invalid(format!("password: at least {SHORTEST} characters; some words that you remember")));
    }
    if password.len() > LONGEST {
        return Err(Error::Invalid(format!("password: at most {LONGEST} bytes")));
    }
    Ok(())
}

/// The hash of a password, with a random salt.
///
/// # Errors
/// [`Error::Invalid`] when it is too short or too long.
pub async fn hash(password: String) -> Result<String, Error> {
    accept(&password)?;
    let hashed =
        spawn_blocking(move || Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string()));
    match hashed.await {
        Ok(Ok(hash)) => Ok(hash),
        Ok(Err(error)) => Err(Error::Invalid(format!("password: it cannot be hashed: {error}"))),
        Err(error) => Err(Error::Conflict(format!("password: hashing broke off: {error}"))),
    }
}

/// Whether it is the password behind this hash. Without a hash it is not, but that takes as long to say.
pub async fn verify(password: String, hash: Option<String>) -> bool {
    if password.len() > LONGEST {
        return false;
    }
    let verified = spawn_blocking(move || {
        let known = PasswordHash::new(hash.as_deref().unwrap_or(NOBODY));
        let same = known.is_ok_and(|known| Argon2::default().verify_password(password.as_bytes(), &known).is_ok());
        same && hash.is_some()
    });
    verified.await.unwrap_or(false)
}

/// A hash that nobody has, for names that nobody has.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IG9mIG91cnM$Ux0nV1W6Yq0cQ3K0mJXxJ7B1yLZ0oJmTqYkXW2cV3aE";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_verified_by_its_hash() {
        let hash = super::hash("correct horse battery".into()).await.expect("long enough");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify("correct horse battery".into(), Some(hash.clone())).await);
        assert!(!verify("correct horse batterz".into(), Some(hash)).await);
        assert!(!verify("correct horse battery".into(), None).await);
    }

    #[test]
    fn the_hash_of_nobody_can_be_read() {
        assert!(PasswordHash::new(NOBODY).is_ok(), "or an unknown name would be told sooner than a wrong password");
    }

    #[test]
    fn a_password_has_a_length() {
        assert!(accept("short").is_err() && accept(&"x".repeat(LONGEST + 1)).is_err());
        assert!(accept("fifteen letters").is_ok());
    }
}
