//! Email Trigger (IMAP): starts the workflow when there are new mails in a mailbox.
//!
//! `imap` speaks to the server, `mail_read` makes items. A mail is marked as read with the poll after the one
//! that found it: only then it is sure that its execution has started.

use std::sync::Arc;

use jiff::civil::DateTime;
use linkflow_model::{Item, Mode, Node as WorkflowNode};
use linkflow_node::schedule::Rule;
use linkflow_node::trigger::{PollTrigger, Polled, Trigger};
use linkflow_node::{
    BoxFuture, Category, Ctx, Effects, Example, Input, Node, NodeError, Outcome, RunInput, Spec, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::imap::{CREDENTIAL, Imap, Word};
use crate::mail_read;
use crate::schedule_trigger::{self, Rules};

pub struct EmailTriggerImap;

/// Starts the workflow when there are new mails in a mailbox: once for all that are new.
///
/// No mail is lost or comes twice, whatever happens to the server or here. One that is marked as read is so
/// with the look after the one that found it.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// When the mailbox is looked at.
    rule: Rules,
    /// The mailbox.
    #[serde(deserialize_with = "lenient::text")]
    mailbox: String,
    /// What is done with a mail that was taken.
    post_process_action: PostProcess,
    /// What a mail looks like.
    format: Format,
    /// Take the files too, for `simple`.
    #[serde(deserialize_with = "lenient::flag")]
    download_attachments: bool,
    /// What stands before the number of a file in its name.
    #[serde(deserialize_with = "lenient::text")]
    data_property_attachments_prefix_name: String,
    /// What is needed less often.
    options: Options,
}

/// What is done with a mail that was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PostProcess {
    /// It is marked as read.
    #[default]
    Read,
    /// Nothing.
    Nothing,
}

/// What a mail looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Format {
    /// As it came: what stands below its headers.
    Raw,
    /// All of it, with its files.
    Resolved,
    /// Its texts, who it is from and for, and the other headers.
    #[default]
    Simple,
}

/// What is needed less often.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Which mails are meant, as IMAP searches: a JSON list such as `["UNSEEN", ["SINCE", "2026-01-31"]]`.
    custom_email_config: Value,
    /// Take only mails that came after those taken before. Without it one that is marked as unread is taken again.
    #[serde(deserialize_with = "lenient::flag")]
    track_last_message_id: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { custom_email_config: json!("[\"UNSEEN\"]"), track_last_message_id: true }
    }
}

impl Default for Params {
    fn default() -> Params {
        Params {
            rule: Rules::every_minute(),
            mailbox: "INBOX".to_owned(),
            post_process_action: PostProcess::default(),
            format: Format::default(),
            download_attachments: false,
            data_property_attachments_prefix_name: "attachment_".to_owned(),
            options: Options::default(),
        }
    }
}

/// Mails that one look takes at most; the others come with the next.
const MAILS_MAX: usize = 100;

impl Node for EmailTriggerImap {
    const KIND: &'static str = "email_trigger_imap";
    const SPEC: Spec = Spec {
        title: "Email Trigger (IMAP)",
        summary: "Starts the workflow when there are new mails in a mailbox.",
        category: Category::Trigger,
        aliases: &["mail", "inbox", "read", "poll", "message"],
        inputs: &[],
        effects: Effects::Outside,
        credentials: &[CREDENTIAL],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Take unread mails with their files",
            params: r#"{"downloadAttachments": true}"#,
            input: "[]",
            output: "null",
        },
        Example {
            title: "Take orders of another mailbox in full, every ten minutes",
            params: r#"{"mailbox": "Orders", "format": "resolved",
                "options": {"customEmailConfig": "[\"UNSEEN\", [\"SUBJECT\", \"Order\"]]"},
                "rule": {"interval": [{"field": "minutes", "minutesInterval": 10}]}}"#,
            input: "[]",
            output: "null",
        },
    ];
    type Params = Params;

    /// By hand it gives the newest mail that fits, to work with, and leaves it as it is.
    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        if ctx.mode != Mode::Manual {
            return Ok(Outcome::items(input.items().as_ref().clone()));
        }
        let params = params(input.whole())?;
        let mut imap = Imap::connect(ctx, &params.mailbox, true).await?;
        let found = imap.search(params.criteria()?).await?;
        let items = match found.last() {
            Some(newest) => params.items(ctx, &mut imap, &[*newest]).await?.0,
            None => Vec::new(),
        };
        imap.logout().await;
        Ok(Outcome::items(items))
    }

    fn trigger() -> Option<Trigger> {
        Some(Trigger::Poll(PollTrigger { rules, poll }))
    }
}

