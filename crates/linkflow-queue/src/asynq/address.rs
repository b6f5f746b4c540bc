//! Where Redis is, read from one URL: a server, servers behind Sentinels, or a cluster. Nothing
//! here talks to a server but `open`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    PushInfo, RedisConnectionInfo, RedisError, RedisFuture, RedisResult, TlsCertificates, TlsMode, Value,
};
use tokio::sync::mpsc;

use crate::job::QueueError;

/// How long a server may take to answer, and to be connected to.
pub(crate) const ANSWER: Duration = Duration::from_secs(2);
pub(crate) const CONNECT: Duration = Duration::from_secs(2);

/// Most hosts a list may have.
const HOSTS_MAX: usize = 32;

#[derive(Clone)]
pub(crate) enum Address {
    One { server: ConnectionInfo, ca: Option<Vec<u8>> },
    Sentinels(Sentinels),
    Cluster { nodes: Vec<ConnectionInfo>, ca: Option<Vec<u8>> },
}

#[derive(Clone)]
pub(crate) struct Sentinels {
    sentinels: Vec<ConnectionInfo>,
    master: String,
    /// How the master itself is spoken to.
    settings: RedisConnectionInfo,
    has_tls: bool,
    ca: Option<Vec<u8>>,
    /// Each attempt begins with another Sentinel, so that some may be gone without a word.
    n_attempts: Arc<AtomicUsize>,
}

/// A connection, whatever is behind it.
#[derive(Clone)]
pub(crate) enum Conn {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// The parts of `scheme://[user[:password]@]host[:port][,host...][/path][?query]`.
struct Parts<'a> {
    tls: bool,
    user: &'a str,
    hosts: Vec<&'a str>,
    path: Vec<&'a str>,
    query: &'a str,
}

impl Address {
    /// Reads `redis://`, `rediss://`, `redis+sentinel://h1,h2/master[/db]` or
    /// `redis+cluster://h1,h2`; the last two also with `rediss+`. `ca` is a certificate in PEM of
    /// whoever signed the server's, where the system does not know it.
    pub(crate) fn parse(url: &str, ca: Option<&[u8]>) -> Result<Self, QueueError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong(url, "has no scheme"))?;
        let parts = parts(scheme.starts_with("rediss"), rest);
        let ca = ca.map(<[u8]>::to_vec);
        match scheme {
            "redis" | "rediss" => one(url, &parts, ca),
            "redis+sentinel" | "rediss+sentinel" => sentinels(url, &parts, ca),
            "redis+cluster" | "rediss+cluster" => {
                let nodes = all(url, &parts, "6379", "")?;
                Ok(Address::Cluster { nodes, ca })
            }
            _ => {
                Err(wrong(url, "must begin with redis://, rediss://, redis+sentinel:// or redis+cluster://"))
            }
        }
    }

    /// Connects. What the server pushes goes to `pushes`.
    pub(crate) async fn open(&self, pushes: Option<mpsc::UnboundedSender<PushInfo>>) -> RedisResult<Conn> {
        match self {
            Address::One { server, ca } => single(client(server, ca)?, pushes).await,
            Address::Sentinels(sentinels) => single(sentinels.client().await?, pushes).await,
            Address::Cluster { nodes, ca } => cluster(nodes, ca, pushes).await,
        }
    }
}

