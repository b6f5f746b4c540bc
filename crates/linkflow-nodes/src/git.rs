//! Git: works with repositories below the folder for files, and with those that others keep.
//!
//! What is done with a repository is in `git_repository`, how others are spoken to in `git_transport`.
//! Here parameters become calls, and what is found becomes items.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use git2::{BranchType, Commit, Delta, Oid, Repository, Sort, Status, StatusOptions};
use linkflow_model::{Item, Object};
use linkflow_node::{
    Category, CredentialSlot, Ctx, Effects, Example, Input, Node, NodeError, Outcome, Spec, lenient,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::git_repository::Ground;
use crate::git_transport::{Line, with_line};

/// Who we are where repositories are kept.
const CREDENTIAL: CredentialSlot = CredentialSlot {
    name: "git_password",
    title: "Git",
    fields: &["username", "password"],
    secret: &["password"],
};

pub struct Git;

/// Works with repositories of git below the folder for files, and with those that others keep, over https.
///
/// A library does it: no program is started, hooks are not run, and links are checked out as files.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// How others let us in.
    authentication: Authentication,
    /// What is done.
    operation: Operation,
    /// The folder of the repository.
    #[serde(deserialize_with = "lenient::text")]
    repository_path: String,
    /// What is cloned: an address, or a repository below the folder for files.
    #[serde(deserialize_with = "lenient::text")]
    source_repository: String,
    /// The files that are staged, with commas between them; `.` for all.
    #[serde(deserialize_with = "lenient::text")]
    paths_to_add: String,
    /// What the commit says.
    #[serde(deserialize_with = "lenient::text")]
    message: String,
    /// The name of the setting, such as `user.email`.
    #[serde(deserialize_with = "lenient::text")]
    key: String,
    /// The value of the setting.
    #[serde(deserialize_with = "lenient::text")]
    value: String,
    /// How the last commit is called from then on.
    #[serde(deserialize_with = "lenient::text")]
    name: String,
    /// Who commits, for `userSetup`.
    #[serde(deserialize_with = "lenient::text")]
    user_name: String,
    /// The address of who commits.
    #[serde(deserialize_with = "lenient::text")]
    user_email: String,
    /// Give all commits.
    #[serde(deserialize_with = "lenient::flag")]
    return_all: bool,
    /// How many commits are given at most.
    #[serde(deserialize_with = "lenient::integer")]
    #[schemars(range(min = 1))]
    limit: i64,
    /// What is needed less often.
    options: Options,
}

/// How others let us in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Authentication {
    /// With a password or a token.
    GitPassword,
    /// As everybody.
    #[default]
    None,
}

/// What is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Stage files.
    Add,
    /// Change a setting of the repository.
    AddConfig,
    /// Bring a repository here.
    Clone,
    /// Commit what is staged.
    Commit,
    /// Bring what is new at the other side, and change no file.
    Fetch,
    /// Give the repository's settings.
    ListConfig,
    /// Give commits, the newest first.
    #[default]
    Log,
    /// Bring what is new at the other side into the branch.
    Pull,
    /// Send the branch to the other side.
    Push,
    /// Send tags to the other side.
    PushTags,
    /// Tell what has changed.
    Status,
    /// Name the last commit.
    Tag,
    /// Say who commits.
    UserSetup,
}

/// What is needed less often.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// The branch, for `commit` and `push`.
    #[serde(deserialize_with = "lenient::text")]
    branch: String,
    /// Only commits that changed this file.
    #[serde(deserialize_with = "lenient::text")]
    file: String,
    /// Whether a value takes the place of the others or is one more.
    mode: SetMode,
    /// Commit only these files, with commas between them.
    #[serde(deserialize_with = "lenient::text")]
    paths_to_add: String,
    /// Where it is sent to, instead of where the branch belongs.
    #[serde(deserialize_with = "lenient::text")]
    repository: String,
}

/// Whether a value takes the place of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SetMode {
    /// It is one more.
    Append,
    /// It takes their place.
    #[default]
    Set,
}

impl Default for Params {
    fn default() -> Params {
        Params {
            authentication: Authentication::default(),
            operation: Operation::default(),
            repository_path: String::new(),
            source_repository: String::new(),
            paths_to_add: String::new(),
            message: String::new(),
            key: String::new(),
            value: String::new(),
            name: String::new(),
            user_name: String::new(),
            user_email: String::new(),
            return_all: false,
            limit: 100,
            options: Options::default(),
        }
    }
}

