// JMESPath, the query language for JSON (https://jmespath.org/specification.html), whole.
//
// An expression becomes a tree of closures `(value) => value`; compiled ones are kept, because an
// expression usually runs once per item.
(function (host) {
"use strict";
const error = (message) => new Error(`JMESPath: ${message}`);

// ---- Words

const SYMBOLS = { ".": "dot", "*": "star", ",": "comma", ":": "colon", "{": "lbrace", "}": "rbrace", "]": "rbracket", "(": "lparen", ")": "rparen", "@": "current" };
const POWER = { pipe: 1, or: 2, and: 3, eq: 5, ne: 5, lt: 5, le: 5, gt: 5, ge: 5, flatten: 9, star: 20, filter: 21, dot: 40, not: 45, lbrace: 50, lbracket: 55, lparen: 60 };
const powerOf = (word) => POWER[word.type] ?? 0;

function quoted(text, at, mark) {
  let end = at + 1;
  while (end < text.length && text[end] !== mark) end += text[end] === "\\" ? 2 : 1;
  if (end >= text.length) throw error(`the ${mark} at ${at} is not closed`);
  return text.slice(at + 1, end);
}
function literal(body) {
  const text = body.replaceAll("\\`", "`").trim();
  try { return JSON.parse(text); } catch {
    if (/^[\["{]/.test(text)) throw error(`\`${body}\` is no JSON`);
    return text; // the old form: a bare word is a text
  }
}

function split(text) {
  const words = [];
  let at = 0;
  const push = (type, length, value) => { words.push({ type, value, at }); at += length; };
  while (at < text.length) {
    const c = text[at];
    const two = text.slice(at, at + 2);
    if (/\s/.test(c)) at++;
    else if (/[A-Za-z_]/.test(c)) { const name = /^\w+/.exec(text.slice(at))[0]; push("name", name.length, name); }
    else if (/^-?\d/.test(text.slice(at, at + 2))) { const n = /^-?\d+/.exec(text.slice(at))[0]; push("number", n.length, Number(n)); }
    else if (two === "[?") push("filter", 2);
    else if (two === "[]") push("flatten", 2);
    else if (c === "[") push("lbracket", 1);
    else if (two === "||") push("or", 2);
    else if (c === "|") push("pipe", 1);
    else if (two === "&&") push("and", 2);
    else if (c === "&") push("expref", 1);
    else if (two === "==") push("eq", 2);
    else if (two === "!=") push("ne", 2);
    else if (two === "<=") push("le", 2);
    else if (two === ">=") push("ge", 2);
    else if (c === "<") push("lt", 1);
    else if (c === ">") push("gt", 1);
    else if (c === "!") push("not", 1);
    else if (c === '"') { const body = quoted(text, at, '"'); push("quoted", body.length + 2, JSON.parse(`"${body}"`)); }
    else if (c === "'") { const body = quoted(text, at, "'"); push("value", body.length + 2, body.replace(/\\(['\\])/g, "$1")); }
    else if (c === "`") { const body = quoted(text, at, "`"); push("value", body.length + 2, literal(body)); }
    else if (Object.hasOwn(SYMBOLS, c)) push(SYMBOLS[c], 1);
    else throw error(`${JSON.stringify(c)} at ${at} means nothing`);
  }
  words.push({ type: "end", at });
  return words;
}

// ---- Values

const isObject = (v) => v !== null && typeof v === "object" && !Array.isArray(v);
const isFalse = (v) => v === null || v === undefined || v === false || v === "" || (Array.isArray(v) && v.length === 0) || (isObject(v) && Object.keys(v).length === 0);
const field = (v, name) => (isObject(v) && Object.hasOwn(v, name) ? v[name] ?? null : null);
function equal(a, b) {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((v, i) => equal(v, b[i]));
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((k) => Object.hasOwn(b, k) && equal(a[k], b[k]));
}
const typeOf = (v) => (v === null || v === undefined ? "null" : Array.isArray(v) ? "array" : v instanceof Reference ? "expression" : typeof v);
class Reference { constructor(run) { this.run = run; } }
const put = (out, k, v) => Object.defineProperty(out, k, { value: v, writable: true, enumerable: true, configurable: true });

// The specification orders numbers only. Texts (dates above all) are compared in so many workflows
// that values are ordered here as the language orders them.
const COMPARE = {
  eq: equal, ne: (a, b) => !equal(a, b), lt: (a, b) => a < b, le: (a, b) => a <= b, gt: (a, b) => a > b, ge: (a, b) => a >= b,
};

const project = (list, right) => (Array.isArray(list) ? list.map(right).filter((v) => v !== null && v !== undefined) : null);
function slice(list, [start, stop, step]) {
  if (!Array.isArray(list)) return null;
  const by = step ?? 1;
  if (by === 0) throw error("the step of a slice must not be 0");
  const clamp = (n, low, high) => Math.min(high, Math.max(low, n < 0 ? n + list.length : n));
  const [low, high] = by > 0 ? [0, list.length] : [-1, list.length - 1];
  const from = start === null ? (by > 0 ? 0 : list.length - 1) : clamp(start, low, high);
  const to = stop === null ? (by > 0 ? list.length : -1) : clamp(stop, low, high);
  const out = [];
  for (let i = from; by > 0 ? i < to : i > to; i += by) out.push(list[i]);
  return out;
}

// ---- Functions

const NUMBER = ["number"], TEXT = ["string"], LIST = ["array"], ANY = ["any"], OBJECT = ["object"], REFERENCE = ["expression"];
const listOf = (types, list, name) => {
  if (!list.every((v) => types.includes(typeOf(v)) && typeOf(v) === typeOf(list[0]))) throw error(`${name}() wants a list of ${types.join(" or of ")}s`);
  return list;
};
const best = (isBetter) => (list) => (list.length ? list.reduce((a, b) => (isBetter(b, a) ? b : a)) : null);
const bestBy = (isBetter, name) => (list, by) => {
  const keys = listOf(["number", "string"], list.map(by.run), name);
  let at = 0;
  keys.forEach((k, i) => { if (isBetter(k, keys[at])) at = i; });
  return list.length ? list[at] : null;
};
const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const text = (v) => (typeof v === "string" ? v : JSON.stringify(v));
const FUNCTIONS = {
  abs: [[NUMBER], (n) => Math.abs(n)],
  avg: [[LIST], (l) => (l.length ? listOf(["number"], l, "avg").reduce((a, b) => a + b, 0) / l.length : null)],
  ceil: [[NUMBER], (n) => Math.ceil(n)],
  contains: [[["array", "string"], ANY], (where, what) => (typeof where === "string" ? typeof what === "string" && where.includes(what) : where.some((v) => equal(v, what)))],
  ends_with: [[TEXT, TEXT], (s, end) => s.endsWith(end)],
  floor: [[NUMBER], (n) => Math.floor(n)],
  join: [[TEXT, LIST], (glue, l) => listOf(["string"], l, "join").join(glue)],
  keys: [[OBJECT], (o) => Object.keys(o)],
  length: [[["string", "array", "object"]], (v) => (typeof v === "string" ? v.length : Array.isArray(v) ? v.length : Object.keys(v).length)],
  map: [[REFERENCE, LIST], (f, l) => l.map((v) => f.run(v) ?? null)],
  max: [[LIST], (l) => best((a, b) => a > b)(listOf(["number", "string"], l, "max"))],
  max_by: [[LIST, REFERENCE], bestBy((a, b) => a > b, "max_by")],
  merge: [null, (...objects) => { const out = {}; for (const o of objects) for (const [k, v] of Object.entries(o)) put(out, k, v); return out; }, OBJECT],
  min: [[LIST], (l) => best((a, b) => a < b)(listOf(["number", "string"], l, "min"))],
  min_by: [[LIST, REFERENCE], bestBy((a, b) => a < b, "min_by")],
  not_null: [null, (...values) => values.find((v) => v !== null && v !== undefined) ?? null, ANY],
  reverse: [[["array", "string"]], (v) => (typeof v === "string" ? [...v].reverse().join("") : [...v].reverse())],
  sort: [[LIST], (l) => [...listOf(["number", "string"], l, "sort")].sort()],
  sort_by: [[LIST, REFERENCE], (l, by) => {
    const keys = listOf(["number", "string"], l.map(by.run), "sort_by");
    return l.map((v, i) => [keys[i], v]).sort(([a], [b]) => order(a, b)).map(([, v]) => v);
  }],
  starts_with: [[TEXT, TEXT], (s, start) => s.startsWith(start)],
  sum: [[LIST], (l) => listOf(["number"], l, "sum").reduce((a, b) => a + b, 0)],
  to_array: [[ANY], (v) => (Array.isArray(v) ? v : [v])],
  to_string: [[ANY], (v) => text(v ?? null)],
  to_number: [[ANY], (v) => (typeof v === "number" ? v : typeof v === "string" && v.trim() !== "" && !Number.isNaN(Number(v)) ? Number(v) : null)],
  type: [[ANY], typeOf],
  values: [[OBJECT], (o) => Object.values(o)],
};
function call(name, args) {
  if (!Object.hasOwn(FUNCTIONS, name)) throw error(`there is no function ${name}()`);
  const [wanted, run, every] = FUNCTIONS[name];
  const types = wanted ?? args.map(() => every);
  if (wanted ? args.length !== wanted.length : args.length === 0) throw error(`${name}() wants ${wanted ? wanted.length : "some"} arguments, got ${args.length}`);
  return (value) => {
    const values = args.map((arg) => arg(value));
    values.forEach((v, i) => {
      if (types[i] !== ANY && !types[i].includes(typeOf(v))) throw error(`${name}() wants ${types[i].join(" or ")} as argument ${i + 1}, got ${typeOf(v)}`);
    });
    return run(...values);
  };
}

// ---- Grammar

const DEPTH_MAX = 200;
const same = (v) => v;
class Parser {
  constructor(text) { this.words = split(text); this.at = 0; this.depth = 0; }
  get next() { return this.words[this.at]; }
  take(type) {
    const word = this.next;
    if (type !== undefined && word.type !== type) throw this.unexpected(word);
    this.at++;
    return word;
  }
  unexpected(word) { return error(word.type === "end" ? "the expression ends too early" : `${word.value ?? word.type} at ${word.at} is not expected`); }
  whole() {
    const run = this.expression(0);
    this.take("end");
    return run;
  }
  expression(power) {
    if (++this.depth > DEPTH_MAX) throw error("the expression is nested too deeply");
    let left = this.first(this.take());
    while (power < powerOf(this.next)) left = this.then(left, this.take());
    this.depth--;
    return left;
  }
  first(word) {
    switch (word.type) {
      case "value": return () => word.value;
      case "name":
        if (this.next.type === "lparen") { this.take(); return call(word.value, this.arguments()); }
        return (v) => field(v, word.value);
      case "quoted":
        if (this.next.type === "lparen") throw error("the name of a function stands without quotes");
        return (v) => field(v, word.value);
      case "not": { const run = this.expression(POWER.not); return (v) => isFalse(run(v)); }
      case "star": return this.values(same, this.next.type === "rbracket" ? same : this.right(POWER.star));
      case "filter": return this.filter(same);
      case "lbrace": return this.hash();
      case "flatten": return this.flatten(same);
      case "lbracket":
        if (this.next.type === "number" || this.next.type === "colon") return this.index(same);
        if (this.next.type === "star" && this.words[this.at + 1].type === "rbracket") return this.list(same);
        return this.multi();
      case "current": return same;
      case "expref": { const run = this.expression(0); const reference = new Reference(run); return () => reference; }
      case "lparen": { const run = this.expression(0); this.take("rparen"); return run; }
      default: throw this.unexpected(word);
    }
  }
  then(left, word) {
    switch (word.type) {
      case "dot":
        if (this.next.type === "star") { this.take(); return this.values(left, this.right(POWER.dot)); }
        { const run = this.afterDot(POWER.dot); return (v) => { const x = left(v); return x === null || x === undefined ? null : run(x); }; }
      case "pipe": { const run = this.expression(POWER.pipe); return (v) => run(left(v)); }
      case "or": { const run = this.expression(POWER.or); return (v) => { const x = left(v); return isFalse(x) ? run(v) : x; }; }
      case "and": { const run = this.expression(POWER.and); return (v) => { const x = left(v); return isFalse(x) ? x : run(v); }; }
      case "filter": return this.filter(left);
      case "flatten": return this.flatten(left);
      case "lbracket":
        if (this.next.type === "number" || this.next.type === "colon") return this.index(left);
        return this.list(left);
      default: {
        const compare = COMPARE[word.type];
        if (!compare) throw this.unexpected(word);
        const run = this.expression(POWER.eq);
        return (v) => compare(left(v) ?? null, run(v) ?? null);
      }
    }
  }
  arguments() {
    const args = [];
    while (this.next.type !== "rparen") {
      args.push(this.expression(0));
      if (this.next.type === "comma") { this.take(); if (this.next.type === "rparen") throw this.unexpected(this.next); }
      else if (this.next.type !== "rparen") throw this.unexpected(this.next);
    }
    this.take("rparen");
    return args;
  }
  /** What stands behind a projection and runs for each of its values. */
  right(power) {
    const { type } = this.next;
    if (powerOf(this.next) < 10) return same;
    if (type === "lbracket" || type === "filter") return this.expression2(power);
    if (type === "dot") { this.take(); return this.afterDot(power); }
    throw this.unexpected(this.next);
  }
  /** An expression whose first word continues a value, such as `[0].a`. */
  expression2(power) {
    let left = this.then(same, this.take());
    while (power < powerOf(this.next)) left = this.then(left, this.take());
    return left;
  }
  afterDot(power) {
    switch (this.next.type) {
      case "name": case "quoted": case "star": return this.expression(power);
      case "lbracket": this.take(); return this.multi();
      case "lbrace": this.take(); return this.hash();
      default: throw this.unexpected(this.next);
    }
  }
  values(left, right) {
    return (v) => { const x = left(v); return isObject(x) ? project(Object.values(x), right) : null; };
  }
  list(left) {
    this.take("star");
    this.take("rbracket");
    const right = this.right(POWER.star);
    return (v) => project(left(v), right);
  }
  flatten(left) {
    const right = this.right(POWER.flatten);
    return (v) => { const x = left(v); return Array.isArray(x) ? project(x.flat(1), right) : null; };
  }
  filter(left) {
    const keep = this.expression(0);
    this.take("rbracket");
    const right = this.next.type === "flatten" ? same : this.right(POWER.filter);
    return (v) => { const x = left(v); return Array.isArray(x) ? project(x.filter((e) => !isFalse(keep(e))), right) : null; };
  }
  index(left) {
    const parts = [null];
    while (this.next.type !== "rbracket") {
      if (this.next.type === "colon") { this.take(); parts.push(null); }
      else { if (parts.at(-1) !== null) throw this.unexpected(this.next); parts[parts.length - 1] = this.take("number").value; }
      if (parts.length > 3) throw this.unexpected(this.next);
    }
    this.take("rbracket");
    if (parts.length === 1) return (v) => { const x = left(v); return Array.isArray(x) ? x.at(parts[0]) ?? null : null; };
    const right = this.right(POWER.star);
    return (v) => project(slice(left(v), parts), right);
  }
  multi() {
    const parts = [this.expression(0)];
    while (this.next.type === "comma") { this.take(); parts.push(this.expression(0)); }
    this.take("rbracket");
    return (v) => (v === null || v === undefined ? null : parts.map((p) => p(v) ?? null));
  }
  hash() {
    const parts = [];
    do {
      if (parts.length) this.take("comma");
      const key = this.take();
      if (key.type !== "name" && key.type !== "quoted") throw this.unexpected(key);
      this.take("colon");
      parts.push([key.value, this.expression(0)]);
    } while (this.next.type === "comma");
    this.take("rbrace");
    return (v) => {
      if (v === null || v === undefined) return null;
      const out = {};
      for (const [k, p] of parts) put(out, k, p(v) ?? null);
      return out;
    };
  }
}

const COMPILED_MAX = 100;
const compiled = new Map();
function jmespath(data, expression) {
  if (arguments.length < 2 || typeof expression !== "string") throw { linkflow: "$jmespath() takes data and an expression, as in $jmespath(data, \"a.b\")" };
  if (data !== null && typeof data !== "object") throw { linkflow: `$jmespath() takes an object or an array as data, got ${typeof data}` };
  let run = compiled.get(expression);
  if (!run) {
    run = new Parser(expression).whole();
    if (compiled.size >= COMPILED_MAX) compiled.clear();
    compiled.set(expression, run);
  }
  return run(data) ?? null;
}
return jmespath;
})
