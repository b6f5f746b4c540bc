//! What one entry of a journal holds, and the form in which entries are stored.
//!
//! Entries that were appended together are one chunk: a byte that names the form, then
//! - 1: JSON;
//! - 2: the length of the JSON (4 bytes, little endian), then the JSON compressed by zstd;
//! - 3: SHA-256 of a chunk of form 1 or 2 that lies among the blobs.
//!
//! The JSON has a version of its own. What was once written stays readable: the golden files in
//! `tests/golden` are never changed, only added to.

use linkflow_engine::{Event, Outcome, Wait, Wake};
use linkflow_model::{ExecutionId, Items, Millis, Object, RunError};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::StoreError;
use crate::blobs::{self, BlobDir, BlobId};

/// One thing that happened, and what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub event: Event,
    pub data: EntryData,
}

impl Entry {
    /// An entry without data.
    pub fn of(event: Event) -> Entry {
        Entry { event, data: EntryData::default() }
    }
}

/// What the shell keeps beside an event. The names of the stored form are short: they are
/// written for every step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EntryData {
    /// The items of each output.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Vec<Items>>,
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    /// State that the node keeps for its next run.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub state: Option<Value>,
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<String>,
    /// What a parked step needs when it goes on, or what came with its wake-up.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub resume: Option<Value>,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<ExecutionId>,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub custom_data: Option<Object>,
    /// What the step answered the request that waits for the execution, where that request waits at
    /// another process.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
    /// Static data that the step has changed, by key.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Object>,
    /// When the try began that ended with this, where that was earlier than its end.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Millis>,
    /// With the first entry: the node up to which the execution runs, by name. Only what leads there
    /// takes part.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl EntryData {
    fn is_empty(&self) -> bool {
        *self == EntryData::default()
    }
}

/// A field that is there is `Some`, even when it is null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Entries in their stored form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunk {
    pub n: u32,
    pub data: Vec<u8>,
    /// The blobs that the entries refer to.
    pub blobs: Vec<BlobId>,
}

const VERSION: u32 = 1;
const FORM_JSON: u8 = 1;
const FORM_ZSTD: u8 = 2;
const FORM_BLOB: u8 = 3;

/// JSON shorter than this is not compressed, in bytes.
const COMPRESS_MIN: usize = 200;
/// Most bytes of JSON in one chunk.
const CHUNK_BYTES_MAX: usize = 512 << 20;
/// Readers of JSON stop at 128 levels; what could not be read again must not be written.
const DEPTH_MAX: usize = 127;

#[derive(Serialize)]
struct ChunkOut<'a> {
    v: u32,
    e: Vec<EntryOut<'a>>,
}

#[derive(Serialize)]
struct EntryOut<'a> {
    e: StoredEvent,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<&'a EntryData>,
}

#[derive(Deserialize)]
struct ChunkIn {
    v: u32,
    e: Vec<EntryIn>,
}

#[derive(Deserialize)]
struct EntryIn {
    e: StoredEvent,
    #[serde(default)]
    d: EntryData,
}

/// Encodes `entries`. Refuses data that is too large or nests too deeply to be read again.
pub(crate) fn encode(entries: &[Entry]) -> Result<Chunk, StoreError> {
    if entries.is_empty() {
        return Ok(Chunk::default());
    }
    let e = entries
        .iter()
        .map(|entry| EntryOut {
            e: StoredEvent::of(&entry.event),
            d: (!entry.data.is_empty()).then_some(&entry.data),
        })
        .collect();
    let mut json = vec![FORM_JSON];
    serde_json::to_writer(&mut json, &ChunkOut { v: VERSION, e })
        .map_err(|e| StoreError::invalid("entries", format!("cannot be written as JSON: {e}")))?;
    let scanned = scan(&json[1..]);
    if scanned.depth > DEPTH_MAX {
        let problem = format!("nest {} levels deep, at most {DEPTH_MAX} can be stored", scanned.depth);
        return Err(StoreError::invalid("items", problem));
    }
    if json.len() > CHUNK_BYTES_MAX {
        let problem = format!("have {} bytes, at most {CHUNK_BYTES_MAX} can be stored at once", json.len());
        return Err(StoreError::invalid("items", problem));
    }
    let data = if json.len() < COMPRESS_MIN { json } else { compress(json)? };
    Ok(Chunk { n: entries.len() as u32, data, blobs: scanned.blobs })
}

