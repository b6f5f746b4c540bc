//! `linkflow import`: files into the store, by the rules of `/api/v1/workflows/import`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use linkflow_api::{Api, ImportedNode, ImportedView, check_file, import_file};
use linkflow_model::{CredentialId, TagId, VariableId};

use crate::args::Import;
use crate::desk::{Beside, Desk, at};
use crate::from_n8n::{self, Instance};
use crate::import_summary::Summary;
use crate::progress::bar;
use crate::settings::Settings;
use crate::wiring::random;

/// Most files that one call takes.
const FILES_MAX: usize = 1_000_000;
/// Folders within folders that are looked into.
const DEPTH_MAX: usize = 32;

pub fn import(args: &Import) -> anyhow::Result<u8> {
    let given = args.settings.given();
    let bytes_max = Settings::read(&given)?.body_bytes_max;
    let source = match &args.from_n8n {
        Some(from) => Source::Instance(from_n8n::read(from, args.n8n_key.as_deref())?),
        None => Source::Files(files_of(&args.paths)?),
    };
    let views = match args.check {
        true => check_all(&source, bytes_max),
        false => at(&given, Beside::Nobody, async |desk: &Desk| keep(desk, args, &source, bytes_max).await)?,
    };
    if let Source::Instance(instance) = &source {
        instance.notes.iter().for_each(|note| eprintln!("note: {note}"));
    }
    tell(args, &views)?;
    Ok(u8::from(views.iter().any(|view| view.error.is_some())))
}

/// What is imported.
enum Source {
    Files(Vec<PathBuf>),
    Instance(Instance),
}

impl Source {
    fn len(&self) -> usize {
        match self {
            Source::Files(files) => files.len(),
            Source::Instance(instance) => instance.workflows.len(),
        }
    }

    /// The workflows at place `i`, each with the name of its file and its text, or why not.
    fn documents(&self, i: usize, bytes_max: usize) -> Vec<(String, Result<Vec<u8>, String>)> {
        match self {
            Source::Files(files) => documents_of(&files[i], bytes_max),
            Source::Instance(instance) => {
                let (name, file) = &instance.workflows[i];
                vec![(name.clone(), Ok(file.to_string().into_bytes()))]
            }
        }
    }
}

/// A file mostly holds one workflow; those that n8n exports all at once hold a list.
fn documents_of(file: &Path, bytes_max: usize) -> Vec<(String, Result<Vec<u8>, String>)> {
    let name = file.display().to_string();
    let bytes = match read(file, bytes_max) {
        Ok(bytes) => linkflow_import::as_utf8(&bytes).into_owned(),
        Err(why) => return vec![(name, Err(why))],
    };
    match linkflow_import::several(&bytes) {
        Some(list) if list.len() > 1 => {
            let one = |(i, value): (usize, serde_json::Value)| {
                (format!("{name}#{}", i + 1), Ok(value.to_string().into_bytes()))
            };
            list.into_iter().enumerate().map(one).collect()
        }
        _ => vec![(name, Ok(bytes))],
    }
}

fn tell(args: &Import, views: &[ImportedView]) -> anyhow::Result<()> {
    let summary = Summary::of(views);
    match (args.summary, args.json) {
        (true, true) => println!("{}", serde_json::to_string(&summary)?),
        (true, false) => summary.lines().iter().for_each(|line| println!("{line}")),
        (false, true) => println!("{}", serde_json::to_string(&views)?),
        (false, false) => {
            views.iter().for_each(|view| print(view, args));
            let n_wrong = views.iter().filter(|view| view.error.is_some()).count();
            if views.len() > 1 {
                eprintln!("{} of {} files are in order", views.len() - n_wrong, views.len());
                summary.lines().iter().for_each(|line| eprintln!("{line}"));
            }
        }
    }
    Ok(())
}

