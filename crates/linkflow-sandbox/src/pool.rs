//! The parent's side: children that wait for work, one workspace each, and an end for those that
//! do not keep to their limits.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use linkflow_expr::code;
use linkflow_model::{Item, WorkspaceId};
use linkflow_node::{Blobs, BoxFuture, CodeCall, CodeMode, CodeResult, CodeRunner, Language, NodeError};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;

use crate::child::MEMORY_VARIABLE;
use crate::{frame, python, result};

/// How children are started and what bounds them.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// The program and its arguments; it must call [`crate::child_main`] at once.
    pub program: PathBuf,
    pub args: Vec<String>,
    /// The interpreter for code in Python; none where this machine has none.
    pub python: Option<PathBuf>,
    /// Runs at the same time; the rest wait.
    pub processes_max: usize,
    /// Runs of one workspace at the same time, so that none can keep the others waiting.
    pub processes_per_workspace_max: usize,
    /// Whether a child is started before anybody needs it.
    pub starts_ahead: bool,
    /// A child ends after this many runs.
    pub runs_max: u32,
    /// A child without work ends after this time.
    pub idle_ms: u64,
    /// How much longer than its own limit a run may take before its child is killed.
    pub grace_ms: u64,
    /// The largest frame that a child may send.
    pub answer_bytes_max: usize,
    /// Address space that a child may add beside what a run may use.
    pub overhead_bytes: u64,
    /// The most that a run may ask for.
    pub memory_bytes_max: usize,
}

impl PoolConfig {
    /// Children of the program that runs now, started as `linkflow sandbox-child`.
    pub fn of_current_program() -> std::io::Result<PoolConfig> {
        Ok(PoolConfig::of(std::env::current_exe()?, vec!["sandbox-child".to_owned()]))
    }

    pub fn of(program: PathBuf, args: Vec<String>) -> PoolConfig {
        let processes_max = std::thread::available_parallelism().map_or(4, usize::from).max(4);
        PoolConfig {
            program,
            args,
            python: python::interpreter(),
            processes_max,
            processes_per_workspace_max: processes_max - 1,
            starts_ahead: true,
            runs_max: 500,
            idle_ms: 60_000,
            grace_ms: 500,
            answer_bytes_max: 128 << 20,
            overhead_bytes: 512 << 20,
            memory_bytes_max: 512 << 20,
        }
    }
}

/// Children that run people's code.
pub struct Pool {
    config: PoolConfig,
    permits: Semaphore,
    state: Mutex<State>,
    this: Weak<Pool>,
}

#[derive(Default)]
struct State {
    /// Children at rest, the longest first. Without a workspace: started ahead, never used.
    idle: Vec<Process>,
    /// How many more runs each workspace may have; only those that have some now.
    running: HashMap<WorkspaceId, Arc<Semaphore>>,
    is_sweeping: bool,
    /// Notes of children about this kernel are logged once.
    has_noted: bool,
}

/// One child with its pipes. Dropping it kills it.
struct Process {
    language: Language,
    workspace: Option<WorkspaceId>,
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
    has_said_hello: bool,
    n_runs: u32,
    since: Instant,
}

/// Runs code for one workspace; files that code writes go to its blobs.
pub struct Runner {
    pool: Arc<Pool>,
    workspace: WorkspaceId,
    blobs: Option<Blobs>,
}

impl CodeRunner for Runner {
    fn run<'a>(&'a self, call: CodeCall) -> BoxFuture<'a, Result<CodeResult, NodeError>> {
        Box::pin(self.pool.run(self.workspace, self.blobs.as_ref(), call))
    }
}

/// A [`code::CodeRequest`], written without making its parts first.
#[derive(Serialize)]
struct Outgoing<'a> {
    mode: code::Mode,
    goes_on: bool,
    source: &'a str,
    items: &'a [Item],
    kept_global: &'a linkflow_model::Object,
    kept_node: &'a linkflow_model::Object,
    context: serde_json::Value,
    zone: &'a str,
    time_ms: u64,
    memory_bytes: usize,
    wants_raw: bool,
}

/// Each item of a long list may ask once; more is a flood.
const QUESTIONS_MAX: usize = 100_000;

