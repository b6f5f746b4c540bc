//! Credentials of requests.

use http::Method;
use http::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use linkflow_model::Object;
use linkflow_node::http::{Answer, Call, Http};
use linkflow_node::{Ctx, NodeError, Secret};
use serde_json::Value;

use super::draft::{Draft, basic, encode};
use super::{AuthType, Authentication, Params};
use crate::js;

/// What is added to every request of a run.
pub enum Auth {
    None,
    Header { name: String, value: String },
    Query { name: String, value: String },
    Custom(Object),
    Digest { user: String, password: String },
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
            AuthType::OAuth2 | AuthType::OAuth1 => bearer(&token(&secret, ctx).await?),
        })
    }

    pub fn add_to(&self, draft: &mut Draft) -> Result<(), NodeError> {
        match self {
            Auth::None | Auth::Digest { .. } => {}
            Auth::Header { name, value } => draft.set_secret_header(name, value)?,
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

/// An access token: the stored one, or a new one for id and secret.
async fn token(secret: &Secret, ctx: &Ctx) -> Result<String, NodeError> {
    let given = |name| secret.get(name).map(str::trim).filter(|text| !text.is_empty());
    if let Some(token) = given("access_token") {
        return Ok(token.to_owned());
    }
    let address = secret.field("access_token_url")?;
    let url = address
        .parse()
        .map_err(|e| NodeError::Credential(format!("`access_token_url` \"{address}\" is no address: {e}")))?;
    let (id, key) = (secret.field("client_id")?, secret.field("client_secret")?);
    let mut form = "grant_type=client_credentials".to_owned();
    if let Some(scope) = given("scope") {
        form.push_str(&format!("&scope={}", encode(scope)));
    }
    let mut call = Call::new(Method::POST, url);
    if given("authentication") == Some("body") {
        form.push_str(&format!("&client_id={}&client_secret={}", encode(id), encode(key)));
    } else {
        let value = basic(&encode(id), &encode(key));
        call.headers.insert(AUTHORIZATION, value.parse().expect("base64 is fit for a header"));
    }
    let form_type = http::HeaderValue::from_static("application/x-www-form-urlencoded");
    call.headers.insert(http::header::CONTENT_TYPE, form_type);
    call.headers.insert(http::header::ACCEPT, http::HeaderValue::from_static("application/json"));
    call.body = Some(form.into());
    // A token endpoint that redirects would take the secret elsewhere.
    call.redirects_max = 0;
    call.body_bytes_max = 1 << 20;
    call.cancel = ctx.cancel.clone();
    let answer = ctx.http.send(call).await?;
    let status = answer.status;
    let body: Value = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
    match body.get("access_token").and_then(Value::as_str) {
        Some(token) if status.is_success() => Ok(token.to_owned()),
        _ => {
            let why = body.get("error_description").or_else(|| body.get("error")).map(js::text);
            Err(NodeError::Credential(format!("no token is given ({status}): {}", why.unwrap_or_default())))
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
