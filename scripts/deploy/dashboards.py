"""Writes deploy/grafana/dashboards/linkflow.json: one panel for each number that an alert looks at, with
the alert's levels drawn in, and what else one wants to see when it fires.

    python3 scripts/deploy/dashboards.py           writes it
"""

import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = ROOT / "deploy/grafana/dashboards/linkflow.json"

# Title, unit of Grafana, warning and critical level, and what is drawn: (expression, legend).
ROWS = [
    ("Is it well?", [
        ("Requests, 95 of 100 within", "s", 0.5, 2, [("linkflow:http_request_seconds:p95", "p95")]),
        ("Requests that fail", "percentunit", 0.01, 0.05, [("linkflow:http_errors:ratio", "5xx")]),
        ("Executions that wait", "short", 1000, 5000, [("linkflow:queue_pending:max", "{{queue}}")]),
        ("Longest wait in a queue", "s", 30, 120, [("linkflow:queue_wait_seconds:max", "{{queue}}")]),
        ("CPU of workers", "percentunit", 0.7, 0.9, [("linkflow:worker_cpu:ratio", "{{instance}}")]),
        ("Database connections busy", "percentunit", 0.8, 0.95,
         [("linkflow:database_connections_busy:ratio", "{{job}} {{instance}}")]),
        ("Memory of Redis", "percentunit", 0.7, 0.9, [("linkflow:redis_memory:ratio", "used")]),
        ("Who is there", "short", None, None, [("sum by (job) (up)", "{{job}}"), ("sum(linkflow_leader)", "leads")]),
    ]),
    ("What is asked of it", [
        ("Requests a second", "reqps", None, None,
         [("sum by (route) (rate(http_request_duration_seconds_count[5m]))", "{{route}}")]),
        ("Requests a second at each API server", "reqps", 1000, None, [("linkflow:http_requests:rate5m", "{{instance}}")]),
        ("CPU of API servers", "percentunit", 0.7, None, [("linkflow:api_cpu:ratio", "{{instance}}")]),
        ("Memory of API servers", "percentunit", 0.8, None, [("linkflow:api_memory:ratio", "{{instance}}")]),
        ("Those who watch", "short", None, None, [("sum by (instance) (linkflow_ws_clients)", "{{instance}}")]),
        ("Answers by status", "reqps", None, None,
         [("sum by (status) (rate(http_request_duration_seconds_count[5m]))", "{{status}}")]),
    ]),
    ("What it does", [
        ("Executions accepted and ended, a second", "ops", None, None,
         [("sum(rate(linkflow_executions_accepted_total[5m]))", "accepted"),
          ("sum by (status) (rate(linkflow_executions_finished_total[5m]))", "{{status}}")]),
        ("Executions that fail", "percentunit", None, None, [("linkflow:executions_failed:ratio", "failed")]),
        ("Slots of workers", "short", None, None,
         [("sum(linkflow_executions_running)", "busy"), ("sum(linkflow_worker_slots)", "there are")]),
        ("Executions held back by limits", "short", None, None, [("max(linkflow_executions_held_back)", "held back")]),
        ("Memory of workers", "bytes", None, None,
         [("linkflow_worker_memory_bytes", "{{instance}}"), ("max(linkflow_worker_memory_budget_bytes)", "budget")]),
        ("Queues that nobody takes from", "short", 1, None, [("max by (queue) (linkflow_queue_unserved)", "{{queue}}")]),
    ]),
    ("What it stands on", [
        ("Database: wait for a transaction, 95 of 100 within", "s", None, None,
         [("histogram_quantile(0.95, sum by (le) (rate(linkflow_database_wait_seconds_bucket[5m])))", "commit")]),
        ("Database: jobs written together", "short", None, None,
         [("sum(rate(linkflow_database_group_size_sum[5m])) / sum(rate(linkflow_database_group_size_count[5m]))",
           "in a transaction")]),
        ("Database: connections", "short", None, None, [("sum by (pool) (linkflow_database_connections)", "{{pool}}")]),
        ("Database: reads that no replica could answer", "ops", None, None,
         [("sum(rate(linkflow_database_replica_fallbacks_total[5m]))", "a second")]),
        ("Redis: answers within", "s", None, None, [("max(linkflow_redis_latency_seconds)", "INFO"), ("max(linkflow_redis_up)", "up")]),
        ("Queues in Redis", "bytes", None, None,
         [("max by (queue) (asynq_queue_memory_usage_approx_bytes)", "{{queue}}")]),
        ("Queues by state", "short", None, None,
         [("max by (queue, state) (asynq_tasks_enqueued_total)", "{{queue}} {{state}}")]),
        ("Clocks away from the database's", "s", 2, None, [("linkflow_clock_ahead_seconds", "{{instance}}")]),
    ]),
]


def steps(warning, critical):
    levels = [(None, "green"), (warning, "orange"), (critical, "red")]
    return [{"color": color, "value": value} for value, color in levels if value is not None or color == "green"]


def panel(number, title, unit, warning, critical, targets, x, y):
    return {
        "id": number,
        "title": title,
        "type": "timeseries",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "gridPos": {"h": 7, "w": 6, "x": x, "y": y},
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "min": 0,
                "custom": {"thresholdsStyle": {"mode": "dashed" if warning is not None else "off"}, "fillOpacity": 8},
                "thresholds": {"mode": "absolute", "steps": steps(warning, critical)},
            },
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + n), "expr": expr, "legendFormat": legend}
            for n, (expr, legend) in enumerate(targets)
        ],
    }


def panels():
    made, y = [], 0
    for title, row in ROWS:
        made.append({"id": len(made) + 1, "type": "row", "title": title, "collapsed": False, "panels": [],
                     "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}})
        for n, (name, unit, warning, critical, targets) in enumerate(row):
            made.append(panel(len(made) + 1, name, unit, warning, critical, targets, n % 4 * 6, y + 1 + n // 4 * 7))
        y += 1 + (len(row) + 3) // 4 * 7
    return made


def dashboard():
    return {
        "uid": "linkflow",
        "title": "Linkflow",
        "tags": ["linkflow"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Source"}]},
        "panels": panels(),
    }


def text():
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text())
