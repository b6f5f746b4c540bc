//! A repository of git below the folder for files, and what can be done with it. All of it blocks.
//!
//! A library does it, never a program or a shell. Nothing in a repository is run, links are not made when
//! files are checked out, and a repository whose settings lead out of the folder is not opened.

use std::path::{Path, PathBuf};

use git2::build::CheckoutBuilder;
use git2::{
    AutotagOption, Branch, BranchType, Commit, FetchOptions, Index, IndexAddOption, ObjectType, Oid,
    PushOptions, Remote, RemoteCallbacks, Repository, RepositoryInitOptions, RepositoryOpenFlags,
};
use linkflow_node::NodeError;

use crate::git_transport::{Line, plain};

/// The name of a remote that nobody named otherwise.
const ORIGIN: &str = "origin";

/// Where repositories may be, and how others are spoken to.
pub struct Ground {
    /// The true place of the folder for files.
    pub root: PathBuf,
    pub line: Line,
}

/// What the library says is about the data, unless the network was the trouble.
impl Ground {
    pub fn failed(&self, error: &git2::Error) -> NodeError {
        let failed = self.line.failed.lock().ok().and_then(|mut failed| failed.take());
        if let Some(failed) = failed {
            return failed;
        }
        if self.line.cancel.is_cancelled() {
            return NodeError::Canceled;
        }
        NodeError::data(error.message().to_owned())
    }

    /// Opens the repository in a folder.
    pub fn open(&self, path: &Path) -> Result<Repository, NodeError> {
        let none: [&Path; 0] = [];
        let repository = Repository::open_ext(path, RepositoryOpenFlags::NO_SEARCH, none)
            .map_err(|_| NodeError::param("repositoryPath", "must be the folder of a repository"))?;
        let places = [Some(repository.path()), repository.workdir(), Some(repository.commondir())];
        let is_below = |place: &Path| place.canonicalize().is_ok_and(|place| place.starts_with(&self.root));
        let leads_out = places.into_iter().flatten().any(|place| !is_below(place));
        let borrows = repository.commondir().join("objects/info/alternates").exists();
        let includes = repository.config().and_then(|config| {
            let mut found = false;
            config.entries(Some("include(if)?\\..*"))?.for_each(|_| found = true)?;
            Ok(found)
        });
        if leads_out || borrows || includes.map_err(|e| self.failed(&e))? {
            let text = "the repository's settings lead to other places; it is not opened";
            return Err(NodeError::data(text));
        }
        Ok(repository)
    }

    /// The address of a repository, as it is kept: without a password. A path has to be below the root.
    pub fn address(&self, given: &str) -> Result<String, NodeError> {
        let given = given.trim();
        if given.contains("://") {
            let url = plain(given)?;
            return match url.scheme() {
                "http" | "https" => Ok(url.to_string()),
                other => Err(NodeError::data(format!(
                    "\"{other}://\" is not spoken here; give an address that begins with https://"
                ))),
            };
        }
        let path = self.root.join(given);
        match path.canonicalize() {
            Ok(place) if place.starts_with(&self.root) => Ok(place.to_string_lossy().into_owned()),
            _ => Err(NodeError::data(format!(
                "\"{given}\" is neither an address that begins with https:// nor a repository below {}",
                self.root.display()
            ))),
        }
    }

