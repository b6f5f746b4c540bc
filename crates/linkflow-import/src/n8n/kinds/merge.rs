//! n8n's Merge, versions 1, 2, 2.1 and 3 to 3.2.

use linkflow_model::Object;
use serde_json::{Value, json};

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    if node.text(&["mode"], "append") == "combineBySql" {
        return Err(Unreadable(
            "merging with an SQL query is not possible here; use Combine, or a Code node".to_owned(),
        ));
    }
    if node.version >= 3.0 {
        let mut translation = Translation::same("merge", node.params);
        let by_fields = node.text(&["combineBy"], "combineByFields") == "combineByFields";
        if !has_known_preference(node.params, &["preferLast", "preferInput1", "addSuffix"]) {
            without_preference(&mut translation.params, by_fields);
        }
        return Ok(translation);
    }
    let params = if node.version >= 2.0 { version_2(node) } else { version_1(node) };
    Ok(Translation { kind: "merge", params, ..Translation::default() })
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

fn version_2(node: &N8nNode<'_>) -> Object {
    let mut params = node.params.clone();
    let combine_by = match node.text(&["combinationMode"], "mergeByFields") {
        "mergeByPosition" => "combineByPosition",
        "multiplex" => "combineAll",
        _ => "combineByFields",
    };
    params.shift_remove("combinationMode");
    params.insert("combineBy".to_owned(), json!(combine_by));
    params.insert("advanced".to_owned(), json!(true));
    branch(node, &mut params);
    if !has_known_preference(&params, &["preferInput2", "preferInput1", "addSuffix"]) {
        without_preference(&mut params, combine_by == "combineByFields");
        if let (true, Some(Value::Object(options))) =
            (combine_by != "combineByFields", params.get_mut("options"))
        {
            options.shift_remove("clashHandling");
        }
    }
    let options = params.entry("options").or_insert_with(|| json!({}));
    if let Some(options) = options.as_object_mut() {
        options.insert("ofTwo".to_owned(), json!(true));
        options.insert("wantsFields".to_owned(), json!(node.version < 2.1));
    }
    params
}

fn has_known_preference(params: &Object, known: &[&str]) -> bool {
    let clash = |params: &Object| params.get("options")?.get("clashHandling")?.get("values").cloned();
    match clash(params).as_ref().map(|values| values.get("resolveClash").and_then(Value::as_str)) {
        None => true,
        Some(None) => false,
        Some(Some(text)) => text.starts_with('=') || known.contains(&text),
    }
}

/// Where no known preference is named, items that belong together by their fields come out empty; in
/// the other modes it is as if none had been named.
fn without_preference(params: &mut Object, by_fields: bool) {
    let options = params.get_mut("options").and_then(|o| o.get_mut("clashHandling"));
    let values = options.and_then(|c| c.get_mut("values")).and_then(Value::as_object_mut);
    if let Some(values) = values {
        values.shift_remove("resolveClash");
        if by_fields {
            values.insert("resolveClash".to_owned(), json!("nothing"));
        }
    }
}

/// `output` named the input itself.
fn branch(node: &N8nNode<'_>, params: &mut Object) {
    let (output, input) = match node.text(&["output"], "input1") {
        "input2" => ("specifiedInput", 2),
        "empty" => ("empty", 1),
        _ => ("specifiedInput", 1),
    };
    params.insert("output".to_owned(), json!(output));
    params.insert("useDataOfInput".to_owned(), json!(input));
}

fn version_1(node: &N8nNode<'_>) -> Object {
    let fields = json!({ "values": [{
        "field1": node.param(&["propertyName1"]).unwrap_or(&Value::Null),
        "field2": node.param(&["propertyName2"]).unwrap_or(&Value::Null),
    }] });
    let by_fields = |join: &str, from: &str| {
        json!({ "mode": "combine", "combineBy": "combineByFields", "advanced": true,
            "mergeByFields": fields, "joinMode": join, "outputDataFrom": from, "options": { "ofTwo": true, "fuzzyCompare": true } })
    };
    let shallow = |resolve: &str, overrides: bool| json!({ "values": { "resolveClash": resolve, "mergeMode": "shallowMerge", "overrideEmpty": overrides } });
    object(match node.text(&["mode"], "append") {
        "keepKeyMatches" => by_fields("keepMatches", "input1"),
        "removeKeyMatches" => by_fields("keepNonMatches", "input1"),
        "mergeByKey" => {
            let mut params = by_fields("enrichInput1", "both");
            params["options"]["multipleMatches"] = json!("last");
            params["options"]["pairsWithInput1"] = json!(true);
            params["options"]["keepsKeys"] = json!(true);
            params["options"]["clashHandling"] = match node.text(&["overwrite"], "always") {
                "blank" => shallow("preferInput1", true),
                "undefined" => shallow("preferInput1", false),
                _ => shallow("preferLast", false),
            };
            params
        }
        "mergeByIndex" => by_index(node, shallow("preferLast", false)),
        "multiplex" => json!({ "mode": "combine", "combineBy": "combineAll",
            "options": { "ofTwo": true, "clashHandling": shallow("preferLast", false) } }),
        "passThrough" => {
            let mut params = Object::new();
            params.insert("mode".to_owned(), json!("chooseBranch"));
            branch(node, &mut params);
            params.insert("options".to_owned(), json!({ "choosesWithoutItems": true }));
            Value::Object(params)
        }
        "wait" => {
            json!({ "mode": "chooseBranch", "output": "empty",
                "options": { "choosesWithoutItems": true, "pairsWithInput1": true } })
        }
        _ => json!({ "mode": "append" }),
    })
}

/// `left` keeps the rest of input 1, `outer` that of both.
fn by_index(node: &N8nNode<'_>, clash: Value) -> Value {
    let unpaired = match node.text(&["join"], "left") {
        "inner" => "none",
        "outer" => "both",
        _ => "input1",
    };
    json!({ "mode": "combine", "combineBy": "combineByPosition",
        "options": { "ofTwo": true, "unpairedFrom": unpaired, "clashHandling": clash } })
}
