//! What expressions can use, with a sentence and an example each: the text of the reference, and
//! what an editor may offer while somebody types.
//!
//! A test holds it against what is there: nothing is missing, and every example evaluates.

/// One name that expressions can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As it is written: `$json`, `$if(condition, yes, no)`, `chunk(size)`.
    pub form: &'static str,
    /// One sentence: what it gives.
    pub about: &'static str,
    /// JavaScript that uses it, without the braces; empty where the answer depends on the place.
    pub example: &'static str,
}

impl Entry {
    /// The name alone: `chunk` of `chunk(size)`.
    pub fn name(&self) -> &'static str {
        let end = self.form[1..].find(['(', ' ', '.']).map_or(self.form.len(), |at| at + 1);
        &self.form[..end]
    }
}

/// Names that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// What people see: "Methods of text".
    pub title: &'static str,
    /// The kind of value that has these methods (`text`, `array`, ...); empty for names that stand alone.
    pub of: &'static str,
    pub entries: &'static [Entry],
}

const fn entry(form: &'static str, about: &'static str, example: &'static str) -> Entry {
    Entry { form, about, example }
}

/// All groups, in the order in which a reader needs them.
pub const GROUPS: &[Group] = &[
    Group { title: "Data", of: "", entries: DATA },
    Group { title: "Facts", of: "", entries: FACTS },
    Group { title: "Functions", of: "", entries: FUNCTIONS },
    Group { title: "Dates", of: "", entries: DATES },
    Group { title: "Methods of text", of: "text", entries: TEXT },
    Group { title: "Methods of lists", of: "array", entries: ARRAY },
    Group { title: "Methods of numbers", of: "number", entries: NUMBER },
    Group { title: "Methods of true and false", of: "boolean", entries: BOOLEAN },
    Group { title: "Methods of objects", of: "object", entries: OBJECT },
    Group { title: "Methods of dates", of: "date", entries: DATE },
];

/// What `$json` holds in the examples.
pub const JSON: &str = r#"{"name": "Ada", "tags": ["a", "b"], "price": 12.5}"#;
/// What `$now` is in the examples.
pub const NOW: &str = "2026-03-04T10:30:00.000Z";

const DATA: &[Entry] = &[
    entry("$json", "The fields of the current item", "$json.name"),
    entry("$data", "The same, by its older name", "$data.price"),
    entry(
        "$binary",
        "The files of the current item: `mimeType`, `fileName` and so on, not their bytes",
        "Object.keys($binary)",
    ),
    entry(
        "$input",
        "What came into this node: `.item`, `.first()`, `.last()`, `.all()`",
        "$input.first().json.name",
    ),
    entry(
        "$(name)",
        "Another node: `.item` is the item from which the current one was made; `.first()`, `.last()`, `.all()`, `.itemMatching(index)`, `.isExecuted`, `.context`",
        "",
    ),
    entry(
        "$node",
        "Another node by its older form: `$node[\"Name\"].json`, `.binary`, `.context`, `.runIndex`",
        "",
    ),
    entry("$items(name, output, run)", "All items of a node, or of this node's input", "$items().length"),
    entry("$item(index)", "The input's item at an index", "$item(0).$json.name"),
    entry("$thisItem", "The current item, with its files", "$thisItem.json.name"),
    entry("$itemIndex", "The index of the current item, from 0", "$itemIndex"),
    entry("$position", "The same", "$position"),
    entry("$thisItemIndex", "The same", "$thisItemIndex"),
    entry("$parameter", "The parameters of this node", ""),
    entry("$rawParameter", "The same", ""),
    entry("$vars", "The variables of the workspace", "$vars.region"),
    entry("$env", "The environment, where the operator allows it; otherwise an error", ""),
    entry("$secrets", "Nothing: secrets live in credentials and do not reach expressions", "$secrets"),
];

const FACTS: &[Entry] = &[
    entry("$workflow", "The workflow: `.id`, `.name`, `.active`", ""),
    entry(
        "$execution",
        "The execution: `.id`, `.mode`, `.resumeUrl`, and `.customData` with `set(key, value)` and `get(key)`",
        "",
    ),
    entry("$executionId", "The execution's id", ""),
    entry("$mode", "How the execution started: by hand, by a webhook and so on", ""),
    entry("$resumeWebhookUrl", "The signed address at which a resting execution goes on", ""),
    entry("$prevNode", "The node from which the current item came: `.name`, `.outputIndex`, `.runIndex`", ""),
    entry("$runIndex", "How often this node has run before in this execution", "$runIndex"),
    entry("$thisRunIndex", "The same", "$thisRunIndex"),
    entry("$nodeId", "The id of this node", ""),
    entry("$nodeVersion", "The version of this node's kind", "$nodeVersion"),
    entry("$self", "Reserved; an empty object", "$self"),
    entry("$tool", "Reserved; an empty object", "$tool"),
];

