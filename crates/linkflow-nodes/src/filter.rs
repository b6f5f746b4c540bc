//! Filter: lets only those items through for which conditions hold.

use linkflow_model::OnError;
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec};

use crate::conditions::{Asked, Check};

pub struct Filter;

impl Node for Filter {
    const KIND: &'static str = "filter";
    const SPEC: Spec = Spec {
        title: "Filter",
        summary: "Lets only those items through for which conditions hold.",
        category: Category::Flow,
        aliases: &["where", "condition", "keep", "discard", "remove"],
        outputs: &["kept"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Keep everything, because the condition is about a constant",
            params: r#"{"conditions": {"conditions": [
                {"leftValue": "invoice-7.pdf", "operator": {"type": "string", "operation": "endsWith"}, "rightValue": ".pdf"}]}}"#,
            input: r#"[{"n": 1}]"#,
            output: r#"[[{"n": 1}], []]"#,
        },
        Example {
            title: "Compare dates",
            params: r#"{"conditions": {"conditions": [
                {"leftValue": "2024-01-02", "operator": {"type": "dateTime", "operation": "before"}, "rightValue": "Jan 1, 2024"}]}}"#,
            input: r#"[{"n": 1}]"#,
            output: r#"[[], [{"n": 1}]]"#,
        },
    ];
    type Params = Asked;

    /// What is discarded is recorded behind the last output, where nothing can be connected:
    /// people want to see it, and n8n does the same.
    async fn run(input: Input<Asked>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let check = Check::read(input.part("conditions"), input.whole(), &ctx.timezone)
            .map_err(|e| e.inside("conditions"))?;
        let (mut kept, mut discarded) = (Vec::new(), Vec::new());
        for (i, item) in input.items().iter().enumerate() {
            let holds = check.holds(input.whole(), i).map_err(|e| e.inside("conditions"));
            let item = item.clone().paired_with(i);
            match holds {
                Ok(true) => kept.push(item),
                Ok(false) => discarded.push(item),
                Err(error) if check.fails_as_a_whole() => return Err(error.at_item(i)),
                Err(error) => {
                    ctx.failed_item(error, i)?;
                    discarded.push(item);
                }
            }
        }
        if ctx.on_error == OnError::ContinueErrorOutput {
            return Ok(Outcome::items(kept));
        }
        Ok(Outcome::ports(vec![kept, discarded]))
    }
}
