//! Fields of forms: as a page to fill in, and from what came back to an item. Common to the kinds
//! that ask people for something.
//!
//! Everything is checked here whatever a browser has checked before, and what was typed is shown
//! again beside what is wrong with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use linkflow_model::{Binary, Item, Object};
use linkflow_node::page::{self, Page, escape};
use linkflow_node::trigger::{Body, Request};
use linkflow_node::{NodeError, Reply, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::date_format::{self, Letters};

/// The fields of a form.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Fields {
    /// The fields, from top to bottom.
    pub values: Vec<Field>,
}

/// One field of a form. Which of its settings count depends on `fieldType`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Field {
    /// What people read above the field.
    #[serde(deserialize_with = "lenient::text")]
    pub field_label: String,
    /// Its name in the item; the label where it is empty.
    #[serde(deserialize_with = "lenient::text")]
    pub field_name: String,
    /// What is asked for.
    pub field_type: FieldType,
    /// Whether it has to be filled in.
    #[serde(deserialize_with = "lenient::flag")]
    pub required_field: bool,
    /// Shown in the field while it is empty.
    #[serde(deserialize_with = "lenient::text")]
    pub placeholder: String,
    /// What is filled in already.
    #[serde(deserialize_with = "lenient::text")]
    pub default_value: String,
    /// The value of a hidden field, unless the address gives another one.
    #[serde(deserialize_with = "lenient::text")]
    pub field_value: String,
    /// What a field of type `html` shows. Scripts and forms in it are left out.
    #[serde(deserialize_with = "lenient::text")]
    pub html: String,
    /// The name under which the item has the text of `html`; left out where it is empty.
    #[serde(deserialize_with = "lenient::text")]
    pub element_name: String,
    /// Whether several choices of a `dropdown` may be taken.
    #[serde(deserialize_with = "lenient::flag")]
    pub multiselect: bool,
    /// The choices of `dropdown`, `checkbox` and `radio`.
    pub field_options: Choices,
    /// Endings or types of files that are taken, separated by commas; empty for all.
    #[serde(deserialize_with = "lenient::text")]
    pub accept_file_types: String,
    /// Whether several files may be given.
    #[serde(default = "yes", deserialize_with = "lenient::flag")]
    pub multiple_files: bool,
    /// How many boxes have to be ticked.
    pub limit_selection: Selection,
    /// How many, for `exact`.
    #[serde(deserialize_with = "lenient::integer")]
    pub number_of_selections: i64,
    /// How many at least, for `range`.
    #[serde(deserialize_with = "lenient::integer")]
    pub min_selections: i64,
    /// How many at most, for `range`.
    #[serde(deserialize_with = "lenient::integer")]
    pub max_selections: i64,
    /// How a date is written in the item, in the letters of Luxon; as `2026-03-04` where it is empty.
    #[serde(deserialize_with = "lenient::text")]
    pub format_date: String,
}

fn yes() -> bool {
    true
}

/// What a field asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FieldType {
    /// A line of text.
    #[default]
    Text,
    /// Several lines of text.
    Textarea,
    /// A number.
    Number,
    /// An address for mail.
    Email,
    /// A text that is not shown while it is typed.
    Password,
    /// A day.
    Date,
    /// One of several choices, or several of them.
    Dropdown,
    /// Boxes to tick.
    #[serde(alias = "checkboxes")]
    Checkbox,
    /// One of several choices, all of them in sight.
    Radio,
    /// A file, or several.
    File,
    /// Text and pictures of your own.
    Html,
    /// A value that nobody sees.
    HiddenField,
}

/// How many boxes have to be ticked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Selection {
    /// Any number.
    #[default]
    Unlimited,
    /// A certain number.
    Exact,
    /// From one number to another.
    Range,
}

/// The choices of a field.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Choices {
    /// The choices, in their order.
    pub values: Vec<Choice>,
}

/// One choice.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Choice {
    /// Its text.
    #[serde(deserialize_with = "lenient::text")]
    pub option: String,
}

