//! Forms with files: read as they were sent, refused when they are damaged, never above their limit.

use axum::response::IntoResponse;
use linkflow_node::trigger::Body;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A form as browsers write it, of fields and files.
fn form(boundary: &str, fields: &[(String, String)], files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut part = |head: String, content: &[u8]| {
        body.extend(format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n").into_bytes());
        body.extend(content);
        body.extend(b"\r\n");
    };
    for (name, value) in fields {
        part(format!("name=\"{name}\""), value.as_bytes());
    }
    for (i, (name, bytes)) in files.iter().enumerate() {
        part(format!("name=\"f{i}\"; filename=\"{name}\""), bytes);
    }
    body.extend(format!("--{boundary}--\r\n").into_bytes());
    body
}

fn read(boundary: &str, body: Vec<u8>, bytes_max: usize) -> Result<Body, linkflow_api::Problem> {
    let kind = format!("multipart/form-data; boundary={boundary}");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(linkflow_api::read_form(&kind, body.into(), bytes_max))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_form_is_read_as_it_was_sent(
        fields in prop::collection::btree_map("[a-z]{1,4}", "[ -~\\n\u{e9}\u{1f600}]{0,20}", 0..5),
        files in prop::collection::vec(("[a-z./]{0,10}", prop::collection::vec(any::<u8>(), 0..40)), 0..3),
    ) {
        // What holds the boundary itself is no form; a text that long does not come by chance.
        let boundary = "linkflow-7f3a9c51d2";
        let fields: Vec<(String, String)> = fields.into_iter().collect();
        let body = form(boundary, &fields, &files);
        let n_bytes = body.len();
        prop_assert!(read(boundary, body.clone(), n_bytes - 1).is_err(), "the limit does not hold");
        let Ok(Body::Multipart { fields: found, files: kept }) = read(boundary, body, n_bytes) else {
            return Err(TestCaseError::fail("the form was not read"));
        };
        let wanted: serde_json::Map<String, Value> =
            fields.into_iter().map(|(name, value)| (name, json!(value))).collect();
        prop_assert_eq!(found, wanted);
        prop_assert_eq!(kept.len(), files.len());
        for ((_, kept), (name, bytes)) in kept.iter().zip(&files) {
            prop_assert_eq!(kept.bytes, bytes.len() as u64);
            let last = name.rsplit('/').next().filter(|n| !["", ".", ".."].contains(n));
            prop_assert_eq!(kept.file_name.as_deref(), last);
        }
    }

    #[test]
    fn a_damaged_form_is_read_or_refused(
        text in "\\PC{0,20}", at in any::<prop::sample::Index>(), n in 0..30_usize,
    ) {
        let mut body = form("X", &[("a".to_owned(), "1".to_owned())], &[("b.txt".to_owned(), b"hi".to_vec())]);
        let at = at.index(body.len());
        let end = body.len().min(at + n);
        body.splice(at..end, text.into_bytes());
        if let Err(problem) = read("X", body, 10_000) {
            prop_assert!(problem.into_response().status().is_client_error());
        }
    }
}
