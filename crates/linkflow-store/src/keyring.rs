//! The keys that wrap keys: how the fields of credentials are sealed and opened.
//!
//! Each credential has a random data key. AES-256-GCM seals its fields with the data key, and the
//! data key with the outer key, which has an id. Both bind the workspace, the credential and its
//! version, so that nothing sealed can be passed off as something else. Turning to a new outer key
//! wraps the data keys anew and leaves the fields as they are.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};

use crate::StoreError;

const KEY_LEN: usize = 32;

/// The outer keys: the first one seals, all of them open. Cannot be printed.
#[derive(Clone)]
pub struct Keyring {
    keys: Vec<OuterKey>,
}

#[derive(Clone)]
struct OuterKey {
    id: String,
    bytes: [u8; KEY_LEN],
}

/// What is stored of something sealed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub key_id: String,
    pub wrapped_key: Vec<u8>,
    pub sealed: Vec<u8>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<&str> = self.keys.iter().map(|k| k.id.as_str()).collect();
        write!(f, "Keyring({})", ids.join(", "))
    }
}

impl Keyring {
    /// A ring of the key that `secret` says and of older ones that still open. A secret is 64 hex
    /// digits, or any text of at least 32 bytes.
    pub fn new(secret: &str, older: &[&str]) -> Result<Keyring, StoreError> {
        let keys = std::iter::once(&secret).chain(older).map(|secret| OuterKey::of(secret));
        Ok(Keyring { keys: keys.collect::<Result<_, _>>()? })
    }

    /// The key in the file at `path`; made at random, with mode 0600, when there is none.
    pub fn in_file(path: &Path) -> Result<Keyring, StoreError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Keyring::new(text.trim(), &[]),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let secret = hex::encode(random::<KEY_LEN>()?);
                write_private(path, &secret).map_err(|e| StoreError::io(path, &e))?;
                Keyring::new(&secret, &[])
            }
            Err(e) => Err(StoreError::io(path, &e)),
        }
    }

    /// The id of the key that seals now.
    pub fn current_id(&self) -> &str {
        &self.keys[0].id
    }

    pub(crate) fn seal(&self, plain: &[u8], bound_to: &[u8]) -> Result<Sealed, StoreError> {
        let data_key = random::<KEY_LEN>()?;
        Ok(Sealed {
            key_id: self.keys[0].id.clone(),
            wrapped_key: encrypt(&self.keys[0].bytes, &data_key, &labelled(b"key", bound_to))?,
            sealed: encrypt(&data_key, plain, &labelled(b"data", bound_to))?,
        })
    }

    pub(crate) fn open(&self, sealed: &Sealed, bound_to: &[u8]) -> Result<Vec<u8>, StoreError> {
        let data_key = self.unwrap(sealed, bound_to)?;
        decrypt(&data_key, &sealed.sealed, &labelled(b"data", bound_to))
    }

    /// The same sealed fields under the current key; `None` when they are under it already.
    pub(crate) fn rewrap(&self, sealed: &Sealed, bound_to: &[u8]) -> Result<Option<Sealed>, StoreError> {
        if sealed.key_id == self.keys[0].id {
            return Ok(None);
        }
        let data_key = self.unwrap(sealed, bound_to)?;
        let wrapped_key = encrypt(&self.keys[0].bytes, &data_key, &labelled(b"key", bound_to))?;
        Ok(Some(Sealed { key_id: self.keys[0].id.clone(), wrapped_key, sealed: sealed.sealed.clone() }))
    }

    fn unwrap(&self, sealed: &Sealed, bound_to: &[u8]) -> Result<[u8; KEY_LEN], StoreError> {
        let outer = self.keys.iter().find(|key| key.id == sealed.key_id).ok_or_else(|| {
            StoreError::Unreadable(format!(
                "it was sealed with the key {}, which is not among the given ones; give that key as SECRET_KEY",
                sealed.key_id
            ))
        })?;
        let key = decrypt(&outer.bytes, &sealed.wrapped_key, &labelled(b"key", bound_to))?;
        key.try_into().map_err(|_| broken())
    }
}

