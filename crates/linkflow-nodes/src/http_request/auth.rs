//! Credentials of requests.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use http::Method;
use http::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use linkflow_model::Object;
use linkflow_node::http::{Answer, Call, Http};
use linkflow_node::{BoxFuture, Ctx, NodeError, Secret};
use serde_json::Value;

use super::draft::{Draft, basic, encode};
use super::{AuthType, Authentication, Params};
use crate::js;

/// What is added to every request of a run.
pub enum Auth {
    None,
    Header {
        name: String,
        value: String,
    },
    Query {
        name: String,
        value: String,
    },
    Custom(Object),
    Digest {
        user: String,
        password: String,
    },
    /// A token, and where it is kept when it was fetched.
    Token {
        value: String,
        cache_key: Option<[u8; 32]>,
    },
}

impl Auth {
    /// The credential that the parameters name, with a token fetched where that is needed.
    pub async fn of(params: &Params, ctx: &Ctx) -> Result<Auth, NodeError> {
        match params.authentication {
            Authentication::None => return Ok(Auth::None),
            Authentication::PredefinedCredentialType => {
                return Err(NodeError::Credential(format!(
                    "the credential type \"{}\" is not known here: choose a general one in \
                     `genericAuthType`, such as a header or a bearer token",
                    params.node_credential_type
                )));
            }
            Authentication::GenericCredentialType => {}
        }
        let bearer =
            |token: &str| Auth::Header { name: "authorization".into(), value: format!("Bearer {token}") };
        let kind = params.generic_auth_type;
        let slot = match kind {
            AuthType::HttpBasicAuth => "http_basic",
            AuthType::HttpBearerAuth => "http_bearer",
            AuthType::HttpDigestAuth => "http_digest",
            AuthType::HttpHeaderAuth => "http_header",
            AuthType::HttpQueryAuth => "http_query",
            AuthType::HttpCustomAuth => "http_custom",
            AuthType::OAuth2 => "oauth2",
            AuthType::OAuth1 => {
                return Err(NodeError::Credential("OAuth 1 is not supported: use another kind".to_owned()));
            }
        };
        let secret = ctx.host.credential(slot).await?;
        let field = |name: &str| secret.field(name).map(str::to_owned);
        Ok(match kind {
            AuthType::HttpBasicAuth => {
                let value = basic(&field("user")?, &field("password")?);
                Auth::Header { name: "authorization".to_owned(), value }
            }
            AuthType::HttpBearerAuth => bearer(&field("token")?),
            AuthType::HttpDigestAuth => Auth::Digest { user: field("user")?, password: field("password")? },
            AuthType::HttpHeaderAuth => Auth::Header { name: field("name")?, value: field("value")? },
            AuthType::HttpQueryAuth => Auth::Query { name: field("name")?, value: field("value")? },
            AuthType::HttpCustomAuth => Auth::Custom(custom(secret.field("json")?)?),
            AuthType::OAuth2 | AuthType::OAuth1 => {
                let (token, cache_key) = token(&secret, ctx).await?;
                Auth::Token { value: format!("Bearer {token}"), cache_key }
            }
        })
    }

    pub fn add_to(&self, draft: &mut Draft) -> Result<(), NodeError> {
        match self {
            Auth::None | Auth::Digest { .. } => {}
            Auth::Header { name, value } => draft.set_secret_header(name, value)?,
            Auth::Token { value, .. } => draft.set_secret_header("authorization", value)?,
            Auth::Query { name, value } => draft.set_secret_query(name, Value::String(value.clone())),
            Auth::Custom(parts) => {
                let part = |key: &str| parts.get(key).and_then(Value::as_object).into_iter().flatten();
                for (name, value) in part("headers") {
                    draft.set_secret_header(name, &js::text(value))?;
                }
                for (name, value) in part("qs") {
                    draft.set_secret_query(name, value.clone());
                }
                for (name, value) in part("body") {
                    draft.set_field(name, value.clone());
                }
            }
        }
        Ok(())
    }

    /// The server did not take the credential: a token that was kept is not used again.
    pub fn was_refused(&self) {
        if let Auth::Token { cache_key: Some(key), .. } = self {
            TOKENS.lock().expect("nobody panics while holding the tokens").remove(key);
        }
    }

    /// What has to be done for credentials that answer a challenge.
    pub fn challenged(&self, draft: &Draft) -> Option<Digest<'_>> {
        match self {
            Auth::Digest { user, password } if !draft.is_away => Some(Digest { user, password }),
            _ => None,
        }
    }
}

fn custom(text: &str) -> Result<Object, NodeError> {
    let wrong = || NodeError::Credential("the credential's `json` is no JSON object".to_owned());
    serde_json::from_str(text).map_err(|_| wrong())
}