const FUNCTIONS: &[Entry] = &[
    entry(
        "$if(condition, yes, no)",
        "`yes` where the condition holds, else `no`",
        "$if($json.price > 10, 'dear', 'cheap')",
    ),
    entry(
        "$ifEmpty(value, otherwise)",
        "The value, or `otherwise` where it is null, empty text, or without elements",
        "$ifEmpty($json.nickname, 'none')",
    ),
    entry("$min(...numbers)", "The smallest number", "$min(3, 1, 2)"),
    entry("$max(...numbers)", "The largest number", "$max(3, 1, 2)"),
    entry("$average(...numbers)", "The mean", "$average(1, 2, 6)"),
    entry("$not(value)", "The opposite", "$not(true)"),
    entry(
        "$jmespath(value, query)",
        "What a JMESPath query finds",
        "$jmespath({ a: [{ n: 1 }, { n: 2 }] }, 'a[*].n')",
    ),
    entry(
        "$fromAI(name, description, type, otherwise)",
        "What a language model chose for a tool; here `otherwise`",
        "$fromAI('city', 'where', 'string', 'Bonn')",
    ),
    entry("$fromAi(name, description, type, otherwise)", "The same", "$fromAi('city', '', 'string', 'Bonn')"),
    entry("$fromai(name, description, type, otherwise)", "The same", "$fromai('city', '', 'string', 'Bonn')"),
    entry("min(...numbers)", "As `$min`", "min(3, 1)"),
    entry("max(...numbers)", "As `$max`", "max(3, 1)"),
    entry("average(...numbers)", "As `$average`", "average(1, 3)"),
    entry("not(value)", "As `$not`", "not(0)"),
    entry("numberList(from, to)", "The whole numbers from one to another", "numberList(2, 5)"),
    entry("zip(keys, values)", "An object of two lists of the same length", "zip(['a', 'b'], [1, 2])"),
    entry("toPathSegment(text)", "The text as one part of an address's path", "toPathSegment('a/b c')"),
];

const DATES: &[Entry] = &[
    entry("$now", "The present in the workflow's time zone, a Luxon date", "$now"),
    entry("$today", "The last midnight in that zone", "$today"),
    entry("DateTime", "Luxon's dates", "DateTime.fromISO('2026-03-01').plus({ days: 1 }).toISODate()"),
    entry("Duration", "Luxon's lengths of time", "Duration.fromObject({ hours: 36 }).as('days')"),
    entry(
        "Interval",
        "Luxon's spans between two dates",
        "Interval.fromISO('2026-03-01/2026-03-08').length('days')",
    ),
];

