//! What happens, for those who watch; and the requests that wait for an answer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use linkflow_model::{ExecutionId, Millis};
use linkflow_node::Reply;
use tokio::sync::{mpsc, oneshot};

use crate::contract::{Answer, FeedEvent, Finished, NewFeedEvent, Subscription};

/// Events that are remembered for watchers who come back.
const REMEMBERED: usize = 4_096;
/// Events that a watcher may be behind.
const BEHIND_MAX: usize = 1_024;

#[derive(Default)]
pub struct Feed {
    state: Mutex<FeedState>,
}

#[derive(Default)]
struct FeedState {
    seq: u64,
    recent: VecDeque<Arc<FeedEvent>>,
    watchers: Vec<mpsc::Sender<Arc<FeedEvent>>>,
}

impl Feed {
    pub fn tell(&self, at: Millis, event: NewFeedEvent) {
        let mut state = self.state.lock().expect("nothing panics while it holds the feed");
        state.seq += 1;
        let event = Arc::new(FeedEvent {
            seq: state.seq,
            kind: event.kind,
            at,
            workspace: event.workspace,
            execution: event.execution,
            workflow: event.workflow,
            data: Arc::new(event.data),
        });
        // Who is too far behind is let go, and subscribes anew.
        state.watchers.retain(|w| w.try_send(event.clone()).is_ok());
        state.recent.push_back(event);
        if state.recent.len() > REMEMBERED {
            state.recent.pop_front();
        }
    }

    pub fn subscribe(&self, since: Option<u64>) -> Subscription {
        let mut state = self.state.lock().expect("nothing panics while it holds the feed");
        let oldest = state.recent.front().map_or(state.seq + 1, |e| e.seq);
        let missed: Vec<Arc<FeedEvent>> = match since {
            Some(since) => state.recent.iter().filter(|e| e.seq > since).cloned().collect(),
            None => Vec::new(),
        };
        let is_gap = since.is_some_and(|s| s > state.seq || s + 1 < oldest);
        let (sender, events) = mpsc::channel(BEHIND_MAX + missed.len());
        for event in missed {
            let _ = sender.try_send(event);
        }
        state.watchers.push(sender);
        Subscription { events, seq: state.seq, is_gap }
    }

    pub fn has_watchers(&self) -> bool {
        !self.state.lock().expect("nothing panics while it holds the feed").watchers.is_empty()
    }
}

/// Requests of this process that wait for an execution.
#[derive(Default)]
pub struct Replies {
    state: Mutex<RepliesState>,
}

#[derive(Default)]
struct RepliesState {
    waiting: HashMap<ExecutionId, Waiting>,
    n_tickets: u64,
}

#[derive(Default)]
struct Waiting {
    answers: Vec<(Ticket, oneshot::Sender<Answer>)>,
    ends: Vec<oneshot::Sender<Finished>>,
}

/// One that waits for an answer, among several that wait for the same execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

impl Replies {
    pub fn expect(&self, execution: ExecutionId, answer: oneshot::Sender<Answer>) -> Ticket {
        let mut state = self.state();
        state.n_tickets += 1;
        let ticket = Ticket(state.n_tickets);
        state.waiting.entry(execution).or_default().answers.push((ticket, answer));
        ticket
    }

    pub fn expect_end(&self, execution: ExecutionId, end: oneshot::Sender<Finished>) {
        self.state().waiting.entry(execution).or_default().ends.push(end);
    }

    /// Lets go of the one with this ticket.
    pub fn withdraw(&self, execution: ExecutionId, ticket: Ticket) -> Option<oneshot::Sender<Answer>> {
        let mut state = self.state();
        let waiting = state.waiting.get_mut(&execution)?;
        let at = waiting.answers.iter().position(|(t, _)| *t == ticket)?;
        let (_, answer) = waiting.answers.swap_remove(at);
        if waiting.is_over() {
            state.waiting.remove(&execution);
        }
        Some(answer)
    }

    /// Lets go of those who have gone away.
    pub fn tidy(&self) {
        self.state().waiting.retain(|_, waiting| !waiting.tidied().is_over());
    }

    /// The same for one execution.
    pub fn tidy_one(&self, execution: ExecutionId) {
        let mut state = self.state();
        if state.waiting.get_mut(&execution).is_some_and(|w| w.tidied().is_over()) {
            state.waiting.remove(&execution);
        }
    }

    /// Up to `max` executions for which somebody waits.
    pub fn expected(&self, max: usize) -> Vec<ExecutionId> {
        self.state().waiting.keys().copied().take(max).collect()
    }

    pub fn is_expected(&self, execution: ExecutionId) -> bool {
        self.state().waiting.contains_key(&execution)
    }

    /// Answers those who wait for a reply; `false` when nobody does.
    pub fn reply(&self, execution: ExecutionId, reply: Reply) -> bool {
        let answers = match self.state().waiting.get_mut(&execution) {
            Some(waiting) => std::mem::take(&mut waiting.answers),
            None => return false,
        };
        let mut heard = false;
        for (_, answer) in answers {
            heard |= answer.send(Answer::Reply(reply.clone())).is_ok();
        }
        self.tidy_one(execution);
        heard
    }

    pub fn finished(&self, finished: &Finished) {
        let Some(waiting) = self.state().waiting.remove(&finished.execution) else { return };
        for (_, answer) in waiting.answers {
            let _ = answer.send(Answer::Finished(finished.clone()));
        }
        for end in waiting.ends {
            let _ = end.send(finished.clone());
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, RepliesState> {
        self.state.lock().expect("nothing panics while it holds the replies")
    }
}

impl Waiting {
    fn tidied(&mut self) -> &Waiting {
        self.answers.retain(|(_, answer)| !answer.is_closed());
        self.ends.retain(|end| !end.is_closed());
        self
    }

    fn is_over(&self) -> bool {
        self.answers.is_empty() && self.ends.is_empty()
    }
}
