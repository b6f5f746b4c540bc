// The fields of items as a tree: each can be dragged into a parameter.

import type { Item } from "../api";
import { ITEMS } from "../texts/items";
import { fieldsOf, fieldsWith, type Field } from "./fields";
import { FieldHandle } from "./field-handle";

type Props = { items: Item[]; search: string; node: string; isDirect: boolean };

export function SchemaView({ items, search, node, isDirect }: Props) {
  const all = fieldsOf(items.map((item) => item.json));
  // The server has looked for the text in whole items; here it narrows the fields, unless none is left.
  const found = fieldsWith(all, search);
  const fields = found.length > 0 ? found : all;
  if (fields.length === 0) return <p className="quiet">{ITEMS.noFields}</p>;
  return <Level fields={fields} n={items.length} node={node} isDirect={isDirect} />;
}

function Level({ fields, n, node, isDirect }: { fields: Field[]; n: number; node: string; isDirect: boolean }) {
  return (
    <ul className="items-fields">
      {fields.map((field) => (
        <li key={field.path.join("\u0000")}>
          <span className="items-field">
            <FieldHandle name={field.name} path={field.path} node={node} isDirect={isDirect} />
            <span className={`items-type items-type-${field.type}`}>{field.type}</span>
            {field.n < n && <span className="quiet">{field.n}/{n}</span>}
            <span className="items-example">{field.example}</span>
          </span>
          {field.children.length > 0 && <Level fields={field.children} n={field.n} node={node} isDirect={isDirect} />}
        </li>
      ))}
    </ul>
  );
}
