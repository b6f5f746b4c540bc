// What became of imported files: of every node, whether it runs.

import { useEffect, useRef } from "react";
import type { Imported, Verdict } from "./api";
import { Link } from "./router";
import { Failure, VerdictBadge, Words } from "./ui";

export default function Report({ items, onClose }: { items: Imported[]; onClose: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [items]);
  const n = items.filter((item) => item.workflow_id !== null).length;
  return (
    <section className="report card pad" aria-label="Import report">
      <div className="row spread">
        <h2 ref={heading} tabIndex={-1}>{n} of {items.length} {items.length === 1 ? "file" : "files"} imported</h2>
        <button type="button" onClick={onClose}>Close</button>
      </div>
      {items.map((item, i) => <FileReport key={i} item={item} isOpen={items.length === 1} />)}
    </section>
  );
}

function FileReport({ item, isOpen }: { item: Imported; isOpen: boolean }) {
  return (
    <details open={isOpen || item.error !== undefined}>
      <summary>
        <strong>{item.name === "" ? item.file : item.name}</strong> <span className="quiet">{summary(item)}</span>
      </summary>
      {item.workflow_id !== null && <p><Link to={`/workflows/${item.workflow_id}`}>Open the workflow</Link></p>}
      {item.error !== undefined && <Failure error={new Error(item.error)} />}
      {item.notes.length > 0 && <ul>{item.notes.map((note, i) => <li key={i}>{note}</li>)}</ul>}
      {item.nodes.length > 0 && (
        <table className="cards">
          <caption className="hidden">Nodes of {item.file}</caption>
          <thead><tr><th>Node</th><th>Type</th><th>Verdict</th><th>Remark</th></tr></thead>
          <tbody>
            {worstFirst(item.nodes).map((node, i) => (
              <tr key={i}>
                <th scope="row">{node.name}</th>
                <td data-label="Type"><code className="wrap">{node.type} {node.typeVersion}</code></td>
                <td data-label="Verdict"><VerdictBadge verdict={node.verdict} /></td>
                <td data-label="Remark" data-empty={node.message === "" || undefined}>{node.message === "" ? "–" : <Words text={node.message} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}

function summary(item: Imported): string {
  if (item.workflow_id === null) return "not imported";
  if (item.nodes.length === 0) return "imported";
  const n = item.nodes.filter((node) => node.verdict === "exact" || node.verdict === "approximate").length;
  return `${n} of ${item.nodes.length} nodes can run`;
}

const RANK: Record<Verdict, number> = { unreadable: 0, missing: 1, approximate: 2, exact: 3 };

function worstFirst(nodes: Imported["nodes"]): Imported["nodes"] {
  return [...nodes].sort((a, b) => RANK[a.verdict] - RANK[b.verdict]);
}
