//! Credentials in use: whether they work, and tokens that a person allows another service to give.
//!
//! The OAuth 2 way goes over the page: `connect` gives the address at which the person agrees, the service
//! leads back to the page at `/oauth2/callback`, and that asks `finish` to fetch the token. Nothing is kept
//! in between: the state that goes around is signed, short-lived, and good for the same person only.

use axum::extract::State;
use axum::http::{HeaderValue, Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use linkflow_model::CredentialId;
use linkflow_node::http::Call;
use linkflow_node::{CheckFn, NodeError, Secret};
use linkflow_store::{CredentialRow, Fields};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Api;
use crate::access::Who;
use crate::extract::{Json, Path};
use crate::problem::{Problem, Problems};
use crate::secrets::is_same;

/// How long somebody may take to agree.
const STATE_MS: i64 = 15 * 60_000;
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What a check found.
#[derive(Serialize, ToSchema)]
pub struct Checked {
    works: bool,
    /// What the service said, or why it does not work.
    message: String,
}

/// Where a person agrees.
#[derive(Serialize, ToSchema)]
pub struct ConnectView {
    /// The address to open.
    url: String,
    /// The address to which the service leads back; it has to be registered there.
    redirect_url: String,
}

/// What a service gave to the page that it led back to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    code: String,
    state: String,
}

/// The credential that has a token now.
#[derive(Serialize, ToSchema)]
pub struct ConnectedView {
    credential_id: Uuid,
    name: String,
}

/// How a credential of this type is tried; `None` when it cannot be.
pub fn check_of(api: &Api, slot: &str) -> Option<CheckFn> {
    let checks = api.kinds.iter().flat_map(|kind| kind.spec.checks);
    checks.into_iter().find(|check| check.slot == slot).map(|check| check.check)
}

/// Try whether a credential works
#[utoipa::path(post, path = "/api/v1/credentials/{id}/test", tag = "credentials", params(("id" = Uuid, Path)),
    responses((status = 200, body = Checked), Problems))]
pub async fn test(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<Checked>, Problem> {
    let (row, fields) = open(&api, &who, id).await?;
    let check = check_of(&api, &row.kind).ok_or_else(|| {
        Problem::conflict(format!("credentials of the type {} cannot be tried by themselves", row.kind))
    })?;
    let found = api.runtime.check_credential(who.workspace, check, Secret::new(fields.0)).await;
    Ok(axum::Json(match found {
        Ok(message) => Checked { works: true, message },
        Err(error) => Checked { works: false, message: error.to_string() },
    }))
}

async fn open(api: &Api, who: &Who, id: Uuid) -> Result<(CredentialRow, Fields), Problem> {
    let found = api.store.open_credential(&api.keyring, who.workspace, CredentialId(id)).await?;
    found.ok_or_else(|| Problem::not_found("credential", id))
}

/// A field that has to be filled in for this.
fn needed<'a>(fields: &'a Fields, name: &str) -> Result<&'a str, Problem> {
    let value = fields.0.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    value.ok_or_else(|| Problem::invalid(format!("data.{name}"), "must be filled in first"))
}

/// Begin to connect a credential with a service by OAuth 2
#[utoipa::path(post, path = "/api/v1/credentials/{id}/connect", tag = "credentials", params(("id" = Uuid, Path)),
    responses((status = 200, body = ConnectView), Problems))]
pub async fn connect(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<ConnectView>, Problem> {
    let (_, fields) = open(&api, &who, id).await?;
    let user = who.user_id().ok_or_else(|| Problem::forbidden("only a person can agree; sign in"))?;
    let address = needed(&fields, "authorization_url")?;
    needed(&fields, "access_token_url")?;
    let client = needed(&fields, "client_id")?;
    if !address.starts_with("https://") && !address.starts_with("http://") {
        let problem = format!("must begin with https://, got \"{address}\"");
        return Err(Problem::invalid("data.authorization_url", problem));
    }
    let state = Journey { credential: id, user: user.0, until: api.now().0 + STATE_MS, salt: api.random() };
    let redirect_url = redirect_url(&api);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(state.verifier(&api).as_bytes()));
    let mut parts = vec![
        ("response_type", "code".to_owned()),
        ("client_id", client.to_owned()),
        ("redirect_uri", redirect_url.clone()),
        ("state", state.signed(&api)),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256".to_owned()),
    ];
    if let Ok(scope) = needed(&fields, "scope") {
        parts.push(("scope", scope.to_owned()));
    }
    let mark = if address.contains('?') { '&' } else { '?' };
    Ok(axum::Json(ConnectView { url: format!("{address}{mark}{}", form(&parts)), redirect_url }))
}

/// Fetch the token that a service gives for a person's consent
#[utoipa::path(post, path = "/api/v1/oauth2/finish", tag = "credentials", request_body = Consent,
    responses((status = 200, body = ConnectedView), Problems))]
