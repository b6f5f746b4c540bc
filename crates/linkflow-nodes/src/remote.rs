//! Files of other machines: what is done with whole folders, and how an entry of one is told.

use linkflow_model::{Item, Object};
use linkflow_node::{Ctx, NodeError, Secret};
use serde_json::{Value, json};

use crate::ftp_client::Ftp;

/// How deep folders are looked through.
const DEPTH_MAX: usize = 64;

/// Something in a folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    pub name: String,
    /// As `ls` shows it: `d` for folders, `l` for links, `-` for files.
    pub kind: char,
    /// In bytes.
    pub size: u64,
    /// `rwxr-x---`; empty where it is not known.
    pub rights: String,
    pub owner: String,
    pub group: String,
    /// Where a link leads.
    pub target: Option<String>,
    /// When it was changed last, in seconds since 1970.
    pub modified_seconds: Option<i64>,
}

/// `rwxr-x---` for a mode of Unix.
pub fn rights_of(mode: u32) -> String {
    let bit = |n: u32, sign: char| if mode & (1 << n) != 0 { sign } else { '-' };
    (0..3).rev().flat_map(|who| [bit(who * 3 + 2, 'r'), bit(who * 3 + 1, 'w'), bit(who * 3, 'x')]).collect()
}

/// Files of a server.
pub struct Remote<'a>(Ftp<'a>);

impl<'a> Remote<'a> {
    pub async fn connect(ctx: &'a Ctx, secret: &Secret) -> Result<Remote<'a>, NodeError> {
        Ok(Remote(Ftp::connect(ctx, secret).await?))
    }

    pub async fn close(self) {
        self.0.close().await;
    }

    /// What is in a folder, and in the folders below it if that is wanted; each as an item. Links are
    /// not followed.
    pub async fn list(&mut self, ctx: &Ctx, path: &str, recursive: bool) -> Result<Vec<Item>, NodeError> {
        let mut items = Vec::new();
        let mut open = vec![(path.to_owned(), 0)];
        while let Some((folder, depth)) = open.pop() {
            if depth > DEPTH_MAX {
                let what = format!("folders in folders, at \"{folder}\"");
                return Err(NodeError::Limit { what, limit: DEPTH_MAX.to_string() });
            }
            let entries = self.0.list(&folder).await?;
            if items.len() + entries.len() > ctx.limits.items_max {
                let (what, limit) =
                    ("the files that are listed".to_owned(), ctx.limits.items_max.to_string());
                return Err(NodeError::Limit { what, limit });
            }
            for entry in entries {
                let path = joined(&folder, &entry.name);
                if recursive && entry.kind == 'd' {
                    open.push((path.clone(), depth + 1));
                }
                items.push(Item::new(told(entry, path)));
            }
        }
        Ok(items)
    }

    pub async fn read(&mut self, path: &str) -> Result<Vec<u8>, NodeError> {
        self.0.read(path).await
    }

    /// Writes a file; what was there is replaced. The folders above it are made.
    pub async fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), NodeError> {
        self.make_folders_above(path).await?;
        self.0.write(path, bytes).await
    }

    pub async fn rename(&mut self, from: &str, to: &str) -> Result<(), NodeError> {
        self.0.rename(from, to).await
    }

    pub async fn make_folders_above(&mut self, path: &str) -> Result<(), NodeError> {
        match path.rsplit_once('/') {
            None | Some(("", _)) => Ok(()),
            Some((folder, _)) => self.0.make_folders(folder).await,
        }
    }

    pub async fn remove_file(&mut self, path: &str) -> Result<(), NodeError> {
        self.0.remove_file(path).await
    }

    /// Removes a folder, with all that is in it if that is wanted. Links in it are removed, and what
    /// they lead to stays.
    pub async fn remove_folder(&mut self, path: &str, recursive: bool) -> Result<(), NodeError> {
        if !recursive {
            return self.0.remove_folder(path).await;
        }
        let mut folders = vec![path.to_owned()];
        let mut at = 0;
        while let Some(folder) = folders.get(at).cloned() {
            at += 1;
            for entry in self.0.list(&folder).await? {
                let path = joined(&folder, &entry.name);
                match entry.kind {
                    'd' if path.matches('/').count() > DEPTH_MAX + 64 => {
                        let what = format!("folders in folders, at \"{path}\"");
                        return Err(NodeError::Limit { what, limit: DEPTH_MAX.to_string() });
                    }
                    'd' => folders.push(path),
                    _ => self.remove_file(&path).await?,
                }
            }
        }
        // Those that are deeper were found later.
        for folder in folders.iter().rev() {
            self.0.remove_folder(folder).await?;
        }
        Ok(())
    }
}

/// An entry, as n8n tells of it.
fn told(entry: Entry, path: String) -> Object {
    let at = entry.modified_seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let date = at.map_or(Value::Null, |at| json!(at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()));
    let rights = |at: usize| -> String {
        entry.rights.chars().skip(at).take(3).filter(|c| c.is_ascii_alphabetic()).collect()
    };
    let id = |text: &str| text.parse::<u32>().map_or(json!(text), |number| json!(number));
    let mut json = Object::new();
    let mut put = |name: &str, value: Value| drop(json.insert(name.to_owned(), value));
    put("type", json!(entry.kind));
    put("name", json!(entry.name));
    if let Some(target) = &entry.target {
        put("target", json!(target));
    }
    put("size", json!(entry.size));
    put("date", date);
    put("rights", json!({"user": rights(0), "group": rights(3), "other": rights(6)}));
    put("owner", id(&entry.owner));
    put("group", id(&entry.group));
    put("path", json!(path));
    json
}

/// A name in a folder.
fn joined(folder: &str, name: &str) -> String {
    if folder.ends_with('/') { format!("{folder}{name}") } else { format!("{folder}/{name}") }
}
