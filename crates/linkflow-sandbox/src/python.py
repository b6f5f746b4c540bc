# The Python side of the sandbox. The first process loads what code may use, gives up every right
# that it does not need, and forks a child for each run; between its parent and that child it passes
# frames on, so that whatever the code does to its own pipes ends with its run. It trusts the
# environment that it is started in and nothing that the code gives.
import sys, os, json, ast, io, gc, time, resource, signal, ctypes
import math, datetime, re, random, statistics, collections, itertools, functools, string, hashlib
import hmac, base64, uuid, decimal, fractions, textwrap, urllib.parse, html, csv, copy, operator
import calendar, zlib, unicodedata, difflib, bisect, heapq, enum, dataclasses, typing, secrets
import struct, binascii, zoneinfo, contextlib, numbers, cmath, abc, types, pprint, email.utils
import collections.abc, html.parser, xml.etree.ElementTree, gzip, locale, keyword, inspect, builtins
import _strptime, encodings.idna, encodings.latin_1, encodings.cp1252, encodings.utf_16, encodings.ascii

LINES_MAX, LINE_CHARS_MAX, QUESTIONS_MAX = 1000, 10000, 100000
HIDDEN = ("ctypes", "_ctypes", "resource", "__main__")


def read_exactly(fd, n):
    parts = []
    while n:
        part = os.read(fd, min(n, 1 << 20))
        if not part:
            return None
        parts.append(part)
        n -= len(part)
    return b"".join(parts)


def receive(fd):
    head = read_exactly(fd, 5)
    if head is None:
        return None, b""
    body = read_exactly(fd, int.from_bytes(head[1:], "little"))
    return (None, b"") if body is None else (head[:1], body)


def send(fd, kind, body):
    data = memoryview(kind + len(body).to_bytes(4, "little") + body)
    while data:
        data = data[os.write(fd, data):]


class Refused(Exception):
    """About how the code used its world, not something that it raised itself."""


