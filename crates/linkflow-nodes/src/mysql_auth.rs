//! How MySQL and MariaDB let somebody prove that they know a password. Nothing here sends anything.

use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine as _;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

/// A way to prove it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// The usual one of MariaDB and of MySQL before version 8.
    Native,
    /// The usual one of MySQL since version 8.
    CachingSha2,
    /// The password as it is: only where nobody can listen.
    Clear,
}

impl Method {
    pub fn of(name: &[u8]) -> Option<Method> {
        Some(match name {
            b"mysql_native_password" => Method::Native,
            b"caching_sha2_password" => Method::CachingSha2,
            b"mysql_clear_password" => Method::Clear,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Method::Native => "mysql_native_password",
            Method::CachingSha2 => "caching_sha2_password",
            Method::Clear => "mysql_clear_password",
        }
    }

    /// The proof for a server that said `nonce`.
    pub fn proof(self, password: &str, nonce: &[u8]) -> Vec<u8> {
        match self {
            Method::Clear => ended(password),
            _ if password.is_empty() => Vec::new(),
            Method::Native => {
                let once = Sha1::digest(password);
                let twice = Sha1::digest(once);
                xor(&once, &Sha1::new().chain_update(nonce).chain_update(twice).finalize())
            }
            Method::CachingSha2 => {
                let once = Sha256::digest(password);
                let twice = Sha256::digest(once);
                xor(&once, &Sha256::new().chain_update(twice).chain_update(nonce).finalize())
            }
        }
    }
}

/// A password with the zero that ends it.
pub fn ended(password: &str) -> Vec<u8> {
    [password.as_bytes(), &[0]].concat()
}

/// The password, readable only for whom the key belongs to: for servers that ask for it without TLS.
pub fn sealed(password: &str, nonce: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    let mixed: Vec<u8> = ended(password).iter().zip(nonce.iter().cycle()).map(|(a, b)| a ^ b).collect();
    let text = std::str::from_utf8(key).ok()?;
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    let der = base64::engine::general_purpose::STANDARD.decode(lines.collect::<String>()).ok()?;
    let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&der).ok()?).ok()?;
    let mut out = vec![0; key.ciphertext_size()];
    let length = key.encrypt(&OAEP_SHA1_MGF1SHA1, &mixed, &mut out, None).ok()?.len();
    out.truncate(length);
    Some(out)
}

fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::{KeySize, OaepPrivateDecryptingKey, PrivateDecryptingKey};

    use super::*;

    /// The expected values are those of another client, PyMySQL.
    #[test]
    fn proofs_are_those_that_servers_expect() {
        let nonce = b"abcdefghij0123456789";
        for (method, expected) in [
            (Method::Native, "99db25ccb2a625f0e7cf4ce2e895ef9609dfe5e4"),
            (Method::CachingSha2, "bd7d89fc1c297010da753d08822e9e48d3eafbb6e68e1f9b403be12dc5687a40"),
        ] {
            assert_eq!(hex::encode(method.proof("secret", nonce)), expected, "{}", method.name());
            assert!(method.proof("", nonce).is_empty());
            assert_eq!(Method::of(method.name().as_bytes()), Some(method));
        }
        assert_eq!(Method::Clear.proof("secret", nonce), b"secret\0");
    }

    #[test]
    fn only_the_server_reads_a_sealed_password() {
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let der: Vec<u8> = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(&private.public_key())
            .unwrap()
            .as_ref()
            .to_vec();
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n",
            &body[..64],
            &body[64..]
        );
        let nonce = b"abcdefghij0123456789";
        let bytes = sealed("a password longer than the nonce", nonce, pem.as_bytes()).unwrap();
        let key = OaepPrivateDecryptingKey::new(private).unwrap();
        let mut out = vec![0; key.min_output_size()];
        let mixed = key.decrypt(&OAEP_SHA1_MGF1SHA1, &bytes, &mut out, None).unwrap();
        let plain: Vec<u8> = mixed.iter().zip(nonce.iter().cycle()).map(|(a, b)| a ^ b).collect();
        assert_eq!(plain, b"a password longer than the nonce\0");
        assert!(sealed("x", nonce, b"no key").is_none());
    }
}