/// The most fields of a form.
const FIELDS_MAX: usize = 200;
/// The most characters of one answer.
const ANSWER_CHARS_MAX: usize = 100_000;

/// The fields, written out or as a JSON list in a text.
pub fn fields_of(fields: &Fields, written: &Value) -> Result<Vec<Field>, NodeError> {
    let found: Vec<Field> = match written {
        Value::Null => fields.values.clone(),
        Value::String(text) if text.trim().is_empty() => fields.values.clone(),
        Value::String(text) => serde_json::from_str(text)
            .map_err(|e| NodeError::param("jsonOutput", format!("must be a JSON list of fields: {e}")))?,
        value => serde_json::from_value(value.clone())
            .map_err(|e| NodeError::param("jsonOutput", format!("must be a list of fields: {e}")))?,
    };
    if found.len() > FIELDS_MAX {
        let problem = format!("may have {FIELDS_MAX} fields, got {}", found.len());
        return Err(NodeError::param("formFields", problem));
    }
    Ok(found)
}

/// What is around the fields of a page.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    pub title: String,
    pub about: String,
    pub button: String,
    pub css: String,
}

/// What people gave, and what is wrong with it, field by field.
pub struct Given {
    typed: Vec<Vec<String>>,
    problems: Vec<Option<String>>,
    values: Vec<(String, Value)>,
    files: BTreeMap<String, Binary>,
}

/// The page to fill in, with what the address fills in already.
pub fn asking(frame: &Frame, fields: &[Field], query: &Object) -> Reply {
    let typed = fields.iter().map(|field| field.first_value(query)).collect();
    let given =
        Given { typed, problems: vec![None; fields.len()], values: Vec::new(), files: BTreeMap::new() };
    show(200, frame, fields, &given)
}

/// What came back, or the page once more with what is wrong.
pub fn read(frame: &Frame, fields: &[Field], request: &Request) -> Result<Given, Reply> {
    let given = Given::read(fields, request);
    match given.problems.iter().all(Option::is_none) {
        true => Ok(given),
        false => Err(show(422, frame, fields, &given)),
    }
}

impl Given {
    pub fn read(fields: &[Field], request: &Request) -> Given {
        let mut given =
            Given { typed: Vec::new(), problems: Vec::new(), values: Vec::new(), files: BTreeMap::new() };
        for (n, field) in fields.iter().enumerate() {
            given.take(n, field, request);
        }
        given
    }

    fn take(&mut self, n: usize, field: &Field, request: &Request) {
        let name = field.name().to_owned();
        match field.field_type {
            FieldType::Html => {
                self.note(Vec::new(), None);
                if !field.element_name.is_empty() {
                    self.values.push((field.element_name.clone(), Value::String(field.html.clone())));
                }
            }
            FieldType::File => self.take_files(n, field, request),
            _ => {
                let typed = answers(&request.body, n, &name);
                let typed = if field.field_type == FieldType::HiddenField && typed.is_empty() {
                    field.first_value(&request.query)
                } else {
                    typed
                };
                let read = field.value_of(&typed);
                self.note(typed, read.as_ref().err().cloned());
                self.values.push((name, read.unwrap_or_default()));
            }
        }
    }

    fn note(&mut self, typed: Vec<String>, problem: Option<String>) {
        self.typed.push(typed);
        self.problems.push(problem);
    }

