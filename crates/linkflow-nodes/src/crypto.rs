//! Crypto: hashes, keyed hashes, signatures and random values, in a field of each item. The
//! algorithms themselves are libraries'.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use linkflow_expr::Resolved;
use linkflow_model::{Item, Object};
use linkflow_node::lenient::{self, show};
use linkflow_node::{Category, CredentialSlot, Ctx, Example, Input, Node, NodeError, Outcome, Secret, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Digest;

pub struct Crypto;

/// Longest random text.
const LENGTH_MAX: usize = 1_000_000;

/// The keys, for those who do not write them into the workflow.
const KEYS: CredentialSlot = CredentialSlot {
    name: "crypto",
    title: "Keys",
    fields: &["hmac_secret", "sign_private_key"],
    secret: &["hmac_secret", "sign_private_key"],
};

/// Makes hashes, keyed hashes, signatures and random values.
///
/// Signing knows RSA with SHA-256, SHA-384 and SHA-512, and ECDSA on P-256 and P-384.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// What is made.
    #[serde(default)]
    action: Action,
    /// The hash function, for hashes and keyed hashes.
    #[serde(default, rename = "type")]
    hash: Hash,
    /// Whether the content of a file is hashed, and not `value`.
    #[serde(default, deserialize_with = "lenient::flag")]
    binary_data: bool,
    /// Name of the file's property.
    #[serde(default = "data", deserialize_with = "lenient::text")]
    binary_property_name: String,
    /// The text that is hashed or signed.
    #[serde(default = "no_text")]
    value: Value,
    /// Name of the field that gets the result. Dots are part of the name.
    #[serde(default = "data", deserialize_with = "lenient::text")]
    data_property_name: String,
    /// How hashes and signatures are written.
    #[serde(default)]
    encoding: Encoding,
    /// The secret of a keyed hash; without it, that of the credential.
    #[serde(default, deserialize_with = "lenient::text")]
    secret: String,
    /// The hash function of a signature, such as `RSA-SHA256`.
    #[serde(default, deserialize_with = "lenient::text")]
    algorithm: String,
    /// The private key of a signature, as PEM; without it, that of the credential.
    #[serde(default, deserialize_with = "lenient::text")]
    private_key: String,
    /// The form of a random value.
    #[serde(default)]
    encoding_type: Form,
    /// Length of a random value, except for UUIDs.
    #[serde(default = "thirty_two", deserialize_with = "lenient::integer")]
    #[schemars(range(min = 0, max = 1_000_000))]
    string_length: i64,
}

fn data() -> String {
    "data".to_owned()
}

fn no_text() -> Value {
    Value::String(String::new())
}

fn thirty_two() -> i64 {
    32
}

/// What is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// A random value.
    Generate,
    /// A hash.
    #[default]
    Hash,
    /// A hash with a secret (HMAC).
    Hmac,
    /// A signature.
    Sign,
}

/// A hash function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub enum Hash {
    /// MD5; broken, for old partners only.
    #[serde(rename = "MD5")]
    Md5,
    /// SHA-1; broken, for old partners only.
    #[serde(rename = "SHA1")]
    Sha1,
    /// SHA-224.
    #[serde(rename = "SHA224")]
    Sha224,
    /// SHA-256.
    #[default]
    #[serde(rename = "SHA256")]
    Sha256,
    /// SHA3-224.
    #[serde(rename = "SHA3-224")]
    Sha3_224,
    /// SHA3-256.
    #[serde(rename = "SHA3-256")]
    Sha3_256,
    /// SHA3-384.
    #[serde(rename = "SHA3-384")]
    Sha3_384,
    /// SHA3-512.
    #[serde(rename = "SHA3-512")]
    Sha3_512,
    /// SHA-384.
    #[serde(rename = "SHA384")]
    Sha384,
    /// SHA-512.
    #[serde(rename = "SHA512")]
    Sha512,
}

/// How bytes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Encoding {
    /// Base64.
    Base64,
    /// Hexadecimal digits.
    #[default]
    Hex,
}

