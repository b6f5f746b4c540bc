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