    fn take_files(&mut self, n: usize, field: &Field, request: &Request) {
        let name = field.name();
        let sent = format!("field-{n}");
        let all = if let Body::Multipart { files, .. } = &request.body { files.as_slice() } else { &[] };
        let is_ours = |key: &str| key == sent || key.trim_end_matches("[]") == name;
        // A browser sends an empty part where nothing was chosen.
        let files =
            all.iter().filter(|(key, file)| is_ours(key) && (file.bytes > 0 || file.file_name.is_some()));
        let files: Vec<&Binary> = files.map(|(_, file)| file).collect();
        let wrong = files.iter().find(|file| !field.takes(file));
        let problem = match wrong {
            _ if files.is_empty() && field.required_field => Some("Choose a file.".to_owned()),
            Some(file) => Some(format!(
                "{} cannot be taken here, only {}.",
                file.file_name.as_deref().unwrap_or("This file"),
                field.accept_file_types
            )),
            None if files.len() > 1 && !field.multiple_files => Some("Choose one file only.".to_owned()),
            None => None,
        };
        self.note(Vec::new(), problem);
        let about = |file: &&Binary| json!({"filename": file.file_name, "mimetype": file.mime_type, "size": file.bytes});
        let shown = match (field.multiple_files, files.as_slice()) {
            (_, []) => Value::Null,
            (false, [file, ..]) => about(file),
            (true, all) => Value::Array(all.iter().map(about).collect()),
        };
        self.values.push((name.to_owned(), shown));
        let key: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        for (at, file) in files.into_iter().enumerate() {
            let key = if field.multiple_files { format!("{key}_{at}") } else { key.clone() };
            self.files.insert(key, file.clone());
        }
    }

    /// The item, without the time.
    pub fn item(self) -> Item {
        let json: Object = self.values.into_iter().collect();
        let binary = Some(self.files).filter(|files| !files.is_empty()).map(Arc::new);
        Item { json: Arc::new(json), binary, ..Item::default() }.paired_with(0)
    }
}

/// The item with the time at which it came, in the workflow's zone, and how.
pub fn stamped(item: Item, at: linkflow_model::Millis, timezone: &str, is_test: bool) -> Item {
    let mut json = (*item.json).clone();
    let zone = crate::dates::zone(timezone);
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    json.insert("submittedAt".to_owned(), Value::String(date_format::iso(&at.to_zoned(zone))));
    let mode = if is_test { "test" } else { "production" };
    json.insert("formMode".to_owned(), Value::String(mode.to_owned()));
    Item { json: Arc::new(json), ..item }
}

/// What a body says for a field: under its number, as our pages send it, or under its name.
fn answers(body: &Body, n: usize, name: &str) -> Vec<String> {
    let fields = match body {
        Body::Form(fields) | Body::Multipart { fields, .. } | Body::Json(Value::Object(fields)) => fields,
        _ => return Vec::new(),
    };
    let number = format!("field-{n}");
    let found =
        fields.get(&number).or_else(|| fields.get(&format!("{number}[]"))).or_else(|| fields.get(name));
    match found {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list.iter().map(lenient::as_text).collect(),
        Some(value) => vec![lenient::as_text(value)],
    }
}

impl Field {
    pub fn name(&self) -> &str {
        if self.field_name.is_empty() { &self.field_label } else { &self.field_name }
    }

    fn is_list(&self) -> bool {
        self.field_type == FieldType::Checkbox || self.field_type == FieldType::Dropdown && self.multiselect
    }

    fn has_choices(&self) -> bool {
        matches!(self.field_type, FieldType::Checkbox | FieldType::Dropdown | FieldType::Radio)
    }

    /// What stands in the field at first: what the address gives for it, else what the author does.
    fn first_value(&self, query: &Object) -> Vec<String> {
        let own = match self.field_type {
            FieldType::HiddenField => &self.field_value,
            _ => &self.default_value,
        };
        match query.get(self.name()).or_else(|| query.get(&self.field_label)) {
            Some(Value::Array(list)) => list.iter().map(lenient::as_text).collect(),
            Some(value) if self.is_list() => {
                lenient::as_text(value).split(',').map(|part| part.trim().to_owned()).collect()
            }
            Some(value) => vec![lenient::as_text(value)],
            None if own.is_empty() => Vec::new(),
            None => vec![own.clone()],
        }
    }

