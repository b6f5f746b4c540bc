//! Random expressions over random data, evaluated in Rust and by the JavaScript engine: where
//! Rust does not give up, both must agree.
//!
//! `LINKFLOW_CASES` sets how many are tried, `LINKFLOW_SEED` repeats a run.

use std::sync::Arc;

use linkflow_model::{History, Item, Object, Shape};
use serde_json::{Value, json};

use crate::chunk::Chunk;
use crate::native::planted::{BUG, Bug};
use crate::{Env, Resolved, Scope};

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }
}

const KEYS: [&str; 8] = ["a", "b", "c", "name", "length", "toString", "x y", "1"];
const TEXTS: [&str; 14] = [
    "",
    "a",
    "Hello World",
    "42",
    "-3.5",
    " pad\t",
    "Grüße",
    "😀x",
    "a,b,c",
    "true",
    "0",
    "1e3",
    "$&",
    "2024-06-15T10:20:30.400Z",
];
const NUMBERS: [f64; 14] =
    [0.0, 1.0, -1.0, 2.0, 42.0, 0.5, 2.5, -3.75, 1e21, 1e-7, 0.1, 123456.789, 1.005, 9007199254740991.0];
const METHODS: [&str; 25] = [
    "toLowerCase()",
    "toUpperCase()",
    "trim()",
    "includes('a')",
    "startsWith('H')",
    "endsWith('d')",
    "indexOf('l')",
    "split(',')",
    "replace('a', 'b')",
    "replaceAll('l', '')",
    "slice(1)",
    "slice(-2)",
    "slice(1, -1)",
    "substring(3, 1)",
    "charAt(0)",
    "toString()",
    "toFixed(2)",
    "toFixed()",
    "join('-')",
    "join()",
    "first()",
    "last()",
    "isEmpty()",
    "isNotEmpty()",
    "concat('z')",
];
const OPERATORS: [&str; 16] =
    ["+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "===", "!==", "&&", "||", "??"];
const FUNCTIONS: [&str; 9] = [
    "JSON.stringify",
    "Object.keys",
    "String",
    "Number",
    "Math.floor",
    "Math.ceil",
    "Math.abs",
    "Math.max",
    "Math.trunc",
];

fn value(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth > 3 { 5 } else { 8 }) {
        0 => Value::Null,
        1 => json!(random.below(2) == 0),
        2 => crate::native::number::to_json(NUMBERS[random.below(NUMBERS.len())]).unwrap_or(Value::Null),
        3 | 4 => json!(TEXTS[random.below(TEXTS.len())]),
        5 => Value::Array((0..random.below(4)).map(|_| value(random, depth + 1)).collect()),
        _ => Value::Object(object(random, depth + 1)),
    }
}

fn object(random: &mut Random, depth: usize) -> Object {
    let mut object = Object::new();
    for _ in 0..random.below(5) {
        // A name that JavaScript would take for its own goes to the engine anyway; seldom is enough.
        let n = if random.below(20) == 0 { KEYS.len() } else { 4 };
        object.insert(KEYS[random.below(n)].to_owned(), value(random, depth));
    }
    object
}

fn step(random: &mut Random) -> String {
    let key = KEYS[random.below(KEYS.len())];
    let optional = random.below(5) == 0;
    match random.below(4) {
        0 => format!("{}[{}]", if optional { "?." } else { "" }, random.below(3)),
        1 => format!("{}[{key:?}]", if optional { "?." } else { "" }),
        _ if key.contains(' ') || key == "1" => format!("[{key:?}]"),
        _ => format!("{}{key}", if optional { "?." } else { "." }),
    }
}

