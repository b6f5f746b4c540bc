// What a form is made of: the fields of a node kind, and what those who show a form tell it.

export type Params = Record<string, unknown>;
export type CredentialRef = { id?: string | null; name?: string };
export type CredentialSlot = { name: string; title: string; fields: string[]; secret: string[] };

/** What a form needs to know of a node kind; `NodeKind` of the document is one. */
export type FormKind = { kind: string; title: string; trigger: string | null; schema: Record<string, unknown>; credentials: CredentialSlot[] };

export type Choice = { value: string; label: string; about: string };

/** What a field is, by the schema and the hints. */
export type Shape =
  | { is: "text"; isLong: boolean }
  | { is: "code"; language: Language }
  | { is: "number"; min: number | undefined; max: number | undefined; isInteger: boolean }
  | { is: "boolean" }
  | { is: "choice"; choices: Choice[] }
  | { is: "choices"; choices: Choice[] }
  | { is: "any" }
  | { is: "json" }
  | { is: "date" }
  | { is: "zone" }
  | { is: "weekdays" }
  | { is: "cron" }
  | { is: "workflow" }
  | { is: "table" }
  | { is: "texts" }
  | { is: "mapping" }
  | { is: "conditions" }
  | { is: "assignments" }
  | { is: "pairs"; list: string; name: string; value: string; item: Field[] }
  | { is: "list"; list: string | null; item: Field[]; noun: string }
  | { is: "group"; fields: Field[] }
  /** Only what was added is shown; the rest is in a menu. */
  | { is: "optional"; fields: Field[] };

export type Language = "javascript" | "python" | "json" | "html" | "sql" | "markdown" | "css" | "text";

export type Field = {
  /** Its key in the object that holds it. */
  key: string;
  label: string;
  /** A sentence about it; empty when it says no more than the label. */
  about: string;
  fallback: unknown;
  shape: Shape;
  when: When | undefined;
  placeholder: string | undefined;
  /** Kept for what was imported: shown only where it is set. */
  isRare: boolean;
};

/** The field is shown when one of these holds; each holds when every named field has one of its values. Names that begin
 * with a slash are those of the whole form, the others stand beside the field. */
export type When = Record<string, (string | number | boolean)[]>[];

/** What expressions see while they are written. */
export type Scope = {
  /** Changes when anything of it does. */
  key: string;
  /** The current item; null while nothing has run. */
  json: Record<string, unknown> | null;
  /** Items of other nodes, by name: a few of each are enough. */
  nodes: Record<string, { items: { json: Record<string, unknown> }[] }>;
  itemIndex?: number;
  workflow?: { id: string; name: string; active: boolean };
  timezone?: string;
  variables?: string[];
};

export const NOTHING: Scope = { key: "", json: null, nodes: {} };

export type FormProps = {
  kind: FormKind;
  params: Params;
  /** `what` names the change for undo: the label of the field. */
  onParams: (params: Params, what: string) => void;
  credentials?: Record<string, CredentialRef>;
  onCredentials?: (credentials: Record<string, CredentialRef>) => void;
  scope?: Scope;
  isReadOnly?: boolean;
  /** What is wrong, by the path of the field: `conditions.conditions[0].leftValue`. */
  problems?: Record<string, string>;
  timezone?: string;
};
