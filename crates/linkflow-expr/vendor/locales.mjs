// Writes locales.jsonl, one line per locale: `node locales.mjs > locales.jsonl`.
//
// The names and patterns are those of the Unicode CLDR, read out of the ICU that Node.js carries. What the patterns of
// single fields do not explain is found by comparing our own `Intl` with that of Node.js, and written down as it is.
// Variants of a region have only what differs from their language.
import { readFileSync } from "node:fs";

const LANGUAGES = ["en-US", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "nb", "cs", "tr", "ja", "ko", "zh", "ru", "uk", "ar", "he", "hi",
  "fi", "hu", "ro", "el", "bg", "hr", "sr", "sk", "sl", "ca", "et", "lv", "lt", "th", "id", "ms", "vi"];
const VARIANTS = { "en-GB": "en-US", "en-CA": "en-US", "en-AU": "en-GB", "en-NZ": "en-GB", "en-IE": "en-GB", "en-ZA": "en-GB", "en-IN": "en-GB", "de-AT": "de", "de-CH": "de", "fr-CA": "fr", "fr-CH": "fr", "fr-BE": "fr",
  "es-MX": "es", "es-AR": "es-MX", "es-CO": "es-MX", "es-CL": "es-MX", "es-US": "es-MX", "it-CH": "it", "pt-PT": "pt", "nl-BE": "nl", "zh-TW": "zh", "zh-HK": "zh-TW", "ar-EG": "ar" };
const CURRENCIES = ["USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "INR", "CNY", "KRW", "BRL", "MXN", "PLN", "SEK", "NOK", "DKK", "CZK", "TRY", "NZD", "HKD", "SGD", "ILS", "ZAR", "RUB"];
// A Saturday; day, month, hour and minute have one digit, so that padding shows.
const DAY = new Date(Date.UTC(2024, 1, 3, 4, 5, 6));
const format = (locale, options) => new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options });

const TOKEN = {
  year: (v) => (v.length === 2 ? "yy" : "y"), relatedYear: () => "y", yearName: () => "y",
  month: (v, o) => (/^\p{N}+$/u.test(v) ? (v.length === 2 ? "MM" : "M") : "M"),
  day: (v) => (v.length === 2 ? "dd" : "d"),
  weekday: () => "E", hour: (v) => (v.length === 2 ? "hh" : "h"), minute: (v) => (v.length === 2 ? "mm" : "m"),
  second: (v) => (v.length === 2 ? "ss" : "s"), dayPeriod: () => "a", timeZoneName: () => "z", era: () => "G",
};
/** `{M}/{d}/{y}`; names are marked with their width where it matters. */
function pattern(locale, options) {
  return format(locale, options).formatToParts(DAY)
    .map((p) => (p.type === "literal" ? p.value.replace(/\u202f/g, " ") : `{${TOKEN[p.type]?.(p.value) ?? p.type}}`)).join("");
}
const names = (locale, kind, width, alone) => {
  const list = kind === "month" ? Array.from({ length: 12 }, (_, i) => new Date(Date.UTC(2024, i, 1)))
    : Array.from({ length: 7 }, (_, i) => new Date(Date.UTC(2024, 0, 7 + i))); // from Sunday
  const options = alone ? { [kind]: width } : kind === "month" ? { month: width, day: "numeric" } : { weekday: width, day: "numeric", month: "long" };
  return list.map((d) => format(locale, options).formatToParts(d).find((p) => p.type === kind).value);
};