impl Pool {
    pub fn new(config: PoolConfig) -> Arc<Pool> {
        Arc::new_cyclic(|this| Pool {
            permits: Semaphore::new(config.processes_max.max(1)),
            config,
            state: Mutex::default(),
            this: this.clone(),
        })
    }

    /// What the nodes of one workspace run their code with.
    pub fn runner(self: &Arc<Pool>, workspace: WorkspaceId, blobs: Option<Blobs>) -> Runner {
        Runner { pool: self.clone(), workspace, blobs }
    }

    /// Children at rest that a workspace has used. For tests and figures.
    pub fn n_idle(&self) -> usize {
        self.state().idle.iter().filter(|p| p.workspace.is_some()).count()
    }

    /// Kills what is at rest, as a machine short of memory would. For tests.
    #[doc(hidden)]
    pub fn kill_idle(&self) {
        for process in &mut self.state().idle {
            let _ = process.child.start_kill();
            while matches!(process.child.try_wait(), Ok(None)) {
                std::thread::yield_now();
            }
        }
    }

    /// Starts a child before anybody needs one, where none waits unused. Its start takes longer
    /// than most runs.
    pub fn start_ahead(&self) {
        if self.state().idle.iter().any(|p| p.workspace.is_none()) {
            return;
        }
        match self.start() {
            Ok(process) => self.state().idle.push(process),
            Err(e) => tracing::warn!("no child was started ahead: {e}"),
        }
    }

