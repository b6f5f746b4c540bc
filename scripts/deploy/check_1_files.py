"""Compose, images and manifests, as the programs that read them see them. Nothing is started."""

import json
import os
import re

from support import DEPLOY, ROOT, SECRETS, base_manifests, chart, check, manifests, render, run, settings

VARIANTS = [[], ["sentinel.yaml"], ["partitions.yaml"], ["spread.yaml"]]


def project():
    return json.loads(render("compose", DEPLOY / "docker-compose.scale.yml", env=SECRETS))


@check("Compose reads the cluster, and it has what the scaling guide asks of it")
def compose():
    services = project()["services"]
    replicas = {name: services[name]["deploy"]["replicas"] for name in ["api", "worker", "scheduler", "redis-sentinel"]}
    assert replicas == {"api": 3, "worker": 5, "scheduler": 2, "redis-sentinel": 3}, replicas
    limits = {name: services[name]["deploy"]["resources"]["limits"] for name in ["api", "worker"]}
    assert limits == {"api": {"cpus": 1, "memory": "1073741824"}, "worker": {"cpus": 2, "memory": "2147483648"}}, limits
    worker, scheduler = services["worker"]["environment"], services["scheduler"]["environment"]
    assert (worker["WORKER_CONCURRENCY"], worker["QUEUE_PRIORITIES"]) == ("10", "critical:6,default:3,low:1")
    assert (scheduler["LEADER_ELECTION_KEY"], scheduler["LEADER_TTL"]) == ("scheduler-leader", "30s")
    assert services["worker-partition-0"]["environment"]["QUEUE_NAME"] == "workflow:partition:0"
    assert services["postgresql_replica"]["deploy"]["replicas"] == 2
    assert services["redis-node"]["deploy"]["replicas"] == 6


@check("Compose starts nothing without its secrets")
def compose_without_secrets():
    said = render("compose", DEPLOY / "docker-compose.scale.yml", env=dict.fromkeys(SECRETS, ""), may_fail=True)
    assert "required variable" in said, said


@check("Every file that a container mounts is there, and every setting is one of the program's")
def compose_files():
    known = settings()
    for name, service in project()["services"].items():
        for volume in service.get("volumes", []):
            if volume["type"] == "bind":
                assert os.path.exists(volume["source"]), f"{name} mounts {volume['source']}, which is not there"
        if service["image"].startswith("linkflow/"):
            unknown = set(service.get("environment") or {}) - known
            assert not unknown, f"{name} sets {unknown}"
            assert service["read_only"] and service.get("cap_drop", ["ALL"]) == ["ALL"], f"{name} may do too much"


@check("Each image's role may be stopped for longer than it takes to end in good order")
def compose_grace():
    for name, service in project()["services"].items():
        env = service.get("environment") or {}
        needed = int(env.get("SHUTDOWN_GRACE_SECONDS", 20)) + int(env.get("SHUTDOWN_DRAIN_SECONDS", 2))
        if name in ("api", "worker", "scheduler", "worker-partition-0"):
            assert seconds(service["stop_grace_period"]) > needed, f"{name} is killed after {service['stop_grace_period']}"


def seconds(text):
    return sum(int(n) * {"m": 60, "s": 1}[unit] for n, unit in re.findall(r"(\d+)([ms])", text))


@check("The images run one role each, without rights, and copy only what is there")
def dockerfile():
    read = json.loads(render("dockerfile", DEPLOY / "docker/Dockerfile"))
    assert not read["warnings"], read["warnings"]
    stages = {stage["name"]: stage for stage in read["stages"]}
    for name, port in [("api", 8090), ("worker", 8091), ("scheduler", 8092)]:
        text = "\n".join(text for _, text in stages[name]["instructions"])
        assert stages[name]["from"] == "base" and f"EXPOSE {port}" in text and f"PORT={port}" in text, text
        assert f'CMD ["{name}"]' in text or f"CMD [{name}]" in text, text
    base = [text for _, text in stages["base"]["instructions"]]
    assert "USER 10001:10001" in base, base
    for stage in read["stages"]:
        assert ":" in stage["from"] or stage["from"] in stages, f"{stage['from']} has no version"
        for kind, text in stage["instructions"]:
            if kind == "COPY" and "--from" not in text:
                for source in text.split()[1:-1]:
                    assert (ROOT / source).exists(), f"{text}: {source} is not there"
    ignored = (DEPLOY / "docker/Dockerfile.dockerignore").read_text()
    assert "!crates" in ignored and "!web" in ignored and "!xtask" in ignored