/// The form of a random value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Form {
    /// Any ASCII characters, also such as cannot be printed.
    Ascii,
    /// Letters and digits.
    Base64,
    /// Hexadecimal digits.
    Hex,
    /// A UUID.
    #[default]
    Uuid,
}

impl Node for Crypto {
    const KIND: &'static str = "crypto";
    const SPEC: Spec = Spec {
        title: "Crypto",
        summary: "Makes hashes, keyed hashes, signatures and random values.",
        category: Category::Data,
        aliases: &["hash", "md5", "sha256", "hmac", "sign", "uuid", "random", "encrypt"],
        credentials: &[KEYS],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Hash an address",
            params: r#"{"type": "MD5", "value": "={{ $json.email }}", "dataPropertyName": "hash"}"#,
            input: r#"[{"email": "a@example.com"}]"#,
            output: r#"[[{"email": "a@example.com", "hash": "b418773a2c51fb9777a1648346fa7394"}]]"#,
        },
        Example {
            title: "Make a random id for each item",
            params: r#"{"action": "generate", "encodingType": "uuid", "dataPropertyName": "id"}"#,
            input: r#"[{"name": "Ada"}]"#,
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let mut out = Vec::with_capacity(input.items().len());
        for (index, item) in input.items().iter().enumerate() {
            if ctx.cancel.is_cancelled() {
                return Err(NodeError::Canceled);
            }
            out.push(match changed(&input, item, index, ctx).await {
                Ok(item) => item,
                Err(error) => ctx.failed_item(error, index)?,
            });
        }
        Ok(Outcome::items(out))
    }
}

/// `item` with what was made.
async fn changed(input: &Input<Params>, item: &Item, index: usize, ctx: &Ctx) -> Result<Item, NodeError> {
    let params = input.params(index)?;
    if !params.binary_data && params.action != Action::Generate {
        must_be_there(input, index)?;
    }
    if params.data_property_name.is_empty() {
        return Err(NodeError::param("dataPropertyName", "must not be empty"));
    }
    let made = match params.action {
        Action::Generate => params.random()?,
        Action::Hash => params.encoding.write(&params.hash.of(&[&params.content(item, ctx).await?])),
        Action::Hmac => {
            let secret = key(&params.secret, "secret", "hmac_secret", ctx).await?;
            params.encoding.write(&params.hash.keyed(secret.as_bytes(), &params.content(item, ctx).await?))
        }
        Action::Sign => {
            let pem = key(&params.private_key, "privateKey", "sign_private_key", ctx).await?;
            params.encoding.write(&signature(&params.algorithm, &pem, &params.text()?)?)
        }
    };
    let mut json = Object::clone(&item.json);
    json.insert(params.data_property_name.clone(), Value::String(made));
    Ok(Item { binary: item.binary.clone(), ..Item::new(json) }.paired_with(index))
}

/// An expression that gives nothing is no empty text.
fn must_be_there(input: &Input<Params>, index: usize) -> Result<(), NodeError> {
    let value = input.part("value").map(|value| input.evaluate(value, index)).transpose()?;
    match value {
        Some(Resolved::Undefined) => Err(NodeError::param("value", "must be text, got nothing")),
        _ => Ok(()),
    }
}

/// The key that the parameter `field` holds, or else that of the credential.
async fn key(written: &str, field: &str, of_credential: &str, ctx: &Ctx) -> Result<String, NodeError> {
    if !written.is_empty() {
        return Ok(written.to_owned());
    }
    let credential: Secret = ctx.host.credential(KEYS.name).await.map_err(|e| {
        NodeError::Credential(format!("`{field}` is empty, and the credential cannot be used: {e}"))
    })?;
    match credential.field(of_credential)? {
        "" => Err(NodeError::Credential(format!("the credential's field `{of_credential}` is empty"))),
        key => Ok(key.to_owned()),
    }
}

