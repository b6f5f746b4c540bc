//! Whether the caller of a webhook may call. Whatever is missing or broken refuses.

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use linkflow_model::{CredentialId, Node, WorkspaceId};
use linkflow_node::trigger::Auth;
use linkflow_store::Fields;
use serde_json::Value;

use crate::Api;
use crate::problem::Problem;
use crate::secrets::is_same;

/// Lets the caller through, or not; gives the claims of a JSON Web Token.
pub async fn check(
    api: &Api,
    workspace: WorkspaceId,
    node: &Node,
    auth: &Auth,
    headers: &HeaderMap,
) -> Result<Option<Value>, Problem> {
    match auth {
        Auth::None => Ok(None),
        Auth::Basic { slot } => {
            basic(&credential(api, workspace, node, slot).await?, headers)?;
            Ok(None)
        }
        Auth::Header { slot } => {
            named_header(&credential(api, workspace, node, slot).await?, headers)?;
            Ok(None)
        }
        Auth::Jwt { slot } => {
            let fields = credential(api, workspace, node, slot).await?;
            token(&fields, headers).map(Some)
        }
    }
}

async fn credential(api: &Api, workspace: WorkspaceId, node: &Node, slot: &str) -> Result<Fields, Problem> {
    let unusable = || {
        let detail = "this webhook asks for authentication, but its credential is missing";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    };
    let chosen = node.credentials.get(slot).and_then(|chosen| chosen.id.as_deref()).ok_or_else(unusable)?;
    let id: CredentialId = chosen.parse().map_err(|_| unusable())?;
    let (row, fields) = api.store.open_credential(&api.keyring, workspace, id).await?.ok_or_else(unusable)?;
    if row.kind != slot {
        return Err(unusable());
    }
    Ok(fields)
}

fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.0.get(name).map(String::as_str).unwrap_or_default()
}

fn wrong() -> Problem {
    Problem::forbidden("the authorization is wrong")
}

fn required(challenge: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "authorization is required").with_challenge(challenge)
}

const BASIC: &str = "Basic realm=\"Webhook\"";

fn basic(fields: &Fields, headers: &HeaderMap) -> Result<(), Problem> {
    let challenge = || required(BASIC);
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).ok_or_else(challenge)?;
    let (scheme, encoded) = given.split_once(' ').ok_or_else(challenge)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(challenge());
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).map_err(|_| wrong())?;
    let (user, password) = (field(fields, "user"), field(fields, "password"));
    if user.is_empty() || password.is_empty() {
        return Err(wrong());
    }
    let expected = format!("{user}:{password}");
    if is_same(&decoded, expected.as_bytes()) {
        return Ok(());
    }
    // Browsers ask again.
    Err(Problem::new(StatusCode::UNAUTHORIZED, "the authorization is wrong").with_challenge(BASIC))
}

fn named_header(fields: &Fields, headers: &HeaderMap) -> Result<(), Problem> {
    let (name, expected) = (field(fields, "name").to_ascii_lowercase(), field(fields, "value"));
    let given = headers.get(name.as_str()).ok_or_else(wrong)?;
    if !expected.is_empty() && is_same(given.as_bytes(), expected.as_bytes()) { Ok(()) } else { Err(wrong()) }
}

fn token(fields: &Fields, headers: &HeaderMap) -> Result<Value, Problem> {
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let token = given
        .and_then(|given| given.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| required("Bearer"))?;
    let algorithm: Algorithm = match field(fields, "algorithm") {
        "" => Algorithm::HS256,
        name => name.parse().map_err(|_| wrong())?,
    };
    let key = decoding_key(fields, algorithm).ok_or_else(wrong)?;
    // Exactly the configured algorithm: the token's own header must not choose.
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = true;
    validation.validate_nbf = true;
    validation.validate_aud = false;
    let decoded = jsonwebtoken::decode::<Value>(token, &key, &validation).map_err(|_| wrong())?;
    Ok(decoded.claims)
}

fn decoding_key(fields: &Fields, algorithm: Algorithm) -> Option<DecodingKey> {
    use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512};
    let pem = field(fields, "public_key").as_bytes();
    match algorithm {
        HS256 | HS384 | HS512 => {
            let secret = field(fields, "secret");
            (!secret.is_empty()).then(|| DecodingKey::from_secret(secret.as_bytes()))
        }
        ES256 | ES384 => DecodingKey::from_ec_pem(pem).ok(),
        EdDSA => DecodingKey::from_ed_pem(pem).ok(),
        _ => DecodingKey::from_rsa_pem(pem).ok(),
    }
}
