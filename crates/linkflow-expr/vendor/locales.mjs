// Writes locales.jsonl, one line per locale: `node locales.mjs > locales.jsonl`.
//
// The names and patterns are those of the Unicode CLDR, read out of the ICU that Node.js carries.
const LOCALES = ["en-US", "en-GB", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "nb", "cs", "tr"];
const CURRENCIES = ["USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "INR", "CNY", "KRW", "BRL", "MXN", "PLN", "SEK", "NOK", "DKK", "CZK", "TRY", "NZD", "HKD", "SGD", "ILS", "ZAR", "RUB"];
// A Saturday; day, month, hour and minute have one digit, so that padding shows.
const DAY = new Date(Date.UTC(2024, 1, 3, 4, 5, 6));
const format = (locale, options) => new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options });

const TOKEN = {
  year: (v) => (v.length === 2 ? "yy" : "y"),
  month: (v, o) => (/^\d+$/.test(v) ? (v.length === 2 ? "MM" : "M") : "M"),
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
  return text[at - 1].value;
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
  const shape = (list) => list.map((p) => (p.type === "literal" ? p.value.replace(/\u202f/g, " ") : { percentSign: "%", currency: "¤", integer: "0", minusSign: "-" }[p.type] ?? "")).join("").replace(/0+/g, "0");
  const symbols = {};
  for (const currency of CURRENCIES) {
    const symbol = find(parts(1, { style: "currency", currency }), "currency");
    if (symbol !== currency) symbols[currency] = symbol;
  }
  return {
    group: find(plain, "group", ","), decimal: find(plain, "decimal", "."), grouping: short.some((p) => p.type === "group") ? 1 : 2,
    percent: shape(parts(0.01, { style: "percent" })), currency: shape(parts(1, { style: "currency", currency: "EUR", maximumFractionDigits: 0 })),
    code: shape(parts(1, { style: "currency", currency: "XTS", maximumFractionDigits: 0 })),
    sign: find(parts(-1), "minusSign", "-"), minus: shape(parts(-1, { style: "currency", currency: "EUR", maximumFractionDigits: 0 })), symbols,
  };
}
function relative(locale) {
  const out = {};
  const plurals = new Intl.PluralRules(locale);
  const examples = [1, 2, 3, 5, 1.5];
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
      const f = new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay });
      const forms = {};
      for (const n of [1, 2, 5, 1.5]) forms[plurals.select(n)] ??= f.format(n).replace(new Intl.NumberFormat(locale).format(n), "{0}");
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

for (const locale of LOCALES) {
  const parts = (o) => format(locale, o).formatToParts(DAY);
  const timeOf = (o) => pattern(locale, o);
  const time = {};
  for (const hour12 of [true, false]) {
    const mark = hour12 ? "12" : "24";
    time["h" + mark] = timeOf({ hour: "numeric", hour12 });
    time["hm" + mark] = timeOf({ hour: "numeric", minute: "numeric", hour12 });
    time["hms" + mark] = timeOf({ hour: "numeric", minute: "numeric", second: "numeric", hour12 });
  }
  const period = (hour) => format(locale, { hour: "numeric", hour12: true }).formatToParts(new Date(Date.UTC(2024, 0, 1, hour))).find((p) => p.type === "dayPeriod").value;
  const eras = (width) => [-1e14, 0].map((ms) => format(locale, { era: width }).formatToParts(new Date(ms)).find((p) => p.type === "era").value);
  console.log(JSON.stringify({
    locale,
    months: Object.fromEntries(["long", "short", "narrow"].map((w) => [w, [names(locale, "month", w, false), names(locale, "month", w, true)]])),
    days: Object.fromEntries(["long", "short", "narrow"].map((w) => [w, [names(locale, "weekday", w, false), names(locale, "weekday", w, true)]])),
    periods: [period(3), period(15)], eras: { long: eras("long"), short: eras("short"), narrow: eras("narrow") },
    hour12: format(locale, { hour: "numeric" }).resolvedOptions().hour12 ?? false,
    dates: dates(locale),
    glue: { n: glue(locale, { year: "numeric", month: "numeric", day: "numeric" }), s: glue(locale, { year: "numeric", month: "short", day: "numeric" }), l: glue(locale, { year: "numeric", month: "long", day: "numeric" }), w: glue(locale, { weekday: "long", year: "numeric", month: "long", day: "numeric" }), e: glue(locale, { weekday: "short" }) },
    styles: styles(locale), zones: zones(locale), offset: offsetWord(locale), time, numbers: numbers(locale), relative: relative(locale), units: units(locale), lists: lists(locale),
  }));
}
