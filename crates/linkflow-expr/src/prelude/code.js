// The world that people's code runs in: its data, its console, and the few things of a server's
// JavaScript that code commonly reaches for. There is no file, network, process or clock of the
// host behind any of it.
(function (host, request) {
"use strict";
const { mode, context } = request;
const isEach = mode === "each" || mode === "functionItem";
const parse = JSON.parse;
const stringify = JSON.stringify;
const globals = globalThis;

/** An error that is about how the world was used, not one that the code threw itself. */
class LinkflowError extends Error {}
Object.defineProperty(LinkflowError.prototype, "name", { value: "Error" });
const refuse = (message) => { throw new LinkflowError(message); };

const define = (name, value) =>
  Object.defineProperty(globals, name, { value, writable: true, configurable: true, enumerable: false });
const lazy = (owner, name, get, enumerable = false) =>
  Object.defineProperty(owner, name, {
    configurable: true,
    enumerable,
    get,
    set(value) { Object.defineProperty(owner, name, { value, writable: true, configurable: true, enumerable }); },
  });

// ---- Items

let current = 0;
let inputItems;
const input = () => (inputItems ??= withFiles(parse(request.items)).map((item, i) => ({ ...item, pairedItem: { item: i } })));

/** The bytes of each file, as base64 under `data`; fetched when somebody looks. */
function withFiles(items) {
  for (const { binary } of items) {
    for (const file of Object.values(binary ?? {})) {
      Object.defineProperty(file, "data", {
        configurable: true,
        enumerable: false,
        get: () => ask({ file: file.id }).data,
        set(value) { Object.defineProperty(file, "data", { value, writable: true, enumerable: true, configurable: true }); },
      });
    }
  }
  return items;
}
const currentItem = () => input()[current];
const notHere = (name) => {
  if (mode === "each") refuse(`${name} cannot be used when the code runs once for each item`);
};

const $input = {
  all: () => { notHere("$input.all()"); return input(); },
  first: () => { notHere("$input.first()"); return input()[0]; },
  last: () => { notHere("$input.last()"); return input()[input().length - 1]; },
  get item() { return currentItem(); },
  get params() { return context.prevNode?.params; },
  context: {},
};

// ---- Other nodes

const answers = new Map();

/** Asks the host; each question once. What the answer holds is made of it by `read`. */
function once(question, read) {
  const key = stringify(question);
  if (!answers.has(key)) {
    const answer = parse(host.nodes(key));
    if (answer.error !== undefined) refuse(answer.error);
    answers.set(key, read(answer));
  }
  return answers.get(key);
}
const ask = (question) => once(question, (answer) => answer);

const itemsOf = (node, output, run) =>
  once({ node, items: { output: output ?? null, run: run === undefined || run === -1 ? null : run } }, (a) => withFiles(a.items));
const sameOf = (node, item) => once({ node, same: { item } }, (a) => withFiles([a.item])[0]);
const pairedOf = (node, item) => once({ node, paired: { item } }, (a) => withFiles([a.item])[0]);

class NodeView {
  #name;
  constructor(name) { this.#name = name; }
  all(output, run) { return itemsOf(this.#name, output, run); }
  first(output, run) { return this.all(output, run)[0]; }
  last(output, run) { return this.all(output, run).at(-1); }
  itemMatching(index) {
    if (index === undefined) refuse(".itemMatching() needs the index of an item");
    return pairedOf(this.#name, index);
  }
  pairedItem(index) { return pairedOf(this.#name, index ?? current); }
  get item() { return pairedOf(this.#name, current); }
  get isExecuted() { return ask({ node: this.#name, info: {} }).isExecuted; }
  get params() { return ask({ node: this.#name, info: {} }).params; }
  get context() { return ask({ node: this.#name, info: {} }).context ?? {}; }
  // The older form: $node["Name"].json
  get json() { return sameOf(this.#name, current)?.json; }
  get binary() { return sameOf(this.#name, current)?.binary; }
  get runIndex() { return ask({ node: this.#name, info: {} }).runIndex; }
  get parameter() { return this.params; }
}

const views = new Map();
function $(name) {
  if (typeof name !== "string" || name === "") refuse('$() needs the name of a node, as in $("Name")');
  if (!views.has(name)) {
    ask({ node: name, info: {} });
    views.set(name, new NodeView(name));
  }
  return views.get(name);
}

define("$", $);
define("$node", new Proxy({}, { get: (_, name) => (typeof name === "string" ? $(name) : undefined), has: () => true }));
define("$items", (name, output, run) => (name === undefined ? input() : itemsOf(String(name), output, run)));
define("$item", (index) => {
  const at = Number(index) || 0;
  return {
    get $json() { return input()[at]?.json; },
    get $binary() { return input()[at]?.binary; },
    $node: new Proxy({}, { get: (_, name) => (typeof name === "string" ? { get json() { return sameOf(name, at)?.json; }, get binary() { return sameOf(name, at)?.binary; } } : undefined) }),
  };
});
define("$input", $input);
lazy(globals, "$json", () => currentItem()?.json);
lazy(globals, "$data", () => currentItem()?.json);
lazy(globals, "$binary", () => currentItem()?.binary ?? {});
lazy(globals, "$itemIndex", () => current);
define("$runIndex", context.runIndex);
define("$prevNode", { name: context.prevNode?.name, outputIndex: context.prevNode?.outputIndex ?? 0, runIndex: context.prevNode?.runIndex ?? 0 });
define("$workflow", context.workflow);
define("$vars", context.vars);
define("$env", context.env);
define("$parameter", context.params);
define("$mode", context.execution.mode);
define("$self", {});
define("$nodeVersion", context.nodeVersion);

// ---- What is kept

const customData = context.customData;
let customDataChanged = false;
const textOf = (v) => (typeof v === "string" || typeof v === "number" || typeof v === "boolean" ? v : refuse(`custom data holds texts, numbers and booleans, got ${typeof v}`));
define("$execution", {
  ...context.execution,
  customData: {
    set: (key, value) => { customData[String(key)] = textOf(value); customDataChanged = true; },
    setAll: (values) => { for (const [k, v] of Object.entries(values)) customData[k] = textOf(v); customDataChanged = true; },
    get: (key) => customData[String(key)],
    getAll: () => ({ ...customData }),
  },
});

const kept = { global: undefined, node: undefined };
define("$getWorkflowStaticData", function (kind) {
  if (kind !== "global" && kind !== "node") refuse(`$getWorkflowStaticData() takes "global" or "node", got ${stringify(kind)}`);
  return (kept[kind] ??= parse(request.kept[kind]));
});
define("getWorkflowStaticData", globals.$getWorkflowStaticData);

// ---- Console

const LOG_LINES_MAX = 1000;
const LOG_LINE_CHARS_MAX = 10000;
const logs = [];
function show(value) {
  if (typeof value === "string") return value;
  if (typeof value === "function") return `[Function ${value.name || "anonymous"}]`;
  if (value instanceof Error) return value.stack ? `${value.name}: ${value.message}` : String(value);
  if (typeof value !== "object" || value === null) return String(value);
  try { return stringify(value, null, 1) ?? String(value); } catch { return String(value); }
}
const print = (...values) => {
  if (logs.length > LOG_LINES_MAX) return;
  if (logs.length === LOG_LINES_MAX) { logs.push(`(more than ${LOG_LINES_MAX} lines: the rest is left out)`); return; }
  const line = values.map(show).join(" ");
  logs.push(line.length > LOG_LINE_CHARS_MAX ? line.slice(0, LOG_LINE_CHARS_MAX) + "..." : line);
};
define("console", Object.fromEntries(
  ["log", "info", "warn", "error", "debug", "trace", "dir", "table"].map((n) => [n, print])
    .concat(["time", "timeEnd", "timeLog", "group", "groupEnd", "assert", "count"].map((n) => [n, () => {}]))));

// ---- Time

const timers = [];
let timerId = 0;
let virtualMs = 0;
function later(callback, ms, args, everyMs) {
  if (typeof callback !== "function") throw new TypeError("a timer needs a function");
  timers.push({ id: ++timerId, at: virtualMs + Math.max(0, Number(ms) || 0), callback, args, everyMs });
  return timerId;
}
define("setTimeout", (callback, ms, ...args) => later(callback, ms, args));
define("setInterval", (callback, ms, ...args) => later(callback, ms, args, Math.max(1, Number(ms) || 0)));
define("setImmediate", (callback, ...args) => later(callback, 0, args));
const clear = (id) => {
  const at = timers.findIndex((t) => t.id === id);
  if (at >= 0) timers.splice(at, 1);
};
for (const name of ["clearTimeout", "clearInterval", "clearImmediate"]) define(name, clear);

/** Runs the timer that is due first, at once: nobody really waits. False when there is none. */
function runTimer() {
  if (!timers.length) return false;
  let first = 0;
  timers.forEach((t, i) => { if (t.at < timers[first].at) first = i; });
  const [timer] = timers.splice(first, 1);
  virtualMs = timer.at;
  if (timer.everyMs !== undefined) timers.push({ ...timer, at: virtualMs + timer.everyMs });
  timer.callback(...timer.args);
  return true;
}

// ---- Bytes and texts

const bytesOf = (value, encoding = "utf8") => {
  if (typeof value !== "string") {
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    if (Array.isArray(value)) return Uint8Array.from(value);
    if (value?.type === "Buffer" && Array.isArray(value.data)) return Uint8Array.from(value.data);
    throw new TypeError("expected a text, an array of bytes or a buffer");
  }
  return new Uint8Array(host.encode(value, String(encoding).toLowerCase()) ?? refuse(`${stringify(encoding)} is no encoding that is known here`));
};
const plainBytes = (view) => (view.constructor === Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
const textFrom = (bytes, encoding = "utf8") =>
  host.decode(plainBytes(bytes), String(encoding).toLowerCase()) ?? refuse(`${stringify(encoding)} is no encoding that is known here`);

class Buffer extends Uint8Array {
  static from(value, encoding, length) {
    const bytes = value instanceof ArrayBuffer ? new Uint8Array(value, encoding, length) : bytesOf(value, encoding);
    const out = new Buffer(bytes.length);
    out.set(bytes);
    return out;
  }
  static alloc(size, fill = 0) { return new Buffer(size).fill(fill); }
  static allocUnsafe(size) { return new Buffer(size); }
  static isBuffer(value) { return value instanceof Buffer; }
  static byteLength(value, encoding) { return bytesOf(value, encoding).length; }
  static concat(list) {
    const out = new Buffer(list.reduce((n, b) => n + b.length, 0));
    let at = 0;
    for (const b of list) { out.set(b, at); at += b.length; }
    return out;
  }
  static get [Symbol.species]() { return Buffer; }
  toString(encoding, start = 0, end = this.length) { return textFrom(this.subarray(start, end), encoding); }
  toJSON() { return { type: "Buffer", data: Array.from(this) }; }
  equals(other) { return this.length === other.length && this.every((b, i) => b === other[i]); }
  slice(start, end) { return this.subarray(start, end); }
  write(text, at = 0, encoding = "utf8") { const b = bytesOf(text, encoding); this.set(b, at); return b.length; }
  readUInt8(at = 0) { return this[at]; }
}
define("Buffer", Buffer);
define("btoa", (text) => {
  const s = String(text);
  if (/[^\x00-\xff]/.test(s)) throw new RangeError("btoa() takes characters up to 255 only");
  return textFrom(Uint8Array.from(s, (c) => c.charCodeAt(0)), "base64");
});
define("atob", (text) => textFrom(bytesOf(String(text), "base64"), "latin1"));
define("TextEncoder", class TextEncoder {
  get encoding() { return "utf-8"; }
  encode(text = "") { return bytesOf(String(text)); }
});
define("TextDecoder", class TextDecoder {
  #encoding;
  constructor(encoding = "utf-8") { this.#encoding = encoding.toLowerCase(); }
  get encoding() { return this.#encoding; }
  decode(bytes = new Uint8Array()) { return textFrom(bytesOf(bytes), this.#encoding); }
});

/** A copy that shares nothing: what JSON knows, and dates, maps, sets and bytes. */
define("structuredClone", (value) => {
  const seen = new Map();
  const copy = (v) => {
    if (typeof v === "function" || typeof v === "symbol") throw new TypeError(`${typeof v} cannot be copied`);
    if (typeof v !== "object" || v === null) return v;
    if (seen.has(v)) return seen.get(v);
    const keep = (out) => { seen.set(v, out); return out; };
    if (v instanceof Date) return keep(new Date(+v));
    if (v instanceof RegExp) return keep(new RegExp(v.source, v.flags));
    if (ArrayBuffer.isView(v)) return keep(v.slice());
    if (v instanceof ArrayBuffer) return keep(v.slice(0));
    if (v instanceof Map) { const m = keep(new Map()); v.forEach((x, k) => m.set(copy(k), copy(x))); return m; }
    if (v instanceof Set) { const s = keep(new Set()); v.forEach((x) => s.add(copy(x))); return s; }
    if (v instanceof Error) { const e = keep(new Error(v.message)); e.name = v.name; return e; }
    const out = keep(Array.isArray(v) ? [] : {});
    for (const k of Object.keys(v)) Object.defineProperty(out, k, { value: copy(v[k]), writable: true, enumerable: true, configurable: true });
    return out;
  };
  return copy(value);
});

// ---- Addresses

class URLSearchParams {
  #pairs = [];
  constructor(from = "") {
    const decode = (s) => { try { return decodeURIComponent(s.replace(/\+/g, " ")); } catch { return s; } };
    if (typeof from === "string") {
      for (const part of from.replace(/^\?/, "").split("&")) {
        if (!part) continue;
        const at = part.indexOf("=");
        this.#pairs.push(at < 0 ? [decode(part), ""] : [decode(part.slice(0, at)), decode(part.slice(at + 1))]);
      }
    } else {
      const pairs = typeof from[Symbol.iterator] === "function" ? from : Object.entries(from);
      for (const [k, v] of pairs) this.#pairs.push([String(k), String(v)]);
    }
  }
  get(name) { return this.#pairs.find(([k]) => k === name)?.[1] ?? null; }
  getAll(name) { return this.#pairs.filter(([k]) => k === name).map(([, v]) => v); }
  has(name) { return this.#pairs.some(([k]) => k === name); }
  append(name, value) { this.#pairs.push([String(name), String(value)]); }
  delete(name) { this.#pairs = this.#pairs.filter(([k]) => k !== name); }
  set(name, value) {
    const at = this.#pairs.findIndex(([k]) => k === name);
    if (at < 0) return this.append(name, value);
    this.#pairs[at][1] = String(value);
    this.#pairs = this.#pairs.filter(([k], i) => k !== name || i === at);
  }
  sort() { this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)); }
  get size() { return this.#pairs.length; }
  forEach(f) { this.#pairs.forEach(([k, v]) => f(v, k, this)); }
  keys() { return this.#pairs.map(([k]) => k).values(); }
  values() { return this.#pairs.map(([, v]) => v).values(); }
  entries() { return this.#pairs.map((p) => [...p]).values(); }
  [Symbol.iterator]() { return this.entries(); }
  toString() {
    const encode = (s) => encodeURIComponent(s).replace(/%20/g, "+").replace(/[!'()~]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());
    return this.#pairs.map(([k, v]) => encode(k) + "=" + encode(v)).join("&");
  }
}
define("URLSearchParams", URLSearchParams);

const DEFAULT_PORTS = { "http:": "80", "https:": "443", "ftp:": "21", "ws:": "80", "wss:": "443" };
define("URL", class URL {
  constructor(address, base) {
    let text = String(address).trim();
    if (!/^[a-z][a-z0-9+.-]*:/i.test(text)) {
      if (base === undefined) throw new TypeError(`Invalid URL: ${text}`);
      const b = new URL(base);
      if (text.startsWith("//")) text = b.protocol + text;
      else if (text.startsWith("/")) text = b.origin + text;
      else if (text.startsWith("?")) text = b.origin + b.pathname + text;
      else if (text.startsWith("#")) text = b.origin + b.pathname + b.search + text;
      else text = b.origin + b.pathname.replace(/[^\/]*$/, "") + text;
    }
    const m = /^([a-z][a-z0-9+.-]*:)(?:\/\/(?:([^\/?#@]*)@)?(\[[^\]]*\]|[^\/?#:]*)(?::(\d*))?)?([^?#]*)(\?[^#]*)?(#.*)?$/i.exec(text);
    const needsHost = m && m[1].toLowerCase() in DEFAULT_PORTS;
    if (!m || (needsHost && !m[3]) || /[\s<>^|%]/.test(m[3] ?? "")) throw new TypeError(`Invalid URL: ${address}`);
    this.protocol = m[1].toLowerCase();
    [this.username, this.password] = ((m[2] ?? "") + ":").split(":");
    this.hostname = (m[3] ?? "").toLowerCase();
    this.port = m[4] && m[4] !== DEFAULT_PORTS[this.protocol] ? String(Number(m[4])) : "";
    this.pathname = needsHost ? normalPath(m[5]) : m[5];
    this.hash = m[7] && m[7] !== "#" ? m[7] : "";
    this.searchParams = new URLSearchParams(m[6] ?? "");
    this.#search = m[6] && m[6] !== "?" ? escapeSome(m[6]) : "";
    this.#parsed = this.searchParams.toString();
  }
  #search;
  #parsed;
  get search() {
    const now = this.searchParams.toString();
    return now === this.#parsed ? this.#search : now && "?" + now;
  }
  set search(text) {
    this.searchParams = new URLSearchParams(String(text));
    this.#search = text && text !== "?" ? (String(text).startsWith("?") ? "" : "?") + text : "";
    this.#parsed = this.searchParams.toString();
  }
  get host() { return this.hostname + (this.port && ":" + this.port); }
  get origin() { return this.hostname ? `${this.protocol}//${this.host}` : "null"; }
  get href() {
    const user = this.username && this.username + (this.password && ":" + this.password) + "@";
    return this.protocol + (this.hostname ? "//" + user + this.host : "") + this.pathname + this.search + this.hash;
  }
  toString() { return this.href; }
  toJSON() { return this.href; }
  static canParse(text, base) { try { return Boolean(new URL(text, base)); } catch { return false; } }
});
const escapeSome = (s) => s.replace(/[\s"<>`{}\u0080-\uffff]+/g, (c) => encodeURIComponent(c));
function normalPath(path) {
  const out = [];
  const parts = path.split("/").slice(1);
  parts.forEach((p, i) => {
    const isLast = i === parts.length - 1;
    if (p === "..") { out.pop(); if (isLast) out.push(""); }
    else if (p === ".") { if (isLast) out.push(""); }
    else out.push(escapeSome(p));
  });
  return "/" + out.join("/");
}

// ---- Modules

const join = (list) => {
  const out = new Uint8Array(list.reduce((n, b) => n + b.length, 0));
  let at = 0;
  for (const b of list) { out.set(b, at); at += b.length; }
  return out;
};
const ALGORITHMS = "md5, sha1, sha224, sha256, sha384, sha512, sha3-256, sha3-384, sha3-512";
function digester(algorithm, key) {
  const name = String(algorithm).toLowerCase().replace(/^(?:rsa-)?sha-(?=\d{1,3}$)/, "sha");
  const parts = [];
  return {
    update(data, encoding) { parts.push(bytesOf(data, encoding).slice()); return this; },
    digest(encoding) {
      const bytes = host.digest(name, key, join(parts))
        ?? refuse(`${stringify(algorithm)} is no algorithm that is known here: ${ALGORITHMS}`);
      const buffer = Buffer.from(bytes);
      return encoding === undefined || encoding === "buffer" ? buffer : buffer.toString(encoding);
    },
  };
}
const cryptoModule = {
  createHash: (algorithm) => digester(algorithm),
  createHmac: (algorithm, key) => digester(algorithm, plainBytes(bytesOf(key))),
  randomUUID: () => host.randomUuid(),
  randomBytes: (n) => Buffer.from(host.randomBytes(Math.min(65536, Math.max(0, Number(n) || 0)))),
  randomInt: (min, max) => {
    const [low, high] = max === undefined ? [0, min] : [min, max];
    const bytes = new Uint8Array(host.randomBytes(6));
    return low + Math.floor(bytes.reduce((n, b) => n * 256 + b, 0) / 2 ** 48 * (high - low));
  },
  timingSafeEqual: (a, b) => Buffer.from(a).equals(Buffer.from(b)),
  getHashes: () => ALGORITHMS.split(", "),
};
const MODULES = {
  crypto: () => cryptoModule,
  luxon: () => host.luxon(),
  buffer: () => ({ Buffer }),
  url: () => ({ URL: globals.URL, URLSearchParams }),
  util: () => ({ TextEncoder: globals.TextEncoder, TextDecoder: globals.TextDecoder, inspect: show, isDeep: undefined }),
};
define("require", (name) => {
  const known = String(name).replace(/^node:/, "");
  if (!Object.hasOwn(MODULES, known)) {
    refuse(`the module "${name}" is not available in code; the modules here are ${Object.keys(MODULES).join(", ")}`);
  }
  return MODULES[known]();
});
define("module", { exports: {} });
define("global", globals);
define("crypto", { randomUUID: cryptoModule.randomUUID, getRandomValues: (view) => { view.set(new Uint8Array(host.randomBytes(view.length))); return view; } });

const helper = (name) => () => refuse(`helpers.${name}() is not available in code: use a node for it`);
const helpers = Object.fromEntries(["httpRequest", "httpRequestWithAuthentication", "requestWithAuthenticationPaginated",
  "request", "requestOAuth1", "requestOAuth2", "setBinaryDataBuffer"].map((name) => [name, helper(name)]));
helpers.returnJsonArray = (data) => [data].flat().map((json) => ({ json }));
const fileOf = (index, name) => {
  const file = typeof name === "object" ? name : input()[index]?.binary?.[name];
  return file ?? refuse(`item ${index} has no file ${stringify(name)}`);
};
helpers.getBinaryDataBuffer = async (index, name) => Buffer.from(fileOf(index, name).data, "base64");
// Types of files by the ends of their names, where code does not give one.
const TYPES = { csv: "text/csv", css: "text/css", gif: "image/gif", htm: "text/html", html: "text/html", jpeg: "image/jpeg",
  jpg: "image/jpeg", js: "text/javascript", json: "application/json", md: "text/markdown", mp3: "audio/mpeg", mp4: "video/mp4",
  pdf: "application/pdf", png: "image/png", svg: "image/svg+xml", webp: "image/webp", xml: "application/xml", yaml: "text/yaml",
  yml: "text/yaml", zip: "application/zip", xls: "application/vnd.ms-excel", doc: "application/msword",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document" };
helpers.prepareBinaryData = async (bytes, fileName, mimeType) => ({
  data: Buffer.from(bytes).toString("base64"),
  mimeType: mimeType ?? TYPES[`${fileName ?? ""}`.split(".").pop().toLowerCase()] ?? "text/plain",
  ...(fileName === undefined ? {} : { fileName }),
});
helpers.binaryToString = async (bytes, encoding) => Buffer.from(bytes).toString(encoding);
define("helpers", helpers);

BigInt.prototype.toJSON = function () { return this.toString(); };

// ---- Results

const typeName = (v) => (v === null ? "null" : Array.isArray(v) ? "an array" : typeof v === "object" ? "an object" : v === undefined ? "nothing" : `a ${typeof v}`);
const isObject = (v) => typeof v === "object" && v !== null && !Array.isArray(v) && !(v instanceof Date);
const ITEM_KEYS = new Set(["json", "binary", "pairedItem", "error", "index"]);
const looksLikeItem = (v) => Object.hasOwn(v, "json") || Object.hasOwn(v, "binary");

function checkJson(json, index) {
  if (!isObject(json)) refuse(`the \`json\` of an item must be an object, got ${typeName(json)} [item ${index}]`);
  return json;
}

function checkBinary(binary, index) {
  if (binary !== undefined && binary !== null && !isObject(binary)) {
    refuse(`the \`binary\` of an item must be an object, got ${typeName(binary)} [item ${index}]`);
  }
  return binary;
}

/** The list of items that code for all items gave. */
function itemsFrom(result) {
  if (result === null) return [];
  if (isObject(result)) return itemsFrom([result]);
  if (!Array.isArray(result) || !result.every(isObject)) {
    const got = Array.isArray(result) ? `an array with ${typeName(result.find((v) => !isObject(v)))} in it` : typeName(result);
    refuse(`the code must return a list of items, each an object: got ${got}`);
  }
  if (!result.some(looksLikeItem)) return result.map((json) => ({ json }));
  return result.map((item, i) => {
    const unknown = Object.keys(item).find((k) => !ITEM_KEYS.has(k));
    if (unknown !== undefined) refuse(`an item has no key \`${unknown}\`; put the data into \`json\` [item ${i}]`);
    checkBinary(item.binary, i);
    return { ...item, json: checkJson(item.json ?? (Object.hasOwn(item, "json") ? item.json : {}), i) };
  });
}

/** The item that code for one item gave; undefined when it gave none. */
function itemFrom(result, index) {
  if ((result === null || result === undefined) && mode === "each") return undefined;
  if (!isObject(result)) refuse(`the code must return one object for each item, got ${typeName(result)}`);
  if (mode === "functionItem") return { json: result, binary: input()[index].binary, pairedItem: { item: index } };
  if (!looksLikeItem(result)) return { json: result, pairedItem: { item: index } };
  const item = { json: checkJson(result.json ?? (Object.hasOwn(result, "json") ? result.json : {}), index), pairedItem: { item: index } };
  if (checkBinary(result.binary, index) !== undefined) item.binary = result.binary;
  return item;
}

// ---- Runs

/** What `this` is in the code. */
const self = { helpers, getWorkflowStaticData: globals.$getWorkflowStaticData, getNodeParameter: (name, fallback) => context.params?.[name] ?? fallback };

if (mode === "all" || mode === "function") lazy(globals, "items", input);
if (mode === "each") lazy(globals, "item", currentItem);

if (mode === "functionItem") {
  define("getBinaryData", () => currentItem().binary);
  define("setBinaryData", (binary) => { currentItem().binary = binary; });
  for (const name of ["getBinaryData", "setBinaryData"]) {
    self[name] = globals[name];
    define(name + "Async", async (binary) => globals[name](binary));
  }
}

let isRunning = false;
async function runAll(code) {
  const result = await code.call(self);
  if (request.wantsRaw && !(Array.isArray(result) && result.every(isObject))) return { raw: result };
  return { items: itemsFrom(result) };
}

async function runEach(code) {
  const out = [];
  for (current = 0; current < input().length; current++) {
    if (mode === "functionItem") define("item", currentItem().json);
    let hasRun = false;
    try {
      const result = await code.call(self);
      hasRun = true;
      const item = itemFrom(result, current);
      if (item !== undefined) out.push(item);
    } catch (thrown) {
      // A result that is no item fails the node as a whole; only the older node goes on.
      if (!request.goesOn || (hasRun && mode === "each")) throw thrown;
      const { message, where } = failure(thrown);
      // The older node tells no place, and leaves it open of which item an error is that code threw.
      if (mode !== "functionItem") out.push({ json: { error: message }, pairedItem: { item: current } });
      else out.push({ json: { error: message.slice(0, message.length - where.length) }, ...(thrown instanceof LinkflowError ? { pairedItem: { item: current } } : {}) });
    }
  }
  current = Math.max(0, current - 1);
  return { items: out };
}

/** The engine's wording of the commonest mistakes, in the words that people know and search for. */
const familiar = (message) => message
  .replace(/^cannot read property '(.+)' of (undefined|null)$/, "Cannot read properties of $2 (reading '$1')")
  .replace(/^cannot set property '(.+)' of (undefined|null)$/, "Cannot set properties of $2 (setting '$1')")
  .replace(/^'(.+)' is not defined$/, "$1 is not defined")
  .replace(/^'(.+)' is read-only$/, "Assignment to constant variable: $1");

/** What the code called there, as it is written; the engine only says that it is no function. */
function calleeAt(line, column) {
  const text = request.source.split("\n")[line - 1] ?? "";
  const at = column - 1 - (line === 1 ? "(async function(){".length : 0);
  const calls = [...text.matchAll(/[\w$]+(?:\??\.[\w$]+|\[[^\[\]]*\])*(?=\s*\()/g)];
  const near = calls.filter((c) => c.index - 2 <= at && at <= c.index + c[0].length + 1);
  if (near.length !== 1) return undefined;
  return (text[near[0].index - 1] === "." ? "(...)." : "") + near[0][0];
}

/** What was thrown, as text; with the place in the code where one is known. */
function failure(thrown) {
  const place = typeof thrown?.stack === "string" ? /\bcode:(\d+):(\d+)/.exec(thrown.stack) : null;
  const isError = thrown instanceof Error;
  const isNoFunction = isError && place && thrown.message === "not a function";
  const callee = isNoFunction ? calleeAt(Number(place[1]), Number(place[2])) : undefined;
  const message = callee !== undefined ? `${callee} is not a function`
    : isError ? thrown.message || thrown.name
    : thrown && typeof thrown === "object" && typeof thrown.linkflow === "string" ? thrown.linkflow
    : thrown && typeof thrown === "object" && typeof thrown.message === "string" ? thrown.message
    : stringify(thrown) ?? String(thrown);
  const where = !place ? "" : thrown instanceof LinkflowError && isEach ? ` [line ${place[1]}, for item ${current}]` : ` [line ${place[1]}]`;
  const syntax = thrown instanceof SyntaxError && !isRunning ? "the code cannot be read: " : "";
  return {
    message: syntax + familiar(String(message)) + where,
    where,
    description: isError && typeof thrown.description === "string" ? thrown.description : null,
    item: isEach ? current : null,
  };
}

/** Strings only: the host takes nothing else from here. */
const finish = (done) => stringify({
  ...done,
  logs,
  kept: { global: kept.global && stringify(kept.global), node: kept.node && stringify(kept.node) },
  customData: customDataChanged ? customData : null,
});

return {
  run: (code) => {
    isRunning = true;
    return (isEach ? runEach(code) : runAll(code)).then(finish);
  },
  failure: (thrown) => stringify({ ...failure(thrown), where: undefined, logs }),
  runTimer,
};
})
