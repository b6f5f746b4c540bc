// The workflow that is edited. The same as a file holds, with nodes by their id so that one is found at
// once. Never changed in place: operations give a new document that shares what stayed the same.

export type Id = string;
export type Point = [x: number, y: number];
export type Params = Record<string, unknown>;
export type OnError = "stop" | "continue_regular" | "continue_error_output";
export type Retry = { max_tries: number; wait_ms: number; factor?: number; max_wait_ms?: number | null };
export type CredentialRef = { id?: string | null; name?: string };

export type Node = {
  id: Id;
  name: string;
  kind: string;
  version: number;
  position: Point;
  params: Params;
  credentials?: Record<string, CredentialRef>;
  disabled?: boolean;
  notes?: string | null;
  on_error?: OnError;
  retry?: Retry | null;
  always_output?: boolean;
  execute_once?: boolean;
  time_limit_ms?: number | null;
  webhook_id?: string | null;
  origin?: unknown;
};

export type Port = { node: Id; port: number };
export type Edge = { from: Port; to: Port; type: string };
export type Settings = Record<string, unknown>;

export type Doc = {
  id?: string | null;
  name: string;
  description?: string | null;
  settings: Settings;
  nodes: Readonly<Record<Id, Node>>;
  /** Ids in the order of the file. */
  order: readonly Id[];
  edges: readonly Edge[];
  /** Items that stand in for a node's output, by the node's name. */
  pinned: Readonly<Record<string, readonly unknown[]>>;
  tags: readonly string[];
  origin?: unknown;
};

/** Why an operation cannot be done, in a sentence for people. */
export type Refusal = { refused: string };

export function isRefusal(value: Doc | Refusal): value is Refusal {
  return "refused" in value;
}

export const MAIN = "main";
export const NOTE = "sticky_note";

export const EMPTY: Doc = { name: "", settings: {}, nodes: {}, order: [], edges: [], pinned: {}, tags: [] };

/** The nodes in the order of the file. */
export function nodesOf(doc: Doc): Node[] {
  return doc.order.flatMap((id) => doc.nodes[id] ?? []);
}

/** What names an edge: no two edges of a document have the same ends. */
export function edgeKey(edge: Edge): string {
  return `${edge.from.node}:${edge.from.port}>${edge.to.node}:${edge.to.port}:${edge.type}`;
}

export function nodeNamed(doc: Doc, name: string): Node | undefined {
  return nodesOf(doc).find((node) => node.name === name);
}
