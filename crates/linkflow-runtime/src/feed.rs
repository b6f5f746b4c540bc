//! What happens, for those who watch; and the requests that wait for an answer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use linkflow_model::{ExecutionId, Millis};
use linkflow_node::Reply;
use tokio::sync::{mpsc, oneshot};

use crate::contract::{Answer, FeedEvent, Finished, NewFeedEvent, Subscription};
use crate::shared_feed::Shared;

/// Events that are remembered for watchers who come back.
const REMEMBERED: usize = 4_096;
/// Events that a watcher may be behind.
const BEHIND_MAX: usize = 1_024;

/// What happens at this process, or at all of them where they share a queue: then `shared_feed`
/// carries events there and back, and nothing comes in here that has no number yet.
#[derive(Default)]
pub struct Feed {
    state: Mutex<FeedState>,
    pub shared: Option<Shared>,
}

#[derive(Default)]
struct FeedState {
    seq: u64,
    /// What came after this number is still remembered.
    floor: u64,
    recent: VecDeque<Arc<FeedEvent>>,
    watchers: Vec<mpsc::Sender<Arc<FeedEvent>>>,
    /// A shared feed that cannot be reached.
    is_away: bool,
}

impl Feed {
    pub fn new(shared: Option<Shared>) -> Feed {
        Feed { state: Mutex::default(), shared }
    }

    pub fn tell(&self, at: Millis, event: NewFeedEvent) {
        if let Some(shared) = &self.shared {
            return shared.tell(at, event);
        }
        let mut state = self.state();
        let seq = state.seq + 1;
        let event = FeedEvent {
            seq,
            kind: event.kind,
            at,
            workspace: event.workspace,
            execution: event.execution,
            workflow: event.workflow,
            data: Arc::new(event.data),
        };
        state.pass_on(event);
    }

    /// From here on.
    pub fn subscribe(&self, since: Option<u64>) -> Subscription {
        let mut state = self.state();
        let missed: Vec<Arc<FeedEvent>> = match since {
            Some(since) => state.recent.iter().filter(|e| e.seq > since).cloned().collect(),
            None => Vec::new(),
        };
        let is_gap = since.is_some_and(|s| s > state.seq || s < state.floor);
        let (sender, events) = mpsc::channel(BEHIND_MAX + missed.len());
        for event in missed {
            let _ = sender.try_send(event);
        }
        state.watchers.push(sender);
        Subscription {
            events,
            seq: state.seq,
            is_gap,
            is_live: !state.is_away,
            is_shared: self.shared.is_some(),
        }
    }

    /// Whether it is worth while to tell of steps.
    pub fn has_watchers(&self) -> bool {
        match &self.shared {
            Some(shared) => shared.is_watched(),
            None => self.n_watchers() > 0,
        }
    }

    /// Those at this process.
    pub fn n_watchers(&self) -> usize {
        let mut state = self.state();
        state.watchers.retain(|w| !w.is_closed());
        state.watchers.len()
    }

    /// Takes in events that have their numbers.
    pub fn pass_on(&self, events: impl IntoIterator<Item = FeedEvent>) {
        let mut state = self.state();
        events.into_iter().for_each(|event| state.pass_on(event));
    }

    /// The number of the newest event.
    pub fn seq(&self) -> u64 {
        self.state().seq
    }

    /// Whoever watches has missed something, and subscribes anew. What comes after `floor` is known;
    /// unset when nothing comes for now.
    pub fn begin_anew(&self, floor: Option<u64>) {
        let mut state = self.state();
        state.is_away = floor.is_none();
        if let Some(floor) = floor {
            (state.seq, state.floor) = (floor, floor);
        }
        state.recent.clear();
        state.watchers.clear();
    }

    /// Something happened before the event with this number that will never be told here.
    pub fn leave_a_gap(&self, seq: u64) {
        let mut state = self.state();
        (state.seq, state.floor) = (seq, seq);
        state.watchers.clear();
    }

    /// Whether a shared feed cannot be reached.
    pub fn is_away(&self) -> bool {
        self.state().is_away
    }

    fn state(&self) -> std::sync::MutexGuard<'_, FeedState> {
        self.state.lock().expect("nothing panics while it holds the feed")
    }
}

impl FeedState {
    fn pass_on(&mut self, event: FeedEvent) {
        self.seq = event.seq;
        let event = Arc::new(event);
        // Who is too far behind is let go, and subscribes anew.
        self.watchers.retain(|w| w.try_send(event.clone()).is_ok());
        self.recent.push_back(event);
        if self.recent.len() > REMEMBERED
            && let Some(forgotten) = self.recent.pop_front()
        {
            self.floor = forgotten.seq;
        }
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
    /// Somebody wants the first answer of all.
    is_from_start: bool,
    /// How many entries the journal had when an answer was last looked for in it.
    n_seen: u64,
}

/// Which answers of an execution are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expects {
    /// All there are.
    FromStart,
    /// Those that come after the call with which the execution goes on.
    FromHere,
}

/// One that waits for an answer, among several that wait for the same execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

impl Replies {
    pub fn expect(
        &self,
        execution: ExecutionId,
        answer: oneshot::Sender<Answer>,
        expects: Expects,
    ) -> Ticket {
        let mut state = self.state();
        state.n_tickets += 1;
        let ticket = Ticket(state.n_tickets);
        let waiting = state.waiting.entry(execution).or_default();
        waiting.answers.push((ticket, answer));
        waiting.is_from_start |= expects == Expects::FromStart;
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

    /// The same for those of which the first answer is wanted.
    pub fn expected_from_start(&self, max: usize) -> Vec<ExecutionId> {
        let state = self.state();
        let wants = state.waiting.iter().filter(|(_, w)| w.is_from_start && !w.answers.is_empty());
        wants.map(|(id, _)| *id).take(max).collect()
    }

    /// Whether a journal has more entries than when this was last asked.
    pub fn has_grown(&self, execution: ExecutionId, n: u64) -> bool {
        let mut state = self.state();
        let Some(waiting) = state.waiting.get_mut(&execution) else { return false };
        std::mem::replace(&mut waiting.n_seen, n) < n
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
