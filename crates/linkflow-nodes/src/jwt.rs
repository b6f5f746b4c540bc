//! JWT: signs tokens, checks them, and shows what is in them.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use linkflow_model::{Item, Object, Order};
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Secret, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::webhook::JWT;

pub struct Jwt;

const TOKEN_BYTES_MAX: usize = 1 << 20;

/// Signs tokens, checks them, and shows what is in them.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// What is done.
    operation: Operation,
    /// Whether the claims are written as JSON.
    #[serde(deserialize_with = "lenient::flag")]
    use_json: bool,
    /// The claims of a token.
    claims: Claims,
    /// The claims as JSON.
    #[serde(deserialize_with = "lenient::json")]
    claims_json: Value,
    /// Further fields of the token's header, as JSON.
    #[serde(deserialize_with = "lenient::json")]
    header_claims: Value,
    /// The token to check or to show.
    #[serde(deserialize_with = "lenient::text")]
    token: String,
    /// Details.
    options: Options,
}

impl Default for Params {
    fn default() -> Params {
        Params {
            operation: Operation::Sign,
            use_json: false,
            claims: Claims::default(),
            claims_json: Value::Null,
            header_claims: Value::Null,
            token: String::new(),
            options: Options::default(),
        }
    }
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Shows what is in a token, without checking it.
    Decode,
    /// Makes a token.
    Sign,
    /// Checks a token and shows what is in it.
    Verify,
}

/// Claims of a token.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Claims {
    /// For whom it is.
    #[serde(deserialize_with = "lenient::text")]
    audience: String,
    /// After how many seconds it ends.
    #[serde(deserialize_with = "lenient::integer_or_none")]
    expires_in: Option<i64>,
    /// Who made it.
    #[serde(deserialize_with = "lenient::text")]
    issuer: String,
    /// Its id.
    #[serde(deserialize_with = "lenient::text")]
    jwtid: String,
    /// After how many seconds it begins.
    #[serde(deserialize_with = "lenient::integer_or_none")]
    not_before: Option<i64>,
    /// Whom it is about.
    #[serde(deserialize_with = "lenient::text")]
    subject: String,
}