impl Node for Git {
    const KIND: &'static str = "git";
    const SPEC: Spec = Spec {
        title: "Git",
        summary: "Works with repositories of git: clones, commits, pulls and pushes.",
        category: Category::Files,
        aliases: &["repository", "commit", "clone", "push", "pull", "github", "gitlab", "version"],
        effects: Effects::Outside,
        credentials: &[CREDENTIAL],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Bring a repository here",
            params: r#"{"operation": "clone", "repositoryPath": "project",
                "sourceRepository": "https://example.com/project.git"}"#,
            input: "[{}]",
            output: "null",
        },
        Example {
            title: "Commit all that has changed",
            params: r#"{"operation": "commit", "repositoryPath": "project", "message": "=Report of {{ $json.day }}",
                "options": {"pathsToAdd": "."}}"#,
            input: r#"[{"day": "2026-03-04"}]"#,
            output: "null",
        },
        Example {
            title: "Send it to the other side",
            params: r#"{"authentication": "gitPassword", "operation": "push", "repositoryPath": "project"}"#,
            input: "[{}]",
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let mut out = Vec::new();
        for index in 0..input.items().len() {
            let done = match input.params(index) {
                Ok(params) => one(params, ctx).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(found) => {
                    out.extend(found.into_iter().map(|json| Item::new(json).paired_with(index)));
                }
                Err(error) => out.push(ctx.failed_item(error, index)?),
            }
        }
        Ok(Outcome::items(out))
    }
}

async fn one(params: Arc<Params>, ctx: &Ctx) -> Result<Vec<Object>, NodeError> {
    if params.repository_path.trim().is_empty() {
        return Err(NodeError::param("repositoryPath", "must not be empty"));
    }
    let (path, root) = ctx.files.place(&params.repository_path)?;
    if path == root {
        return Err(NodeError::param("repositoryPath", "must be a folder below the one for files"));
    }
    let user = match params.authentication {
        Authentication::None => in_address(&params.source_repository),
        Authentication::GitPassword => {
            let secret = ctx.host.credential(CREDENTIAL.name).await?;
            Some((secret.text("username").to_owned(), secret.text("password").to_owned()))
        }
    };
    // Whoever stops waiting stops the work too.
    let cancel = ctx.cancel.child_token();
    let _ends = cancel.clone().drop_guard();
    let line = Line {
        runtime: tokio::runtime::Handle::current(),
        http: ctx.http.clone(),
        cancel,
        user,
        bytes_max: ctx.limits.file_bytes_max,
        failed: Arc::default(),
    };
    let n_max = ctx.limits.items_max;
    let work = move || {
        let ground = Ground { root, line: line.clone() };
        with_line(line, || Work { ground, params: &params, path }.run(n_max))
    };
    let done = tokio::task::spawn_blocking(work);
    done.await.map_err(|e| NodeError::data(format!("git broke: {e}")))?
}