/// Tells whether a token is there or can be fetched.
pub fn check(ctx: &Ctx) -> BoxFuture<'_, Result<String, NodeError>> {
    Box::pin(async move {
        let secret = ctx.host.credential("oauth2").await?;
        let (_, cache_key) = token(&secret, ctx).await?;
        Ok(match cache_key {
            Some(_) => "the server gives a token".to_owned(),
            None => "there is a token; whether it still holds is known when it is used".to_owned(),
        })
    })
}

/// Tokens that were fetched, by everything that they were fetched with.
static TOKENS: LazyLock<Mutex<HashMap<[u8; 32], (String, Instant)>>> = LazyLock::new(Mutex::default);
const TOKENS_MAX: usize = 1_000;
const TOKEN_MS_USUAL: u64 = 300_000;

/// An access token: one that is known and not old, a new one for a refresh token or for id and
/// secret, or the stored one.
async fn token(secret: &Secret, ctx: &Ctx) -> Result<(String, Option<[u8; 32]>), NodeError> {
    let given = |name| secret.get(name).map(str::trim).filter(|text| !text.is_empty());
    let stored = given("access_token").map(str::to_owned);
    let (Some(address), Some(id)) = (given("access_token_url"), given("client_id")) else {
        let missing = "the credential has neither `access_token` nor `access_token_url` and `client_id`";
        let token = stored.ok_or_else(|| NodeError::Credential(missing.to_owned()))?;
        return Ok((token, None));
    };
    let grant = match (given("refresh_token"), stored) {
        (Some(refresh), _) => format!("grant_type=refresh_token&refresh_token={}", encode(refresh)),
        (None, Some(token)) => return Ok((token, None)),
        (None, None) => "grant_type=client_credentials".to_owned(),
    };
    let scope = given("scope").map(|scope| format!("&scope={}", encode(scope))).unwrap_or_default();
    let ask = TokenCall {
        address,
        id,
        key: given("client_secret").unwrap_or_default(),
        form: grant + &scope,
        in_body: given("authentication") == Some("body"),
    };
    let cache_key = ask.cache_key(ctx);
    let known = || TOKENS.lock().expect("nobody panics while holding the tokens");
    if let Some((token, _)) = known().get(&cache_key).filter(|(_, until)| *until > Instant::now()) {
        return Ok((token.clone(), Some(cache_key)));
    }
    let (token, lives_ms) = ask.send(ctx).await?;
    let mut tokens = known();
    tokens.retain(|_, (_, until)| *until > Instant::now());
    if tokens.len() < TOKENS_MAX {
        tokens.insert(cache_key, (token.clone(), Instant::now() + Duration::from_millis(lives_ms)));
    }
    Ok((token, Some(cache_key)))
}

/// A request for a token.
struct TokenCall<'a> {
    address: &'a str,
    id: &'a str,
    key: &'a str,
    form: String,
    in_body: bool,
}

impl TokenCall<'_> {
    fn cache_key(&self, ctx: &Ctx) -> [u8; 32] {
        use sha2::{Digest as _, Sha256};
        let parts = [self.address, self.id, self.key, &self.form];
        let text = format!("{}\n{}", ctx.workspace, parts.join("\n"));
        Sha256::digest(text.as_bytes()).into()
    }

    /// The token, and for how many milliseconds it may be used.
    async fn send(mut self, ctx: &Ctx) -> Result<(String, u64), NodeError> {
        let address = self.address;
        let url = address.parse().map_err(|e| {
            NodeError::Credential(format!("`access_token_url` \"{address}\" is no address: {e}"))
        })?;
        let mut call = Call::new(Method::POST, url);
        if self.in_body {
            let (id, key) = (encode(self.id), encode(self.key));
            self.form.push_str(&format!("&client_id={id}&client_secret={key}"));
        } else {
            let value = basic(&encode(self.id), &encode(self.key));
            call.headers.insert(AUTHORIZATION, value.parse().expect("base64 is fit for a header"));
        }
        let form_type = http::HeaderValue::from_static("application/x-www-form-urlencoded");
        call.headers.insert(http::header::CONTENT_TYPE, form_type);
        call.headers.insert(http::header::ACCEPT, http::HeaderValue::from_static("application/json"));
        call.body = Some(self.form.into());
        // A token endpoint that redirects would take the secret elsewhere.
        call.redirects_max = 0;
        call.body_bytes_max = 1 << 20;
        call.timeout_ms = 60_000;
        call.cancel = ctx.cancel.clone();
        let answer = ctx.http.send(call).await?;
        let status = answer.status;
        if status.is_server_error() || status == 429 {
            return Err(super::answer::refused(answer, ctx.now).await);
        }
        let body: Value = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
        let lives = body.get("expires_in").and_then(linkflow_node::lenient::as_number);
        // A minute less, so that it does not run out on its way.
        let lives_ms = lives.map_or(TOKEN_MS_USUAL, |s| (s.clamp(0.0, 86_400.0) * 1000.0) as u64);
        match body.get("access_token").and_then(Value::as_str) {
            Some(token) if status.is_success() => Ok((token.to_owned(), lives_ms.saturating_sub(60_000))),
            _ => {
                let why = body.get("error_description").or_else(|| body.get("error")).map(js::text);
                let why = why.unwrap_or_else(|| "no reason is given".to_owned());
                Err(NodeError::Credential(format!("no token is given ({status}): {why}")))
            }
        }
    }
}