impl OuterKey {
    fn of(secret: &str) -> Result<OuterKey, StoreError> {
        let bytes: [u8; KEY_LEN] = match hex::decode(secret) {
            Ok(bytes) if bytes.len() == KEY_LEN => bytes.try_into().map_err(|_| broken())?,
            _ if secret.len() >= KEY_LEN => Sha256::digest(secret.as_bytes()).into(),
            _ => {
                let problem = "must be 64 hex digits, or a random text of at least 32 characters";
                return Err(StoreError::invalid("SECRET_KEY", problem));
            }
        };
        let mut id = Sha256::new();
        id.update(b"linkflow key id");
        id.update(bytes);
        Ok(OuterKey { id: hex::encode(&id.finalize()[..8]), bytes })
    }
}

fn labelled(label: &[u8], bound_to: &[u8]) -> Vec<u8> {
    [label, b"/", bound_to].concat()
}

fn broken() -> StoreError {
    StoreError::Unreadable("something sealed was changed, or belongs to something else".to_owned())
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| StoreError::Database("the system gives no random numbers".to_owned()))?;
    Ok(bytes)
}

fn cipher(key: &[u8; KEY_LEN]) -> Result<LessSafeKey, StoreError> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| broken())
}

/// The nonce, then the encrypted bytes with their tag.
fn encrypt(key: &[u8; KEY_LEN], plain: &[u8], aad: &[u8]) -> Result<Vec<u8>, StoreError> {
    let nonce = random::<NONCE_LEN>()?;
    let mut sealed = plain.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut sealed)
        .map_err(|_| broken())?;
    Ok([&nonce[..], &sealed].concat())
}

fn decrypt(key: &[u8; KEY_LEN], sealed: &[u8], aad: &[u8]) -> Result<Vec<u8>, StoreError> {
    let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
    let mut plain = rest.to_vec();
    let opened = cipher(key)?.open_in_place(nonce, Aad::from(aad), &mut plain);
    let length = opened.map_err(|_| broken())?.len();
    plain.truncate(length);
    Ok(plain)
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "an old secret that is long enough to be one";
    const NEW: &str = "a new secret that is long enough to be one.";

    #[test]
    fn only_the_same_key_and_the_same_place_open_what_was_sealed() {
        let ring = Keyring::new(OLD, &[]).unwrap();
        let sealed = ring.seal(b"hello", b"w/c/1").unwrap();
        assert_eq!(ring.open(&sealed, b"w/c/1").unwrap(), b"hello");
        assert!(ring.open(&sealed, b"w/c/2").is_err());
        assert!(Keyring::new(NEW, &[]).unwrap().open(&sealed, b"w/c/1").is_err());
        let mut changed = sealed.clone();
        *changed.sealed.last_mut().unwrap() ^= 1;
        assert!(ring.open(&changed, b"w/c/1").is_err());
    }

    #[test]
    fn a_new_key_wraps_anew_and_leaves_the_fields_as_they_are() {
        let sealed = Keyring::new(OLD, &[]).unwrap().seal(b"hello", b"x").unwrap();
        let both = Keyring::new(NEW, &[OLD]).unwrap();
        let rewrapped = both.rewrap(&sealed, b"x").unwrap().unwrap();
        assert_eq!(rewrapped.sealed, sealed.sealed);
        assert!(both.rewrap(&rewrapped, b"x").unwrap().is_none());
        assert_eq!(Keyring::new(NEW, &[]).unwrap().open(&rewrapped, b"x").unwrap(), b"hello");
    }

    #[test]
    fn a_key_file_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/secret.key");
        let sealed = Keyring::in_file(&path).unwrap().seal(b"hello", b"x").unwrap();
        assert_eq!(Keyring::in_file(&path).unwrap().open(&sealed, b"x").unwrap(), b"hello");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_short_secret_is_refused_and_nothing_shows_a_key() {
        assert!(Keyring::new("short", &[]).unwrap_err().to_string().contains("SECRET_KEY"));
        let shown = format!("{:?}", Keyring::new(&"ab".repeat(32), &[]).unwrap());
        assert!(!shown.contains("abab"), "{shown}");
    }
}