impl Params {
    /// What is hashed.
    async fn content(&self, item: &Item, ctx: &Ctx) -> Result<Bytes, NodeError> {
        if !self.binary_data {
            return Ok(Bytes::from(self.text()?));
        }
        let name = &self.binary_property_name;
        let file = item.binary.as_ref().and_then(|files| files.get(name)).ok_or_else(|| {
            NodeError::param("binaryPropertyName", format!("the item has no file \"{name}\""))
        })?;
        if file.bytes > ctx.limits.file_bytes_max as u64 {
            let limit = format!("{} bytes", ctx.limits.file_bytes_max);
            return Err(NodeError::Limit { what: format!("the size of the file \"{name}\""), limit });
        }
        ctx.blobs.read(file).await
    }

    fn text(&self) -> Result<String, NodeError> {
        match &self.value {
            Value::String(text) => Ok(text.clone()),
            other => Err(NodeError::param("value", format!("must be text, got {}", show(other)))),
        }
    }

    fn random(&self) -> Result<String, NodeError> {
        let length = usize::try_from(self.string_length).ok().filter(|l| *l <= LENGTH_MAX);
        let length = length.ok_or_else(|| {
            let problem = format!("must be from 0 to {LENGTH_MAX}, got {}", self.string_length);
            NodeError::param("stringLength", problem)
        })?;
        match self.encoding_type {
            Form::Uuid => Ok(uuid::Uuid::new_v4().to_string()),
            Form::Hex => random(length.div_ceil(2)).map(|b| hex::encode(b)[..length].to_owned()),
            Form::Ascii => random(length).map(|b| b.into_iter().map(|b| char::from(b & 0x7f)).collect()),
            Form::Base64 => letters_and_digits(length),
        }
    }
}

fn random(length: usize) -> Result<Vec<u8>, NodeError> {
    let mut bytes = vec![0; length];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NodeError::data("the system gives no random numbers"))?;
    Ok(bytes)
}

fn letters_and_digits(length: usize) -> Result<String, NodeError> {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let more = STANDARD.encode(random(length)?);
        let rest = length - text.len();
        text.extend(more.chars().filter(char::is_ascii_alphanumeric).take(rest));
    }
    Ok(text)
}

impl Encoding {
    fn write(self, bytes: &[u8]) -> String {
        match self {
            Encoding::Base64 => STANDARD.encode(bytes),
            Encoding::Hex => hex::encode(bytes),
        }
    }
}

impl Hash {
    /// The function of that name.
    pub fn named(name: &str) -> Option<Hash> {
        serde_json::from_value(Value::String(name.to_owned())).ok()
    }

    /// The hash of the parts, one behind the other.
    fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        fn digest<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let mut digest = D::new();
            parts.iter().for_each(|part| digest.update(part));
            digest.finalize().to_vec()
        }
        match self {
            Hash::Md5 => digest::<md5::Md5>(parts),
            Hash::Sha1 => digest::<sha1::Sha1>(parts),
            Hash::Sha224 => digest::<sha2::Sha224>(parts),
            Hash::Sha256 => digest::<sha2::Sha256>(parts),
            Hash::Sha3_224 => digest::<sha3::Sha3_224>(parts),
            Hash::Sha3_256 => digest::<sha3::Sha3_256>(parts),
            Hash::Sha3_384 => digest::<sha3::Sha3_384>(parts),
            Hash::Sha3_512 => digest::<sha3::Sha3_512>(parts),
            Hash::Sha384 => digest::<sha2::Sha384>(parts),
            Hash::Sha512 => digest::<sha2::Sha512>(parts),
        }
    }

    /// HMAC as RFC 2104 says; written out because no library at hand has it for all functions.
    pub fn keyed(self, secret: &[u8], content: &[u8]) -> Vec<u8> {
        let mut block = vec![0u8; self.block_bytes()];
        if secret.len() > block.len() {
            let hashed = self.of(&[secret]);
            block[..hashed.len()].copy_from_slice(&hashed);
        } else {
            block[..secret.len()].copy_from_slice(secret);
        }
        let pad = |with: u8| block.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
        let inner = self.of(&[&pad(0x36), content]);
        self.of(&[&pad(0x5c), &inner])
    }

    /// Bytes that the function takes in at a time.
    fn block_bytes(self) -> usize {
        match self {
            Hash::Md5 | Hash::Sha1 | Hash::Sha224 | Hash::Sha256 => 64,
            Hash::Sha384 | Hash::Sha512 => 128,
            Hash::Sha3_224 => 144,
            Hash::Sha3_256 => 136,
            Hash::Sha3_384 => 104,
            Hash::Sha3_512 => 72,
        }
    }
}

