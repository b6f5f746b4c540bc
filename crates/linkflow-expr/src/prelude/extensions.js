// The methods that expressions may call on plain values: `"a b".toTitleCase()`, `[1, 2].sum()`.
//
// Nothing here touches the prototypes of the language: the caller hands over value, name and
// arguments, and the table for the value's kind decides. What only Rust can do well (digests,
// base64) and the date library come in as `host`.
(function (host) {
"use strict";

/** An error that the author of the expression sees, unlike the language's own errors. */
const fail = (message) => { throw { linkflow: message }; };

const isPlain = (v) => v !== null && typeof v === "object" && !Array.isArray(v) && !isDate(v);
const isJsDate = (v) => v instanceof Date;
const isDateTime = (v) => v !== null && typeof v === "object" && v.isLuxonDateTime === true;
const isDate = (v) => isJsDate(v) || isDateTime(v);
const show = (v) => {
  let text;
  try { text = typeof v === "string" ? JSON.stringify(v) : String(v); } catch { text = typeof v; }
  return text.length > 60 ? text.slice(0, 60) + "..." : text;
};
const DateTime = () => host.luxon().DateTime;

// ---- Text

const ISO_WITH_Z = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const isIsoText = (s) => s.length === 24 && ISO_WITH_Z.test(s) && !Number.isNaN(Date.parse(s));

// Begins where a word begins, so that a long text without addresses is walked once only.
const EMAIL_PART =
  /(?<![a-z0-9!#$%&'*+/=?^_`{|}~-])([a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*|"[^"\n]+")@((?:[a-z0-9-]+\.)+[a-z]{2,}|\[\d{1,3}(?:\.\d{1,3}){3}\])/i;
const EMAIL = new RegExp(`^(?:${EMAIL_PART.source})$`, "i");
// A host name of at least two letters in its last label, or a local or numeric one.
const URL_IN_TEXT =
  /(?:https?|ftp):\/\/(?:[^\s@\/]+@)?(?:(?:[\w\u00a1-\uffff-]+\.)+[a-z\u00a1-\uffff]{2,}|localhost|\d{1,3}(?:\.\d{1,3}){3})\.?(?::\d{2,5})?(?:[\/?#]\S*)?/i;
const WHOLE_URL = new RegExp(`^${URL_IN_TEXT.source}$`, "i");
const DOMAIN_AT_START =
  /^(?:[a-z][a-z0-9+.-]*:\/\/)?(?:[^\s@\/]+@)?((?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]+|localhost|\d{1,3}(?:\.\d{1,3}){3})(?=[:\/?#]|$)/i;

const SMALL_WORDS =
  /\b(?:a|an|and|as|at|because|but|by|en|for|if|in|neither|nor|of|on|only|or|over|per|so|some|than|that|the|to|up|upon|vs?\.?|versus|via|when|with|without|yet)\b/i;

/** Each word with a capital, small words excepted; words with inner capitals or dots stay. As in
 * n8n, line ends are dropped. */
function titleCase(text) {
  return text.replace(/[^\s:–—-]+|./gsu, (word, at) => {
    if (/[\n\r\u2028\u2029]/.test(word)) return "";
    const end = at + word.length;
    const isManual = /.(?=[A-Z]|\..)/.test(word);
    const isSmall = SMALL_WORDS.test(word) && at > 0 && end < text.length;
    const isPrefix = text[end] === ":" && !/\s/.test(text[end + 1] ?? "");
    if (isManual || isSmall || isPrefix) return word;
    return word.replace(/[A-Za-z0-9\u00c0-\u00ff]/, (c) => c.toUpperCase());
  });
}

/** Letters and signs beyond ASCII, by the letters that stand for them. */
const SPECIAL = new Map();
for (const [plain, list] of [
  ["!", "¡¬ǃ"], ["C/", "¢"], ["PS", "£"], ["$?", "¤"], ["Y=", "¥"], ["|", "¦ǀ↑↓↕"], ["SS", "§"], ["\"", "¨“”‟"],
  ["(c)", "©"], ["a", "ªάαаӐӑӓẚぁあァア"], ["<<", "«"], ["(r)", "®"], ["-", "¯‐‑‒–‾⁀←→↔"], ["deg", "°"], ["+-", "±"],
  ["2", "²Ƨƨƻ"], ["3", "³"], ["'", "´ʹ‘’‛′"], ["u", "µуўүӯӱӳぅうゥウ"], ["P", "¶ƤΠП℘ℙ"], ["*", "·•※"], [",", "¸͵‚"],
  ["1", "¹"], ["o", "ºøǿοωόώоӧөӫℴぉおォオ"], [">>", "»"], ["1/4", "¼"], ["1/2", "½"], ["3/4", "¾"], ["AE", "ÆǢǼ"],
  ["D", "ÐĐǲΔД₫ⅅ"], ["x", "×ξ"], ["O", "ØƟǾΌΏΟΩОӦӨӪ"], ["U", "ÝΎϒϓϔЎУҮӮӰӲ"], ["Th", "ÞΘ"], ["ss", "ß"],
  ["ae", "æǣǽӕ"], ["d", "ðđδдדⅆ"], ["/", "÷⁄↗↙"], ["th", "þθϑ"], ["H", "ĦΧϨХҺℋℌℍ"], ["h", "ħχϩхһהℎ"],
  ["i", "ıήίηιϊиіѝӣӥℹⅈぃいィイ"], ["IJ", "Ĳ"], ["ij", "ĳ"], ["k", "ĸƙκϰкךכ"], ["L", "ĿŁΛЛ₤ℒ⅂⅃"], ["l", "ŀłƚƛλлלℓ"],
  ["'n", "ŉ"], ["NG", "Ŋ"], ["ng", "ŋҥ"], ["OE", "Œ"], ["oe", "œ"], ["T", "ŦƬƮΤТ₮"], ["t", "ŧƫƭτтטת"], ["s", "ſςσсס"],
  ["@", "ƏǝӘәӚӛ"], ["E", "ƐΈΕЕЭӬ"], ["F", "ƑΦϤФℱ"], ["f", "ƒφϥф"], ["G", "ƓƔǤΓϪГ⅁"], ["hv", "ƕ"],
  ["I", "ƖƗΉΊΐΗΙΪІЍИӢӤℐℑ"], ["K", "ƘΚК₭"], ["W", "ƜǷϜ₩"], ["N", "ƝΝН₦ℕ"], ["n", "ƞνнןנんン"], ["OI", "Ƣ"], ["oi", "ƣ"],
  ["p", "ƥπϖпףפ"], ["YR", "Ʀ"], ["SH", "Ʃ"], ["sh", "ƪϣшש"], ["Y", "ƱƳΥΫЙЫӸ⅄"], ["V", "ƲΒВ"], ["y", "ƴΰυϋύйыӹי"],
  ["Z", "ƵΖЗӞℤℨ"], ["z", "ƶζзӟז"], ["ZH", "ƷƸǮ"], ["zh", "ƹƺǯжӂӝ"], ["5", "Ƽƽ"], ["ts", "ƾץצ"], ["w", "ƿϝ"],
  ["||", "ǁ‖"], ["|=", "ǂ"], ["DZ", "ǄǱ"], ["Dz", "ǅЅӠ"], ["dz", "ǆǳѕӡ"], ["LJ", "Ǉ"], ["Lj", "ǈЉ"], ["lj", "ǉљ"],
  ["NJ", "Ǌ"], ["Nj", "ǋЊ"], ["nj", "ǌњ"], ["g", "ǥγϫгגℊ"], ["HV", "Ƕ"], ["A", "ΆΑАӒ"], [";", "·"], ["M", "ΜМℳ"],
  ["X", "Ξ"], ["R", "ΡРℛℜℝ"], ["S", "ΣСẛ"], ["Ps", "Ψ"], ["e", "έεеэӭ℮ℯⅇぇえェエ"], ["v", "βвו"], ["m", "μмםמ"],
  ["r", "ρϱрר"], ["ps", "ψ"], ["b", "ϐбב"], ["ph", "ϕ"], ["&", "ϗ"], ["St", "Ϛ"], ["st", "ϛ"], ["Q", "Ϟℚ℺"],
  ["q", "ϟק"], ["Sp", "Ϡ"], ["sp", "ϡ"], ["Sh", "ϢШ"], ["Kh", "ϦҨ"], ["kh", "ϧҩח"], ["CH", "Ϭ"], ["ch", "ϭчҽӌӵ"],
  ["Ti", "Ϯ"], ["ti", "ϯちチ"], ["c", "ϲц"], ["j", "ϳјⅉ"], ["Jo", "Ѐ"], ["Yo", "Ё"], ["Dj", "Ђ"], ["Gj", "Ѓ"],
  ["Ie", "ЄӖ"], ["Yi", "Ї"], ["J", "Ј"], ["Tsh", "Ћ"], ["Kj", "Ќ"], ["Dzh", "Џ"], ["B", "Бℬ"], ["Zh", "ЖӁӜ"],
  ["C", "Цℂℭ"], ["Ch", "ЧҼӋӴ"], ["Shch", "Щ"], ["Yu", "Ю"], ["Ya", "Я"], ["shch", "щ"], ["yu", "юゅゆュユ"],
  ["ya", "яゃやャヤ"], ["je", "ѐ"], ["yo", "ёょよョヨ"], ["dj", "ђ"], ["gj", "ѓ"], ["ie", "єӗ"], ["yi", "ї"], ["tsh", "ћ"],
  ["kj", "ќ"], ["dzh", "џ"], ["G'", "ҐҒҔ"], ["g'", "ґғҕ"], ["Zh'", "Җ"], ["zh'", "җ"], ["Z'", "Ҙ"], ["z'", "ҙ"],
  ["K'", "ҚҜҞҠӃ"], ["k'", "қҝҟҡӄ"], ["N'", "ҢӇ"], ["n'", "ңӈ"], ["Ng", "Ҥ"], ["P'", "Ҧ"], ["p'", "ҧ"], ["S'", "Ҫ"],
  ["s'", "ҫ"], ["T'", "Ҭ"], ["t'", "ҭ"], ["U'", "Ұ"], ["u'", "ұ"], ["Kh'", "Ҳ"], ["kh'", "ҳ"], ["Tts", "Ҵ"],
  ["tts", "ҵ"], ["Ch'", "ҶҸҾ"], ["ch'", "ҷҹҿ"], ["`", "Ӏע‵"], ["Ae", "Ӕ"], ["--", "—―⁃"], ["_", "‗‿"], [",,", "„"],
  ["+", "†"], ["++", "‡"], ["*>", "‣"], [".", "․‧"], ["..", "‥"], ["...", "…"], ["\n", "\u2028"], ["\n\n", "\u2029"],
  [" ", " "], ["%0", "‰"], ["%00", "‱"], ["''", "″"], ["'''", "‴"], ["``", "‶"], ["```", "‷"], ["^", "‸⁁"],
  ["<", "‹"], [">", "›"], ["!!", "‼"], ["!?", "‽"], ["***", "⁂"], ["ECU", "₠"], ["CL", "₡"], ["Cr", "₢"], ["FF", "₣"],
  ["mil", "₥"], ["Pts", "₧"], ["Rs", "₨"], ["NS", "₪"], ["EU", "€"], ["Dr", "₯"], ["lb", "℔"], ["no", "№のノ"],
  ["(p)", "℗"], ["(sm)", "℠"], ["(tel)", "℡"], ["(tm)", "™"], ["mho", "℧"], ["(fax)", "℻"], ["pi", "ℼぴピ"],
  ["Pi", "ℿ"], ["per", "⅌"], [" 1/3 ", "⅓"], [" 2/3 ", "⅔"], [" 1/5 ", "⅕"], [" 2/5 ", "⅖"], [" 3/5 ", "⅗"],
  [" 4/5 ", "⅘"], [" 1/6 ", "⅙"], [" 5/6 ", "⅚"], [" 1/8 ", "⅛"], [" 3/8 ", "⅜"], [" 5/8 ", "⅝"], [" 7/8 ", "⅞"],
  [" 1/", "⅟"], ["\\", "↖↘"], ["ka", "かカヵ"], ["ga", "がガ"], ["ki", "きキ"], ["gi", "ぎギ"], ["ku", "くク"], ["gu", "ぐグ"],
  ["ke", "けケヶ"], ["ge", "げゲ"], ["ko", "こコ"], ["go", "ごゴ"], ["sa", "さサ"], ["za", "ざザ"], ["si", "しシ"], ["zi", "じジ"],
  ["su", "すス"], ["zu", "ずズ"], ["se", "せセ"], ["ze", "ぜゼ"], ["so", "そソ"], ["zo", "ぞゾ"], ["ta", "たタ"], ["da", "だダ"],
  ["di", "ぢヂ"], ["tu", "っつッツ"], ["du", "づヅ"], ["te", "てテ"], ["de", "でデ"], ["to", "とト"], ["do", "どド"], ["na", "なナ"],
  ["ni", "にニ"], ["nu", "ぬヌ"], ["ne", "ねネ"], ["ha", "はハ"], ["ba", "ばバ"], ["pa", "ぱパ"], ["hi", "ひヒ"], ["bi", "びビ"],
  ["hu", "ふフ"], ["bu", "ぶブ"], ["pu", "ぷプ"], ["he", "へヘ"], ["be", "べベ"], ["pe", "ぺペ"], ["ho", "ほホ"], ["bo", "ぼボ"],
  ["po", "ぽポ"], ["ma", "まマ"], ["mi", "みミ"], ["mu", "むム"], ["me", "めメ"], ["mo", "もモ"], ["ra", "らラ"], ["ri", "りリ"],
  ["ru", "るル"], ["re", "れレ"], ["ro", "ろロ"], ["wa", "ゎわヮワ"], ["wi", "ゐヰ"], ["we", "ゑヱ"], ["wo", "をヲ"], ["vu", "ゔヴ"],
  ["va", "ヷ"], ["vi", "ヸ"], ["ve", "ヹ"], ["vo", "ヺ"],
]) for (const c of list) SPECIAL.set(c, plain);

function removeMarkdown(text) {
  return text
    .replace(/<[a-z\/!][^>@]*>/gi, "")
    .replace(/^[ \t]*(?:```|~~~)[^\n]*\n/gm, "")
    .replace(/`{3,}(.*?)`{3,}/g, "$1")
    .replace(/^([ \t]*)(?:[*+-]|\d+\.)[ \t]+/gm, "$1")
    .replace(/^\n?[=-]{4,}[ \t]*$/gm, "")
    .replace(/^[ \t]*\[[^\]]+\]:[ \t]*\S+(?:[ \t]+["'(][^\n]*)?[ \t]*\n?/gm, "")
    .replace(/\n$/, (end, at, all) => (all.length === at + 1 && text.endsWith("\n") ? end : ""))
    .replace(/!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])/g, "")
    .replace(/\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])/g, "$1")
    .replace(/~~/g, "")
    .replace(/>/g, "")
    .replace(/^#+[ \t]*(.*)$/gm, (_, rest) => rest.replace(/#/g, ""))
    .replace(/([*_]{1,2})(\S.*?\S)\1/g, "$2")
    .replace(/`(.+?)`/g, "$1")
    .replace(/\n{2,}/g, "\n\n");
}

/** A text as a Luxon date in the zone that it names, or else the workflow's. */
function dateFromText(text) {
  const D = DateTime();
  for (const read of [D.fromISO, D.fromRFC2822, D.fromHTTP, D.fromSQL]) {
    const date = read.call(D, text, { setZone: true });
    if (date.isValid) return date;
  }
  // A zone in brackets or as `GMT+0200` is what JavaScript prints; it keeps the offset.
  const printed = /^\w{3} (\w{3} \d{2} \d{4} \d{2}:\d{2}:\d{2} GMT[+-]\d{4})/.exec(text);
  if (printed) {
    const date = D.fromFormat(printed[1].replace("GMT", ""), "LLL dd yyyy HH:mm:ss ZZZ", { setZone: true, locale: "en" });
    if (date.isValid) return date;
  }
  const ms = parseDate(text);
  if (Number.isNaN(ms)) fail(`toDateTime(): ${show(text)} is no date that can be read`);
  return D.fromMillis(ms);
}

/** As JavaScript engines on servers read it: one or two digits are a year or a month. */
function parseDate(text) {
  const short = /^\s*-?(\d{1,2})\s*$/.exec(text);
  if (!short) return /^[\d.,\s]*[.,][\d.,\s]*$/.test(text) && !/^\d{1,2}\.\d{1,2}\.\d{4}$/.test(text) ? NaN : Date.parse(text);
  const n = Number(short[1]);
  if (n >= 1 && n <= 12) return Date.UTC(2001, n - 1, 1);
  if (n >= 13 && n <= 31) return NaN;
  return Date.UTC(n < 50 ? 2000 + n : 1900 + n, 0, 1);
}

/** A number of the given unit since its epoch, as a Luxon date. */
function dateFromNumber(n, unit) {
  const D = DateTime();
  const of = (ms) => D.fromMillis(Number.isFinite(ms) ? Math.trunc(ms) : 8.64e18);
  switch (unit) {
    case "ms": return of(n);
    case "s": return Number.isFinite(n) ? D.fromSeconds(n) : of(n);
    case "us": return of(n / 1000);
    case "excel": return of(Math.round((n - 25569) * 86400000));
    default: return undefined;
  }
}

const toInt = (s, base) => {
  const n = parseInt(s, base);
  return Number.isNaN(n) ? fail(`toInt(): ${show(s)} does not begin with a whole number`) : n;
};
const toFloat = (s) => {
  if (s.includes(",")) fail(`toFloat(): ${show(s)} has a comma; the decimal separator is a point`);
  const n = parseFloat(s);
  return Number.isNaN(n) ? fail(`toFloat(): ${show(s)} does not begin with a number`) : n;
};

const STRING = {
  hash: (s, algorithm) => {
    algorithm ??= "md5";
    if (String(algorithm).toLowerCase() === "base64") return host.base64(s);
    return host.hash(String(algorithm).toLowerCase(), s, "hex")
      ?? fail(`hash(): ${show(algorithm)} is no known algorithm; use md5, sha1, sha224, sha256, sha384, sha512, sha3 or base64`);
  },
  removeMarkdown,
  removeTags: (s) => s.replace(/<[^>]*(?:>|$)/g, ""),
  toDate: (s) => {
    const ms = parseDate(s);
    return Number.isNaN(ms) ? fail(`toDate(): ${show(s)} is no date that can be read`) : new Date(ms);
  },
  toDateTime: (s, format) => {
    if (format === undefined || format === null || format === "") return dateFromText(s);
    return dateFromNumber(Number(s), format) ?? DateTime().fromFormat(s, format);
  },
  toBoolean: (s) => !["", "0", "false", "no"].includes(s.toLowerCase()),
  toNumber: (s) => {
    const n = Number(s);
    return Number.isNaN(n) ? fail(`toNumber(): ${show(s)} is no number`) : n;
  },
  toFloat,
  toDecimalNumber: toFloat,
  toInt,
  toWholeNumber: toInt,
  toSentenceCase: (s) =>
    s.toLowerCase().replace(/(^|[.?!])([^\p{L}]*)(\p{L})/gu, (_, stop, gap, letter) =>
      stop + gap + (stop && /[.?!]/.test(gap) ? letter : letter.toUpperCase())),
  toSnakeCase: (s) => s.toLowerCase().replace(/[ -]/g, "_").replace(/[!-,./:-@[-^`{-~]/g, ""),
  toTitleCase: titleCase,
  urlDecode: (s, whole) => (whole ? decodeURI(s) : decodeURIComponent(s)),
  urlEncode: (s, whole) => (whole ? encodeURI(s) : encodeURIComponent(s)),
  quote: (s, mark = '"') => {
    if (typeof mark !== "string" || mark === "") throw new TypeError("quote(): the mark must be a text");
    return mark + s.replaceAll("\\", "\\\\").replaceAll(mark, "\\" + mark) + mark;
  },
  replaceSpecialChars: (s) =>
    s.normalize("NFC").replace(/[^\x00-\x7f]/gu, (c) => SPECIAL.get(c) ?? c.normalize("NFD").replace(/[\u0300-\u036f]/g, "")),
  length: (s) => s.length,
  isDomain: (s) => {
    const found = /:\/\//.test(s) || /[@\s]/.test(s) ? null : DOMAIN_AT_START.exec(s);
    return found !== null && !found[1].includes("..");
  },
  isEmail: (s) => EMAIL.test(s),
  isNumeric: (s) => s !== "" && !/^\s+$/.test(s) && !Number.isNaN(Number(s)),
  isUrl: (s) => WHOLE_URL.test(s),
  isEmpty: (s) => s === "",
  isNotEmpty: (s) => s !== "",
  toJsonString: (s) => JSON.stringify(s),
  extractEmail: (s) => EMAIL_PART.exec(s)?.[0],
  extractDomain: (s) => {
    const mail = EMAIL.exec(s);
    return mail ? mail[2] : DOMAIN_AT_START.exec(s)?.[1];
  },
  extractUrl: (s) => URL_IN_TEXT.exec(s)?.[0],
  extractUrlPath: (s) => {
    const found = /^([a-z][a-z0-9+.-]*):(\/\/[^\/?#]*)?([^?#]*)/i.exec(s);
    if (!found) return undefined;
    return found[2] === undefined ? found[3] : encodeURI(decodeSafely(found[3])) || "/";
  },
  parseJson: (s) => {
    try {
      return JSON.parse(s);
    } catch {
      const hint = s.includes("'") ? "; keys and texts in JSON stand in double quotes" : "";
      return fail(`parseJson(): ${show(s)} is no JSON${hint}`);
    }
  },
  base64Encode: (s) => host.base64(s),
  base64Decode: (s) => host.fromBase64(s),
};

function decodeSafely(text) {
  try { return decodeURI(text); } catch { return text; }
}

// ---- Arrays

/** Equal in what they hold: keys in any order, dates by their time. */
function same(a, b) {
  if (a === b || (a !== a && b !== b)) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  if (isDate(a) || isDate(b)) return isDate(a) && isDate(b) && +a === +b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((k) => Object.hasOwn(b, k) && same(a[k], b[k]));
}

/** Finds equal values; simple ones by a set, so that long lists of them stay cheap. */
class Seen {
  constructor() { this.simple = new Set(); this.objects = new Map(); }
  bucket(value) {
    const sign = Array.isArray(value) ? "a" + value.length : Object.keys(value).sort().join("\0");
    let list = this.objects.get(sign);
    if (!list) this.objects.set(sign, (list = []));
    return list;
  }
  has(value) {
    if (value === null || typeof value !== "object") return this.simple.has(value);
    return this.bucket(value).some((other) => same(other, value));
  }
  /** Whether it was new. */
  add(value) {
    if (this.has(value)) return false;
    if (value === null || typeof value !== "object") this.simple.add(value);
    else this.bucket(value).push(value);
    return true;
  }
}

function unique(list, keys) {
  const seen = new Seen();
  const names = keys.flat().filter((k) => typeof k === "string");
  if (!names.length) return list.filter((v) => seen.add(v));
  return list.filter((v) => seen.add(v !== null && typeof v === "object" ? names.map((k) => v[k]) : v));
}

const numbers = (list, name) => {
  const bad = list.find((v) => typeof v !== "number");
  return list.every((v) => typeof v === "number") ? list : fail(`${name}(): every element must be a number, got ${show(bad)}`);
};
const otherList = (other, name) =>
  Array.isArray(other) ? other : fail(`${name}(): the argument must be an array, got ${show(other)}`);
const isNothing = (v) => v === null || v === undefined || v === "";

/** Without nulls, empty texts, empty lists and objects, and objects' keys that hold such. */
function compactArray(list) {
  return list
    .filter((v) => !isNothing(v) && !(typeof v === "object" && !isDate(v) && Object.keys(v).length === 0))
    .map((v) => (isPlain(v) ? compactObject(v) : v));
}

function compactObject(object) {
  const out = {};
  for (const [key, value] of Object.entries(object)) {
    if (isNothing(value) || value === "nil") continue;
    if (typeof value !== "object" || isDate(value)) set(out, key, value);
    else if (Object.keys(value).length) set(out, key, compactObject(value));
  }
  return out;
}

/** Sets an own key of any name. */
function set(object, key, value) {
  if (key === "__proto__") Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  else object[key] = value;
}

/** All objects of one list, where the first value of a key counts; or two lists element by element,
 * where this list's value counts within a pair and the later pair's over all. */
function merge(list, other) {
  const out = {};
  if (other === undefined) {
    for (const v of list.filter(isPlain)) {
      for (const [k, value] of Object.entries(v)) if (!Object.hasOwn(out, k)) set(out, k, value);
    }
    return out;
  }
  otherList(other, "merge");
  list.forEach((mine, i) => {
    const isPart = (v) => typeof v === "object";
    if (!isPart(mine) || !isPart(other[i])) return;
    for (const [k, v] of Object.entries(mine ?? {})) set(out, k, v);
    for (const [k, v] of Object.entries(other[i] ?? {})) if (!Object.hasOwn(mine ?? {}, k)) set(out, k, v);
  });
  return out;
}

function renameKeys(list, ...names) {
  if (!names.length || names.length % 2) fail("renameKeys(): the arguments must come in pairs of old and new name");
  return list.map((v) => {
    if (!isPlain(v)) return v;
    const out = { ...v };
    for (let i = 0; i < names.length; i += 2) {
      if (!Object.hasOwn(out, names[i])) continue;
      const value = out[names[i]];
      delete out[names[i]];
      set(out, names[i + 1], value);
    }
    return out;
  });
}

const ARRAY = {
  removeDuplicates: (list, ...keys) => unique(list, keys),
  unique: (list, ...keys) => unique(list, keys),
  first: (list) => list[0],
  last: (list) => list[list.length - 1],
  reverse: (list) => list.slice().reverse(),
  pluck: (list, ...names) => {
    const keys = names.flat();
    if (!keys.length) return list;
    return list
      .filter((v) => isPlain(v))
      .map((v) => Object.keys(v).filter((k) => keys.includes(k)).map((k) => v[k]))
      .filter((found) => found.length)
      .map((found) => (found.length === 1 ? found[0] : found));
  },
  randomItem: (list) => list[Math.floor(Math.random() * list.length)],
  sum: (list) => numbers(list, "sum").reduce((a, b) => a + b, 0),
  min: (list) => numbers(list, "min").reduce((a, b) => Math.min(a, b), Infinity),
  max: (list) => numbers(list, "max").reduce((a, b) => Math.max(a, b), -Infinity),
  average: (list) => (list.length ? numbers(list, "average").reduce((a, b) => a + b, 0) / list.length : 0),
  isEmpty: (list) => list.length === 0,
  isNotEmpty: (list) => list.length > 0,
  compact: compactArray,
  smartJoin: (list, keyField, valueField) => {
    if (typeof keyField !== "string" || typeof valueField !== "string") fail("smartJoin(): the arguments must be two field names");
    const out = {};
    for (const v of list) {
      if (isPlain(v) && Object.hasOwn(v, keyField) && Object.hasOwn(v, valueField)) set(out, String(v[keyField]), v[valueField]);
    }
    return out;
  },
  chunk: (list, size) => {
    if (typeof size !== "number" || !(size >= 1)) fail(`chunk(): the size must be a number from 1, got ${show(size)}`);
    const chunks = [];
    for (let i = 0; i < list.length; i += size) chunks.push(list.slice(i, i + size));
    return chunks;
  },
  renameKeys,
  merge,
  union: (list, other) => unique([...list, ...otherList(other, "union")], []),
  difference: (list, other) => {
    const seen = new Seen();
    otherList(other, "difference").forEach((v) => seen.add(v));
    return list.filter((v) => seen.add(v));
  },
  intersection: (list, other) => {
    const theirs = new Seen();
    otherList(other, "intersection").forEach((v) => theirs.add(v));
    return unique(list.filter((v) => theirs.has(v)), []);
  },
  append: (list, ...values) => [...list, ...values],
  toJsonString: (list) => JSON.stringify(list),
  toInt: () => undefined,
  toFloat: () => undefined,
  toBoolean: () => undefined,
  toDateTime: () => undefined,
};

// ---- Numbers and booleans

const whole = (n, name) => (Number.isInteger(n) ? n : fail(`${name}(): the number must be whole, got ${n}`));
/** To a number of decimals; halves go away from zero as far as `toFixed` sees them. */
const round = (n, decimals = 0) => Number(n.toFixed(decimals));

const NUMBER = {
  ceil: (n) => Math.ceil(n),
  floor: (n) => Math.floor(n),
  format: (n, locale = "en-US", options) => new Intl.NumberFormat(locale, options).format(n),
  round,
  abs: (n) => Math.abs(n),
  isInteger: (n) => Number.isInteger(n),
  isEven: (n) => whole(n, "isEven") % 2 === 0,
  isOdd: (n) => Math.abs(whole(n, "isOdd")) % 2 === 1,
  isEmpty: (n) => !n,
  isNotEmpty: (n) => Boolean(n),
  toBoolean: (n) => n !== 0,
  toInt: (n) => round(n),
  toFloat: (n) => n,
  toDateTime: (n, unit = "ms") =>
    dateFromNumber(n, unit) ?? fail(`toDateTime(): the unit must be ms, s, us or excel, got ${show(unit)}`),
};

const BOOLEAN = {
  toInt: (b) => Number(b),
  toNumber: (b) => Number(b),
  toFloat: (b) => Number(b),
  toBoolean: (b) => b,
  toDateTime: () => undefined,
  isEmpty: (b) => !b,
  isNotEmpty: (b) => b,
};

// ---- Objects

const needle = (text, name) =>
  typeof text === "string" && text !== "" ? text : fail(`${name}(): the argument must be a text that is not empty`);

const OBJECT = {
  isEmpty: (o) => Object.keys(o).length === 0,
  isNotEmpty: (o) => Object.keys(o).length > 0,
  hasField: (o, name) => name in o,
  removeField: (o, ...names) => {
    const out = { ...o };
    for (const name of names) delete out[name];
    return out;
  },
  removeFieldsContaining: (o, text) => {
    needle(text, "removeFieldsContaining");
    return fromEntries(Object.entries(o).filter(([, v]) => !(typeof v === "string" && v.includes(text))));
  },
  keepFieldsContaining: (o, text) => {
    needle(text, "keepFieldsContaining");
    return fromEntries(Object.entries(o).filter(([, v]) => typeof v === "string" && v.includes(text)));
  },
  compact: compactObject,
  urlEncode: (o) => {
    const encode = (v) => encodeURIComponent(String(v)).replace(/%20/g, "+").replace(/[!'()~]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());
    return Object.entries(o).map(([k, v]) => encode(k) + "=" + encode(v)).join("&");
  },
  keys: (o) => Object.keys(o),
  values: (o) => Object.values(o),
  toJsonString: (o) => JSON.stringify(o),
  toInt: () => undefined,
  toFloat: () => undefined,
  toBoolean: () => undefined,
  toDateTime: () => undefined,
};

function fromEntries(entries) {
  const out = {};
  for (const [k, v] of entries) set(out, k, v);
  return out;
}

// ---- Dates

/** What `.diffTo` and `.isBetween` take: a Luxon date, a date of the language, or a text. */
const toDate = (v) => {
  if (isDateTime(v)) return v;
  if (isJsDate(v)) return DateTime().fromJSDate(v);
  if (typeof v === "string") return dateFromText(v);
  return DateTime().invalid("not a date");
};
// A text of the ISO form takes the date methods but is none: they see a date that is invalid.
const luxonOf = (v) => (isDateTime(v) ? v : DateTime().fromJSDate(isJsDate(v) ? v : new Date(NaN)));
/** The result in the form that the value had. */
const back = (value, date) => (isDateTime(value) ? date : date.toJSDate());

const UNIT = {
  weekNumber: "weekNumber", week: "weekNumber", weeks: "weekNumber", weekday: "weekday",
};
const UNITS = new Set("milliseconds seconds minutes hours days weeks months quarters years".split(" "));

function move(value, direction, amount, unit) {
  const luxon = luxonOf(value);
  if (amount === undefined) return back(value, luxon[direction]({}));
  if (unit === undefined) return back(value, luxon[direction](amount));
  return back(value, luxon[direction]({ [unit]: amount }));
}

function differ(value, other, unit) {
  if (!isDateTime(value)) throw new TypeError("diffTo(): only a DateTime can be compared");
  const units = (Array.isArray(unit) ? unit : [unit]).map((u) => {
    const plural = /s$/.test(u) ? u : u + "s";
    return UNITS.has(plural) ? plural : fail(`diffTo(): ${show(u)} is no unit of time; use ${[...UNITS].join(", ")}`);
  });
  const diff = value.diff(other, units);
  return units.length === 1 ? diff.as(units[0]) : diff.toObject();
}

const DATE = {
  beginningOf: (d, unit = "week") => back(d, luxonOf(d).startOf(unit)),
  endOfMonth: (d) => back(d, luxonOf(d).endOf("month")),
  extract: (d, part = "week") => {
    if (typeof d === "string" && part === "yearDayNumber") throw new TypeError("extract(): only a date has parts");
    const luxon = luxonOf(d);
    if (part === "yearDayNumber") {
      const start = isJsDate(d) ? new Date(d.getFullYear(), 0, 1) : luxon.startOf("year");
      return Math.ceil((+d - +start) / 86400000);
    }
    return luxon[Object.hasOwn(UNIT, part) ? UNIT[part] : luxon.isValid && part.endsWith("s") ? part.slice(0, -1) : part];
  },
  isBetween: (d, ...range) => {
    if (range.length !== 2) fail("isBetween(): the arguments must be two dates");
    if (range.some((v) => typeof v === "string" && Number.isNaN(parseDate(v)) && !DateTime().fromISO(v).isValid)) throw new TypeError("isBetween(): no date");
    if (typeof d === "string") return false;
    const [from, to] = range.map(toDate);
    if (luxonOf(d).isValid && (!from.isValid || !to.isValid)) throw new TypeError("isBetween(): no date");
    const at = +luxonOf(d);
    return from <= to ? +from < at && at < +to : +to < at && at < +from;
  },
  isDst: (d) => luxonOf(d).isInDST,
  isInLast: (d, amount, unit = "minutes") => {
    const now = DateTime().now();
    const at = luxonOf(d);
    return +at >= +now.minus({ [unit]: amount }) && +at <= +now;
  },
  isWeekend: (d) => luxonOf(d).weekday >= 6,
  minus: (d, amount, unit) => move(d, "minus", amount, unit),
  plus: (d, amount, unit) => move(d, "plus", amount, unit),
  format: (d, pattern) => luxonOf(d).toFormat(pattern),
  diffTo: (d, other, unit = "days") => differ(d, toDate(other), unit),
  diffToNow: (d, unit = "days") => differ(d, DateTime().now(), unit),
  toDateTime: (d, format) => (typeof d === "string" ? STRING.toDateTime(d, format) : luxonOf(d)),
  toDate: (d) => (isJsDate(d) ? d : typeof d === "string" ? new Date(d) : d.toJSDate()),
  toInt: (d) => (typeof d === "string" ? undefined : +d),
  toFloat: (d) => (typeof d === "string" ? undefined : +d),
  toBoolean: () => undefined,
  isEmpty: () => false,
  isNotEmpty: () => true,
};

// ---- Look-up

const TABLES = { text: STRING, array: ARRAY, number: NUMBER, boolean: BOOLEAN, object: OBJECT, date: DATE };
const METHODS = new Set(Object.values(TABLES).flatMap((t) => Object.keys(t)));

function kindOf(value) {
  if (Array.isArray(value)) return "array";
  switch (typeof value) {
    case "string": return isIsoText(value) ? "date" : "text";
    case "number": case "bigint": return "number";
    case "boolean": return "boolean";
    case "object": return isDate(value) ? "date" : "object";
    default: return "other";
  }
}

const kindsWith = (name) => Object.keys(TABLES).filter((k) => Object.hasOwn(TABLES[k], name)).join(", ");

/** The value of `value.name(...args)` for a name of the set of methods. */
function extend(value, name, args) {
  if (value === null || value === undefined) {
    if (name === "isEmpty") return true;
    if (name === "isNotEmpty") return false;
    fail(`${name}() was called on ${value}`);
  }
  const kind = kindOf(value);
  const table = TABLES[kind];
  if (table && Object.hasOwn(table, name)) return table[name](value, ...args);
  const native = value[name];
  if (typeof native === "function") return native.apply(value, args);
  return fail(`${name}() works on ${kindsWith(name)}, not on ${kind === "date" && typeof value === "string" ? "a text that is a date" : kind} ${show(value)}`);
}

Object.defineProperty(globalThis, "__linkflowExtend", { value: extend });
Object.defineProperty(globalThis, "__linkflowMethods", { value: METHODS });
})
