// The items that a node gave, page by page, as JSON or as a table.

import { useState } from "react";
import { useQuery, keepPreviousData } from "@tanstack/react-query";
import { call, isRecord, query, type Item, type Items as Page, type Run } from "./api";
import { Failure, Loading } from "./ui";

const PAGE = 20;
const COLUMNS_MAX = 30;
/** Characters of one item, and of one cell, that are shown at first. */
const ITEM_CHARS_MAX = 64 * 1024;
const CELL_CHARS_MAX = 200;

type Where = { execution: string; node: string; run: Run };

export function Items({ execution, node, run }: Where) {
  const [output, setOutput] = useState(() => Math.max(0, run.outputs.findIndex((o) => o.n_items > 0)));
  const [offset, setOffset] = useState(0);
  const [view, setView] = useState<"json" | "table">("json");
  const n = run.outputs[output]?.n_items ?? 0;
  const at = { node, run: run.run, output, limit: PAGE, offset };
  const page = useQuery({
    queryKey: ["data", execution, at, n],
    queryFn: ({ signal }) => call<Page>(`/executions/${execution}/data${query(at)}`, { signal }),
    enabled: n > 0,
    placeholderData: keepPreviousData,
  });
  const choose = (next: number) => {
    setOutput(next);
    setOffset(0);
  };
  if (run.outputs.length === 0) return <p className="quiet">It gave nothing.</p>;
  return (
    <div className="items">
      <div className="row">
        {run.outputs.length > 1 && (
          <select aria-label="Output" value={output} onChange={(e) => choose(Number(e.target.value))}>
            {run.outputs.map((o, i) => <option key={i} value={i}>Output {i}: {count(o.n_items)}</option>)}
          </select>
        )}
        <span className="switch" role="group" aria-label="View">
          <button type="button" aria-pressed={view === "json"} onClick={() => setView("json")}>JSON</button>
          <button type="button" aria-pressed={view === "table"} onClick={() => setView("table")}>Table</button>
        </span>
        <Pager n={n} offset={offset} onGo={setOffset} />
      </div>
      {n === 0 && <p className="quiet">No items on this output.</p>}
      {page.isError && <Failure error={page.error} />}
      {n > 0 && page.isPending && <Loading what="items" />}
      {n > 0 && page.data !== undefined && (
        <>
          {view === "json" ? <AsJson items={page.data.items} offset={offset} /> : <AsTable items={page.data.items} offset={offset} />}
          <Files items={page.data.items} offset={offset} where={{ execution, node, run: run.run, output }} />
        </>
      )}
    </div>
  );
}

export function count(n: number): string {
  return n === 1 ? "1 item" : `${n} items`;
}

function Pager({ n, offset, onGo }: { n: number; offset: number; onGo: (offset: number) => void }) {
  if (n <= PAGE) return <span className="quiet">{count(n)}</span>;
  const last = Math.min(offset + PAGE, n);
  return (
    <span className="row">
      <button type="button" className="small" disabled={offset === 0} onClick={() => onGo(Math.max(0, offset - PAGE))}>Earlier</button>
      <span className="quiet" role="status">{offset + 1}–{last} of {n}</span>
      <button type="button" className="small" disabled={last >= n} onClick={() => onGo(offset + PAGE)}>Later</button>
    </span>
  );
}

function AsJson({ items, offset }: { items: Item[]; offset: number }) {
  return (
    <ol className="json" start={offset + 1}>
      {items.map((item, i) => <li key={offset + i}><Long text={JSON.stringify(item.json, null, 2)} />{item.error !== undefined && <p className="tone-error">{JSON.stringify(item.error)}</p>}</li>)}
    </ol>
  );
}

function Long({ text }: { text: string }) {
  const [isWhole, setWhole] = useState(false);
  const isLong = text.length > ITEM_CHARS_MAX && !isWhole;
  return (
    <>
      <pre tabIndex={0}><code>{isLong ? text.slice(0, ITEM_CHARS_MAX) : text}</code></pre>
      {isLong && <button type="button" className="small" onClick={() => setWhole(true)}>Show all {text.length} characters</button>}
    </>
  );
}

function AsTable({ items, offset }: { items: Item[]; offset: number }) {
  const all = [...new Set(items.flatMap((item) => Object.keys(item.json)))];
  const columns = all.slice(0, COLUMNS_MAX);
  if (columns.length === 0) return <p className="quiet">These items have no fields.</p>;
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Items as a table">
      <table className="data">
        <thead><tr><th>#</th>{columns.map((column) => <th key={column} scope="col">{column}</th>)}</tr></thead>
        <tbody>
          {items.map((item, i) => (
            <tr key={offset + i}>
              <th scope="row">{offset + i + 1}</th>
              {columns.map((column) => <td key={column}>{cell(item.json[column])}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
      {all.length > columns.length && <p className="quiet">{all.length - columns.length} more fields are in the JSON view.</p>}
    </div>
  );
}

function cell(value: unknown): string {
  if (value === undefined) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > CELL_CHARS_MAX ? `${text.slice(0, CELL_CHARS_MAX)}…` : text;
}

type From = { execution: string; node: string; run: number; output: number };

/** Links to the files that travel with the items. */
function Files({ items, offset, where }: { items: Item[]; offset: number; where: From }) {
  const { execution, ...at } = where;
  const files = items.flatMap((item, i) =>
    Object.entries(isRecord(item.binary) ? item.binary : {}).map(([property, file]) => ({ item: offset + i, property, file })),
  );
  if (files.length === 0) return null;
  return (
    <ul>
      {files.map(({ item, property, file }) => (
        <li key={`${item}/${property}`}>
          <a href={`/api/v1/executions/${execution}/binary${query({ ...at, item, property })}`} download>
            {file.fileName ?? property}
          </a>{" "}
          <span className="quiet">item {item + 1}, {file.mimeType ?? "unknown type"}{file.bytes === undefined ? "" : `, ${file.bytes} bytes`}</span>
        </li>
      ))}
    </ul>
  );
}