function dates(locale) {
  const out = {};
  for (const weekday of [undefined, "long", "short"]) for (const year of [undefined, "numeric"])
    for (const month of [undefined, "numeric", "long", "short"]) for (const day of [undefined, "numeric"]) {
      if (!weekday && !year && !month && !day) continue;
      const key = [weekday?.[0] ?? "-", year?.[0] ?? "-", month?.[0] ?? "-", day?.[0] ?? "-"].join("");
      out[key] = pattern(locale, { weekday, year, month, day });
    }
  return out;
}
function glue(locale, options) {
  const text = pattern(locale, { ...options, hour: "numeric", minute: "numeric", hour12: false });
  return /\{[yMdE]+\}([^{}]*)\{h+\}/.exec(text)?.[1] ?? ", ";
}
function styles(locale) {
  const out = {};
  for (const dateStyle of ["full", "long", "medium", "short"]) {
    const f = format(locale, { dateStyle });
    const month = f.formatToParts(DAY).find((p) => p.type === "month").value;
    const width = /^\d+$/.test(month) ? "n" : month === names(locale, "month", "long", false)[1] ? "l" : "s";
    out[dateStyle] = [pattern(locale, { dateStyle }), width, glueOfStyle(locale, dateStyle)];
  }
  return out;
}
function glueOfStyle(locale, dateStyle) {
  const text = format(locale, { dateStyle, timeStyle: "short" }).formatToParts(DAY);
  const at = text.findIndex((p) => p.type === "hour");
  return text[at - 1]?.value ?? ", ";
}
// [name that the zone database gives, or the zone itself where that is ambiguous; zone; month]
const ZONES = [
  ["CET", "Europe/Berlin", 0], ["CEST", "Europe/Berlin", 6], ["EET", "Europe/Athens", 0], ["EEST", "Europe/Athens", 6],
  ["WET", "Europe/Lisbon", 0], ["WEST", "Europe/Lisbon", 6], ["GMT", "Europe/London", 0], ["BST", "Europe/London", 6], ["MSK", "Europe/Moscow", 0],
  ["EST", "America/New_York", 0], ["EDT", "America/New_York", 6], ["CST", "America/Chicago", 0], ["CDT", "America/Chicago", 6],
  ["MST", "America/Denver", 0], ["MDT", "America/Denver", 6], ["PST", "America/Los_Angeles", 0], ["PDT", "America/Los_Angeles", 6],
  ["AKST", "America/Anchorage", 0], ["AKDT", "America/Anchorage", 6], ["HST", "Pacific/Honolulu", 0], ["AST", "America/Halifax", 0], ["ADT", "America/Halifax", 6],
  ["NST", "America/St_Johns", 0], ["NDT", "America/St_Johns", 6], ["JST", "Asia/Tokyo", 0], ["KST", "Asia/Seoul", 0], ["HKT", "Asia/Hong_Kong", 0],
  ["AEST", "Australia/Sydney", 6], ["AEDT", "Australia/Sydney", 0], ["ACST", "Australia/Adelaide", 6], ["ACDT", "Australia/Adelaide", 0], ["AWST", "Australia/Perth", 0],
  ["NZST", "Pacific/Auckland", 6], ["NZDT", "Pacific/Auckland", 0], ["SAST", "Africa/Johannesburg", 0], ["WAT", "Africa/Lagos", 0], ["CAT", "Africa/Maputo", 0], ["EAT", "Africa/Nairobi", 0],
  ["PKT", "Asia/Karachi", 0], ["WIB", "Asia/Jakarta", 0], ["UTC", "UTC", 0],
  ...["Asia/Kolkata", "Asia/Calcutta", "Asia/Shanghai", "Asia/Singapore", "Asia/Dubai", "Asia/Bangkok", "Asia/Manila", "Asia/Riyadh", "Asia/Tehran", "Asia/Ho_Chi_Minh",
    "America/Sao_Paulo", "America/Argentina/Buenos_Aires", "America/Bogota", "America/Lima", "America/Mexico_City", "Europe/Istanbul", "Asia/Kathmandu", "Asia/Dhaka"].map((z) => [z, z, 0]),
  ["Europe/Dublin IST", "Europe/Dublin", 6], ["Asia/Jerusalem IST", "Asia/Jerusalem", 0], ["Asia/Jerusalem IDT", "Asia/Jerusalem", 6], ["America/Santiago -03", "America/Santiago", 0], ["America/Santiago -04", "America/Santiago", 6],
];
function zones(locale) {
  const name = (zone, month, style) => new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: style })
    .formatToParts(new Date(Date.UTC(2024, month, 15))).find((p) => p.type === "timeZoneName").value;
  return Object.fromEntries(ZONES.map(([key, zone, month]) => [key, [name(zone, month, "short"), name(zone, month, "long")]]));
}
/** What stands for GMT where only the offset is known. */
const offsetWord = (locale) => new Intl.DateTimeFormat(locale, { timeZone: "Etc/GMT-13", timeZoneName: "shortOffset" })
  .formatToParts(DAY).find((p) => p.type === "timeZoneName").value.split(/[+\u2212-]/)[0];

