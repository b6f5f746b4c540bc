//! Who may do what. One table names every route; what it does not name is refused.

use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use linkflow_model::{ApiKeyId, UserId, WorkspaceId};
use linkflow_store::UserRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Api;
use crate::problem::Problem;
use crate::secrets::token_hash;

/// What a person may do in a workspace; each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks at everything but secrets.
    Viewer,
    /// Starts, cancels and retries executions.
    Operator,
    /// Changes and publishes workflows.
    Editor,
    /// Manages people and API keys.
    Admin,
    /// Manages owners.
    Owner,
}

impl Role {
    pub const ALL: [Role; 5] = [Role::Viewer, Role::Operator, Role::Editor, Role::Admin, Role::Owner];

    pub fn parse(text: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == text)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Editor => "editor",
            Role::Admin => "admin",
            Role::Owner => "owner",
        }
    }

    fn may(self, need: Need) -> bool {
        match need {
            Need::Public | Need::SignedIn | Need::Read => true,
            Need::Execute => self >= Role::Operator,
            Need::Write => self >= Role::Editor,
            Need::Admin => self >= Role::Admin,
        }
    }
}

/// What an API key may be used for. `admin` includes the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Read,
    Write,
    Execute,
    Admin,
}

impl Scope {
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Execute => "execute",
            Scope::Admin => "admin",
        }
    }

    pub fn parse(text: &str) -> Option<Scope> {
        [Scope::Read, Scope::Write, Scope::Execute, Scope::Admin].into_iter().find(|s| s.as_str() == text)
    }

    fn gives(self, need: Need) -> bool {
        match need {
            Need::Public => true,
            // A key is nobody who is signed in.
            Need::SignedIn => false,
            Need::Read => matches!(self, Scope::Read | Scope::Admin),
            Need::Execute => matches!(self, Scope::Execute | Scope::Admin),
            Need::Write => matches!(self, Scope::Write | Scope::Admin),
            Need::Admin => self == Scope::Admin,
        }
    }
}

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Anybody; webhooks check for themselves.
    Public,
    /// A person with a session.
    SignedIn,
    Read,
    Execute,
    Write,
    Admin,
}

use Need::{Admin, Execute, Public, Read, SignedIn, Write};

