//! An n8n instance's database, as far as it moves here: workflows with their tags, variables and
//! credentials.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, bail};
use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use base64::Engine;
use linkflow_import::n8n::instance::{credential_type, field_name, id_of, workflow_file};
use linkflow_model::Object;
use linkflow_store::{Fields, Foreign};
use md5::{Digest, Md5};
use serde_json::Value;

/// What is taken over.
pub struct Instance {
    /// Name for the report, and the workflow file.
    pub workflows: Vec<(String, Value)>,
    pub variables: BTreeMap<String, String>,
    pub tags: Vec<String>,
    pub credentials: Vec<Credential>,
    /// What could not be taken over, and why.
    pub notes: Vec<String>,
}

pub struct Credential {
    pub name: String,
    /// Our type, or n8n's where nothing here uses it yet.
    pub kind: String,
    pub fields: Fields,
}

/// Reads what moves. `key` opens the credentials.
pub fn read(at: &str, key: Option<&str>) -> anyhow::Result<Instance> {
    let database = open(at)?;
    let mut notes = Vec::new();
    let credentials = credentials(&database, at, key, &mut notes)?;
    let tags = names(&database)?;
    Ok(Instance {
        workflows: workflows(&database, &tags)?,
        variables: variables(&database)?,
        tags: tags.into_values().collect(),
        credentials,
        notes: {
            notes.extend(data_tables(&database)?);
            notes
        },
    })
}

/// The database, when it is one of n8n's.
pub fn open(at: &str) -> anyhow::Result<Foreign> {
    let database = Foreign::at(at);
    let found = database.column("workflow_entity", "id");
    let found = found.with_context(|| format!("the database {} cannot be read", shown(at)))?;
    if found.is_empty() && database.column("migrations", "id")?.is_empty() {
        bail!("{} is no database of n8n: it has no table `workflow_entity`", shown(at));
    }
    Ok(database)
}

/// An address without its password.
fn shown(at: &str) -> String {
    match (at.find("://"), at.rfind('@')) {
        (Some(scheme), Some(host)) if scheme < host => format!("{}://..@{}", &at[..scheme], &at[host + 1..]),
        _ => at.to_owned(),
    }
}

fn names(database: &Foreign) -> anyhow::Result<BTreeMap<String, String>> {
    let rows = database.rows("tag_entity", None)?;
    Ok(rows.iter().filter_map(|row| Some((id_of(row, "id"), text(row, "name")?))).collect())
}

fn text(row: &Object, column: &str) -> Option<String> {
    row.get(column).and_then(Value::as_str).map(str::to_owned)
}

fn workflows(database: &Foreign, tags: &BTreeMap<String, String>) -> anyhow::Result<Vec<(String, Value)>> {
    let mut of_workflow: HashMap<String, Vec<String>> = HashMap::new();
    for row in database.rows("workflows_tags", None)? {
        if let Some(name) = tags.get(&id_of(&row, "tagId")) {
            of_workflow.entry(id_of(&row, "workflowId")).or_default().push(name.clone());
        }
    }
    let file = |row: &Object| {
        let id = id_of(row, "id");
        let tags = of_workflow.get(&id).map_or(&[][..], Vec::as_slice);
        (format!("n8n workflow {id}"), workflow_file(row, tags))
    };
    Ok(database.rows("workflow_entity", None)?.iter().map(file).collect())
}

/// Variables by name; those of projects too, where no other has the name.
pub fn variables(database: &Foreign) -> anyhow::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for row in database.rows("variables", None)? {
        if let Some(key) = text(&row, "key") {
            found.entry(key).or_insert(text(&row, "value").unwrap_or_default());
        }
    }
    Ok(found)
}

/// Data tables have no place here yet, so they are named.
fn data_tables(database: &Foreign) -> anyhow::Result<Option<String>> {
    let rows = database.rows("data_table", None)?;
    let names: Vec<String> = rows.iter().filter_map(|row| text(row, "name")).collect();
    Ok((!names.is_empty()).then(|| format!("data tables are not taken over: {}", names.join(", "))))
}

