"""The configurations of nginx, PgBouncer, PostgreSQL and Redis, with those programs, on this machine."""

import base64
import json
import os
import re
import shutil
import signal
import socket

from support import (AT_END, DEPLOY, ROOT, Cluster, chart, check, end, folder, free_port, get, listens, run, start,
                     until)


def nginx(cluster, ws):
    """nginx before the API servers of a cluster, one of three of which is not there."""
    at, port = folder(), free_port()
    hosts = {"api1:8090": f"127.0.0.1:{cluster.port('api-1')}", "api2:8090": f"127.0.0.1:{cluster.port('api-2')}",
             "api3:8090": f"127.0.0.1:{free_port()}"}
    (at / "conf.d").mkdir()
    for name in ("upstream.conf", ws, "linkflow.conf"):
        text = (DEPLOY / "nginx" / name).read_text().replace("listen 80;", f"listen 127.0.0.1:{port};")
        for old, new in hosts.items():
            text = text.replace(old, new)
        (at / "conf.d" / name).write_text(text)
    paths = "".join(f"{kind}_temp_path {at}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (at / "nginx.conf").write_text(
        f"worker_processes 1; pid {at}/pid; error_log {at}/error.log;\nevents {{}}\n"
        f"http {{ access_log off; {paths} include {at}/conf.d/*.conf; }}\n")
    run("nginx", "-t", "-e", at / "error.log", "-c", at / "nginx.conf")
    process = start("nginx", "-e", at / "error.log", "-c", at / "nginx.conf", "-g", "daemon off;")
    until("nginx listens", lambda: listens(port))
    return process, f"http://127.0.0.1:{port}"


def n_requests(cluster, name, route):
    found = cluster.metrics(name).get("http_request_duration_seconds_count", {})
    return sum(n for labels, n in found.items() if f'route="{route}"' in labels)


def counted(cluster, route, ask):
    """How many requests of a route came to each API server while something was asked."""
    servers = ("api-1", "api-2")
    before = {name: n_requests(cluster, name, route) for name in servers}
    ask()
    return {name: n_requests(cluster, name, route) - before[name] for name in servers}


def upgrade(url, key):
    """The first line of the answer to a request for a WebSocket."""
    host = url.removeprefix("http://")
    with socket.create_connection(tuple(host.split(":")), 10) as s:
        words = [f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.b64encode(b"0123456789abcdef").decode(),
                 f"\r\nAuthorization: Bearer {key}\r\n\r\n"]
        s.sendall("".join(words).encode())
        return s.recv(200).decode().splitlines()[0]


@check("nginx takes its files, spreads requests, and goes on without one of three API servers")
def balanced():
    cluster = Cluster.get()
    cluster.publish("balanced")
    process, url = nginx(cluster, "ws.conf")

    def ask():
        statuses = [get(url + "/health/live")[0] for _ in range(60)]
        assert statuses == [200] * 60, statuses

    shares = counted(cluster, "/health/live", ask)
    assert sum(shares.values()) == 60 and min(shares.values()) >= 20, shares
    posted = [cluster.post("balanced", url) for _ in range(30)]
    assert posted == [200] * 30, posted
    assert get(url + "/metrics")[0] == 404
    end(process)


def key_of(cluster):
    said = cluster.command("apikey", "create", f"check-{free_port()}", "--scope", "read")
    return re.search(r"lf_\w+", said)[0]


@check("WebSockets go through nginx, to any instance or always to the same one")
def websockets():
    cluster = Cluster.get()
    key = key_of(cluster)
    for ws, is_sticky in (("ws.conf", False), ("ws-sticky.conf", True)):
        process, url = nginx(cluster, ws)

        def ask():
            lines = [upgrade(url, key) for _ in range(12)]
            assert all(" 101 " in line for line in lines), lines

        shares = counted(cluster, "/ws", ask)
        end(process)
        assert sum(shares.values()) == 12, shares
        assert (0 in shares.values()) == is_sticky, f"{ws}: {shares}"


# What KEDA's scaler for Redis asks, for a list as for anything else.
KEDA = """
local cmd = {zset = 'zcard', set = 'scard', list = 'llen', hash = 'hlen', none = 'llen'}
return redis.call(cmd[redis.call('type', KEYS[1]).ok], KEYS[1])
"""


@check("KEDA's question to Redis counts what waits, as the ScaledObject asks it")
def keda():
    cluster = Cluster.get()
    cluster.publish("waits")
    spec = next(one for one in chart() if one["kind"] == "ScaledObject")["spec"]

    def formula():
        numbers = {t["name"]: int(cluster.redis("EVAL", KEDA, "1", t["metadata"]["listName"])) for t in spec["triggers"]}
        return eval(spec["advanced"]["scalingModifiers"]["formula"], {}, numbers)

    cluster.signal("worker-1", signal.SIGSTOP)
    try:
        assert [cluster.post("waits") for _ in range(40)] == [200] * 40
        # The worker may have asked for work before it stood still.
        until("the executions wait", lambda: 29 <= formula() <= 40)
        # The name in the guide is that of no list.
        assert cluster.redis("EVAL", KEDA, "1", "asynq:{default}") == "0"
    finally:
        cluster.signal("worker-1", signal.SIGCONT)
    until("nothing waits any more", lambda: formula() == 0)


