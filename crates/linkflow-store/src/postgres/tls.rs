//! Where a database is and how it is spoken to: the address, and TLS as `sslmode` asks for it.
//!
//! `sslmode` has the meanings of PostgreSQL's own clients: `disable`; `prefer` (the default) and
//! `require` encrypt and believe any certificate; `verify-ca` and `verify-full` check it against
//! `sslrootcert` (a PEM file) or the roots of the web, `verify-full` its name too.

use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Connection, Error, Socket};

use crate::StoreError;

/// A database that can be connected to. Printing it shows no password.
#[derive(Clone)]
pub(crate) struct Address {
    config: Config,
    tls: Tls,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({:?})", self.config.get_hosts())
    }
}

/// What the options of the URL say about TLS.
#[derive(Debug, Default, PartialEq)]
struct Wish {
    mode: Option<String>,
    roots: Option<String>,
}

impl Address {
    /// Reads a URL, or a line of `key=value`. `field` names the setting it came from.
    pub fn parse(field: &'static str, url: &str, connect_timeout: Duration) -> Result<Address, StoreError> {
        let (url, wish) = split(url);
        let mut config = Config::from_str(&url).map_err(|e| {
            // The URL has a password in it, so it is not shown.
            let cause = std::error::Error::source(&e).map_or(e.to_string(), ToString::to_string);
            StoreError::invalid(field, format!("is no address of a PostgreSQL database: {cause}"))
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(connect_timeout);
        }
        config.tcp_user_timeout(Duration::from_secs(15));
        if config.get_application_name().is_none() {
            config.application_name("linkflow");
        }
        let mode = wish.mode.as_deref().unwrap_or("prefer");
        config.ssl_mode(match mode {
            "disable" => SslMode::Disable,
            "allow" | "prefer" => SslMode::Prefer,
            "require" | "verify-ca" | "verify-full" => SslMode::Require,
            other => {
                let problem = format!(
                    "has sslmode={other}; it can be disable, prefer, require, verify-ca or verify-full"
                );
                return Err(StoreError::invalid(field, problem));
            }
        });
        Ok(Address { config, tls: Tls::new(field, mode, wish.roots.as_deref())? })
    }

    /// Only a server that takes writes will do, whichever of several it is.
    pub fn writable(mut self) -> Address {
        if self.config.get_hosts().len() > 1 {
            self.config.target_session_attrs(tokio_postgres::config::TargetSessionAttrs::ReadWrite);
        }
        self
    }

    /// How many hosts there are that may be tried, one after the other.
    pub fn n_hosts(&self) -> u32 {
        u32::try_from(self.config.get_hosts().len().max(1)).unwrap_or(u32::MAX)
    }

    pub async fn connect(&self) -> Result<(Client, Connection<Socket, TlsStream>), Error> {
        self.config.connect(self.tls.clone()).await
    }
}

/// Takes out of a URL what `tokio_postgres` does not read.
fn split(url: &str) -> (String, Wish) {
    let mut wish = Wish::default();
    let mut keep = |pair: &str| match pair.split_once('=') {
        Some(("sslmode", mode)) => {
            wish.mode = Some(mode.to_owned());
            false
        }
        Some(("sslrootcert", path)) => {
            wish.roots = Some(path.replace("%2F", "/"));
            false
        }
        _ => true,
    };
    let rest = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        match url.split_once('?') {
            None => url.to_owned(),
            Some((base, query)) => {
                let kept: Vec<&str> = query.split('&').filter(|pair| keep(pair)).collect();
                if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) }
            }
        }
    } else {
        url.split_whitespace().filter(|pair| keep(pair)).collect::<Vec<_>>().join(" ")
    };
    (rest, wish)
}

