// Import of workflow files: dropped anywhere on the page or chosen by a button, each with a report
// that says of every node whether it runs.

import { createContext, useContext, useEffect, useRef, useState, type ReactNode } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call, newKey, type Imported, type List, type Verdict } from "./api";
import { Link } from "./router";
import { Failure, VerdictBadge, Words } from "./ui";

const FILES_MAX = 100;
const BYTES_MAX = 12 * 1024 * 1024;

type Take = (files: File[]) => void;
const TakeFiles = createContext<Take>(() => {});

async function send(files: File[]): Promise<Imported[]> {
  if (files.length > FILES_MAX) throw new Error(`At most ${FILES_MAX} files at once, got ${files.length}.`);
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  if (bytes > BYTES_MAX) throw new Error(`At most ${BYTES_MAX / 1024 / 1024} MB at once. Import fewer files.`);
  const read = async (file: File) => ({ name: file.name, content: await file.text() });
  const body = { files: await Promise.all(files.map(read)) };
  const headers = { "idempotency-key": newKey() };
  return (await call<List<Imported>>("/workflows/import", { method: "POST", body, headers })).items;
}

/** Takes dropped files, and shows what became of them above the page. */
export function ImportZone({ children }: { children: ReactNode }) {
  const cache = useQueryClient();
  const [isOver, setOver] = useState(false);
  const run = useMutation({
    mutationFn: send,
    onSuccess: () => cache.invalidateQueries({ queryKey: ["workflows"] }),
  });
  useDrop(setOver, (files) => run.mutate(files));
  return (
    <TakeFiles.Provider value={(files) => run.mutate(files)}>
      {isOver && <div className="drop" aria-hidden="true">Drop workflow files to import them</div>}
      {run.isPending && <p role="status" className="report card pad">Importing …</p>}
      {run.isError && (
        <div className="report"><Failure error={run.error}><button type="button" onClick={run.reset}>Close</button></Failure></div>
      )}
      {run.data !== undefined && <Report items={run.data} onClose={run.reset} />}
      {children}
    </TakeFiles.Provider>
  );
}

function useDrop(setOver: (isOver: boolean) => void, take: Take): void {
  const latest = useRef(take);
  useEffect(() => {
    latest.current = take;
  });
  useEffect(() => {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") === true;
    const over = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(false);
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length > 0) latest.current(files);
    };
    window.addEventListener("dragover", over);
    window.addEventListener("dragleave", leave);
    window.addEventListener("drop", drop);
    return () => {
      window.removeEventListener("dragover", over);
      window.removeEventListener("dragleave", leave);
      window.removeEventListener("drop", drop);
    };
  }, [setOver]);
}

/** The way to import without a mouse. */
export function ImportButton({ className }: { className?: string }) {
  const take = useContext(TakeFiles);
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input ref={input} type="file" accept=".json,application/json" multiple hidden
        onChange={(e) => {
          const files = [...(e.target.files ?? [])];
          e.target.value = "";
          if (files.length > 0) take(files);
        }} />
      <button type="button" className={className} onClick={() => input.current?.click()}>Import files</button>
    </>
  );
}

function Report({ items, onClose }: { items: Imported[]; onClose: () => void }) {
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
