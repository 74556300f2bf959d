//! Sealing secrets with a passphrase, for the way from one hub to another: Argon2id makes the key, ChaCha20-Poly1305 seals.

use argon2::Argon2;
use engine::Error;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// The shortest passphrase, characters: the file may be kept where anybody can try for years.
pub const SHORTEST: usize = 12;
/// What a sealed text begins with: says how it was sealed.
const MAGIC: &[u8] = b"evenstock-sealed-1\n";
const SALT: usize = 16;
const KEY: usize = 32;

/// Seals `plain`. The salt must never have been used before: take it from a random source.
///
/// # Errors
/// [`Error::Invalid`] when the passphrase is too short.
pub fn seal(passphrase: &str, salt: [u8; SALT], plain: &[u8]) -> Result<Vec<u8>, Error> {
    if passphrase.chars().count() < SHORTEST {
        return Err(Error::Invalid(format!("passphrase: at least {SHORTEST} characters")));
    }
    let mut sealed = plain.to_vec();
    // a key of its own for each salt, so one nonce is enough
    let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
    let done = key(passphrase, &salt)?.seal_in_place_append_tag(nonce, Aad::from(MAGIC), &mut sealed);
    done.map_err(|_| Error::Invalid("secrets: too much to seal".into()))?;
    Ok([MAGIC, &salt, &sealed].concat())
}

/// Opens what [`seal`] gave.
///
/// # Errors
/// [`Error::Invalid`] when it is something else, or the passphrase is another.
pub fn open(passphrase: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let foreign = || Error::Invalid("secrets: they were not sealed by this version".into());
    let rest = sealed.strip_prefix(MAGIC).ok_or_else(foreign)?;
    let (salt, sealed) = rest.split_at_checked(SALT).ok_or_else(foreign)?;
    let mut plain = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
    let opened = key(passphrase, salt)?.open_in_place(nonce, Aad::from(MAGIC), &mut plain);
    let length = opened.map_err(|_| Error::Invalid("passphrase: it is not the one of the export".into()))?.len();
    plain.truncate(length);
    Ok(plain)
}

fn key(passphrase: &str, salt: &[u8]) -> Result<LessSafeKey, Error> {
    let mut bytes = [0; KEY];
    let made = Argon2::default().hash_password_into(passphrase.as_bytes(), salt, &mut bytes);
    made.map_err(|error| Error::Invalid(format!("passphrase: {error}")))?;
    let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes);
    Ok(LessSafeKey::new(key.unwrap_or_else(|_| unreachable!("the key has the algorithm's length"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSPHRASE: &str = "four words are enough";

    #[test]
    fn what_is_sealed_is_opened_by_its_passphrase_alone() {
        let sealed = seal(PASSPHRASE, [7; SALT], b"api key").expect("sealed");
        assert!(!sealed.windows(7).any(|window| window == b"api key"));
        assert_eq!(open(PASSPHRASE, &sealed).expect("opened"), b"api key");
        assert!(open("four words are enougH", &sealed).expect_err("another").to_string().contains("passphrase"));
        let mut torn = sealed.clone();
        torn[40] ^= 1;
        assert!(open(PASSPHRASE, &torn).is_err());
        assert!(open(PASSPHRASE, b"nonsense").expect_err("foreign").to_string().contains("not sealed"));
        assert!(seal("short", [7; SALT], b"x").is_err());
    }
}
