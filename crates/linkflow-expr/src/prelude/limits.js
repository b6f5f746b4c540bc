// Ends what the engine's own functions would do for minutes without looking at the time limit.
(function (host) {
"use strict";
/** No list in an expression or in code may be longer where a built-in walks all of it. */
const LENGTH_MAX = 10_000_000;
const lengthOf = (v) => (v === null || v === undefined ? 0 : Number(v.length));

function guard(owner, name) {
  const original = owner[name];
  if (typeof original !== "function") return;
  const guarded = {
    [name](...args) {
      if (lengthOf(this) > LENGTH_MAX) throw new RangeError(`the list is longer than ${LENGTH_MAX}`);
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

const from = Array.from;
Object.defineProperty(Array, "from", { writable: true, configurable: true, value: function from_(source, ...rest) {
  if (lengthOf(source) > LENGTH_MAX) throw new RangeError(`the list is longer than ${LENGTH_MAX}`);
  return from.call(this, source, ...rest);
} });
})
