//! `linkflow user` and `linkflow apikey`.

use anyhow::{Context, bail};
use linkflow_api::{hash_password, new_token, token_hash};
use linkflow_model::{ApiKeyId, UserId};
use linkflow_store::{NewApiKey, NewUser};
use serde_json::json;

use crate::args::{ApiKeyCommand, UserCommand};
use crate::desk::{Beside, Desk, at};
use crate::wiring::random;

pub fn user(command: UserCommand) -> anyhow::Result<u8> {
    let UserCommand::Create { settings, email, name, role, password, json } = command;
    at(&settings.given(), Beside::AServer, async |desk: &Desk| {
        if password.chars().count() < 8 {
            bail!("`PASSWORD` must have at least 8 characters");
        }
        if email.split('@').filter(|part| !part.trim().is_empty()).count() != 2 {
            bail!("`EMAIL` must be an address such as me@example.com, got \"{email}\"");
        }
        let password_hash =
            hash_password(password).await.map_err(|_| anyhow::anyhow!("the password cannot be hashed"))?;
        let user = NewUser {
            id: UserId::new(desk.now, random()?),
            email: email.trim().to_lowercase(),
            name: name.unwrap_or_else(|| email.clone()),
            password_hash,
            role: role.as_str().to_owned(),
            at: desk.now,
        };
        let (id, email) = (user.id, user.email.clone());
        let role = if desk.store.needs_owner().await? {
            let owner = NewUser { role: "owner".to_owned(), ..user };
            let made = desk.store.create_owner(desk.workspace, owner).await?;
            made.context("somebody else has just become the owner")?;
            "owner"
        } else {
            let made = desk.store.create_user(desk.workspace, user).await;
            made.map_err(|e| match e.is_duplicate_of("users.email") {
                true => anyhow::anyhow!("there is a user {email} already"),
                false => e.into(),
            })?;
            role.as_str()
        };
        match json {
            true => println!("{}", json!({"id": id, "email": email, "role": role})),
            false => println!("{id} {email} {role}"),
        }
        Ok(0)
    })
}

pub fn api_key(command: ApiKeyCommand) -> anyhow::Result<u8> {
    let ApiKeyCommand::Create { settings, name, scopes, json } = command;
    at(&settings.given(), Beside::AServer, async |desk: &Desk| {
        let token = new_token().map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
        let key = format!("lf_{token}");
        let mut scopes: Vec<String> = scopes.iter().map(|s| s.as_str().to_owned()).collect();
        scopes.sort();
        scopes.dedup();
        let row = NewApiKey {
            id: ApiKeyId::new(desk.now, random()?),
            workspace: desk.workspace,
            created_by: None,
            name,
            prefix: key[..11].to_owned(),
            key_hash: token_hash(&key),
            scopes,
            at: desk.now,
            expires_at: None,
        };
        let id = desk.store.create_api_key(row).await?.id;
        if json {
            println!("{}", json!({"id": id, "key": key}));
        } else {
            println!("{key}");
            eprintln!("It is shown this once.");
        }
        Ok(0)
    })
}
