// Items as a table, of which only the rows in sight are drawn.

import { useRef } from "react";
import { useVirtualizer } from "@tanstack/react-virtual";
import type { Item } from "../api";
import { ITEMS } from "../texts/items";
import { FieldHandle } from "./field-handle";

const COLUMNS_MAX = 30;
const CELL_CHARS_MAX = 200;
const ROW_PX = 29;

type Props = { items: Item[]; at: number[]; node: string; isDirect: boolean };

export function TableView({ items, at, node, isDirect }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const all = [...new Set(items.flatMap((item) => Object.keys(item.json)))];
  const columns = all.slice(0, COLUMNS_MAX);
  const rows = useVirtualizer({ count: items.length, getScrollElement: () => box.current, estimateSize: () => ROW_PX, overscan: 12 });
  const shown = rows.getVirtualItems();
  if (columns.length === 0) return <p className="quiet">{ITEMS.noFields}</p>;
  const before = shown[0]?.start ?? 0;
  const after = rows.getTotalSize() - (shown.at(-1)?.end ?? 0);
  return (
    <>
      <div ref={box} className="scroll items-scroll" tabIndex={0} role="group" aria-label={ITEMS.items}>
        <table className="data" aria-rowcount={items.length + 1}>
          <thead>
            <tr>
              <th scope="col">#</th>
              {columns.map((column) => <th key={column} scope="col"><FieldHandle name={column} path={[column]} node={node} isDirect={isDirect} /></th>)}
            </tr>
          </thead>
          <tbody>
            {before > 0 && <Gap px={before} />}
            {shown.map(({ index }) => {
              const item = items[index];
              const n = (at[index] ?? index) + 1;
              return (
                <tr key={n} aria-rowindex={index + 2}>
                  <th scope="row">{n}</th>
                  {columns.map((column) => <td key={column}><span className="items-cell">{cell(item?.json[column])}</span></td>)}
                </tr>
              );
            })}
            {after > 0 && <Gap px={after} />}
          </tbody>
        </table>
      </div>
      {all.length > columns.length && <p className="quiet">{ITEMS.moreFields(all.length - columns.length)}</p>}
    </>
  );
}

function Gap({ px }: { px: number }) {
  return <tr aria-hidden="true"><td className="items-gap" style={{ height: px }} /></tr>;
}

function cell(value: unknown): string {
  if (value === undefined) return "";
  const text = typeof value === "string" ? value.slice(0, CELL_CHARS_MAX + 1) : short(value);
  return text.length > CELL_CHARS_MAX ? `${text.slice(0, CELL_CHARS_MAX)}…` : text;
}

function short(value: unknown): string {
  if (Array.isArray(value) && value.length > 50) return ITEMS.count(value.length);
  return JSON.stringify(value) ?? "";
}