const TEXT: &[Entry] = &[
    entry(
        "hash(algorithm)",
        "The digest in hexadecimal: `md5` unless told otherwise, `base64`, `sha1`, `sha224`, `sha256`, `sha384`, `sha512`, `sha3`, `ripemd160`",
        "'abc'.hash('sha1')",
    ),
    entry("removeMarkdown()", "The text without Markdown's marks", "'# A *big* [link](u)'.removeMarkdown()"),
    entry("removeTags()", "The text without HTML's tags", "'<b>bold</b> text'.removeTags()"),
    entry("toDate()", "A date of JavaScript", "'2026-03-04T10:30:00Z'.toDate()"),
    entry(
        "toDateTime(format)",
        "A Luxon date, read by the format where one is given",
        "'04.03.2026'.toDateTime('dd.MM.yyyy')",
    ),
    entry("toBoolean()", "False for an empty text, `0`, `false` and `no`", "'no'.toBoolean()"),
    entry("toNumber()", "The number that the text is", "'12.5'.toNumber()"),
    entry("toFloat()", "The number with which the text begins", "'12.5 kg'.toFloat()"),
    entry("toDecimalNumber()", "The same", "'12.5 kg'.toDecimalNumber()"),
    entry("toInt(base)", "The whole number with which the text begins", "'12.5 kg'.toInt()"),
    entry("toWholeNumber(base)", "The same", "'12.5 kg'.toWholeNumber()"),
    entry(
        "toSentenceCase()",
        "A capital at the begin of each sentence",
        "'HELLO. YOU THERE'.toSentenceCase()",
    ),
    entry("toSnakeCase()", "Small letters and underscores", "'First Name'.toSnakeCase()"),
    entry("toTitleCase()", "A capital at the begin of most words", "'the old man and the sea'.toTitleCase()"),
    entry("urlDecode(whole)", "The text with its percent signs resolved", "'a%20b'.urlDecode()"),
    entry(
        "urlEncode(whole)",
        "The text as part of an address; as a whole address with `true`",
        "'a b&c'.urlEncode()",
    ),
    entry("quote(mark)", "The text between marks", "'say \"hi\"'.quote()"),
    entry(
        "replaceSpecialChars()",
        "Letters of ASCII in place of others",
        "'Ünïcode Straße'.replaceSpecialChars()",
    ),
    entry("length()", "The number of characters", "'abc'.length()"),
    entry("isDomain()", "Whether it is a domain", "'example.com'.isDomain()"),
    entry("isEmail()", "Whether it is a mail address", "'ada@example.com'.isEmail()"),
    entry("isNumeric()", "Whether it is a number", "'12.5'.isNumeric()"),
    entry("isUrl()", "Whether it is an address", "'https://example.com'.isUrl()"),
    entry("isEmpty()", "Whether there is nothing in it", "''.isEmpty()"),
    entry("isNotEmpty()", "Whether there is something in it", "'a'.isNotEmpty()"),
    entry("toJsonString()", "The text as JSON", "'a \"b\"'.toJsonString()"),
    entry("extractEmail()", "The first mail address in it", "'mail ada@example.com now'.extractEmail()"),
    entry(
        "extractDomain()",
        "The domain of a mail address or an address",
        "'https://www.example.com/a'.extractDomain()",
    ),
    entry("extractUrl()", "The first address in it", "'see https://example.com/a for more'.extractUrl()"),
    entry("extractUrlPath()", "The path of an address", "'https://example.com/a/b?c=1'.extractUrlPath()"),
    entry("parseJson()", "The value that JSON text stands for", "'{\"a\": 1}'.parseJson()"),
    entry("base64Encode()", "The text in Base64", "'hello'.base64Encode()"),
    entry("base64Decode()", "The text that Base64 stands for", "'aGVsbG8='.base64Decode()"),
];

const ARRAY: &[Entry] = &[
    entry(
        "removeDuplicates(...keys)",
        "Each value once; objects compared by these keys",
        "[1, 2, 1].removeDuplicates()",
    ),
    entry("unique(...keys)", "The same", "[{ a: 1, b: 1 }, { a: 1, b: 2 }].unique('a')"),
    entry("first()", "The first element", "[1, 2, 3].first()"),
    entry("last()", "The last element", "[1, 2, 3].last()"),
    entry("reverse()", "The elements from last to first; the list itself stays", "[1, 2, 3].reverse()"),
    entry("pluck(...names)", "These fields of each object", "[{ n: 'a', x: 1 }, { n: 'b' }].pluck('n')"),
    entry("randomItem()", "Any one element", "[7].randomItem()"),
    entry("sum()", "The sum", "[1, 2, 3].sum()"),
    entry("min()", "The smallest number", "[2, 1, 3].min()"),
    entry("max()", "The largest number", "[2, 1, 3].max()"),
    entry("average()", "The mean", "[1, 2, 6].average()"),
    entry("isEmpty()", "Whether there are no elements", "[].isEmpty()"),
    entry("isNotEmpty()", "Whether there are elements", "[0].isNotEmpty()"),
    entry("compact()", "Without null, empty texts and what has no content", "[1, null, '', {}, 2].compact()"),
    entry(
        "smartJoin(keyField, valueField)",
        "An object of the lists' objects",
        "[{ k: 'a', v: 1 }, { k: 'b', v: 2 }].smartJoin('k', 'v')",
    ),
    entry("chunk(size)", "Lists of at most so many elements", "[1, 2, 3, 4, 5].chunk(2)"),
    entry(
        "renameKeys(...oldAndNew)",
        "Other names for the keys of its objects",
        "[{ a: 1 }].renameKeys('a', 'b')",
    ),
    entry("merge(other)", "The objects of both lists in one", "[{ a: 1 }, { b: 2 }].merge()"),
    entry("union(other)", "The elements of both lists, each once", "[1, 2].union([2, 3])"),
    entry("difference(other)", "The elements that the other list does not have", "[1, 2, 3].difference([2])"),
    entry("intersection(other)", "The elements that both lists have", "[1, 2, 3].intersection([2, 3, 4])"),
    entry("append(...values)", "The list with more elements; the list itself stays", "[1].append(2, 3)"),
    entry("toJsonString()", "The list as JSON", "[1, 'a'].toJsonString()"),
];