class Record(dict):
    """An object of JSON, whose fields can be written with a dot too."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name, value):
        self[name] = value

    def __delattr__(self, name):
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None

    def to_py(self):
        return self


def load(text):
    return json.loads(text, object_hook=Record)


def plain(value):
    """What JSON cannot hold, in the form that people expect of it."""
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (set, frozenset, range)) or hasattr(value, "__next__"):
        return list(value)
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, (bytes, bytearray)):
        raise Refused("bytes cannot be given in `json`: encode them, as with base64.b64encode(...).decode()")
    if isinstance(value, uuid.UUID):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise Refused("a value of type %s cannot be given as JSON" % type(value).__name__)


def finite(value):
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(field) for key, field in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(entry) for entry in value]
    return value


def dump(value):
    try:
        return json.dumps(value, default=plain, allow_nan=False, ensure_ascii=False)
    except ValueError:
        return json.dumps(finite(json.loads(json.dumps(value, default=plain))), ensure_ascii=False)


class Node:
    """Another node of the workflow."""

    def __init__(self, world, name):
        self._world, self._name = world, name

    def _items(self, output, run):
        run = None if run == -1 else run
        return self._world.ask({"node": self._name, "items": {"output": output, "run": run}})["items"]

    def all(self, output=None, run=None):
        return self._items(output, run)

    def first(self, output=None, run=None):
        return next(iter(self._items(output, run)), None)

    def last(self, output=None, run=None):
        return next(reversed(self._items(output, run)), None)

    def itemMatching(self, index):
        return self._world.ask({"node": self._name, "paired": {"item": index}})["item"]

    @property
    def item(self):
        return self.itemMatching(self._world.current)

    def _info(self):
        return self._world.ask({"node": self._name, "info": {}})

    @property
    def isExecuted(self):
        return self._info()["isExecuted"]

    @property
    def params(self):
        return self._info().get("params")

    @property
    def json(self):
        return self._world.ask({"node": self._name, "same": {"item": self._world.current}})["item"]["json"]


class Nodes:
    def __init__(self, world):
        self._world = world

    def __getitem__(self, name):
        return self._world.node(name)


class Input:
    """The items of the run."""

    def __init__(self, world):
        self._world = world

    def all(self):
        return self._world.items

    def first(self):
        return next(iter(self._world.items), None)

    def last(self):
        return next(reversed(self._world.items), None)

    @property
    def item(self):
        return self._world.items[self._world.current] if self._world.items else None

    @property
    def params(self):
        return (self._world.context.get("prevNode") or {}).get("params")


class World:
    """What the code of one run sees, and what it leaves behind."""

    def __init__(self, request):
        self.request, self.context = request, request["context"]
        self.items = request["items"]
        for index, item in enumerate(self.items):
            item["pairedItem"] = Record(item=index)
        self.current, self.logs, self.answers, self.n_questions = 0, [], {}, 0
        self.kept, self.notes, self.has_noted = {}, self.context["customData"], False

    def ask(self, question):
        text = json.dumps(question)
        if text not in self.answers:
            self.n_questions += 1
            if self.n_questions > QUESTIONS_MAX:
                raise Refused("the code asks about other nodes too often")
            send(1, b"Q", text.encode())
            answer = load(receive(0)[1])
            if answer.get("error") is not None:
                raise Refused(str(answer["error"]))
            self.answers[text] = answer
        return self.answers[text]

    def node(self, name):
        self.ask({"node": str(name), "info": {}})
        return Node(self, str(name))

    def print(self, *values, sep=" ", end="\n", file=None, flush=False):
        if len(self.logs) > LINES_MAX:
            return
        if len(self.logs) == LINES_MAX:
            self.logs.append("(more than %d lines: the rest is left out)" % LINES_MAX)
            return
        line = (" " if sep is None else str(sep)).join(map(str, values))
        self.logs.append(line[:LINE_CHARS_MAX] + "..." if len(line) > LINE_CHARS_MAX else line)

    def static_data(self, kind):
        if kind not in ("global", "node"):
            raise Refused('_getWorkflowStaticData() takes "global" or "node", got %r' % (kind,))
        return self.kept.setdefault(kind, self.request["kept_" + kind])

    def set_note(self, key, value):
        if not isinstance(value, (str, int, float, bool)):
            raise Refused("custom data holds texts, numbers and booleans, got %s" % type(value).__name__)
        self.notes[str(key)], self.has_noted = value, True

    def names(self):
        context = self.context
        execution = Record(context["execution"])
        execution["customData"] = types.SimpleNamespace(
            set=self.set_note,
            get=lambda key: self.notes.get(str(key)),
            setAll=lambda values: [self.set_note(key, value) for key, value in values.items()] and None,
            getAll=lambda: dict(self.notes),
        )
        try:
            zone = zoneinfo.ZoneInfo(self.request["zone"])
        except Exception:
            zone = datetime.timezone.utc
        now = datetime.datetime.now(zone)
        previous = context.get("prevNode") or Record()
        return {
            "_input": Input(self), "_": self.node, "_node": Nodes(self), "_workflow": context["workflow"],
            "_execution": execution, "_vars": context["vars"], "_env": context["env"],
            "_parameter": context["params"], "_runIndex": context["runIndex"], "_now": now,
            "_today": now.replace(hour=0, minute=0, second=0, microsecond=0),
            "_prevNode": Record({key: previous.get(key) for key in ("name", "outputIndex", "runIndex")}),
            "_getWorkflowStaticData": self.static_data, "_mode": context["execution"]["mode"],
            "_nodeVersion": context["nodeVersion"], "print": self.print,
        }


def compiled(source):
    """The code as the body of a function, with the lines of its author."""
    body = ast.parse(source, "code").body or [ast.Pass(lineno=1, col_offset=0)]
    waits = any(isinstance(node, ast.Await) for part in body for node in ast.walk(part))
    shape = ast.parse(("async " if waits else "") + "def _code(): pass")
    shape.body[0].body = body
    return compile(shape, "code", "exec")


def call(function):
    result = function()
    if not inspect.iscoroutine(result):
        return result
    try:
        result.send(None)
    except StopIteration as done:
        return done.value
    raise Refused("the code waits for something that will never come")


def limited_import(real):
    def load_module(name, *args, **kwargs):
        if name.partition(".")[0] in ("ctypes", "_ctypes", "resource"):
            raise ImportError("the module %s cannot be imported here" % name)
        try:
            return real(name, *args, **kwargs)
        except (PermissionError, FileNotFoundError, ModuleNotFoundError, OSError):
            raise ImportError("the module %s cannot be imported here; only modules of the standard library "
                              "that need no file, network or process can" % name) from None
    return load_module


ITEM_KEYS = {"json", "binary", "error", "pairedItem", "index"}


def item_of(given, index):
    unknown = next((key for key in given if key not in ITEM_KEYS), None)
    if unknown is not None:
        raise Refused("an item has no key `%s`; put the data into `json` [item %d]" % (unknown, index))
    data = given.get("json", {})
    if not isinstance(data, dict):
        raise Refused("the `json` of an item must be an object, got %s [item %d]" % (type(data).__name__, index))
    return {**given, "json": data}


def looks_like_item(given):
    return "json" in given or "binary" in given


def items_from(result):
    if result is None:
        return []
    if isinstance(result, dict):
        result = [result]
    if not isinstance(result, (list, tuple)) or not all(isinstance(entry, dict) for entry in result):
        raise Refused("the code must return a list of items, each an object: got %s" % type(result).__name__)
    if not any(looks_like_item(entry) for entry in result):
        return [{"json": entry} for entry in result]
    return [item_of(entry, index) for index, entry in enumerate(result)]


def item_from(result, index):
    if result is None:
        return None
    if not isinstance(result, dict):
        raise Refused("the code must return one object for each item, got %s" % type(result).__name__)
    item = item_of(result, index) if looks_like_item(result) else {"json": result}
    return {**item, "pairedItem": {"item": index}}


def line_of(error):
    if isinstance(error, SyntaxError) and error.filename == "code":
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "code":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def told(error):
    line = line_of(error)
    where = "" if line is None else " [line %d]" % line
    if isinstance(error, Refused):
        return str(error) + where
    if isinstance(error, SyntaxError):
        return "the code cannot be read: %s%s" % (error.msg, where)
    text = str(error)
    name = type(error).__name__
    return (("%s: %s" % (name, text)) if text else name) + where


def run_all(world, names, code):
    names["_items"] = names["items"] = world.items
    names["_item"] = names["_json"] = None
    exec(code, names)
    return items_from(call(names["_code"]))


def run_each(world, names, code):
    exec(code, names)
    function, out = names["_code"], []
    for index, item in enumerate(world.items):
        world.current = index
        names.update(_item=item, _json=item["json"], _binary=item.get("binary") or Record(), _itemIndex=index)
        try:
            result = call(function)
        except Exception as error:
            if not world.request["goes_on"] or isinstance(error, MemoryError):
                raise
            out.append({"json": {"error": told(error)}, "pairedItem": {"item": index}})
            continue
        made = item_from(result, index)
        if made is not None:
            out.append(made)
    return out


def run(payload):
    world = None
    try:
        world = World(load(payload))
        names = {"__builtins__": dict(vars(builtins)), "__name__": "code", **world.names()}
        names["__builtins__"]["__import__"] = limited_import(builtins.__import__)
        for gone in ("open", "input", "breakpoint", "exit", "quit", "help"):
            names["__builtins__"].pop(gone, None)
        each = world.request["mode"] == "each"
        code = compiled(world.request["source"])
        items = (run_each if each else run_all)(world, names, code)
        done = {"items": items, "logs": world.logs}
        done["kept"] = {kind: dump(data) for kind, data in world.kept.items()}
        done["customData"] = world.notes if world.has_noted else None
        return b"D", dump(done).encode("utf-8", "replace")
    except MemoryError:
        return b"F", b'"memory"'
    except BaseException as error:
        each = world is not None and world.request["mode"] == "each"
        thrown = {"message": told(error), "description": None, "item": world.current if each else None,
                  "logs": world.logs if world else []}
        return b"F", json.dumps({"thrown": thrown}).encode()


class Program(ctypes.Structure):
    _fields_ = [("n", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


class Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64)]


LIBC = ctypes.CDLL(None, use_errno=True)


def prctl(*args):
    args = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in args]
    args += [ctypes.c_ulong(0)] * (5 - len(args))
    if LIBC.prctl(ctypes.c_int(args[0].value), *args[1:]) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def filter_calls(program):
    prctl(22, 2, ctypes.byref(Program(len(program) // 8, program)))


def fence_off_files():
    """Landlock: all rights handled, none granted. Gives a note where this kernel has none."""
    version = LIBC.syscall(ctypes.c_long(444), None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if version < 1:
        return "this kernel has no landlock: only seccomp keeps code from opening files"
    files = (1 << (13 if version < 2 else 14 if version < 3 else 15 if version < 5 else 16)) - 1
    rules = Ruleset(files, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    fd = LIBC.syscall(ctypes.c_long(444), ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0))
    if fd < 0 or LIBC.syscall(ctypes.c_long(446), ctypes.c_int(fd), ctypes.c_uint32(0)) != 0:
        return "landlock could not be set up for Python"
    os.close(fd)
    return ""


def limit(what, n):
    hard = resource.getrlimit(what)[1]
    n = n if hard == resource.RLIM_INFINITY else min(n, hard)
    resource.setrlimit(what, (n, n))


def child(payload, down, up, reserved, filters):
    """Runs the code of one run, with nothing but its two pipes."""
    prctl(1, int(signal.SIGKILL))
    os.dup2(down, 0)
    os.dup2(up, 1)
    os.closerange(3, 64)
    time_ms, memory_bytes = struct.unpack("<QQ", payload[:16])
    limit(resource.RLIMIT_AS, reserved + len(payload) * 8 + memory_bytes)
    limit(resource.RLIMIT_CPU, time_ms // 1000 + 2)
    limit(resource.RLIMIT_NOFILE, 3)
    limit(resource.RLIMIT_NPROC, 0)
    filter_calls(filters[1])
    for name in HIDDEN:
        sys.modules.pop(name, None)
    sys.stdin = sys.stdout = sys.stderr = io.StringIO()
    send(1, *run(payload[16:]))


def one_run(payload, reserved, filters):
    """Forks a child for one run and passes on what goes between it and the parent."""
    to_child, from_child = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(to_child[1])
            os.close(from_child[0])
            child(payload, to_child[0], from_child[1], reserved, filters)
        except MemoryError:
            send(1, b"F", b'"memory"')
        except BaseException as error:
            send(1, b"F", json.dumps({"engine": "%s: %s" % (type(error).__name__, error)}).encode())
        os._exit(0)
    os.close(to_child[0])
    os.close(from_child[1])
    ended = False
    try:
        while not ended:
            kind, body = receive(from_child[0])
            if kind == b"Q":
                send(1, kind, body)
                send(to_child[1], *receive(0))
            else:
                ended = True
    finally:
        os.close(to_child[1])
        os.close(from_child[0])
        if kind not in (b"D", b"F"):
            os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1] if kind not in (b"D", b"F") else end(pid)
    if kind not in (b"D", b"F"):
        words = "its process ended" if os.WIFEXITED(status) else "its process was ended by signal %d" % os.WTERMSIG(status)
        kind, body = b"F", json.dumps({"engine": words}).encode()
    send(1, kind, body)


def end(pid):
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def main():
    filters = [bytes.fromhex(text) for text in sys.argv[1:3]]
    for zone in zoneinfo.available_timezones():
        try:
            zoneinfo.ZoneInfo(zone)
        except Exception:
            pass
    time.localtime()
    with open("/proc/self/statm") as statm:
        reserved = int(statm.read().split()[0]) * resource.getpagesize()
    # At the end of the pipe the process ends; nobody is to be told by a signal.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.closerange(3, 1024)
    prctl(4, 0)
    prctl(38, 1)
    note = fence_off_files()
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_FSIZE, 0)
    limit(resource.RLIMIT_NOFILE, 16)
    filter_calls(filters[0])
    gc.collect()
    gc.freeze()
    send(1, b"H", note.encode())
    while True:
        kind, payload = receive(0)
        if kind != b"R":
            os._exit(0)
        one_run(payload, reserved, filters)


try:
    main()
except BaseException as error:
    send(1, b"F", ("%s: %s" % (type(error).__name__, error)).encode())
    os._exit(2)