/// The signature of `text` with the key in `pem`.
fn signature(algorithm: &str, pem: &str, text: &str) -> Result<Vec<u8>, NodeError> {
    let name = algorithm.to_ascii_lowercase().replace("withrsaencryption", "").replace("rsa-", "");
    let (rsa, ecdsa) = match name.as_str() {
        "sha256" => (&RSA_PKCS1_SHA256, Some(&ECDSA_P256_SHA256_ASN1_SIGNING)),
        "sha384" => (&RSA_PKCS1_SHA384, Some(&ECDSA_P384_SHA384_ASN1_SIGNING)),
        "sha512" => (&RSA_PKCS1_SHA512, None),
        _ => {
            let problem = format!("must be RSA-SHA256, RSA-SHA384 or RSA-SHA512, got \"{algorithm}\"");
            return Err(NodeError::param("algorithm", problem));
        }
    };
    let der = der(pem).ok_or_else(|| NodeError::param("privateKey", "must be a private key as PEM"))?;
    let random = SystemRandom::new();
    let failed = || NodeError::data("the key cannot sign");
    if let Ok(pair) = RsaKeyPair::from_pkcs8(&der).or_else(|_| RsaKeyPair::from_der(&der)) {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(rsa, &random, text.as_bytes(), &mut signature).map_err(|_| failed())?;
        return Ok(signature);
    }
    if let Some(pair) = ecdsa.and_then(|curve| EcdsaKeyPair::from_pkcs8(curve, &der).ok()) {
        let signature = pair.sign(&random, text.as_bytes()).map_err(|_| failed())?;
        return Ok(signature.as_ref().to_vec());
    }
    Err(NodeError::param(
        "privateKey",
        "must be an RSA key of 2048 bits or more, or a key on P-256 for SHA-256 or P-384 for SHA-384, not encrypted",
    ))
}

