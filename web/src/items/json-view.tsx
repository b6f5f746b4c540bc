// Items as JSON, of which only those in sight are drawn. What is long is folded by the reader's side of
// the page, not by the browser: a text of 256 KB in one element takes seconds to lay out.

import { useRef, useState } from "react";
import { useVirtualizer } from "@tanstack/react-virtual";
import type { Item } from "../api";
import { ITEMS } from "../texts/items";
import { wholeAddress, type Cut, type Where } from "./data";

/** Characters of one item that are drawn at first, and of each further part. */
const PART_CHARS = 16 * 1024;

type Props = { items: Item[]; at: number[]; cut: Cut[]; where: Where };

export function JsonView({ items, at, cut, where }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: items.length, getScrollElement: () => box.current, estimateSize: () => 120, overscan: 3 });
  const isCut = new Set(cut.map((c) => c.item));
  return (
    <div ref={box} className="scroll items-scroll" tabIndex={0} role="group" aria-label={ITEMS.items}>
      <ol className="items-json" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((row) => {
          const item = items[row.index];
          const index = at[row.index] ?? row.index;
          if (item === undefined) return null;
          return (
            <li key={index} ref={rows.measureElement} data-index={row.index} value={index + 1} style={{ transform: `translateY(${row.start}px)` }}>
              <span className="items-number">{index + 1}</span>
              <div className="items-text">
                <Parts text={JSON.stringify(item.json, null, 2)} />
                {item.error !== undefined && <p className="tone-error">{ITEMS.itemError}: {JSON.stringify(item.error).slice(0, PART_CHARS)}</p>}
                {isCut.has(index) && <a href={wholeAddress(where, index)} download>{ITEMS.wholeItem(index + 1)}</a>}
              </div>
            </li>
          );
        })}
      </ol>
    </div>
  );
}

function Parts({ text }: { text: string }) {
  const [n, setN] = useState(1);
  const isLong = text.length > n * PART_CHARS;
  return (
    <>
      <code>{isLong ? text.slice(0, n * PART_CHARS) : text}</code>
      {isLong && <button type="button" className="small" onClick={() => setN(n + 1)}>… {ITEMS.bytes(text.length - n * PART_CHARS)}</button>}
    </>
  );
}
