//! Parameters and values in PostgreSQL's binary form. Types come from the parameters, so that a
//! statement needs no round trip to be described and keeps no name.

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::StoreError;
use crate::db::{Cell, Param};

type AnyError = Box<dyn std::error::Error + Sync + Send>;

impl Param<'_> {
    pub(super) fn pg_type(&self) -> Type {
        match self {
            Param::Int(_) => Type::INT8,
            Param::Real(_) => Type::FLOAT8,
            Param::Bool(_) => Type::BOOL,
            Param::Text(_) | Param::OwnedText(_) => Type::TEXT,
            Param::Blob(_) => Type::BYTEA,
            Param::Id(_) => Type::UUID,
        }
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, AnyError> {
        match self {
            Param::Int(Some(n)) => out.put_i64(*n),
            Param::Real(Some(n)) => out.put_f64(*n),
            Param::Bool(b) => out.put_u8(u8::from(*b)),
            Param::Text(Some(text)) => put_text(text, out),
            Param::OwnedText(text) => put_text(text, out),
            Param::Blob(Some(bytes)) => out.put_slice(bytes),
            Param::Id(Some(id)) => out.put_slice(id.as_bytes()),
            Param::Int(None)
            | Param::Real(None)
            | Param::Text(None)
            | Param::Blob(None)
            | Param::Id(None) => return Ok(IsNull::Yes),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// PostgreSQL has no zero byte in its text: it is replaced by the sign for what cannot be shown.
pub(super) fn put_text(text: &str, out: &mut BytesMut) {
    if text.contains('\0') {
        out.put_slice(text.replace('\0', "\u{fffd}").as_bytes());
    } else {
        out.put_slice(text.as_bytes());
    }
}

/// A value as it came, read by the type that the server says.
struct Found<'a>(Cell<'a>);

impl<'a> FromSql<'a> for Found<'a> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Found<'a>, AnyError> {
        Ok(Found(match *kind {
            Type::BOOL => Cell::Int(i64::from(raw.first().is_some_and(|b| *b != 0))),
            Type::INT2 => Cell::Int(i16::from_be_bytes(raw.try_into()?).into()),
            Type::INT4 => Cell::Int(i32::from_be_bytes(raw.try_into()?).into()),
            Type::INT8 => Cell::Int(i64::from_be_bytes(raw.try_into()?)),
            Type::FLOAT4 => Cell::Real(f32::from_be_bytes(raw.try_into()?).into()),
            Type::FLOAT8 => Cell::Real(f64::from_be_bytes(raw.try_into()?)),
            Type::TEXT | Type::VARCHAR | Type::NAME => Cell::Text(std::str::from_utf8(raw)?),
            Type::BYTEA | Type::UUID => Cell::Blob(raw),
            _ => return Err(format!("values of the type {kind} are not read").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Found<'a>, AnyError> {
        Ok(Found(Cell::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The value of a column, counted from 0.
pub(crate) fn cell(row: &tokio_postgres::Row, column: usize) -> Result<Cell<'_>, StoreError> {
    row.try_get::<_, Found<'_>>(column)
        .map(|found| found.0)
        .map_err(|e| StoreError::Unreadable(format!("column {column}: {e}")))
}