impl Sentinels {
    /// Asks for the master of the moment.
    async fn client(&self) -> RedisResult<Client> {
        let mut hosts: Vec<ConnectionAddr> = self.sentinels.iter().map(|s| s.addr().clone()).collect();
        let n = hosts.len().max(1);
        hosts.rotate_left(self.n_attempts.fetch_add(1, Ordering::Relaxed) % n);
        let mut builder =
            SentinelClientBuilder::new(hosts, self.master.as_str(), SentinelServerType::Master)?
                .set_client_to_redis_protocol(ProtocolVersion::RESP3)
                .set_client_to_redis_db(self.settings.db());
        if let Some(user) = self.settings.username() {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = self.settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        let of_sentinels = self.sentinels.first().map(ConnectionInfo::redis_settings);
        if let Some(user) = of_sentinels.and_then(RedisConnectionInfo::username) {
            builder = builder.set_client_to_sentinel_username(user);
        }
        if let Some(password) = of_sentinels.and_then(RedisConnectionInfo::password) {
            builder = builder.set_client_to_sentinel_password(password);
        }
        if self.has_tls {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        if let Some(ca) = self.ca.as_ref().filter(|_| self.has_tls) {
            builder = builder
                .set_client_to_redis_certificates(certificates(ca))
                .set_client_to_sentinel_certificates(certificates(ca));
        }
        builder.build()?.async_get_client().await
    }
}

async fn single(client: Client, pushes: Option<mpsc::UnboundedSender<PushInfo>>) -> RedisResult<Conn> {
    let mut config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(ANSWER));
    if let Some(pushes) = pushes {
        config = config.set_push_sender(pushes);
    }
    Ok(Conn::One(client.get_multiplexed_async_connection_with_config(&config).await?))
}

fn client(server: &ConnectionInfo, ca: &Option<Vec<u8>>) -> RedisResult<Client> {
    match ca {
        None => Client::open(server.clone()),
        Some(ca) => Client::build_with_tls(server.clone(), certificates(ca)),
    }
}

fn certificates(ca: &[u8]) -> TlsCertificates {
    TlsCertificates { client_tls: None, root_cert: Some(ca.to_vec()) }
}

async fn cluster(
    nodes: &[ConnectionInfo],
    ca: &Option<Vec<u8>>,
    pushes: Option<mpsc::UnboundedSender<PushInfo>>,
) -> RedisResult<Conn> {
    let mut builder = ClusterClientBuilder::new(nodes.to_vec())
        .use_protocol(ProtocolVersion::RESP3)
        .connection_timeout(CONNECT)
        .response_timeout(ANSWER)
        .overall_response_timeout(Some(ANSWER))
        .retries(3)
        .min_retry_wait(50)
        .max_retry_wait(500);
    if let Some(ca) = ca {
        builder = builder.certs(certificates(ca));
    }
    if let Some(pushes) = pushes {
        builder = builder.push_sender(pushes);
    }
    Ok(Conn::Cluster(builder.build()?.get_async_connection().await?))
}

impl ConnectionLike for Conn {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a redis::Cmd) -> RedisFuture<'a, Value> {
        match self {
            Conn::One(conn) => conn.req_packed_command(cmd),
            Conn::Cluster(conn) => conn.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a redis::Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Conn::One(conn) => conn.req_packed_commands(pipeline, offset, count),
            Conn::Cluster(conn) => conn.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Conn::One(conn) => conn.get_db(),
            Conn::Cluster(conn) => conn.get_db(),
        }
    }
}

fn one(url: &str, parts: &Parts, ca: Option<Vec<u8>>) -> Result<Address, QueueError> {
    let [host] = parts.hosts[..] else {
        return Err(wrong(url, "names several hosts; write redis+sentinel:// or redis+cluster://"));
    };
    let db = parts.path.first().copied().unwrap_or("");
    Ok(Address::One { server: server(url, parts.tls, parts.user, host, "6379", db)?, ca })
}

fn sentinels(url: &str, parts: &Parts, ca: Option<Vec<u8>>) -> Result<Address, QueueError> {
    let [master, ref db @ ..] = parts.path[..] else {
        return Err(wrong(
            url,
            "must name the master after the hosts, as in redis+sentinel://h1,h2/mymaster",
        ));
    };
    let asked = |name: &str| {
        url::form_urlencoded::parse(parts.query.as_bytes())
            .find(|(k, _)| k == name)
            .map(|(_, v)| v.into_owned())
    };
    let mut of_sentinels = String::new();
    if let Some(password) = asked("sentinel_password") {
        let encode = |text: String| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let user = asked("sentinel_username").map(encode).unwrap_or_default();
        of_sentinels = format!("{user}:{}@", encode(password));
    }
    let parts_of_sentinels =
        Parts { tls: parts.tls, user: &of_sentinels, hosts: parts.hosts.clone(), ..Parts::none() };
    let sentinels = all(url, &parts_of_sentinels, "26379", "")?;
    let db = db.first().copied().unwrap_or("");
    let settings = server(url, false, parts.user, "localhost", "6379", db)?.redis_settings().clone();
    Ok(Address::Sentinels(Sentinels {
        sentinels,
        master: master.to_owned(),
        settings,
        has_tls: parts.tls,
        ca,
        n_attempts: Arc::default(),
    }))
}

