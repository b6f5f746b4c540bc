//! Credentials. Secret fields are taken and never shown again.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use linkflow_model::CredentialId;
use linkflow_node::CredentialSlot;
use linkflow_store::{CredentialRow, Fields};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Api;
use crate::access::Who;
use crate::extract::{IfMatch, Json, Path};
use crate::problem::{Problem, Problems};
use crate::routes::connect::check_of;
use crate::routes::{List, check_name, with_etag};

/// What stands for a secret field. Sent back, it leaves the field as it is.
const HIDDEN: &str = "***";
const FIELD_BYTES_MAX: usize = 64 * 1024;

/// A credential, without its fields.
#[derive(Serialize, ToSchema)]
pub struct CredentialView {
    id: Uuid,
    name: String,
    /// Name of the slot for which it is made, such as `http_basic`.
    #[serde(rename = "type")]
    kind: String,
    version: u32,
    created_at: i64,
    updated_at: i64,
}

impl CredentialView {
    fn of(row: CredentialRow) -> CredentialView {
        CredentialView {
            id: row.id.0,
            name: row.name,
            kind: row.kind,
            version: row.version,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

/// A credential with its fields; the secret ones are `***`.
#[derive(Serialize, ToSchema)]
pub struct CredentialDetail {
    #[serde(flatten)]
    row: CredentialView,
    data: BTreeMap<String, String>,
}

/// A credential to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCredential {
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    name: String,
    /// One of `GET /credential-types`.
    #[serde(rename = "type")]
    kind: String,
    data: BTreeMap<String, String>,
}

/// Name and fields of a credential. A field that is `***` stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialBody {
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    name: String,
    /// May be given, and must then be what it is.
    #[serde(rename = "type")]
    kind: Option<String>,
    data: BTreeMap<String, String>,
}

/// A type of credentials.
#[derive(Serialize, ToSchema)]
pub struct CredentialType {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    fields: Vec<CredentialField>,
    /// Node kinds that can use it.
    kinds: Vec<String>,
    /// Whether it can be tried by itself.
    can_test: bool,
}

#[derive(Serialize, ToSchema)]
pub struct CredentialField {
    name: String,
    secret: bool,
}

/// Every type of credentials that a node kind names, by name, with the kinds.
fn slots(api: &Api) -> BTreeMap<&'static str, (CredentialSlot, BTreeSet<&'static str>)> {
    let mut found: BTreeMap<&str, (CredentialSlot, BTreeSet<&str>)> = BTreeMap::new();
    for kind in api.kinds {
        for slot in kind.spec.credentials {
            found.entry(slot.name).or_insert_with(|| (*slot, BTreeSet::new())).1.insert(kind.kind);
        }
    }
    found
}

fn slot(api: &Api, kind: &str) -> Option<CredentialSlot> {
    slots(api).get(kind).map(|(slot, _)| *slot)
}

fn check_fields(slot: &CredentialSlot, data: &BTreeMap<String, String>) -> Result<(), Problem> {
    for (field, value) in data {
        if !slot.fields.contains(&field.as_str()) {
            let problem = format!("is no field of {}; it has {}", slot.name, slot.fields.join(", "));
            return Err(Problem::invalid(format!("data.{field}"), problem));
        }
        if value.len() > FIELD_BYTES_MAX {
            let problem = format!("may have {FIELD_BYTES_MAX} bytes, got {}", value.len());
            return Err(Problem::invalid(format!("data.{field}"), problem));
        }
    }
    Ok(())
}

/// List credentials
#[utoipa::path(get, path = "/api/v1/credentials", tag = "credentials",
    responses((status = 200, body = List<CredentialView>), Problems))]
pub async fn list(State(api): State<Api>, who: Who) -> Result<axum::Json<List<CredentialView>>, Problem> {
    let rows = api.store.credentials(who.workspace).await?;
    Ok(List::whole(rows.into_iter().map(CredentialView::of).collect()))
}

/// Add a credential
#[utoipa::path(post, path = "/api/v1/credentials", tag = "credentials", request_body = NewCredential,
    responses((status = 201, body = CredentialView), Problems))]