    /// The runs that a workspace may still have.
    fn share_of(&self, workspace: WorkspaceId) -> Arc<Semaphore> {
        let mut state = self.state();
        let most = self.config.processes_per_workspace_max.max(1);
        state.running.retain(|_, share| Arc::strong_count(share) > 1);
        state.running.entry(workspace).or_insert_with(|| Arc::new(Semaphore::new(most))).clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Runs the code in a child of this workspace. When the future is dropped, the child is killed.
    pub async fn run(
        &self,
        workspace: WorkspaceId,
        blobs: Option<&Blobs>,
        call: CodeCall,
    ) -> Result<CodeResult, NodeError> {
        let memory_bytes = call.memory_bytes.min(self.config.memory_bytes_max);
        let mut request = request(&call, memory_bytes)?;
        if call.language == Language::Python {
            request = python::framed(&request, call.time_ms, memory_bytes);
        }
        let share = self.share_of(workspace);
        let _share = share.acquire().await.map_err(|_| NodeError::Canceled)?;
        let _permit = self.permits.acquire().await.map_err(|_| NodeError::Canceled)?;
        let mut process = self.take(workspace, call.language)?;
        let limit = Duration::from_millis(call.time_ms.saturating_add(self.config.grace_ms));
        let mut known = files_in(&call.input.items);
        let mut asked = Asked { call: &call, blobs, known: &mut known };
        let exchange = self.exchange(&mut process, &request, &mut asked);
        let (kind, payload) = match tokio::time::timeout(limit, exchange).await {
            Ok(done) => done?,
            Err(_) => return Err(NodeError::TimedOut { limit_ms: call.time_ms }),
        };
        self.put_back(process);
        match kind {
            b'D' => result::read(&payload, &known, blobs).await,
            _ => Err(result::failure(&payload, call.time_ms, memory_bytes)),
        }
    }

    /// Sends the request and answers questions until the result is there.
    async fn exchange(
        &self,
        process: &mut Process,
        request: &[u8],
        asked: &mut Asked<'_>,
    ) -> Result<(u8, Vec<u8>), NodeError> {
        if !process.has_said_hello {
            self.greet(process).await?;
        }
        process.send(b'R', request).await?;
        for _ in 0..QUESTIONS_MAX {
            let (kind, payload) = process.receive(self.config.answer_bytes_max).await?;
            match kind {
                b'D' | b'F' => return Ok((kind, payload)),
                b'Q' => {
                    let answer = asked.answer(&String::from_utf8_lossy(&payload)).await;
                    process.send(b'A', answer.as_bytes()).await?;
                }
                _ => return Err(result::unavailable("its process broke the protocol".to_owned())),
            }
        }
        let what = "questions of code about other nodes".to_owned();
        Err(NodeError::Limit { what, limit: QUESTIONS_MAX.to_string() })
    }

    /// Starts a child for a moment: what of the walls around it this kernel lacks, a line each.
    ///
    /// # Errors
    /// When no child can be started, or not be restricted.
    pub async fn probe(&self) -> Result<String, NodeError> {
        let mut process = self.start()?;
        let limit_ms = 10_000;
        match tokio::time::timeout(Duration::from_millis(limit_ms), process.hello()).await {
            Ok(notes) => notes,
            Err(_) => Err(NodeError::TimedOut { limit_ms }),
        }
    }

    async fn greet(&self, process: &mut Process) -> Result<(), NodeError> {
        let text = process.hello().await?;
        process.has_said_hello = true;
        if !text.is_empty() && !std::mem::replace(&mut self.state().has_noted, true) {
            tracing::warn!("people's code runs with fewer walls: {text}");
        }
        Ok(())
    }

    /// A child of this workspace, or one that was never used, or a new one.
    fn take(&self, workspace: WorkspaceId, language: Language) -> Result<Process, NodeError> {
        let found = {
            let mut state = self.state();
            // One that ended while nobody looked is of no use to anybody.
            state.idle.retain_mut(|p| matches!(p.child.try_wait(), Ok(None)));
            let is_like = |p: &Process, of| p.language == language && p.workspace == of;
            let own = state.idle.iter().rposition(|p| is_like(p, Some(workspace)));
            let unused = || state.idle.iter().position(|p| is_like(p, None));
            own.or_else(unused).map(|at| state.idle.remove(at))
        };
        let mut process = match found {
            Some(process) => process,
            None if language == Language::Python => self.start_python()?,
            None => self.start()?,
        };
        process.workspace = Some(workspace);
        process.n_runs += 1;
        Ok(process)
    }

    fn put_back(&self, mut process: Process) {
        if process.n_runs >= self.config.runs_max {
            return;
        }
        process.since = Instant::now();
        if self.config.starts_ahead {
            self.start_ahead();
        }
        let mut state = self.state();
        state.idle.push(process);
        if state.idle.len() > self.config.processes_max {
            let oldest = state.idle.iter().position(|p| p.workspace.is_some()).unwrap_or(0);
            state.idle.remove(oldest);
        }
        if !std::mem::replace(&mut state.is_sweeping, true) {
            tokio::spawn(sweep(self.this.clone(), Duration::from_millis(self.config.idle_ms)));
        }
    }

    fn start(&self) -> Result<Process, NodeError> {
        let bytes = self.config.overhead_bytes + self.config.memory_bytes_max as u64;
        let mut command = Command::new(&self.config.program);
        command.env_clear().args(&self.config.args).env(MEMORY_VARIABLE, bytes.to_string());
        spawn(command, Language::JavaScript)
    }

    fn start_python(&self) -> Result<Process, NodeError> {
        let interpreter = self.config.python.as_ref().ok_or_else(python::missing)?;
        spawn(python::command(interpreter)?, Language::Python)
    }
}

/// Starts a child with its two pipes.
fn spawn(mut command: Command, language: Language) -> Result<Process, NodeError> {
    let failed = |cause: &str| result::unavailable(format!("its process does not start: {cause}"));
    if let Ok(zone) = std::env::var("TZ") {
        command.env("TZ", zone);
    }
    let mut child = command
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| failed(&e.to_string()))?;
    let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(failed("it has no pipes"));
    };
    Ok(Process {
        language,
        workspace: None,
        child,
        to,
        from,
        has_said_hello: false,
        n_runs: 0,
        since: Instant::now(),
    })
}

/// Ends children that nobody has needed for a while. Ends itself when none is left.
async fn sweep(pool: Weak<Pool>, idle: Duration) {
    loop {
        tokio::time::sleep(idle.max(Duration::from_millis(10))).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut state = pool.state();
        state.idle.retain(|p| p.workspace.is_none() || p.since.elapsed() < idle);
        if state.idle.iter().all(|p| p.workspace.is_none()) {
            state.is_sweeping = false;
            return;
        }
    }
}