fn compress(json: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    use std::cell::RefCell;
    thread_local! {
        static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    }
    let failed = |e: std::io::Error| StoreError::Unreadable(format!("compression failed: {e}"));
    COMPRESSOR.with_borrow_mut(|slot| {
        let compressor = match slot {
            Some(compressor) => compressor,
            None => slot.insert(zstd::bulk::Compressor::new(1).map_err(failed)?),
        };
        let plain = &json[1..];
        let mut data = vec![0; 5 + zstd::zstd_safe::compress_bound(plain.len())];
        data[0] = FORM_ZSTD;
        data[1..5].copy_from_slice(&(plain.len() as u32).to_le_bytes());
        let n = compressor.compress_to_buffer(plain, &mut data[5..]).map_err(failed)?;
        data.truncate(5 + n);
        Ok(if data.len() < json.len() { data } else { json })
    })
}

/// Moves a chunk that is too large for the database to the blobs. Blocks.
pub(crate) fn move_out(chunk: &mut Chunk, blobs: &BlobDir) -> Result<(), StoreError> {
    let id = blobs.put(&chunk.data)?;
    chunk.data = [&[FORM_BLOB][..], &id].concat();
    chunk.blobs.push(id);
    Ok(())
}

/// Decodes a chunk.
pub(crate) fn decode(data: &[u8], blobs: &BlobDir) -> Result<Vec<Entry>, StoreError> {
    match data.split_first() {
        Some((&FORM_BLOB, id)) => {
            let id = id.try_into().map_err(|_| unreadable("the name of a blob has the wrong length"))?;
            decode_inline(&blobs.get(id)?)
        }
        _ => decode_inline(data),
    }
}

fn decode_inline(data: &[u8]) -> Result<Vec<Entry>, StoreError> {
    match data.split_first() {
        Some((&FORM_JSON, json)) => read(json),
        Some((&FORM_ZSTD, rest)) => {
            let (length, packed) =
                rest.split_first_chunk::<4>().ok_or_else(|| unreadable("a chunk is cut short"))?;
            let length = u32::from_le_bytes(*length) as usize;
            if length > CHUNK_BYTES_MAX {
                return Err(unreadable("a chunk claims to be larger than any can be"));
            }
            let json = zstd::bulk::decompress(packed, length)
                .map_err(|e| StoreError::Unreadable(format!("a chunk cannot be unpacked: {e}")))?;
            read(&json)
        }
        Some((form, _)) => Err(StoreError::Unreadable(format!("a chunk has the unknown form {form}"))),
        None => Err(unreadable("a chunk is empty")),
    }
}

fn read(json: &[u8]) -> Result<Vec<Entry>, StoreError> {
    let chunk: ChunkIn =
        serde_json::from_slice(json).map_err(|e| StoreError::Unreadable(format!("journal: {e}")))?;
    if chunk.v != VERSION {
        return Err(StoreError::Unreadable(format!("journal: version {} is not known", chunk.v)));
    }
    Ok(chunk.e.into_iter().map(|e| Entry { event: e.e.event(), data: e.d }).collect())
}

fn unreadable(problem: &str) -> StoreError {
    StoreError::Unreadable(problem.to_owned())
}

/// The blobs that `value` names; refuses one that nests too deeply to be read again.
pub(crate) fn blobs_in(field: &'static str, value: &Value) -> Result<Vec<BlobId>, StoreError> {
    let scanned = scan(value.to_string().as_bytes());
    if scanned.depth > DEPTH_MAX {
        let problem = format!("nests {} levels deep, at most {DEPTH_MAX} can be stored", scanned.depth);
        return Err(StoreError::invalid(field, problem));
    }
    Ok(scanned.blobs)
}

#[derive(Default)]
struct Scan {
    depth: usize,
    blobs: Vec<BlobId>,
}

