// Ties the date library to the time zones of the host and hands out its classes.
(function (host, luxon) {
"use strict";
const { IANAZone, Settings } = luxon;

// The library finds an offset by formatting a date and reading it back; asking the host is the
// same answer for a hundredth of the time.
IANAZone.prototype.offset = function (ms) {
  return this.valid ? host.offset(this.zoneName, ms) : NaN;
};
IANAZone.isValidZone = (name) => typeof name === "string" && name !== "" && host.isZone(name);
Settings.defaultLocale = "en-US";

// Zones, formats and tables of units are shared by all dates.
const create = IANAZone.create;
IANAZone.create = (name) => Object.freeze(create.call(IANAZone, name));
const { DateTime, Duration, FixedOffsetZone, SystemZone } = luxon;
for (const name of Object.getOwnPropertyNames(DateTime)) {
  if (/^[A-Z_]{4,}$/.test(name)) Object.freeze(DateTime[name]);
}
const shared = [FixedOffsetZone.utcInstance, SystemZone.instance, DateTime.utc(0).loc.getWeekSettings()];
for (const conversionAccuracy of ["casual", "longterm"]) {
  const { matrix } = Duration.fromMillis(0, { conversionAccuracy });
  shared.push(matrix, ...Object.values(matrix));
}
shared.forEach(Object.freeze);

// One engine serves many expressions: none may change what the next one sees.
for (const part of Object.values(luxon)) {
  if (typeof part !== "function") continue;
  Object.freeze(part.prototype);
  Object.freeze(part);
}
return Object.freeze(luxon);
})