    /// Brings a repository here. What it made is removed again when it fails.
    pub fn clone_from(&self, source: &str, path: &Path) -> Result<(), NodeError> {
        let address = self.address(source)?;
        if path.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            let text = format!("\"{}\" is there already and not empty", path.display());
            return Err(NodeError::param("repositoryPath", text));
        }
        let existed = path.exists();
        let cloned = self.clone_into(&address, path);
        if cloned.is_err() {
            // What is left over would keep the next try from beginning.
            let _ = std::fs::remove_dir_all(path);
            if existed {
                let _ = std::fs::create_dir(path);
            }
        }
        cloned
    }

    fn clone_into(&self, address: &str, path: &Path) -> Result<(), NodeError> {
        let failed = |e| self.failed(&e);
        let mut options = RepositoryInitOptions::new();
        options.no_reinit(true).mkpath(true).external_template(false);
        let repository = Repository::init_opts(path, &options).map_err(failed)?;
        let mut config = repository.config().map_err(failed)?;
        config.set_bool("core.symlinks", false).map_err(failed)?;
        let mut remote = repository.remote(ORIGIN, address).map_err(failed)?;
        let all: [&str; 0] = [];
        remote.fetch(&all, Some(&mut self.fetch_options()), None).map_err(failed)?;
        let Ok(default) = remote.default_branch() else { return Ok(()) };
        let default = default.as_str().unwrap_or_default().to_owned();
        let Some(name) = default.strip_prefix("refs/heads/") else { return Ok(()) };
        let theirs = format!("refs/remotes/{ORIGIN}/{name}");
        let Ok(reference) = repository.find_reference(&theirs) else { return Ok(()) };
        let head = format!("refs/remotes/{ORIGIN}/HEAD");
        repository.reference_symbolic(&head, &theirs, true, "clone").map_err(failed)?;
        let commit = reference.peel_to_commit().map_err(failed)?;
        let mut branch = repository.branch(name, &commit, true).map_err(failed)?;
        branch.set_upstream(Some(&format!("{ORIGIN}/{name}"))).map_err(failed)?;
        repository.set_head(&default).map_err(failed)?;
        repository.checkout_head(Some(CheckoutBuilder::new().force())).map_err(failed)
    }

    fn callbacks(&self) -> RemoteCallbacks<'_> {
        let mut callbacks = RemoteCallbacks::new();
        let (cancel, most) = (self.line.cancel.clone(), self.line.bytes_max);
        callbacks
            .transfer_progress(move |progress| !cancel.is_cancelled() && progress.received_bytes() <= most);
        callbacks
    }

    fn fetch_options(&self) -> FetchOptions<'_> {
        let mut options = FetchOptions::new();
        options.remote_callbacks(self.callbacks()).download_tags(AutotagOption::Auto);
        options
    }

    /// The remote of that name or address, or the one that the branch belongs to.
    fn remote<'r>(&self, repository: &'r Repository, given: &str) -> Result<Remote<'r>, NodeError> {
        let failed = |e| self.failed(&e);
        let remote = match given.trim() {
            "" => {
                let head = repository.head().ok();
                let name = head.as_ref().and_then(|head| head.name().ok()).map(str::to_owned);
                let own = name.and_then(|name| repository.branch_upstream_remote(&name).ok());
                let own = own.as_ref().and_then(|name| name.as_str().ok()).unwrap_or(ORIGIN);
                repository
                    .find_remote(own)
                    .map_err(|_| NodeError::data(format!("the repository has no remote \"{own}\"")))?
            }
            given => match repository.find_remote(given) {
                Ok(remote) => remote,
                Err(_) => repository.remote_anonymous(&self.address(given)?).map_err(failed)?,
            },
        };
        // Settings of the repository may name any place.
        let pushed = remote.pushurl().map_err(failed)?.map(str::to_owned);
        for url in [Some(remote.url().map_err(failed)?.to_owned()), pushed].into_iter().flatten() {
            self.address(&url)?;
        }
        Ok(remote)
    }

    pub fn fetch(&self, repository: &Repository) -> Result<(), NodeError> {
        let mut remote = self.remote(repository, "")?;
        let all: [&str; 0] = [];
        remote.fetch(&all, Some(&mut self.fetch_options()), None).map_err(|e| self.failed(&e))
    }

    /// Fetches, and brings the current branch up to what it follows.
    pub fn pull(&self, repository: &Repository) -> Result<(), NodeError> {
        let failed = |e| self.failed(&e);
        self.fetch(repository)?;
        let head = repository.head().map_err(failed)?;
        let branch = Branch::wrap(head);
        let upstream = branch
            .upstream()
            .map_err(|_| NodeError::data("the branch follows no other one, so there is nothing to pull"))?;
        let theirs = upstream.get().peel_to_commit().map_err(failed)?;
        let ours = branch.get().peel_to_commit().map_err(failed)?;
        let (_, behind) = repository.graph_ahead_behind(ours.id(), theirs.id()).map_err(failed)?;
        if behind == 0 {
            return Ok(());
        }
        let is_straight = repository.merge_base(ours.id(), theirs.id()).ok() == Some(ours.id());
        let (target, tree) = match is_straight {
            true => (theirs.id(), theirs.tree().map_err(failed)?),
            false => self.merged(repository, &ours, &theirs)?,
        };
        // Before the branch moves: what was changed and not committed keeps it from moving.
        repository.checkout_tree(tree.as_object(), Some(CheckoutBuilder::new().safe())).map_err(failed)?;
        branch.into_reference().set_target(target, "pull").map(drop).map_err(failed)
    }

    fn merged<'r>(
        &self,
        repository: &'r Repository,
        ours: &Commit<'r>,
        theirs: &Commit<'r>,
    ) -> Result<(Oid, git2::Tree<'r>), NodeError> {
        let failed = |e| self.failed(&e);
        let mut index = repository.merge_commits(ours, theirs, None).map_err(failed)?;
        if index.has_conflicts() {
            let mut paths = Vec::new();
            for conflict in index.conflicts().map_err(failed)?.flatten().take(20) {
                let entry = conflict.our.or(conflict.their).or(conflict.ancestor);
                paths.extend(entry.map(|entry| String::from_utf8_lossy(&entry.path).into_owned()));
            }
            let text = format!("both sides have changed {}; nothing was merged", paths.join(", "));
            return Err(NodeError::data(text));
        }
        let tree = index.write_tree_to(repository).and_then(|id| repository.find_tree(id)).map_err(failed)?;
        let who = self.signature(repository)?;
        let id = repository
            .commit(None, &who, &who, "Merge what was pulled\n", &tree, &[ours, theirs])
            .map_err(failed)?;
        Ok((id, tree))
    }

    fn signature(&self, repository: &Repository) -> Result<git2::Signature<'static>, NodeError> {
        repository.signature().map(|who| who.to_owned()).map_err(|_| {
            NodeError::data(
                "nobody said who commits: set user.name and user.email with the operation userSetup",
            )
        })
    }

    /// Pushes a branch, the current one when none is named.
    pub fn push(&self, repository: &Repository, to: &str, branch: &str) -> Result<(), NodeError> {
        let name = match branch.trim() {
            "" => {
                let head = repository.head().map_err(|e| self.failed(&e))?;
                head.name().map_err(|e| self.failed(&e))?.to_owned()
            }
            branch => format!("refs/heads/{branch}"),
        };
        if !name.starts_with("refs/heads/") {
            return Err(NodeError::data(
                "no branch is checked out; name the one to push in `options.branch`",
            ));
        }
        self.push_all(repository, to, &[format!("{name}:{name}")])
    }

    pub fn push_tags(&self, repository: &Repository, to: &str) -> Result<(), NodeError> {
        let tags = repository.tag_names(None).map_err(|e| self.failed(&e))?;
        let specs: Vec<String> = tags
            .iter()
            .filter_map(|tag| tag.ok().flatten())
            .map(|tag| format!("refs/tags/{tag}:refs/tags/{tag}"))
            .collect();
        if specs.is_empty() { Ok(()) } else { self.push_all(repository, to, &specs) }
    }

    fn push_all(&self, repository: &Repository, to: &str, specs: &[String]) -> Result<(), NodeError> {
        let mut remote = self.remote(repository, to)?;
        let mut refused = Vec::new();
        let mut callbacks = self.callbacks();
        callbacks.push_update_reference(|name, why| {
            if let Some(why) = why {
                refused.push(format!("{name} was refused: {why}"));
            }
            Ok(())
        });
        let mut options = PushOptions::new();
        options.remote_callbacks(callbacks);
        let pushed = remote.push(specs, Some(&mut options));
        drop(options);
        pushed.map_err(|e| self.failed(&e))?;
        if refused.is_empty() { Ok(()) } else { Err(NodeError::data(refused.join("; "))) }
    }

    /// Stages what was changed, added or removed at these paths.
    pub fn add(&self, repository: &Repository, paths: &[String]) -> Result<(), NodeError> {
        let failed = |e| self.failed(&e);
        let mut index = repository.index().map_err(failed)?;
        let folder = repository.workdir().ok_or_else(|| NodeError::data("the repository has no files"))?;
        for path in paths {
            let is_pattern = path.contains(['*', '?', '[']) || path == ".";
            let bare = path.trim_end_matches('/');
            let is_known = index.get_path(Path::new(bare), 0).is_some();
            if !is_pattern && !is_known && folder.join(bare).symlink_metadata().is_err() {
                // A folder whose files are all gone is known by them.
                let below = format!("{bare}/");
                if !index.iter().any(|entry| entry.path.starts_with(below.as_bytes())) {
                    return Err(NodeError::data(format!("\"{path}\" fits no file")));
                }
            }
        }
        index.add_all(paths, IndexAddOption::DEFAULT, None).map_err(failed)?;
        index.update_all(paths, None).map_err(failed)?;
        index.write().map_err(failed)
    }

    /// Commits what is staged, or only the files at `paths`. Nothing where nothing has changed.
    pub fn commit(&self, repository: &Repository, message: &str, paths: &[String]) -> Result<(), NodeError> {
        let failed = |e| self.failed(&e);
        let who = self.signature(repository)?;
        let parent = repository.head().ok().map(|head| head.peel_to_commit()).transpose().map_err(failed)?;
        if !paths.is_empty() {
            self.add(repository, paths)?;
        }
        let mut index = repository.index().map_err(failed)?;
        let tree = match paths.is_empty() {
            true => index.write_tree().map_err(failed)?,
            false => self.tree_with(repository, parent.as_ref(), &index, paths)?,
        };
        if parent.as_ref().map(Commit::tree_id) == Some(tree) || (parent.is_none() && index.is_empty()) {
            return Ok(());
        }
        let tree = repository.find_tree(tree).map_err(failed)?;
        let parents: Vec<&Commit<'_>> = parent.iter().collect();
        let message = format!("{}\n", message.trim_end());
        repository.commit(Some("HEAD"), &who, &who, &message, &tree, &parents).map(drop).map_err(failed)
    }

    /// The last commit's files, with those at `paths` as they are staged.
    fn tree_with(
        &self,
        repository: &Repository,
        parent: Option<&Commit<'_>>,
        staged: &Index,
        paths: &[String],
    ) -> Result<Oid, NodeError> {
        let failed = |e| self.failed(&e);
        let mut index = Index::new().map_err(failed)?;
        if let Some(parent) = parent {
            index.read_tree(&parent.tree().map_err(failed)?).map_err(failed)?;
        }
        let spec = git2::Pathspec::new(paths).map_err(failed)?;
        let fits = |path: &[u8]| {
            spec.matches_path(Path::new(&*String::from_utf8_lossy(path)), git2::PathspecFlags::DEFAULT)
        };
        let before: Vec<Vec<u8>> = index.iter().map(|entry| entry.path).filter(|path| fits(path)).collect();
        for path in before {
            index.remove(Path::new(&*String::from_utf8_lossy(&path)), 0).map_err(failed)?;
        }
        for entry in staged.iter().filter(|entry| fits(&entry.path)) {
            index.add(&entry).map_err(failed)?;
        }
        index.write_tree_to(repository).map_err(failed)
    }

    /// Names the last commit.
    pub fn tag(&self, repository: &Repository, name: &str) -> Result<(), NodeError> {
        let failed = |e| self.failed(&e);
        let head = repository.head().and_then(|head| head.peel(ObjectType::Commit)).map_err(failed)?;
        repository.tag_lightweight(name, &head, false).map(drop).map_err(failed)
    }

    /// Sets a setting of the repository, or adds a value to it.
    pub fn set(
        &self,
        repository: &Repository,
        key: &str,
        value: &str,
        append: bool,
    ) -> Result<(), NodeError> {
        check_key(key)?;
        let lower = key.to_ascii_lowercase();
        if lower.ends_with(".url") || lower.ends_with(".pushurl") {
            self.address(value)?;
        }
        let failed = |e| self.failed(&e);
        let mut config = repository
            .config()
            .and_then(|config| config.open_level(git2::ConfigLevel::Local))
            .map_err(failed)?;
        match append {
            // A pattern that no value fits.
            true => config.set_multivar(key, "^$.", value).map_err(failed),
            false => config.set_str(key, value).map_err(failed),
        }
    }

    pub fn branch_for_new(&self, repository: &Repository, name: &str) -> Result<(), NodeError> {
        let failed = |e| self.failed(&e);
        let full = format!("refs/heads/{name}");
        if repository.find_branch(name, BranchType::Local).is_err() {
            if let Ok(head) = repository.head().and_then(|head| head.peel_to_commit()) {
                repository.branch(name, &head, false).map_err(failed)?;
            }
        }
        if let Ok(object) = repository.revparse_single(&full) {
            repository.checkout_tree(&object, Some(CheckoutBuilder::new().safe())).map_err(failed)?;
        }
        repository.set_head(&full).map_err(failed)
    }
}

