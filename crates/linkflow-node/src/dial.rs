//! Connections to servers that do not speak HTTP: databases, caches, mail. One place that opens them,
//! so that all of them keep to the same rules as the HTTP client.
//!
//! Nothing here knows a protocol; TLS is made ready here, and begun where the protocol wants it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::{Ctx, NodeError, Secret};

/// How long a server may take to take the call.
const CONNECT_MS_MAX: u64 = 30_000;
/// How many of a name's addresses are tried.
const ADDRESSES_MAX: usize = 4;

/// A connection, under TLS or not.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Connects to `host`, if the rules for connections of nodes allow one of its addresses.
///
/// Errors: [`NodeError::Data`] for an address that is not allowed, `Unavailable` when nobody answers,
/// `TimedOut`, `Canceled`.
pub async fn dial(ctx: &Ctx, host: &str, port: u16) -> Result<TcpStream, NodeError> {
    let service = format!("{host}:{port}");
    bounded(ctx, CONNECT_MS_MAX, async {
        let addresses = ctx.http.guard().resolve(host, port).await.map_err(|e| unavailable(&service, &e))?;
        let mut last = None;
        for address in addresses.into_iter().take(ADDRESSES_MAX) {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // Only latency is lost where it cannot be set.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(match last {
            Some(error) => unavailable(&service, &error),
            None => NodeError::data(format!("{host} has no address")),
        })
    })
    .await?
}

/// Waits for `work`, at most `limit_ms`, and no longer than the execution goes on.
pub async fn bounded<T>(ctx: &Ctx, limit_ms: u64, work: impl Future<Output = T>) -> Result<T, NodeError> {
    tokio::select! {
        biased;
        () = ctx.cancel.cancelled() => Err(NodeError::Canceled),
        done = tokio::time::timeout(Duration::from_millis(limit_ms), work) => {
            done.map_err(|_| NodeError::TimedOut { limit_ms })
        }
    }
}

/// That `service` cannot be reached; what the guard refuses is told as such.
pub fn unavailable(service: &str, error: &std::io::Error) -> NodeError {
    let blocked = error.get_ref().and_then(|inner| inner.downcast_ref::<crate::http::Blocked>());
    match blocked {
        Some(blocked) => NodeError::data(blocked.to_string()),
        None => NodeError::Unavailable {
            service: service.to_owned(),
            cause: error.to_string(),
            retry_after_ms: None,
            item: None,
        },
    }
}

/// What a credential says about TLS. The texts are PEM, and empty where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tls<'a> {
    /// Takes any certificate. Only where the author says so.
    pub accept_invalid_certs: bool,
    /// Whose certificates are believed, in place of the roots of the web.
    pub ca: &'a str,
    /// With what we show who we are.
    pub cert: &'a str,
    pub key: &'a str,
}

impl Tls<'_> {
    /// The settings of a connection.
    pub fn config(&self) -> Result<Arc<ClientConfig>, NodeError> {
        let failed = |cause: &dyn std::fmt::Display| {
            NodeError::Credential(format!("the credential's settings of TLS cannot be used: {cause}"))
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|e| failed(&e))?;
        let builder = match self.accept_invalid_certs {
            true => builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
            false => builder.with_root_certificates(self.roots().map_err(|e| failed(&e))?),
        };
        let config = match self.cert.trim().is_empty() {
            true => builder.with_no_client_auth(),
            false => {
                let chain = certificates(self.cert).map_err(|e| failed(&e))?;
                let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(|e| failed(&e))?;
                builder.with_client_auth_cert(chain, key).map_err(|e| failed(&e))?
            }
        };
        Ok(Arc::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        if self.ca.trim().is_empty() {
            roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
            return Ok(roots);
        }
        for certificate in certificates(self.ca)? {
            roots.add(certificate).map_err(|e| e.to_string())?;
        }
        Ok(roots)
    }

    /// Begins TLS on a connection to `host`.
    pub async fn begin(
        &self,
        ctx: &Ctx,
        stream: TcpStream,
        host: &str,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, NodeError> {
        let name = server_name(host)?;
        let connector = tokio_rustls::TlsConnector::from(self.config()?);
        bounded(ctx, CONNECT_MS_MAX, connector.connect(name, stream))
            .await?
            .map_err(|e| unavailable(host, &e))
    }
}

/// `host` as the name that a certificate has to be for.
pub fn server_name(host: &str) -> Result<ServerName<'static>, NodeError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    ServerName::try_from(bare)
        .map_err(|_| NodeError::Credential(format!("the credential's field `host` is no host: \"{host}\"")))
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|e| e.to_string())?;
    if found.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(found) }
}

impl Secret {
    /// The field `host`, without the spaces that come with copying.
    pub fn host(&self) -> Result<&str, NodeError> {
        match self.get("host").map(str::trim) {
            Some(host) if !host.is_empty() => Ok(host),
            _ => Err(NodeError::Credential("the credential's field `host` is empty".to_owned())),
        }
    }

    /// The field `port`, or `usual` where there is none.
    pub fn port(&self, usual: u16) -> Result<u16, NodeError> {
        match self.get("port").map(str::trim).filter(|text| !text.is_empty()) {
            None => Ok(usual),
            Some(text) => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                let problem = format!("must be a number from 1 to 65535, got \"{text}\"");
                NodeError::Credential(format!("the credential's field `port` {problem}"))
            }),
        }
    }

    /// Whether the field says yes.
    pub fn flag(&self, field: &str) -> bool {
        self.get(field).is_some_and(|text| matches!(text.trim(), "true" | "1" | "yes"))
    }

    /// The field, or nothing.
    pub fn text(&self, field: &str) -> &str {
        self.get(field).unwrap_or_default()
    }
}

/// Believes every certificate; that the other side has its key is still checked.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end: &CertificateDer<'_>,
        _between: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use crate::http::Guard;
    use crate::testing::{TestHost, ctx};

    use super::*;

    #[tokio::test]
    async fn a_server_on_a_closed_address_is_not_called() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        let mut ctx = ctx(dir.path(), Arc::new(TestHost::default()));
        dial(&ctx, "127.0.0.1", port).await.unwrap();
        ctx.http = crate::http::Http::new(Guard::public_only());
        for host in ["127.0.0.1", "localhost"] {
            let refused = dial(&ctx, host, port).await.unwrap_err().to_string();
            assert!(refused.contains("is not allowed") && refused.contains("EGRESS_ALLOW"), "{refused}");
        }
        ctx.cancel.cancel();
        assert_eq!(dial(&ctx, "localhost", port).await.unwrap_err(), NodeError::Canceled);
    }

    #[test]
    fn settings_of_tls_that_cannot_be_used_are_named() {
        assert!(Tls::default().config().is_ok());
        let wrong = Tls { ca: "no certificate", ..Tls::default() }.config().unwrap_err().to_string();
        assert!(wrong.ends_with("there is no certificate in it"), "{wrong}");
    }
}
