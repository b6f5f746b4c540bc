// A field's place in words, for comparing and merging. Pure.

import type { Path } from "../document/fields";
import { edgeKey, type Doc, type Edge } from "../document/types";

const FIELDS: Record<string, string> = {
  name: "name", kind: "kind", version: "version of the kind", position: "place", notes: "notes", disabled: "switched off", credentials: "credentials",
  on_error: "on error", retry: "retry", always_output: "always output", execute_once: "execute once", time_limit_ms: "time limit",
};

/** Such as `Ask the bank: url`. The first document that knows the step names it. */
export function wordsOf(path: Path, docs: readonly Doc[]): string {
  const [area = "", id = "", field = "", param] = path;
  if (area === "node") {
    const name = docs.map((doc) => doc.nodes[id]?.name).find((known) => known !== undefined) ?? id;
    if (field === "") return name;
    return `${name}: ${param ?? FIELDS[field] ?? field}`;
  }
  if (area === "edge") return linkWords(docs.flatMap((doc) => doc.edges).find((edge) => edgeKey(edge) === id), docs);
  if (area === "settings") return `Settings: ${id}`;
  if (area === "pinned") return `Pinned items of ${id}`;
  return area.charAt(0).toUpperCase() + area.slice(1);
}

export function linkWords(edge: Edge | undefined, docs: readonly Doc[]): string {
  const name = (id: string) => docs.map((doc) => doc.nodes[id]?.name).find((known) => known !== undefined) ?? id;
  return edge === undefined ? "Link" : `Link ${name(edge.from.node)} → ${name(edge.to.node)}`;
}