    /// The value in the item, or what is wrong with it, as people read it.
    fn value_of(&self, typed: &[String]) -> Result<Value, String> {
        let text = typed.first().map(|text| text.trim()).unwrap_or_default();
        if typed.iter().any(|text| text.chars().count() > ANSWER_CHARS_MAX) {
            return Err(format!("This is too long: {ANSWER_CHARS_MAX} characters fit."));
        }
        if self.is_list() {
            return self.list_of(typed);
        }
        if text.is_empty() {
            return match (self.required_field, self.field_type) {
                (true, FieldType::Radio | FieldType::Dropdown) => Err("Choose one.".to_owned()),
                (true, FieldType::HiddenField) | (false, FieldType::Text | FieldType::Textarea) => {
                    Ok(Value::String(String::new()))
                }
                (true, _) => Err("Fill this in.".to_owned()),
                (false, _) if typed.is_empty() => Ok(Value::Null),
                (false, FieldType::Number | FieldType::Radio | FieldType::Dropdown) => Ok(Value::Null),
                (false, _) => Ok(Value::String(String::new())),
            };
        }
        match self.field_type {
            FieldType::Number => {
                let number = lenient::as_number(&Value::String(text.to_owned()));
                let number = number.ok_or_else(|| "This is no number.".to_owned())?;
                Ok(if number.fract() == 0.0 && number.abs() < 9e15 {
                    json!(number as i64)
                } else {
                    json!(number)
                })
            }
            FieldType::Email if !is_mail_address(text) => Err("This is no address for mail.".to_owned()),
            FieldType::Date => self.date(text),
            FieldType::Dropdown | FieldType::Radio => self.choice(text).map(Value::String),
            FieldType::Password | FieldType::Textarea | FieldType::HiddenField => {
                Ok(Value::String(typed.first().cloned().unwrap_or_default()))
            }
            _ => Ok(Value::String(text.to_owned())),
        }
    }

    fn date(&self, text: &str) -> Result<Value, String> {
        let date: jiff::civil::Date =
            text.parse().map_err(|_| "This is no day; write it as 2026-03-04.".to_owned())?;
        if self.format_date.is_empty() {
            return Ok(Value::String(date.to_string()));
        }
        let at = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| "This day cannot be used.".to_owned())?;
        Ok(Value::String(date_format::format(&at, &self.format_date, Letters::Luxon)))
    }

    fn choice(&self, text: &str) -> Result<String, String> {
        let known = self.field_options.values.iter().any(|choice| choice.option.trim() == text);
        if known { Ok(text.to_owned()) } else { Err("Choose one of what is offered.".to_owned()) }
    }

    fn list_of(&self, typed: &[String]) -> Result<Value, String> {
        let mut chosen = Vec::new();
        for text in typed.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
            chosen.push(Value::String(self.choice(text)?));
        }
        let n = chosen.len() as i64;
        if n == 0 && !self.required_field {
            return Ok(Value::Array(chosen));
        }
        match self.limit_selection {
            _ if n == 0 => Err("Choose at least one.".to_owned()),
            Selection::Exact if n != self.number_of_selections => {
                Err(format!("Choose {}; {n} are chosen.", self.number_of_selections))
            }
            Selection::Range
                if n < self.min_selections || n > self.max_selections.max(self.min_selections) =>
            {
                Err(format!(
                    "Choose from {} to {}; {n} are chosen.",
                    self.min_selections, self.max_selections
                ))
            }
            _ => Ok(Value::Array(chosen)),
        }
    }

    fn takes(&self, file: &Binary) -> bool {
        let wanted = self.accept_file_types.split(',').map(|part| part.trim().to_ascii_lowercase());
        let wanted: Vec<String> = wanted.filter(|part| !part.is_empty() && part != "*").collect();
        let name = file.file_name.as_deref().unwrap_or_default().to_ascii_lowercase();
        let mime = file.mime_type.to_ascii_lowercase();
        wanted.is_empty()
            || wanted.iter().any(|want| match want.strip_suffix("/*") {
                Some(family) => mime.starts_with(&format!("{family}/")),
                None if want.contains('/') => mime == *want,
                None => name.ends_with(&format!(".{}", want.trim_start_matches(['.', '*']))),
            })
    }
}

fn is_mail_address(text: &str) -> bool {
    let Some((name, host)) = text.rsplit_once('@') else { return false };
    !name.is_empty()
        && host.contains('.')
        && !host.starts_with('.')
        && !host.ends_with('.')
        && !text.contains(char::is_whitespace)
}