/// User name and password that answer a challenge (RFC 7616, `auth` only).
pub struct Digest<'a> {
    user: &'a str,
    password: &'a str,
}

impl Digest<'_> {
    /// Sends `call`, and once more with the answer to the challenge.
    pub async fn send(&self, call: Call, http: &Http) -> Result<Answer, NodeError> {
        let mut again = call.clone();
        let answer = http.send(call).await?;
        // Only the server that was asked may challenge; a redirect can lead to another.
        if answer.status != 401 || answer.url.origin() != again.url.origin() {
            return Ok(answer);
        }
        let Some(challenge) = challenge(&answer.headers) else { return Ok(answer) };
        again.url = answer.url.clone();
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        let Some(value) = self.answer(&challenge, &again, &nonce) else { return Ok(answer) };
        let value = value.parse().map_err(|_| {
            NodeError::Credential("user name or challenge has characters that no header may have".to_owned())
        })?;
        again.headers.insert(AUTHORIZATION, value);
        http.send(again).await
    }

    fn answer(&self, challenge: &str, call: &Call, cnonce: &str) -> Option<String> {
        let get = |name: &str| parameter(challenge, name);
        let (realm, nonce) = (get("realm").unwrap_or_default(), get("nonce")?);
        let algorithm = get("algorithm").unwrap_or_else(|| "MD5".to_owned());
        let hash: fn(&str) -> String = match algorithm.to_ascii_uppercase().trim_end_matches("-SESS") {
            "MD5" => md5_hex,
            "SHA-256" => sha256_hex,
            _ => return None,
        };
        let uri = match call.url.query() {
            Some(query) => format!("{}?{query}", call.url.path()),
            None => call.url.path().to_owned(),
        };
        let mut a1 = hash(&format!("{}:{realm}:{}", self.user, self.password));
        if algorithm.to_ascii_uppercase().ends_with("-SESS") {
            a1 = hash(&format!("{a1}:{nonce}:{cnonce}"));
        }
        let a2 = hash(&format!("{}:{uri}", call.method));
        let wants_qop = get("qop").is_some_and(|qop| qop.split(',').any(|q| q.trim() == "auth"));
        let response = if wants_qop {
            hash(&format!("{a1}:{nonce}:00000001:{cnonce}:auth:{a2}"))
        } else {
            hash(&format!("{a1}:{nonce}:{a2}"))
        };
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let mut value = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", algorithm={algorithm}, \
             response=\"{response}\"",
            escaped(self.user),
            escaped(&realm),
            escaped(&nonce)
        );
        if wants_qop {
            value.push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = get("opaque") {
            value.push_str(&format!(", opaque=\"{}\"", escaped(&opaque)));
        }
        Some(value)
    }
}

fn challenge(headers: &HeaderMap) -> Option<String> {
    let found = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|v| v.to_str().ok());
    found
        .filter_map(|text| {
            let (scheme, rest) = text.trim().split_once(' ')?;
            scheme.eq_ignore_ascii_case("digest").then(|| rest.to_owned())
        })
        .next()
}

/// The value of `name` in `a="x, y", b=z`.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let mut rest = challenge;
    loop {
        let (key, after) = rest.split_once('=')?;
        let key = key.trim_start_matches([',', ' ', '\t']).trim();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = after.find(',').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        if key.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = next;
    }
}

fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[i + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

fn md5_hex(text: &str) -> String {
    use md5::{Digest as _, Md5};
    hex::encode(Md5::digest(text.as_bytes()))
}

fn sha256_hex(text: &str) -> String {
    use sha2::{Digest as _, Sha256};
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_answered_as_the_standard_shows() {
        // The example of RFC 7616, section 3.9.1.
        let digest = Digest { user: "Mufasa", password: "Circle of Life" };
        let call = Call::new(Method::GET, "http://www.example.org/dir/index.html".parse().unwrap());
        for (algorithm, expected) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let challenge = format!(
                "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
            let answer = digest.answer(&challenge, &call, cnonce).unwrap();
            assert!(answer.contains(&format!("response=\"{expected}\"")), "{answer}");
        }
    }

    #[test]
    fn a_broken_challenge_is_no_challenge() {
        for text in ["", "realm", "nonce=\"x", "a=b", "nonce=\"\\"] {
            assert_eq!(parameter(text, "nonce"), None, "{text}");
        }
        assert_eq!(parameter("a=\"x, nonce=1\", Nonce=\"q\\\"r\"", "nonce").as_deref(), Some("q\"r"));
    }
}