/// User and password, where an address has them.
fn in_address(address: &str) -> Option<(String, String)> {
    let url = Url::parse(address.trim()).ok()?;
    let text = |part: &str| {
        let plain = format!("x={}", part.replace('+', "%2B"));
        url::form_urlencoded::parse(plain.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    let user = text(url.username()).filter(|user| !user.is_empty())?;
    Some((user, url.password().and_then(text).unwrap_or_default()))
}

/// One operation.
struct Work<'p> {
    ground: Ground,
    params: &'p Params,
    path: PathBuf,
}

impl Work<'_> {
    fn run(&self, n_max: usize) -> Result<Vec<Object>, NodeError> {
        let Work { ground, params, path } = self;
        let options = &params.options;
        if params.operation == Operation::Clone {
            let source = params.source_repository.trim();
            needed("sourceRepository", source)?;
            return ground.clone_from(source, path).map(|()| success());
        }
        let repository = ground.open(path)?;
        match params.operation {
            Operation::Log => {
                return self.log(&repository, n_max).map_err(|e| ground.failed(&e))?;
            }
            Operation::Status => return self.status(&repository).map(|status| vec![status]),
            Operation::ListConfig => {
                return settings(&repository).map(|found| vec![found]).map_err(|e| ground.failed(&e));
            }
            Operation::UserSetup => return self.set_user(&repository),
            Operation::Add => ground.add(&repository, &named("pathsToAdd", &params.paths_to_add)?)?,
            Operation::AddConfig => {
                let append = options.mode == SetMode::Append;
                ground.set(&repository, params.key.trim(), &params.value, append)?;
            }
            Operation::Commit => {
                needed("message", &params.message)?;
                if !options.branch.trim().is_empty() {
                    ground.branch_for_new(&repository, options.branch.trim())?;
                }
                ground.commit(&repository, &params.message, &listed(&options.paths_to_add))?;
            }
            Operation::Fetch => ground.fetch(&repository)?,
            Operation::Pull => ground.pull(&repository)?,
            Operation::Push => ground.push(&repository, &options.repository, &options.branch)?,
            Operation::PushTags => ground.push_tags(&repository, &options.repository)?,
            Operation::Tag => {
                needed("name", &params.name)?;
                ground.tag(&repository, params.name.trim())?;
            }
            Operation::Clone => {}
        }
        Ok(success())
    }

    fn set_user(&self, repository: &Repository) -> Result<Vec<Object>, NodeError> {
        let given = [("user.name", &self.params.user_name), ("user.email", &self.params.user_email)];
        let given: Vec<_> = given.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect();
        for (key, value) in &given {
            self.ground.set(repository, key, value.trim(), false)?;
        }
        // As in n8n, where it says nothing and gives nothing.
        Ok(if given.is_empty() { Vec::new() } else { success() })
    }

    fn log(
        &self,
        repository: &Repository,
        n_max: usize,
    ) -> Result<Result<Vec<Object>, NodeError>, git2::Error> {
        let limit = match (self.params.return_all, usize::try_from(self.params.limit)) {
            (true, _) => n_max,
            (false, Ok(limit)) if limit > 0 => limit.min(n_max),
            _ => {
                let problem = format!("must be at least 1, got {}", self.params.limit);
                return Ok(Err(NodeError::param("limit", problem)));
            }
        };
        let names = names_of_commits(repository)?;
        let mut walk = repository.revwalk()?;
        // By time alone, commits of the same second come in any order.
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
        walk.push_head()?;
        let file = self.params.options.file.trim();
        let mut found = Vec::new();
        for id in walk {
            if self.ground.line.cancel.is_cancelled() {
                return Ok(Err(NodeError::Canceled));
            }
            let commit = repository.find_commit(id?)?;
            if file.is_empty() || has_changed(&commit, file)? {
                found.push(told(&commit, names.get(&commit.id()).cloned().unwrap_or_default()));
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(Ok(found))
    }

    fn status(&self, repository: &Repository) -> Result<Object, NodeError> {
        let failed = |e| self.ground.failed(&e);
        let mut options = StatusOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(true).include_ignored(false);
        options.renames_head_to_index(true);
        let statuses = repository.statuses(Some(&mut options)).map_err(failed)?;
        let mut changes = Changes::default();
        for entry in statuses.iter() {
            let delta = entry.head_to_index();
            let renamed = delta.filter(|delta| delta.status() == Delta::Renamed);
            let from = renamed.and_then(|delta| {
                let from = delta.old_file().path()?.to_string_lossy().into_owned();
                Some((from, delta.new_file().path()?.to_string_lossy().into_owned()))
            });
            let own = String::from_utf8_lossy(entry.path_bytes()).into_owned();
            let path = from.as_ref().map_or(own, |(_, to)| to.clone());
            changes.note(path, from.map(|(from, _)| from), entry.status());
        }
        let mut json = changes.told();
        for (key, value) in place(repository).map_err(failed)? {
            json.insert(key.to_owned(), value);
        }
        Ok(json)
    }
}

fn success() -> Vec<Object> {
    vec![Object::from_iter([("success".to_owned(), json!(true))])]
}

fn needed(param: &str, value: &str) -> Result<(), NodeError> {
    if value.trim().is_empty() { Err(NodeError::param(param, "must not be empty")) } else { Ok(()) }
}

/// The paths of a list, as patterns: `.` is all there is.
fn listed(text: &str) -> Vec<String> {
    let paths = text.split(',').map(str::trim).filter(|path| !path.is_empty());
    let pattern = |path: &str| match path.trim_end_matches('/').trim_start_matches("./") {
        "." | "" => "*".to_owned(),
        path => path.to_owned(),
    };
    paths.map(pattern).collect()
}

fn named(param: &str, text: &str) -> Result<Vec<String>, NodeError> {
    needed(param, text)?;
    Ok(listed(text))
}

/// What has changed, sorted as n8n sorts it.
#[derive(Default)]
struct Changes {
    lists: BTreeMap<&'static str, Vec<Value>>,
    files: Vec<Value>,
    unknown: Vec<Value>,
}

impl Changes {
    fn note(&mut self, path: String, from: Option<String>, status: Status) {
        let staged = match status {
            s if s.is_index_new() => 'A',
            s if s.is_index_deleted() => 'D',
            s if s.is_index_renamed() => 'R',
            s if s.is_index_modified() || s.is_index_typechange() => 'M',
            _ => ' ',
        };
        let here = match status {
            s if s.is_wt_deleted() => 'D',
            s if s.is_wt_modified() || s.is_wt_typechange() || s.is_wt_renamed() => 'M',
            _ => ' ',
        };
        if status.is_wt_new() && staged == ' ' {
            self.list("not_added", json!(path));
            self.unknown.push(json!({"path": path, "index": "?", "working_dir": "?"}));
            return;
        }
        if status.is_conflicted() {
            self.list("conflicted", json!(path));
            self.files.push(json!({"path": path, "index": "U", "working_dir": "U"}));
            return;
        }
        if staged == 'A' {
            self.list("created", json!(path));
        }
        if staged == 'D' || here == 'D' {
            self.list("deleted", json!(path));
        }
        if staged == 'M' || here == 'M' {
            self.list("modified", json!(path));
        }
        if let Some(from) = from.filter(|_| staged == 'R') {
            self.list("renamed", json!({"from": from, "to": path}));
        }
        if staged != ' ' {
            self.list("staged", json!(path));
        }
        if (staged, here) != (' ', ' ') {
            self.files.push(json!({"path": path, "index": staged, "working_dir": here}));
        }
    }

    fn list(&mut self, name: &'static str, value: Value) {
        self.lists.entry(name).or_default().push(value);
    }

    fn told(mut self) -> Object {
        let mut json = Object::new();
        self.files.append(&mut self.unknown);
        for name in ["not_added", "conflicted", "created", "deleted", "modified", "renamed"] {
            json.insert(name.to_owned(), json!(self.lists.remove(name).unwrap_or_default()));
        }
        json.insert("files".to_owned(), json!(self.files));
        json.insert("staged".to_owned(), json!(self.lists.remove("staged").unwrap_or_default()));
        json
    }
}

/// Which branch it is, and how far it is from what it follows.
fn place(repository: &Repository) -> Result<Vec<(&'static str, Value)>, git2::Error> {
    let mut place =
        vec![("ahead", json!(0)), ("behind", json!(0)), ("current", Value::Null), ("tracking", Value::Null)];
    let is_detached = repository.head_detached()?;
    if is_detached {
        place[2].1 = json!("HEAD");
    } else if let Ok(head) = repository.find_reference("HEAD") {
        // A branch without commits has a name too.
        let name = head.symbolic_target().ok().flatten().unwrap_or_default();
        let name = name.strip_prefix("refs/heads/").unwrap_or(name).to_owned();
        place[2].1 = json!(name);
        if let Ok(branch) = repository.find_branch(&name, BranchType::Local)
            && let Ok(upstream) = branch.upstream()
        {
            place[3].1 = json!(upstream.name()?);
            if let (Some(ours), Some(theirs)) = (branch.get().target(), upstream.get().target()) {
                let (ahead, behind) = repository.graph_ahead_behind(ours, theirs)?;
                (place[0].1, place[1].1) = (json!(ahead), json!(behind));
            }
        }
    }
    place.push(("detached", json!(is_detached)));
    Ok(place)
}

/// The settings of the repository alone, each value a text; several values are a list.
fn settings(repository: &Repository) -> Result<Object, git2::Error> {
    let config = repository.config()?.open_level(git2::ConfigLevel::Local)?;
    let mut json = Object::from_iter([("_file".to_owned(), json!(".git/config"))]);
    config.entries(None)?.for_each(|entry| {
        let key = String::from_utf8_lossy(entry.name_bytes()).into_owned();
        // A name alone means yes.
        let value = match entry.has_value() {
            true => String::from_utf8_lossy(entry.value_bytes()).into_owned(),
            false => "true".to_owned(),
        };
        // An address that somebody else wrote there may have a password in it.
        let value = match value.contains("://") {
            true => crate::git_transport::plain(&value).map_or(value, |url| url.to_string()),
            false => value,
        };
        match json.get_mut(&key) {
            Some(Value::Array(list)) => list.push(json!(value)),
            Some(one) => *one = json!([one.take(), value]),
            None => drop(json.insert(key, json!(value))),
        }
    })?;
    Ok(json)
}

/// What the tips of branches and the tags are called, by commit, as `git log` shows it.
fn names_of_commits(repository: &Repository) -> Result<BTreeMap<Oid, String>, git2::Error> {
    let head = repository.find_reference("HEAD").ok();
    let current = head.as_ref().and_then(|head| head.symbolic_target().ok().flatten()).unwrap_or_default();
    let mut of: BTreeMap<Oid, Vec<(u8, String)>> = BTreeMap::new();
    if let Some(id) = repository.head().ok().and_then(|head| head.target()) {
        let name = current.strip_prefix("refs/heads/");
        of.entry(id).or_default().push((0, name.map_or("HEAD".to_owned(), |name| format!("HEAD -> {name}"))));
    }
    for reference in repository.references()? {
        let reference = reference?;
        let Ok(name) = reference.name() else { continue };
        let Ok(commit) = reference.peel_to_commit() else { continue };
        let shown = match name {
            name if name == current => continue,
            name if name.starts_with("refs/tags/") => (1, format!("tag: {}", &name[10..])),
            name if name.starts_with("refs/remotes/") => (2, name[13..].to_owned()),
            name if name.starts_with("refs/heads/") => (3, name[11..].to_owned()),
            _ => continue,
        };
        of.entry(commit.id()).or_default().push(shown);
    }
    let join = |mut names: Vec<(u8, String)>| {
        names.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        names.into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(", ")
    };
    Ok(of.into_iter().map(|(id, names)| (id, join(names))).collect())
}

/// Whether a commit is the first to have the file as it is.
fn has_changed(commit: &Commit<'_>, file: &str) -> Result<bool, git2::Error> {
    let entry = |commit: &Commit<'_>| {
        let found = commit.tree()?.get_path(std::path::Path::new(file));
        Ok::<_, git2::Error>(found.ok().map(|entry| (entry.id(), entry.filemode())))
    };
    let own = entry(commit)?;
    let mut n_parents = 0;
    for parent in commit.parents() {
        n_parents += 1;
        if entry(&parent)? == own {
            return Ok(false);
        }
    }
    Ok(n_parents > 0 || own.is_some())
}

fn told(commit: &Commit<'_>, refs: String) -> Object {
    let author = commit.author();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let message = text(commit.message_bytes());
    let message = message.trim_start_matches('\n');
    let (subject, body) = message.split_once("\n\n").unwrap_or((message, ""));
    let mut json = Object::new();
    let mut put = |name: &str, value: String| drop(json.insert(name.to_owned(), Value::String(value)));
    put("hash", commit.id().to_string());
    put("date", date(author.when()));
    put("message", subject.trim_end().replace('\n', " "));
    put("refs", refs);
    put("body", body.trim_start_matches('\n').to_owned());
    put("author_name", text(author.name_bytes()));
    put("author_email", text(author.email_bytes()));
    json
}

/// `2026-03-04T05:06:07+01:00`.
fn date(when: git2::Time) -> String {
    let offset = jiff::tz::Offset::from_seconds(when.offset_minutes() * 60).unwrap_or(jiff::tz::Offset::UTC);
    let at = jiff::Timestamp::from_second(when.seconds()).unwrap_or_default();
    at.to_zoned(offset.to_time_zone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_say_who_we_are() {
        let both = Some(("me@x".to_owned(), "a b+c".to_owned()));
        assert_eq!(in_address("https://me%40x:a%20b+c@example.com/a.git"), both);
        assert_eq!(in_address("https://example.com/a.git"), None);
        assert_eq!(in_address("folder"), None);
    }

    #[test]
    fn a_date_keeps_the_zone_in_which_it_was_written() {
        assert_eq!(date(git2::Time::new(1_772_600_767, 90)), "2026-03-04T06:36:07+01:30");
        assert_eq!(date(git2::Time::new(0, 0)), "1970-01-01T00:00:00+00:00");
    }
}