fn all(url: &str, parts: &Parts, port: &str, db: &str) -> Result<Vec<ConnectionInfo>, QueueError> {
    if parts.hosts.is_empty() || parts.hosts.len() > HOSTS_MAX {
        return Err(wrong(url, &format!("must name 1 to {HOSTS_MAX} hosts")));
    }
    parts.hosts.iter().map(|host| server(url, parts.tls, parts.user, host, port, db)).collect()
}

/// One server, spoken to in RESP3: the pushes of its third version tell of new jobs.
fn server(
    url: &str,
    tls: bool,
    user: &str,
    host: &str,
    port: &str,
    db: &str,
) -> Result<ConnectionInfo, QueueError> {
    let scheme = if tls { "rediss" } else { "redis" };
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && !port.contains(']'));
    let port = if has_port { String::new() } else { format!(":{port}") };
    let info = format!("{scheme}://{user}{host}{port}/{db}")
        .into_connection_info()
        .map_err(|e: RedisError| wrong(url, &format!("names {host:?}, which cannot be read: {e}")))?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings))
}

impl Parts<'_> {
    fn none() -> Self {
        Parts { tls: false, user: "", hosts: Vec::new(), path: Vec::new(), query: "" }
    }
}

fn parts(tls: bool, rest: &str) -> Parts<'_> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let at = rest.rfind('@').map_or(0, |at| at + 1);
    let (user, rest) = rest.split_at(at);
    let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
    Parts {
        tls,
        user,
        hosts: hosts.split(',').map(str::trim).filter(|host| !host.is_empty()).collect(),
        path: path.split('/').filter(|part| !part.is_empty()).collect(),
        query,
    }
}

fn wrong(url: &str, problem: &str) -> QueueError {
    QueueError::invalid("REDIS_URL", format!("{problem}, got {:?}", without_password(url)))
}

/// The URL as it may be shown.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "(no URL)".to_owned() };
    let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
    let hosts = rest.rsplit_once('@').map_or(rest, |(_, hosts)| hosts);
    format!("{scheme}://{hosts}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str) -> String {
        match Address::parse(url, None) {
            Err(error) => error.to_string(),
            Ok(Address::One { server, .. }) => {
                format!("{} db {}", server.addr(), server.redis_settings().db())
            }
            Ok(Address::Cluster { nodes, .. }) => format!("cluster {}", hosts(&nodes)),
            Ok(Address::Sentinels(s)) => format!("{} of {}", s.master, hosts(&s.sentinels)),
        }
    }

    fn hosts(nodes: &[ConnectionInfo]) -> String {
        let one = |node: &ConnectionInfo| {
            let user = node.redis_settings().username().unwrap_or("-").to_owned();
            let password = node.redis_settings().password().unwrap_or("-").to_owned();
            format!("{}({user}:{password})", node.addr())
        };
        nodes.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn all_four_kinds_of_urls_are_read() {
        assert_eq!(check("redis://h"), "h:6379 db 0");
        assert_eq!(check("redis://:p%40ss@h:7000/3"), "h:7000 db 3");
        assert_eq!(check("rediss://h/1"), "h:6379 db 1");
        assert_eq!(
            check("redis+sentinel://u:p@h1,h2:7/mymaster/2?sentinel_password=s"),
            "mymaster of h1:26379(-:s) h2:7(-:s)"
        );
        assert_eq!(check("redis+cluster://u:p@h1,[::1]:7"), "cluster h1:6379(u:p) ::1:7(u:p)");
    }

    #[test]
    fn what_cannot_be_read_is_shown_without_its_password() {
        for (url, problem) in [
            ("h:6379", "has no scheme"),
            ("http://u:geheim@h", "must begin with"),
            ("redis://u:geheim@h1,h2", "names several hosts"),
            ("redis+sentinel://u:geheim@h1", "must name the master"),
            ("redis+cluster://", "must name 1 to 32 hosts"),
            ("redis://u:geheim@h:99999", "cannot be read"),
            ("redis://h/x", "cannot be read"),
        ] {
            let error = check(url);
            assert!(error.starts_with("`REDIS_URL` ") && error.contains(problem), "{error}");
            assert!(!error.contains("geheim"), "{error}");
            let settings = format!("{:?}", crate::Settings::new(url));
            assert!(!settings.contains("geheim") && settings.contains("url"), "{settings}");
        }
    }
}