const NUMBER: &[Entry] = &[
    entry("ceil()", "The next whole number above", "(1.2).ceil()"),
    entry("floor()", "The next whole number below", "(1.8).floor()"),
    entry("format(locale, options)", "As people of that language write it", "(1234.5).format('de-DE')"),
    entry("round(decimals)", "Rounded to so many decimals", "(1.256).round(2)"),
    entry("abs()", "Without its sign", "(-3).abs()"),
    entry("isInteger()", "Whether it is whole", "(2.5).isInteger()"),
    entry("isEven()", "Whether it is even", "(4).isEven()"),
    entry("isOdd()", "Whether it is odd", "(4).isOdd()"),
    entry("isEmpty()", "Whether it is 0 or no number", "(0).isEmpty()"),
    entry("isNotEmpty()", "The opposite", "(5).isNotEmpty()"),
    entry("toBoolean()", "False for 0", "(1).toBoolean()"),
    entry("toInt()", "Rounded to a whole number", "(2.5).toInt()"),
    entry("toFloat()", "The number itself", "(2.5).toFloat()"),
    entry(
        "toDateTime(unit)",
        "The date so many `ms`, `s`, `us` after 1970, or of a sheet's `excel` number",
        "(1772620200).toDateTime('s').toISODate()",
    ),
];

const BOOLEAN: &[Entry] = &[
    entry("toInt()", "1 for true, 0 for false", "true.toInt()"),
    entry("toNumber()", "The same", "false.toNumber()"),
    entry("toFloat()", "The same", "true.toFloat()"),
    entry("toBoolean()", "The value itself", "true.toBoolean()"),
    entry("isEmpty()", "Whether it is false", "false.isEmpty()"),
    entry("isNotEmpty()", "Whether it is true", "true.isNotEmpty()"),
];

const OBJECT: &[Entry] = &[
    entry("isEmpty()", "Whether it has no fields", "({}).isEmpty()"),
    entry("isNotEmpty()", "Whether it has fields", "$json.isNotEmpty()"),
    entry("hasField(name)", "Whether it has this field", "$json.hasField('name')"),
    entry("removeField(...names)", "The object without these fields", "$json.removeField('tags')"),
    entry(
        "removeFieldsContaining(text)",
        "Without the fields whose text contains this",
        "$json.removeFieldsContaining('Ad')",
    ),
    entry(
        "keepFieldsContaining(text)",
        "Only the fields whose text contains this",
        "$json.keepFieldsContaining('Ad')",
    ),
    entry("compact()", "Without fields that are null or empty", "({ a: 1, b: null, c: '' }).compact()"),
    entry("urlEncode()", "The fields as the query of an address", "({ a: 1, b: 'x y' }).urlEncode()"),
    entry("keys()", "The names of its fields", "$json.keys()"),
    entry("values()", "The values of its fields", "({ a: 1, b: 2 }).values()"),
    entry("toJsonString()", "The object as JSON", "({ a: 1 }).toJsonString()"),
];