/// How deep `json` nests, and the blobs that it names: every `"id"` that looks like a hash is
/// taken for one, wherever it stands. A name too many keeps nothing alive that exists.
fn scan(json: &[u8]) -> Scan {
    const KEY: &[u8] = b"\"id\":";
    let mut found = Scan::default();
    let (mut depth, mut at) = (0usize, 0);
    while at < json.len() {
        match json[at] {
            b'{' | b'[' => {
                depth += 1;
                found.depth = found.depth.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let end = end_of_string(json, at + 1);
                if end - at == 65 && json[..at].ends_with(KEY) {
                    let name = std::str::from_utf8(&json[at + 1..end]).unwrap_or_default();
                    found.blobs.extend(blobs::parse(name));
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    found.blobs.sort_unstable();
    found.blobs.dedup();
    found
}

/// The place of the quote that ends the string whose text begins at `at`.
fn end_of_string(json: &[u8], mut at: usize) -> usize {
    while at < json.len() {
        match json[at] {
            b'\\' => at += 2,
            b'"' => return at,
            _ => at += 1,
        }
    }
    json.len()
}

/// The stored form of an event. The engine's own type may change shape; this one may only grow.
#[derive(Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
enum StoredEvent {
    Started {
        at: i64,
        node: u32,
        n: Vec<u32>,
    },
    Began {
        at: i64,
        step: u32,
        #[serde(rename = "try")]
        attempt: u32,
    },
    Done {
        at: i64,
        step: u32,
        #[serde(rename = "try")]
        attempt: u32,
        n: Vec<u32>,
        #[serde(default, skip_serializing_if = "is_false")]
        failed: bool,
    },
    Failed {
        at: i64,
        step: u32,
        #[serde(rename = "try")]
        attempt: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<i64>,
    },
    Parked {
        at: i64,
        step: u32,
        wait: StoredWait,
    },
    Woken {
        at: i64,
        step: u32,
        by: StoredWake,
    },
    Canceled {
        at: i64,
    },
    TimedOut {
        at: i64,
    },
    Finished {
        at: i64,
        outcome: StoredOutcome,
    },
}

fn is_false(b: &bool) -> bool {
    !*b
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredWait {
    Until(i64),
    Call { until: Option<i64> },
    Children { n: u32 },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredWake {
    Time,
    Call,
    Children,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredOutcome {
    Success,
    Error,
    Canceled,
    TimedOut,
}

impl StoredEvent {
    fn of(event: &Event) -> StoredEvent {
        match event {
            Event::Started { at, node, outputs } => {
                StoredEvent::Started { at: at.0, node: *node, n: outputs.clone() }
            }
            Event::Began { at, step, attempt } => {
                StoredEvent::Began { at: at.0, step: *step, attempt: *attempt }
            }
            Event::Done { at, step, attempt, outputs, failed } => StoredEvent::Done {
                at: at.0,
                step: *step,
                attempt: *attempt,
                n: outputs.clone(),
                failed: *failed,
            },
            Event::Failed { at, step, attempt, retry_at } => StoredEvent::Failed {
                at: at.0,
                step: *step,
                attempt: *attempt,
                retry_at: retry_at.map(|t| t.0),
            },
            Event::Parked { at, step, wait } => {
                StoredEvent::Parked { at: at.0, step: *step, wait: StoredWait::of(wait) }
            }
            Event::Woken { at, step, by } => {
                StoredEvent::Woken { at: at.0, step: *step, by: StoredWake::of(by) }
            }
            Event::Canceled { at } => StoredEvent::Canceled { at: at.0 },
            Event::TimedOut { at } => StoredEvent::TimedOut { at: at.0 },
            Event::Finished { at, outcome } => {
                StoredEvent::Finished { at: at.0, outcome: StoredOutcome::of(outcome) }
            }
        }
    }

    fn event(self) -> Event {
        match self {
            StoredEvent::Started { at, node, n } => Event::Started { at: Millis(at), node, outputs: n },
            StoredEvent::Began { at, step, attempt } => Event::Began { at: Millis(at), step, attempt },
            StoredEvent::Done { at, step, attempt, n, failed } => {
                Event::Done { at: Millis(at), step, attempt, outputs: n, failed }
            }
            StoredEvent::Failed { at, step, attempt, retry_at } => {
                Event::Failed { at: Millis(at), step, attempt, retry_at: retry_at.map(Millis) }
            }
            StoredEvent::Parked { at, step, wait } => {
                Event::Parked { at: Millis(at), step, wait: wait.wait() }
            }
            StoredEvent::Woken { at, step, by } => Event::Woken { at: Millis(at), step, by: by.wake() },
            StoredEvent::Canceled { at } => Event::Canceled { at: Millis(at) },
            StoredEvent::TimedOut { at } => Event::TimedOut { at: Millis(at) },
            StoredEvent::Finished { at, outcome } => {
                Event::Finished { at: Millis(at), outcome: outcome.outcome() }
            }
        }
    }
}

impl StoredWait {
    fn of(wait: &Wait) -> StoredWait {
        match wait {
            Wait::Until(t) => StoredWait::Until(t.0),
            Wait::Call { until } => StoredWait::Call { until: until.map(|t| t.0) },
            Wait::Children { n } => StoredWait::Children { n: *n },
        }
    }

    fn wait(self) -> Wait {
        match self {
            StoredWait::Until(t) => Wait::Until(Millis(t)),
            StoredWait::Call { until } => Wait::Call { until: until.map(Millis) },
            StoredWait::Children { n } => Wait::Children { n },
        }
    }
}

impl StoredWake {
    fn of(wake: &Wake) -> StoredWake {
        match wake {
            Wake::Time => StoredWake::Time,
            Wake::Call => StoredWake::Call,
            Wake::Children => StoredWake::Children,
        }
    }

    fn wake(self) -> Wake {
        match self {
            StoredWake::Time => Wake::Time,
            StoredWake::Call => Wake::Call,
            StoredWake::Children => Wake::Children,
        }
    }
}

impl StoredOutcome {
    fn of(outcome: &Outcome) -> StoredOutcome {
        match outcome {
            Outcome::Success => StoredOutcome::Success,
            Outcome::Error => StoredOutcome::Error,
            Outcome::Canceled => StoredOutcome::Canceled,
            Outcome::TimedOut => StoredOutcome::TimedOut,
        }
    }

    fn outcome(self) -> Outcome {
        match self {
            StoredOutcome::Success => Outcome::Success,
            StoredOutcome::Error => Outcome::Error,
            StoredOutcome::Canceled => Outcome::Canceled,
            StoredOutcome::TimedOut => Outcome::TimedOut,
        }
    }
}

/// How a wake-up is called in the tables.
pub(crate) fn wake_name(by: Wake) -> &'static str {
    match by {
        Wake::Time => "time",
        Wake::Call => "call",
        Wake::Children => "children",
    }
}

/// The wake-up of this name.
pub(crate) fn wake_named(name: &str) -> Result<Wake, StoreError> {
    match name {
        "time" => Ok(Wake::Time),
        "call" => Ok(Wake::Call),
        "children" => Ok(Wake::Children),
        _ => Err(StoreError::Unreadable(format!("unknown wake-up \"{name}\""))),
    }
}

/// When an event happened.
pub(crate) fn time_of(event: &Event) -> Millis {
    match event {
        Event::Started { at, .. }
        | Event::Began { at, .. }
        | Event::Done { at, .. }
        | Event::Failed { at, .. }
        | Event::Parked { at, .. }
        | Event::Woken { at, .. }
        | Event::Canceled { at }
        | Event::TimedOut { at }
        | Event::Finished { at, .. } => *at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::Arc;

    use linkflow_model::{Item, Paired};

    fn nowhere() -> BlobDir {
        BlobDir::new("/nonexistent".into())
    }

    fn check_round_trip(entries: Vec<Entry>) {
        let chunk = encode(&entries).unwrap();
        assert_eq!(chunk.n as usize, entries.len());
        assert_eq!(decode(&chunk.data, &nowhere()).unwrap(), entries);
        assert_eq!(encode(&entries).unwrap().data, chunk.data, "the same entries give the same bytes");
    }

    fn event() -> impl Strategy<Value = Event> {
        let at = any::<i64>().prop_map(Millis);
        let wait = prop_oneof![
            any::<i64>().prop_map(|t| Wait::Until(Millis(t))),
            any::<Option<i64>>().prop_map(|t| Wait::Call { until: t.map(Millis) }),
            any::<u32>().prop_map(|n| Wait::Children { n }),
        ];
        let wake = prop_oneof![Just(Wake::Time), Just(Wake::Call), Just(Wake::Children)];
        let outcome = prop_oneof![
            Just(Outcome::Success),
            Just(Outcome::Error),
            Just(Outcome::Canceled),
            Just(Outcome::TimedOut)
        ];
        let counts = || prop::collection::vec(any::<u32>(), 0..4);
        prop_oneof![
            (at.clone(), any::<u32>(), counts()).prop_map(|(at, node, outputs)| Event::Started {
                at,
                node,
                outputs
            }),
            (at.clone(), any::<u32>(), any::<u32>()).prop_map(|(at, step, attempt)| Event::Began {
                at,
                step,
                attempt
            }),
            (at.clone(), any::<u32>(), any::<u32>(), counts(), any::<bool>()).prop_map(
                |(at, step, attempt, outputs, failed)| Event::Done { at, step, attempt, outputs, failed }
            ),
            (at.clone(), any::<u32>(), any::<u32>(), any::<Option<i64>>()).prop_map(
                |(at, step, attempt, t)| Event::Failed { at, step, attempt, retry_at: t.map(Millis) }
            ),
            (at.clone(), any::<u32>(), wait).prop_map(|(at, step, wait)| Event::Parked { at, step, wait }),
            (at.clone(), any::<u32>(), wake).prop_map(|(at, step, by)| Event::Woken { at, step, by }),
            at.clone().prop_map(|at| Event::Canceled { at }),
            at.clone().prop_map(|at| Event::TimedOut { at }),
            (at, outcome).prop_map(|(at, outcome)| Event::Finished { at, outcome }),
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e9..1e9f64).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    fn data() -> impl Strategy<Value = EntryData> {
        let item =
            (value(), prop_oneof![Just(Paired::Unknown), any::<u16>().prop_map(|i| Paired::to(i.into()))])
                .prop_map(|(json, paired)| Item::from_value(json).with_paired(paired));
        let outputs = prop::collection::vec(prop::collection::vec(item, 0..4).prop_map(Arc::new), 0..3);
        let ids =
            prop::collection::vec(any::<u128>().prop_map(|n| ExecutionId(uuid::Uuid::from_u128(n))), 0..3);
        let logs = prop::collection::vec(any::<String>(), 0..3);
        (prop::option::of(outputs), prop::option::of(value()), logs, prop::option::of(value()), ids).prop_map(
            |(outputs, state, logs, resume, children)| EntryData {
                outputs,
                state,
                logs,
                resume,
                children,
                ..EntryData::default()
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
        #[test]
        fn what_was_written_is_read_again(
            entries in prop::collection::vec((event(), data()).prop_map(|(event, data)| Entry { event, data }), 0..6)
        ) {
            if !entries.is_empty() {
                check_round_trip(entries);
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, &nowhere());
        }
    }

    #[test]
    fn numbers_come_back_to_the_last_bit() {
        for text in
            ["0.1", "1.7976931348623157e308", "5e-324", "123456789.12345679", "2.2250738585072011e-308"]
        {
            let number: f64 = text.parse().unwrap();
            let state = Some(json!(number));
            let data = EntryData { state, ..EntryData::default() };
            check_round_trip(vec![Entry { event: Event::Canceled { at: Millis(1) }, data }]);
        }
    }

    #[test]
    fn data_that_could_not_be_read_again_is_not_written() {
        let deep = (0..150).fold(json!(1), |inner, _| json!([inner]));
        let data = EntryData { state: Some(deep), ..EntryData::default() };
        let refused = encode(&[Entry { event: Event::Canceled { at: Millis(1) }, data }]).unwrap_err();
        assert_eq!(refused.to_string(), "`items` nest 154 levels deep, at most 127 can be stored");
    }

    #[test]
    fn files_are_found_wherever_they_are_named() {
        let name = "ab".repeat(32);
        let other = "cd".repeat(32);
        let json =
            json!({"resume": [{"id": name, "x": "\"id\":"}], "hash": other, "id": "short"}).to_string();
        assert_eq!(scan(json.as_bytes()).blobs, vec![[0xab; 32]]);
    }

    #[test]
    fn data_on_the_limit_of_depth_is_read_again() {
        for levels in 115..126 {
            let deep = (0..levels).fold(json!(1), |inner, _| json!([inner]));
            let data = EntryData { state: Some(deep), ..EntryData::default() };
            let entry = Entry { event: Event::Canceled { at: Millis(1) }, data };
            if let Ok(chunk) = encode(std::slice::from_ref(&entry)) {
                assert_eq!(decode(&chunk.data, &nowhere()).unwrap(), vec![entry], "{levels} levels");
            }
        }
    }
}
