//! `linkflow eval`.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};

use anyhow::Context;
use serde_json::{Value, json};

use crate::args::Eval;

pub fn eval(args: &Eval) -> anyhow::Result<u8> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    if let Some(path) = &args.cases {
        let source: Box<dyn Read> = if path.as_os_str() == "-" {
            Box::new(std::io::stdin())
        } else {
            Box::new(std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?)
        };
        for line in BufReader::new(source).lines() {
            let line = line.context("cannot read the cases")?;
            if line.trim().is_empty() {
                continue;
            }
            let answer = match serde_json::from_str::<Value>(&line) {
                Ok(case) => linkflow_expr::eval_case(&case),
                Err(e) => json!({"error": format!("the line is not JSON: {e}")}),
            };
            serde_json::to_writer(&mut out, &answer)?;
            out.write_all(b"\n")?;
        }
        out.flush()?;
        return Ok(0);
    }
    let item: Value = serde_json::from_str(&args.item).context("`--item` is not JSON")?;
    let answer = linkflow_expr::eval_case(&json!({"expression": args.expression, "json": item}));
    let failed = answer.get("error").is_some();
    writeln!(out, "{answer}")?;
    out.flush()?;
    Ok(u8::from(failed))
}
