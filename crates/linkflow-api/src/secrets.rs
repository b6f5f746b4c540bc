//! Tokens and passwords: made here, shown once, kept as hashes.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::problem::Problem;

/// A hash of 19 MB each: more of them at once would only wait for each other.
static HASHERS: Semaphore = Semaphore::const_new(4);

/// 256 random bits in hex.
pub fn new_token() -> Result<String, Problem> {
    let mut bytes = [0u8; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Problem::internal(&"the system gives no random numbers"))?;
    Ok(hex::encode(bytes))
}

/// What is kept of a token.
pub fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// A hash of all parts, in hex.
pub fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
pub fn is_same(a: &[u8], b: &[u8]) -> bool {
    // Hashing first hides the length too.
    let (a, b) = (Sha256::digest(a), Sha256::digest(b));
    aws_lc_rs::constant_time::verify_slices_are_equal(&a, &b).is_ok()
}

/// The argon2id hash of a password, as a PHC text.
pub async fn hash_password(password: String) -> Result<String, Problem> {
    let _permit = HASHERS.acquire().await.map_err(|e| Problem::internal(&e))?;
    let hashed = tokio::task::spawn_blocking(move || {
        Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
    });
    hashed.await.map_err(|e| Problem::internal(&e))?.map_err(|e| Problem::internal(&e))
}

/// Whether `password` has this hash. Without a hash, as much time passes all the same, so that
/// nobody learns which people exist.
pub async fn is_password(password: String, hash: Option<String>) -> Result<bool, Problem> {
    let Some(hash) = hash else {
        hash_password(password).await?;
        return Ok(false);
    };
    let _permit = HASHERS.acquire().await.map_err(|e| Problem::internal(&e))?;
    let checked = tokio::task::spawn_blocking(move || {
        let parsed = PasswordHash::new(&hash).map_err(|_| "a stored password hash cannot be read")?;
        Ok::<_, &str>(Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
    });
    checked.await.map_err(|e| Problem::internal(&e))?.map_err(|e| Problem::internal(&e))
}
