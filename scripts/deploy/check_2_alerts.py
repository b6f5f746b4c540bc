"""Alerts and dashboards: that they are sound, and that what they look at is there."""

import json
import re

import yaml

import dashboards
from support import DEPLOY, ROOT, Cluster, check, run

RULES = yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text())
ALL = [rule for group in RULES["groups"] for rule in group["rules"]]
ALERTS = [rule for rule in ALL if "alert" in rule]
RECORDS = {rule["record"]: rule["expr"] for rule in ALL if "record" in rule}
# The guide's table: what is watched, the warning, the critical level.
ROWS = {
    "HighResponseTime": ("> 0.5", "> 2"),
    "HighQueueDepth": ("> 1000", "> 5000"),
    "HighQueueWait": ("> 30", "> 120"),
    "HighWorkerCpu": ("> 0.7", "> 0.9"),
    "HighDatabaseConnections": ("> 0.8", "> 0.95"),
    "HighRedisMemory": ("> 0.7", "> 0.9"),
    "HighErrorRate": ("> 0.01", "> 0.05"),
}
KNOWN = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/reference/metrics.md").read_text(), re.M)) | {"up"}


def names(expr):
    """The metrics that an expression reads."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]|(?:by|without|on|ignoring) ?\([^)]*\)', " ", expr)
    words = re.findall(r"[a-zA-Z_:][\w:]*(?!\w*\s*\()", bare)
    return {w for w in words if w not in {"or", "and", "unless", "vector"} and not re.search(rf"\b{re.escape(w)}\s*\(", bare)}


def base(name):
    return re.sub(r"_(bucket|sum|count)$", "", name)


@check("promtool takes the configuration and the rules")
def sound():
    run("promtool", "check", "config", DEPLOY / "prometheus/prometheus.yml")


@check("Every alert is quiet below its number and heard above it (promtool test rules)")
def rules():
    run("promtool", "test", "rules", DEPLOY / "prometheus/tests/rules_test.yml")


@check("Each row of the guide's table has an alert at both of its levels")
def rows():
    found = {}
    for rule in ALERTS:
        found.setdefault(rule["alert"], {})[rule["labels"]["severity"]] = " ".join(rule["expr"].split()[-2:])
    for name, (warning, critical) in ROWS.items():
        assert found[name] == {"warning": warning, "critical": critical}, f"{name}: {found[name]}"
    assert {"WorkerDown", "ScaleOutApiCpu", "ScaleOutApiMemory", "ScaleOutApiResponseTime",
            "ScaleOutApiRequestRate", "ScaleOutWorkers"} <= found.keys()


@check("Every alert is tried by a test that it passes, and by one in which it is heard")
def tried():
    cases = yaml.safe_load((DEPLOY / "prometheus/tests/rules_test.yml").read_text())["tests"]
    heard = {(t["alertname"], a["exp_labels"]["severity"])
             for c in cases for t in c["alert_rule_test"] for a in t["exp_alerts"]}
    for rule in ALERTS:
        assert (rule["alert"], rule["labels"]["severity"]) in heard, f"nothing makes {rule['alert']} heard"


@check("Alerts and dashboards read only metrics that the program has")
def known():
    texts = [rule["expr"] for rule in ALL]
    texts += [t["expr"] for p in dashboards.panels() for t in p.get("targets", [])]
    for text in texts:
        unknown = {n for n in map(base, names(text)) if n not in KNOWN and n not in RECORDS}
        assert not unknown, f"{text}: there is no {unknown}"


@check("The dashboards are as scripts/deploy/dashboards.py writes them, and show every number of an alert")
def drawn():
    assert dashboards.FILE.read_text() == dashboards.text(), "stale: scripts/deploy-test.sh write"
    shown = set()
    for panel in json.loads(dashboards.FILE.read_text())["panels"]:
        for target in panel.get("targets", []):
            shown |= {base(n) for n in names(target["expr"])}
    for rule in ALERTS:
        missing = {base(n) for n in names(rule["expr"])} - shown
        assert not missing, f"{rule['alert']} looks at {missing}, which no dashboard shows"


@check("What the rules and dashboards read is on the pages of a running cluster")
def there():
    cluster = Cluster.get()
    cluster.publish("alerts")
    assert cluster.post("alerts") == 200
    seen = set()
    for name in ("api-1", "worker-1", "scheduler-1"):
        seen |= {base(n) for n in cluster.metrics(name)}
    wanted = {base(n) for rule in ALL for n in names(rule["expr"])} - RECORDS.keys() - {"up"}
    # Counted from their first time on.
    missing = wanted - seen - {"linkflow_queue_unserved", "linkflow_executions_finished_total"}
    assert not missing, f"no role shows {missing}"
