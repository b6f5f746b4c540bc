// What keeps a workflow from running: what the server says, tied to the steps it is about, with what may put it
// right. Pure.

import { nodesOf, type Doc, type Edge, type Id } from "../document/types";

export type Fix = "rename" | "removeNode" | "disableNode" | "removeLink";
export type Problem = {
  /** The step it is about; null when it is about the workflow. */
  node: Id | null;
  /** The parameter, such as `url` or `conditions.conditions[0].leftValue`; empty when it is about the whole step. */
  param: string;
  field: string;
  text: string;
  edge?: Edge;
  fixes: Fix[];
};
export type Said = { field: string; problem: string };

/** The server's list, tied to the document that it was asked about. */
export function problemsOf(doc: Doc, said: readonly Said[]): Problem[] {
  const byName = new Map(nodesOf(doc).map((node) => [node.name, node.id]));
  return said.map(({ field, problem }): Problem => {
    const parts = partsOf(field, byName);
    const at = /^\d+$/.test(parts.of) ? Number(parts.of) : -1;
    if (parts.list === "edges") {
      const edge = doc.edges[at];
      if (edge === undefined) return { node: null, param: "", field, text: problem, fixes: [] };
      return { node: edge.from.node, param: "", field, text: problem, edge, fixes: ["removeLink"] };
    }
    const node = parts.list === "nodes" ? (byName.get(parts.of) ?? doc.order[at] ?? null) : null;
    return { node, param: parts.rest.replace(/^params\.?/, ""), field, text: problem, fixes: fixesFor(parts.rest, node) };
  });
}

/** `nodes[Ask [1]].params.url`: names may have brackets, so those that exist are tried first. */
function partsOf(field: string, byName: ReadonlyMap<string, Id>): { list: string; of: string; rest: string } {
  const open = field.indexOf("[");
  if (open < 0) return { list: "", of: "", rest: field };
  const list = field.slice(0, open);
  const inside = field.slice(open + 1);
  for (let close = inside.indexOf("]"); close >= 0; close = inside.indexOf("]", close + 1)) {
    const of = inside.slice(0, close);
    const rest = inside.slice(close + 1).replace(/^\./, "");
    if (list !== "nodes" || byName.has(of) || inside.indexOf("]", close + 1) < 0 || /^\d+$/.test(of)) return { list, of, rest };
  }
  return { list, of: inside, rest: "" };
}

function fixesFor(rest: string, node: Id | null): Fix[] {
  if (node === null) return [];
  if (rest === "name") return ["rename"];
  if (rest === "kind") return ["disableNode", "removeNode"];
  return ["disableNode"];
}

/** The problems of a step's parameters, by their path, as forms show them. */
export function byParam(problems: readonly Problem[], node: Id): Record<string, string> {
  return Object.fromEntries(problems.filter((problem) => problem.node === node && problem.param !== "").map(({ param, text }) => [param, text]));
}
