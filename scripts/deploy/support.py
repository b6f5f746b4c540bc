"""What the checks share: the tools that read files, and processes that end with the checks."""

import atexit
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CHECKS = []
SECRETS = {"DATABASE_PASSWORD": "a", "REPLICATION_PASSWORD": "b", "SECRET_KEY": "c" * 64}


def check(sentence):
    def keep(run):
        CHECKS.append((sentence, run))
        return run

    return keep


def run(*words, env=None, given=None, may_fail=False):
    """What a command prints; a failure says why."""
    environment = {**os.environ, **(env or {})}
    done = subprocess.run([str(w) for w in words], env=environment, input=given, capture_output=True, text=True)
    if done.returncode and not may_fail:
        raise AssertionError(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + (done.stderr if may_fail else "")


def render(*words, **options):
    return run(os.environ["RENDER"], *words, **options)


def manifests(text):
    return [one for one in yaml.safe_load_all(text) if one]


def chart(*values):
    return manifests(render("helm", DEPLOY / "helm/linkflow", *(ROOT / "scripts/deploy/values" / v for v in values)))


def base_manifests():
    head = "# Made from deploy/helm/linkflow: scripts/deploy-test.sh write\n"
    return head + render("helm", DEPLOY / "helm/linkflow")


def settings():
    """The settings that the program knows, by their names in the environment."""
    page = (ROOT / "docs/reference/settings.md").read_text()
    return {name.upper() for name in re.findall(r"^\| `(\w+)` \|", page, re.M)}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, condition, seconds=60):
    """Waits for a condition and gives what it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def get(url, **headers):
    """Status and text of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


# Folders that other users may enter, and processes, all gone at the end.
PROCESSES, FOLDERS, AT_END = [], [], []


def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="linkflow-deploy-"))
    path.chmod(0o755)
    FOLDERS.append(path)
    return path


def start(*words, env=None, log=None, **options):
    out = open(log, "ab") if log else subprocess.DEVNULL
    process = subprocess.Popen(
        [str(w) for w in words], env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=out,
        stderr=subprocess.STDOUT, **options)
    PROCESSES.append(process)
    return process


def end(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@atexit.register
def end_all():
    while AT_END:
        AT_END.pop()()
    for process in PROCESSES:
        end(process)
    PROCESSES.clear()
    for path in FOLDERS:
        shutil.rmtree(path, ignore_errors=True)
    FOLDERS.clear()


def metrics(text):
    """Series of a page of metrics: name -> {labels as text: value}."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)$", line)
        if match:
            found.setdefault(match[1], {})[match[2] or ""] = float(match[3])
    return found


class Cluster:
    """Two API servers, a worker and a scheduler, as scripts/cluster.sh starts them; one for all checks."""

    one = None

    def __init__(self):
        self.dir = folder() / "cluster"
        self.env = {
            "CLUSTER_NGINX": "no", "CLUSTER_STANDBY": "no", "REDIS": "alone", "LOG": "warn", "LEADER_TTL": "2s",
            "CLUSTER_ROLES": "api-1 api-2 worker-1 scheduler-1", "TRUSTED_PROXIES": "1",
            "SHUTDOWN_GRACE_SECONDS": "2", "REDIS_MAXMEMORY": "256mb",
        }
        run("bash", ROOT / "scripts/cluster.sh", "up", self.dir, env=self.env)
        AT_END.append(lambda: run("bash", ROOT / "scripts/cluster.sh", "down", self.dir, env=self.env, may_fail=True))
        rows = [line.split() for line in (self.dir / "addresses").read_text().splitlines()]
        self.processes = {name: (url, int(pid)) for name, url, pid in rows}
        self.settings = dict(line.split("=", 1) for line in (self.dir / "env").read_text().splitlines())

    @classmethod
    def get(cls):
        cls.one = cls.one or cls()
        return cls.one

    def url(self, name):
        return self.processes[name][0]

    def port(self, name):
        return int(self.url(name).rsplit(":", 1)[1])

    def signal(self, name, number):
        os.kill(self.processes[name][1], number)

    def command(self, *words, **options):
        return run(os.environ["LINKFLOW_BIN"], *words, env=self.settings, **options)

    def redis(self, *words):
        return run("redis-cli", "-p", self.port("redis"), *words).strip()

    def metrics(self, name):
        status, text = get(self.url(name) + "/metrics")
        assert status == 200, f"{name} answers {status} at /metrics"
        return metrics(text)

    def publish(self, name):
        """A workflow that answers at once at /webhook/NAME."""
        hook = {"name": "Webhook", "type": "n8n-nodes-base.webhook", "typeVersion": 2, "position": [0, 0],
                "parameters": {"path": name, "httpMethod": "POST", "responseMode": "onReceived"}}
        rest = {"name": "Rest", "type": "n8n-nodes-base.noOp", "typeVersion": 1, "position": [200, 0], "parameters": {}}
        edges = {"Webhook": {"main": [[{"node": "Rest", "type": "main", "index": 0}]]}}
        file = self.dir / f"{name}.json"
        file.write_text(json.dumps({"name": name, "nodes": [hook, rest], "connections": edges}))
        self.command("import", "--publish", file)
        for server in ("api-1", "api-2"):
            until(f"{server} has heard of it", lambda: self.post(name, self.url(server)) == 200)

    def post(self, name, url=None):
        """The status of a webhook's answer."""
        request = urllib.request.Request(f"{url or self.url('api-1')}/webhook/{name}", data=b"{}", method="POST",
                                         headers={"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
