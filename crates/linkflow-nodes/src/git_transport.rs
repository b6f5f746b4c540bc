//! How repositories are spoken to over HTTP: with the one guarded client that all nodes have. The library
//! that knows git opens no connection of its own; for every other way to a repository it gets an error.

use std::cell::RefCell;
use std::io::{Cursor, Read, Write};
use std::sync::{Arc, Mutex, Once, PoisonError};

use base64::Engine as _;
use bytes::Bytes;
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use linkflow_node::NodeError;
use linkflow_node::http::{Call, Http};
use tokio_util::sync::CancellationToken;
use url::Url;

/// How long one question to a server may take.
const ANSWER_MS_MAX: u64 = 3_600_000;

/// What a piece of work may use of the network.
#[derive(Clone)]
pub struct Line {
    pub runtime: tokio::runtime::Handle,
    pub http: Http,
    pub cancel: CancellationToken,
    /// Who we are: user and password. Only the server that the work is for hears it.
    pub user: Option<(String, String)>,
    pub bytes_max: usize,
    /// What kept the network from being used; the library only knows that something did.
    pub failed: Arc<Mutex<Option<NodeError>>>,
}

thread_local! {
    /// The library asks for connections in the thread in which it works.
    static LINE: RefCell<Option<Line>> = const { RefCell::new(None) };
}

/// Works with the network as `line` says.
pub fn with_line<T>(line: Line, work: impl FnOnce() -> T) -> T {
    struct Back(Option<Line>);
    impl Drop for Back {
        fn drop(&mut self) {
            LINE.with(|place| place.replace(self.0.take()));
        }
    }
    begin();
    let _back = Back(LINE.with(|place| place.replace(Some(line))));
    work()
}

/// Makes the library ask here for every connection, and read no settings of the machine. Once.
fn begin() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: nothing else of this program uses the library, and whoever does comes by here first.
        unsafe {
            for level in [
                git2::ConfigLevel::System,
                git2::ConfigLevel::Global,
                git2::ConfigLevel::XDG,
                git2::ConfigLevel::ProgramData,
            ] {
                let _ = git2::opts::set_search_path(level, "");
            }
            // Whose files they are does not matter: nothing in a repository is ever run.
            let _ = git2::opts::set_verify_owner_validation(false);
            for scheme in ["http", "https"] {
                let made = git2::transport::register(scheme, |remote| {
                    Transport::smart(remote, true, OverHttp::default())
                });
                made.expect("a scheme is registered once");
            }
            for scheme in ["git", "ssh", "ssh+git", "git+ssh", "file"] {
                let made = git2::transport::register(scheme, move |_| {
                    Err(git2::Error::from_str(&format!("{scheme}:// is not spoken here, https:// is")))
                });
                made.expect("a scheme is registered once");
            }
        }
    });
}

/// One conversation with a server.
#[derive(Default)]
struct OverHttp {
    /// Where the repository is, after redirects.
    base: Arc<Mutex<Option<Url>>>,
}

impl SmartSubtransport for OverHttp {
    fn action(&self, url: &str, service: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let line = LINE.with(|line| line.borrow().clone());
        let line = line.ok_or_else(|| git2::Error::from_str("nothing may use the network here"))?;
        Ok(Box::new(Exchange {
            line,
            url: url.to_owned(),
            service,
            base: self.base.clone(),
            question: Vec::new(),
            answer: None,
        }))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// One question and its answer.
struct Exchange {
    line: Line,
    url: String,
    service: Service,
    base: Arc<Mutex<Option<Url>>>,
    question: Vec<u8>,
    answer: Option<Cursor<Bytes>>,
}

impl Exchange {
    fn ask(&mut self) -> Result<Bytes, NodeError> {
        let (name, is_post) = match self.service {
            Service::UploadPackLs => ("git-upload-pack", false),
            Service::UploadPack => ("git-upload-pack", true),
            Service::ReceivePackLs => ("git-receive-pack", false),
            Service::ReceivePack => ("git-receive-pack", true),
        };
        let own = plain(&self.url)?;
        let base = self.base.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let base = base.filter(|_| is_post).unwrap_or_else(|| own.clone());
        let path = base.path().trim_end_matches('/').to_owned();
        let mut url = base.clone();
        let mut call = match is_post {
            true => {
                url.set_path(&format!("{path}/{name}"));
                let mut call = Call::new(Method::POST, url);
                call.headers.insert(CONTENT_TYPE, header(&format!("application/x-{name}-request")));
                call.headers.insert(ACCEPT, header(&format!("application/x-{name}-result")));
                call.body = Some(std::mem::take(&mut self.question).into());
                call.redirects_max = 0;
                call
            }
            false => {
                url.set_path(&format!("{path}/info/refs"));
                url.set_query(Some(&format!("service={name}")));
                Call::new(Method::GET, url)
            }
        };
        if let Some((user, password)) = self.line.user.as_ref().filter(|_| base.origin() == own.origin()) {
            let both = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            let mut value = header(&format!("Basic {both}"));
            value.set_sensitive(true);
            call.headers.insert(AUTHORIZATION, value);
        }
        call.timeout_ms = ANSWER_MS_MAX;
        call.body_bytes_max = self.line.bytes_max;
        call.cancel = self.line.cancel.clone();
        let (runtime, http) = (self.line.runtime.clone(), self.line.http.clone());
        let (from, bytes) = runtime.block_on(answered(&http, call))?;
        if !is_post {
            *self.base.lock().unwrap_or_else(PoisonError::into_inner) = base_of(from);
        }
        Ok(bytes)
    }
}

async fn answered(http: &Http, call: Call) -> Result<(Url, Bytes), NodeError> {
    let service = call.url.host_str().unwrap_or_default().to_owned();
    let answer = http.send(call).await?;
    let (status, from) = (answer.status.as_u16(), answer.url.clone());
    match status {
        200 => Ok((from, answer.bytes().await?)),
        401 | 403 => Err(NodeError::Credential(format!("{service} does not take the credential ({status})"))),
        _ => {
            let said = answer.start(300).await.unwrap_or_default();
            let said = String::from_utf8_lossy(&said).trim().to_owned();
            Err(NodeError::Refused {
                message: format!("{service} answers {status}; is there a repository?"),
                service,
                status,
                description: (!said.is_empty()).then_some(said),
                retry_after_ms: None,
                item: None,
            })
        }
    }
}

/// Where a repository is, by where its list of references came from.
fn base_of(mut from: Url) -> Option<Url> {
    let path = from.path().strip_suffix("/info/refs")?.to_owned();
    from.set_path(&path);
    from.set_query(None);
    Some(from)
}

/// The address without user and password.
pub fn plain(url: &str) -> Result<Url, NodeError> {
    let mut url = Url::parse(url).map_err(|e| NodeError::data(format!("\"{url}\" is no address: {e}")))?;
    // They can be removed from any address that has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok(url)
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

impl Read for Exchange {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.answer.is_none() {
            match self.ask() {
                Ok(bytes) => self.answer = Some(Cursor::new(bytes)),
                Err(error) => {
                    let text = error.to_string();
                    *self.line.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    return Err(std::io::Error::other(text));
                }
            }
        }
        self.answer.as_mut().map_or(Ok(0), |answer| answer.read(into))
    }
}

impl Write for Exchange {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.question.len() + bytes.len() > self.line.bytes_max {
            let limit = format!("{} MB", self.line.bytes_max >> 20);
            let error = NodeError::Limit { what: "what is pushed".to_owned(), limit };
            let text = error.to_string();
            *self.line.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            return Err(std::io::Error::other(text));
        }
        self.question.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
