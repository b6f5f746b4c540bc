//! n8n's Split In Batches (Loop Over Items), versions 1, 2 and 3.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

/// Version 3 has its outputs the other way round; version 1 has only the loop, and 10 items at a
/// time where the others have 1.
pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let mut translation = Translation::same("loop_over_items", node.params);
    if node.version < 3.0 {
        let layout = if node.version < 2.0 { "loop" } else { "loopDone" };
        translation.params.insert("layout".to_owned(), json!(layout));
        translation.params.entry("batchSize").or_insert(json!(10));
    }
    Ok(translation)
}