pub fn rules(node: &WorkflowNode) -> Result<Vec<Rule>, NodeError> {
    schedule_trigger::rules_or(node, Rules::every_minute)
}

fn poll<'a>(input: Arc<RunInput>, ctx: &'a Ctx) -> BoxFuture<'a, Result<Polled, NodeError>> {
    Box::pin(async move { params(&input)?.look(ctx).await })
}

fn params(input: &RunInput) -> Result<Params, NodeError> {
    let value = input
        .compiled
        .resolve(&input.scope(0))
        .map_err(|e| NodeError::param(e.param, e.error.to_string()))?;
    linkflow_node::input::read_params(&value)
}

/// What is kept from one look to the next.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
struct Kept {
    mailbox: String,
    /// The numbers below mean something as long as this is the same.
    validity: u32,
    /// The highest number that was taken.
    last: u32,
    /// What was taken and is not yet marked as read.
    to_mark: Vec<u32>,
}

impl Params {
    async fn look(&self, ctx: &Ctx) -> Result<Polled, NodeError> {
        let marks = self.post_process_action == PostProcess::Read;
        let mut imap = Imap::connect(ctx, &self.mailbox, !marks).await?;
        let kept = ctx.state.as_ref().and_then(|state| Kept::deserialize(state).ok());
        let kept = kept.filter(|kept| kept.validity == imap.validity && kept.mailbox == self.mailbox);
        let mut kept = kept.unwrap_or_default();
        (kept.validity, kept.mailbox) = (imap.validity, self.mailbox.clone());
        if marks {
            imap.mark_read(&kept.to_mark).await?;
        }
        kept.to_mark.clear();
        let mut found = imap.search(self.criteria()?).await?;
        // Without marks nothing else tells which ones were taken.
        if self.options.track_last_message_id || !marks {
            found.retain(|uid| *uid > kept.last);
        }
        found.truncate(MAILS_MAX);
        let (items, taken) = self.items(ctx, &mut imap, &found).await?;
        kept.last = taken.iter().copied().max().unwrap_or(0).max(kept.last);
        if marks {
            kept.to_mark = taken;
        }
        imap.logout().await;
        Ok(Polled { items, state: json!(kept) })
    }

    /// The items of messages, as many as may be in memory together, and which ones those are.
    async fn items(
        &self,
        ctx: &Ctx,
        imap: &mut Imap<'_>,
        uids: &[u32],
    ) -> Result<(Vec<Item>, Vec<u32>), NodeError> {
        let (mut items, mut taken) = (Vec::new(), Vec::new());
        let bytes_max = ctx.limits.response_bytes_max / 2;
        let mut bytes_left = bytes_max;
        for one in imap.sizes(uids).await? {
            let is_too_large = one.bytes > bytes_max;
            if !is_too_large && one.bytes > bytes_left {
                break;
            }
            bytes_left -= if is_too_large { 0 } else { one.bytes };
            taken.push(one.uid);
            // Somebody else can have removed it.
            let Some(fetched) = imap.message(one.uid, is_too_large).await? else { continue };
            let mut item = self.item(ctx, &fetched.content, one.uid).await?;
            if is_too_large {
                let text = format!("the mail has {} bytes, of which only the headers were taken", one.bytes);
                Arc::make_mut(&mut item.json).insert("tooLarge".to_owned(), text.into());
            }
            items.push(item.paired_with(0));
        }
        Ok((items, taken))
    }