const DATE: &[Entry] = &[
    entry(
        "beginningOf(unit)",
        "The begin of its `hour`, `day`, `week`, `month` or `year`",
        "$now.beginningOf('month').toISODate()",
    ),
    entry("endOfMonth()", "The last moment of its month", "$now.endOfMonth().toISODate()"),
    entry(
        "extract(part)",
        "A part: `day`, `month`, `weekday`, `weekNumber`, `yearDayNumber`, ...",
        "$now.extract('month')",
    ),
    entry(
        "isBetween(from, to)",
        "Whether it lies between two dates",
        "$now.isBetween('2026-01-01', '2026-12-31')",
    ),
    entry("isDst()", "Whether summer time is on", "$now.isDst()"),
    entry(
        "isInLast(amount, unit)",
        "Whether it lies in the last minutes, or another unit",
        "$now.minus({ hours: 2 }).isInLast(1, 'days')",
    ),
    entry("isWeekend()", "Whether it is Saturday or Sunday", "$now.isWeekend()"),
    entry("minus(amount, unit)", "So much earlier", "$now.minus(2, 'days').toISODate()"),
    entry("plus(amount, unit)", "So much later", "$now.plus(2, 'weeks').toISODate()"),
    entry("format(pattern)", "As text by Luxon's pattern", "$now.format('dd.MM.yyyy')"),
    entry(
        "diffTo(other, unit)",
        "How many days, or other units, to another date",
        "$now.diffTo('2026-03-01', 'days').floor()",
    ),
    entry(
        "diffToNow(unit)",
        "How many days, or other units, to the present",
        "$now.minus(3, 'days').diffToNow('days')",
    ),
    entry("toDateTime()", "A Luxon date", "$now.toDateTime().year"),
    entry("toDate()", "A date of JavaScript", "$now.toDate()"),
    entry("toInt()", "Milliseconds since 1970", "$now.toInt()"),
    entry("toFloat()", "The same", "$now.toFloat()"),
    entry("isEmpty()", "False", "$now.isEmpty()"),
    entry("isNotEmpty()", "True", "$now.isNotEmpty()"),
];

/// The value of an example, as an expression gives it; `None` for an entry without one.
pub fn value_of(entry: &Entry) -> Option<serde_json::Value> {
    if entry.example.is_empty() {
        return None;
    }
    let json: serde_json::Value = serde_json::from_str(JSON).ok()?;
    let context = serde_json::json!({"now": NOW, "timezone": "UTC", "vars": {"region": "eu"}});
    let expression = format!("={{{{ {} }}}}", entry.example);
    Some(crate::eval_case(&serde_json::json!({"expression": expression, "json": json, "context": context})))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The names at the begin of lines that are indented by two, from a line that starts with
    /// `begin` to one that starts with `end`.
    fn names(source: &str, begin: &str, end: &str) -> BTreeSet<String> {
        let lines = source.lines().skip_while(|l| !l.starts_with(begin)).skip(1);
        let within = lines.take_while(|l| !l.starts_with(end));
        let name = |l: &str| {
            let l = l.strip_prefix("  ")?;
            let n = l.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(0);
            let follows = l[n..].starts_with(": ") || l[n..].starts_with(',');
            // What gives undefined on purpose is nothing to recommend.
            (n > 0 && follows && !l.contains("=> undefined,")).then(|| l[..n].to_owned())
        };
        within.filter_map(name).collect()
    }

    fn described(of: &str) -> BTreeSet<String> {
        let groups = GROUPS.iter().filter(|g| g.of == of);
        groups.flat_map(|g| g.entries).map(|e| e.name().to_owned()).collect()
    }

    #[test]
    fn every_method_is_described_and_every_description_has_a_method() {
        let source = include_str!("prelude/extensions.js");
        for (table, of) in [
            ("const STRING = {", "text"),
            ("const ARRAY = {", "array"),
            ("const NUMBER = {", "number"),
            ("const BOOLEAN = {", "boolean"),
            ("const OBJECT = {", "object"),
            ("const DATE = {", "date"),
        ] {
            let there = names(source, table, "};");
            assert!(there.len() > 5, "{table} was not found");
            assert_eq!(described(of), there, "{of}");
        }
    }

    #[test]
    fn every_variable_is_described() {
        let source = include_str!("js/setup.js");
        let begin = source.find("const variables = {").expect("the table of variables");
        let table = source[begin..].split("};").next().expect("its end");
        let words = table.split(|c: char| !(c.is_alphanumeric() || c == '$' || c == '_'));
        let there: BTreeSet<&str> = words.filter(|w| w.starts_with('$')).collect();
        assert!(there.len() > 30, "{there:?}");
        let all = described("");
        // `$` is the function that gives a node.
        let missing: Vec<_> = there.iter().filter(|n| !all.contains(**n)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn every_example_has_a_value() {
        for entry in GROUPS.iter().flat_map(|g| g.entries) {
            let Some(answer) = value_of(entry) else { continue };
            assert!(answer.get("error").is_none(), "{}: {answer}", entry.example);
            let is_nothing = answer["type"] == "undefined";
            assert_eq!(
                is_nothing,
                ["$env", "$secrets"].contains(&entry.name()),
                "{}: {answer}",
                entry.example
            );
            assert!(entry.example.contains(entry.name()), "{} does not use {}", entry.example, entry.name());
        }
    }
}
