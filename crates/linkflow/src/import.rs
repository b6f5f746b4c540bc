//! `linkflow import`: files into the store, by the rules of `/api/v1/workflows/import`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use linkflow_api::{ImportedNode, ImportedView, check_file, import_file};

use crate::args::Import;
use crate::desk::{Beside, Desk, at};
use crate::progress::bar;
use crate::settings::Settings;

/// Most files that one call takes.
const FILES_MAX: usize = 10_000;
/// Folders within folders that are looked into.
const DEPTH_MAX: usize = 32;

pub fn import(args: &Import) -> anyhow::Result<u8> {
    let given = args.settings.given();
    let bytes_max = Settings::read(&given)?.body_bytes_max;
    let files = files_of(&args.paths)?;
    let views = match args.check {
        true => check_all(&files, bytes_max),
        false => at(&given, Beside::Nobody, async |desk: &Desk| keep(desk, args, &files, bytes_max).await)?,
    };
    match args.json {
        true => println!("{}", serde_json::to_string(&views)?),
        false => views.iter().for_each(|view| print(view, args)),
    }
    let n_wrong = views.iter().filter(|view| view.error.is_some()).count();
    if !args.json && views.len() > 1 {
        eprintln!("{} of {} files are in order", views.len() - n_wrong, views.len());
    }
    Ok(u8::from(n_wrong > 0))
}

fn check_all(files: &[PathBuf], bytes_max: usize) -> Vec<ImportedView> {
    let progress = bar(files.len(), "files");
    let views = files.iter().map(|file| {
        progress.inc(1);
        check(file, bytes_max)
    });
    let views = views.collect();
    progress.finish_and_clear();
    views
}

fn check(file: &Path, bytes_max: usize) -> ImportedView {
    let name = file.display().to_string();
    match read(file, bytes_max) {
        Ok(bytes) => check_file(linkflow_nodes::ALL, name, &bytes),
        Err(why) => unread(name, why),
    }
}

async fn keep(
    desk: &Desk,
    args: &Import,
    files: &[PathBuf],
    bytes_max: usize,
) -> anyhow::Result<Vec<ImportedView>> {
    let api = desk.api()?;
    let progress = bar(files.len(), "files");
    let mut views = Vec::with_capacity(files.len());
    for file in files {
        // Workflows without a name are called by the file's, not by where it lies.
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        let mut view = match read(file, bytes_max) {
            Ok(bytes) => import_file(&api, desk.workspace, args.publish, name, &bytes)
                .await
                .map_err(|problem| anyhow::anyhow!("{}: {}", file.display(), problem.detail()))?,
            Err(why) => unread(name, why),
        };
        view.file = file.display().to_string();
        views.push(view);
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(views)
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
fn below(dir: &Path, depth: usize, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
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