#[derive(Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    fn new(field: &'static str, mode: &str, roots: Option<&str>) -> Result<Tls, StoreError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let failed =
            |e: &dyn std::fmt::Display| StoreError::invalid(field, format!("TLS cannot be set up: {e}"));
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|e| failed(&e))?;
        let config = match mode {
            "verify-full" => builder.with_root_certificates(read_roots(field, roots)?).with_no_client_auth(),
            "verify-ca" => {
                let inner = rustls::client::WebPkiServerVerifier::builder_with_provider(
                    Arc::new(read_roots(field, roots)?),
                    provider.clone(),
                )
                .build()
                .map_err(|e| failed(&e))?;
                let verifier = Arc::new(Unnamed { provider, inner: Some(inner) });
                builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
            }
            _ => {
                let verifier = Arc::new(Unnamed { provider, inner: None });
                builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
            }
        };
        Ok(Tls { config: Arc::new(config) })
    }
}

fn read_roots(field: &'static str, path: Option<&str>) -> Result<RootCertStore, StoreError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = path else {
        roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
        return Ok(roots);
    };
    let failed = |e: &dyn std::fmt::Display| {
        StoreError::invalid(field, format!("has sslrootcert={path}, which cannot be read: {e}"))
    };
    for found in CertificateDer::pem_file_iter(path).map_err(|e| failed(&e))? {
        roots.add(found.map_err(|e| failed(&e))?).map_err(|e| failed(&e))?;
    }
    if roots.is_empty() {
        return Err(failed(&"there is no certificate in it"));
    }
    Ok(roots)
}

/// Believes a certificate whatever name it has; without `inner`, any certificate at all.
#[derive(Debug)]
struct Unnamed {
    provider: Arc<CryptoProvider>,
    inner: Option<Arc<rustls::client::WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Unnamed {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(end, between, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = TlsStream;
    type TlsConnect = TlsTo;
    type Error = rustls::pki_types::InvalidDnsNameError;

    fn make_tls_connect(&mut self, host: &str) -> Result<TlsTo, Self::Error> {
        let name = ServerName::try_from(host.to_owned())?;
        Ok(TlsTo { connector: tokio_rustls::TlsConnector::from(self.config.clone()), name })
    }
}

pub(crate) struct TlsTo {
    connector: tokio_rustls::TlsConnector,
    name: ServerName<'static>,
}

impl TlsConnect<Socket> for TlsTo {
    type Stream = TlsStream;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<TlsStream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move { Ok(TlsStream(Box::new(self.connector.connect(self.name, socket).await?))) })
    }
}

/// A connection under TLS.
pub(crate) struct TlsStream(Box<tokio_rustls::client::TlsStream<Socket>>);

impl tokio_postgres::tls::TlsStream for TlsStream {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, rest: &str, mode: Option<&str>, roots: Option<&str>) {
        let wish = Wish { mode: mode.map(str::to_owned), roots: roots.map(str::to_owned) };
        assert_eq!(split(url), (rest.to_owned(), wish));
    }

    #[test]
    fn what_a_url_says_about_tls_is_taken_out_of_it() {
        check("postgres://u@h/d", "postgres://u@h/d", None, None);
        check("postgres://u@h/d?sslmode=require", "postgres://u@h/d", Some("require"), None);
        check(
            "postgres://u@a,b/d?sslmode=verify-full&application_name=x&sslrootcert=%2Fca.pem",
            "postgres://u@a,b/d?application_name=x",
            Some("verify-full"),
            Some("/ca.pem"),
        );
        check("host=h sslmode=disable user=u", "host=h user=u", Some("disable"), None);
    }

    #[test]
    fn a_bad_address_is_refused_without_its_password() {
        let refused =
            |url: &str| Address::parse("DATABASE_URL", url, Duration::from_secs(1)).unwrap_err().to_string();
        assert_eq!(
            refused("postgres://u:secret@h/d?sslmode=maybe"),
            "`DATABASE_URL` has sslmode=maybe; it can be disable, prefer, require, verify-ca or verify-full"
        );
        let text = refused("postgres://u:secret@h:port/d");
        assert!(text.starts_with("`DATABASE_URL` is no address") && !text.contains("secret"), "{text}");
        assert!(refused("postgres://h/d?sslmode=verify-full&sslrootcert=/none").contains("/none"));
    }
}