function numbers(locale) {
  const parts = (n, o) => new Intl.NumberFormat(locale, o).formatToParts(n);
  const find = (list, type, or) => list.find((p) => p.type === type)?.value ?? or;
  const plain = parts(1234567.5);
  const short = parts(1234);
  const shape = (list) => list.map((p) => (p.type === "literal" ? p.value.replace(/\u202f/g, " ") : { percentSign: "%", currency: "¤", integer: "0", minusSign: p.value }[p.type] ?? "")).join("").replace(/0+/g, "0");
  const symbols = {};
  for (const currency of CURRENCIES) {
    const symbol = find(parts(1, { style: "currency", currency }), "currency");
    if (symbol !== currency) symbols[currency] = symbol;
  }
  return {
    group: find(plain, "group", ","), decimal: find(plain, "decimal", "."), grouping: short.some((p) => p.type === "group") ? 1 : 2,
    percent: shape(parts(0.01, { style: "percent" })), currency: shape(parts(1, { style: "currency", currency: "EUR", maximumFractionDigits: 0 })),
    code: shape(parts(1, { style: "currency", currency: "XTS", maximumFractionDigits: 0 })),
    sign: parts(-1).filter((p) => p.type !== "integer").map((p) => p.value).join(""), lakh: parts(1234567).filter((p) => p.type === "group").length === 2 && parts(1234567).find((p) => p.type === "integer").value === "12",
    moneyGroup: find(parts(1234567, { style: "currency", currency: "EUR" }), "group", ","), compact: compact(locale),
    codeMinus: shape(parts(-1, { style: "currency", currency: "XTS", maximumFractionDigits: 0 })), minus: shape(parts(-1, { style: "currency", currency: "EUR", maximumFractionDigits: 0 })), symbols,
  };
}
/** For each power of ten from 3 to 14: how many digits are taken away, and what stands for them. */
function compact(locale) {
  return Array.from({ length: 12 }, (_, i) => {
    const parts = new Intl.NumberFormat(locale, { notation: "compact" }).formatToParts(5 * 10 ** (i + 3));
    const digits = parts.filter((p) => p.type === "integer").map((p) => p.value).join("").length;
    return [i + 4 - digits, parts.map((p) => ({ integer: "0", group: "" }[p.type] ?? p.value)).join("").replace(/0+/, "0")];
  });
}
/** One number for each form that any language has. */
const EXAMPLES = [1, 2, 3, 5, 0, 11, 20, 21, 100, 1.5, 1e6];
function relative(locale) {
  const out = {};
  const plurals = new Intl.PluralRules(locale);
  const examples = EXAMPLES;
  for (const style of ["long", "short", "narrow"]) {
    const always = new Intl.RelativeTimeFormat(locale, { style });
    const auto = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style });
    out[style] = {};
    for (const unit of ["year", "quarter", "month", "week", "day", "hour", "minute", "second"]) {
      const forms = {};
      for (const n of examples) {
        const digits = new Intl.NumberFormat(locale).format(n);
        forms[plurals.select(n)] ??= [always.format(n, unit).replace(digits, "{0}"), always.format(-n, unit).replace(digits, "{0}")];
      }
      const named = {};
      for (const n of [-2, -1, 0, 1, 2]) {
        const text = auto.format(n, unit);
        if (text !== always.format(n, unit)) named[n] = text;
      }
      out[style][unit] = [forms, named];
    }
  }
  return out;
}
const UNITS = ["year", "month", "week", "day", "hour", "minute", "second", "millisecond", "kilometer", "meter", "centimeter", "mile", "kilogram", "gram", "liter", "celsius", "fahrenheit", "percent", "byte", "kilobyte", "megabyte", "gigabyte"];
function units(locale) {
  const out = {};
  for (const unitDisplay of ["long", "short", "narrow"]) {
    const plurals = new Intl.PluralRules(locale);
    out[unitDisplay] = {};
    for (const unit of UNITS) {
      const f = new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay, useGrouping: false });
      const forms = {};
      for (const n of EXAMPLES) forms[plurals.select(n)] ??= f.format(n).replace(new Intl.NumberFormat(locale, { useGrouping: false }).format(n), "{0}");
      out[unitDisplay][unit] = forms;
    }
  }
  return out;
}
function lists(locale) {
  const out = {};
  for (const type of ["conjunction", "disjunction", "unit"]) for (const style of ["long", "short", "narrow"]) {
    const f = new Intl.ListFormat(locale, { type, style });
    const glueOf = (list) => f.formatToParts(list).filter((p) => p.type === "literal").map((p) => p.value);
    out[type + style] = [glueOf(["a", "b"])[0], glueOf(["a", "b", "c"])[0], glueOf(["a", "b", "c"])[1]];
  }
  return out;
}

