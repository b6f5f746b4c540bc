//! A wire between the store and its database that can be cut at the worst moment.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// When the wire is cut, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Never,
    /// The commit does not arrive.
    BeforeCommit,
    /// The commit arrives, and its answer gets lost.
    AfterCommit,
}

#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    next: Arc<Mutex<Cut>>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    n_cuts: Arc<AtomicUsize>,
    n_open: Arc<AtomicUsize>,
    /// Of those that are open.
    silence: Arc<Mutex<Arc<AtomicBool>>>,
    /// Whether new ones are silent too.
    greets_nobody: Arc<AtomicBool>,
}

impl Proxy {
    pub fn to(port: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy {
            port: listener.local_addr().unwrap().port(),
            next: Arc::new(Mutex::new(Cut::Never)),
            open: Arc::default(),
            n_cuts: Arc::default(),
            n_open: Arc::default(),
            silence: Arc::default(),
            greets_nobody: Arc::default(),
        };
        let own = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", port)).unwrap());
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                own.join(client, server);
            }
        });
        proxy
    }

    fn join(&self, client: TcpStream, server: TcpStream) {
        let swallows = Arc::new(AtomicBool::new(false));
        self.open.lock().unwrap().extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let (own, flag) = (self.clone(), swallows.clone());
        let mut silence = self.silence.lock().unwrap().clone();
        if self.greets_nobody.load(Ordering::SeqCst) {
            silence = Arc::new(AtomicBool::new(true));
        }
        let silent = silence.clone();
        own.n_open.fetch_add(1, Ordering::SeqCst);
        std::thread::spawn(move || {
            own.pump_there(from, to, &flag, &silence);
            own.n_open.fetch_sub(1, Ordering::SeqCst);
        });
        std::thread::spawn(move || pump_back(server, client, &swallows, &silent));
    }

    /// The next commit on any connection is cut like this.
    pub fn cut_next(&self, cut: Cut) {
        *self.next.lock().unwrap() = cut;
    }

    /// How many commits were cut.
    pub fn n_cuts(&self) -> usize {
        self.n_cuts.load(Ordering::SeqCst)
    }

    /// How many connections the store has not ended.
    pub fn n_open(&self) -> usize {
        self.n_open.load(Ordering::SeqCst)
    }

    /// From now on all connections that are open take what is sent and never answer, although new
    /// ones would.
    pub fn silence(&self) {
        std::mem::take(&mut *self.silence.lock().unwrap()).store(true, Ordering::SeqCst);
    }

    /// Whether connections that are made from now on are never answered, not even greeted.
    pub fn greet_nobody(&self, is_so: bool) {
        self.greets_nobody.store(is_so, Ordering::SeqCst);
    }

    /// Cuts all connections that are open.
    pub fn cut_all(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn pump_there(
        &self,
        mut from: TcpStream,
        mut to: TcpStream,
        swallows: &AtomicBool,
        silence: &AtomicBool,
    ) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            if silence.load(Ordering::SeqCst) {
                continue;
            }
            if buffer[..n].windows(7).any(|w| w == b"COMMIT\0") {
                let cut = std::mem::replace(&mut *self.next.lock().unwrap(), Cut::Never);
                if cut != Cut::Never {
                    self.n_cuts.fetch_add(1, Ordering::SeqCst);
                }
                if cut == Cut::BeforeCommit {
                    break;
                }
                swallows.store(cut == Cut::AfterCommit, Ordering::SeqCst);
            }
            if to.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }
}

fn pump_back(mut from: TcpStream, mut to: TcpStream, swallows: &AtomicBool, silence: &AtomicBool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        if silence.load(Ordering::SeqCst) {
            continue;
        }
        if swallows.load(Ordering::SeqCst) || to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