fn expression(random: &mut Random, depth: usize) -> String {
    let inner = |random: &mut Random| expression(random, depth + 1);
    match random.below(if depth > 3 { 7 } else { 14 }) {
        0..=3 => {
            let root = random.pick(&["$json", "$json", "$json", "$input.item.json", "$input.first().json"]);
            let steps: String = (0..random.below(4)).map(|_| step(random)).collect();
            format!("{root}{steps}")
        }
        4 => format!("{:?}", TEXTS[random.below(TEXTS.len())]),
        5 => crate::native::number::to_text(NUMBERS[random.below(NUMBERS.len())].abs()),
        6 => random.pick(&["null", "undefined", "true", "false", "$itemIndex"]).to_owned(),
        7 | 8 => {
            let operator = OPERATORS[random.below(OPERATORS.len())];
            format!("({} {operator} {})", inner(random), inner(random))
        }
        9 => format!("({} ? {} : {})", inner(random), inner(random), inner(random)),
        10 => format!("{}({})", random.pick(&["!", "-", "+", "typeof "]), inner(random)),
        11 => format!("({}).{}", inner(random), METHODS[random.below(METHODS.len())]),
        12 => match random.below(4) {
            3 => format!("[{}, {}].{}", inner(random), inner(random), METHODS[random.below(METHODS.len())]),
            0 => format!("`x${{{}}}y`", inner(random)),
            1 => format!("[{}, {}]", inner(random), inner(random)),
            _ => format!("({{p: {}, q: {}}})", inner(random), inner(random)),
        },
        _ => format!("{}({})", FUNCTIONS[random.below(FUNCTIONS.len())], inner(random)),
    }
}

/// How one case came out.
enum Verdict {
    Same,
    GaveUp,
    Different(String),
}

fn compare(source: &str, json: Object) -> Verdict {
    let data = Value::Object(json.clone()).to_string();
    let Ok(chunk) = Chunk::parse(source) else { return Verdict::GaveUp };
    let (env, history, params) = (Env::default(), History::new(Arc::new(Shape::default())), Object::new());
    let inputs = [Arc::new(vec![Item::new(json)])];
    let scope = Scope {
        env: &env,
        history: &history,
        node: 0,
        run: 0,
        inputs: &inputs,
        sources: &[None],
        item: 0,
        params: &params,
    };
    let Some(native) = chunk.evaluate_natively(&scope) else { return Verdict::GaveUp };
    let js = chunk.evaluate_in_js(&scope);
    // Rust keeps the order of keys where JavaScript moves whole numbers to the front.
    let is_same = match (&native, &js) {
        (Ok(Resolved::NotFinite(l)), Ok(Resolved::NotFinite(r))) => l.to_string() == r.to_string(),
        (Ok(l), Ok(r)) => l == r,
        (Err(_), Err(_)) => true,
        _ => false,
    };
    if is_same {
        return Verdict::Same;
    }
    Verdict::Different(format!("{source}\n  data   {data}\n  native {native:?}\n  js     {js:?}"))
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The first difference among `n` cases, and how many Rust decided alone.
fn run(seed: u64, n: u64) -> (Option<String>, u64) {
    let mut random = Random(seed);
    let mut n_native = 0;
    for case in 0..n {
        let source = expression(&mut random, 0);
        let json = object(&mut random, 0);
        match compare(&source, json) {
            Verdict::Same => n_native += 1,
            Verdict::GaveUp => {}
            Verdict::Different(what) => return (Some(format!("seed {seed}, case {case}: {what}")), n_native),
        }
    }
    (None, n_native)
}

#[test]
fn rust_and_javascript_agree_wherever_rust_does_not_give_up() {
    let seed = setting("LINKFLOW_SEED").unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        now.as_nanos() as u64
    });
    let n = setting("LINKFLOW_CASES").unwrap_or(6_000);
    println!("seed {seed}, {n} cases");
    let (difference, n_native) = run(seed, n);
    if let Some(difference) = difference {
        panic!("{difference}");
    }
    assert!(n_native > n / 3, "only {n_native} of {n} cases were decided in Rust");
}

#[test]
fn the_comparison_finds_planted_bugs() {
    for bug in [Bug::Less, Bug::JoinNull, Bug::AddTexts, Bug::Zero] {
        BUG.set(Some(bug));
        let (difference, _) = run(7, 40_000);
        BUG.set(None);
        assert!(difference.is_some(), "{bug:?} was not found");
    }
}
