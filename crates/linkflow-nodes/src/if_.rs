//! If: sends each item one of two ways.

use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec};

use crate::conditions::{Asked, Check};

pub struct If;

impl Node for If {
    const KIND: &'static str = "if";
    const SPEC: Spec = Spec {
        title: "If",
        summary: "Sends the items for which the conditions hold one way, and the others another.",
        category: Category::Flow,
        aliases: &["condition", "branch", "router", "filter"],
        outputs: &["true", "false"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Split a constant question",
            params: r#"{"conditions": {"conditions": [
                {"leftValue": 3, "operator": {"type": "number", "operation": "gt"}, "rightValue": 2}]}}"#,
            input: r#"[{"n": 1}, {"n": 2}]"#,
            output: r#"[[{"n": 1}, {"n": 2}], []]"#,
        },
        Example {
            title: "Ask for one of two",
            params: r#"{"conditions": {"combinator": "or", "conditions": [
                {"leftValue": "a", "operator": {"type": "string", "operation": "equals"}, "rightValue": "b"},
                {"leftValue": [], "operator": {"type": "array", "operation": "notEmpty"}}]}}"#,
            input: r#"[{"n": 1}]"#,
            output: r#"[[], [{"n": 1}]]"#,
        },
    ];
    type Params = Asked;

    async fn run(input: Input<Asked>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let check = Check::read(input.part("conditions"), input.whole(), &ctx.timezone)
            .map_err(|e| e.inside("conditions"))?;
        let (mut yes, mut no) = (Vec::new(), Vec::new());
        for (i, item) in input.items().iter().enumerate() {
            let holds = check.holds(input.whole(), i).map_err(|e| e.inside("conditions"));
            let item = item.clone().paired_with(i);
            match holds {
                Ok(true) => yes.push(item),
                Ok(false) => no.push(item),
                Err(error) if check.fails_as_a_whole() => return Err(error.at_item(i)),
                // As in n8n: what cannot be asked does not hold, when the node goes on after errors.
                Err(error) => {
                    ctx.failed_item(error, i)?;
                    no.push(item);
                }
            }
        }
        Ok(Outcome::ports(vec![yes, no]))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use linkflow_model::OnError;
    use linkflow_node::testing::{TestHost, ctx, input, items};
    use linkflow_node::{NodeKind, Outcome};
    use serde_json::{Value, json};

    use super::*;

    /// How many items go each way, or the error.
    async fn check(on_error: OnError, expression: &str, given: Value, expected: &str) {
        let dir = tempfile::tempdir().unwrap();
        let mut ctx = ctx(dir.path(), Arc::new(TestHost::default()));
        ctx.on_error = on_error;
        let params = json!({"conditions": {"conditions": [
            {"leftValue": expression, "operator": {"type": "number", "operation": "gt"}, "rightValue": 1}]}});
        let found = match NodeKind::of::<If>().run(input(&params, vec![items(&given)]), &ctx).await {
            Ok(Outcome::Items(out)) => format!("{} {}", out.ports[0].len(), out.ports[1].len()),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn each_item_is_asked_for_itself() {
        check(OnError::Stop, "={{ $json.n }}", json!([{"n": 1}, {"n": 2}, {"n": 3}]), "2 1").await;
    }

    #[tokio::test]
    async fn an_item_that_cannot_be_asked_stops_the_node_or_goes_the_other_way() {
        let given = || json!([{"n": 5}, {"n": "x"}]);
        let error = "`conditions.conditions[0].leftValue`: must be a number, got \"x\"; change the operator, \
                     or convert types where required";
        check(OnError::Stop, "={{ $json.n }}", given(), error).await;
        check(OnError::ContinueRegular, "={{ $json.n }}", given(), "1 1").await;
    }

    #[tokio::test]
    async fn a_constant_that_cannot_be_compared_is_no_error_without_items() {
        check(OnError::Stop, "x", json!([]), "0 0").await;
    }
}