fn show(status: u16, frame: &Frame, fields: &[Field], given: &Given) -> Reply {
    let mut body = format!("<h1>{}</h1>", escape(&frame.title));
    if !frame.about.is_empty() {
        body.push_str(&format!("<div class=\"about\">{}</div>", page::harmless(&frame.about)));
    }
    let n_wrong = given.problems.iter().flatten().count();
    if n_wrong > 0 {
        let what =
            if n_wrong == 1 { "One answer needs".to_owned() } else { format!("{n_wrong} answers need") };
        body.push_str(&format!("<p class=\"wrong-box\" role=\"alert\">{what} another look.</p>"));
    }
    let has_files = fields.iter().any(|field| field.field_type == FieldType::File);
    let encoding = if has_files { " enctype=\"multipart/form-data\"" } else { "" };
    body.push_str(&format!("<form method=\"post\"{encoding}>"));
    for (n, field) in fields.iter().enumerate() {
        let problem = given.problems.get(n).and_then(Option::as_deref);
        body.push_str(&field.html_of(n, given.typed.get(n).map_or(&[][..], Vec::as_slice), problem));
    }
    let button = if frame.button.is_empty() { "Submit" } else { &frame.button };
    body.push_str(&format!("<button type=\"submit\">{}</button></form>", escape(button)));
    page::reply(status, &Page { title: &frame.title, body: &body, css: &frame.css, again_s: None })
}

impl Field {
    fn html_of(&self, n: usize, typed: &[String], problem: Option<&str>) -> String {
        let value = typed.first().map(|text| escape(text)).unwrap_or_default();
        let id = format!("field-{n}");
        match self.field_type {
            FieldType::Html => return format!("<div>{}</div>", page::harmless(&self.html)),
            FieldType::HiddenField => {
                return format!("<input type=\"hidden\" name=\"{id}\" value=\"{value}\">");
            }
            _ => {}
        }
        let must =
            if self.required_field { "<span class=\"must\" aria-hidden=\"true\"> *</span>" } else { "" };
        let label = format!("{}{must}", escape(&self.field_label));
        let wrong = problem.map(|text| format!("<p class=\"wrong\" id=\"{id}-wrong\">{}</p>", escape(text)));
        let wrong = wrong.unwrap_or_default();
        let aria = if problem.is_some() {
            format!(" aria-invalid=\"true\" aria-describedby=\"{id}-wrong\"")
        } else {
            String::new()
        };
        if self.has_choices() && (self.field_type != FieldType::Dropdown || self.multiselect) {
            let boxes: String = self
                .field_options
                .values
                .iter()
                .enumerate()
                .map(|(at, choice)| self.box_of(&id, at, choice, typed))
                .collect();
            return format!("<fieldset{aria}><legend>{label}</legend>{boxes}{wrong}</fieldset>");
        }
        let required = if self.required_field { " required" } else { "" };
        let all = format!("id=\"{id}\" name=\"{id}\"{required}{aria}");
        let hint = if self.placeholder.is_empty() {
            String::new()
        } else {
            format!(" placeholder=\"{}\"", escape(&self.placeholder))
        };
        let input = match self.field_type {
            FieldType::Textarea => format!("<textarea {all}{hint}>\n{value}</textarea>"),
            FieldType::Dropdown => format!("<select {all}>{}</select>", self.options(typed)),
            FieldType::File => {
                let several = if self.multiple_files { " multiple" } else { "" };
                let accept = if self.accept_file_types.is_empty() {
                    String::new()
                } else {
                    format!(" accept=\"{}\"", escape(&self.accept_file_types))
                };
                format!("<input type=\"file\" {all}{several}{accept}>")
            }
            FieldType::Password => format!("<input type=\"password\" {all}{hint} autocomplete=\"off\">"),
            FieldType::Number => {
                format!("<input type=\"number\" step=\"any\" {all}{hint} value=\"{value}\">")
            }
            FieldType::Email => {
                format!("<input type=\"email\" {all}{hint} value=\"{value}\" autocomplete=\"email\">")
            }
            FieldType::Date => format!("<input type=\"date\" {all}{hint} value=\"{value}\">"),
            _ => format!("<input type=\"text\" {all}{hint} value=\"{value}\">"),
        };
        format!("<div><label for=\"{id}\">{label}</label>{input}{wrong}</div>")
    }

