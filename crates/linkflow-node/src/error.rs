//! Why a node failed, sorted by who can help.

use linkflow_expr::params::ParamError;
use linkflow_model::RunError;
use thiserror::Error;

#[derive(Clone, Debug, PartialEq, Error)]
pub enum NodeError {
    /// The author of the workflow can put this right in a parameter.
    #[error("{}{problem}", if param.is_empty() { String::new() } else { format!("`{param}`: ") })]
    Param { param: String, problem: String, item: Option<u32> },
    /// The items are not what the node needs, or the workflow itself says so (Stop and Error, a
    /// thrown error in Code).
    #[error("{message}")]
    Data { message: String, description: Option<String>, item: Option<u32> },
    /// It may work if tried again later.
    #[error("{service} did not answer: {cause}")]
    Unavailable { service: String, cause: String, retry_after_ms: Option<u64>, item: Option<u32> },
    /// The other side answered, and said no.
    #[error("{message}")]
    Refused {
        service: String,
        status: u16,
        message: String,
        description: Option<String>,
        retry_after_ms: Option<u64>,
        item: Option<u32>,
    },
    /// A credential is missing, of the wrong type, or not allowed here.
    #[error("{0}")]
    Credential(String),
    #[error("the limit of {limit} for {what} is exceeded")]
    Limit { what: String, limit: String },
    #[error("the node took longer than {limit_ms} ms")]
    TimedOut { limit_ms: u64 },
    #[error("the execution was canceled")]
    Canceled,
}

impl NodeError {
    pub fn param(param: impl Into<String>, problem: impl Into<String>) -> NodeError {
        NodeError::Param { param: param.into(), problem: problem.into(), item: None }
    }

    pub fn data(message: impl Into<String>) -> NodeError {
        NodeError::Data { message: message.into(), description: None, item: None }
    }

    pub(crate) fn from_param(error: ParamError, item: usize) -> NodeError {
        NodeError::Param { param: error.param, problem: error.error.to_string(), item: Some(item as u32) }
    }

    /// The same error, about item `index`.
    pub fn at_item(mut self, index: usize) -> NodeError {
        match &mut self {
            NodeError::Param { item, .. }
            | NodeError::Data { item, .. }
            | NodeError::Unavailable { item, .. }
            | NodeError::Refused { item, .. } => *item = Some(index as u32),
            _ => {}
        }
        self
    }

    /// The same error, with the parameter's path seen from one level further out.
    pub fn inside(mut self, outer: &str) -> NodeError {
        if let NodeError::Param { param, .. } = &mut self {
            *param = match param.as_str() {
                "" => outer.to_owned(),
                inner if inner.starts_with('[') => format!("{outer}{inner}"),
                inner => format!("{outer}.{inner}"),
            };
        }
        self
    }

    /// Whether another try could end differently.
    pub fn is_retryable(&self) -> bool {
        match self {
            NodeError::Unavailable { .. } | NodeError::TimedOut { .. } => true,
            NodeError::Refused { status, .. } => matches!(status, 408 | 425 | 429) || *status >= 500,
            _ => false,
        }
    }

    pub fn retry_after_ms(&self) -> Option<u64> {
        match self {
            NodeError::Unavailable { retry_after_ms, .. } | NodeError::Refused { retry_after_ms, .. } => {
                *retry_after_ms
            }
            _ => None,
        }
    }

    /// As it is stored and shown.
    pub fn to_run_error(&self) -> RunError {
        let mut error = RunError {
            message: self.to_string(),
            description: None,
            param: None,
            item: None,
            http_code: None,
        };
        match self {
            NodeError::Param { param, item, .. } => {
                error.param = Some(param.clone()).filter(|p| !p.is_empty());
                error.item = *item;
            }
            NodeError::Data { description, item, .. } => {
                error.description = description.clone();
                error.item = *item;
            }
            NodeError::Unavailable { item, .. } => error.item = *item,
            NodeError::Refused { status, description, item, .. } => {
                error.http_code = Some(*status);
                error.description = description.clone();
                error.item = *item;
            }
            _ => {}
        }
        error
    }
}