    async fn item(&self, ctx: &Ctx, content: &[u8], uid: u32) -> Result<Item, NodeError> {
        let prefix = self.data_property_attachments_prefix_name.as_str();
        match self.format {
            Format::Raw => Ok(mail_read::raw(content)),
            Format::Resolved => mail_read::resolved(ctx, content, uid, prefix).await,
            Format::Simple => {
                let prefix = self.download_attachments.then_some(prefix);
                mail_read::simple(ctx, content, uid, prefix).await
            }
        }
    }

    fn criteria(&self) -> Result<Vec<Word>, NodeError> {
        let given = &self.options.custom_email_config;
        let list = match given {
            Value::String(text) if text.trim().is_empty() => json!(["UNSEEN"]),
            Value::Null => json!(["UNSEEN"]),
            Value::String(text) => {
                serde_json::from_str(text).map_err(|e| wrong(format!("is no JSON: {e}")))?
            }
            other => other.clone(),
        };
        let list =
            list.as_array().ok_or_else(|| wrong(format!("must be a list, got {}", lenient::show(&list))))?;
        let mut words = Vec::new();
        for one in list {
            criterion(one, &mut words, 0)?;
        }
        Ok(if words.is_empty() { vec![Word::plain("ALL")] } else { words })
    }
}

const WITHOUT_VALUE: &[&str] = &[
    "ALL",
    "ANSWERED",
    "DELETED",
    "DRAFT",
    "FLAGGED",
    "NEW",
    "OLD",
    "RECENT",
    "SEEN",
    "UNANSWERED",
    "UNDELETED",
    "UNDRAFT",
    "UNFLAGGED",
    "UNSEEN",
];
const WITH_TEXT: &[&str] = &["BCC", "BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO", "X-GM-LABELS", "X-GM-RAW"];
/// A keyword is one word of IMAP's own.
const WITH_WORD: &[&str] = &["KEYWORD", "UID", "UNKEYWORD", "X-GM-MSGID", "X-GM-THRID"];
const WITH_DATE: &[&str] = &["BEFORE", "ON", "SENTBEFORE", "SENTON", "SENTSINCE", "SINCE"];
const WITH_NUMBER: &[&str] = &["LARGER", "SMALLER"];
/// Conditions inside conditions.
const NESTED_MAX: usize = 10;

fn wrong(problem: String) -> NodeError {
    NodeError::param("options.customEmailConfig", problem)
}

/// One condition: a word, or a list of a word and its values. A `!` in front turns it round.
fn criterion(given: &Value, words: &mut Vec<Word>, depth: usize) -> Result<(), NodeError> {
    let unknown = || wrong(format!("has a condition that is not known: {}", lenient::show(given)));
    let (name, values) = match given {
        Value::String(name) => (name.as_str(), &[][..]),
        Value::Array(list) => match list.split_first() {
            Some((Value::String(name), values)) => (name.as_str(), values),
            _ => return Err(unknown()),
        },
        _ => return Err(unknown()),
    };
    let (turned, name) = match name.trim().strip_prefix('!') {
        Some(rest) => (true, rest.trim().to_ascii_uppercase()),
        None => (false, name.trim().to_ascii_uppercase()),
    };
    if depth > NESTED_MAX {
        return Err(wrong("has conditions inside conditions, too many of them".to_owned()));
    }
    if turned {
        words.push(Word::plain("NOT"));
    }
    let known = |list: &[&str]| list.contains(&name.as_str());
    match values {
        [] if known(WITHOUT_VALUE) => words.push(Word::Plain(name)),
        [first, second] if name == "OR" => {
            words.push(Word::plain("OR"));
            for one in [first, second] {
                criterion(one, words, depth + 1)?;
            }
        }
        [field, value] if name == "HEADER" => {
            words.push(Word::plain("HEADER"));
            words.extend([field, value].map(|text| Word::Text(lenient::as_text(text))));
        }
        [value] if known(WITH_TEXT) => {
            words.extend([Word::Plain(name), Word::Text(lenient::as_text(value))]);
        }
        [value] if known(WITH_DATE) => {
            let text = lenient::as_text(value);
            let date =
                date(&text).ok_or_else(|| wrong(format!("must have a date for {name}, got \"{text}\"")))?;
            words.extend([Word::Plain(name), Word::Plain(date)]);
        }
        [value] if known(WITH_NUMBER) => {
            let number = lenient::as_number(value).filter(|n| (0.0..4e9).contains(n)).ok_or_else(unknown)?;
            words.extend([Word::Plain(name), Word::Plain(format!("{number:.0}"))]);
        }
        [value] if known(WITH_WORD) => {
            let text = lenient::as_text(value);
            let is_word = |b: u8| b.is_ascii_alphanumeric() || b"$*:,_.-".contains(&b);
            if text.is_empty() || !text.bytes().all(is_word) {
                return Err(wrong(format!("must have one word for {name}, got \"{text}\"")));
            }
            words.extend([Word::Plain(name), Word::Plain(text)]);
        }
        _ => return Err(unknown()),
    }
    Ok(())
}