@check("A container knows whether its role takes work")
def is_ready():
    cluster = Cluster.get()
    script = DEPLOY / "docker/is-ready.sh"
    for name in ("api-1", "worker-1", "scheduler-1"):
        run("bash", script, env={"PORT": str(cluster.port(name))})
    done = run("bash", script, env={"PORT": str(free_port())}, may_fail=True)
    assert "refused" in done, done


@check("PgBouncer takes its file, and the program works through it")
def pgbouncer():
    cluster = Cluster.get()
    at, port = folder(), free_port()
    text = (DEPLOY / "pgbouncer/pgbouncer.ini").read_text()
    assert "pool_mode = transaction" in text and "max_client_conn = 1000" in text and "default_pool_size = 20" in text
    for old, new in [("host=postgresql_primary port=5432", f"host=127.0.0.1 port={cluster.port('postgres')}"),
                     ("listen_port = 6432", f"listen_port = {port}"), ("0.0.0.0", "127.0.0.1"),
                     ("/etc/pgbouncer/userlist.txt", f"{at}/userlist.txt")]:
        assert old in text, old
        text = text.replace(old, new)
    (at / "pgbouncer.ini").write_text(text)
    (at / "userlist.txt").write_text('"linkflow" "secret"\n')
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []
    process = start(*as_user, "pgbouncer", at / "pgbouncer.ini", log=at / "log")
    until("PgBouncer listens", lambda: listens(port))
    url = f"postgres://linkflow:secret@127.0.0.1:{port}/linkflow"
    env = {"DATABASE_URL": url, "DATABASE_DIRECT_URL": cluster.settings["DATABASE_DIRECT_URL"]}
    said = run(os.environ["LINKFLOW_BIN"], "executions", "list", "--json",
               env={**cluster.settings, **env})
    assert json.loads(said), said
    end(process)


def postgres_bin():
    return run("bash", "-c", f". {ROOT}/scripts/postgres.sh; postgres_bin").strip()


def as_postgres(*words, **options):
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []
    return run(*as_user, *words, **options)


@check("A replica copies its primary by itself, and a transaction counts once it has it")
def replica():
    at, tools = folder(), postgres_bin()
    if os.getuid() == 0:
        shutil.chown(at, "postgres", "postgres")
    (at / "archive").mkdir()
    if os.getuid() == 0:
        shutil.chown(at / "archive", "postgres", "postgres")
    path = f"{tools}:{os.environ['PATH']}"
    ports = {"primary": free_port(), "replica": free_port()}
    conf = (DEPLOY / "postgres/primary.conf").read_text()
    conf = conf.replace("4GB", "32MB").replace("/archive/", f"{at}/archive/").replace("'*'", "'127.0.0.1'")
    (at / "primary.conf").write_text(conf + "fsync = off\nunix_socket_directories = ''\n")
    env = {"PATH": path, "PGHOST": "127.0.0.1", "POSTGRES_USER": "linkflow", "POSTGRES_DB": "postgres",
           "REPLICATION_PASSWORD": "b", "POSTGRES_MASTER_HOST": "127.0.0.1",
           "POSTGRES_MASTER_PORT": str(ports["primary"])}
    as_postgres("initdb", "-D", at / "primary", "-U", "linkflow", "--auth=trust", "-E", "UTF8", "--no-sync", env=env)
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []

    def begin(name, mode):
        own = {**env, "PGDATA": str(at / name), "POSTGRES_REPLICATION_MODE": mode}
        extra = ["-c", "archive_mode=off"] if mode == "slave" else []
        data = ["-c", f"hba_file={at}/{name}/pg_hba.conf", "-c", f"ident_file={at}/{name}/pg_ident.conf",
                "-c", f"data_directory={at}/{name}"]
        process = start(*as_user, "bash", DEPLOY / "postgres/start.sh", "-p", ports[name], "-c",
                        f"config_file={at}/primary.conf", *data, *extra, env=own, log=at / f"{name}.log")
        ready = lambda: "accepting" in run("pg_isready", "-h", "127.0.0.1", "-p", ports[name], env=env, may_fail=True)
        try:
            until(f"the {name} takes connections", lambda: ready() and process.poll() is None, 240)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{(at / f'{name}.log').read_text()[-2000:]}") from error
        return process

    ask = lambda name, sql: run("psql", "-qAt", "-p", ports[name], "-U", "linkflow", "postgres", "-c", sql, env=env).strip()
    primary = begin("primary", "master")
    as_postgres("bash", DEPLOY / "postgres/init-primary.sh",
                env={**env, "PGPORT": str(ports["primary"]), "PGDATA": str(at / "primary")})
    end(primary)
    primary = begin("primary", "master")
    secondary = begin("replica", "slave")
    ask("primary", "CREATE TABLE t (n int); INSERT INTO t VALUES (7)")
    assert ask("primary", "SELECT sync_state FROM pg_stat_replication") == "quorum"
    until("the replica has it", lambda: run("psql", "-qAt", "-p", ports["replica"], "-U", "linkflow", "postgres", "-c",
                                            "SELECT n FROM t", env=env, may_fail=True).strip() == "7", 120)
    assert ask("replica", "SELECT pg_is_in_recovery()") == "t"
    ask("primary", "SELECT pg_switch_wal()")
    until("the log is archived", lambda: any((at / "archive").glob("0*")))
    end(secondary)
    primary.send_signal(signal.SIGQUIT)


