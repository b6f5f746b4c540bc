//! What the command line does without a server, by the rules of the HTTP routes.

use linkflow_model::WorkspaceId;
use linkflow_node::NodeKind;

use crate::access::{Means, Who};
use crate::routes::import::{self, ImportedView};
use crate::{Api, Problem, page};

/// As a request to `/api/v1/workflows/import` with one file.
pub async fn import_file(
    api: &Api,
    workspace: WorkspaceId,
    publish: bool,
    file: String,
    bytes: &[u8],
) -> Result<ImportedView, Problem> {
    let who = Who { workspace, means: Means::Shell };
    import::import_file(api, &who, publish, file, bytes).await
}

/// As such a request with `?check=true`.
pub fn check_file(kinds: &[NodeKind], file: String, bytes: &[u8]) -> ImportedView {
    import::check_file(kinds, file, bytes)
}

/// Whether the editor is part of this build.
pub fn has_page() -> bool {
    page::is_embedded()
}
