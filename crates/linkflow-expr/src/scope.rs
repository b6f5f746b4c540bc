//! What an expression may see.

use std::sync::{Arc, Mutex};

use linkflow_model::{History, Items, Millis, Mode, Object, Source};

/// The world around one item of one run of one node. Borrowed: making one costs nothing.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub env: &'a Env,
    pub history: &'a History,
    /// Place of the asking node in the workflow.
    pub node: usize,
    /// Index of this run among the node's runs.
    pub run: usize,
    /// The items of each input, as the node got them.
    pub inputs: &'a [Items],
    /// Where each input came from.
    pub sources: &'a [Option<Source>],
    /// Index of the item in input 0.
    pub item: usize,
    /// The node's own parameters as written, for `$parameter`.
    pub params: &'a Object,
}

/// What stays the same for a whole execution.
#[derive(Clone, Debug)]
pub struct Env {
    pub workflow_id: String,
    pub workflow_name: String,
    pub workflow_active: bool,
    pub execution_id: String,
    pub mode: Mode,
    /// Address that resumes this execution while it waits.
    pub resume_url: String,
    pub resume_form_url: String,
    /// IANA name of the workflow's time zone.
    pub timezone: String,
    /// What `$now` shows.
    pub now: Millis,
    /// `$vars`.
    pub vars: Arc<Object>,
    /// `$env`: what the operator lets expressions see of the environment, by default nothing.
    pub env: Arc<Object>,
    /// `$execution.customData`.
    pub custom_data: CustomData,
}

/// Key-value notes on an execution, shared by its nodes.
pub type CustomData = Arc<Mutex<Object>>;

impl Default for Env {
    fn default() -> Env {
        Env {
            workflow_id: String::new(),
            workflow_name: String::new(),
            workflow_active: false,
            execution_id: String::new(),
            mode: Mode::Manual,
            resume_url: String::new(),
            resume_form_url: String::new(),
            timezone: "UTC".to_owned(),
            now: Millis::ZERO,
            vars: Arc::default(),
            env: Arc::default(),
            custom_data: CustomData::default(),
        }
    }
}