impl Claims {
    /// As n8n writes them: under the names of the parameters, so that no time is heeded by anybody.
    fn by_their_names(&self) -> Object {
        let text = |text: &String| Some(Value::String(text.clone())).filter(|_| !text.is_empty());
        let all = [
            ("audience", text(&self.audience)),
            ("expiresIn", self.expires_in.map(Value::from)),
            ("issuer", text(&self.issuer)),
            ("jwtid", text(&self.jwtid)),
            ("notBefore", self.not_before.map(Value::from)),
            ("subject", text(&self.subject)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// Details.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Whether the header and the signature are shown too.
    #[serde(deserialize_with = "lenient::flag")]
    complete: bool,
    /// Whether tokens that have ended are taken.
    #[serde(deserialize_with = "lenient::flag")]
    ignore_expiration: bool,
    /// Whether tokens that have not begun are taken.
    #[serde(deserialize_with = "lenient::flag")]
    ignore_not_before: bool,
    /// By how many seconds clocks may differ.
    #[serde(deserialize_with = "lenient::integer")]
    clock_tolerance: i64,
    /// Which key it is, for the header.
    #[serde(deserialize_with = "lenient::text")]
    kid: String,
    /// Another algorithm than that of the credential, such as `HS256`.
    #[serde(deserialize_with = "lenient::text")]
    algorithm: String,
}

impl Node for Jwt {
    const KIND: &'static str = "jwt";
    const SPEC: Spec = Spec {
        title: "JWT",
        summary: "Signs tokens, checks them, and shows what is in them.",
        category: Category::Data,
        aliases: &["token", "sign", "verify", "bearer", "auth"],
        credentials: &[JWT],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "A token for an hour",
            params: r#"{"operation": "sign", "claims": {"issuer": "linkflow", "subject": "={{ $json.user }}", "expiresIn": 3600}}"#,
            input: "[]",
            output: "null",
        },
        Example {
            title: "What is in a token",
            params: r#"{"operation": "decode", "token": "={{ $json.token }}"}"#,
            input: r#"[{"token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln"}]"#,
            output: r#"[[{"payload": {"sub": "ada"}}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let mut out = Vec::with_capacity(input.items().len());
        for i in 0..input.items().len() {
            let done = match input.params(i) {
                Ok(params) => answer(&params, ctx).await,
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

async fn answer(params: &Params, ctx: &Ctx) -> Result<Object, NodeError> {
    if params.operation == Operation::Decode {
        return decoded(params);
    }
    let keys = ctx.host.credential(JWT.name).await?;
    let name = match params.options.algorithm.as_str() {
        "" => keys.get("algorithm").filter(|a| !a.is_empty()).unwrap_or("HS256"),
        chosen => chosen,
    };
    let algorithm: Algorithm = name.parse().map_err(|_| {
        NodeError::param("options.algorithm", format!("must be one such as HS256 or RS256, got \"{name}\""))
    })?;
    match params.operation {
        Operation::Sign => signed(params, ctx, algorithm, &keys),
        _ => verified(params, ctx, algorithm, &keys),
    }
}

fn is_secret(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512)
}

fn unusable(field: &str, cause: impl std::fmt::Display) -> NodeError {
    NodeError::Credential(format!(
        "the credential's field `{field}` cannot be used for this algorithm: {cause}"
    ))
}

/// PEM whose line breaks became spaces or `\n` on the way.
fn pem(text: &str) -> String {
    let text = text.replace("\\n", "\n");
    let Some((head, rest)) =
        text.trim().split_once("-----BEGIN ").and_then(|(_, rest)| rest.split_once("-----"))
    else {
        return text;
    };
    let body: Vec<&str> = rest.split("-----END").next().unwrap_or_default().split_whitespace().collect();
    format!("-----BEGIN {head}-----\n{}\n-----END {head}-----\n", body.join("\n"))
}

fn signed(params: &Params, ctx: &Ctx, algorithm: Algorithm, keys: &Secret) -> Result<Object, NodeError> {
    let now = ctx.now.0 as i64 / 1_000;
    let mut claims = Object::new();
    if params.use_json {
        claims = params.claims_json.as_object().cloned().ok_or_else(|| {
            NodeError::param(
                "claimsJson",
                format!("must be an object, got {}", lenient::show(&params.claims_json)),
            )
        })?;
    }
    let as_n8n = ctx.order != Order::Parallel;
    if !params.use_json && as_n8n {
        claims = params.claims.by_their_names();
    }
    claims.entry("iat").or_insert(Value::from(now));
    if !params.use_json && !as_n8n {
        let own = &params.claims;
        let ends = [("exp", own.expires_in), ("nbf", own.not_before)];
        let times = ends.into_iter().filter_map(|(name, seconds)| Some((name, Value::from(now + seconds?))));
        let texts =
            [("aud", &own.audience), ("iss", &own.issuer), ("sub", &own.subject), ("jti", &own.jwtid)];
        let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let texts = texts.map(|(name, text)| (name, Value::String(text.clone())));
        claims.extend(times.chain(texts).map(|(name, value)| (name.to_owned(), value)));
    }
    let key = if is_secret(algorithm) {
        EncodingKey::from_secret(keys.field("secret")?.as_bytes())
    } else {
        let pem = pem(keys.field("private_key")?);
        let rsa = EncodingKey::from_rsa_pem(pem.as_bytes());
        rsa.or_else(|_| EncodingKey::from_ec_pem(pem.as_bytes())).map_err(|e| unusable("private_key", e))?
    };
    let header = header(params, algorithm);
    let part = |json: Object| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Value::Object(json).to_string())
    };
    let message = format!("{}.{}", part(header), part(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm)
        .map_err(|e| unusable(if is_secret(algorithm) { "secret" } else { "private_key" }, e))?;
    let token = format!("{message}.{signature}");
    Ok(Object::from_iter([("token".to_owned(), Value::String(token))]))
}

/// The header of a token. The algorithm is that of the key, whatever else is asked for.
fn header(params: &Params, algorithm: Algorithm) -> Object {
    let more = params.header_claims.as_object().cloned().unwrap_or_default();
    let kid = match params.options.kid.as_str() {
        "" => more.get("kid").cloned(),
        kid => Some(Value::String(kid.to_owned())),
    };
    let own = [
        ("alg", Some(Value::String(format!("{algorithm:?}")))),
        ("typ", Some(Value::from("JWT"))),
        ("kid", kid),
    ];
    let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let mut header: Object = own.collect();
    header.extend(more.into_iter().filter(|(name, _)| !matches!(name.as_str(), "alg" | "kid")));
    header
}

fn verified(params: &Params, ctx: &Ctx, algorithm: Algorithm, keys: &Secret) -> Result<Object, NodeError> {
    let token = params.token.trim();
    checked_size(token)?;
    let key = if is_secret(algorithm) {
        DecodingKey::from_secret(keys.field("secret")?.as_bytes())
    } else {
        let pem = pem(keys.field("public_key")?);
        let rsa = DecodingKey::from_rsa_pem(pem.as_bytes());
        rsa.or_else(|_| DecodingKey::from_ec_pem(pem.as_bytes())).map_err(|e| unusable("public_key", e))?
    };
    let mut rules = Validation::new(algorithm);
    rules.required_spec_claims.clear();
    rules.validate_aud = false;
    // The times are looked at below, by the execution's clock.
    rules.validate_exp = false;
    rules.validate_nbf = false;
    let refused = |why: String| NodeError::param("token", format!("is refused: {why}"));
    let found = jsonwebtoken::decode::<Object>(token, &key, &rules).map_err(|e| refused(e.to_string()))?;
    let now = ctx.now.0 as f64 / 1_000.0;
    let tolerance = params.options.clock_tolerance as f64;
    let time = |name: &str| found.claims.get(name).and_then(Value::as_f64);
    if !params.options.ignore_expiration && time("exp").is_some_and(|exp| now >= exp + tolerance) {
        return Err(refused("it has ended".to_owned()));
    }
    if !params.options.ignore_not_before && time("nbf").is_some_and(|nbf| now < nbf - tolerance) {
        return Err(refused("it has not begun".to_owned()));
    }
    decoded(params)
}

fn checked_size(token: &str) -> Result<(), NodeError> {
    if token.len() <= TOKEN_BYTES_MAX {
        return Ok(());
    }
    Err(NodeError::Limit {
        what: "the size of a token".to_owned(),
        limit: format!("{TOKEN_BYTES_MAX} bytes"),
    })
}

/// What stands in a token, without a look at the signature.
fn decoded(params: &Params) -> Result<Object, NodeError> {
    use base64::Engine as _;
    let token = params.token.trim();
    checked_size(token)?;
    let broken = || NodeError::param("token", "must be a token of three parts with dots between them");
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else { return Err(broken()) };
    let read = |part: &str| -> Result<Value, NodeError> {
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let bytes = engine.decode(part.trim_end_matches('=')).map_err(|_| broken())?;
        serde_json::from_slice(&bytes).map_err(|_| broken())
    };
    let (header, payload) = (read(header)?, read(payload)?);
    let mut json = Object::new();
    if params.options.complete {
        json.insert("header".to_owned(), header);
    }
    json.insert("payload".to_owned(), payload);
    if params.options.complete {
        json.insert("signature".to_owned(), Value::String((*signature).to_owned()));
    }
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use linkflow_node::NodeKind;
    use linkflow_node::testing::{TestHost, ctx, input, items};
    use serde_json::json;
    use std::collections::BTreeMap;

    async fn run(params: Value) -> Result<Value, String> {
        let dir = tempfile::tempdir().unwrap();
        let fields = BTreeMap::from([("secret".to_owned(), "s".to_owned())]);
        let host =
            TestHost { credentials: BTreeMap::from([("jwt".to_owned(), fields)]), ..TestHost::default() };
        let ctx = ctx(dir.path(), host.into());
        match NodeKind::of::<Jwt>().run(input(&params, vec![items(&json!([{}]))]), &ctx).await {
            Ok(Outcome::Items(outputs)) => Ok(outputs.ports[0][0].value()),
            Ok(other) => panic!("{other:?}"),
            Err(e) => Err(e.to_string()),
        }
    }

    #[tokio::test]
    async fn a_token_that_was_signed_is_taken_and_a_changed_one_is_not() {
        let signed = run(json!({"claims": {"subject": "ada", "expiresIn": 60}})).await.unwrap();
        let token = signed["token"].as_str().unwrap().to_owned();
        let found =
            run(json!({"operation": "verify", "token": token, "options": {"complete": true}})).await.unwrap();
        assert_eq!((&found["payload"]["sub"], &found["header"]["alg"]), (&json!("ada"), &json!("HS256")));
        let changed = format!("{}x", &token[..token.len() - 3]);
        let error = run(json!({"operation": "verify", "token": changed})).await.unwrap_err();
        assert!(error.contains("is refused"), "{error}");
        let other = json!({"operation": "verify", "token": token, "options": {"algorithm": "HS512"}});
        assert!(run(other).await.unwrap_err().contains("is refused"));
    }

    #[tokio::test]
    async fn times_are_heeded() {
        let claims = json!({"useJson": true, "claimsJson": {"exp": 5, "k": "v"}});
        let token = run(claims).await.unwrap()["token"].clone();
        let error = run(json!({"operation": "verify", "token": token})).await.unwrap_err();
        assert!(error.contains("it has ended"), "{error}");
        let lenient = json!({"operation": "verify", "token": token, "options": {"ignoreExpiration": true}});
        assert_eq!(run(lenient).await.unwrap()["payload"]["k"], json!("v"));
    }

    #[tokio::test]
    async fn what_is_no_token_is_told() {
        for token in ["", "a.b", "a.b.c", "e30.e30", "...."] {
            let error = run(json!({"operation": "decode", "token": token})).await.unwrap_err();
            assert!(error.contains("must be a token of three parts"), "{token}: {error}");
        }
    }
}
