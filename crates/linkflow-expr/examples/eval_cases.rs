//! Evaluates a file of cases, as `linkflow eval --cases` does: for trying expressions out.

use std::io::{BufRead, Write};

fn main() -> std::io::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "/dev/stdin".to_owned());
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::BufReader::new(std::fs::File::open(path)?).lines() {
        let case = serde_json::from_str(&line?)?;
        writeln!(out, "{}", linkflow_expr::eval_case(&case))?;
    }
    Ok(())
}
