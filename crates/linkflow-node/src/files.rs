//! The files that nodes may read and write: those below one folder, and nothing else.
//!
//! Every step of a path is opened relative to the one before and never followed through a link,
//! so that nobody can lead a path out of the folder, not even between a check and its use.

use std::ffi::CString;
use std::fs::File;
use std::io::{Error, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;

use crate::NodeError;

/// Access to a folder. Without a folder every call is refused.
#[derive(Clone, Debug, Default)]
pub struct Files {
    root: Option<PathBuf>,
}

/// Entries of folders that one listing looks at.
const VISITED_MAX: usize = 200_000;
const DEPTH_MAX: usize = 64;
const PATH_BYTES_MAX: usize = 4_096;

impl Files {
    /// No access at all.
    pub fn none() -> Files {
        Files { root: None }
    }

    /// Access to what is below `root`.
    pub fn below(root: impl Into<PathBuf>) -> Files {
        Files { root: Some(root.into()) }
    }

    pub fn root(&self) -> Option<&PathBuf> {
        self.root.as_ref()
    }

    /// Where a path leads, links followed as far as it exists: for what works on whole folders. Refused
    /// when that is not below the root, whose true place comes with it.
    pub fn place(&self, path: &str) -> Result<(PathBuf, PathBuf), NodeError> {
        let below = self.relative(path)?;
        let root = self.root.as_ref().ok_or_else(closed)?;
        let failed = |e: std::io::Error| NodeError::data(format!("\"{path}\": {}", reason(&e)));
        std::fs::create_dir_all(root).map_err(failed)?;
        let root = root.canonicalize().map_err(failed)?;
        let whole = root.join(below);
        let (mut there, mut rest) = (whole.as_path(), Vec::new());
        // The root itself exists.
        while !there.exists() && there != root {
            rest.extend(there.file_name());
            there = there.parent().unwrap_or(&root);
        }
        let mut found = there.canonicalize().map_err(failed)?;
        found.extend(rest.into_iter().rev());
        match found.starts_with(&root) {
            true => Ok((found, root)),
            false => Err(NodeError::data(format!(
                "\"{path}\" leads out of {}, the folder for files",
                root.display()
            ))),
        }
    }

    /// The content of a file. An error when it is larger than `bytes_max`.
    pub async fn read(&self, path: &str, bytes_max: usize) -> Result<Bytes, NodeError> {
        self.blocking(path, move |place| {
            let file = place.open_file(libc::O_RDONLY)?;
            let too_large = || {
                let why = format!("it is larger than the {bytes_max} bytes that may be read");
                Error::new(ErrorKind::FileTooLarge, why)
            };
            if file.metadata()?.len() > bytes_max as u64 {
                return Err(too_large());
            }
            let mut bytes = Vec::new();
            file.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
            if bytes.len() > bytes_max {
                return Err(too_large());
            }
            Ok(Bytes::from(bytes))
        })
        .await
    }

    /// Writes a file, with the folders above it. What was there is replaced as a whole, or kept in
    /// front with `append`.
    pub async fn write(&self, path: &str, bytes: Bytes, append: bool) -> Result<(), NodeError> {
        self.blocking(path, move |place| {
            place.make_folders()?;
            if append {
                let mut file = place.open_file(libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND)?;
                return file.write_all(&bytes);
            }
            place.replace(&bytes)
        })
        .await
    }

    /// Paths of the files that match `pattern`, sorted: `*` and `?` within a name, `**` for any
    /// folders, `{a,b}` for either. An error when there are more than `n_max`.
    pub async fn list(&self, pattern: &str, n_max: usize) -> Result<Vec<String>, NodeError> {
        let patterns: Vec<Vec<String>> = alternatives(pattern)
            .iter()
            .map(|p| self.relative(p).map(|path| steps(&path)))
            .collect::<Result<_, _>>()?;
        self.blocking(".", move |place| {
            let mut listing = Listing { root: place.root, found: Vec::new(), visited: 0, n_max };
            for pattern in &patterns {
                listing.walk(&PathBuf::new(), pattern, 0)?;
            }
            listing.found.sort();
            listing.found.dedup();
            Ok(listing.found)
        })
        .await
    }

    /// What is at `path`: the file, or the folder's files and folders, `depth` levels deep. Nothing
    /// where nothing is. An error when there is more than `n_max`.
    pub async fn tree(
        &self,
        path: &str,
        depth: Option<usize>,
        n_max: usize,
    ) -> Result<Vec<Listed>, NodeError> {
        let depth = depth.unwrap_or(DEPTH_MAX).min(DEPTH_MAX);
        self.blocking(path, move |place| {
            let mut listing = Listing { root: place.root.clone(), found: Vec::new(), visited: 0, n_max };
            let mut found = Vec::new();
            match folder(&place.root, &place.path) {
                Ok(_) => listing.descend(&place.path, depth, &mut found)?,
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(_) => found.extend(place.listed()?),
            }
            Ok(found)
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        path: &str,
        work: impl FnOnce(Place) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, NodeError> {
        let relative = self.relative(path)?;
        let root = self.root.clone().ok_or_else(closed)?;
        let done = tokio::task::spawn_blocking(move || work(Place { root, path: relative }));
        let done = done.await.map_err(|e| NodeError::data(format!("\"{path}\": {e}")))?;
        done.map_err(|e| NodeError::data(format!("\"{path}\": {}", reason(&e))))
    }

    /// The path below the root. A full path has to begin with the root.
    fn relative(&self, path: &str) -> Result<PathBuf, NodeError> {
        let root = self.root.as_ref().ok_or_else(closed)?;
        let outside =
            || NodeError::data(format!("\"{path}\" is not below {}, the folder for files", root.display()));
        if path.len() > PATH_BYTES_MAX || path.contains('\0') {
            return Err(NodeError::data(format!(
                "a path has at most {PATH_BYTES_MAX} bytes and no zero byte"
            )));
        }
        let given = Path::new(path.trim());
        let given =
            if given.is_absolute() { given.strip_prefix(root).map_err(|_| outside())? } else { given };
        let mut relative = PathBuf::new();
        for component in given.components() {
            match component {
                Component::Normal(name) => relative.push(name),
                Component::CurDir => {}
                _ => return Err(outside()),
            }
        }
        Ok(relative)
    }
}

fn closed() -> NodeError {
    NodeError::data("nodes may not use files here: whoever runs this server has to name a folder for them")
}

fn reason(error: &Error) -> String {
    match error.raw_os_error() {
        Some(libc::ELOOP) => "it is a link, and links are not followed".to_owned(),
        Some(libc::ENOTDIR) => "a part of the path is a link or no folder".to_owned(),
        _ if error.kind() == ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    }
}

/// Something in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The whole path.
    pub path: String,
    pub is_folder: bool,
    /// Size in bytes; 0 for folders.
    pub bytes: u64,
    /// When it was changed last, in nanoseconds since 1970.
    pub changed_ns: i128,
}

/// A path below a root, not yet opened.
struct Place {
    root: PathBuf,
    path: PathBuf,
}

impl Place {
    fn name(&self) -> std::io::Result<CString> {
        let name = self.path.file_name().ok_or_else(|| Error::other("it is the folder itself, no file"))?;
        Ok(CString::new(name.as_encoded_bytes())?)
    }

    fn parent(&self) -> std::io::Result<File> {
        folder(&self.root, self.path.parent().unwrap_or(Path::new("")))
    }

    /// What is to be said of the file; none where it is no regular one.
    fn listed(&self) -> std::io::Result<Option<Listed>> {
        let Ok(file) = self.open_file(libc::O_RDONLY) else { return Ok(None) };
        let about = file.metadata()?;
        let changed = i128::from(about.mtime()) * 1_000_000_000 + i128::from(about.mtime_nsec());
        let path = self.root.join(&self.path).to_string_lossy().into_owned();
        Ok(Some(Listed { path, is_folder: false, bytes: about.len(), changed_ns: changed }))
    }

    fn open_file(&self, flags: i32) -> std::io::Result<File> {
        // Without O_NONBLOCK, opening a pipe would wait for its other end.
        let file = open_at(&self.parent()?, &self.name()?, flags | libc::O_NONBLOCK)?;
        if !file.metadata()?.is_file() {
            return Err(Error::other("it is no regular file"));
        }
        Ok(file)
    }

    /// Writes to a neighbour and renames, so that nobody reads half a file.
    fn replace(&self, bytes: &[u8]) -> std::io::Result<()> {
        let (parent, name) = (self.parent()?, self.name()?);
        let temporary = CString::new(format!(".linkflow-{}", uuid::Uuid::new_v4().simple()))?;
        let mut file = open_at(&parent, &temporary, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| {
            let fd = parent.as_raw_fd();
            // SAFETY: both names are zero-terminated and live, the folder is open.
            check(unsafe { libc::renameat(fd, temporary.as_ptr(), fd, name.as_ptr()) })
        });
        if written.is_err() {
            // SAFETY: as above.
            unsafe { libc::unlinkat(parent.as_raw_fd(), temporary.as_ptr(), 0) };
        }
        written
    }

    fn make_folders(&self) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.root)?;
        let mut here = folder(&self.root, Path::new(""))?;
        for step in self.path.parent().into_iter().flat_map(Path::components) {
            let name = CString::new(step.as_os_str().as_encoded_bytes())?;
            // SAFETY: the name is zero-terminated and live, the folder is open.
            let made = check(unsafe { libc::mkdirat(here.as_raw_fd(), name.as_ptr(), 0o777) });
            match made {
                Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(e),
                _ => here = open_at(&here, &name, libc::O_RDONLY | libc::O_DIRECTORY)?,
            }
        }
        Ok(())
    }
}

/// The folder `path` below `root`. The root itself may be a link: whoever runs the server chose it.
fn folder(root: &Path, path: &Path) -> std::io::Result<File> {
    let mut here = File::open(root)?;
    for step in path.components() {
        let name = CString::new(step.as_os_str().as_encoded_bytes())?;
        here = open_at(&here, &name, libc::O_RDONLY | libc::O_DIRECTORY)?;
    }
    Ok(here)
}

/// Opens `name` in `folder`, which must not be a link.
fn open_at(folder: &File, name: &CString, flags: i32) -> std::io::Result<File> {
    let flags = flags | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    let mode: libc::c_uint = 0o666;
    // SAFETY: the name is zero-terminated and live, the folder is open; the descriptor that comes
    // back is owned by nobody else.
    unsafe {
        let fd = libc::openat(folder.as_raw_fd(), name.as_ptr(), flags, mode);
        check(fd)?;
        Ok(File::from_raw_fd(fd))
    }
}

fn check(result: i32) -> std::io::Result<()> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

struct Listing {
    root: PathBuf,
    found: Vec<String>,
    visited: usize,
    n_max: usize,
}

impl Listing {
    /// Finds what matches `pattern` in the folder `at`.
    fn walk(&mut self, at: &Path, pattern: &[String], depth: usize) -> std::io::Result<()> {
        let Some((first, rest)) = pattern.split_first() else { return Ok(()) };
        if depth > DEPTH_MAX {
            return Ok(());
        }
        if first == "**" {
            self.walk(at, rest, depth)?;
        }
        for (name, is_folder) in self.entries(at)? {
            let path = at.join(&name);
            match (first == "**", is_folder) {
                (true, true) if !name.starts_with('.') => self.walk(&path, pattern, depth + 1)?,
                (true, _) => {}
                (false, true) if matches(first, &name) && !rest.is_empty() => {
                    self.walk(&path, rest, depth + 1)?;
                }
                (false, false) if matches(first, &name) && rest.is_empty() => self.add(&path)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// All that is in the folder `at`, and `depth` levels below it.
    fn descend(&mut self, at: &Path, depth: usize, found: &mut Vec<Listed>) -> std::io::Result<()> {
        for (name, is_folder) in self.entries(at)? {
            let place = Place { root: self.root.clone(), path: at.join(&name) };
            if found.len() >= self.n_max {
                return Err(Error::other(format!("more than {} files and folders are in it", self.n_max)));
            }
            if !is_folder {
                found.extend(place.listed()?);
                continue;
            }
            let path = self.root.join(&place.path).to_string_lossy().into_owned();
            found.push(Listed { path, is_folder: true, bytes: 0, changed_ns: 0 });
            if depth > 0 {
                self.descend(&place.path, depth - 1, found)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path) -> std::io::Result<()> {
        self.found.push(path.to_string_lossy().into_owned());
        if self.found.len() > self.n_max {
            return Err(Error::other(format!("more than {} files match", self.n_max)));
        }
        Ok(())
    }

    /// Names in a folder and whether they are folders. Links are left out.
    fn entries(&mut self, at: &Path) -> std::io::Result<Vec<(String, bool)>> {
        let folder = match folder(&self.root, at) {
            Ok(folder) => folder,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e),
        };
        // By its descriptor, so that nobody can put a link in its place meanwhile.
        let through = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(format!("{through}/{}", folder.as_raw_fd()))? {
            self.visited += 1;
            if self.visited > VISITED_MAX {
                return Err(Error::other(format!(
                    "more than {VISITED_MAX} files would have to be looked at"
                )));
            }
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_file() || kind.is_dir() {
                entries.push((entry.file_name().to_string_lossy().into_owned(), kind.is_dir()));
            }
        }
        entries.sort();
        Ok(entries)
    }
}

/// The steps of a pattern; several `**` in a row are one.
fn steps(path: &Path) -> Vec<String> {
    let mut steps: Vec<String> =
        path.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
    steps.dedup_by(|a, b| a == "**" && b == "**");
    steps
}

/// A pattern without braces for each choice in the braces; at most 64.
fn alternatives(pattern: &str) -> Vec<String> {
    let mut open = vec![pattern.to_owned()];
    let mut done = Vec::new();
    while let Some(pattern) = open.pop() {
        let choice = pattern.find('{').and_then(|start| {
            let end = start + pattern[start..].find('}')?;
            Some((start, end))
        });
        match choice {
            Some((start, end)) if open.len() + done.len() < 64 => {
                for part in pattern[start + 1..end].split(',') {
                    open.push(format!("{}{part}{}", &pattern[..start], &pattern[end + 1..]));
                }
            }
            _ => done.push(pattern),
        }
    }
    done
}

/// Whether `name` matches `*` and `?`. A leading dot has to be written out.
pub fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last star was, and how far it reaches.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, reach)) = star else { return false };
                star = Some((at, reach + 1));
                p = at + 1;
                n = reach + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}
