//! Which of several schedulers is at work: one key in Redis that ends by itself. It spares double
//! work; it does not make anything happen exactly once, which the store does.
//!
//! The leader renews its key after a third of its time and, if it cannot, steps down before the
//! time is over. That is measured on the monotonic clock, which nobody can turn, from the moment
//! before the key was last written.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::address::{Address, without_password};
use super::link::Link;
use super::scripts;
use crate::job::QueueError;

/// What an election is about. Its `Debug` leaves passwords out.
#[derive(Clone)]
pub struct ElectionSettings {
    /// As in [`crate::Settings`].
    pub url: String,
    pub ca_certificate: Option<Vec<u8>>,
    /// `LEADER_ELECTION_KEY`: who stands for the same key competes.
    pub key: String,
    /// `LEADER_TTL`: how long a dead leader keeps others from taking over; 1 s to 1 h.
    pub ttl: Duration,
}

impl std::fmt::Debug for ElectionSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ElectionSettings")
            .field("url", &without_password(&self.url))
            .field("key", &self.key)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

/// One candidate. Dropping it resigns in the background; `resign` waits for that.
pub struct Election {
    state: Arc<State>,
    campaign: JoinHandle<()>,
}

struct State {
    link: Arc<Link>,
    key: String,
    who: String,
    ttl: Duration,
    /// Until when this candidate leads.
    until: Mutex<Option<Instant>>,
    leads: watch::Sender<bool>,
}

impl Election {
    /// Stands for election, from now until it is dropped.
    pub async fn stand(settings: ElectionSettings) -> Result<Self, QueueError> {
        let ElectionSettings { url, ca_certificate, key, ttl } = settings;
        if key.trim().is_empty() || key.len() > 500 {
            return Err(QueueError::invalid(
                "LEADER_ELECTION_KEY",
                format!("must have 1 to 500 characters, got {key:?}"),
            ));
        }
        if !(Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&ttl) {
            return Err(QueueError::invalid("LEADER_TTL", format!("must be 1 s to 1 h, got {ttl:?}")));
        }
        let address = Address::parse(&url, ca_certificate.as_deref())?;
        let state = Arc::new(State {
            link: Link::open(address).await,
            key,
            who: uuid::Uuid::new_v4().to_string(),
            ttl,
            until: Mutex::new(None),
            leads: watch::Sender::new(false),
        });
        let campaign = tokio::spawn(run(state.clone()));
        Ok(Election { state, campaign })
    }

    /// Whether this candidate leads at this moment. Ask before each piece of work, and do not work
    /// on for longer than [`Election::remaining`] on the strength of one answer.
    pub fn is_leader(&self) -> bool {
        self.remaining() > Duration::ZERO
    }

    /// For how much longer this candidate leads, if it cannot renew.
    pub fn remaining(&self) -> Duration {
        self.state.remaining(Instant::now())
    }

    /// Tells when the lead is won or lost.
    pub fn changes(&self) -> watch::Receiver<bool> {
        self.state.leads.subscribe()
    }

    /// Steps down and makes room for the next one: what SIGTERM asks for.
    pub async fn resign(self) {
        self.campaign.abort();
        self.state.resign().await;
    }
}

impl Drop for Election {
    fn drop(&mut self) {
        self.campaign.abort();
        let leads = self.is_leader();
        self.state.step_down();
        if leads && let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let state = self.state.clone();
            runtime.spawn(async move { state.resign().await });
        }
    }
}

async fn run(state: Arc<State>) {
    loop {
        let is_held = state.tick_in_time().await;
        // Who could not renew has two thirds of its time left to try, and does so more than once.
        let pause = if is_held { state.ttl / 3 } else { state.ttl / 12 };
        let remaining = state.remaining(Instant::now());
        // The one in the lead wakes at the end of its time to say so.
        let pause = if remaining > Duration::ZERO { pause.min(remaining) } else { pause };
        tokio::time::sleep(pause).await;
        state.announce();
    }
}

impl State {
    /// A call that outlasts the lead is left alone: that the lead is over is said in time.
    async fn tick_in_time(&self) -> bool {
        let remaining = self.remaining(Instant::now());
        if remaining == Duration::ZERO {
            return self.tick().await;
        }
        let ticked = tokio::time::timeout(remaining, self.tick()).await;
        self.announce();
        ticked.unwrap_or(false)
    }

    /// Says whether the election could be held.
    async fn tick(&self) -> bool {
        let before = Instant::now();
        let ttl_ms = self.ttl.as_millis().to_string().into_bytes();
        let args = [self.who.clone().into_bytes(), ttl_ms];
        let answer = self.link.run::<i64>(&scripts::LEAD, std::slice::from_ref(&self.key), &args).await;
        let is_held = answer.is_ok();
        match answer {
            Ok(1) => {
                // A tenth is left for clocks that run at different speeds, and for work in hand.
                *self.until() = Some(before + self.ttl - self.ttl / 10);
            }
            Ok(_) => *self.until() = None,
            Err(error) => tracing::debug!(%error, "the election cannot be held: {error}"),
        }
        self.announce();
        is_held
    }

    fn announce(&self) {
        let leads = self.remaining(Instant::now()) > Duration::ZERO;
        let changed = self.leads.send_if_modified(|was| std::mem::replace(was, leads) != leads);
        if changed {
            tracing::info!(key = %self.key, leads, "this process {} the lead", if leads { "takes" } else { "loses" });
        }
    }

    fn remaining(&self, now: Instant) -> Duration {
        self.until().map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    fn step_down(&self) {
        *self.until() = None;
        self.leads.send_replace(false);
    }

    async fn resign(&self) {
        self.step_down();
        let args = [self.who.clone().into_bytes()];
        // Who cannot be told waits for the key to end.
        let _ = self.link.run::<i64>(&scripts::RESIGN, std::slice::from_ref(&self.key), &args).await;
    }

    fn until(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.until.lock().expect("nothing panics while it holds the time")
    }
}
