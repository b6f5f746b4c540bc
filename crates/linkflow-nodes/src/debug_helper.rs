//! Debug Helper: fails on purpose, or makes data up, to try out what a workflow does then.

use linkflow_model::{Item, Object};
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub struct DebugHelper;

/// Fails on purpose, or makes data up, to try out what a workflow does then.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// What it does.
    #[serde(default)]
    category: What,
    /// The text of the error.
    #[serde(default = "message", deserialize_with = "lenient::text")]
    throw_error_message: String,
    /// What is made up.
    #[serde(default)]
    random_data_type: Data,
    /// With the same text here, the same data are made up.
    #[serde(default, deserialize_with = "lenient::text")]
    random_data_seed: String,
    /// How many of them.
    #[serde(default = "ten", deserialize_with = "lenient::integer")]
    #[schemars(range(min = 1))]
    random_data_count: i64,
    /// Give one item with a list `generatedItems`.
    #[serde(default, deserialize_with = "lenient::flag")]
    random_data_single_array: bool,
    /// The letters of a `nanoid`.
    #[serde(default = "alphabet", deserialize_with = "lenient::text")]
    nanoid_alphabet: String,
    /// How long a `nanoid` is.
    #[serde(default = "sixteen", deserialize_with = "lenient::integer")]
    nanoid_length: i64,
}

/// What it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// Nothing: the items go through.
    DoNothing,
    /// It fails.
    #[default]
    ThrowError,
    /// It makes data up.
    RandomData,
}

/// What is made up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Data {
    /// An address to live at.
    Address,
    /// A place on the earth.
    LatLong,
    /// A number of a credit card, which belongs to nobody.
    CreditCard,
    /// An address for mail.
    Email,
    /// An address of the internet.
    Ipv4,
    /// An address of the newer internet.
    Ipv6,
    /// An address of a network card.
    MacAddress,
    /// A short id of letters of your choice.
    Nanoid,
    /// An address of the web.
    Url,
    /// A person.
    #[default]
    User,
    /// An id.
    Uuid,
    /// A version, as `1.2.3`.
    Semver,
}

fn message() -> String {
    "Node has thrown an error".to_owned()
}

fn ten() -> i64 {
    10
}

fn sixteen() -> i64 {
    16
}

fn alphabet() -> String {
    "0123456789abcdefghijklmnopqrstuvwxyz".to_owned()
}

/// The most items that are made up by one item.
const COUNT_MAX: i64 = 100_000;

impl Node for DebugHelper {
    const KIND: &'static str = "debug_helper";
    const SPEC: Spec = Spec {
        title: "Debug Helper",
        summary: "Fails on purpose, or makes data up.",
        category: Category::Flow,
        aliases: &["test", "random", "fake", "error", "throw"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Let items through",
            params: r#"{"category": "doNothing"}"#,
            input: r#"[{"n": 1}]"#,
            output: r#"[[{"n": 1}]]"#,
        },
        Example {
            title: "Make up the same two versions again and again",
            params: r#"{"category": "randomData", "randomDataType": "semver", "randomDataSeed": "a", "randomDataCount": 2}"#,
            input: "[{}]",
            output: "null",
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let mut out = Vec::new();
        for (index, item) in input.items().iter().enumerate() {
            let params = input.params(index)?;
            match params.category {
                What::DoNothing => out.push(item.clone().paired_with(index)),
                What::ThrowError => {
                    let error = NodeError::data(params.throw_error_message.clone());
                    out.push(ctx.failed_item(error, index)?);
                }
                What::RandomData => {
                    let made = params.made_up(&ctx.idempotency_key(index))?;
                    out.extend(made.into_iter().map(|json| Item::new(json).paired_with(index)));
                }
            }
        }
        Ok(Outcome::items(out))
    }
}

impl Params {
    fn made_up(&self, otherwise: &str) -> Result<Vec<Object>, NodeError> {
        if !(1..=COUNT_MAX).contains(&self.random_data_count) {
            let problem = format!("must be from 1 to {COUNT_MAX}, got {}", self.random_data_count);
            return Err(NodeError::param("randomDataCount", problem));
        }
        if self.random_data_type == Data::Nanoid {
            let is_length = (1..=1_000).contains(&self.nanoid_length);
            if !is_length || self.nanoid_alphabet.is_empty() {
                return Err(NodeError::param(
                    "nanoidLength",
                    "must be from 1 to 1000, with some letters to choose from",
                ));
            }
        }
        let seed = if self.random_data_seed.is_empty() { otherwise } else { &self.random_data_seed };
        let mut chance = Chance::of(seed);
        let made: Vec<Value> = (0..self.random_data_count).map(|_| self.one(&mut chance)).collect();
        let object = |value: Value| value.as_object().cloned().unwrap_or_default();
        Ok(match self.random_data_single_array {
            true => vec![object(json!({"generatedItems": made}))],
            false => made.into_iter().map(object).collect(),
        })
    }