/// Every route of the API, and what it asks for.
pub const TABLE: &[(&str, &str, Need)] = &[
    ("GET", "/api/v1/setup", Public),
    ("POST", "/api/v1/setup", Public),
    ("POST", "/api/v1/session", Public),
    ("GET", "/api/v1/session", SignedIn),
    ("DELETE", "/api/v1/session", SignedIn),
    ("GET", "/api/v1/users", Read),
    ("POST", "/api/v1/users", Admin),
    ("PATCH", "/api/v1/users/{id}", Admin),
    ("DELETE", "/api/v1/users/{id}", Admin),
    ("GET", "/api/v1/api-keys", Admin),
    ("POST", "/api/v1/api-keys", Admin),
    ("DELETE", "/api/v1/api-keys/{id}", Admin),
    ("GET", "/api/v1/workflows", Read),
    ("POST", "/api/v1/workflows", Write),
    ("POST", "/api/v1/workflows/import", Write),
    ("POST", "/api/v1/workflows/check", Read),
    ("POST", "/api/v1/workflows/convert", Read),
    ("GET", "/api/v1/workflows/{id}", Read),
    ("PUT", "/api/v1/workflows/{id}", Write),
    ("DELETE", "/api/v1/workflows/{id}", Write),
    ("GET", "/api/v1/workflows/{id}/versions", Read),
    ("GET", "/api/v1/workflows/{id}/versions/{version}", Read),
    ("POST", "/api/v1/workflows/{id}/versions/{version}/restore", Write),
    ("POST", "/api/v1/workflows/{id}/publish", Write),
    ("POST", "/api/v1/workflows/{id}/unpublish", Write),
    ("POST", "/api/v1/workflows/{id}/execute", Execute),
    ("GET", "/api/v1/workflows/{id}/export", Read),
    ("POST", "/api/v1/workflows/{id}/listen", Execute),
    ("DELETE", "/api/v1/workflows/{id}/listen", Execute),
    ("GET", "/api/v1/workflows/{id}/webhooks", Read),
    ("GET", "/api/v1/executions", Read),
    ("POST", "/api/v1/executions/delete", Write),
    ("POST", "/api/v1/executions/cancel", Execute),
    ("POST", "/api/v1/executions/retry", Execute),
    ("GET", "/api/v1/executions/{id}", Read),
    ("DELETE", "/api/v1/executions/{id}", Write),
    ("GET", "/api/v1/executions/{id}/data", Read),
    ("GET", "/api/v1/executions/{id}/item", Read),
    ("GET", "/api/v1/executions/{id}/binary", Read),
    ("POST", "/api/v1/executions/{id}/cancel", Execute),
    ("POST", "/api/v1/executions/{id}/retry", Execute),
    ("GET", "/api/v1/listeners", Read),
    ("GET", "/api/v1/schedules", Read),
    ("PATCH", "/api/v1/schedules/{id}", Write),
    ("GET", "/api/v1/schedules/{id}/next", Read),
    ("GET", "/api/v1/variables", Read),
    ("POST", "/api/v1/variables", Write),
    ("PUT", "/api/v1/variables/{id}", Write),
    ("DELETE", "/api/v1/variables/{id}", Write),
    ("GET", "/api/v1/data-tables", Read),
    ("POST", "/api/v1/data-tables", Write),
    ("GET", "/api/v1/data-tables/{id}", Read),
    ("PUT", "/api/v1/data-tables/{id}", Write),
    ("DELETE", "/api/v1/data-tables/{id}", Write),
    ("POST", "/api/v1/data-tables/{id}/columns", Write),
    ("PUT", "/api/v1/data-tables/{id}/columns/{column}", Write),
    ("DELETE", "/api/v1/data-tables/{id}/columns/{column}", Write),
    ("GET", "/api/v1/data-tables/{id}/rows", Read),
    ("POST", "/api/v1/data-tables/{id}/rows", Write),
    ("PATCH", "/api/v1/data-tables/{id}/rows", Write),
    ("POST", "/api/v1/data-tables/{id}/rows/delete", Write),
    ("GET", "/api/v1/data-tables/{id}/csv", Read),
    ("POST", "/api/v1/data-tables/{id}/csv", Write),
    ("GET", "/api/v1/tags", Read),
    ("POST", "/api/v1/tags", Write),
    ("PATCH", "/api/v1/tags/{id}", Write),
    ("DELETE", "/api/v1/tags/{id}", Write),
    ("GET", "/api/v1/credentials", Read),
    ("POST", "/api/v1/credentials", Write),
    ("GET", "/api/v1/credentials/{id}", Write),
    ("PUT", "/api/v1/credentials/{id}", Write),
    ("DELETE", "/api/v1/credentials/{id}", Write),
    ("GET", "/api/v1/credential-types", Read),
    ("POST", "/api/v1/credentials/{id}/test", Write),
    ("POST", "/api/v1/credentials/{id}/connect", Write),
    ("POST", "/api/v1/oauth2/finish", Write),
    ("POST", "/api/v1/expressions/evaluate", Write),
    ("GET", "/api/v1/expressions/names", Read),
    ("GET", "/api/v1/templates", Read),
    ("GET", "/api/v1/templates/{id}", Read),
    ("POST", "/api/v1/schedules/times", Read),
    ("POST", "/api/v1/schedules/{id}/backfill", Execute),
    ("GET", "/api/v1/node-kinds", Read),
    ("GET", "/api/v1/node-kinds/{kind}", Read),
    ("GET", "/api/v1/openapi.json", Public),
    ("GET", "/api/v1/schemas/workflow.json", Public),
    ("GET", "/ws", Read),
];

/// What this route asks for; `None` when nobody said, so that nobody may.
pub fn need_of(method: &Method, path: &str) -> Option<Need> {
    // What may be read may be asked about.
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    TABLE.iter().find(|(m, p, _)| *m == method && *p == path).map(|(_, _, need)| *need)
}

/// Who calls.
#[derive(Clone, Debug)]
pub struct Who {
    pub workspace: WorkspaceId,
    pub means: Means,
}

/// By which means the caller is known.
#[derive(Clone, Debug)]
pub enum Means {
    Session(UserRow),
    Key {
        id: ApiKeyId,
        created_by: Option<UserId>,
        scopes: Vec<Scope>,
        role: Option<Role>,
    },
    /// Somebody at the machine's own command line, who could read the data folder as well.
    Shell,
}

impl Who {
    pub fn may(&self, need: Need) -> bool {
        match &self.means {
            Means::Shell => true,
            Means::Session(user) => Role::parse(&user.role).is_some_and(|role| role.may(need)),
            Means::Key { scopes, role, .. } => {
                scopes.iter().any(|scope| scope.gives(need)) && role.is_none_or(|role| role.may(need))
            }
        }
    }

    /// Whether the caller may make owners and change them.
    pub fn is_owner(&self) -> bool {
        match &self.means {
            Means::Shell => true,
            Means::Session(user) => user.role == Role::Owner.as_str(),
            Means::Key { role, .. } => role.is_none_or(|role| role == Role::Owner),
        }
    }