function dataOf(locale) {
  const timeOf = (o) => pattern(locale, o);
  const time = {};
  for (const hour12 of [true, false]) {
    const mark = hour12 ? "12" : "24";
    time["h" + mark] = timeOf({ hour: "numeric", hour12 });
    time["hm" + mark] = timeOf({ hour: "numeric", minute: "numeric", hour12 });
    time["hms" + mark] = timeOf({ hour: "numeric", minute: "numeric", second: "numeric", hour12 });
  }
  const period = (hour) => format(locale, { hour: "numeric", hour12: true }).formatToParts(new Date(Date.UTC(2024, 0, 1, hour))).find((p) => p.type === "dayPeriod")?.value ?? "";
  const eras = (width) => [-1e14, 0].map((ms) => format(locale, { era: width }).formatToParts(new Date(ms)).find((p) => p.type === "era").value);
  return {
    locale,
    months: Object.fromEntries(["long", "short", "narrow"].map((w) => [w, [names(locale, "month", w, false), names(locale, "month", w, true)]])),
    days: Object.fromEntries(["long", "short", "narrow"].map((w) => [w, [names(locale, "weekday", w, false), names(locale, "weekday", w, true)]])),
    periods: [period(3), period(15)], eras: { long: eras("long"), short: eras("short"), narrow: eras("narrow") },
    hour12: format(locale, { hour: "numeric" }).resolvedOptions().hour12 ?? false,
    dates: dates(locale),
    glue: { n: glue(locale, { year: "numeric", month: "numeric", day: "numeric" }), s: glue(locale, { year: "numeric", month: "short", day: "numeric" }), l: glue(locale, { year: "numeric", month: "long", day: "numeric" }), w: glue(locale, { weekday: "long", year: "numeric", month: "long", day: "numeric" }), e: glue(locale, { weekday: "short" }) },
    styles: styles(locale), zones: zones(locale), offset: offsetWord(locale), time, numbers: numbers(locale), relative: relative(locale), units: units(locale), lists: lists(locale),
    range: format(locale).formatRangeToParts(new Date(0), DAY).find((p) => p.source === "shared").value,
    digits: format(locale).resolvedOptions().numberingSystem, calendar: format(locale).resolvedOptions().calendar,
  };
}

// ---- What the rules of our own `Intl` do not explain

const TIMES = [{}, { hour: "numeric" }, { hour: "2-digit" }, { hour: "numeric", minute: "numeric" }, { hour: "2-digit", minute: "2-digit" }, { hour: "numeric", minute: "numeric", second: "numeric" },
  { hour: "2-digit", minute: "2-digit", second: "2-digit" }];
const MIXED_TIMES = [{ hour: "numeric", minute: "2-digit" }, { hour: "numeric", minute: "2-digit", second: "2-digit" }];
const DATES = [];
for (const weekday of [undefined, "long", "short"]) for (const year of [undefined, "numeric", "2-digit"]) for (const month of [undefined, "numeric", "2-digit", "long", "short"]) for (const day of [undefined, "numeric", "2-digit"]) {
  // Nobody writes a weekday with a month or a year and no day.
  if (weekday && !day && (year || month)) continue;
  if (weekday || year || month || day) DATES.push({ weekday, year, month, day });
}
const whole = (month, weekday) => ({ weekday, year: "numeric", month, day: "numeric" });
const GRID = [...DATES, ...TIMES.slice(1), ...MIXED_TIMES, ...MIXED_TIMES.map((t) => ({ ...whole("numeric"), ...t })), ...TIMES.slice(1).flatMap((t) => [true, false].map((hour12) => ({ ...t, hour12 }))),
  ...TIMES.slice(1).map((t) => ({ ...t, hourCycle: "h23" })), ...TIMES.slice(3).flatMap((t) => ["short", "long"].map((timeZoneName) => ({ ...t, timeZoneName }))),
  ...TIMES.slice(3).flatMap((t) => ["short", "long"].map((timeZoneName) => ({ ...t, hourCycle: "h23", timeZoneName }))),
  ...["numeric", "short", "long"].flatMap((m) => [undefined, "short", "long"].flatMap((w) => TIMES.flatMap((t) => [undefined, "short", "long"].map((timeZoneName) => ({ ...whole(m, w), ...t, timeZoneName }))))),
  ...["2-digit"].flatMap((m) => TIMES.map((t) => ({ year: "numeric", month: m, day: "2-digit", ...t }))),
  ...["numeric", "2-digit", "short", "long"].flatMap((month) => TIMES.slice(1).map((t) => ({ month, day: "numeric", ...t }))), ...["numeric", "2-digit"].map((day) => ({ month: "2-digit", day, hour: "2-digit", minute: "2-digit" })),
  ...["short", "long"].flatMap((weekday) => TIMES.slice(1).map((t) => ({ weekday, ...t }))),
  ...TIMES.slice(3).flatMap((t) => [true, false].flatMap((hour12) => ["numeric", "long", "short"].map((m) => ({ ...whole(m), ...t, hour12 })))),
  ...["full", "long", "medium", "short"].flatMap((timeStyle) => [{ timeStyle }, ...["full", "long", "medium", "short"].map((dateStyle) => ({ dateStyle, timeStyle }))]),
  ...["full", "long", "medium", "short"].map((dateStyle) => ({ dateStyle })),
  ...["long", "short"].map((era) => ({ era })), { minute: "numeric" }, { second: "numeric" }, { minute: "2-digit", second: "2-digit" }, { month: "narrow" }, { weekday: "narrow" }, { month: "long", year: "numeric", timeZoneName: "short" }, { ...whole("numeric"), timeZoneName: "long" }];
