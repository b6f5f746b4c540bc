//! Values between JSON and MySQL's protocol: given to a prepared statement, and taken from the rows of
//! both forms in which a server sends them.
//!
//! What comes binary is first made the text that the other form has, so that both read the same.

use linkflow_model::Object;
use serde_json::{Value, json};

/// The bytes of a packet, read from the front. `None` where there are too few.
#[derive(Clone, Copy)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(first)
    }

    pub fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.fixed().map(u8::from_le_bytes)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.fixed().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.fixed().map(u32::from_le_bytes)
    }

    /// A number that says how long it is.
    pub fn number(&mut self) -> Option<u64> {
        Some(match self.u8()? {
            n @ 0..=250 => n.into(),
            252 => self.u16()?.into(),
            253 => {
                let [a, b, c] = self.fixed()?;
                u32::from_le_bytes([a, b, c, 0]).into()
            }
            254 => u64::from_le_bytes(self.fixed()?),
            _ => return None,
        })
    }

    /// Bytes with their number in front.
    pub fn counted(&mut self) -> Option<&'a [u8]> {
        let n = usize::try_from(self.number()?).ok()?;
        self.take(n)
    }

    /// Bytes up to a zero, or to the end.
    pub fn until_zero(&mut self) -> &'a [u8] {
        let at = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        let found = &self.0[..at];
        self.0 = self.0.get(at + 1..).unwrap_or_default();
        found
    }
}