pub async fn create(
    State(api): State<Api>,
    who: Who,
    Json(new): Json<NewCredential>,
) -> Result<(StatusCode, axum::Json<CredentialView>), Problem> {
    check_name("name", &new.name)?;
    let slot = slot(&api, &new.kind).ok_or_else(|| {
        let known: Vec<&str> = slots(&api).into_keys().collect();
        Problem::invalid("type", format!("must be one of {}, got \"{}\"", known.join(", "), new.kind))
    })?;
    check_fields(&slot, &new.data)?;
    let id = CredentialId::new(api.now(), api.random());
    let named = (new.name, new.kind);
    let row = api
        .store
        .create_credential(&api.keyring, who.workspace, id, named, Fields(new.data), api.now())
        .await?;
    Ok((StatusCode::CREATED, axum::Json(CredentialView::of(row))))
}

/// Show a credential, without its secrets
#[utoipa::path(get, path = "/api/v1/credentials/{id}", tag = "credentials", params(("id" = Uuid, Path)),
    responses((status = 200, body = CredentialDetail), Problems))]
pub async fn show(State(api): State<Api>, who: Who, Path(id): Path<Uuid>) -> Result<Response, Problem> {
    let (row, fields) = open(&api, &who, id).await?;
    let slot = slot(&api, &row.kind);
    let mut data = fields.0;
    for (field, value) in &mut data {
        // Of a type that no node names any more, everything is secret.
        if slot.is_none_or(|slot| slot.secret.contains(&field.as_str())) && !value.is_empty() {
            *value = HIDDEN.to_owned();
        }
    }
    let version = row.version;
    Ok(with_etag(version, CredentialDetail { row: CredentialView::of(row), data }))
}

async fn open(api: &Api, who: &Who, id: Uuid) -> Result<(CredentialRow, Fields), Problem> {
    api.store
        .open_credential(&api.keyring, who.workspace, CredentialId(id))
        .await?
        .ok_or_else(|| Problem::not_found("credential", id))
}

/// Change a credential
#[utoipa::path(put, path = "/api/v1/credentials/{id}", tag = "credentials",
    params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header)), request_body = CredentialBody,
    responses((status = 200, body = CredentialView), Problems))]
pub async fn save(
    State(api): State<Api>,
    who: Who,
    Path(id): Path<Uuid>,
    IfMatch(expected): IfMatch,
    Json(body): Json<CredentialBody>,
) -> Result<Response, Problem> {
    check_name("name", &body.name)?;
    let (row, old) = open(&api, &who, id).await?;
    if let Some(kind) = body.kind.filter(|kind| *kind != row.kind) {
        let problem = format!("cannot be changed from {} to {kind}; make another credential", row.kind);
        return Err(Problem::invalid("type", problem));
    }
    let mut data = body.data;
    if let Some(slot) = slot(&api, &row.kind) {
        check_fields(&slot, &data)?;
    }
    for (field, value) in &mut data {
        if value == HIDDEN {
            *value = old.0.get(field).cloned().unwrap_or_default();
        }
    }
    // The old fields were read before: somebody else's change meanwhile must not be undone by them.
    let expected = expected.or(Some(row.version));
    let row = api
        .store
        .set_credential(
            &api.keyring,
            who.workspace,
            CredentialId(id),
            expected,
            (body.name, Fields(data)),
            api.now(),
        )
        .await?;
    Ok(with_etag(row.version, CredentialView::of(row)))
}

/// Remove a credential
#[utoipa::path(delete, path = "/api/v1/credentials/{id}", tag = "credentials", params(("id" = Uuid, Path)),
    responses((status = 204, description = "Removed"), Problems))]
pub async fn delete(State(api): State<Api>, who: Who, Path(id): Path<Uuid>) -> Result<StatusCode, Problem> {
    api.store.delete_credential(who.workspace, CredentialId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the types of credentials
#[utoipa::path(get, path = "/api/v1/credential-types", tag = "credentials",
    responses((status = 200, body = List<CredentialType>), Problems))]
pub async fn types(State(api): State<Api>) -> axum::Json<List<CredentialType>> {
    let types = slots(&api).into_values().map(|(slot, kinds)| CredentialType {
        kind: slot.name.to_owned(),
        title: slot.title.to_owned(),
        fields: slot
            .fields
            .iter()
            .map(|name| CredentialField { name: (*name).to_owned(), secret: slot.secret.contains(name) })
            .collect(),
        kinds: kinds.into_iter().map(str::to_owned).collect(),
        can_test: check_of(&api, slot.name).is_some(),
    });
    List::whole(types.collect())
}
