// The date library behind lazy names, and the clock that the evaluation is given.
(function (host) {
"use strict";
let luxon;
let zone = "UTC";
let fixed;
const RealDate = Date;
const now = () => fixed ?? RealDate.now();

/** The date library; loaded at the first call. */
host.luxon = () => {
  if (luxon === undefined) {
    luxon = host.loadLuxon(host);
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