/// Settings that say who commits and where others are. Others name programs or places of the machine.
fn check_key(key: &str) -> Result<(), NodeError> {
    let lower = key.to_ascii_lowercase();
    let (section, rest) = lower.split_once('.').unwrap_or((&lower, ""));
    let last = rest.rsplit('.').next().unwrap_or_default();
    let is_allowed = match section {
        "user" | "author" | "committer" => matches!(last, "name" | "email"),
        "remote" => matches!(last, "url" | "pushurl" | "fetch" | "push" | "tagopt" | "prune"),
        "branch" => matches!(last, "remote" | "merge" | "rebase" | "description"),
        "pull" => matches!(last, "rebase" | "ff"),
        "push" => matches!(last, "default" | "followtags" | "autosetupremote"),
        "init" => last == "defaultbranch",
        "core" => matches!(last, "autocrlf" | "eol" | "safecrlf" | "filemode" | "ignorecase" | "quotepath"),
        _ => false,
    };
    let problem = format!(
        "may be one of user.*, remote.*.url, branch.*, pull.*, push.*, core.autocrlf and their like, got \"{key}\""
    );
    if is_allowed { Ok(()) } else { Err(NodeError::param("key", problem)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_name_programs_or_places_are_refused() {
        for key in ["user.name", "remote.origin.url", "branch.main.merge", "core.autocrlf"] {
            assert!(check_key(key).is_ok(), "{key}");
        }
        for key in [
            "core.worktree",
            "core.hooksPath",
            "core.sshCommand",
            "core.fsmonitor",
            "include.path",
            "filter.x.smudge",
            "alias.x",
            "remote.origin.uploadpack",
            "remote.x.proxy",
            "user.signingkey",
            "",
            "url.https://a.insteadOf",
            "includeIf.gitdir:/.path",
            "http.proxy",
        ] {
            assert!(check_key(key).is_err(), "{key}");
        }
    }
}
