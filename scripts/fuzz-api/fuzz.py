"""Sends a server of its own what the API's description allows and what it forbids.

Not a load test: it asks whether every answer keeps what the description says, and nothing fails.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import requests

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = (ROOT / os.environ.get("CARGO_TARGET_DIR", "target")).resolve()
PROGRAM = os.environ.get("LINKFLOW_BIN", TARGET / "debug/linkflow")
SEED = os.environ.get("SEED", "20")
# Requests of an operation in each phase that makes them up.
EXAMPLES = os.environ.get("EXAMPLES", "25")
SECONDS_MAX = 240
# Copies of each example, as the fuzzer deletes some of what it finds.
COPIES = 12


class Server:
    """`linkflow serve` on a free port and a folder of its own, with a key that may do everything."""

    def __init__(self, folder: str):
        command = [PROGRAM, "serve", "--port", "0", "--data-dir", folder]
        self.log = []
        self.child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.child.stderr:
            self.log.append(line)
            found = re.search(r"is ready at (\S+)", line)
            if found:
                self.url = found.group(1)
                break
        else:
            sys.exit("error: the server did not start:\n" + "".join(self.log))
        self.session = requests.Session()
        owner = {"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"}
        self.post("/setup", owner)
        key = {"name": "fuzzer", "scopes": ["read", "write", "execute", "admin"]}
        self.key = self.post("/api-keys", key)["key"]

    def post(self, path: str, body) -> dict:
        answer = self.session.post(f"{self.url}/api/v1{path}", json=body)
        if not answer.ok:
            sys.exit(f"error: POST {path} gave {answer.status_code}: {answer.text}")
        return answer.json()

    def items(self, path: str) -> list:
        return self.session.get(f"{self.url}/api/v1{path}").json()["items"]

    def stop(self):
        self.child.terminate()
        try:
            _, rest = self.child.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.child.kill()
            sys.exit("error: the server did not end within 60 s of being told to")
        self.log.append(rest)
        (TARGET / "fuzz-api/server.log").write_text("".join(self.log))
        return self.child.returncode


def fill(server: Server) -> dict:
    """Puts things on the server, and gives the words by which requests can reach them."""
    examples = [json.loads(path.read_text()) for path in sorted((ROOT / "examples").glob("*.json"))]
    for n in range(COPIES):
        files = [{"name": f"{e['name']} {n}.json", "content": {**e, "name": f"{e['name']} {n}"}} for e in examples]
        server.post(f"/workflows/import?publish={'true' if n == 0 else 'false'}", {"files": files})
    workflows = server.items("/workflows?limit=200")
    for row in workflows:
        answer = server.session.post(f"{server.url}/api/v1/workflows/{row['id']}/execute", json={})
        if answer.status_code >= 500:
            sys.exit(f"error: executing {row['name']} gave {answer.status_code}: {answer.text}")
    for n in range(COPIES):
        fields = {"user": "ada", "password": "secret"}
        server.post("/credentials", {"name": f"Door {n}", "type": "http_basic", "data": fields})
    ids = lambda path: [row["id"] for row in server.items(path)]
    return {
        "workflows": [row["id"] for row in workflows],
        "versions": [1, 2],
        "executions": ids("/executions?limit=200"),
        "nodes": sorted({node["name"] for example in examples for node in example["nodes"]}),
        "schedules": ids("/schedules"),
        "credentials": ids("/credentials"),
        "credential-types": [row["type"] for row in server.items("/credential-types")],
        "kinds": [row["kind"] for row in server.items("/node-kinds")],
    }


def fuzz(server: Server, words: dict, out: pathlib.Path) -> dict:
    config = (HERE / "schemathesis.toml").read_text()
    for name, values in words.items():
        if not values:
            sys.exit(f"error: there are no {name} to ask for")
        config += f"\n[dictionaries.{name}]\nvalues = {json.dumps(values)}\n"
    (out / "schemathesis.toml").write_text(config)
    report = out / "report.json"
    report.unlink(missing_ok=True)
    st = [pathlib.Path(sys.executable).parent / "st", "--config-file", out / "schemathesis.toml", "run"]
    st += [f"{server.url}/api/v1/openapi.json", "--header", f"Authorization: Bearer {server.key}"]
    st += ["--seed", SEED, "--max-examples", EXAMPLES, "--generation-database", "none"]
    st += ["--continue-on-failure", "--request-timeout", "30", "--no-color", "--suppress-health-check", "all"]
    st += ["--report", "json", "--report-json-path", report]
    with open(out / "output.txt", "w") as output:
        subprocess.run(st, cwd=out, stdout=output, stderr=subprocess.STDOUT, timeout=SECONDS_MAX)
    if not report.exists():
        sys.exit((out / "output.txt").read_text())
    return json.loads(report.read_text())


def conclude(report: dict, exit_code: int, out: pathlib.Path) -> bool:
    """Says what came out, ending with a line that the summary of the tests counts."""
    failed = {operation for failure in report["failures"] for operation in failure["operations"]}
    broken = [e for e in report["errors"]]
    if failed or broken:
        print((out / "output.txt").read_text())
    reached = sum(
        any(phase["accepted"] for phase in phases.values()) for phases in report["valid_rates"].values()
    )
    n = report["operations"]["tested"]
    print(f"{report['test_cases']['generated']} requests with seed {SEED}; {reached} of {n} operations accepted some")
    if exit_code != 0:
        print(f"the server ended with {exit_code}; {out}/server.log says more")
    n_failed = max(len(failed), len(report["failures"])) + len(broken) + (exit_code != 0)
    print(f"api: {n - len(failed)} passed, {n_failed} failed")
    return n_failed == 0


def main():
    out = TARGET / "fuzz-api"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            report = fuzz(server, fill(server), out)
        finally:
            exit_code = server.stop()
    sys.exit(0 if conclude(report, exit_code, out) else 1)


main()