    /// The person behind the call, if there is one.
    pub fn user_id(&self) -> Option<UserId> {
        match &self.means {
            Means::Session(user) => Some(user.id),
            Means::Key { created_by, .. } => *created_by,
            Means::Shell => None,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Who, Problem> {
        parts.extensions.get::<Who>().cloned().ok_or_else(Problem::unauthorized)
    }
}

/// Lets a request through to its handler when its caller may.
pub async fn guard(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    match admit(&api, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn admit(api: &Api, request: &mut Request) -> Result<(), Problem> {
    check_host(api, request.headers())?;
    let path = request.extensions().get::<MatchedPath>().map(|p| p.as_str().to_owned()).unwrap_or_default();
    let Some(need) = need_of(request.method(), &path) else {
        // A method that the route does not have is answered by the router.
        return if TABLE.iter().any(|(_, p, _)| *p == path) {
            Ok(())
        } else {
            Err(Problem::forbidden("nobody may use this address"))
        };
    };
    let is_socket = path == "/ws";
    let is_session = request.headers().get(header::AUTHORIZATION).is_none();
    if is_session && (is_socket || !request.method().is_safe()) {
        check_origin(api, request.headers())?;
    }
    if need == Public {
        return Ok(());
    }
    let who = authenticate(api, request.headers()).await?.ok_or_else(Problem::unauthorized)?;
    if let Means::Key { id, .. } = &who.means {
        api.memory.rates.take_of_key(api, id)?;
    }
    if !who.may(need) {
        return Err(Problem::forbidden(match &who.means {
            Means::Session(user) => format!("the role {} does not allow this; ask an admin", user.role),
            Means::Key { .. } => {
                format!("the api key does not allow this; it needs the scope {}", scope_for(need))
            }
            Means::Shell => "the command line does not allow this".to_owned(),
        }));
    }
    request.extensions_mut().insert(who);
    Ok(())
}

fn scope_for(need: Need) -> &'static str {
    match need {
        Read => "read",
        Execute => "execute",
        Write => "write",
        Admin => "admin",
        Public | SignedIn => "of a person's session",
    }
}

/// The caller; `None` when there is no session and no key, or none that holds.
pub async fn authenticate(api: &Api, headers: &HeaderMap) -> Result<Option<Who>, Problem> {
    let now = api.now();
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = value.to_str().unwrap_or_default();
        let Some(key) = token.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        else {
            return Ok(None);
        };
        return key_holder(api, key.1.trim()).await;
    }
    let Some(token) = session_token(api, headers) else { return Ok(None) };
    let user = api.lookups.session(token_hash(&token), now).await?;
    Ok(user.map(|user| Who { workspace: user.workspace, means: Means::Session(user) }))
}

async fn key_holder(api: &Api, key: &str) -> Result<Option<Who>, Problem> {
    if !key.starts_with("lf_") || key.len() > 200 {
        return Ok(None);
    }
    let Some(grant) = api.lookups.api_key(token_hash(key), api.now()).await? else { return Ok(None) };
    // A key can do no more than the person who made it may still do.
    let role = grant.role.map(|role| Role::parse(&role).unwrap_or(Role::Viewer));
    let scopes = grant.scopes.iter().filter_map(|s| Scope::parse(s)).collect();
    Ok(Some(Who {
        workspace: grant.workspace,
        means: Means::Key { id: grant.id, created_by: grant.created_by, scopes, role },
    }))
}

/// The token in the session cookie.
pub fn session_token(api: &Api, headers: &HeaderMap) -> Option<String> {
    let name = api.settings.cookie_name();
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, token)| token.to_owned())
}

/// Browsers say from which page a request comes: only our own pages may change anything with a
/// session, or open a socket.
pub fn check_origin(api: &Api, headers: &HeaderMap) -> Result<(), Problem> {
    let refused = || {
        Problem::forbidden("requests of other sites are not taken; open the editor at its own address")
            .with_field("Origin")
    };
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("?").to_owned());
    match text("origin") {
        Some(origin) if api.settings.is_own_origin(&origin, headers) => Ok(()),
        Some(_) => Err(refused()),
        None => match text("sec-fetch-site").as_deref() {
            None | Some("same-origin" | "none") => Ok(()),
            Some(_) => Err(refused()),
        },
    }
}

/// A name that somebody else's DNS leads here must not reach what trusts this machine.
fn check_host(api: &Api, headers: &HeaderMap) -> Result<(), Problem> {
    if api.settings.hosts.is_empty() {
        return Ok(());
    }
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    if api.settings.hosts.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let detail =
        format!("this server is not called \"{name}\"; set PUBLIC_URL to the address that people use");
    Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail).with_field("Host"))
}

/// The address of the caller, behind as many proxies as are trusted.
pub fn remote_address(api: &Api, parts: &Parts) -> String {
    let peer = parts.extensions.get::<ConnectInfo<std::net::SocketAddr>>().map(|c| c.0.ip().to_string());
    let forwarded: Vec<&str> = parts
        .headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(str::trim)
        .collect();
    let n = api.settings.trusted_proxies;
    let claimed = if n == 0 { None } else { forwarded.len().checked_sub(n).map(|i| forwarded[i].to_owned()) };
    claimed.or(peer).unwrap_or_default()
}
