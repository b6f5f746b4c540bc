//! What every JavaScript context gets before an expression or people's code runs in it: the added
//! methods, JMESPath, dates. Compiled once per process, loaded from memory into each context.
//!
//! Nothing here reaches outside: the functions that Rust lends to the scripts compute digests,
//! encodings and time-zone offsets, and know no file, network or secret.

use std::sync::OnceLock;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rquickjs::{Ctx, Exception, Function, Object, Result, Value, qjs};

use crate::intl;

/// A script that is compiled on first use. The bytecode never leaves the process.
pub(crate) struct Script {
    name: &'static str,
    source: &'static str,
    bytecode: OnceLock<Vec<u8>>,
}

impl Script {
    pub(crate) const fn new(name: &'static str, source: &'static str) -> Script {
        Script { name, source, bytecode: OnceLock::new() }
    }

    /// The value of the script, which is a function of the host.
    pub(crate) fn load<'js>(&self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        match self.bytecode.get() {
            Some(bytecode) => run_bytecode(ctx, bytecode),
            None => {
                let bytecode = compile(ctx, self.name, self.source)?;
                let value = run_bytecode(ctx, &bytecode);
                let _ = self.bytecode.set(bytecode);
                value
            }
        }
    }
}

static EXTENSIONS: Script = Script::new("extensions", include_str!("prelude/extensions.js"));
static LAZY: Script = Script::new("lazy", include_str!("prelude/lazy.js"));
static JMESPATH: Script = Script::new("jmespath", include_str!("prelude/jmespath.js"));
static INTL: Script = Script::new("intl", include_str!("prelude/intl.js"));
static LIMITS: Script = Script::new("limits", include_str!("prelude/limits.js"));
static LUXON: Script =
    Script::new("luxon", concat!("(function(){", include_str!("../vendor/luxon.js"), "\nreturn luxon})"));
static LUXON_SETUP: Script = Script::new("luxon-setup", include_str!("prelude/luxon-setup.js"));

/// Gives the context everything above. Most of it loads when something first asks for it.
pub fn install(ctx: &Ctx<'_>) -> Result<()> {
    install_host(ctx).map(drop)
}

/// The same; gives the functions that Rust lent.
pub(crate) fn install_host<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let host = install_base(ctx)?;
    call(ctx, &EXTENSIONS, &host)?;
    Ok(host)
}

/// The same without the methods that only expressions have.
pub(crate) fn install_base<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let host = host(ctx)?;
    call(ctx, &LIMITS, &host)?;
    call(ctx, &LAZY, &host)?;
    Ok(host)
}

/// Loads the date library now, where it has not been loaded yet.
pub fn ensure_luxon(ctx: &Ctx<'_>) -> Result<()> {
    ctx.globals().get::<_, Value>("DateTime").map(drop)
}

/// Sets the zone of dates that name none and, where given, the time that `$now` shows. Without
/// it the clock of the machine goes on. Cheap: nothing is loaded.
pub fn set_clock(ctx: &Ctx<'_>, zone: &str, now_ms: Option<i64>) -> Result<()> {
    let set: Function = ctx.globals().get("__linkflowClock")?;
    set.call((zone, now_ms.map(|ms| ms as f64)))
}

fn call<'js>(ctx: &Ctx<'js>, script: &Script, host: &Object<'js>) -> Result<Value<'js>> {
    let function = script.load(ctx)?;
    function.as_function().expect("every prelude script is a function").call((host.clone(),))
}

/// The functions that Rust lends to the scripts.
fn host<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let host = Object::new(ctx.clone())?;
    host.set("hash", Function::new(ctx.clone(), hash)?)?;
    host.set("base64", Function::new(ctx.clone(), |text: String| BASE64.encode(text))?)?;
    host.set("fromBase64", Function::new(ctx.clone(), from_base64)?)?;
    host.set("offset", Function::new(ctx.clone(), |zone: String, ms: f64| intl::offset_minutes(&zone, ms))?)?;
    host.set("isZone", Function::new(ctx.clone(), |zone: String| intl::is_zone(&zone))?)?;
    host.set(
        "abbreviation",
        Function::new(ctx.clone(), |zone: String, ms: f64| intl::abbreviation(&zone, ms))?,
    )?;
    host.set("processZone", Function::new(ctx.clone(), intl::process_zone)?)?;
    host.set("locale", Function::new(ctx.clone(), |name: String| intl::locale(&name).map(str::to_owned))?)?;
    host.set("script", Function::new(ctx.clone(), late_script)?)?;
    Ok(host)
}

/// The value of a script that loads late.
fn late_script<'js>(ctx: Ctx<'js>, name: String, host: Object<'js>) -> Result<Value<'js>> {
    match name.as_str() {
        "intl" => call(&ctx, &INTL, &host),
        "jmespath" => call(&ctx, &JMESPATH, &host),
        _ => {
            let library: Value = call(&ctx, &LUXON, &host)?;
            let setup = LUXON_SETUP.load(&ctx)?;
            setup.as_function().expect("every prelude script is a function").call((host, library))
        }
    }
}

