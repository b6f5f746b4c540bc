// A field's name that can be dragged into a parameter, or copied as an expression with Enter or a click.

import { complain, say } from "../ui";
import { ITEMS } from "../texts/items";
import { expressionOf, setField } from "./drag";

type Props = { name: string; path: (string | number)[]; node: string; isDirect: boolean };

export function FieldHandle({ name, path, node, isDirect }: Props) {
  const expression = expressionOf(path, node, isDirect);
  const copy = () => {
    const text = `{{ ${expression} }}`;
    const done = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"));
    done.then(() => say(ITEMS.copied(text))).catch(() => complain(new Error(ITEMS.notCopied)));
  };
  return (
    <button type="button" className="items-handle" draggable title={ITEMS.drag(expression)} onClick={copy}
      onDragStart={(event) => setField(event.dataTransfer, expression)}>
      {name}
    </button>
  );
}
