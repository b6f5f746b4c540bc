// `Intl`, as far as dates, numbers and the date library ask for it. The engine has none of its own.
//
// Names and patterns come as data per locale (Unicode CLDR), read when a locale is first used;
// offsets of time zones come from the host. An unknown locale is written as en-US.
(function (host) {
"use strict";
const LOCALES = new Map();
/** Regions that write as another one of the same language does. */
const LIKE = { "en-SG": "en-GB", "en-HK": "en-GB", "en-MT": "en-GB", "en-KE": "en-GB", "en-NG": "en-GB", "es-PE": "es-MX", "es-419": "es-MX", "es-VE": "es-AR", "es-EC": "es-CO", "es-UY": "es-AR",
  "de-LI": "de-CH", "pt-AO": "pt-PT", "pt-MZ": "pt-PT", "zh-MO": "zh-HK", "zh-HANT": "zh-TW" };
/** What is asked for and where the language's own data are found. */
const LANGUAGES = { en: "en-US", no: "nb", nn: "nb", iw: "he", in: "id" };

/** The data behind a tag, and the tag as it is told to others. */
function resolve(locales) {
  const wanted = [locales ?? []].flat();
  for (const entry of wanted) {
    if (typeof entry !== "string" && (typeof entry !== "object" || entry === null)) throw new TypeError("a locale is a text");
    const tag = String(entry).replace(/-u-.*$/, "").replace(/_/g, "-");
    if (!/^[a-z]{2,3}(-[a-z0-9]{2,8})*$/i.test(tag)) throw new RangeError(`Incorrect locale information provided`);
    const [language, ...rest] = tag.split("-");
    const region = rest.find((r) => /^([a-z]{2}|\d{3})$/i.test(r))?.toUpperCase();
    const known = dataFor(language.toLowerCase(), region ?? (/^hant$/i.test(rest[0]) ? "HANT" : undefined));
    if (known) return { tag: [language.toLowerCase(), region].filter(Boolean).join("-"), data: known };
  }
  return { tag: "en-US", data: dataFor("en", "US") };
}

function dataFor(language, region) {
  const name = `${language}-${region}`;
  return (region && dataNamed(LIKE[name] ?? name)) || dataNamed(LANGUAGES[language] ?? language);
}
/** The data of a locale; one that is like another has only what differs. */
function dataNamed(name) {
  if (!LOCALES.has(name)) {
    const line = host.locale(name);
    let data = line === undefined || line === null ? null : JSON.parse(line);
    if (data?.like) {
      const like = dataNamed(data.like);
      const tables = ["dates", "zones", "numbers", "time", "styles", "exact"].filter((k) => data[k]).map((k) => [k, { ...like[k], ...data[k] }]);
      data = { ...like, ...data, ...Object.fromEntries(tables) };
    }
    LOCALES.set(name, data);
  }
  return LOCALES.get(name);
}

// ---- Dates

const FIELDS = ["weekday", "era", "year", "month", "day", "dayPeriod", "hour", "minute", "second", "fractionalSecondDigits"];
const DAY_FIELDS = ["weekday", "year", "month", "day"];
const TIME_FIELDS = ["dayPeriod", "hour", "minute", "second", "fractionalSecondDigits"];
const TYPE = { y: "year", M: "month", d: "day", E: "weekday", h: "hour", m: "minute", s: "second", a: "dayPeriod", z: "timeZoneName", G: "era", f: "fractionalSecond" };

/** Minutes ahead of UTC; a zone is an IANA name, `UTC` or an offset such as `+05:30`. */
function offsetOf(zone, ms) {
  const fixed = /^([+-])(\d{2})(?::?(\d{2}))?$/.exec(zone);
  if (fixed) return (fixed[1] === "-" ? -1 : 1) * (Number(fixed[2]) * 60 + Number(fixed[3] ?? 0));
  return host.offset(zone, ms);
}
function checkedZone(zone) {
  if (zone === undefined) return host.processZone();
  const name = String(zone);
  if (/^(utc|gmt|etc\/utc|etc\/gmt)$/i.test(name)) return "UTC";
  if (/^[+-]\d{2}(:?\d{2})?$/.test(name) || host.isZone(name)) return name;
  throw new RangeError(`Invalid time zone specified: ${name}`);
}

/** The name of a zone at a time: the locale's where it has one, else the offset. */
function zoneName(zone, ms, style, data) {
  const minutes = offsetOf(zone, ms);
  const sign = minutes < 0 ? (data.offset === "UTC" ? "−" : "-") : "+";
  const pad = (n) => String(Math.floor(n)).padStart(2, "0");
  const hours = Math.floor(Math.abs(minutes) / 60);
  const rest = Math.abs(minutes) % 60;
  const longOffset = minutes ? `${data.offset}${sign}${pad(hours)}:${pad(rest)}` : data.offset;
  const shortOffset = minutes ? `${data.offset}${sign}${hours}${rest ? ":" + pad(rest) : ""}` : data.offset;
  const at = style === "long" || style === "longGeneric" ? 1 : 0;
  if (style === "longOffset") return longOffset;
  if (style === "shortOffset") return shortOffset;
  const short = host.abbreviation(zone, ms);
  const isAmbiguous = /^(IST|CST|AST|MST|PST|BST)$/.test(short) && !/^(America|US|Canada|Europe\/London|Atlantic)/.test(zone);
  const named = data.zones[zone] ?? data.zones[`${zone} ${short}`] ?? (isAmbiguous ? undefined : data.zones[short]);
  return named?.[at] ?? (at ? longOffset : shortOffset);
}

const twelve = (h) => (h % 12 === 0 ? 12 : h % 12);

class DateTimeFormat {
  #o; #locale; #zone; #cycle; #pattern; #monthWidth; #isExact;
  constructor(locales, options = {}, defaults = "date") {
    this.#locale = resolve(locales);
    const o = (this.#o = { ...options });
    this.#zone = checkedZone(o.timeZone);
    if (!FIELDS.some((f) => o[f] !== undefined) && o.dateStyle === undefined && o.timeStyle === undefined) fillIn(o, defaults);
    else if (defaults !== "date" && o.dateStyle === undefined && o.timeStyle === undefined) {
      const needsDate = defaults === "onlyDate" && !DAY_FIELDS.some((f) => o[f] !== undefined);
      const needsTime = defaults === "onlyTime" && !TIME_FIELDS.some((f) => o[f] !== undefined);
      if (needsDate || needsTime) fillIn(o, defaults);
    }
    if ((defaults === "onlyTime" && o.dateStyle !== undefined) || (defaults === "onlyDate" && o.timeStyle !== undefined)) throw new TypeError(`Invalid option : ${defaults === "onlyTime" ? "dateStyle" : "timeStyle"}`);
    this.#cycle = cycleOf(o, this.#locale.data);
    [this.#pattern, this.#monthWidth, this.#isExact] = patternOf(o, this.#locale.data, this.#cycle);
    this.format = (date) => this.formatToParts(date).map((p) => p.value).join("").replace(/\u202f/g, " ");
  }
  static supportedLocalesOf(locales) { return [locales ?? []].flat().filter((l) => { try { return dataFor(String(l).split("-")[0]) !== null; } catch { return false; } }); }
  get [Symbol.toStringTag]() { return "Intl.DateTimeFormat"; }
  formatToParts(date) {
    const ms = date === undefined ? Date.now() : Number(date);
    if (!Number.isFinite(ms)) throw new RangeError("Invalid time value");
    const local = new Date(ms + offsetOf(this.#zone, ms) * 60000);
    const parts = [];
    for (const piece of this.#pattern.split(/(\{\w+\})/)) {
      if (!piece) continue;
      if (/^\{\w+\}$/.test(piece)) parts.push({ type: TYPE[piece[1]], value: this.#field(piece.slice(1, -1), local, ms) });
      else parts.push({ type: "literal", value: piece });
    }
    // As in Node.js: the blank before AM and PM is a narrow one in the parts, and a plain one in the text.
    const period = parts.findIndex((part) => part.type === "dayPeriod");
    if (parts[period - 1]?.value === " ") parts[period - 1].value = "\u202f";
    return parts;
  }
  #field(token, at, ms) {
    const text = this.#plain(token, at, ms);
    return this.#locale.data.digits === "arab" ? arabic(text) : text;
  }
  #plain(token, at, ms) {
    const { data } = this.#locale;
    const pad = (n, width) => String(n).padStart(width, "0");
    const width = (option) => (option === "2-digit" && !this.#isExact ? 2 : token.length);
    if (token.length === 3) {
      const list = { l: "long", s: "short", n: "narrow" }[token[1]];
      return token[0] === "M" ? data.months[list][token[2]][at.getUTCMonth()] : data.days[list][token[2]][at.getUTCDay()];
    }
    // The calendar of Thailand counts from another year.
    const year = at.getUTCFullYear() + (data.calendar === "buddhist" ? 543 : 0);
    switch (token) {
      case "y": return String(year > 0 ? year : 1 - year);
      case "yy": return pad(Math.abs(year) % 100, 2);
      case "M": case "MM": {
        const named = this.#monthWidth;
        if (!named) return pad(at.getUTCMonth() + 1, width(this.#o.month));
        const isAlone = !/\{d+\}/.test(this.#pattern);
        const table = data.months[named];
        return (isAlone ? table[1] ?? table[0] : table[0])[at.getUTCMonth()];
      }
      case "d": case "dd": return pad(at.getUTCDate(), width(this.#o.day));
      case "E": {
        const [inDate, alone] = data.days[this.#o.dateStyle ? "long" : this.#o.weekday ?? "long"];
        return (/\{[yMd]/.test(this.#pattern) ? inDate : alone)[at.getUTCDay()];
      }
      case "G": return data.eras[this.#o.era ?? "short"][year > 0 ? 1 : 0];
      case "h": case "hh": {
        const h = at.getUTCHours();
        const n = { h11: h % 12, h12: twelve(h), h23: h, h24: h === 0 ? 24 : h }[this.#cycle];
        return pad(n, width(this.#o.hour));
      }
      case "m": case "mm": return pad(at.getUTCMinutes(), token.length);
      case "s": case "ss": return pad(at.getUTCSeconds(), token.length);
      case "f": return pad(at.getUTCMilliseconds(), 3).slice(0, this.#o.fractionalSecondDigits);
      case "a": return data.periods[at.getUTCHours() < 12 ? 0 : 1];
      default: return zoneName(this.#zone, ms, this.#o.timeZoneName ?? (this.#o.timeStyle === "full" ? "long" : "short"), data);
    }
  }
  formatRange(a, b) {
    const [from, to] = [this.format(a), this.format(b)];
    return from === to ? from : from + this.#locale.data.range + to;
  }
  formatRangeToParts(a, b) { return [{ type: "literal", value: this.formatRange(a, b), source: "shared" }]; }
  resolvedOptions() {
    const out = { locale: this.#locale.tag, calendar: "gregory", numberingSystem: "latn", timeZone: this.#zone };
    if (/\{h/.test(this.#pattern)) Object.assign(out, { hourCycle: this.#cycle, hour12: this.#cycle < "h2" });
    for (const f of [...FIELDS, "timeZoneName", "dateStyle", "timeStyle"]) if (this.#o[f] !== undefined) out[f] = this.#o[f];
    return out;
  }
}

const arabic = (text) => text.replace(/\d/g, (d) => String.fromCharCode(0x660 + Number(d)));

function fillIn(o, defaults) {
  if (defaults !== "onlyTime") Object.assign(o, { year: "numeric", month: "numeric", day: "numeric" });
  if (defaults === "all" || defaults === "onlyTime") Object.assign(o, { hour: "numeric", minute: "numeric", second: "numeric" });
}

function cycleOf(o, data) {
  // ICU writes midnight as 24 where a locale of twelve hours is asked for the other form.
  if (o.hour12 !== undefined) return o.hour12 ? "h12" : data.hour12 ? "h24" : "h23";
  return o.hourCycle ?? (data.hour12 ? "h12" : "h23");
}

/** Options as one word, for what only a table knows. */
function keyOf(o) {
  const style = (v) => v?.replace("2-digit", "2").slice(0, 1) ?? "-";
  const cycle = o.hour === undefined && o.timeStyle === undefined ? "" : o.hour12 !== undefined ? (o.hour12 ? "+" : "=") : o.hourCycle ?? "";
  const fields = [o.weekday, o.era, o.year, o.month, o.day, o.hour, o.minute, o.second, o.timeZoneName].map(style).join("").replace(/-+$/, "");
  return `${o.dateStyle ? "D" + style(o.dateStyle) : ""}${o.timeStyle ? "T" + style(o.timeStyle) : ""}${fields}${cycle}`;
}
/** The pattern of these options, and the width of the month's name where it has one. */
function patternOf(o, data, cycle) {
  const exact = o.fractionalSecondDigits || o.dayPeriod !== undefined ? undefined : data.exact?.[keyOf(o)];
  if (exact) return [exact, undefined, true];
  const mark = cycle < "h2" ? "12" : "24";
  let date, glue, width;
  if (o.dateStyle !== undefined) {
    const [pattern, letter, between] = data.styles[o.dateStyle] ?? refuse("dateStyle", o.dateStyle);
    [date, glue, width] = [pattern, between, { l: "long", s: "short" }[letter]];
  } else if (o.timeStyle === undefined) {
    const month = { "2-digit": "n", numeric: "n", long: "l", short: "s", narrow: "s" }[o.month] ?? "-";
    const key = [o.weekday === undefined ? "-" : o.weekday === "long" ? "l" : "s", o.year === undefined ? "-" : "n", month, o.day === undefined ? "-" : "n"].join("");
    date = data.dates[key];
    if (o.year === "2-digit") date = date.replace("{y}", "{yy}");
    if (o.era !== undefined) date = date === undefined ? "{G}" : `${date} {G}`;
    width = month === "n" || month === "-" ? undefined : o.month;
    glue = key.endsWith("---") ? data.glue.e : month === "l" ? (o.weekday ? data.glue.w : data.glue.l) : data.glue[month === "s" ? "s" : "n"];
  }
  let time;
  if (o.timeStyle !== undefined) time = data.time[(o.timeStyle === "short" ? "hm" : "hms") + mark] + (/full|long/.test(o.timeStyle) ? " {z}" : "");
  else if (o.hour !== undefined) time = data.time["h" + (o.minute !== undefined || o.second !== undefined ? "m" : "") + (o.second !== undefined ? "s" : "") + mark];
  else if (o.minute !== undefined) time = o.second !== undefined ? "{mm}:{ss}" : "{m}";
  else if (o.second !== undefined) time = "{s}";
  else if (o.dayPeriod !== undefined) time = "{a}";
  if (o.fractionalSecondDigits) time = time === undefined ? "{f}" : time.replace(/(\{s+\})/, `$1${data.numbers.decimal}{f}`);
  const whole = date !== undefined && time !== undefined ? date + glue + time : date ?? time ?? "";
  if (o.timeZoneName === undefined) return [whole, width];
  return [whole === "" ? "{z}" : whole + (time === undefined ? ", {z}" : " {z}"), width];
}
const refuse = (option, value) => { throw new RangeError(`Value ${value} out of range for Intl options property ${option}`); };

// ---- Numbers

/** The digits of a number's shortest form: [before the point, after it]. */
function digitsOf(n) {
  const [mantissa, exponent = "0"] = String(n).split("e");
  const [whole, part = ""] = mantissa.split(".");
  const shift = Number(exponent);
  if (shift >= 0) return [whole + part.padEnd(shift, "0").slice(0, shift), part.slice(shift)];
  const padded = whole.padStart(1 - shift, "0");
  return [padded.slice(0, shift), padded.slice(shift) + part];
}
/** Rounded half away from zero, on the digits that are seen. */
function roundDigits([whole, part], places) {
  if (part.length <= places) return [whole, part];
  const all = whole + part.slice(0, places);
  let kept = part[places] >= "5" ? String(BigInt(all) + 1n).padStart(all.length, "0") : all;
  return [kept.slice(0, kept.length - places), places ? kept.slice(-places) : ""];
}
const NO_CENTS = new Set(["JPY", "KRW", "CLP", "VND", "ISK", "PYG", "UGX", "XAF", "XOF"]);

class NumberFormat {
  #o; #locale;
  constructor(locales, options = {}) {
    this.#locale = resolve(locales);
    const o = (this.#o = { style: "decimal", ...options });
    if (o.style === "currency" && !/^[a-z]{3}$/i.test(o.currency ?? "")) throw new TypeError("Currency code is required with currency style");
    if (o.currency) o.currency = o.currency.toUpperCase();
    const cents = o.style !== "currency" ? 0 : NO_CENTS.has(o.currency) ? 0 : 2;
    const isCompact = o.notation === "compact";
    const most = o.style === "currency" ? cents : o.style === "percent" || isCompact ? 0 : 3;
    for (const name of ["minimumFractionDigits", "maximumFractionDigits", "minimumSignificantDigits", "maximumSignificantDigits", "minimumIntegerDigits"]) {
      if (o[name] !== undefined && !(o[name] >= 0 && o[name] <= 100)) throw new RangeError(`${name} value is out of range.`);
    }
    this.isRounded = o.maximumFractionDigits !== undefined || o.maximumSignificantDigits !== undefined;
    o.minimumFractionDigits ??= Math.min(cents, o.maximumFractionDigits ?? cents);
    o.maximumFractionDigits ??= Math.max(most, o.minimumFractionDigits);
    if (o.minimumFractionDigits > o.maximumFractionDigits) throw new RangeError("maximumFractionDigits value is out of range.");
    this.format = (n) => this.formatToParts(n).map((p) => p.value).join("");
  }
  static supportedLocalesOf(locales) { return DateTimeFormat.supportedLocalesOf(locales); }
  get [Symbol.toStringTag]() { return "Intl.NumberFormat"; }
  formatToParts(value) {
    const o = this.#o;
    const { data, tag } = this.#locale;
    const n = typeof value === "bigint" ? value : Number(value);
    const isNegative = n < 0 || Object.is(n, -0);
    const number = this.#number(n, tag, data);
    const shows = { always: true, never: false, exceptZero: n != 0, negative: isNegative && n != 0 }[o.signDisplay] ?? isNegative;
    const sign = !shows ? [] : isNegative ? [{ type: "minusSign", value: data.numbers.sign }] : [{ type: "plusSign", value: "+" }];
    if (o.style === "percent") return shape(data.numbers.percent, number, sign, "percentSign", "%");
    if (o.style === "currency") return this.#currency(data, number, sign);
    if (o.style === "unit") {
      const forms = data.units[o.unitDisplay ?? "short"]?.[o.unit];
      const text = forms ? forms[plural(tag, Number(n))] ?? forms.other ?? Object.values(forms)[0] : `{0} ${o.unit}`;
      const [before, after] = text.split("{0}");
      // Some languages have words of their own for one and two.
      if (after === undefined) return [{ type: "unit", value: text }];
      return [...sign, ...(before ? [{ type: "unit", value: before }] : []), ...number, { type: "unit", value: after }];
    }
    return [...sign, ...number];
  }
  #currency(data, number, sign) {
    const { currency, currencyDisplay } = this.#o;
    const symbol = currencyDisplay === "code" ? currency : data.numbers.symbols[currency] ?? currency;
    if (currencyDisplay === "name") return [...sign, ...number, { type: "literal", value: " " }, { type: "currency", value: currency }];
    const isWord = /[A-Za-z]$/.test(symbol);
    const isMinus = sign[0]?.type === "minusSign";
    const pattern = data.numbers[isWord ? (isMinus ? "codeMinus" : "code") : isMinus ? "minus" : "currency"];
    return shape(pattern, number, isMinus ? [] : sign, "currency", currencyDisplay === "narrowSymbol" ? symbol.replace(/^[A-Z]+(?=[^A-Z])/, "") : symbol);
  }
  #number(n, tag, data) {
    const o = this.#o;
    if (typeof n === "number" && Number.isNaN(n)) return [{ type: "nan", value: "NaN" }];
    if (n === Infinity || n === -Infinity) return [{ type: "infinity", value: "∞" }];
    let digits = digitsOf(typeof n === "bigint" ? (n < 0n ? -n : n) : Math.abs(n));
    if (o.style === "percent") digits = [(digits[0] + digits[1].padEnd(2, "0").slice(0, 2)).replace(/^0+(?=\d)/, ""), digits[1].slice(2)];
    let around = ["", ""];
    if (o.notation === "compact") {
      const length = roundDigits(digits, 0)[0].length;
      const [taken, word] = data.numbers.compact[Math.min(length, 15) - 4] ?? [0, "0"];
      around = word.split("0");
      if (taken) digits = [digits[0].slice(0, -taken), digits[0].slice(-taken) + digits[1]];
      const zeros = digits[0] === "0" ? /^0*/.exec(digits[1])[0].length + 1 : 0;
      if (!this.isRounded) digits = roundDigits(digits, Math.max(0, 2 - digits[0].length + zeros));
      digits[1] = digits[1].replace(/0+$/, "");
    }
    if (o.notation !== "compact" || this.isRounded) digits = this.#rounded(digits);
    const [whole, part] = [digits[0].padStart(o.minimumIntegerDigits ?? 1, "0"), digits[1]];
    const { decimal } = data.numbers;
    const group = o.style === "currency" ? data.numbers.moneyGroup : data.numbers.group;
    const grouped = o.useGrouping === false ? [whole] : groups(whole, data.numbers.lakh, o.useGrouping === "always" ? 1 : o.notation === "compact" ? 2 : data.numbers.grouping);
    const parts = grouped.flatMap((g, i) => (i ? [{ type: "group", value: group }] : []).concat({ type: "integer", value: g }));
    if (part) parts.push({ type: "decimal", value: decimal }, { type: "fraction", value: part });
    const side = (value) => (value ? [{ type: "compact", value }] : []);
    const all = [...side(around[0]), ...parts, ...side(around[1])];
    return data.digits === "arab" ? all.map((p) => ({ ...p, value: arabic(p.value) })) : all;
  }
  #rounded(digits) {
    const o = this.#o;
    if (o.maximumSignificantDigits !== undefined || o.minimumSignificantDigits !== undefined) {
      const most = o.maximumSignificantDigits ?? 21;
      const whole = /[1-9]/.test(digits[0] + digits[1]) ? digits[0].replace(/^0+/, "") : "0";
      const zeros = whole ? 0 : /^0*/.exec(digits[1])[0].length;
      const places = most - whole.length + zeros;
      let out = places >= 0 ? roundDigits(digits, places)
        : [String((BigInt(whole) + 5n * 10n ** BigInt(-places - 1)) / 10n ** BigInt(-places) * 10n ** BigInt(-places)), ""];
      const least = Math.max(0, (o.minimumSignificantDigits ?? 1) - whole.length + zeros);
      return [out[0], out[1].replace(/0+$/, "").padEnd(least, "0")];
    }
    const [whole, part] = roundDigits(digits, o.maximumFractionDigits);
    return [whole, part.replace(/0+$/, "").padEnd(o.minimumFractionDigits, "0")];
  }
  resolvedOptions() { return { locale: this.#locale.tag, numberingSystem: "latn", ...this.#o }; }
}

function groups(whole, lakh, fewest) {
  if (whole.length < 3 + fewest) return [whole];
  const out = [whole.slice(-3)];
  const step = lakh ? 2 : 3;
  for (let end = whole.length - 3; end > 0; end -= step) out.unshift(whole.slice(Math.max(0, end - step), end));
  return out;
}
/** Puts number and sign into a pattern such as `¤0` or `0 %`. */
function shape(pattern, number, sign, type, symbol) {
  const at = pattern.indexOf("0");
  const part = (v) => (v === "¤" || v === "%" ? { type, value: symbol } : { type: /[-\u2212]/.test(v) ? "minusSign" : "literal", value: v });
  const side = (text) => text.split(/([¤%\u2212-])/).filter(Boolean).map(part);
  return [...sign, ...side(pattern.slice(0, at)), ...number, ...side(pattern.slice(at + 1))];
}

// ---- Words around numbers, lists and order

function plural(tag, n) {
  const language = tag.split("-")[0];
  const isWhole = Number.isInteger(n);
  const i = Math.trunc(Math.abs(n));
  const [ten, hundred] = [i % 10, i % 100];
  const million = () => (isWhole && i !== 0 && i % 1e6 === 0 ? "many" : "other");
  switch (language) {
    case "ja": case "ko": case "zh": case "th": case "id": case "ms": case "vi": return "other";
    case "fr": return i <= 1 ? "one" : million();
    case "pt": return (/-PT/.test(tag) ? isWhole && i === 1 : i <= 1) ? "one" : million();
    case "hi": return i === 0 || n === 1 ? "one" : "other";
    case "es": return n === 1 ? "one" : million();
    case "it": case "ca": return isWhole && i === 1 ? "one" : million();
    case "tr": case "hu": case "el": case "bg": return n === 1 ? "one" : "other";
    case "da": return n === 1 || (!isWhole && i <= 1) ? "one" : "other";
    case "pl": return n === 1 ? "one" : !isWhole ? "other" : ten === 1 ? "many" : slavic(i) ?? "many";
    case "cs": case "sk": return n === 1 ? "one" : !isWhole ? "many" : i >= 2 && i <= 4 ? "few" : "other";
    case "ru": case "uk": return !isWhole ? "other" : slavic(i) ?? "many";
    case "hr": case "sr": return slavic(isWhole ? i : partOf(n)) ?? "other";
    case "sl": return !isWhole ? "few" : hundred === 1 ? "one" : hundred === 2 ? "two" : hundred === 3 || hundred === 4 ? "few" : "other";
    case "he": return (isWhole && i === 1) || (!isWhole && i === 0) ? "one" : isWhole && i === 2 ? "two" : "other";
    case "ar": return !isWhole ? "other" : i < 3 ? ["zero", "one", "two"][i] : hundred >= 3 && hundred <= 10 ? "few" : hundred >= 11 ? "many" : "other";
    case "ro": return isWhole && i === 1 ? "one" : !isWhole || i === 0 || (hundred >= 1 && hundred <= 19) ? "few" : "other";
    case "lt": return !isWhole ? "many" : hundred >= 11 && hundred <= 19 ? "other" : ten === 1 ? "one" : ten >= 2 ? "few" : "other";
    case "lv": return isWhole ? (ten === 0 || (hundred >= 11 && hundred <= 19) ? "zero" : ten === 1 ? "one" : "other") : slavic(partOf(n)) === "one" ? "one" : "other";
    default: return isWhole && i === 1 ? "one" : "other";
  }
}
/** The digits behind the point as a number. */
const partOf = (n) => Number(digitsOf(Math.abs(n))[1]);
function slavic(i) {
  const [ten, hundred] = [i % 10, i % 100];
  if (ten === 1 && hundred !== 11) return "one";
  return ten >= 2 && ten <= 4 && !(hundred >= 12 && hundred <= 14) ? "few" : undefined;
}
function ordinal(tag, n) {
  if (!tag.startsWith("en")) return "other";
  const last = n % 10, two = n % 100;
  return last === 1 && two !== 11 ? "one" : last === 2 && two !== 12 ? "two" : last === 3 && two !== 13 ? "few" : "other";
}
class PluralRules {
  #tag; #type;
  constructor(locales, { type = "cardinal" } = {}) { this.#tag = resolve(locales).tag; this.#type = type; }
  select(n) { return this.#type === "ordinal" ? ordinal(this.#tag, n) : plural(this.#tag, n); }
  resolvedOptions() { return { locale: this.#tag, type: this.#type }; }
}

class RelativeTimeFormat {
  #locale; #o;
  constructor(locales, options = {}) { this.#locale = resolve(locales); this.#o = { style: "long", numeric: "always", ...options }; }
  format(value, unit) {
    const { data, tag } = this.#locale;
    const name = String(unit).replace(/s$/, "");
    const [forms, named] = data.relative[this.#o.style][name] ?? (() => { throw new RangeError(`Invalid unit argument for format() '${unit}'`); })();
    const n = Number(value);
    if (this.#o.numeric === "auto" && Object.hasOwn(named, String(n))) return named[String(n)];
    const isPast = n < 0 || Object.is(n, -0);
    const form = forms[plural(tag, Math.abs(n))] ?? forms.other ?? Object.values(forms).at(-1);
    return form[isPast ? 1 : 0].replace("{0}", () => new NumberFormat(tag).format(Math.abs(n)));
  }
  formatToParts(value, unit) { return [{ type: "literal", value: this.format(value, unit) }]; }
  resolvedOptions() { return { locale: this.#locale.tag, ...this.#o, numberingSystem: "latn" }; }
}

class ListFormat {
  #glue; #tag;
  constructor(locales, { type = "conjunction", style = "long" } = {}) {
    const { data, tag } = resolve(locales);
    this.#tag = tag;
    this.#glue = data.lists[type + style];
  }
  format(list) {
    const all = [...list];
    const [two, middle, last] = this.#glue.map((g) => g ?? "");
    if (all.length < 2) return all.join("");
    return all.length === 2 ? all.join(two) : all.slice(0, -1).join(middle) + last + all.at(-1);
  }
  formatToParts(list) { return [{ type: "literal", value: this.format(list) }]; }
  resolvedOptions() { return { locale: this.#tag }; }
}

const MARKS = /[\u0300-\u036f]/g;
// As the collation of Unicode puts them; other signs follow by their code.
const SIGNS = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";
const signOf = (c) => { const at = SIGNS.indexOf(c); return at < 0 ? 1000 + c.codePointAt(0) : at; };
const classOf = (c) => (/\p{L}/u.test(c) ? 3 : /\p{N}/u.test(c) ? 2 : /\s/.test(c) ? 0 : 1);
function primary(a, b, isNumeric) {
  const [x, y] = [[...a], [...b]];
  for (let i = 0, j = 0; ; i++, j++) {
    if (i >= x.length || j >= y.length) return (i < x.length) - (j < y.length);
    if (isNumeric && /\d/.test(x[i]) && /\d/.test(y[j])) {
      const run = (list, from) => { let end = from; while (end < list.length && /\d/.test(list[end])) end++; return end; };
      const [iEnd, jEnd] = [run(x, i), run(y, j)];
      const [m, n] = [x.slice(i, iEnd).join("").replace(/^0+(?=\d)/, ""), y.slice(j, jEnd).join("").replace(/^0+(?=\d)/, "")];
      if (m !== n) return m.length !== n.length ? m.length - n.length : m < n ? -1 : 1;
      [i, j] = [iEnd - 1, jEnd - 1];
      continue;
    }
    if (x[i] === y[j]) continue;
    const [p, q] = [classOf(x[i]), classOf(y[j])];
    if (p === 1 && q === 1) return signOf(x[i]) - signOf(y[j]);
    return p !== q ? p - q : x[i] < y[j] ? -1 : 1;
  }
}
/** By letters first, then by accents, then small letters before capitals. */
function compare(a, b, { numeric = false, sensitivity = "variant" } = {}) {
  if (a === b) return 0;
  const [x, y] = [a.normalize("NFD"), b.normalize("NFD")];
  const fold = (s) => s.replace(MARKS, "").toLowerCase();
  const letters = primary(fold(x), fold(y), numeric);
  if (letters) return Math.sign(letters);
  const [xLow, yLow] = [x.toLowerCase(), y.toLowerCase()];
  if (sensitivity !== "base" && sensitivity !== "case" && xLow !== yLow) return xLow < yLow ? -1 : 1;
  if (sensitivity === "base" || sensitivity === "accent" || x === y) return 0;
  return x > y ? -1 : 1;
}
class Collator {
  #o; #tag;
  constructor(locales, options = {}) {
    this.#tag = resolve(locales).tag;
    this.#o = { ...options, numeric: options.numeric ?? /-u-.*\bkn\b/.test(String(locales ?? "")) };
    this.compare = (a, b) => compare(String(a), String(b), this.#o);
  }
  resolvedOptions() { return { locale: this.#tag, usage: "sort", sensitivity: "variant", ...this.#o }; }
}

// `Intl.DateTimeFormat()` and `Intl.NumberFormat()` work without `new`, the others do not.
const callable = (Class) => {
  const f = function (locales, options) { return new Class(locales, options ?? {}); };
  Object.defineProperty(f, "name", { value: Class.name });
  f.prototype = Class.prototype;
  f.supportedLocalesOf = Class.supportedLocalesOf;
  Object.defineProperty(Class.prototype, "constructor", { value: f, writable: true, configurable: true });
  return f;
};
const getCanonicalLocales = (locales) => [locales ?? []].flat().map((l) => resolve(l) && String(l));
const intl = {};
for (const [name, value] of Object.entries({ DateTimeFormat: callable(DateTimeFormat), NumberFormat: callable(NumberFormat), Collator: callable(Collator), PluralRules, RelativeTimeFormat, ListFormat, getCanonicalLocales, supportedValuesOf: () => [] })) {
  Object.defineProperty(intl, name, { value, writable: true, configurable: true });
}
// One engine serves many expressions: none may change what the next one sees.
for (const part of [...Object.getOwnPropertyNames(intl).map((name) => intl[name]), DateTimeFormat, NumberFormat, Collator]) {
  if (part.prototype) Object.freeze(part.prototype);
  Object.freeze(part);
}
Object.freeze(intl);
return { intl, compare, DateTimeFormat, NumberFormat, keyOf };
})
