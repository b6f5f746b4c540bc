//! Files of nodes stay in their folder.

use std::os::unix::fs::symlink;

use linkflow_node::files::Files;
use tempfile::TempDir;

/// A folder with files and traps, beside a secret.
fn world() -> (TempDir, Files) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    std::fs::create_dir_all(root.join("a/b")).unwrap();
    std::fs::write(dir.path().join("secret"), "secret").unwrap();
    for path in ["one.txt", "a/two.txt", "a/b/three.csv", "a/.hidden.txt"] {
        std::fs::write(root.join(path), path).unwrap();
    }
    symlink(dir.path().join("secret"), root.join("link")).unwrap();
    symlink(dir.path(), root.join("out")).unwrap();
    symlink(root.join("a"), root.join("inner")).unwrap();
    let files = Files::below(root);
    (dir, files)
}

#[tokio::test]
async fn what_is_below_the_folder_is_read_and_written() {
    let (dir, files) = world();
    assert_eq!(files.read("a/./two.txt", 100).await.unwrap(), "a/two.txt");
    let full = dir.path().join("root/one.txt");
    assert_eq!(files.read(full.to_str().unwrap(), 100).await.unwrap(), "one.txt");
    files.write("new/deep/x", "1".into(), false).await.unwrap();
    files.write("new/deep/x", "2".into(), true).await.unwrap();
    assert_eq!(files.read("new/deep/x", 100).await.unwrap(), "12");
    files.write("new/deep/x", "3".into(), false).await.unwrap();
    assert_eq!(files.read("new/deep/x", 100).await.unwrap(), "3");
    assert_eq!(std::fs::read_dir(dir.path().join("root/new/deep")).unwrap().count(), 1);
}

#[tokio::test]
async fn no_path_leads_out() {
    let (dir, files) = world();
    for path in [
        "../secret",
        "a/../../secret",
        "a/../one.txt",
        "link",
        "out/secret",
        "inner/two.txt",
        "/etc/passwd",
        "/proc/self/environ",
        "a",
        ".",
        "",
        "one.txt/x",
        "nothing",
        "a\0b",
    ] {
        assert!(files.read(path, 100).await.is_err(), "{path:?} was read");
    }
    for path in ["../x", "link", "out/x", "inner/x", "/tmp/linkflow-x", "a", ".", ""] {
        assert!(files.write(path, "x".into(), true).await.is_err(), "{path:?} was appended to");
    }
    for path in ["../x", "out/x", "inner/x", "out/deep/x", "/tmp/linkflow-x", "a"] {
        assert!(files.write(path, "x".into(), false).await.is_err(), "{path:?} was written");
    }
    // A link that is overwritten is replaced; what it led to stays.
    files.write("link", "mine".into(), false).await.unwrap();
    assert_eq!(std::fs::read_to_string(dir.path().join("secret")).unwrap(), "secret");
    assert!(Files::none().read("one.txt", 100).await.is_err());
}

#[tokio::test]
async fn a_pipe_does_not_hold_a_reader_up_and_a_large_file_is_refused() {
    let (dir, files) = world();
    let pipe = std::ffi::CString::new(dir.path().join("root/pipe").to_str().unwrap()).unwrap();
    // SAFETY: the path is zero-terminated and live.
    assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
    assert!(files.read("pipe", 100).await.is_err());
    let problem = files.read("one.txt", 3).await.unwrap_err().to_string();
    assert!(problem.contains("larger than the 3 bytes"), "{problem}");
}

#[tokio::test]
async fn patterns_find_files_and_leave_links_out() {
    let (_dir, files) = world();
    for (pattern, expected) in [
        ("*", vec!["one.txt"]),
        ("**/*.txt", vec!["a/two.txt", "one.txt"]),
        ("**/*.{txt,csv}", vec!["a/b/three.csv", "a/two.txt", "one.txt"]),
        ("**/**/t?o.*", vec!["a/two.txt"]),
        ("a/.h*", vec!["a/.hidden.txt"]),
        ("a/b/three.csv", vec!["a/b/three.csv"]),
        ("out/*", vec![]),
        ("none/*", vec![]),
    ] {
        assert_eq!(files.list(pattern, 10).await.unwrap(), expected, "{pattern}");
    }
    assert!(files.list("../*", 10).await.is_err());
    assert!(files.list("**/*", 1).await.unwrap_err().to_string().contains("more than 1 files"));
}
