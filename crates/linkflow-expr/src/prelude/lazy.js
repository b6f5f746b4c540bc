// Names whose scripts load at their first use, and the clock that the evaluation is given.
(function (host) {
"use strict";
// ---- Dates

let luxon;
let zone = "UTC";
let fixed;
const RealDate = Date;
const now = () => fixed ?? RealDate.now();

/** The date library; loaded at the first call. */
host.luxon = () => {
  if (luxon === undefined) {
    luxon = host.script("luxon", host);
    luxon.Settings.now = now;
    luxon.Settings.defaultZone = zone;
  }
  return luxon;
};

const lazy = (name, get) =>
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get,
    set(value) { Object.defineProperty(globalThis, name, { value, writable: true, configurable: true }); },
  });
for (const name of ["DateTime", "Duration", "Interval"]) lazy(name, () => host.luxon()[name]);
lazy("$now", () => host.luxon().DateTime.now());
lazy("$today", () => host.luxon().DateTime.now().startOf("day"));

// ---- Intl and JMESPath: most contexts never touch them

let intl;
const getIntl = () => (intl ??= host.script("intl", host));
lazy("Intl", () => getIntl().intl);
const method = (owner, name, value) => Object.defineProperty(owner, name, { value, writable: true, configurable: true });
const dates = (defaults) => function (locales, options) {
  const ms = RealDate.prototype.getTime.call(this);
  return Number.isNaN(ms) ? "Invalid Date" : new (getIntl().DateTimeFormat)(locales, options, defaults).format(ms);
};
method(RealDate.prototype, "toLocaleString", dates("all"));
method(RealDate.prototype, "toLocaleDateString", dates("onlyDate"));
method(RealDate.prototype, "toLocaleTimeString", dates("onlyTime"));
const number = (convert) => function (locales, options) { return new (getIntl().NumberFormat)(locales, options).format(convert(this)); };
method(Number.prototype, "toLocaleString", number(Number));
method(BigInt.prototype, "toLocaleString", number(BigInt));
method(String.prototype, "localeCompare", function (other, _locales, options) { return getIntl().compare(String(this), String(other), options); });

let query;
const jmespath = (...args) => (query ??= host.script("jmespath", host))(...args);
for (const name of ["$jmespath", "$jmesPath"]) method(globalThis, name, jmespath);

// ---- The clock

// `new Date()` and `$now` must agree, so the language's clock follows the given one.
function GivenDate(...args) {
  if (new.target === undefined) return new RealDate(now()).toString();
  const target = new.target === GivenDate ? RealDate : new.target;
  return Reflect.construct(RealDate, args.length ? args : [now()], target);
}
Object.defineProperty(GivenDate, "name", { value: "Date" });
Object.defineProperty(GivenDate, "length", { value: 7 });
GivenDate.prototype = RealDate.prototype;
GivenDate.UTC = RealDate.UTC;
GivenDate.parse = RealDate.parse;
GivenDate.now = now;
RealDate.prototype.constructor = GivenDate;
globalThis.Date = GivenDate;

Object.defineProperty(globalThis, "__linkflowClock", {
  value(newZone, nowMs) {
    fixed = nowMs ?? undefined;
    if (newZone === zone) return;
    zone = newZone;
    if (luxon !== undefined) luxon.Settings.defaultZone = zone;
  },
});
})
