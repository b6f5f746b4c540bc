//! Real servers, started by the tests on ports and in folders of their own, and gone with them.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A process that is killed when the test ends.
pub struct Process {
    child: Child,
}

impl Process {
    pub fn start(program: &str, args: &[&str], folder: &Path) -> Self {
        let log = std::fs::File::create(folder.join("output.log")).unwrap();
        let child = Command::new(program)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|e| {
                panic!("{program} cannot be started ({e}); install redis-server and redis-sentinel")
            });
        Process { child }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.id().to_string()]).status().unwrap();
        assert!(status.success(), "kill {signal} failed");
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One redis-server.
pub struct Redis {
    pub process: Process,
    pub port: u16,
    folder: TempDir,
    args: Vec<String>,
}

impl Redis {
    pub fn start() -> Self {
        Self::with(&[])
    }

    pub fn with(more: &[&str]) -> Self {
        // Between the search for a free port and its use, somebody else may take it.
        (0..3).find_map(|_| Self::attempt(more)).expect("redis-server starts on one of three ports")
    }

    fn attempt(more: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let asked = more.iter().position(|arg| *arg == "--port").map(|i| more[i + 1].parse().unwrap());
        let port = asked.unwrap_or_else(free_port);
        let mut args: Vec<String> =
            ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"].map(str::to_owned).to_vec();
        if asked.is_none() {
            args.extend(["--port".to_owned(), port.to_string()]);
        }
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        let process = Self::process(&args, folder.path());
        let mut redis = Redis { process, port, folder, args };
        redis.wait().then_some(redis)
    }

    fn process(args: &[String], folder: &Path) -> Process {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        Process::start("redis-server", &args, folder)
    }

    /// Starts it again, empty, on the same port.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = Self::process(&self.args, self.folder.path());
        assert!(self.wait(), "redis-server does not start again on port {}", self.port);
    }

    /// Waits until the server answers; says whether it does.
    fn wait(&mut self) -> bool {
        let mut has_ended = false;
        until("redis-server answers", || {
            let asked = redis::Client::open(self.url()).unwrap().get_connection();
            let answers = asked.is_ok_and(|mut conn| redis::cmd("PING").query::<String>(&mut conn).is_ok());
            has_ended = self.process.has_ended();
            answers || has_ended
        });
        !has_ended
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What the server answers, as redis-cli would show it.
    pub fn ask<T: redis::FromRedisValue>(&self, line: &[&str]) -> T {
        ask(self.port, line)
    }
}

pub fn ask<T: redis::FromRedisValue>(port: u16, line: &[&str]) -> T {
    try_ask(port, line).unwrap_or_else(|e| panic!("{line:?}: {e}"))
}

pub fn try_ask<T: redis::FromRedisValue>(port: u16, line: &[&str]) -> redis::RedisResult<T> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}"))?;
    let mut conn = client.get_connection_with_timeout(Duration::from_secs(2))?;
    conn.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut cmd = redis::cmd(line[0]);
    cmd.arg(&line[1..]);
    cmd.query(&mut conn)
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until something is so, for at most 30 s.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The programs from Go that scripts/go-tools.sh builds.
pub fn go_tool(name: &str) -> String {
    use std::sync::Once;
    static BUILT: Once = Once::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    BUILT.call_once(|| {
        let script = root.join("scripts/go-tools.sh");
        let built = Command::new(&script).output().expect("bash runs the script");
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{} failed: {said}", script.display());
    });
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    root.join(target).join("go/bin").join(name).to_string_lossy().into_owned()
}

/// Runs the program that uses asynq itself, and returns what it printed.
pub fn peer(redis: &Redis, command: &str, args: &[&str]) -> String {
    let run = Command::new(go_tool("asynq-peer"))
        .args([command, "-redis", &redis.address()])
        .args(args)
        .output()
        .expect("asynq-peer starts");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "asynq-peer {command} {args:?}: {said}");
    String::from_utf8_lossy(&run.stdout).trim().to_owned()
}

