// What lies over the canvas for a moment: the palette, what to connect to, the search, the keys.

import { useMemo, useState } from "react";
import { isUnknown, titleOf, type NodeKind } from "../document/kinds";
import { nodesOf, NOTE, type Id } from "../document/types";
import { inFlow } from "../document/links";
import { EDITOR, KEYS } from "../texts/editor";
import { Dialog } from "../ui/dialog";
import type { Actions } from "./actions";
import { CategoryIcon, categoryOf } from "./category";
import { Picker, type Entry } from "./picker";
import { recent } from "./recent";
import { useEditor, type Asking } from "./store";
import { summaryOf } from "./summary";
import { portsIn } from "./view";

export function Helpers({ actions }: { actions: Actions }) {
  const asking = useEditor((state) => state.asking);
  const ask = useEditor((state) => state.ask);
  const close = () => ask({ for: "nothing" });
  switch (asking.for) {
    case "add":
      return <AddStep asking={asking} actions={actions} onClose={close} />;
    case "connect":
      return <ConnectStep from={asking.from} actions={actions} onClose={close} />;
    case "search":
      return <Search actions={actions} onClose={close} />;
    case "keys":
      return <Keys onClose={close} />;
    default:
      return null;
  }
}

type HelperProps = { actions: Actions; onClose: () => void };

function AddStep({ asking, actions, onClose }: HelperProps & { asking: Extract<Asking, { for: "add" }> }) {
  const kinds = useEditor((state) => state.kinds);
  const doc = useEditor((state) => state.doc);
  const isFirst = doc.order.every((id) => doc.nodes[id]?.kind === NOTE);
  const entries = useMemo(() => kindEntries([...kinds.values()], isFirst), [kinds, isFirst]);
  const { tie } = asking;
  const title = tie === undefined ? EDITOR.add : "into" in tie ? EDITOR.addInto : EDITOR.addAfter(doc.nodes[tie.after.node]?.name ?? "");
  const choose = (id: string) => {
    const kind = kinds.get(id);
    if (kind !== undefined) actions.add(kind, tie, asking.at);
  };
  return <Picker title={title} placeholder={EDITOR.addHint} entries={entries} onChoose={choose} onClose={onClose} />;
}

/** What was used lately comes first; in an empty workflow what starts one. */
function kindEntries(kinds: NodeKind[], isFirst: boolean): Entry[] {
  const entry = (kind: NodeKind, group: string): Entry => ({
    id: kind.kind, title: kind.title, hint: kind.summary, group, words: `${kind.aliases.join(" ")} ${kind.kind} ${operationsOf(kind)}`, icon: <CategoryIcon category={kind.category} />,
  });
  const offered = kinds.filter((kind) => kind.kind !== NOTE);
  const lately = recent().flatMap((name) => offered.find((kind) => kind.kind === name) ?? []);
  const rank = (kind: NodeKind) => (isFirst && kind.trigger !== null ? 0 : 1);
  const sorted = [...offered].sort((a, b) => rank(a) - rank(b) || a.title.localeCompare(b.title));
  return [...(isFirst ? [] : lately.map((kind) => entry(kind, EDITOR.recent))), ...sorted.map((kind) => entry(kind, kind.category))];
}

/** The names of what a kind can do: people look for "send message", not for the service. */
function operationsOf(kind: NodeKind): string {
  const found: string[] = [];
  const visit = (value: unknown, depth: number) => {
    if (depth > 6 || typeof value !== "object" || value === null) return;
    const { const: one, enum: several } = value as { const?: unknown; enum?: unknown };
    if (typeof one === "string") found.push(one);
    if (Array.isArray(several)) found.push(...several.filter((text): text is string => typeof text === "string"));
    for (const inner of Object.values(value)) visit(inner, depth + 1);
  };
  visit(kind.schema, 0);
  return found.join(" ");
}

function ConnectStep({ from, actions, onClose }: HelperProps & { from: Id }) {
  const doc = useEditor((state) => state.doc);
  const kinds = useEditor((state) => state.kinds);
  const source = doc.nodes[from];
  const outputs = useMemo(() => (source === undefined ? [] : portsIn(doc, source, kinds).outputs), [doc, source, kinds]);
  const [output, setOutput] = useState(0);
  const entries = useMemo(() => inFlow(doc).flatMap((id) => {
    const node = doc.nodes[id];
    const inputs = node === undefined || id === from ? [] : portsIn(doc, node, kinds).inputs;
    return inputs.map((input, port): Entry => ({
      id: `${port} ${id}`, title: inputs.length > 1 ? EDITOR.toInput(node?.name ?? "", input) : (node?.name ?? ""), words: node?.kind ?? "",
      icon: <CategoryIcon category={categoryOf(node?.kind ?? "", kinds)} />,
    }));
  }), [doc, from, kinds]);
  const choose = (chosen: string) => {
    const [port = "0", ...id] = chosen.split(" ");
    actions.connect({ node: from, port: output }, { node: id.join(" "), port: Number(port) });
  };
  return (
    <Picker title={EDITOR.connectFrom(source?.name ?? "")} placeholder={EDITOR.connectHint} entries={entries} onChoose={choose} onClose={onClose}>
      {outputs.length > 1 && (
        <label className="editor-output">
          {EDITOR.fromOutput}
          <select value={output} onChange={(event) => setOutput(Number(event.target.value))}>
            {outputs.map((name, i) => <option key={i} value={i}>{name}</option>)}
          </select>
        </label>
      )}
    </Picker>
  );
}

function Search({ actions, onClose }: HelperProps) {
  const doc = useEditor((state) => state.doc);
  const kinds = useEditor((state) => state.kinds);
  const entries = useMemo(() => nodesOf(doc).map((node): Entry => ({
    id: node.id, title: node.kind === NOTE ? String(node.params["content"] ?? "").slice(0, 80) || node.name : node.name,
    hint: isUnknown(node.kind) ? EDITOR.unknownKind : summaryOf(node, kinds), group: titleOf(node.kind, kinds), words: `${node.notes ?? ""} ${JSON.stringify(node.params)}`,
    icon: <CategoryIcon category={categoryOf(node.kind, kinds)} />,
  })), [doc, kinds]);
  return <Picker title={EDITOR.search} placeholder={EDITOR.searchHint} entries={entries} onChoose={actions.choose} onClose={onClose} />;
}

function Keys({ onClose }: { onClose: () => void }) {
  const groups = [...new Set(KEYS.map((entry) => entry.group))];
  return (
    <Dialog title={EDITOR.help} onClose={onClose} size="wide">
      <div className="editor-keys">
        {groups.map((group) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {KEYS.filter((entry) => entry.group === group).map((entry) => (
                <div key={entry.keys}><dt><kbd>{entry.keys}</kbd></dt><dd>{entry.does}</dd></div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
