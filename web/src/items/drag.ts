// A field that is dragged out of items, as the fields of forms and the expression editor take it.

/** Carries the expression alone: `$json.a.b`, or `$('Node').item.json.a.b` where the node is not the direct input. */
const TYPE = "application/x-linkflow-path";

/** The JavaScript for a field. */
export function expressionOf(path: (string | number)[], node: string, isDirect: boolean): string {
  const from = isDirect ? "$json" : `$(${quoted(node)}).item.json`;
  return from + path.map(step).join("");
}

function step(part: string | number): string {
  if (typeof part === "number") return `[${part}]`;
  return /^[A-Za-z_$][\w$]*$/.test(part) ? `.${part}` : `[${quoted(part)}]`;
}

function quoted(text: string): string {
  return `'${text.replace(/\\/g, "\\\\").replace(/'/g, "\\'").replace(/\n/g, "\\n").replace(/\r/g, "\\r")}'`;
}

/** Fills a transfer with a field. Plain text fields and other programs get it as one would write it. */
export function setField(transfer: DataTransfer, expression: string): void {
  transfer.effectAllowed = "copy";
  transfer.setData(TYPE, expression);
  transfer.setData("text/plain", `{{ ${expression} }}`);
}
