//! What an execution was accepted with, small enough to travel with its hint. A worker that gets it
//! begins at once: the store hears of the claim with the first append ([`crate::Append::takes`]), and
//! decides then whether it holds. Until that nothing has happened that anybody could see, since
//! whatever has effects is preceded by an append.

use linkflow_model::{ExecutionId, Mode, WorkflowId, WorkspaceId};

use crate::executions::{Claimed, Prepared, created_at};
use crate::{Store, StoreError};

/// The most bytes that go with a hint: requests as they usually are, and no burden for a queue in
/// which a million wait.
const BYTES_MAX: usize = 1_024;
/// The first byte: how the rest is written.
const FORMAT: u8 = 1;

/// An execution as it was accepted, in stored form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start(Vec<u8>);

impl Start {
    /// `None` for one that is large, or that others are to be asked about before it runs.
    pub(crate) fn of(prepared: &Prepared) -> Option<Start> {
        let Prepared { new, chunk } = prepared;
        let is_plain = new.parent.is_none() && new.retry_of.is_none() && chunk.blobs.is_empty();
        if !is_plain || chunk.data.len() > BYTES_MAX {
            return None;
        }
        let mode = new.mode.as_str().as_bytes();
        let mut bytes = Vec::with_capacity(chunk.data.len() + mode.len() + 32);
        bytes.push(FORMAT);
        bytes.extend_from_slice(new.workflow.0.as_bytes());
        bytes.extend_from_slice(&new.version.to_le_bytes());
        bytes.extend_from_slice(&chunk.n.to_le_bytes());
        bytes.push(u8::try_from(mode.len()).ok()?);
        bytes.extend_from_slice(mode);
        bytes.extend_from_slice(&chunk.data);
        Some(Start(bytes))
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The parts of a [`Start`].
struct Parts<'a> {
    workflow: WorkflowId,
    version: i64,
    n: u32,
    mode: Mode,
    data: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(bytes: &'a [u8]) -> Option<Parts<'a>> {
        let (&[format], rest) = bytes.split_first_chunk()?;
        let (workflow, rest) = rest.split_first_chunk()?;
        let (version, rest) = rest.split_first_chunk()?;
        let (n, rest) = rest.split_first_chunk()?;
        let (&[mode_len], rest) = rest.split_first_chunk()?;
        let (mode, data) = rest.split_at_checked(mode_len.into())?;
        let mode = serde_json::from_value(std::str::from_utf8(mode).ok()?.into()).ok()?;
        (format == FORMAT).then_some(Parts {
            workflow: WorkflowId(uuid::Uuid::from_bytes(*workflow)),
            version: i64::from_le_bytes(*version),
            n: u32::from_le_bytes(*n),
            mode,
            data,
        })
    }
}

impl Store {
    /// An execution that nobody has claimed, as its first claim would give it; the database is not
    /// asked. What is appended under it has to say so ([`crate::Append::takes`]).
    pub fn unclaimed(
        &self,
        id: ExecutionId,
        workspace: WorkspaceId,
        start: &[u8],
    ) -> Result<Claimed, StoreError> {
        let parts = Parts::read(start)
            .ok_or_else(|| StoreError::Unreadable("what an execution starts with".to_owned()))?;
        Ok(Claimed {
            id,
            workspace,
            workflow: parts.workflow,
            version: parts.version,
            mode: parts.mode,
            attempt: 1,
            claim: 1,
            parent: None,
            retry_of: None,
            created_at: created_at(id),
            started_at: None,
            cancel_requested: false,
            seq: parts.n.into(),
            entries: self.decode(&[parts.data.to_vec()])?,
            wakes: Vec::new(),
        })
    }
}