/// Writes bytes with their number in front.
pub fn put_counted(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        n @ 0..=250 => out.push(n as u8),
        n @ 251..=0xffff => {
            out.push(252);
            out.extend_from_slice(&(n as u16).to_le_bytes());
        }
        n => {
            out.push(254);
            out.extend_from_slice(&(n as u64).to_le_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

/// How values are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// Large whole numbers always as texts, and not only where a number would lose digits.
    pub large_as_texts: bool,
    /// Decimals as numbers.
    pub decimals_as_numbers: bool,
}

/// A column of a result.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    kind: u8,
    is_unsigned: bool,
    is_binary: bool,
    is_json: bool,
    decimals: u8,
}

const TINY: u8 = 1;
const SHORT: u8 = 2;
const LONG: u8 = 3;
const FLOAT: u8 = 4;
const DOUBLE: u8 = 5;
const NULL: u8 = 6;
const TIMESTAMP: u8 = 7;
const LONGLONG: u8 = 8;
const INT24: u8 = 9;
const DATE: u8 = 10;
const TIME: u8 = 11;
const DATETIME: u8 = 12;
const YEAR: u8 = 13;
const BIT: u8 = 16;
const JSON: u8 = 245;
const DECIMAL: u8 = 246;
const VAR_STRING: u8 = 253;
const GEOMETRY: u8 = 255;
const UNSIGNED: u16 = 0x20;
/// The number of the character set of what is no text.
const BINARY: u16 = 63;
/// JavaScript's numbers are exact up to here.
const EXACT_MAX: u64 = 9_007_199_254_740_991;

impl Column {
    /// Reads what a server says of a column. MariaDB adds of which format texts are, when asked for it.
    pub fn read(packet: &[u8], has_format: bool) -> Option<Column> {
        let mut bytes = Bytes(packet);
        for _catalog_schema_table_origin in 0..4 {
            bytes.counted()?;
        }
        let name = String::from_utf8_lossy(bytes.counted()?).into_owned();
        let _own_name = bytes.counted()?;
        let format = if has_format { bytes.counted()? } else { &[] };
        let _length_of_the_rest = bytes.number()?;
        let charset = bytes.u16()?;
        let _width = bytes.u32()?;
        let kind = bytes.u8()?;
        let flags = bytes.u16()?;
        let decimals = bytes.u8()?;
        let is_json = kind == JSON || format.windows(4).any(|part| part == b"json");
        let (is_unsigned, is_binary) = (flags & UNSIGNED != 0, charset == BINARY);
        Some(Column { name, kind, is_unsigned, is_binary, is_json, decimals })
    }

    /// The value that a text stands for.
    fn json(&self, text: &[u8], reading: Reading) -> Value {
        let as_text = || Value::String(String::from_utf8_lossy(text).into_owned());
        match self.kind {
            TINY | SHORT | LONG | INT24 | YEAR | FLOAT | DOUBLE => number(text).unwrap_or_else(as_text),
            LONGLONG => match number(text) {
                Some(number) if !reading.large_as_texts && is_exact(&number) => number,
                _ => as_text(),
            },
            0 | DECIMAL if reading.decimals_as_numbers => number(text).unwrap_or_else(as_text),
            NULL => Value::Null,
            _ if self.is_json => serde_json::from_slice(text).unwrap_or_else(|_| as_text()),
            BIT | GEOMETRY => buffer(text),
            0 | DECIMAL | DATE | TIME | DATETIME | TIMESTAMP => as_text(),
            _ if self.is_binary => buffer(text),
            _ => as_text(),
        }
    }

    /// The text of a value that came binary.
    fn text(&self, bytes: &mut Bytes<'_>) -> Option<Vec<u8>> {
        macro_rules! whole {
            ($signed:ty, $unsigned:ty) => {{
                let fixed = bytes.fixed()?;
                match self.is_unsigned {
                    true => <$unsigned>::from_le_bytes(fixed).to_string(),
                    false => <$signed>::from_le_bytes(fixed).to_string(),
                }
            }};
        }
        let text = match self.kind {
            TINY => whole!(i8, u8),
            SHORT | YEAR => whole!(i16, u16),
            LONG | INT24 => whole!(i32, u32),
            LONGLONG => whole!(i64, u64),
            FLOAT => f32::from_le_bytes(bytes.fixed()?).to_string(),
            DOUBLE => f64::from_le_bytes(bytes.fixed()?).to_string(),
            DATE | DATETIME | TIMESTAMP => self.moment(bytes)?,
            TIME => self.time(bytes)?,
            NULL => String::new(),
            _ => return Some(bytes.counted()?.to_vec()),
        };
        Some(text.into_bytes())
    }

    fn moment(&self, bytes: &mut Bytes<'_>) -> Option<String> {
        let mut bytes = Bytes(bytes.counted()?);
        let (year, month, day) = match bytes.0.is_empty() {
            true => (0, 0, 0),
            false => (bytes.u16()?, bytes.u8()?, bytes.u8()?),
        };
        let date = format!("{year:04}-{month:02}-{day:02}");
        if self.kind == DATE {
            return Some(date);
        }
        let (hour, minute, second) = match bytes.0.is_empty() {
            true => (0, 0, 0),
            false => (bytes.u8()?, bytes.u8()?, bytes.u8()?),
        };
        let micros = if bytes.0.is_empty() { 0 } else { bytes.u32()? };
        Some(format!("{date} {hour:02}:{minute:02}:{second:02}{}", self.fraction(micros)))
    }

    fn time(&self, bytes: &mut Bytes<'_>) -> Option<String> {
        let mut bytes = Bytes(bytes.counted()?);
        if bytes.0.is_empty() {
            return Some(format!("00:00:00{}", self.fraction(0)));
        }
        let sign = if bytes.u8()? == 0 { "" } else { "-" };
        let hours = u64::from(bytes.u32()?) * 24 + u64::from(bytes.u8()?);
        let (minute, second) = (bytes.u8()?, bytes.u8()?);
        let micros = if bytes.0.is_empty() { 0 } else { bytes.u32()? };
        Some(format!("{sign}{hours:02}:{minute:02}:{second:02}{}", self.fraction(micros)))
    }

    fn fraction(&self, micros: u32) -> String {
        match self.decimals {
            0 => String::new(),
            places => format!(".{micros:06}")[..1 + usize::from(places.min(6))].to_owned(),
        }
    }
}

/// A row in which values are texts.
pub fn text_row(columns: &[Column], packet: &[u8], reading: Reading) -> Option<Object> {
    let mut bytes = Bytes(packet);
    let mut object = Object::with_capacity(columns.len());
    for column in columns {
        let value = match bytes.0.first()? {
            251 => {
                bytes.u8()?;
                Value::Null
            }
            _ => column.json(bytes.counted()?, reading),
        };
        object.insert(column.name.clone(), value);
    }
    Some(object)
}

/// A row of a prepared statement.
pub fn binary_row(columns: &[Column], packet: &[u8], reading: Reading) -> Option<Object> {
    let mut bytes = Bytes(packet);
    let _zero = bytes.u8()?;
    // The first two places say nothing.
    let nulls = bytes.take((columns.len() + 2).div_ceil(8))?;
    let mut object = Object::with_capacity(columns.len());
    for (at, column) in columns.iter().enumerate() {
        let (byte, bit) = ((at + 2) / 8, (at + 2) % 8);
        let value = match nulls[byte] >> bit & 1 {
            1 => Value::Null,
            _ => column.json(&column.text(&mut bytes)?, reading),
        };
        object.insert(column.name.clone(), value);
    }
    Some(object)
}

/// What a prepared statement is run with: which values are none, their types, and they themselves.
pub fn put_values(out: &mut Vec<u8>, values: &[Value]) {
    if values.is_empty() {
        return;
    }
    let mut nulls = vec![0_u8; values.len().div_ceil(8)];
    let (mut kinds, mut bytes) = (Vec::with_capacity(values.len() * 2), Vec::new());
    for (at, value) in values.iter().enumerate() {
        let (kind, is_unsigned) = match value {
            Value::Null => {
                nulls[at / 8] |= 1 << (at % 8);
                (NULL, false)
            }
            Value::Bool(flag) => {
                bytes.push(u8::from(*flag));
                (TINY, false)
            }
            Value::Number(number) => put_number(&mut bytes, number),
            Value::String(text) => {
                put_counted(&mut bytes, text.as_bytes());
                (VAR_STRING, false)
            }
            Value::Array(_) | Value::Object(_) => {
                put_counted(&mut bytes, &given_bytes(value));
                (VAR_STRING, false)
            }
        };
        kinds.extend([kind, if is_unsigned { 0x80 } else { 0 }]);
    }
    out.extend(nulls);
    out.push(1);
    out.extend(kinds);
    out.extend(bytes);
}

fn put_number(out: &mut Vec<u8>, number: &serde_json::Number) -> (u8, bool) {
    if let Some(whole) = number.as_i64() {
        out.extend_from_slice(&whole.to_le_bytes());
        return (LONGLONG, false);
    }
    if let Some(whole) = number.as_u64() {
        out.extend_from_slice(&whole.to_le_bytes());
        return (LONGLONG, true);
    }
    out.extend_from_slice(&number.as_f64().unwrap_or_default().to_le_bytes());
    (DOUBLE, false)
}

/// Bytes as they come from a column of bytes; anything else as JSON.
fn given_bytes(value: &Value) -> Vec<u8> {
    let list = value.get("data").and_then(Value::as_array).filter(|_| value["type"] == "Buffer");
    let bytes = list.and_then(|list| {
        list.iter().map(|byte| byte.as_u64().and_then(|b| u8::try_from(b).ok())).collect::<Option<Vec<u8>>>()
    });
    bytes.unwrap_or_else(|| value.to_string().into_bytes())
}

fn buffer(bytes: &[u8]) -> Value {
    json!({"type": "Buffer", "data": bytes})
}

fn is_exact(number: &Value) -> bool {
    number.as_i64().is_some_and(|n| n.unsigned_abs() <= EXACT_MAX)
}

fn number(text: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(text).ok()?.trim();
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    let number = text.parse::<f64>().ok()?;
    Some(match number.fract() == 0.0 && number.abs() < 9e15 {
        true => (number as i64).into(),
        false => number.into(),
    })
}