fn check_all(source: &Source, bytes_max: usize) -> Vec<ImportedView> {
    let progress = bar(source.len(), "files");
    let mut views = Vec::with_capacity(source.len());
    for i in 0..source.len() {
        for (name, bytes) in source.documents(i, bytes_max) {
            views.push(match bytes {
                Ok(bytes) => check_file(linkflow_nodes::ALL, name, &bytes),
                Err(why) => unread(name, why),
            });
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    views
}

async fn keep(
    desk: &Desk,
    args: &Import,
    source: &Source,
    bytes_max: usize,
) -> anyhow::Result<Vec<ImportedView>> {
    let api = desk.api()?;
    if let Source::Instance(instance) = source {
        // Before the workflows, which find their credentials by name.
        keep_beside(desk, &api, instance).await?;
    }
    let progress = bar(source.len(), "files");
    let mut views = Vec::with_capacity(source.len());
    for i in 0..source.len() {
        for (file, bytes) in source.documents(i, bytes_max) {
            // Workflows without a name are called by the file's, not by where it lies.
            let name =
                Path::new(&file).file_name().map_or(file.clone(), |n| n.to_string_lossy().into_owned());
            let mut view = match bytes {
                Ok(bytes) => import_file(&api, desk.workspace, args.publish, name, &bytes)
                    .await
                    .map_err(|problem| anyhow::anyhow!("{file}: {}", problem.detail()))?,
                Err(why) => unread(name, why),
            };
            view.file = file;
            views.push(view);
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(views)
}

/// Variables, tags and credentials of an instance; what is here under the same name stays.
async fn keep_beside(desk: &Desk, api: &Api, instance: &Instance) -> anyhow::Result<()> {
    let (store, workspace) = (&desk.store, desk.workspace);
    let id = random;
    let here = store.variables(workspace).await?;
    let mut n_variables = 0;
    for (name, value) in instance.variables.iter().filter(|(n, _)| here.iter().all(|v| v.name != **n)) {
        let new = VariableId::new(desk.now, id()?);
        store.create_variable(workspace, new, name.clone(), value.clone(), desk.now).await?;
        n_variables += 1;
    }
    let here = store.tags(workspace).await?;
    for name in instance.tags.iter().filter(|name| here.iter().all(|tag| tag.name != **name)) {
        store.create_tag(workspace, TagId::new(desk.now, id()?), name.clone(), desk.now).await?;
    }
    let here = store.credentials(workspace).await?;
    let mut n_credentials = 0;
    for found in &instance.credentials {
        if here.iter().any(|c| c.name == found.name && c.kind == found.kind) {
            continue;
        }
        let named = (found.name.clone(), found.kind.clone());
        let new = CredentialId::new(desk.now, id()?);
        store.create_credential(&api.keyring, workspace, new, named, found.fields.clone(), desk.now).await?;
        n_credentials += 1;
    }
    eprintln!(
        "{n_variables} variables, {} tags and {n_credentials} credentials are new",
        instance.tags.len()
    );
    Ok(())
}

fn read(file: &Path, bytes_max: usize) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(file).map_err(|e| format!("it cannot be read: {e}"))?.len();
    if size > bytes_max as u64 {
        return Err(format!("it has {size} bytes, and the limit `BODY_BYTES_MAX` is {bytes_max}"));
    }
    std::fs::read(file).map_err(|e| format!("it cannot be read: {e}"))
}

fn unread(file: String, why: String) -> ImportedView {
    ImportedView {
        file,
        name: String::new(),
        workflow_id: None,
        runnable: false,
        nodes: Vec::new(),
        notes: Vec::new(),
        error: Some(why),
    }
}

/// The files that are named, and those in the folders that are named, in order.
fn files_of(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        below(path, DEPTH_MAX, &mut files)?;
        if files.len() == before {
            bail!("there is no file that ends in .json in {}", path.display());
        }
    }
    if files.len() > FILES_MAX {
        bail!("these are {} files; at most {FILES_MAX} are taken at once", files.len());
    }
    Ok(files)
}

/// All files below a folder that end in `.json`; hidden ones and links to folders are left out.
///
/// A folder within that cannot be read is named like a file that cannot, and the rest goes on.
fn below(dir: &Path, depth: usize, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(_) if depth < DEPTH_MAX => {
            files.push(dir.to_owned());
            return Ok(());
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", dir.display())),
    };
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        if is_hidden || files.len() > FILES_MAX {
            continue;
        }
        if entry.file_type()?.is_dir() {
            if depth > 0 {
                below(&path, depth - 1, files)?;
            }
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
            files.push(path);
        }
    }
    Ok(())
}

fn print(view: &ImportedView, args: &Import) {
    let runnable = if view.runnable { "runnable" } else { "not runnable" };
    let became = match (&view.workflow_id, &view.error) {
        (Some(id), None) if args.publish => format!(", published as {id}"),
        (Some(id), _) => format!(", imported as {id}"),
        (None, _) if args.check => String::new(),
        (None, _) => ", not imported".to_owned(),
    };
    println!("{}: \"{}\", {runnable}{became}", view.file, view.name);
    if let Some(error) = &view.error {
        println!("  {error}");
    }
    view.notes.iter().for_each(|note| println!("  {note}"));
    view.nodes.iter().filter(|node| !node.message.is_empty()).for_each(print_node);
}

fn print_node(node: &ImportedNode) {
    println!("  {:<12} {} ({}): {}", node.verdict, node.name, node.node_type, node.message);
}