/// The content of PEM; line breaks may have become spaces or `\n` on the way.
fn der(pem: &str) -> Option<Vec<u8>> {
    let (_, behind) = pem.split_once("-----BEGIN ")?;
    let (_, body) = behind.split_once("-----")?;
    let (body, _) = body.split_once("-----END ")?;
    let body: String = body.replace("\\n", "").split_whitespace().collect();
    STANDARD.decode(body).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use linkflow_model::OnError;
    use linkflow_node::NodeKind;
    use linkflow_node::testing::{TestHost, ctx, input, items};
    use serde_json::json;

    use super::*;

    /// What comes out for one item of `json`, whose file `data` has the content `hello`.
    async fn run(params: &Value, json: Value, host: TestHost, on_error: OnError) -> Result<Value, String> {
        let dir = tempfile::tempdir().unwrap();
        let mut ctx = ctx(dir.path(), Arc::new(host));
        ctx.on_error = on_error;
        let mut given = items(&json!([json]));
        let file = ctx.blobs.store(b"hello", "text/plain", None).await.unwrap();
        given[0].binary = Some(Arc::new(BTreeMap::from([("data".to_owned(), file)])));
        match NodeKind::of::<Crypto>().run(input(params, vec![given]), &ctx).await {
            Ok(Outcome::Items(out)) => Ok(json!(*out.ports[0][0].json)),
            Ok(other) => panic!("{other:?}"),
            Err(e) => Err(e.to_string()),
        }
    }

    async fn made(params: Value) -> String {
        let out = run(&params, json!({}), TestHost::default(), OnError::Stop).await.unwrap();
        out["data"].as_str().unwrap().to_owned()
    }

    async fn refused(params: Value) -> String {
        run(&params, json!({}), TestHost::default(), OnError::Stop).await.unwrap_err()
    }

    #[tokio::test]
    async fn every_hash_function_gives_what_others_give() {
        for (function, hash, keyed) in [
            ("MD5", "be50e8478cf24ff3595bc7307fb91b50", "cmYR84QKScVDgnz0VoHbZA=="),
            ("SHA1", "35b5ea45c5e41f78b46a937cc74d41dfea920890", "khXsp05Lo0vyxqpFWqg8mPlH//o="),
            (
                "SHA224",
                "2ed034dbfd665018cad24af1a17b76de85cbd9bf3040d702023ce9ec",
                "kjpdjiH8vCjZHra5Lt1l0qymjBj1aCNkaKoGbw==",
            ),
            (
                "SHA3-224",
                "32f17327b74764afde8bffe6ab6c51e1131817d1d3cc7d8f9ac1e17a",
                "t7LeOqi20qfm9NM7vdqnXkDxScbBiZw62+v3CQ==",
            ),
            (
                "SHA256",
                "3c48591d8d098a4538f5e013dfcf406e948eac4d3277b10bf614e295d6068179",
                "+PGm3uH/28NdbV1WfRovEZybzxZkNh+K827FiW/hBzo=",
            ),
            (
                "SHA3-256",
                "af9db8307521b5e3d5549adcb8d6197a378902789c1649a9adb2c559c54943ac",
                "/rAkLAPIel1NCaSPo8RZ1sgliKLUcgPjIu0olXu1t1k=",
            ),
            (
                "SHA3-384",
                "001ec1958d7ecb488476e308d05861dc73a26a785d8b078cbeba57ffc4b9ca16fd067e93c351db832ab765f08e3e0f00",
                "NqO2b1ezYwrsc4M4elPbThfQVY31f0VpvAmZn9iIZWRUwUaXitblEl9IPn44QX+7",
            ),
            (
                "SHA3-512",
                "d2afc6ebcc64f91017b4b42b22cd6f33e27beaf43019bab56994c722d224ee25e7c9110fbcdfd7bc6f89cf1e6c53dcfe39a793d7937c59101e1c21d6a20cf452",
                "tCkfu0N5lgiUCnyYEyzRx8zaVnTO5xwWebgk3xNtDLRKwVL4PF8AcvChAuwmbGF5uE6o44cy1Q3XJbSRSxxrwA==",
            ),
            (
                "SHA384",
                "19d752a0be2905196c631f6a82a3169a58b1d850f2773d88702d8ca77dcdd25cfed091bc38c38b7efff287514831f61a",
                "Hm9JovrBqYfRXDKO61hOMOwiBkhDTYfJOYY4T68wuNYVbi/zTbYyGWhzFikbRfRw",
            ),
            (
                "SHA512",
                "a67e831011aa41ebb2a218c8ff727f1c60d62f06e1681678d176a81cd72ee69e7250c4c943cacbab28e42768615a5c41b6b0d42591d2c26a65670b38e97306dc",
                "yk1GpS2E/AKEHtEQKV8PENAEyFxbDsGR/cTd+6F53j8Y5tS8HhIgPZMSMIRQd09lj1OlSDK8zjkbKx6/lwHQ2Q==",
            ),
        ] {
            let params = json!({"type": function, "value": "héllo"});
            assert_eq!(made(params).await, hash, "{function}");
            // A secret longer than any block, which is hashed first.
            let params = json!({"action": "hmac", "type": function, "value": "héllo",
                "secret": "k".repeat(150), "encoding": "base64"});
            assert_eq!(made(params).await, keyed, "{function}");
        }
    }

    #[tokio::test]
    async fn the_content_of_a_file_is_hashed() {
        let params = json!({"binaryData": true, "type": "MD5"});
        assert_eq!(made(params).await, "5d41402abc4b2a76b9719d911017c592");
        let params = json!({"binaryData": true, "action": "hmac", "secret": "s", "type": "SHA256"});
        let expected = "8a06a64224d83d1bf0a2140fab7d5b462cf3f450592c7963910ed331e9031056";
        assert_eq!(made(params).await, expected);
        let error = refused(json!({"binaryData": true, "binaryPropertyName": "x"})).await;
        assert_eq!(error, "`binaryPropertyName`: the item has no file \"x\"");
    }

    #[tokio::test]
    async fn the_result_has_the_very_name_and_the_other_fields_stay() {
        let params = json!({"type": "MD5", "value": "x", "dataPropertyName": "o.s"});
        let out = run(&params, json!({"o": {"k": 1}}), TestHost::default(), OnError::Stop).await;
        assert_eq!(out, Ok(json!({"o": {"k": 1}, "o.s": "9dd4e461268c8034f5c8564e155c67a6"})));
        let error = refused(json!({"value": "x", "dataPropertyName": ""})).await;
        assert_eq!(error, "`dataPropertyName`: must not be empty");
    }

    #[tokio::test]
    async fn an_item_that_failed_is_only_its_error_where_the_node_goes_on() {
        let params = json!({"value": {"a": 1}});
        let out = run(&params, json!({"k": 1}), TestHost::default(), OnError::ContinueRegular).await;
        assert_eq!(out, Ok(json!({"error": "`value`: must be text, got {\"a\":1}"})));
    }

    #[tokio::test]
    async fn random_values_have_their_length_and_form() {
        for length in [0, 1, 7, 40, 1000] {
            for (form, fits) in [
                ("hex", (|c| c.is_ascii_hexdigit()) as fn(char) -> bool),
                ("base64", |c| c.is_ascii_alphanumeric()),
                ("ascii", |c| c.is_ascii()),
            ] {
                let params = json!({"action": "generate", "encodingType": form, "stringLength": length});
                let text = made(params).await;
                assert!(text.len() == length && text.chars().all(fits), "{form}: {text:?}");
            }
        }
        let params = json!({"action": "generate"});
        let (one, other) = (made(params.clone()).await, made(params).await);
        assert!(uuid::Uuid::parse_str(&one).is_ok() && one != other);
        let error = refused(json!({"action": "generate", "stringLength": -1})).await;
        assert_eq!(error, "`stringLength`: must be from 0 to 1000000, got -1");
    }

    #[tokio::test]
    async fn a_secret_comes_from_the_credential_where_none_is_written() {
        let params = json!({"action": "hmac", "value": "hello"});
        let mut host = TestHost::default();
        let fields = BTreeMap::from([("hmac_secret".to_owned(), "s".to_owned())]);
        host.credentials.insert("crypto".to_owned(), fields);
        let out = run(&params, json!({}), host, OnError::Stop).await.unwrap();
        assert_eq!(out["data"], "8a06a64224d83d1bf0a2140fab7d5b462cf3f450592c7963910ed331e9031056");
        let error = refused(params).await;
        assert!(error.starts_with("`secret` is empty, and the credential cannot be used"), "{error}");
    }

    #[tokio::test]
    async fn a_signature_can_be_verified_with_the_public_key() {
        let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let key: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let key = STANDARD.encode(&*key);
        for pem in [
            format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n"),
            format!("-----BEGIN PRIVATE KEY----- {key} -----END PRIVATE KEY-----"),
        ] {
            let params =
                json!({"action": "sign", "value": "hello", "algorithm": "RSA-SHA256", "privateKey": pem});
            let signature = hex::decode(made(params).await).unwrap();
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
                .verify(b"hello", &signature)
                .unwrap();
        }
        let error =
            refused(json!({"action": "sign", "value": "x", "algorithm": "RSA-MD5", "privateKey": "k"})).await;
        assert!(error.starts_with("`algorithm`: must be RSA-SHA256"), "{error}");
        let error =
            refused(json!({"action": "sign", "value": "x", "algorithm": "sha256", "privateKey": "k"})).await;
        assert_eq!(error, "`privateKey`: must be a private key as PEM");
    }
}
