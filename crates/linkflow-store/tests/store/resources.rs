//! What people make and keep, as every database keeps it.

use linkflow_model::*;
use linkflow_store::*;
use serde_json::json;

use super::*;

async fn a_workspace(w: &World) -> WorkspaceId {
    w.ensure_workspace(workspace(), "Default".to_owned(), t(0)).await.unwrap().id
}

fn save(name: &str, tags: &[&str]) -> WorkflowSave {
    let mut document: Workflow = serde_json::from_value(json!({"name": name})).unwrap();
    document.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let facts = WorkflowFacts { triggers: vec!["webhook".to_owned()], n_problems: 0 };
    WorkflowSave { document, facts, author: None, message: String::new(), at: t(1) }
}

fn a_workflow_id(n: u128) -> WorkflowId {
    WorkflowId::new(t(0), n)
}

fn hook(path: &str) -> NewWebhook {
    NewWebhook { node: "Hook".to_owned(), method: "POST".to_owned(), path: path.to_owned() }
}

#[tokio::test]
async fn a_workflow_is_saved_published_listed_and_removed() {
    let w = world();
    let space = a_workspace(&w).await;
    let id = a_workflow_id(1);
    w.create_workflow(space, id, save("Invoices", &["b", "a"])).await.unwrap();
    let saved = w.save_workflow(space, id, Some(1), save("Invoices 2", &["a"])).await.unwrap();
    assert_eq!((saved.version, saved.tags), (2, vec!["a".to_owned()]));
    let late = w.save_workflow(space, id, Some(1), save("late", &[])).await.unwrap_err();
    assert!(matches!(late, StoreError::Changed { what: "workflow", .. }), "{late}");

    let published = w.publish_workflow(space, id, 2, vec![hook("orders/:id")], t(2)).await.unwrap();
    assert_eq!(published.published_version, Some(2));
    assert_eq!(w.webhooks().await.unwrap().len(), 1);
    assert_eq!(w.published_workflows().await.unwrap(), [(space, id, 2)]);
    let tags: Vec<_> = w.tags(space).await.unwrap().into_iter().map(|t| (t.name, t.n_workflows)).collect();
    assert_eq!(tags, [("a".to_owned(), 1), ("b".to_owned(), 0)]);
    assert_eq!(w.workflow_versions(space, id, 10, None).await.unwrap().items.len(), 2);

    w.delete_workflow(space, id).await.unwrap();
    assert!(w.workflow(space, id).await.unwrap().is_none() && w.webhooks().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_address_belongs_to_one_workflow() {
    let w = world();
    let space = a_workspace(&w).await;
    for n in [1, 2] {
        w.create_workflow(space, a_workflow_id(n), save("Same", &[])).await.unwrap();
    }
    w.publish_workflow(space, a_workflow_id(1), 1, vec![hook("orders/:id")], t(2)).await.unwrap();
    let taken = w.publish_workflow(space, a_workflow_id(2), 1, vec![hook("orders/:name")], t(3)).await;
    let taken = taken.unwrap_err();
    assert!(taken.is_duplicate_of("webhooks.shape"), "{taken:?}");
    assert_eq!(w.workflow(space, a_workflow_id(2)).await.unwrap().unwrap().published_version, None);
}

#[tokio::test]
async fn lists_are_read_page_by_page_without_gaps() {
    let w = world();
    let space = a_workspace(&w).await;
    for (n, name) in ["Zebra", "alpha", "Äpfel", "Beta", "beta", "100%"].iter().enumerate() {
        w.create_workflow(space, a_workflow_id(n as u128), save(name, &[])).await.unwrap();
    }
    for sort in [WorkflowSort::Name, WorkflowSort::Updated] {
        let (mut names, mut cursor) = (Vec::new(), None);
        loop {
            let filter = WorkflowFilter { sort, limit: 2, cursor, ..WorkflowFilter::default() };
            let page = w.workflows(space, filter).await.unwrap();
            names.extend(page.items.into_iter().map(|row| row.name));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(names.len(), 6, "{names:?}");
        if sort == WorkflowSort::Name {
            assert_eq!(names, ["100%", "Beta", "Zebra", "alpha", "beta", "Äpfel"]);
        }
    }
    let find = |text: &str| WorkflowFilter { search: Some(text.to_owned()), limit: 9, ..Default::default() };
    assert_eq!(w.workflows(space, find("BET")).await.unwrap().items.len(), 2);
    assert_eq!(w.workflows(space, find("0%")).await.unwrap().items.len(), 1);
}

/// A good end of an execution about which this was noted.
fn noted(custom: &serde_json::Value) -> Then {
    let custom_data = custom.as_object().cloned();
    Then::Finish { status: Status::Success, error: None, error_node: None, keep_data: true, custom_data }
}

#[tokio::test]
async fn executions_are_found_by_what_is_asked_of_them() {
    let w = world();
    let space = a_workspace(&w).await;
    let key = w.worker(0).await;
    let (ok, bad, open) = (w.accepted(1).await, w.accepted(2).await, w.accepted(3).await);
    for (id, status) in [(ok, Status::Success), (bad, Status::Error)] {
        let claimed = w.claimed(&key, id, 4).await;
        let then = if status == Status::Success {
            noted(&json!({"Customer": "Ada \"L\"", "order": 17}))
        } else {
            end(status, true)
        };
        w.append(&key, append(&claimed, vec![finished(5)], then)).await.unwrap();
    }
    let found = async |filter: ExecutionFilter| -> Vec<ExecutionId> {
        let page = w.executions(space, ExecutionFilter { limit: 10, ..filter }).await.unwrap();
        page.items.into_iter().map(|row| row.id).collect()
    };
    let any = ExecutionFilter::default;
    assert_eq!(found(any()).await, [open, bad, ok]);
    assert_eq!(found(ExecutionFilter { statuses: vec![Status::Error, Status::Dead], ..any() }).await, [bad]);
    assert_eq!(found(ExecutionFilter { search: Some("NOT WORK".to_owned()), ..any() }).await, [bad]);
    assert_eq!(found(ExecutionFilter { search: Some(ok.to_string()), ..any() }).await, [ok]);
    let custom = |text: &str| ExecutionFilter { custom: Some(text.to_owned()), ..any() };
    assert_eq!(found(custom("order=17")).await, [ok]);
    assert_eq!(found(custom("Customer=ada \"l\"")).await, [ok]);
    assert_eq!(found(custom("order")).await, [ok]);
    assert_eq!(found(custom("order=1")).await, []);
    assert_eq!(found(ExecutionFilter { from: Some(t(2)), to: Some(t(3)), ..any() }).await, [bad]);
    assert_eq!(found(ExecutionFilter { workflow: Some(a_workflow_id(9)), ..any() }).await, []);
    assert_eq!(w.count_executions(space, workflow(), 2).await.unwrap(), 2);
    let lately = w.workflow_activity(space, vec![workflow(), a_workflow_id(9)], t(0)).await.unwrap();
    assert_eq!((lately[0].n_runs, lately[0].n_errors, lately[1].n_runs), (3, 1, 0));
    assert_eq!(lately[0].last.map(|l| l.0), Some(open));
}

#[tokio::test]
async fn people_sign_in_and_the_last_owner_stays() {
    let w = world();
    assert!(w.needs_owner().await.unwrap());
    let person = |n: u128, email: &str, role: &str| NewUser {
        id: UserId::new(t(0), n),
        email: email.to_owned(),
        name: "Ada".to_owned(),
        password_hash: "hash".to_owned(),
        role: role.to_owned(),
        at: t(0),
    };
    let owner = w.create_owner(workspace(), person(1, "a@b.c", "owner")).await.unwrap().unwrap();
    assert!(w.create_owner(workspace(), person(2, "x@b.c", "owner")).await.unwrap().is_none());
    let taken = w.create_user(owner.workspace, person(3, "a@b.c", "viewer")).await.unwrap_err();
    assert!(taken.is_duplicate_of("users.email"), "{taken:?}");
    let down = UserChange { role: Some("viewer".to_owned()), ..UserChange::default() };
    assert!(w.change_user(owner.workspace, owner.id, down).await.is_err());
    assert!(w.delete_user(owner.workspace, owner.id).await.is_err());
    let session = NewSession {
        token_hash: vec![7; 32],
        workspace: owner.workspace,
        user: owner.id,
        at: t(1),
        expires_at: t(100_000),
    };
    w.open_session(session).await.unwrap();
    assert_eq!(w.session(vec![7; 32], t(70_000)).await.unwrap().map(|u| u.id), Some(owner.id));
    assert!(w.session(vec![7; 32], t(100_000)).await.unwrap().is_none(), "its time is over");
    assert_eq!(w.sign_in_row("a@b.c".to_owned()).await.unwrap().unwrap().password_hash, "hash");
}

#[tokio::test]
async fn keys_secrets_variables_and_kept_values_come_back_as_they_were() {
    let w = world();
    let space = a_workspace(&w).await;
    let key = NewApiKey {
        id: ApiKeyId::new(t(0), 1),
        workspace: space,
        created_by: None,
        name: "ci".to_owned(),
        prefix: "lf_ab".to_owned(),
        key_hash: vec![1, 0, 255],
        scopes: vec!["read".to_owned(), "write".to_owned()],
        at: t(0),
        expires_at: Some(t(10)),
    };
    assert_eq!(w.create_api_key(key).await.unwrap().scopes.len(), 2);
    assert!(w.api_key(vec![1, 0, 255], t(9)).await.unwrap().is_some());
    assert!(w.api_key(vec![1, 0, 255], t(10)).await.unwrap().is_none());

    let ring = Keyring::new(&"ab".repeat(32), &[]).unwrap();
    let fields = Fields([("password".to_owned(), "p\u{0}ä".to_owned())].into());
    let id = CredentialId::new(t(0), 1);
    let named = ("Mail".to_owned(), "smtp".to_owned());
    w.create_credential(&ring, space, id, named, fields.clone(), t(0)).await.unwrap();
    let (row, opened) = w.open_credential(&ring, space, id).await.unwrap().unwrap();
    assert!(opened == fields && row.version == 1);

    let variable = VariableId::new(t(0), 1);
    w.create_variable(space, variable, "HOST".to_owned(), "h".to_owned(), t(0)).await.unwrap();
    let again = VariableId::new(t(0), 2);
    let taken = w.create_variable(space, again, "HOST".to_owned(), "h".to_owned(), t(0)).await.unwrap_err();
    assert!(taken.is_duplicate_of("variables.name"), "{taken:?}");

    let id = a_workflow_id(1);
    w.create_workflow(space, id, save("Polls", &[])).await.unwrap();
    for value in [json!({"at": 1.5, "z": "\u{0}"}), json!(null)] {
        w.keep(space, id, "place".to_owned(), value.clone(), t(1)).await.unwrap();
        assert_eq!(w.kept(space, id, "place".to_owned()).await.unwrap().unwrap_or_default(), value);
    }
    let answer = RequestAnswer { status: 201, body: json!({"id": 1}) };
    w.remember_answer(space, "k".to_owned(), vec![1], answer.clone(), t(1)).await.unwrap();
    assert_eq!(w.request_answer(space, "k".to_owned(), vec![1]).await.unwrap(), Some(answer));
    assert!(w.request_answer(space, "k".to_owned(), vec![2]).await.is_err());
}
