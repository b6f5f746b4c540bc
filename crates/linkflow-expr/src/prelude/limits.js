// Ends what the engine's own functions would do for minutes without looking at the time limit.
(function (host) {
"use strict";
/** No list in an expression or in code may be longer where a built-in walks all of it. */
const LENGTH_MAX = 10_000_000;
const lengthOf = (v) => (v === null || v === undefined ? 0 : Number(v.length));
const check = (v) => {
  if (typeof v === "object" && v !== null && lengthOf(v) > LENGTH_MAX) throw new RangeError(`the list is longer than ${LENGTH_MAX}`);
};
/** Lists within a list, as far down as they are taken apart. */
function checkWithin(list, depth) {
  if (depth < 1) return;
  for (const inner of list) {
    if (!Array.isArray(inner)) continue;
    check(inner);
    checkWithin(inner, depth - 1);
  }
}

function guard(owner, name) {
  const original = owner[name];
  if (typeof original !== "function") return;
  const guarded = {
    [name](...args) {
      if (lengthOf(this) > LENGTH_MAX) throw new RangeError(`the list is longer than ${LENGTH_MAX}`);
      for (let i = 0; i < args.length; i++) check(args[i]);
      return original.apply(this, args);
    },
  }[name];
  Object.defineProperty(guarded, "length", { value: original.length, configurable: true });
  Object.defineProperty(owner, name, { value: guarded, writable: true, configurable: true });
}

// A comparison that contradicts itself, as `(a, b) => a > b` does, has no right order: people know the one that
// their browser gives. Short lists are therefore put in order by its steps: a run at the start, then binary insertion.
const SHORT = 64;
const { sort: longSort, toSorted: longSorted } = Array.prototype;

function putInOrder(list, compare) {
  const n = list.length;
  if (n < 2) return;
  const less = (a, b) => Number(compare(a, b)) < 0;
  const falls = less(list[1], list[0]);
  let run = 2;
  while (run < n && less(list[run], list[run - 1]) === falls) run++;
  if (falls) list.splice(0, run, ...list.slice(0, run).reverse());
  for (let start = run; start < n; start++) {
    const pivot = list[start];
    let left = 0, right = start;
    while (left < right) {
      const middle = left + ((right - left) >> 1);
      if (less(pivot, list[middle])) right = middle; else left = middle + 1;
    }
    list.splice(start, 1);
    list.splice(left, 0, pivot);
  }
}

const sorts = {
  sort(compare) {
    if (typeof compare !== "function" || !Array.isArray(this) || this.length >= SHORT) return longSort.call(this, compare);
    const there = [];
    for (let i = 0; i < this.length; i++) if (i in this) there.push(this[i]);
    const list = there.filter((v) => v !== undefined);
    putInOrder(list, compare);
    for (let i = 0; i < this.length; i++) {
      if (i < there.length) this[i] = list[i]; else delete this[i];
    }
    return this;
  },
  toSorted(compare) {
    const isShort = typeof compare === "function" && Array.isArray(this) && this.length < SHORT;
    return isShort ? sorts.sort.call([...this], compare) : longSorted.call(this, compare);
  },
};
for (const name of ["sort", "toSorted"]) Object.defineProperty(Array.prototype, name, { value: sorts[name], writable: true, configurable: true });

for (const name of ["join", "toString", "toLocaleString", "indexOf", "lastIndexOf", "includes", "fill", "reverse",
  "sort", "concat", "splice", "copyWithin", "flat", "toReversed", "toSorted", "toSpliced", "with", "shift", "unshift",
  "slice", "forEach", "map", "filter", "some", "every", "reduce", "reduceRight", "find", "findIndex", "findLast",
  "findLastIndex", "flatMap"]) guard(Array.prototype, name);

// What is put into the list may be long as well.
const { flat, flatMap } = Array.prototype;
const inner = {
  flat(depth = 1) { checkWithin(this, Math.min(Number(depth) || 0, 100)); return flat.call(this, depth); },
  flatMap(each, self) {
    if (typeof each !== "function") return flatMap.call(this, each, self);
    return flatMap.call(this, function (...args) { const found = each.apply(self, args); check(found); return found; });
  },
};
for (const name of ["flat", "flatMap"]) {
  const guarded = Array.prototype[name];
  Object.defineProperty(Array.prototype, name, { writable: true, configurable: true, value: { [name](...args) { check(this); return Array.isArray(this) ? inner[name].apply(this, args) : guarded.apply(this, args); } }[name] });
}

/** Functions that walk what they are given. */
for (const [owner, names] of [[Object, ["fromEntries", "groupBy"]], [Map, ["groupBy"]], [Promise, ["all", "allSettled", "any", "race"]], [Reflect, ["apply", "construct"]],
  [Object.getPrototypeOf(Uint8Array), ["from"]], [String, ["raw"]]]) {
  for (const name of names) {
    const original = owner[name];
    if (typeof original !== "function") continue;
    const value = { [name](...args) { for (let i = 0; i < args.length; i++) { check(args[i]); check(args[i]?.raw); } return original.apply(this, args); } }[name];
    Object.defineProperty(owner, name, { value, writable: true, configurable: true });
  }
}
for (const name of ["Set", "Map", "WeakSet", "WeakMap"]) {
  const Real = globalThis[name];
  const construct = Reflect.construct;
  const Guarded = { [name]: function (...args) {
    if (new.target === undefined) throw new TypeError(`${name} needs new`);
    check(args[0]);
    return construct(Real, args, new.target === Guarded ? Real : new.target);
  } }[name];
  Object.defineProperty(Guarded, "length", { value: 0, configurable: true });
  Guarded.prototype = Real.prototype;
  for (const key of Reflect.ownKeys(Real)) {
    if (!(key in { length: 1, name: 1, prototype: 1 })) Object.defineProperty(Guarded, key, Object.getOwnPropertyDescriptor(Real, key));
  }
  Object.defineProperty(Real.prototype, "constructor", { value: Guarded, writable: true, configurable: true });
  Object.defineProperty(globalThis, name, { value: Guarded, writable: true, configurable: true });
}

// Between two looks at the time limit, a regular expression is tried at thousands of places.
const PATTERN_MAX = 10_000;
const checkPattern = (p) => {
  if (typeof p === "string" && p.length > PATTERN_MAX) throw new RangeError(`the regular expression is longer than ${PATTERN_MAX}`);
};
for (const name of ["match", "matchAll", "search"]) {
  const original = String.prototype[name];
  const value = { [name](pattern) { checkPattern(pattern); return original.call(this, pattern); } }[name];
  Object.defineProperty(String.prototype, name, { value, writable: true, configurable: true });
}
const RealRegExp = RegExp;
const construct = Reflect.construct;
function GuardedRegExp(...args) {
  checkPattern(args[0]);
  if (new.target === undefined) return RealRegExp(...args);
  return construct(RealRegExp, args, new.target === GuardedRegExp ? RealRegExp : new.target);
}
Object.defineProperty(GuardedRegExp, "name", { value: "RegExp" });
Object.defineProperty(GuardedRegExp, "length", { value: 2 });
GuardedRegExp.prototype = RealRegExp.prototype;
for (const key of Reflect.ownKeys(RealRegExp)) {
  if (!Object.hasOwn(GuardedRegExp, key)) Object.defineProperty(GuardedRegExp, key, Object.getOwnPropertyDescriptor(RealRegExp, key));
}
Object.defineProperty(RealRegExp.prototype, "constructor", { value: GuardedRegExp, writable: true, configurable: true });
globalThis.RegExp = GuardedRegExp;
delete RealRegExp.prototype.compile;

const from = Array.from;
Object.defineProperty(Array, "from", { writable: true, configurable: true, value: function from_(source, ...rest) {
  if (lengthOf(source) > LENGTH_MAX) throw new RangeError(`the list is longer than ${LENGTH_MAX}`);
  return from.call(this, source, ...rest);
} });
})
