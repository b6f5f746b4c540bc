// What expressions find in their context beside the language and the prelude, and what they
// must not find. Runs once per context. `reach(op, a, b, c)` asks Rust about the current item.
(function (reach, host, long) {
"use strict";
const { defineProperty, freeze, getOwnPropertyDescriptor, getPrototypeOf } = Object;
const extend = __linkflowExtend;
const set = (name, value) => defineProperty(globalThis, name, { value });

// ---- The data of the current item

const [PATH, FIELD, JSON_, ITEM, ITEMS, EXECUTED, CONTEXT, INPUT, BINARY, VARS, ENV, PARAMETER, FACTS, NOTE, SAME, INPUT_ITEM, BARE] =
  Array.from({ length: 17 }, (_, i) => i);
const ask = (op, a, b, c) => reach(op, a, b, c);
const fail = (message) => { throw { linkflow: message }; };

/** The json of the current item; a field is converted when it is first asked for. */
function json() {
  const bare = ask(BARE);
  if (bare) return bare[0];
  let whole = false;
  const target = {};
  const fill = (t) => {
    if (whole) return;
    whole = true;
    const all = ask(JSON_);
    for (const key in all) if (!Object.hasOwn(t, key)) t[key] = all[key];
    // The order of the data, not of the first access.
    const copy = { ...t };
    for (const key in copy) delete t[key];
    for (const key in all) t[key] = copy[key];
  };
  return new Proxy(target, {
    get(t, key, self) {
      if (typeof key === "symbol" || whole || Object.hasOwn(t, key)) return Reflect.get(t, key, self);
      const value = ask(FIELD, key);
      if (value === undefined) return Reflect.get(t, key, self);
      return (t[key] = value);
    },
    has(t, key) { fill(t); return key in t; },
    set(t, key, value) { fill(t); return Reflect.set(t, key, value); },
    deleteProperty(t, key) { fill(t); return delete t[key]; },
    ownKeys(t) { fill(t); return Reflect.ownKeys(t); },
    getOwnPropertyDescriptor(t, key) { fill(t); return getOwnPropertyDescriptor(t, key); },
    defineProperty(t, key, d) { fill(t); return Reflect.defineProperty(t, key, d); },
    preventExtensions(t) { fill(t); return Reflect.preventExtensions(t); },
  });
}

/** `$("Name")`. */
function node(name) {
  if (typeof name !== "string") fail("the name of a node must be a text");
  ask(SAME, name, -1);
  return {
    get item() { return ask(ITEM, name); },
    itemMatching: (i) => i === undefined ? fail("itemMatching() needs the index of an item") : ask(ITEM, name, i),
    pairedItem: (i) => ask(ITEM, name, i),
    first: (output, run) => ask(ITEMS, name, output, run)[0],
    last: (output, run) => ask(ITEMS, name, output, run).at(-1),
    all: (output, run) => ask(ITEMS, name, output, run),
    get isExecuted() { return ask(EXECUTED, name); },
    get context() { return ask(CONTEXT, name) ?? {}; },
    get params() { return paramsOf(name); },
    toJSON: () => ({}),
  };
}

/** The parameters of a node as they are written, expressions included. */
const paramsOf = (name) => ask(FACTS, "params", name) ?? {};

const noArguments = (name, args) => {
  if (args.length) fail(`$input.${name}() takes no arguments; use $("Node").${name}() for another node's items`);
};

const input = () => ({
  get context() { return {}; },
  get item() { return ask(INPUT_ITEM); },
  first: (...a) => (noArguments("first", a), ask(INPUT)[0]),
  last: (...a) => (noArguments("last", a), ask(INPUT).at(-1)),
  all: () => ask(INPUT),
  get params() { return paramsOf(ask(FACTS, "prevNode").name ?? ""); },
});

const oldNode = (name, index) => ({
  get json() { return ask(SAME, name, index).json; },
  get data() { return ask(SAME, name, index).json; },
  get binary() { return ask(SAME, name, index).binary; },
  get context() { return ask(CONTEXT, name) ?? {}; },
  get parameter() { return paramsOf(name); },
  get runIndex() { return ask(FACTS, "runIndex", name); },
});

const oldNodes = (index) => new Proxy({}, {
  get: (_, name) => (typeof name === "symbol" ? undefined : (ask(SAME, name, -1), oldNode(name, index))),
});

const customData = {
  get: (key) => ask(NOTE, "get", key),
  set: (key, value) => (typeof key === "object" && key !== null
    ? Object.keys(key).forEach((k) => ask(NOTE, "set", k, key[k]))
    : ask(NOTE, "set", key, value)),
  setAll: (all) => Object.keys(all).forEach((k) => ask(NOTE, "set", k, all[k])),
  getAll: () => ask(NOTE, "all"),
};

const fact = (name) => () => ask(FACTS, name);
/** What a model gave for a parameter of its tool: in the item's `query`, or in the item itself. */
const fromAi = (name, _description, _type, otherwise) => {
  if (name === undefined || name === null || name === "") fail("$fromAI() needs a key, as in $fromAI('order_id')");
  if (!/^[\w-]{1,64}$/.test(name) || name === "constructor") fail(`$fromAI(): a key has 1 to 64 letters, digits, _ and -, got ${JSON.stringify(String(name).slice(0, 80))}`);
  const given = ask(INPUT)[0]?.json;
  const own = (object) => (typeof object === "object" && object !== null && Object.hasOwn(object, name) ? object[name] : undefined);
  return own(given?.query) ?? own(given) ?? otherwise;
};
const itemAt = (index) => ({
  $node: oldNodes(index),
  get $json() {
    const items = ask(INPUT);
    return (items[index] ?? fail(`$item(${index}): there are ${items.length} items, counted from 0`)).json;
  },
});
const variables = {
  $json: json, $data: json, $input: input, $parameter: () => ask(PARAMETER), $rawParameter: () => ask(PARAMETER),
  $binary: () => ask(BINARY) ?? {}, $vars: () => ask(VARS), $env: () => ask(ENV), $secrets: () => undefined,
  $itemIndex: fact("itemIndex"), $position: fact("itemIndex"), $thisItemIndex: fact("itemIndex"),
  $runIndex: fact("run"), $thisRunIndex: fact("run"), $thisItem: () => ask(INPUT_ITEM),
  $workflow: fact("workflow"), $prevNode: fact("prevNode"), $mode: fact("mode"), $executionId: fact("executionId"),
  $resumeWebhookUrl: fact("resumeUrl"), $nodeId: fact("nodeId"), $nodeVersion: fact("nodeVersion"),
  $execution: () => ({ ...ask(FACTS, "execution"), customData }),
  $self: () => ({}), $tool: () => ({}),
  $: () => node, $node: () => oldNodes(ask(FACTS, "itemIndex")),
  $items: () => (name, output, run) => (name === undefined ? ask(INPUT) : ask(ITEMS, name, output ?? 0, run)),
  $item: () => itemAt,
  $fromAI: () => fromAi, $fromAi: () => fromAi, $fromai: () => fromAi,
};
set("__lfw", freeze(variables));
set("__lfp", (known, n) => (n in known ? known[n] : (known[n] = reach(PATH, n, undefined, undefined))));

// ---- Added methods

set("__lfx", (value, name, args) => extend(value, name, args));
set("__lfo", (value, name, args) => (value === null || value === undefined ? undefined : extend(value, name, args)));

// In a chain with optional steps the method is found under a symbol, so that the chain stays one
// and ends early as the language has it. A name that is still pending when the language throws
// was called on nothing.
const METHOD = Symbol("method");
let pending;
set("__lfm", (name) => { pending = name; return METHOD; });
set("__lfpending", () => { const name = pending; pending = undefined; return name; });
defineProperty(Object.prototype, METHOD, {
  get() {
    const name = pending;
    pending = undefined;
    return (...args) => extend(this, name, args);
  },
});

// ---- Functions

const isEmpty = (v) => v === undefined || v === null || v === "" ||
  (typeof v === "object" && !("isLuxonDateTime" in v) && !(v instanceof Date) && Object.keys(v).length === 0);
const average = (...numbers) => {
  for (const n of numbers) if (typeof n !== "number") fail("average(): all values must be numbers");
  return numbers.length ? numbers.reduce((sum, n) => sum + n, 0) / numbers.length : 0;
};
const numberList = (from, to) => {
  if (Number.isNaN(to - from)) throw new TypeError("numberList() needs two numbers");
  if (Math.abs(to - from) >= 1_000_000) fail("numberList(): the list would be longer than 1000000");
  const step = from <= to ? 1 : -1;
  return Array.from({ length: Math.abs(to - from) + 1 }, (_, i) => from + i * step);
};
const zip = (keys, values) => {
  if (keys.length !== values.length) fail("zip(): both lists must have the same length");
  return Object.fromEntries(keys.map((key, i) => [key, values[i]]));
};
const functions = {
  $if: (condition, yes, no = false) => (condition ? yes : no),
  $ifEmpty: (...args) => {
    if (args.length !== 2) fail(`$ifEmpty() needs a value and what to take for an empty one, got ${args.length} arguments`);
    return isEmpty(args[0]) ? args[1] : args[0];
  },
  $min: (...n) => Math.min(...n), $max: (...n) => Math.max(...n), $average: average, $not: (v) => !v,
  min: (...n) => Math.min(...n), max: (...n) => Math.max(...n), average, not: (v) => !v,
  numberList, zip, toPathSegment: (text) => encodeURIComponent(text),
};
for (const name of Object.keys(functions)) set(name, functions[name]);

// ---- Results

const BigInt_ = BigInt;
/** [what it is, its JSON form]: 0 plain, 1 date, 2 other. */
set("__lfkind", (value) => {
  if (value.isLuxonDateTime === true) return [1, value.toISO()];
  if (value instanceof Date) return [3, Number.isNaN(+value) ? null : value.toISOString()];
  if (typeof value.toJSON === "function") return [2, value.toJSON()];
  if (value instanceof BigInt_) return [2, String(value)];
  if (value instanceof Error) return [2, { name: value.name, message: value.message }];
  return [0, value];
});
/** The text of a value between other text; null where there is none. */
set("__lftext", (value) => {
  if (value === null || value === undefined || value !== value) return "";
  if (typeof value === "symbol") return null;
  if (typeof value === "object") {
    try {
      return value.isLuxonDateTime === true ? value.toISO() ?? String(value) : [value].join("");
    } catch { return null; }
  }
  return String(value);
});
set("__lfget", (value, key) => value[key]);
set("__lfwell", (text) => text.toWellFormed());
const stringify = JSON.stringify;
JSON.stringify = function (value, replacer, space) {
  if (replacer === undefined || replacer === null) {
    replacer = (_, v) => (typeof v === "bigint" ? String(v) : v);
  }
  return stringify(value, replacer, space);
};

// Dates in text name their zone; the engine knows only its offset.
if (host.processZone() === "UTC") {
  for (const name of ["toString", "toTimeString"]) {
    const original = Date.prototype[name];
    Date.prototype[name] = { [name]() {
      const text = original.call(this);
      return text.endsWith("GMT+0000") ? text + " (Coordinated Universal Time)" : text;
    } }[name];
  }
}

// ---- What must not be there

// Length limits of what runs without looking at the clock.
const TEXT_MAX = 16_000_000;
const guard = (owner, name, check) => {
  const original = owner[name];
  defineProperty(owner, name, {
    writable: true, configurable: true,
    value: { [name](...args) { check(this, args); return original.apply(this, args); } }[name],
  });
};
const tooLong = () => fail("the text would be longer than 16000000 characters");
guard(String.prototype, "repeat", (text, [n]) => { if (String(text).length * n > TEXT_MAX) tooLong(); });
for (const name of ["padStart", "padEnd"]) {
  guard(String.prototype, name, (_, [n]) => { if (n > TEXT_MAX) tooLong(); });
}
// What walks through a long text or list does so without a look at the clock: others are told before.
const LONG = 200_000;
// A search takes the product of both lengths in the worst case.
for (const name of ["indexOf", "lastIndexOf", "includes", "split", "replace", "replaceAll"]) {
  guard(String.prototype, name, (text, [part]) => {
    if (text != null && text.length > LONG) long();
    if (typeof part === "string" && part.length > 64 && text.length * part.length > 1e9) fail("the texts are too long to search");
  });
}
for (const name of ["keys", "entries", "sort"]) {
  guard(Array.prototype, name, (list) => { if (list != null && list.length > LONG) long(); });
}
// Lists with a length and no elements are walked without a look at the clock, too.
for (const name of ["map", "forEach", "filter", "some", "every", "reduce", "reduceRight", "find", "findIndex", "findLast", "findLastIndex", "flatMap"]) {
  guard(Array.prototype, name, (list) => { if (list != null && list.length > 20_000_000) fail("the list is longer than 20000000"); });
}

delete globalThis.eval;
for (const maker of [function () {}, async function () {}, function* () {}, async function* () {}]) {
  delete getPrototypeOf(maker).constructor;
}
delete Object.prototype.__proto__;
for (const name of ["__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__"]) delete Object.prototype[name];

// ---- Nothing of one evaluation reaches the next

/** A frozen prototype would forbid own fields of the same names: setters allow them again. */
function allowOwn(prototype) {
  for (const key of Reflect_ownKeys(prototype)) {
    const d = getOwnPropertyDescriptor(prototype, key);
    if (!("value" in d) || !d.configurable) continue;
    const { value } = d;
    defineProperty(prototype, key, {
      configurable: false, enumerable: d.enumerable,
      get: () => value,
      set(own) { defineProperty(this, key, { value: own, writable: true, enumerable: true, configurable: true }); },
    });
  }
}
const Reflect_ownKeys = (o) => [...Object.getOwnPropertyNames(o), ...Object.getOwnPropertySymbols(o)];

function freezeAll(roots) {
  const seen = new Set();
  const queue = roots.filter(isObject);
  while (queue.length) {
    const object = queue.pop();
    if (seen.has(object)) continue;
    seen.add(object);
    for (const key of Reflect_ownKeys(object)) {
      const d = getOwnPropertyDescriptor(object, key);
      for (const part of [d.value, d.get, d.set]) if (isObject(part)) queue.push(part);
    }
    const parent = getPrototypeOf(object);
    if (parent !== null) queue.push(parent);
    if (object !== globalThis) freeze(object);
  }
}
const isObject = (v) => (typeof v === "object" && v !== null) || typeof v === "function";

// What loads late is frozen when it has been loaded.
const load = host.script;
host.script = (name, h) => {
  const loaded = load(name, h);
  freezeAll(typeof loaded === "function" ? [loaded] : Object.values(loaded));
  return loaded;
};

allowOwn(Object.prototype);
allowOwn(Error.prototype);
for (const E of [TypeError, RangeError, SyntaxError, ReferenceError, URIError, EvalError]) allowOwn(E.prototype);
const iterators = [[][Symbol.iterator](), ""[Symbol.iterator](), new Map()[Symbol.iterator](), new Set()[Symbol.iterator](), "a".matchAll(/a/g),
  (function* () {})(), (async function* () {})(), function* () {}, async function () {}, async function* () {}];
// The lazy names of dates must not be asked for here, so their getters stay what they are.
freezeAll([globalThis, ...iterators]);
return Object.getOwnPropertyNames(globalThis);
})