    fn box_of(&self, id: &str, at: usize, choice: &Choice, typed: &[String]) -> String {
        let kind = if self.is_list() { "checkbox" } else { "radio" };
        let text = escape(choice.option.trim());
        let is_on = typed.iter().any(|typed| typed.trim() == choice.option.trim());
        let checked = if is_on { " checked" } else { "" };
        let required = if kind == "radio" && self.required_field { " required" } else { "" };
        format!(
            "<label class=\"choice\" for=\"{id}-{at}\"><input type=\"{kind}\" id=\"{id}-{at}\" name=\"{id}\" \
             value=\"{text}\"{checked}{required}><span>{text}</span></label>"
        )
    }

    fn options(&self, typed: &[String]) -> String {
        let hint = if self.placeholder.is_empty() { "Choose one" } else { &self.placeholder };
        let mut out = format!("<option value=\"\">{}</option>", escape(hint));
        for choice in &self.field_options.values {
            let text = choice.option.trim();
            let selected = if typed.iter().any(|typed| typed.trim() == text) { " selected" } else { "" };
            out.push_str(&format!("<option{selected}>{}</option>", escape(text)));
        }
        out
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn fields(list: Value) -> Vec<Field> {
        serde_json::from_value(list).unwrap()
    }

    fn posted(form: Value) -> Request {
        let fields = form.as_object().cloned().unwrap();
        Request { body: Body::Form(fields), ..Request::default() }
    }

    pub(crate) fn text_of(reply: &Reply) -> String {
        match &reply.body {
            linkflow_node::ReplyBody::Text(text) => text.clone(),
            other => panic!("no page: {other:?}"),
        }
    }

    /// The item of what was posted, or the problems as people read them.
    fn check(list: Value, form: Value, expected: Value) {
        let fields = fields(list);
        let given = Given::read(&fields, &posted(form));
        let problems: Vec<&String> = given.problems.iter().flatten().collect();
        let found = if problems.is_empty() { json!(*given.item().json) } else { json!(problems) };
        assert_eq!(found, expected);
    }

    fn one(kind: &str, more: Value) -> Value {
        let mut field = json!({"fieldLabel": "L", "fieldType": kind});
        field.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        json!([field])
    }

    #[test]
    fn each_type_of_field_gives_its_value() {
        let colors = json!({"fieldOptions": {"values": [{"option": "red"}, {"option": "blue"}]}});
        check(one("text", json!({})), json!({"field-0": " a "}), json!({"L": "a"}));
        check(one("textarea", json!({})), json!({"field-0": "a\r\nb "}), json!({"L": "a\r\nb "}));
        check(one("number", json!({})), json!({"field-0": "4.50"}), json!({"L": 4.5}));
        check(one("number", json!({})), json!({"field-0": ""}), json!({"L": null}));
        check(
            one("date", json!({"formatDate": "dd.MM.yyyy"})),
            json!({"field-0": "2026-03-04"}),
            json!({"L": "04.03.2026"}),
        );
        check(one("dropdown", colors.clone()), json!({"field-0": "red"}), json!({"L": "red"}));
        check(
            one("checkbox", colors.clone()),
            json!({"field-0": ["red", "blue"]}),
            json!({"L": ["red", "blue"]}),
        );
        check(one("checkbox", colors.clone()), json!({}), json!({"L": []}));
        check(one("radio", colors), json!({"field-0": "blue"}), json!({"L": "blue"}));
        check(one("hiddenField", json!({"fieldName": "h", "fieldValue": "v"})), json!({}), json!({"h": "v"}));
        check(
            one("html", json!({"html": "<b>x</b>", "elementName": "note"})),
            json!({}),
            json!({"note": "<b>x</b>"}),
        );
        check(one("text", json!({})), json!({"L": "by name"}), json!({"L": "by name"}));
    }

    #[test]
    fn what_is_wrong_is_said_in_words() {
        let required = json!({"requiredField": true});
        check(one("text", required.clone()), json!({"field-0": "  "}), json!(["Fill this in."]));
        check(one("number", json!({})), json!({"field-0": "x"}), json!(["This is no number."]));
        check(one("email", json!({})), json!({"field-0": "a@b"}), json!(["This is no address for mail."]));
        check(
            one("date", json!({})),
            json!({"field-0": "tomorrow"}),
            json!(["This is no day; write it as 2026-03-04."]),
        );
        check(one("dropdown", json!({})), json!({"field-0": "x"}), json!(["Choose one of what is offered."]));
        check(one("file", required), json!({}), json!(["Choose a file."]));
        let two = json!({"limitSelection": "exact", "numberOfSelections": 2,
            "fieldOptions": {"values": [{"option": "a"}, {"option": "b"}]}});
        check(one("checkbox", two), json!({"field-0": "a"}), json!(["Choose 2; 1 are chosen."]));
    }

    #[test]
    fn the_page_shows_again_what_was_typed_beside_what_is_wrong() {
        let fields = fields(json!([
            {"fieldLabel": "Name", "requiredField": true},
            {"fieldLabel": "Age", "fieldType": "number"},
            {"fieldLabel": "Color", "fieldType": "dropdown", "fieldOptions": {"values": [{"option": "red"}]}},
        ]));
        let form = json!({"field-0": "<Ann>", "field-1": "old", "field-2": "red"});
        let page = text_of(&read(&Frame::default(), &fields, &posted(form)).err().unwrap());
        for part in [
            "value=\"&lt;Ann&gt;\"",
            "value=\"old\"",
            "<option selected>red</option>",
            "aria-describedby=\"field-1-wrong\"",
            "One answer needs another look.",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
    }

    #[test]
    fn the_address_fills_in_fields() {
        let fields = fields(json!([{"fieldLabel": "Name", "defaultValue": "x"}, {"fieldLabel": "Color",
            "fieldType": "checkbox", "fieldOptions": {"values": [{"option": "red"}, {"option": "blue"}]}}]));
        let query = json!({"Name": "Ann", "Color": "red, blue"});
        let page = text_of(&asking(&Frame::default(), &fields, query.as_object().unwrap()));
        assert!(page.contains("value=\"Ann\"") && page.matches(" checked").count() == 2, "{page}");
    }

    #[test]
    fn files_are_named_by_their_field_and_kept_to_the_types_that_are_taken() {
        let file = |name: &str| Binary {
            mime_type: "image/png".to_owned(),
            file_name: Some(name.to_owned()),
            bytes: 3,
            ..Binary::default()
        };
        let form = |files: Vec<Binary>| Request {
            body: Body::Multipart {
                fields: Object::new(),
                files: files.into_iter().map(|f| ("field-0".to_owned(), f)).collect(),
            },
            ..Request::default()
        };
        let of = |more: Value| fields(one("file", more));
        let given =
            Given::read(&of(json!({"fieldLabel": "My file"})), &form(vec![file("a.png"), file("b.png")]));
        let item = given.item();
        assert_eq!(item.binary.unwrap().keys().collect::<Vec<_>>(), ["My_file_0", "My_file_1"]);
        assert_eq!(item.json["My file"][1]["filename"], "b.png");
        let single = of(json!({"multipleFiles": false, "acceptFileTypes": ".pdf, image/*"}));
        let item = Given::read(&single, &form(vec![file("a.png")])).item();
        assert_eq!(item.binary.unwrap().keys().collect::<Vec<_>>(), ["L"]);
        let refused = Given::read(&of(json!({"acceptFileTypes": ".pdf"})), &form(vec![file("a.png")]));
        assert_eq!(refused.problems[0].as_deref(), Some("a.png cannot be taken here, only .pdf."));
    }
}