def redis(at, name, port, *lines):
    """A server as deploy/redis starts it, on a port of its own."""
    (at / name).mkdir()
    return start("sh", DEPLOY / "redis/start.sh", f"port {port}", "bind 127.0.0.1", *lines,
                 env={"REDIS_DATA": str(at / name)}, log=at / f"{name}.log")


@check("Three Sentinels with our file put a replica in the place of a primary that is gone")
def sentinels():
    at, first, second = folder(), free_port(), free_port()
    primary = redis(at, "primary", first)
    until("the primary listens", lambda: listens(first))
    redis(at, "replica", second, f"replicaof 127.0.0.1 {first}")
    sentinels = [free_port() for _ in range(3)]
    for n, port in enumerate(sentinels):
        text = (DEPLOY / "redis/sentinel.conf").read_text().replace("port 26379", f"port {port}")
        text = text.replace("linkflow redis 6379 2", f"linkflow 127.0.0.1 {first} 2") + f"dir {at}\n"
        (at / f"sentinel-{n}.conf").write_text(text)
        start("redis-sentinel", at / f"sentinel-{n}.conf", log=at / f"sentinel-{n}.log")
    ask = lambda port, *words: run("redis-cli", "-p", port, *words, may_fail=True)
    about = lambda port: ask(port, "SENTINEL", "MASTER", "linkflow").split()
    field = lambda port, name: dict(zip(about(port)[::2], about(port)[1::2])).get(name)
    until("they know each other and the replica", lambda: all(
        field(p, "num-other-sentinels") == "2" and field(p, "num-slaves") == "1" for p in sentinels), 180)
    assert "noeviction" in ask(first, "CONFIG", "GET", "maxmemory-policy")
    primary.kill()
    before = (at / "replica/redis.conf").read_text()
    assert f"replicaof 127.0.0.1 {first}" in before, before
    until("the replica leads", lambda: f"{second}" in ask(sentinels[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "linkflow"), 180)
    # It would follow a primary that comes back empty otherwise, had it been restarted.
    until("it remembers that", lambda: "replicaof" not in (at / "replica/redis.conf").read_text())
    url = ",".join(f"127.0.0.1:{p}" for p in sentinels)
    until("the program finds it", lambda: reaches(f"redis+sentinel://{url}/linkflow"), 120)


def reaches(url):
    """Whether the program's own look says that Redis is there."""
    said = run(os.environ["LINKFLOW_BIN"], "doctor", "--json", env={**Cluster.get().settings, "REDIS_URL": url},
               may_fail=True)
    checks = json.loads(said[said.index("{"):said.rindex("}") + 1])["checks"]
    return any("redis" in row["name"] and row["status"] != "broken" for row in checks)


@check("Six nodes with our files become three masters and three replicas")
def redis_cluster():
    at, ports = folder(), [free_port() for _ in range(6)]
    for n, port in enumerate(ports):
        redis(at, f"node-{n}", port, f"include {DEPLOY}/redis/cluster.conf", f"cluster-port {free_port()}")
    for port in ports:
        until("the node listens", lambda: listens(port))
    nodes = [f"127.0.0.1:{port}" for port in ports]
    run("bash", DEPLOY / "redis/make-cluster.sh", *nodes)
    # It is one already.
    run("bash", DEPLOY / "redis/make-cluster.sh", *nodes)
    roles = lambda: [line.split()[2].replace("myself,", "") for line in run("redis-cli", "-p", ports[0], "cluster", "nodes").splitlines()]
    until("all know their role", lambda: sorted(roles()) == ["master"] * 3 + ["slave"] * 3)
    until("the program finds it", lambda: reaches("redis+cluster://" + ",".join(nodes)), 120)
