//! Values between JSON and PostgreSQL: given as the text that the column's type reads, taken from the
//! binary form that comes back.

use std::error::Error;

use bytes::BytesMut;
use jiff::Timestamp;
use linkflow_model::Object;
use serde_json::{Value, json};
use tokio_postgres::types::{Format, FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

type Problem = Box<dyn Error + Sync + Send>;

/// A value that is given as text: what it means follows from where it is used, as with literals.
#[derive(Debug)]
pub struct Given(pub Value);

impl ToSql for Given {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Problem> {
        let is_json = *ty == Type::JSON || *ty == Type::JSONB;
        let text = match (&self.0, ty.kind()) {
            (Value::Null, _) => return Ok(IsNull::Yes),
            (Value::String(text), _) => text.clone(),
            (Value::Array(list), Kind::Array(_)) if !is_json => array(list),
            (other, _) => other.to_string(),
        };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// `{1,"two",NULL,{3}}`.
fn array(list: &[Value]) -> String {
    let entries = list.iter().map(|value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Array(inner) => array(inner),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => quoted(text),
        Value::Object(_) => quoted(&value.to_string()),
    });
    format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A value as it came.
pub struct Taken<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Taken<'a> {
    fn from_sql(_: &Type, bytes: &'a [u8]) -> Result<Taken<'a>, Problem> {
        Ok(Taken(bytes))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

const DEPTH_MAX: usize = 16;
/// The time from which PostgreSQL counts.
const EPOCH_SECONDS: i64 = 946_684_800;

impl Taken<'_> {
    /// The value in JSON. Large whole numbers and decimals are texts, unless numbers are asked for;
    /// `None` for what cannot be read.
    pub fn json(&self, ty: &Type, large_as_numbers: bool) -> Option<Value> {
        Reader { rest: self.0, large_as_numbers, depth: 0 }.whole(ty)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    large_as_numbers: bool,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*first)
    }

    fn i16(&mut self) -> Option<i16> {
        self.bytes().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.bytes().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.bytes().map(i64::from_be_bytes)
    }

    fn large(&self, text: String) -> Value {
        match (self.large_as_numbers, text.parse::<i64>(), text.parse::<f64>()) {
            (true, Ok(whole), _) => whole.into(),
            (true, _, Ok(number)) => as_number(number),
            _ => Value::String(text),
        }
    }

    fn whole(mut self, ty: &Type) -> Option<Value> {
        if self.depth > DEPTH_MAX {
            return None;
        }
        Some(match *ty {
            Type::BOOL => Value::Bool(self.bytes::<1>()? != [0]),
            Type::INT2 => self.i16()?.into(),
            Type::INT4 => self.i32()?.into(),
            Type::INT8 => {
                let number = self.i64()?.to_string();
                self.large(number)
            }
            Type::OID => u32::from_be_bytes(self.bytes()?).into(),
            // By its text, so that 0.1 stays 0.1.
            Type::FLOAT4 => {
                f32::from_be_bytes(self.bytes()?).to_string().parse::<f64>().map_or(Value::Null, as_number)
            }
            Type::FLOAT8 => as_number(f64::from_be_bytes(self.bytes()?)),
            Type::NUMERIC => {
                let number = self.numeric()?;
                self.large(number)
            }
            Type::JSON => serde_json::from_slice(self.rest).ok()?,
            Type::JSONB => serde_json::from_slice(self.rest.get(1..)?).ok()?,
            Type::UUID => uuid::Uuid::from_bytes(self.bytes()?).to_string().into(),
            Type::DATE => match self.i32()? {
                i32::MAX | i32::MIN => Value::Null,
                days => moment(i64::from(days).checked_mul(86_400_000_000)?)?,
            },
            Type::TIMESTAMP | Type::TIMESTAMPTZ => match self.i64()? {
                i64::MAX | i64::MIN => Value::Null,
                micros => moment(micros)?,
            },
            Type::TIME => time(self.i64()?).into(),
            Type::INTERVAL => self.interval()?,
            Type::BYTEA => json!({"type": "Buffer", "data": self.rest}),
            Type::MONEY => {
                let cents = self.i64()?;
                let sign = if cents < 0 { "-" } else { "" };
                let cents = cents.unsigned_abs();
                format!("{sign}${}.{:02}", cents / 100, cents % 100).into()
            }
            Type::VOID => Value::String(String::new()),
            Type::INET | Type::CIDR => self.address(*ty == Type::CIDR)?.into(),
            _ => return self.by_kind(ty),
        })
    }

    fn by_kind(self, ty: &Type) -> Option<Value> {
        match ty.kind() {
            Kind::Domain(inner) => self.inside().whole(inner),
            Kind::Array(inner) => self.inside().array(inner),
            Kind::Composite(fields) => self.inside().composite(fields),
            Kind::Enum(_) => self.text(),
            _ if [
                Type::TEXT,
                Type::VARCHAR,
                Type::BPCHAR,
                Type::NAME,
                Type::CHAR,
                Type::UNKNOWN,
                Type::XML,
            ]
            .contains(ty) =>
            {
                self.text()
            }
            _ if ty.name() == "citext" => self.text(),
            _ => None,
        }
    }

    fn inside(self) -> Reader<'a> {
        Reader { depth: self.depth + 1, ..self }
    }

    fn text(&self) -> Option<Value> {
        std::str::from_utf8(self.rest).ok().map(Value::from)
    }

    /// A part that says its length first; none where that is -1.
    fn part(&mut self, ty: &Type) -> Option<Value> {
        let Ok(length) = usize::try_from(self.i32()?) else { return Some(Value::Null) };
        let (part, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Reader { rest: part, large_as_numbers: self.large_as_numbers, depth: self.depth }.whole(ty)
    }

    fn array(mut self, inner: &Type) -> Option<Value> {
        let n_dimensions = usize::try_from(self.i32()?).ok().filter(|n| *n <= 6)?;
        let (_has_nulls, _type) = (self.i32()?, self.i32()?);
        let mut sizes = Vec::with_capacity(n_dimensions);
        for _ in 0..n_dimensions {
            sizes.push(usize::try_from(self.i32()?).ok()?);
            let _first_index = self.i32()?;
        }
        let n = sizes.iter().try_fold(1_usize, |n, size| n.checked_mul(*size))?;
        match n {
            _ if sizes.is_empty() => Some(json!([])),
            0 => Some(json!([])),
            // Each entry has its length in front: more are promised than there are.
            n if n > self.rest.len() / 4 => None,
            _ => self.level(inner, &sizes),
        }
    }

    fn level(&mut self, inner: &Type, sizes: &[usize]) -> Option<Value> {
        let Some((size, rest)) = sizes.split_first() else { return self.part(inner) };
        let mut list = Vec::new();
        for _ in 0..*size {
            list.push(self.level(inner, rest)?);
        }
        Some(Value::Array(list))
    }

    fn composite(mut self, fields: &[tokio_postgres::types::Field]) -> Option<Value> {
        let n = usize::try_from(self.i32()?).ok().filter(|n| *n == fields.len())?;
        let mut object = Object::with_capacity(n);
        for field in fields {
            let _type = self.i32()?;
            object.insert(field.name().to_owned(), self.part(field.type_())?);
        }
        Some(Value::Object(object))
    }

    /// Digits to the base of 10,000, and how many of them stand before the point.
    fn numeric(&mut self) -> Option<String> {
        let (n_digits, weight) = (usize::try_from(self.i16()?).ok()?, i32::from(self.i16()?));
        let (sign, scale) = (self.i16()? as u16, usize::try_from(self.i16()?).ok()?);
        let mut digits = Vec::with_capacity(n_digits);
        for _ in 0..n_digits {
            digits.push(u16::try_from(self.i16()?).ok()?);
        }
        let mut text = match sign {
            0xC000 => return Some("NaN".to_owned()),
            0xD000 => return Some("Infinity".to_owned()),
            0xF000 => return Some("-Infinity".to_owned()),
            0x4000 => "-".to_owned(),
            _ => String::new(),
        };
        let digit = |place: i32| {
            usize::try_from(weight - place).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0)
        };
        match weight {
            ..0 => text.push('0'),
            _ => {
                text.push_str(&digit(weight).to_string());
                (0..weight).rev().for_each(|place| text.push_str(&format!("{:04}", digit(place))));
            }
        }
        if scale > 0 {
            let places = i32::try_from(scale.div_ceil(4)).ok()?;
            let fraction: String = (1..=places).map(|place| format!("{:04}", digit(-place))).collect();
            text.push('.');
            text.push_str(&fraction[..scale]);
        }
        Some(text)
    }

    fn interval(&mut self) -> Option<Value> {
        let (micros, days, months) = (self.i64()?, self.i32()?, self.i32()?);
        let seconds = micros / 1_000_000;
        let parts = [
            ("years", i64::from(months / 12)),
            ("months", i64::from(months % 12)),
            ("days", i64::from(days)),
            ("hours", seconds / 3600),
            ("minutes", seconds / 60 % 60),
            ("seconds", seconds % 60),
        ];
        let mut object: Object =
            parts.iter().filter(|(_, n)| *n != 0).map(|(name, n)| ((*name).to_owned(), json!(n))).collect();
        if micros % 1_000_000 != 0 {
            object.insert("milliseconds".to_owned(), as_number((micros % 1_000_000) as f64 / 1000.0));
        }
        Some(Value::Object(object))
    }

    fn address(&mut self, is_network: bool) -> Option<String> {
        let [_family, bits, _is_network, length] = self.bytes()?;
        let (ip, most): (std::net::IpAddr, u8) = match length {
            4 => (std::net::IpAddr::from(self.bytes::<4>()?), 32),
            16 => (std::net::IpAddr::from(self.bytes::<16>()?), 128),
            _ => return None,
        };
        Some(if bits == most && !is_network { ip.to_string() } else { format!("{ip}/{bits}") })
    }
}

/// A number as JavaScript writes it: without a fraction where there is none.
fn as_number(number: f64) -> Value {
    match number.fract() == 0.0 && number.abs() < 9e15 {
        true => (number as i64).into(),
        false => number.into(),
    }
}

fn moment(micros: i64) -> Option<Value> {
    let at = Timestamp::from_microsecond(micros.checked_add(EPOCH_SECONDS * 1_000_000)?).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string().into())
}

fn time(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match micros % 1_000_000 {
        0 => text,
        fraction => format!("{text}.{fraction:06}").trim_end_matches('0').to_owned(),
    }
}