pub async fn finish(
    State(api): State<Api>,
    who: Who,
    Json(consent): Json<Consent>,
) -> Result<axum::Json<ConnectedView>, Problem> {
    let state = Journey::read(&api, &consent.state)?;
    if who.user_id().map(|id| id.0) != Some(state.user) {
        return Err(Problem::forbidden("somebody else began to connect this credential; begin anew"));
    }
    let (row, mut fields) = open(&api, &who, state.credential).await?;
    let call = token_call(&api, &fields, &consent.code, &state.verifier(&api))?;
    let tokens = fetch(&api, call).await.map_err(|e| Problem::conflict(e.to_string()))?;
    for name in ["access_token", "refresh_token"] {
        if let Some(token) = tokens.get(name).and_then(Value::as_str) {
            fields.0.insert(name.to_owned(), token.to_owned());
        }
    }
    let named = (row.name.clone(), fields);
    let set =
        api.store.set_credential(&api.keyring, who.workspace, row.id, Some(row.version), named, api.now());
    set.await?;
    Ok(axum::Json(ConnectedView { credential_id: row.id.0, name: row.name }))
}

fn redirect_url(api: &Api) -> String {
    format!("{}/oauth2/callback", api.settings.base_url())
}

/// The request for a token, as the credential says.
fn token_call(api: &Api, fields: &Fields, code: &str, verifier: &str) -> Result<Call, Problem> {
    let address = needed(fields, "access_token_url")?;
    let url = address.parse().map_err(|e| {
        Problem::invalid("data.access_token_url", format!("\"{address}\" is no address: {e}"))
    })?;
    let (id, key) = (needed(fields, "client_id")?, needed(fields, "client_secret").unwrap_or_default());
    let mut parts = vec![
        ("grant_type", "authorization_code".to_owned()),
        ("code", code.to_owned()),
        ("redirect_uri", redirect_url(api)),
        ("code_verifier", verifier.to_owned()),
    ];
    let mut call = Call::new(Method::POST, url);
    // Without a secret the client is a public one, and only its name is told.
    if key.is_empty() || fields.0.get("authentication").map(String::as_str) == Some("body") {
        parts.push(("client_id", id.to_owned()));
        if !key.is_empty() {
            parts.push(("client_secret", key.to_owned()));
        }
    } else {
        let pair = STANDARD.encode(format!("{}:{}", encode(id), encode(key)));
        let value = HeaderValue::try_from(format!("Basic {pair}")).map_err(|e| Problem::internal(&e))?;
        call.headers.insert(header::AUTHORIZATION, value);
    }
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    call.headers.insert(header::CONTENT_TYPE, form_type);
    call.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    call.body = Some(form(&parts).into());
    // A token endpoint that redirects would take the secret elsewhere.
    call.redirects_max = 0;
    call.body_bytes_max = ANSWER_BYTES_MAX;
    call.timeout_ms = 30_000;
    Ok(call)
}

async fn fetch(api: &Api, call: Call) -> Result<Value, NodeError> {
    let answer = api.runtime.http().send(call).await?;
    let status = answer.status;
    let body: Value = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
    if status.is_success() && body.get("access_token").is_some_and(Value::is_string) {
        return Ok(body);
    }
    let said = |key: &str| body.get(key).and_then(Value::as_str);
    let why: String = said("error_description")
        .or(said("error"))
        .unwrap_or("no reason is given")
        .chars()
        .take(500)
        .collect();
    Err(NodeError::Credential(format!("the service gives no token ({status}): {why}")))
}

/// What goes to the service and comes back.
#[derive(Serialize, Deserialize)]
struct Journey {
    credential: Uuid,
    user: Uuid,
    until: i64,
    salt: u128,
}

impl Journey {
    fn signed(&self, api: &Api) -> String {
        let text = URL_SAFE_NO_PAD.encode(
            serde_json::json!([self.credential, self.user, self.until, self.salt.to_string()]).to_string(),
        );
        let signature = api.runtime.signature(&format!("oauth2 state/{text}"));
        format!("{text}.{signature}")
    }

    fn read(api: &Api, state: &str) -> Result<Journey, Problem> {
        let foreign = || {
            Problem::invalid(
                "state",
                "is not one that this server gave; begin anew, and check the redirect address",
            )
        };
        let (text, signature) = state.split_once('.').ok_or_else(foreign)?;
        let right = api.runtime.signature(&format!("oauth2 state/{text}"));
        if !is_same(right.as_bytes(), signature.as_bytes()) {
            return Err(foreign());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| foreign())?;
        let (credential, user, until, salt): (Uuid, Uuid, i64, String) =
            serde_json::from_slice(&bytes).map_err(|_| foreign())?;
        let salt = salt.parse().map_err(|_| foreign())?;
        if until < api.now().0 {
            return Err(Problem::conflict("it took too long to agree; begin anew"));
        }
        Ok(Journey { credential, user, until, salt })
    }

    /// The secret that shows that who fetches the token is who asked for consent (PKCE).
    fn verifier(&self, api: &Api) -> String {
        api.runtime.signature(&format!("oauth2 verifier/{}/{}", self.credential, self.salt))
    }
}

fn form(parts: &[(&str, String)]) -> String {
    let parts: Vec<String> = parts.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    parts.join("&")
}

/// Letters, digits and `-._~` stay as they are.
fn encode(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}
