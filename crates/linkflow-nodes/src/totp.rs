//! TOTP: the number that is valid now for a secret, as authenticator apps show it (RFC 6238).

use linkflow_model::{Item, Object};
use linkflow_node::{Category, CredentialSlot, Ctx, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::crypto::Hash;

pub struct Totp;

/// The secret that was given when the second factor was set up.
const SECRET: CredentialSlot =
    CredentialSlot { name: "totp", title: "TOTP", fields: &["secret", "label"], secret: &["secret"] };

/// Gives the number that is valid now for a secret.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// Details.
    options: Options,
}

/// Details.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// The hash function, such as `SHA1`.
    #[serde(deserialize_with = "lenient::text")]
    algorithm: String,
    /// How many digits the number has.
    #[serde(deserialize_with = "lenient::integer")]
    digits: i64,
    /// For how many seconds each number is valid.
    #[serde(deserialize_with = "lenient::integer")]
    period: i64,
}

impl Default for Options {
    fn default() -> Options {
        Options { algorithm: "SHA1".to_owned(), digits: 6, period: 30 }
    }
}

impl Node for Totp {
    const KIND: &'static str = "totp";
    const SPEC: Spec = Spec {
        title: "TOTP",
        summary: "Gives the number that is valid now for a secret.",
        category: Category::Data,
        aliases: &["otp", "2fa", "authenticator", "one-time password"],
        credentials: &[SECRET],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] =
        &[Example { title: "The number of now", params: "{}", input: "[]", output: "null" }];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let mut out = Vec::with_capacity(input.items().len());
        for i in 0..input.items().len() {
            let done = match input.params(i) {
                Ok(params) => answer(&params.options, ctx).await,
                Err(e) => Err(e),
            };
            out.push(match done {
                Ok(json) => Item::new(json).paired_with(i),
                Err(e) => ctx.failed_item(e, i)?,
            });
        }
        Ok(Outcome::items(out))
    }
}

async fn answer(options: &Options, ctx: &Ctx) -> Result<Object, NodeError> {
    let credential = ctx.host.credential(SECRET.name).await?;
    let secret = base32(credential.field("secret")?).ok_or_else(|| {
        NodeError::Credential(
            "the credential's field `secret` must be Base32: letters and the digits 2 to 7".to_owned(),
        )
    })?;
    let range = |field: &'static str, value: i64, max: i64| match (1..=max).contains(&value) {
        true => Ok(value as u64),
        false => Err(NodeError::param(field, format!("must be from 1 to {max}, got {value}"))),
    };
    let digits = range("options.digits", options.digits, 10)?;
    let period = range("options.period", options.period, 86_400)?;
    let hash = Hash::named(&options.algorithm).ok_or_else(|| {
        NodeError::param(
            "options.algorithm",
            format!("must be one such as SHA1, got \"{}\"", options.algorithm),
        )
    })?;
    let seconds = ctx.now.0 as u64 / 1_000;
    let token = number(hash, &secret, seconds / period, digits as u32);
    Ok(Object::from_iter([
        ("token".to_owned(), Value::String(token)),
        ("secondsRemaining".to_owned(), Value::from(period - seconds % period)),
    ]))
}

fn number(hash: Hash, secret: &[u8], step: u64, digits: u32) -> String {
    let digest = hash.keyed(secret, &step.to_be_bytes());
    let at = usize::from(digest[digest.len() - 1] & 0x0f);
    let code = u32::from_be_bytes([digest[at] & 0x7f, digest[at + 1], digest[at + 2], digest[at + 3]]);
    format!("{:0>1$}", u64::from(code) % 10_u64.pow(digits), digits as usize)
}

/// Bytes of letters and the digits 2 to 7; spaces and dashes between them do not count.
fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut n_bits) = (0_u32, 0);
    let mut bytes = Vec::new();
    for c in text.trim_end_matches('=').chars().filter(|c| !matches!(c, ' ' | '-')) {
        let value = match c.to_ascii_uppercase() {
            c @ 'A'..='Z' => c as u32 - 'A' as u32,
            c @ '2'..='7' => c as u32 - '2' as u32 + 26,
            _ => return None,
        };
        bits = bits << 5 | value;
        n_bits += 5;
        if n_bits >= 8 {
            n_bits -= 8;
            bytes.push((bits >> n_bits) as u8);
            bits &= (1 << n_bits) - 1;
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_standard() {
        // Appendix B of RFC 6238.
        let sha1 = b"12345678901234567890";
        assert_eq!(number(Hash::Sha1, sha1, 59 / 30, 8), "94287082");
        assert_eq!(number(Hash::Sha1, sha1, 1_111_111_109 / 30, 8), "07081804");
        let sha256 = b"12345678901234567890123456789012";
        assert_eq!(number(Hash::Sha256, sha256, 59 / 30, 8), "46119246");
    }

    #[test]
    fn secrets_are_base32() {
        assert_eq!(base32("GEZD GNBV-gy3tqojq").unwrap(), b"1234567890");
        assert_eq!(base32("1"), None);
        assert_eq!(base32(""), None);
    }
}