fn credentials(
    database: &Foreign,
    at: &str,
    key: Option<&str>,
    notes: &mut Vec<String>,
) -> anyhow::Result<Vec<Credential>> {
    let rows = database.rows("credentials_entity", None)?;
    let Some(key) = key.map(str::to_owned).or_else(|| key_beside(at)).filter(|_| !rows.is_empty()) else {
        if !rows.is_empty() {
            notes.push(format!(
                "{} credentials are not taken over: give n8n's key with --n8n-key",
                rows.len()
            ));
        }
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for row in &rows {
        let name = text(row, "name").unwrap_or_default();
        let theirs = text(row, "type").unwrap_or_default();
        match opened(&text(row, "data").unwrap_or_default(), &key) {
            Ok(fields) => {
                let kind = credential_type(&theirs).map_or(theirs.clone(), str::to_owned);
                found.push(Credential { name, fields: of_here(fields, kind != theirs), kind });
            }
            Err(why) => notes.push(format!("the credential \"{name}\" is not taken over: {why}")),
        }
    }
    Ok(found)
}

/// n8n keeps its key in the folder of its SQLite file.
fn key_beside(at: &str) -> Option<String> {
    let config = std::fs::read(Path::new(at).parent()?.join("config")).ok()?;
    let config: Value = serde_json::from_slice(&config).ok()?;
    config.get("encryptionKey")?.as_str().map(str::to_owned)
}

fn of_here(fields: Object, is_known: bool) -> Fields {
    let value = |value: Value| match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let name = |name: String| if is_known { field_name(&name) } else { name };
    Fields(fields.into_iter().map(|(key, v)| (name(key), value(v))).collect())
}

/// The fields of a credential. n8n encrypts them as OpenSSL's command line does with a pass phrase:
/// `Salted__`, eight bytes of salt, AES-256 in CBC mode, key and start from rounds of MD5.
fn opened(sealed: &str, key: &str) -> Result<Object, String> {
    let mut bytes = base64::engine::general_purpose::STANDARD
        .decode(sealed.trim())
        .map_err(|_| "its data are no base64".to_owned())?;
    if bytes.len() < 32 || !bytes.starts_with(b"Salted__") {
        return Err("its data are not encrypted as n8n does".to_owned());
    }
    let mut material = Vec::with_capacity(48);
    let mut round: Vec<u8> = Vec::new();
    while material.len() < 48 {
        let mut hash = Md5::new();
        hash.update(&round);
        hash.update(key.as_bytes());
        hash.update(&bytes[8..16]);
        round = hash.finalize().to_vec();
        material.extend_from_slice(&round);
    }
    let wrong = |_| "n8n's key does not open it".to_owned();
    let cipher = UnboundCipherKey::new(&AES_256, &material[..32]).map_err(wrong)?;
    let start: [u8; 16] = material[32..48].try_into().map_err(|_| "no start".to_owned())?;
    let context = DecryptionContext::Iv128(FixedLength::from(start));
    let plain = PaddedBlockDecryptingKey::cbc_pkcs7(cipher)
        .and_then(|key| key.decrypt(&mut bytes[16..], context))
        .map_err(wrong)?;
    match serde_json::from_slice(plain) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err("n8n's key does not open it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `openssl enc -aes-256-cbc -md md5 -pass pass:the-key -a`.
    const SEALED: &str = "U2FsdGVkX19AUdixcdvyocU9SX2JX9I++3Y+Cn0NHGmhDsHaYVpHHBQD/DQJRPJT";

    #[test]
    fn credentials_open_with_the_right_key_only() {
        let fields = opened(SEALED, "the-key").unwrap();
        assert_eq!(fields["user"], "ada");
        assert!(opened(SEALED, "another").unwrap_err().contains("key does not open"));
        assert!(opened("x", "k").unwrap_err().contains("base64"));
        assert!(opened("YWJj", "k").unwrap_err().contains("not encrypted"));
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        assert_eq!(shown("postgres://me:secret@host/db"), "postgres://..@host/db");
        assert_eq!(shown("/home/me/.n8n/database.sqlite"), "/home/me/.n8n/database.sqlite");
    }
}
