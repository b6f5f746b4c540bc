// The items of one output, as fields, table or JSON: searched, page by page, with their files.

import { useState, type ReactNode } from "react";
import { isRecord, type Item } from "../api";
import { useRested } from "../router";
import { ITEMS } from "../texts/items";
import { Button, Failure, Loading } from "../ui";
import { fileAddress, PAGE, useItems, wholeAddress, type Cut, type ItemsPage, type Where } from "./data";
import { JsonView } from "./json-view";
import { SchemaView } from "./schema-view";
import { TableView } from "./table-view";
import "./items.css";

export type View = "schema" | "table" | "json";

export type ItemsViewProps = {
  where: Where;
  /** How many items there are, as far as is known. */
  n: number;
  /** Whether the node that gave them feeds the one that is edited: fields are then `$json.…`. */
  isDirect?: boolean;
  view?: View;
  onView?: (view: View) => void;
  /** Choices beside the views: outputs, runs, pins. */
  children?: ReactNode;
};

let lastView: View = "table";

export function ItemsView({ where, n, isDirect = false, view: given, onView, children }: ItemsViewProps) {
  const [own, setOwn] = useState<View>(given ?? lastView);
  const [offsets, setOffsets] = useState<number[]>([0]);
  const [search, setSearch] = useState("");
  const rested = useRested(search, 300).trim();
  const offset = offsets.at(-1) ?? 0;
  const page = useItems(where, { offset, search: rested, n });
  const view = given ?? own;
  const choose = (next: View) => {
    lastView = next;
    setOwn(next);
    onView?.(next);
  };
  const look = (text: string) => {
    setSearch(text);
    setOffsets([0]);
  };
  return (
    <div className="items">
      <div className="items-bar">
        <Views view={view} onView={choose} />
        {children}
        {n > 1 && <input type="search" className="items-search" aria-label={ITEMS.search} placeholder={ITEMS.searchHint} value={search} onChange={(e) => look(e.target.value)} />}
        <Pager n={n} page={page.data} offset={offset} isSearch={rested !== ""}
          onBack={() => setOffsets(offsets.slice(0, -1))} onNext={(next) => setOffsets([...offsets, next])} />
      </div>
      {n === 0 && <p className="quiet">{ITEMS.none}</p>}
      {page.isError && <Failure error={page.error} />}
      {n > 0 && page.isPending && <Loading what={ITEMS.loading} />}
      {n > 0 && page.data !== undefined && (
        <Shown page={page.data} view={view} where={where} isDirect={isDirect} search={rested} />
      )}
    </div>
  );
}

function Views({ view, onView }: { view: View; onView: (view: View) => void }) {
  const views: View[] = ["schema", "table", "json"];
  return (
    <span className="items-views" role="group" aria-label={ITEMS.view}>
      {views.map((one) => <button key={one} type="button" className="small" aria-pressed={view === one} onClick={() => onView(one)}>{ITEMS.views[one]}</button>)}
    </span>
  );
}

type ShownProps = { page: ItemsPage; view: View; where: Where; isDirect: boolean; search: string };

function Shown({ page, view, where, isDirect, search }: ShownProps) {
  const { items, at, cut } = page;
  if (items.length === 0) return <p className="quiet">{search === "" ? ITEMS.none : ITEMS.noneFound(search)}</p>;
  return (
    <>
      {view === "schema" && <SchemaView items={items} search={search} node={where.node} isDirect={isDirect} />}
      {view === "table" && <TableView items={items} at={at} node={where.node} isDirect={isDirect} />}
      {view === "json" && <JsonView items={items} at={at} cut={cut} where={where} />}
      <Cuts cut={cut} where={where} />
      <Files items={items} at={at} where={where} />
    </>
  );
}

type PagerProps = { n: number; page: ItemsPage | undefined; offset: number; isSearch: boolean; onBack: () => void; onNext: (offset: number) => void };

function Pager({ n, page, offset, isSearch, onBack, onNext }: PagerProps) {
  const next = page?.next ?? null;
  if (!isSearch && next === null && offset === 0) return <span className="quiet items-count">{ITEMS.count(n)}</span>;
  const last = page === undefined ? Math.min(offset + PAGE, n) : (page.at.at(-1) ?? offset) + 1;
  return (
    <span className="items-pager">
      <span className="quiet" role="status">{isSearch ? ITEMS.found(page?.items.length ?? 0) : ITEMS.range(offset + 1, last, n)}</span>
      <Button isSmall disabled={offset === 0} onClick={onBack}>{ITEMS.earlier}</Button>
      <Button isSmall disabled={next === null} onClick={() => next !== null && onNext(next)}>{ITEMS.later}</Button>
    </span>
  );
}

/** What is shown in part, each with the way to all of it. */
function Cuts({ cut, where }: { cut: Cut[]; where: Where }) {
  if (cut.length === 0) return null;
  return (
    <details className="note items-cuts">
      <summary>{ITEMS.cut(cut.length)}</summary>
      <ul>
        {cut.slice(0, 50).map((one) => (
          <li key={`${one.item}${one.pointer}`}>
            <code>{one.item + 1}{one.pointer}</code> ({one.whole.toLocaleString("en")}){" "}
            <a href={wholeAddress(where, one.item, one.pointer)} download>{ITEMS.whole}</a>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** Links to the files that travel with the items. */
function Files({ items, at, where }: { items: Item[]; at: number[]; where: Where }) {
  const files = items.flatMap((item, i) =>
    Object.entries(isRecord(item.binary) ? item.binary : {}).map(([property, file]) => ({ item: at[i] ?? i, property, file })),
  );
  if (files.length === 0) return null;
  return (
    <ul className="items-files">
      {files.map(({ item, property, file }) => (
        <li key={`${item}/${property}`}>
          <a href={fileAddress(where, item, property)} download>{file.fileName ?? property}</a>{" "}
          <span className="quiet">{ITEMS.file(item + 1, file.mimeType ?? ITEMS.unknownType, file.bytes === undefined ? "" : `, ${ITEMS.bytes(file.bytes)}`)}</span>
        </li>
      ))}
    </ul>
  );
}
