//! Tables of what the prelude gives: expression on the left, value as JSON on the right.

use rquickjs::{Context, Runtime};

use super::*;

/// Evaluates each line in one context; the zone is Berlin's, the time 2024-06-15T10:20:30.400Z.
/// `x(value, "name", ...)` calls an added method; an error of ours is `error`.
fn check(table: &[(&str, &str)]) {
    let runtime = Runtime::new().unwrap();
    let context = Context::full(&runtime).unwrap();
    context.with(|ctx| {
        assert!(install(&ctx).is_ok(), "the prelude does not load: {}", thrown(&ctx));
        set_clock(&ctx, "Europe/Berlin", Some(1_718_446_830_400)).unwrap();
        let helper = "globalThis.x = (value, name, ...args) => __linkflowExtend(value, name, args);
            (code) => { try { return JSON.stringify((0, eval)(`(${code})`)) ?? 'undefined' }
            catch (e) { return e.linkflow === undefined ? `thrown: ${e.message}` : 'error' } }";
        let run: Function = ctx.eval(helper).unwrap();
        for (code, expected) in table {
            let value: String = run.call((*code,)).unwrap();
            assert_eq!(&value, expected, "{code}");
        }
    });
}

#[test]
fn dates_follow_the_given_zone_and_clock() {
    check(&[
        ("$now", r#""2024-06-15T12:20:30.400+02:00""#),
        ("$today.toISO()", r#""2024-06-15T00:00:00.000+02:00""#),
        ("new Date()", r#""2024-06-15T10:20:30.400Z""#),
        ("[Date.now(), new Date(0) instanceof Date, typeof Date()]", r#"[1718446830400,true,"string"]"#),
        (
            "DateTime.fromISO('2024-01-01T12:00').setZone('America/New_York').toISO()",
            r#""2024-01-01T06:00:00.000-05:00""#,
        ),
        ("DateTime.local(2024, 3, 31, 2, 30).toISO()", r#""2024-03-31T03:30:00.000+02:00""#),
        ("Interval.fromDateTimes($now, $now.plus({days: 1})).length('hours')", "24"),
        ("Duration.fromObject({hours: 2, minutes: 30}).toHuman()", r#""2 hours, 30 minutes""#),
    ]);
}

#[test]
fn texts_have_their_methods() {
    check(&[
        ("x('abc', 'hash')", r#""900150983cd24fb0d6963f7d28e17f72""#),
        (
            "x('abc é', 'hash', 'SHA256')",
            r#""66902c6f1827e3a0c390a8df2aeae377b41645a3e031940653c8d64182c6b1ff""#,
        ),
        ("x('abc é', 'hash', 'sha3').slice(0, 8)", r#""b92db86f""#),
        ("x('abc é', 'hash', 'base64')", r#""YWJjIMOp""#),
        ("x('abc', 'hash', 'nope')", "error"),
        ("x('**bold** _it_ [l](http://u) `c` # h', 'removeMarkdown')", r##""bold it l c # h""##),
        ("x('a <br/> b &amp; <', 'removeTags')", r#""a  b &amp; ""#),
        (
            "['', 'no', 'FALSE', '0', 'off', 'x'].map(s => x(s, 'toBoolean'))",
            "[false,false,false,false,true,true]",
        ),
        ("[x('', 'toNumber'), x(' 42 ', 'toNumber'), x('0x10', 'toNumber')]", "[0,42,16]"),
        ("x('abc', 'toNumber')", "error"),
        (
            "[x('3.7abc', 'toFloat'), x('3.7abc', 'toInt'), x('ff', 'toInt', 16), x('1e3', 'toInt')]",
            "[3.7,3,255,1]",
        ),
        ("x('1,5', 'toFloat')", "error"),
        ("x('the QUICK brown. fox! ok 3.7abc', 'toSentenceCase')", r#""The quick brown. Fox! Ok 3.7Abc""#),
        ("x('aB cD!§ü-x', 'toSnakeCase')", r#""ab_cd§ü_x""#),
        ("x('hi:there is an apple-tree of the', 'toTitleCase')", r#""hi:There Is an Apple-Tree of The""#),
        ("x('a b&c/d', 'urlEncode') + x('a b&c/d', 'urlEncode', true)", r#""a%20b%26c%2Fda%20b&c/d""#),
        ("x('a%26b', 'urlDecode') + x('a%26b', 'urlDecode', true)", r#""a&ba%26b""#),
        ("x(\"a'b\", 'quote', \"'\")", r#""'a\\'b'""#),
        ("x('héllo wörld ß Æ ø', 'replaceSpecialChars')", r#""hello world ss AE o""#),
        ("x('abc', 'length')", "3"),
        (
            "['example.com', 'a..com', 'http://x.com', 'localhost', '3.7abc'].map(s => x(s, 'isDomain'))",
            "[true,false,false,true,false]",
        ),
        ("['a@b.co', 'a@b', 'x a@b.co', '\"x\"@d.io'].map(s => x(s, 'isEmail'))", "[true,false,false,true]"),
        (
            "['', '42', '1e3', '0x10', '12px', 'Infinity'].map(s => x(s, 'isNumeric'))",
            "[false,true,true,true,false,true]",
        ),
        (
            "['http://foo.com', 'foo.com', 'http://localhost:3000/a', 'http://x'].map(s => x(s, 'isUrl'))",
            "[true,false,true,false]",
        ),
        ("x('a'.repeat(300000) + ' x@y.org', 'extractEmail')", r#""x@y.org""#),
        ("x('Mail <a.b+c@x-y.org> now', 'extractEmail')", r#""a.b+c@x-y.org""#),
        (
            "['me@example.co.uk', 'http://foo.com/x', 'a b foo.com'].map(s => x(s, 'extractDomain'))",
            r#"["example.co.uk","foo.com",null]"#,
        ),
        ("x('(see http://foo.com/bar?x=1#y), ok', 'extractUrl')", r##""http://foo.com/bar?x=1#y),""##),
        (
            "['https://a.org/b/c?d', 'http://x', '/a'].map(s => x(s, 'extractUrlPath'))",
            r#"["/b/c","/",null]"#,
        ),
        ("x('{\"a\":1}', 'parseJson')", r#"{"a":1}"#),
        ("x(\"{'a':1}\", 'parseJson')", "error"),
        ("x('héé', 'base64Encode') + x('SGVsbG8=', 'base64Decode')", r#""aMOpw6k=Hello""#),
        ("x('a\"b', 'toJsonString')", r#""\"a\\\"b\"""#),
        ("[x('', 'isEmpty'), x(' ', 'isEmpty'), x('', 'isNotEmpty')]", "[true,false,false]"),
        ("x('abc', 'toUpperCase')", r#""ABC""#),
    ]);
}

#[test]
fn texts_become_dates_in_the_zone_that_they_name() {
    check(&[
        ("x('2024-06-15', 'toDateTime')", r#""2024-06-15T00:00:00.000+02:00""#),
        ("x('2024-06-15T10:20:30+05:00', 'toDateTime')", r#""2024-06-15T10:20:30.000+05:00""#),
        ("x('Sat, 15 Jun 2024 10:20:30 GMT', 'toDateTime')", r#""2024-06-15T10:20:30.000Z""#),
        ("x('2024-06-15 10:20:30', 'toDateTime')", r#""2024-06-15T10:20:30.000+02:00""#),
        ("x('June 15, 2024', 'toDateTime')", r#""2024-06-15T02:00:00.000+02:00""#),
        ("x('Sat Jun 15 2024 10:20:30 GMT+0200 (CEST)', 'toDateTime')", r#""2024-06-15T10:20:30.000+02:00""#),
        ("x('15/06/2024', 'toDateTime', 'dd/MM/yyyy')", r#""2024-06-15T00:00:00.000+02:00""#),
        ("x('1718446830', 'toDateTime', 's')", r#""2024-06-15T12:20:30.000+02:00""#),
        ("x(45000.5, 'toDateTime', 'excel')", r#""2023-03-15T13:00:00.000+01:00""#),
        ("x('15.06.2024', 'toDateTime')", "error"),
        ("x('192.168.1.1', 'toDate')", "error"),
        ("x(5, 'toDateTime', 'bad')", "error"),
    ]);
}

#[test]
fn a_text_of_the_iso_form_takes_the_dates_methods_but_is_none() {
    check(&[
        ("x('2024-06-15T10:20:30.400Z', 'toDateTime')", r#""2024-06-15T10:20:30.400Z""#),
        ("x('2024-06-15T10:20:30.400Z', 'format', 'yyyy')", r#""Invalid DateTime""#),
        ("x('2024-06-15T10:20:30.400Z', 'toInt')", "undefined"),
        ("x('2024-06-15T10:20:30.400Z', 'hash')", "error"),
        ("x('2024-06-15T10:20:30Z', 'format', 'yyyy')", "error"),
    ]);
}

#[test]
fn lists_have_their_methods() {
    check(&[
        ("x([3, 1, 3, {a: 1, b: 2}, {b: 2, a: 1}], 'unique')", r#"[3,1,{"a":1,"b":2}]"#),
        ("x([{a: 1, b: 2}, {a: 1, b: 3}], 'removeDuplicates', 'a')", r#"[{"a":1,"b":2}]"#),
        ("[x([1, 2], 'first'), x([1, 2], 'last'), x([], 'first')]", "[1,2,null]"),
        ("((l) => [x(l, 'reverse'), l])([1, 2])", "[[2,1],[1,2]]"),
        ("x([{id: 1}, {id: 2, name: 'x'}, {k: 1}, 3], 'pluck', 'id', 'name')", r#"[1,[2,"x"]]"#),
        ("['sum', 'min', 'max', 'average'].map(n => x([1, 2, 6], n))", "[9,1,6,3]"),
        ("x([], 'average')", "0"),
        ("x([1, '2'], 'sum')", "error"),
        ("x([0, false, '', 'x', {}, [], null, {a: null, b: 1}], 'compact')", r#"[0,false,"x",{"b":1}]"#),
        ("x([{k: 'a', v: 1}, {k: 'b'}, 4], 'smartJoin', 'k', 'v')", r#"{"a":1}"#),
        ("x([1, 2, 3], 'chunk', 2)", "[[1,2],[3]]"),
        ("x([1], 'chunk', -1)", "error"),
        ("x([{a: 1, b: 2}], 'renameKeys', 'a', 'z')", r#"[{"b":2,"z":1}]"#),
        ("x([{a: 1}, {a: 2, b: 3}], 'merge')", r#"{"a":1,"b":3}"#),
        ("x([{a: 1}, {a: 2, c: 1}], 'merge', [{a: 5, d: 1}, {e: 1, c: 3}])", r#"{"a":2,"d":1,"c":1,"e":1}"#),
        ("x([1, 2], 'union', [2, 3])", "[1,2,3]"),
        ("x([1, 2, 2], 'difference', [1])", "[2]"),
        ("x([1, 1, 2], 'intersection', [1])", "[1]"),
        ("x([1, 2], 'append', 3, [4])", "[1,2,3,[4]]"),
        ("x([1], 'union')", "error"),
        ("[x([1], 'toInt'), x([1], 'isEmpty'), x([], 'isEmpty')]", "[null,false,true]"),
        ("x([1], 'hash')", "error"),
        ("x([1, 2], 'join', '-')", r#""1-2""#),
    ]);
}

#[test]
fn numbers_and_booleans_have_their_methods() {
    check(&[
        ("[x(1.005, 'round', 2), x(-2.5, 'round'), x(2.5, 'round'), x(1.45, 'round', 1)]", "[1,-3,3,1.4]"),
        ("[x(-2.5, 'ceil'), x(-2.5, 'floor'), x(-2.5, 'abs')]", "[-2,-3,2.5]"),
        ("[x(2, 'isEven'), x(-3, 'isOdd'), x(1.5, 'isInteger'), x(0, 'isEmpty')]", "[true,true,false,true]"),
        ("x(1.5, 'isEven')", "error"),
        ("x(1234567.891, 'format')", r#""1,234,567.891""#),
        ("x(1234.5, 'format', 'de-DE', {style: 'currency', currency: 'EUR'})", "\"1.234,50\u{a0}€\""),
        ("[x(true, 'toInt'), x(false, 'toNumber'), x(false, 'isEmpty')]", "[1,0,true]"),
        ("x(42, 'hash')", "error"),
    ]);
}

#[test]
fn objects_have_their_methods() {
    check(&[
        ("x({a: 1}, 'hasField', 'a')", "true"),
        ("x({a: 1, b: 2}, 'removeField', 'a')", r#"{"b":2}"#),
        ("x({a: {b: 'hello'}, c: 'hello'}, 'removeFieldsContaining', 'hello')", r#"{"a":{"b":"hello"}}"#),
        ("x({a: 'Hello', c: 'hello'}, 'keepFieldsContaining', 'hello')", r#"{"c":"hello"}"#),
        ("x({a: 1}, 'keepFieldsContaining')", "error"),
        (
            "x({a: 1, b: null, c: '', e: {}, g: {h: null}, l: 'nil', k: [null, 1]}, 'compact')",
            r#"{"a":1,"g":{},"k":{"1":1}}"#,
        ),
        ("x({a: 'x y', b: [1, 2]}, 'urlEncode')", r#""a=x+y&b=1%2C2""#),
        ("[x({a: 1}, 'keys'), x({a: 1}, 'values'), x({}, 'isEmpty')]", r#"[["a"],[1],true]"#),
        ("x(JSON.parse('{\"__proto__\": 1}'), 'compact')", r#"{"__proto__":1}"#),
    ]);
}

#[test]
fn nothing_has_no_methods_but_may_be_asked_whether_it_is_empty() {
    check(&[
        ("[x(null, 'isEmpty'), x(undefined, 'isNotEmpty')]", "[true,false]"),
        ("x(null, 'toInt')", "error"),
        ("x(undefined, 'first')", "error"),
    ]);
}

#[test]
fn what_loads_late_cannot_be_changed_for_those_who_come_later() {
    check(&[
        ("(DateTime.now = () => 5, DateTime.now().year)", "2024"),
        ("(DateTime.prototype.toISO = () => 5, $now.toISO().length)", "29"),
        ("(Object.getPrototypeOf($now).x = 1, $now.x)", "undefined"),
        ("(Intl.NumberFormat = 3, typeof Intl.NumberFormat)", r#""function""#),
        ("(Intl.DateTimeFormat.prototype.format = 1, new Date(0).toLocaleDateString())", r#""1/1/1970""#),
        ("$now.plus({days: 1}).setLocale('de').toLocaleString(DateTime.DATE_MED)", r#""16. Juni 2024""#),
        (
            "[$now.setZone('Asia/Tokyo').toFormat('ff'), Interval.fromISO('2024-01-01/P1D').length('hours')]",
            r#"["Jun 15, 2024, 7:20 PM",24]"#,
        ),
    ]);
}

#[test]
fn dates_have_their_methods() {
    check(&[
        ("x($now, 'beginningOf')", r#""2024-06-10T00:00:00.000+02:00""#),
        ("x(new Date('2024-01-31T23:30:00Z'), 'beginningOf', 'month')", r#""2024-01-31T23:00:00.000Z""#),
        ("x($now, 'endOfMonth')", r#""2024-06-30T23:59:59.999+02:00""#),
        (
            "['week', 'month', 'yearDayNumber', 'weekday', 'dayOfYear'].map(p => x($now, 'extract', p))",
            "[24,6,167,6,null]",
        ),
        (
            "[x($now, 'isBetween', '2024-01-01', '2024-12-31'), x($now, 'isDst'), x($now, 'isWeekend')]",
            "[true,true,true]",
        ),
        ("x($now, 'isBetween', '2024-01-01')", "error"),
        ("[x($now, 'isInLast', 2, 'days'), x($today, 'isInLast', 30)]", "[true,false]"),
        ("x($now, 'minus', 1, 'day')", r#""2024-06-14T12:20:30.400+02:00""#),
        ("x($now, 'plus', {hours: 2, minutes: 5})", r#""2024-06-15T14:25:30.400+02:00""#),
        ("x(new Date(0), 'plus', 1, 'month')", r#""1970-02-01T00:00:00.000Z""#),
        ("x($now, 'format', 'EEEE, d MMMM yyyy')", r#""Saturday, 15 June 2024""#),
        ("x($now, 'diffTo', '2024-07-01', 'hours').toFixed(3)", r#""-371.658""#),
        ("x($now, 'diffTo', '2024-06-01', 'nope')", "error"),
        ("x($today, 'diffToNow', ['hours', 'minutes']).hours", "-12"),
        ("x($now, 'toInt')", "1718446830400"),
        ("x($now, 'toISODate')", r#""2024-06-15""#),
    ]);
}

#[test]
fn dates_and_numbers_are_written_as_the_locale_has_it() {
    check(&[
        ("$now.toLocaleString(DateTime.DATETIME_FULL)", r#""June 15, 2024 at 12:20 PM GMT+2""#),
        ("$now.setLocale('de').toLocaleString(DateTime.DATE_HUGE)", r#""Samstag, 15. Juni 2024""#),
        ("$now.setLocale('fr').toFormat('cccc d LLLL yyyy')", r#""samedi 15 juin 2024""#),
        (
            "DateTime.fromFormat('15 juin 2024', 'dd MMMM yyyy', {locale: 'fr'}).toISODate()",
            r#""2024-06-15""#,
        ),
        ("[$now.offsetNameShort, $now.offsetNameLong]", r#"["GMT+2","Central European Summer Time"]"#),
        ("$now.setZone('America/New_York').toFormat('ZZZZ')", r#""EDT""#),
        ("$now.minus({days: 3}).toRelative()", r#""3 days ago""#),
        ("$now.minus({days: 1}).toRelativeCalendar({locale: 'de'})", r#""gestern""#),
        ("new Date(1706743800000).toLocaleString()", r#""1/31/2024, 11:30:00 PM""#),
        (
            "new Date(1706743800000).toLocaleString('en-GB', {timeZone: 'Asia/Tokyo'})",
            r#""01/02/2024, 08:30:00""#,
        ),
        ("new Date(1706743800000).toLocaleDateString('de-DE')", r#""31.1.2024""#),
        (
            "new Date(1706743800000).toLocaleString('fr-FR', {dateStyle: 'full', timeStyle: 'short'})",
            r#""mercredi 31 janvier 2024 à 23:30""#,
        ),
        (
            "new Intl.NumberFormat('en-US', {style: 'percent', minimumFractionDigits: 1}).format(0.256)",
            r#""25.6%""#,
        ),
        (
            "[(1234567).toLocaleString('en-US', {notation: 'compact'}), (0.5).toLocaleString('de'), (12.345).toLocaleString('en', {maximumSignificantDigits: 3})]",
            r#"["1.2M","0,5","12.3"]"#,
        ),
        ("new Intl.ListFormat('en').format(['a', 'b', 'c'])", r#""a, b, and c""#),
        ("['b', 'A', 'a', 'é', 'z'].sort((a, b) => a.localeCompare(b))", r#"["a","A","b","é","z"]"#),
        ("'10'.localeCompare('9', undefined, {numeric: true})", "1"),
    ]);
}

#[test]
fn jmespath_follows_its_specification() {
    let data = "{a: {b: [{c: 1, d: 'x'}, {c: 2, d: 'y'}, {c: 3}]}, l: [[1, 2], [3, [4]]], s: [3, 1, 2], o: {p: {n: 1}, q: {n: 2}}, z: []}";
    let table = [
        ("a.b[0].c", "1"),
        ("a.b[-1].c", "3"),
        ("a.b[*].c", "[1,2,3]"),
        ("a.b[].d", r#"["x","y"]"#),
        ("a.b[?c > `1`].c", "[2,3]"),
        ("a.b[?d == 'x'] | [0].c", "1"),
        ("a.b[?d && c < `2`].d", r#"["x"]"#),
        ("a.b[?!d].c", "[3]"),
        ("l[]", "[1,2,3,[4]]"),
        ("l[][]", "[1,2,3,4]"),
        ("s[::-1]", "[2,1,3]"),
        ("s[1:]", "[1,2]"),
        ("o.*.n", "[1,2]"),
        ("a.b[0].[c, d]", r#"[1,"x"]"#),
        ("a.b[].{k: d, v: c}", r#"[{"k":"x","v":1},{"k":"y","v":2},{"k":null,"v":3}]"#),
        ("nope.nope", "null"),
        ("z || 'other'", r#""other""#),
        ("length(a.b)", "3"),
        ("sort(s)", "[1,2,3]"),
        ("sort_by(a.b, &c)[-1].c", "3"),
        ("max_by(a.b, &c).c", "3"),
        ("map(&c, a.b)", "[1,2,3]"),
        ("join('-', a.b[].d)", r#""x-y""#),
        ("sum(s)", "6"),
        ("avg(s)", "2"),
        ("to_string(s)", r#""[3,1,2]""#),
        ("to_number('12')", "12"),
        ("keys(o)", r#"["p","q"]"#),
        ("merge(o.p, {m: `2`})", r#"{"n":1,"m":2}"#),
        ("not_null(nope, s[0])", "3"),
        ("contains(s, `2`)", "true"),
        ("type(@)", r#""object""#),
        ("reverse(s)", "[2,1,3]"),
        ("\"a\".\"b\"[0].d", r#""x""#),
        ("s[0] == `3` && 'yes'", r#""yes""#),
        ("(a.b)[0].c", "1"),
        ("starts_with('abc', 'ab')", "true"),
    ];
    let cases: Vec<(String, &str)> = table
        .iter()
        .map(|(q, value)| (format!("$jmespath({data}, {})", serde_json::json!(q)), *value))
        .collect();
    let cases: Vec<(&str, &str)> = cases.iter().map(|(code, value)| (code.as_str(), *value)).collect();
    check(&cases);
    check(&[
        ("$jmespath(null, 'a')", "null"),
        ("$jmesPath({a: 1}, 'a')", "1"),
        ("$jmespath({a: 1})", "error"),
        ("$jmespath('x', 'a')", "error"),
        (
            "(() => { try { $jmespath({}, 'a[') } catch (e) { return e.message.startsWith('JMESPath: ') } })()",
            "true",
        ),
        (
            "(() => { try { $jmespath({}, '('.repeat(5000)) } catch (e) { return e.message.includes('too deeply') } })()",
            "true",
        ),
    ]);
}