const SAMPLES = [DAY, new Date(Date.UTC(2024, 10, 24, 15, 45, 30))];
let n_unexplained = 0;

/** Our own `Intl` over the data so far. */
function ours(all) {
  const source = readFileSync(new URL("../src/prelude/intl.js", import.meta.url), "utf8");
  const host = { locale: (name) => (all[name] ? JSON.stringify(all[name]) : null), offset: () => 0, isZone: () => true, processZone: () => "UTC", abbreviation: () => "UTC" };
  return (0, eval)(source)(host);
}
/** The pattern, in which each name says its width and its form: `{Ml0}` is a month's long name as it stands in dates. */
function patternWithForms(locale, options, data) {
  const dates = [...SAMPLES, ...Array.from({ length: 12 }, (_, i) => new Date(Date.UTC(2024, i, 3 + i, 4, 5, 6)))];
  const form = (type, letter, tables, at) => {
    const value = (d) => format(locale, options).formatToParts(d).find((p) => p.type === type).value;
    for (const width of ["long", "short", "narrow"]) for (const i of [0, 1]) {
      if (dates.every((d) => value(d) === tables[width][i][at(d)])) return `{${letter}${width[0]}${i}}`;
    }
    return `{${letter}}`;
  };
  return pattern(locale, options)
    .replace("{E}", () => form("weekday", "E", data.days, (d) => d.getUTCDay()))
    .replace("{M}", () => (/^\p{N}+$/u.test(format(locale, options).formatToParts(DAY).find((p) => p.type === "month").value) ? "{M}" : form("month", "M", data.months, (d) => d.getUTCMonth())));
}
function exactOf(locale, all) {
  const exact = {};
  const tell = (options, intl) => SAMPLES.every((d) => {
    try { return new intl.DateTimeFormat(locale, { timeZone: "UTC", ...options }).format(d) === format(locale, options).format(d); } catch (e) { console.error(locale, options, e.message); return false; }
  });
  const before = ours(all);
  const wrong = GRID.filter((options) => !tell(options, before));
  for (const options of wrong) exact[before.keyOf(options)] = patternWithForms(locale, options, all[locale]);
  const after = ours({ ...all, [locale]: { ...all[locale], exact } });
  for (const options of wrong) if (!tell(options, after)) {
    n_unexplained++;
    if (process.env.EXPLAIN) console.error(locale, JSON.stringify(options), SAMPLES.map((d) => [new after.DateTimeFormat(locale, { timeZone: "UTC", ...options }).format(d), format(locale, options).format(d)]));
  }
  return exact;
}
/** What differs from the data of another locale; tables of tables go one step deeper. */
function difference(data, like) {
  const out = {};
  for (const [key, value] of Object.entries(data)) {
    if (JSON.stringify(value) === JSON.stringify(like[key])) continue;
    out[key] = ["dates", "zones", "numbers", "time", "styles", "exact"].includes(key) ? Object.fromEntries(Object.entries(value).filter(([k, v]) => JSON.stringify(v) !== JSON.stringify(like[key]?.[k]))) : value;
  }
  return out;
}

const all = {};
for (const locale of [...LANGUAGES, ...Object.keys(VARIANTS)]) {
  all[locale] = dataOf(locale);
  all[locale].exact = exactOf(locale, all);
}
for (const [locale, like] of Object.entries(VARIANTS)) {
  const keys = new Set(Object.keys(all[like].exact));
  // A pattern that only the other needs would be inherited.
  for (const key of keys) all[locale].exact[key] ??= null;
}
for (const locale of Object.keys(all)) {
  const like = VARIANTS[locale];
  console.log(JSON.stringify(like ? { locale, like, ...difference(all[locale], all[like]) } : all[locale]));
}
if (n_unexplained) console.error(`${n_unexplained} patterns stay unexplained; EXPLAIN=1 lists them`);