    fn one(&self, chance: &mut Chance) -> Value {
        let (first, last) = (chance.pick(FIRST), chance.pick(LAST));
        let mail = format!("{}.{}@example.com", first.to_lowercase(), last.to_lowercase());
        let hex = |chance: &mut Chance, n: usize| -> String {
            (0..n).map(|_| char::from_digit(chance.below(16) as u32, 16).unwrap_or('0')).collect()
        };
        match self.random_data_type {
            Data::Address => json!({
                "firstname": first, "lastname": last, "street": format!("{} {}", 1 + chance.below(200), chance.pick(STREETS)),
                "city": chance.pick(CITIES), "zip": format!("{:05}", chance.below(100_000)),
                "state": chance.pick(CITIES), "country": chance.pick(COUNTRIES),
            }),
            Data::LatLong => json!({
                "latitude": format!("{:.4}", chance.below(1_800_000) as f64 / 10_000.0 - 90.0),
                "longitude": format!("{:.4}", chance.below(3_600_000) as f64 / 10_000.0 - 180.0),
            }),
            Data::CreditCard => json!({
                "type": "Visa", "number": format!("4000{:012}", chance.below(1_000_000_000_000)),
                "ccv": format!("{:03}", chance.below(1_000)),
                "exp": format!("{:02}/{}", 1 + chance.below(12), 27 + chance.below(5)),
                "holder_name": format!("{first} {last}"),
            }),
            Data::Email => json!({"email": mail, "confirmed": chance.below(2) == 1}),
            Data::Ipv4 => {
                let parts: Vec<String> = (0..4).map(|_| chance.below(256).to_string()).collect();
                json!({"ip": parts.join(".")})
            }
            Data::Ipv6 => {
                let parts: Vec<String> = (0..8).map(|_| hex(chance, 4)).collect();
                json!({"ipv6": parts.join(":")})
            }
            Data::MacAddress => {
                let parts: Vec<String> = (0..6).map(|_| hex(chance, 2)).collect();
                json!({"mac": parts.join(":")})
            }
            Data::Nanoid => {
                let letters: Vec<char> = self.nanoid_alphabet.chars().collect();
                let id: String = (0..self.nanoid_length)
                    .map(|_| letters[chance.below(letters.len() as u64) as usize])
                    .collect();
                json!({"nanoId": id})
            }
            Data::Url => {
                json!({"url": format!("https://{}.example.com/{}", last.to_lowercase(), hex(chance, 8))})
            }
            Data::User => json!({
                "uid": uuid(chance), "email": mail, "firstname": first, "lastname": last, "password": hex(chance, 16),
            }),
            Data::Uuid => json!({"uuid": uuid(chance)}),
            Data::Semver => json!({
                "version": format!("{}.{}.{}", chance.below(10), chance.below(20), chance.below(50))
            }),
        }
    }
}

fn uuid(chance: &mut Chance) -> String {
    let bits = (u128::from(chance.next()) << 64) | u128::from(chance.next());
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
}

/// Numbers that follow from a text.
struct Chance(u64);

impl Chance {
    fn of(seed: &str) -> Chance {
        let hash = Sha256::digest(seed.as_bytes());
        Chance(hash.iter().take(8).fold(0, |n, byte| (n << 8) | u64::from(*byte)))
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    fn pick(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len() as u64) as usize]
    }
}

const FIRST: &[&str] =
    &["Ann", "Ben", "Cleo", "Dan", "Eva", "Finn", "Greta", "Hugo", "Ida", "Jon", "Kim", "Lea"];
const LAST: &[&str] =
    &["Adams", "Berg", "Costa", "Diaz", "Evans", "Fischer", "Garcia", "Hansen", "Ito", "Jensen"];
const STREETS: &[&str] =
    &["Main Street", "Oak Avenue", "Mill Lane", "Station Road", "Park Street", "High Street"];
const CITIES: &[&str] = &["Bonn", "Porto", "Lyon", "Turin", "Leeds", "Graz", "Malmo", "Utrecht"];
const COUNTRIES: &[&str] = &["Germany", "Portugal", "France", "Italy", "Austria", "Sweden", "Spain"];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use linkflow_model::OnError;
    use linkflow_node::NodeKind;
    use linkflow_node::testing::{TestHost, ctx, input, items};

    use super::*;

    async fn run(params: Value, on_error: OnError) -> Result<Value, NodeError> {
        let dir = tempfile::tempdir().unwrap();
        let ctx = Ctx { on_error, ..ctx(dir.path(), Arc::new(TestHost::default())) };
        let given = input(&params, vec![items(&json!([{"n": 1}]))]);
        match NodeKind::of::<DebugHelper>().run(given, &ctx).await? {
            Outcome::Items(out) => Ok(out.ports[0].iter().map(|item| json!(*item.json)).collect()),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn it_fails_on_purpose() {
        let fails = || json!({"category": "throwError", "throwErrorMessage": "on purpose"});
        assert_eq!(run(fails(), OnError::Stop).await.unwrap_err().to_string(), "on purpose");
        assert_eq!(run(fails(), OnError::ContinueRegular).await.unwrap(), json!([{"error": "on purpose"}]));
    }

    #[tokio::test]
    async fn the_same_seed_makes_the_same_data_of_every_type() {
        for kind in [
            "address",
            "latLong",
            "creditCard",
            "email",
            "ipv4",
            "ipv6",
            "macAddress",
            "nanoid",
            "url",
            "user",
            "uuid",
            "semver",
        ] {
            let params = |seed: &str| json!({"category": "randomData", "randomDataType": kind, "randomDataSeed": seed});
            let (a, b, c) = (
                run(params("x"), OnError::Stop).await,
                run(params("x"), OnError::Stop).await,
                run(params("y"), OnError::Stop).await,
            );
            assert_eq!(a, b, "{kind}");
            assert_ne!(a, c, "{kind}");
            assert_eq!(a.unwrap().as_array().unwrap().len(), 10, "{kind}");
        }
        let params = json!({"category": "randomData", "randomDataCount": 0});
        assert!(run(params, OnError::Stop).await.is_err());
    }
}
