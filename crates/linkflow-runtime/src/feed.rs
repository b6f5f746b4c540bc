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
    waiting: Mutex<HashMap<ExecutionId, Waiting>>,
}

#[derive(Default)]
struct Waiting {
    answers: Vec<oneshot::Sender<Answer>>,
    ends: Vec<oneshot::Sender<Finished>>,
}

impl Replies {
    pub fn expect(&self, execution: ExecutionId, answer: oneshot::Sender<Answer>) {
        self.state().entry(execution).or_default().answers.push(answer);
    }

    pub fn expect_end(&self, execution: ExecutionId, end: oneshot::Sender<Finished>) {
        self.state().entry(execution).or_default().ends.push(end);
    }

    pub fn forget(&self, execution: ExecutionId) {
        self.state().remove(&execution);
    }

    pub fn is_expected(&self, execution: ExecutionId) -> bool {
        self.state().contains_key(&execution)
    }

    /// Answers those who wait for a reply; `false` when nobody does.
    pub fn reply(&self, execution: ExecutionId, reply: Reply) -> bool {
        let answers = match self.state().get_mut(&execution) {
            Some(waiting) => std::mem::take(&mut waiting.answers),
            None => return false,
        };
        let mut heard = false;
        for answer in answers {
            heard |= answer.send(Answer::Reply(reply.clone())).is_ok();
        }
        heard
    }

    pub fn finished(&self, finished: &Finished) {
        let Some(waiting) = self.state().remove(&finished.execution) else { return };
        for answer in waiting.answers {
            let _ = answer.send(Answer::Finished(finished.clone()));
        }
        for end in waiting.ends {
            let _ = end.send(finished.clone());
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, HashMap<ExecutionId, Waiting>> {
        self.waiting.lock().expect("nothing panics while it holds the replies")
    }
}