/// Asks a server over HTTP and returns the status and the body.
pub fn http(port: u16, method: &str, path: &str, body: &str) -> (u16, String) {
    use std::io::{Read, Write};
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    let head = "Host: localhost\r\nConnection: close\r\nContent-Type: application/json";
    write!(stream, "{method} {path} HTTP/1.0\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// A master with a replica, and three Sentinels that watch it.
pub struct Watched {
    pub servers: [Redis; 2],
    sentinels: Vec<(Process, u16, TempDir)>,
}

impl Watched {
    pub fn start() -> Self {
        let master = Redis::start();
        let of_master = ["127.0.0.1", &master.port.to_string()].join(" ");
        let replica = Redis::with(&["--replicaof", &of_master]);
        let sentinels = (0..3).map(|_| sentinel(master.port)).collect();
        let watched = Watched { servers: [master, replica], sentinels };
        until("the Sentinels know each other and the replica", || {
            watched.sentinels.iter().all(|(_, port, _)| {
                let known: redis::RedisResult<std::collections::HashMap<String, String>> =
                    try_ask(*port, &["SENTINEL", "MASTER", "mymaster"]);
                known.is_ok_and(|known| known["num-other-sentinels"] == "2" && known["num-slaves"] == "1")
            })
        });
        watched
    }

    pub fn url(&self) -> String {
        let hosts: Vec<String> =
            self.sentinels.iter().map(|(_, port, _)| format!("127.0.0.1:{port}")).collect();
        format!("redis+sentinel://{}/mymaster", hosts.join(","))
    }
}

fn sentinel(master: u16) -> (Process, u16, TempDir) {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let file = folder.path().join("sentinel.conf");
    let text = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 {master} 2\n\
         sentinel down-after-milliseconds mymaster 700\nsentinel failover-timeout mymaster 3000\n"
    );
    std::fs::write(&file, text).unwrap();
    let process = Process::start("redis-sentinel", &[file.to_str().unwrap()], folder.path());
    (process, port, folder)
}

/// Three masters, each with a replica.
pub struct Cluster {
    pub nodes: Vec<Redis>,
}

impl Cluster {
    pub fn start() -> Self {
        let nodes: Vec<Redis> = (0..6).map(|_| cluster_node()).collect();
        let hosts: Vec<String> = nodes.iter().map(Redis::address).collect();
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(&hosts)
            .args(["--cluster-replicas", "1", "--cluster-yes"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        let cluster = Cluster { nodes };
        until("the cluster is whole", || cluster.nodes.iter().all(|node| cluster_is_ok(node.port)));
        // A replica that has nothing yet does not stand in for its master.
        until("the replicas have caught up", || {
            let replication = |node: &Redis| node.ask::<String>(&["INFO", "replication"]);
            cluster.nodes.iter().filter(|node| replication(node).contains("master_link_status:up")).count()
                == 3
        });
        cluster
    }

    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(Redis::address).collect();
        format!("redis+cluster://{}", hosts[..3].join(","))
    }

    /// The node that is the master of a key.
    pub fn master_of(&mut self, key: &str) -> &mut Redis {
        let is_master = |node: &Redis| match try_ask::<i64>(node.port, &["EXISTS", key]) {
            Ok(_) => ask::<String>(node.port, &["INFO", "replication"]).contains("role:master"),
            Err(_) => false,
        };
        let i = self.nodes.iter().position(is_master).expect("a master for each key");
        &mut self.nodes[i]
    }
}

fn cluster_is_ok(port: u16) -> bool {
    let info: redis::RedisResult<String> = try_ask(port, &["CLUSTER", "INFO"]);
    let nodes: redis::RedisResult<String> = try_ask(port, &["CLUSTER", "NODES"]);
    let n_replicas = |nodes: &str| nodes.lines().filter(|line| line.contains("slave")).count();
    info.is_ok_and(|info| info.contains("cluster_state:ok"))
        && nodes.is_ok_and(|nodes| n_replicas(&nodes) == 3)
}

fn cluster_node() -> Redis {
    let bus = free_port().to_string();
    let cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", &bus];
    Redis::with(&[&cluster[..], &["--repl-diskless-sync-delay", "0"]].concat())
}
