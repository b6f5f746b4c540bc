// Pin, edit and unpin what a node gives. Whoever edits the document gives `onPin`: this changes nothing itself.

import { useState } from "react";
import { useMutation } from "@tanstack/react-query";
import { call, query } from "../api";
import { ITEMS } from "../texts/items";
import { Button, Dialog, FieldProblem, complain, say } from "../ui";
import type { ItemsPage, Where } from "./data";
import "./items.css";
import { PINNED_BYTES_MAX, pinsOf, pinsOfText, textOfPins, type Pinned } from "./pins";

type Props = {
  node: string;
  /** What is pinned now; null when nothing is. */
  pinned: unknown[] | null;
  /** The output that would be pinned; null when the node has not run. */
  where: Where | null;
  /** Null unpins. */
  onPin: (items: Pinned | null) => void;
};

export function PinBar({ node, pinned, where, onPin }: Props) {
  const [isEditing, setEditing] = useState(false);
  const pin = useMutation({
    mutationFn: (from: Where) => {
      const { execution, ...at } = from;
      return call<ItemsPage>(`/executions/${execution}/data${query({ ...at, limit: 200, cut: PINNED_BYTES_MAX })}`);
    },
    onSuccess: (page) => {
      const pins = pinsOf(page.items, page.total);
      // What was cut is more than may be pinned.
      if (page.cut.length > 0) return complain(new Error(ITEMS.tooLargeToPin(ITEMS.bytes(PINNED_BYTES_MAX))));
      if (pins.is === "bad") return complain(new Error(pins.why));
      onPin(pins.items);
      if (pins.note !== null) say(pins.note);
    },
    onError: complain,
  });
  return (
    <span className="row">
      {pinned !== null && <span className="badge tone-waiting items-pinned">{ITEMS.pinned(pinned.length)}</span>}
      {where !== null && <Button isSmall title={ITEMS.pinHint} disabled={pin.isPending} onClick={() => pin.mutate(where)}>{ITEMS.pin}</Button>}
      <Button isSmall onClick={() => setEditing(true)}>{ITEMS.editPins}</Button>
      {pinned !== null && <Button isSmall onClick={() => onPin(null)}>{ITEMS.unpin}</Button>}
      {isEditing && <PinEditor node={node} pinned={pinned ?? []} onClose={() => setEditing(false)} onPin={onPin} />}
    </span>
  );
}

type EditorProps = { node: string; pinned: unknown[]; onClose: () => void; onPin: (items: Pinned) => void };

export function PinEditor({ node, pinned, onClose, onPin }: EditorProps) {
  const [text, setText] = useState(() => textOfPins(pinned.length === 0 ? [{}] : pinned));
  const read = pinsOfText(text);
  const submit = () => {
    if (read.is !== "good") return;
    onPin(read.items);
    onClose();
  };
  return (
    <Dialog title={ITEMS.editTitle(node)} onClose={onClose} size="wide" onSubmit={submit}
      footer={<Button look="primary" type="submit" disabled={read.is === "bad"}>{ITEMS.use}</Button>}>
      <textarea rows={18} aria-label={ITEMS.editLabel} aria-invalid={read.is === "bad"} aria-describedby="items-edit-hint" spellCheck={false}
        value={text} onChange={(e) => setText(e.target.value)} />
      <div id="items-edit-hint">{read.is === "bad" ? <FieldProblem>{read.why}</FieldProblem> : <small className="quiet">{ITEMS.editHint}</small>}</div>
    </Dialog>
  );
}