def by_kind(resources, kind):
    return {one["metadata"]["name"]: one for one in resources if one["kind"] == kind}


def pods(resources):
    """Name and pod of all that makes pods."""
    for one in resources:
        if one["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield one["metadata"]["name"], one["spec"]["template"]


@check("Kubernetes takes what the chart gives, whatever is chosen, down to the last field")
def schemas():
    import kubernetes_validate

    for values in VARIANTS:
        custom = []
        for resource in chart(*values):
            name = f"{values}: {resource['kind']} {resource['metadata']['name']}"
            if "." in resource["apiVersion"].split("/")[0] and ".k8s.io" not in resource["apiVersion"]:
                custom.append(resource)
                continue
            try:
                kubernetes_validate.validate(resource, "1.37.0", strict=True)
            except Exception as error:
                raise AssertionError(f"{name}: {error}") from error
        said = run("node", os.environ["SCHEMAS"] + "/custom-resources.mjs", given=json.dumps(custom))
        assert len(custom) >= 4 and not said, said


@check("A mistake in a manifest would be seen")
def schemas_see():
    import kubernetes_validate

    deployment = by_kind(chart(), "Deployment")["linkflow-api"]
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    try:
        kubernetes_validate.validate(deployment, "1.37.0", strict=True)
    except Exception:
        pass
    else:
        raise AssertionError("a field that does not exist was taken")
    scaler = by_kind(chart(), "ScaledObject")["linkflow-worker-scaler"]
    scaler["spec"]["minReplicaCount"] = "two"
    said = run("node", os.environ["SCHEMAS"] + "/custom-resources.mjs",
               given=json.dumps([scaler]), may_fail=True)
    assert "minReplicaCount" in said, said


@check("The chart gives the guide's numbers: API 3 to 10 at 70 and 80 percent, workers 2 to 20, two schedulers")
def guide_numbers():
    made = chart()
    hpa = by_kind(made, "HorizontalPodAutoscaler")["linkflow-api-hpa"]["spec"]
    targets = {m["resource"]["name"]: m["resource"]["target"]["averageUtilization"] for m in hpa["metrics"]}
    assert (hpa["minReplicas"], hpa["maxReplicas"], targets) == (3, 10, {"cpu": 70, "memory": 80}), hpa
    scaler = by_kind(made, "ScaledObject")["linkflow-worker-scaler"]["spec"]
    assert (scaler["minReplicaCount"], scaler["maxReplicaCount"]) == (2, 20), scaler
    assert all(t["metadata"]["listLength"] == "100" for t in scaler["triggers"]), scaler
    deployments = by_kind(made, "Deployment")
    assert deployments["linkflow-scheduler"]["spec"]["replicas"] == 2
    # The autoscalers would be put back at every upgrade.
    assert not {"replicas"} & (deployments["linkflow-api"]["spec"].keys() | deployments["linkflow-worker"]["spec"].keys())
    container = deployments["linkflow-api"]["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "linkflow/api:latest" and container["ports"][0]["containerPort"] == 8090
    assert container["resources"] == {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"cpu": "1000m", "memory": "1Gi"}}
    probes = {kind: (container[kind]["httpGet"]["path"], container[kind]["initialDelaySeconds"], container[kind]["periodSeconds"])
              for kind in ("readinessProbe", "livenessProbe")}
    assert probes == {"readinessProbe": ("/health/ready", 5, 10), "livenessProbe": ("/health/live", 15, 20)}, probes


@check("No pod has more rights than it needs, and none is cut off before its time")
def pod_rights():
    for values in VARIANTS:
        for name, pod in pods(chart(*values)):
            spec = pod["spec"]
            assert spec["automountServiceAccountToken"] is False, name
            assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["seccompProfile"], name
            for container in spec["containers"]:
                rights = container["securityContext"]
                assert rights["readOnlyRootFilesystem"] and not rights["allowPrivilegeEscalation"], name
                assert rights["capabilities"] == {"drop": ["ALL"]} and container["resources"]["limits"], name
                env = {e["name"]: e.get("value") for e in container.get("env", [])}
                if "SHUTDOWN_GRACE_SECONDS" in env:
                    needed = int(env["SHUTDOWN_GRACE_SECONDS"]) + int(env.get("SHUTDOWN_DRAIN_SECONDS", 2))
                    assert spec["terminationGracePeriodSeconds"] > needed, f"{name} is killed too early"


@check("Whatever is chosen by a label is there: services, budgets, policies, monitors, scalers")
def selectors():
    for values in VARIANTS:
        made = chart(*values)
        labels = {name: pod["metadata"]["labels"] for name, pod in pods(made)}
        services = by_kind(made, "Service")
        fits = lambda wanted, have: wanted.items() <= have.items()
        for one in made:
            spec, name = one.get("spec", {}), f"{values} {one['kind']} {one['metadata']['name']}"
            if one["kind"] in ("Deployment", "StatefulSet"):
                assert fits(spec["selector"]["matchLabels"], spec["template"]["metadata"]["labels"]), name
            elif one["kind"] == "Service":
                assert any(fits(spec["selector"], have) for have in labels.values()), name
            elif one["kind"] == "PodDisruptionBudget":
                assert any(fits(spec["selector"]["matchLabels"], have) for have in labels.values()), name
            elif one["kind"] == "ServiceMonitor":
                assert any(fits(spec["selector"]["matchLabels"], s["metadata"]["labels"]) for s in services.values()), name
            elif one["kind"] in ("HorizontalPodAutoscaler", "ScaledObject"):
                assert spec["scaleTargetRef"]["name"] in labels, name
            elif one["kind"] == "NetworkPolicy" and "matchLabels" in spec["podSelector"] and not values:
                assert any(fits(spec["podSelector"]["matchLabels"], have) for have in labels.values()), name


@check("Every setting in the manifests is one of the program's")
def manifest_settings():
    known = settings() | {"POD_NAME"}
    for values in VARIANTS:
        for name, pod in pods(chart(*values)):
            for container in pod["spec"]["containers"]:
                unknown = {e["name"] for e in container.get("env", [])} - known
                assert not unknown, f"{values} {name} sets {unknown}"


@check("Ten partitions have ten workers, each with its own queue, or are scaled for as well")
def partitions():
    workers = [d for n, d in by_kind(chart("partitions.yaml"), "Deployment").items() if "partition" in n]
    env = lambda d: {e["name"]: e.get("value") for e in d["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert [env(d)["QUEUE_NAME"] for d in workers] == [f"workflow:partition:{n}" for n in range(10)]
    assert all(env(d)["QUEUE_PARTITIONS"] == "10" for d in workers)
    scaler = by_kind(chart("spread.yaml"), "ScaledObject")["linkflow-worker-scaler"]["spec"]
    lists = [t["metadata"]["listName"] for t in scaler["triggers"]]
    assert "asynq:{workflow:partition:9}:pending" in lists and len(lists) == 26, lists


@check("Each way to Redis has its own scaler of KEDA")
def scalers():
    def types(*values):
        scaler = by_kind(chart(*values), "ScaledObject")["linkflow-worker-scaler"]["spec"]
        return {t["type"] for t in scaler["triggers"]}, scaler

    assert types()[0] == {"redis"} and types("partitions.yaml")[0] == {"redis-cluster"}
    kinds, scaler = types("sentinel.yaml")
    assert kinds == {"redis-sentinel", "prometheus"}, kinds
    assert scaler["advanced"]["scalingModifiers"]["formula"].endswith("+ running * 10"), scaler["advanced"]


@check("deploy/kubernetes/base is what the chart gives, and an overlay changes what it says")
def kustomize():
    written = (DEPLOY / "kubernetes/base/linkflow.yaml").read_text()
    assert written == base_manifests(), "deploy/kubernetes/base/linkflow.yaml is stale: scripts/deploy-test.sh write"
    made = manifests(render("kustomize", DEPLOY / "kubernetes/example"))
    images = {c["image"] for _, pod in pods(made) for c in pod["spec"]["containers"]}
    assert "registry.example.com/linkflow/worker:0.1.0" in images, images
    assert by_kind(made, "Ingress")["linkflow"]["spec"]["rules"][0]["host"] == "flows.example.com"
    assert all(one["metadata"].get("namespace") == "linkflow" for one in made if one["kind"] != "Namespace")