/// `31-Jan-2026`, from a date in any of the usual forms.
fn date(text: &str) -> Option<String> {
    let text = text.trim();
    let by_iso = || {
        text.parse::<jiff::civil::Date>().ok().or_else(|| text.parse::<DateTime>().ok().map(|at| at.date()))
    };
    let with_zone = || Some(text.parse::<jiff::Timestamp>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).date());
    let written = || {
        ["%B %d, %Y", "%b %d, %Y", "%d-%b-%Y", "%d %B %Y", "%m/%d/%Y"]
            .iter()
            .find_map(|format| jiff::civil::Date::strptime(format, text).ok())
    };
    let date = by_iso().or_else(with_zone).or_else(written)?;
    Some(date.strftime("%-d-%b-%Y").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(given: Value) -> Result<String, String> {
        let options = Options { custom_email_config: given, ..Options::default() };
        let words = Params { options, ..Params::default() }.criteria().map_err(|e| e.to_string())?;
        let text = |word: &Word| match word {
            Word::Plain(text) => text.clone(),
            Word::Text(text) => format!("<{text}>"),
        };
        Ok(words.iter().map(text).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn conditions_become_those_of_imap() {
        for (given, expected) in [
            (json!("[\"UNSEEN\"]"), "UNSEEN"),
            (json!(""), "UNSEEN"),
            (json!([]), "ALL"),
            (json!(["!SEEN", ["SINCE", "May 20, 2010"]]), "NOT SEEN SINCE 20-May-2010"),
            (json!([["SINCE", "2026-01-31T10:00:00Z"]]), "SINCE 31-Jan-2026"),
            (json!([["OR", "UNSEEN", ["FROM", "x y"]]]), "OR UNSEEN FROM <x y>"),
            (
                json!([["HEADER", "X-Id", "7"], ["LARGER", "100"], ["UID", "5:*"]]),
                "HEADER <X-Id> <7> LARGER 100 UID 5:*",
            ),
        ] {
            assert_eq!(words(given.clone()), Ok(expected.to_owned()), "{given}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for given in [
            json!("[\"UNSEEN\\r\\na1 LOGOUT\"]"),
            json!([["UID", "1 LOGOUT"]]),
            json!(["FROM"]),
            json!("{}"),
            json!([7]),
        ] {
            let refused = words(given.clone()).unwrap_err();
            assert!(refused.starts_with("`options.customEmailConfig`: "), "{given}: {refused}");
        }
        let deep = (0..50).fold(json!("UNSEEN"), |inner, _| json!(["OR", inner, "SEEN"]));
        assert!(words(json!([deep])).unwrap_err().contains("too many"));
    }

    #[test]
    fn it_looks_every_minute_unless_told_otherwise() {
        assert_eq!(rules(&WorkflowNode::default()).unwrap().len(), 1);
    }
}