const BASE64: GeneralPurpose = base64::engine::general_purpose::STANDARD;
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Bytes of a base64 text; foreign characters are skipped, both alphabets are read.
pub(crate) fn decode_base64(text: &str) -> Vec<u8> {
    let mut clean: Vec<u8> = text
        .bytes()
        .filter_map(|b| match b {
            b'-' => Some(b'+'),
            b'_' => Some(b'/'),
            b'+' | b'/' => Some(b),
            b if b.is_ascii_alphanumeric() => Some(b),
            _ => None,
        })
        .collect();
    if clean.len() % 4 == 1 {
        clean.pop();
    }
    LENIENT.decode(clean).unwrap_or_default()
}

fn from_base64(text: String) -> String {
    String::from_utf8_lossy(&decode_base64(&text)).into_owned()
}

/// The digest of a text in hex or base64; nothing for an unknown algorithm.
fn hash(algorithm: String, text: String, form: String) -> Option<String> {
    let bytes = digest(&algorithm, text.as_bytes())?;
    Some(if form == "base64" { BASE64.encode(bytes) } else { hex::encode(bytes) })
}

/// The digest under one of the names that people's expressions use.
pub(crate) fn digest(algorithm: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    use sha2::Digest;
    Some(match algorithm {
        "md5" => md5::Md5::digest(bytes).to_vec(),
        "sha1" => sha1::Sha1::digest(bytes).to_vec(),
        "sha224" => sha2::Sha224::digest(bytes).to_vec(),
        "sha256" => sha2::Sha256::digest(bytes).to_vec(),
        "sha384" => sha2::Sha384::digest(bytes).to_vec(),
        "sha512" => sha2::Sha512::digest(bytes).to_vec(),
        "sha3" | "sha3-512" => sha3::Sha3_512::digest(bytes).to_vec(),
        "sha3-256" => sha3::Sha3_256::digest(bytes).to_vec(),
        "sha3-384" => sha3::Sha3_384::digest(bytes).to_vec(),
        _ => return None,
    })
}

/// Compiles a script without running it. Its source is left out of the result.
pub(crate) fn compile(ctx: &Ctx<'_>, name: &str, source: &str) -> Result<Vec<u8>> {
    let file = std::ffi::CString::new(name)?;
    let text = std::ffi::CString::new(source)?;
    let raw = ctx.as_raw().as_ptr();
    // SAFETY: the pointers are live for the calls, the text ends in a zero as the parser asks
    // for, and the value and the buffer are given back exactly once.
    unsafe {
        let flags = qjs::JS_EVAL_TYPE_GLOBAL | qjs::JS_EVAL_FLAG_COMPILE_ONLY;
        let compiled = qjs::JS_Eval(raw, text.as_ptr(), source.len() as _, file.as_ptr(), flags as i32);
        if qjs::JS_IsException(compiled) {
            return Err(rquickjs::Error::Exception);
        }
        let mut size = 0;
        let flags = qjs::JS_WRITE_OBJ_BYTECODE | qjs::JS_WRITE_OBJ_STRIP_SOURCE;
        let buffer = qjs::JS_WriteObject(raw, &mut size, compiled, flags as i32);
        qjs::JS_FreeValue(raw, compiled);
        if buffer.is_null() {
            return Err(rquickjs::Error::Exception);
        }
        let bytes = std::slice::from_raw_parts(buffer, size as usize).to_vec();
        qjs::js_free(raw, buffer.cast());
        Ok(bytes)
    }
}

/// Runs what [`compile`] made in this process. Must never see bytes from anywhere else.
pub(crate) fn run_bytecode<'js>(ctx: &Ctx<'js>, bytecode: &[u8]) -> Result<Value<'js>> {
    let raw = ctx.as_raw().as_ptr();
    // SAFETY: the bytes were written by `compile` in this very process; the function that is
    // read is consumed by the evaluation, whose result becomes ours.
    unsafe {
        let flags = qjs::JS_READ_OBJ_BYTECODE as i32;
        let function = qjs::JS_ReadObject(raw, bytecode.as_ptr(), bytecode.len() as _, flags);
        if qjs::JS_IsException(function) {
            return Err(rquickjs::Error::Exception);
        }
        let value = qjs::JS_EvalFunction(raw, function);
        if qjs::JS_IsException(value) {
            return Err(rquickjs::Error::Exception);
        }
        Ok(Value::from_raw(ctx.clone(), value))
    }
}

/// The message of whatever was thrown last.
pub(crate) fn thrown(ctx: &Ctx<'_>) -> String {
    let value = ctx.catch();
    match value.as_object().cloned().and_then(Exception::from_object) {
        Some(error) => format!("{error}"),
        None => format!("{value:?}"),
    }
}

#[cfg(test)]
#[path = "prelude_tests.rs"]
mod tests;