impl Process {
    /// Reads the child's first words: that it is restricted, and what this kernel lacks.
    async fn hello(&mut self) -> Result<String, NodeError> {
        const NOTES_BYTES_MAX: usize = 10_000;
        let (kind, payload) = self.receive(NOTES_BYTES_MAX).await?;
        let text = String::from_utf8_lossy(&payload).into_owned();
        if kind != b'H' {
            return Err(result::unavailable(format!("its process could not be restricted: {text}")));
        }
        Ok(text)
    }

    async fn send(&mut self, kind: u8, payload: &[u8]) -> Result<(), NodeError> {
        let Some(header) = frame::header(kind, payload.len()) else {
            return Err(NodeError::Limit { what: "the data for code".to_owned(), limit: "4 GB".to_owned() });
        };
        let sent = async {
            self.to.write_all(&header).await?;
            self.to.write_all(payload).await?;
            self.to.flush().await
        };
        match sent.await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.ended().await),
        }
    }

    async fn receive(&mut self, bytes_max: usize) -> Result<(u8, Vec<u8>), NodeError> {
        let mut header = [0; frame::HEADER_BYTES];
        if self.from.read_exact(&mut header).await.is_err() {
            return Err(self.ended().await);
        }
        let (kind, length) = frame::read_header(header);
        if length > bytes_max {
            let limit = format!("{} MB", bytes_max >> 20);
            return Err(NodeError::Limit { what: "the result of code".to_owned(), limit });
        }
        let mut payload = vec![0; length];
        match self.from.read_exact(&mut payload).await {
            Ok(_) => Ok((kind, payload)),
            Err(_) => Err(self.ended().await),
        }
    }

    /// Why the child is gone.
    async fn ended(&mut self) -> NodeError {
        match self.child.wait().await {
            Ok(status) => result::unavailable(format!("its process ended with {status}")),
            Err(e) => result::unavailable(format!("its process ended: {e}")),
        }
    }
}

/// What the questions of one run are answered from.
struct Asked<'a> {
    call: &'a CodeCall,
    blobs: Option<&'a Blobs>,
    /// Files that the code has been shown; it may read these and no others.
    known: &'a mut HashSet<String>,
}

impl Asked<'_> {
    async fn answer(&mut self, question: &str) -> String {
        let Some(file) = code::asked_file(question) else {
            return code::answer(question, &self.call.input.scope(0), self.known);
        };
        match self.blobs {
            Some(blobs) if self.known.contains(&file) => match blobs.get(&file).await {
                Ok(bytes) => code::file_answer(&bytes),
                Err(e) => code::refusal(&e.to_string()),
            },
            _ => code::refusal("this file is none of those that the code was given"),
        }
    }
}

fn request(call: &CodeCall, memory_bytes: usize) -> Result<Vec<u8>, NodeError> {
    let outgoing = Outgoing {
        mode: match call.mode {
            CodeMode::AllItems => code::Mode::All,
            CodeMode::EachItem | CodeMode::EachItemGoingOn => code::Mode::Each,
            CodeMode::Function => code::Mode::Function,
            CodeMode::FunctionItem | CodeMode::FunctionItemGoingOn => code::Mode::FunctionItem,
        },
        goes_on: matches!(call.mode, CodeMode::EachItemGoingOn | CodeMode::FunctionItemGoingOn),
        source: &call.source,
        items: &call.input.items,
        kept_global: &call.static_global,
        kept_node: &call.static_node,
        context: code::context(&call.input.scope(0)),
        zone: &call.input.env.timezone,
        time_ms: call.time_ms,
        memory_bytes,
        wants_raw: false,
    };
    serde_json::to_vec(&outgoing)
        .map_err(|e| NodeError::data(format!("the items cannot be sent to the code: {e}")))
}

/// Names of the files that travel with these items.
fn files_in(items: &[Item]) -> HashSet<String> {
    let files = items.iter().filter_map(|i| i.binary.as_deref()).flat_map(|b| b.values());
    files.map(|b| b.id.clone()).collect()
}
