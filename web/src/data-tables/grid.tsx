// The rows of a data table as a grid: arrows move, Enter changes a cell.

import { useRef, useState, type KeyboardEvent } from "react";
import { ChevronDown } from "lucide-react";
import { TABLES } from "../texts/tables";
import { Menu, complain, type MenuItem } from "../ui";
import { Cell } from "./cell";
import { moved, type Column, type DataTable, type Row } from "./types";

type GridProps = {
  table: DataTable;
  rows: Row[];
  canWrite: boolean;
  chosen: ReadonlySet<number>;
  onChoose: (chosen: ReadonlySet<number>) => void;
  onChange: (row: Row, column: Column, value: unknown) => void;
  menuOf: (column: Column) => MenuItem[];
};

export function Grid({ table, rows, canWrite, chosen, onChoose, onChange, menuOf }: GridProps) {
  const grid = useRef<HTMLTableElement>(null);
  const [at, setAt] = useState<[number, number]>([0, 0]);
  const [isEdited, setEdited] = useState(false);
  const focus = ([row, column]: [number, number]) => {
    setAt([row, column]);
    requestAnimationFrame(() => grid.current?.querySelectorAll<HTMLElement>("tbody tr")[row]?.querySelectorAll<HTMLElement>('[role="gridcell"]')[column]?.focus());
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!(event.target instanceof HTMLElement) || event.target.role !== "gridcell") return;
    if ((event.key === "Enter" || event.key === "F2") && canWrite) { event.preventDefault(); setEdited(true); return; }
    const to = moved(event.key, at, rows.length, table.columns.length);
    if (to === null) return;
    event.preventDefault();
    focus(to);
  };
  const choose = (id: number) => onChoose(new Set(chosen.has(id) ? [...chosen].filter((one) => one !== id) : [...chosen, id]));
  const areAll = rows.length > 0 && rows.every((row) => chosen.has(row.id));
  return (
    <div className="scroll grid-scroll">
      <table ref={grid} role="grid" aria-label={TABLES.grid(table.name)} className="data grid" onKeyDown={onKeyDown}>
        <thead>
          <tr>
            {canWrite && <th scope="col"><input type="checkbox" aria-label={TABLES.chooseAll} checked={areAll} onChange={() => onChoose(new Set(areAll ? [] : rows.map((row) => row.id)))} /></th>}
            <th scope="col">id</th>
            {table.columns.map((column) => (
              <th key={column.id} scope="col">
                <span className="grid-head">{column.name}<small className="quiet">{TABLES.types[column.type]}</small><Menu label={TABLES.column(column.name)} items={menuOf(column)}><ChevronDown size={14} aria-hidden /></Menu></span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, r) => (
            <tr key={row.id} aria-selected={chosen.has(row.id)}>
              {canWrite && <td><input type="checkbox" aria-label={TABLES.choose(String(row.id))} checked={chosen.has(row.id)} onChange={() => choose(row.id)} /></td>}
              <th scope="row">{row.id}</th>
              {table.columns.map((column, c) => {
                const isCurrent = at[0] === r && at[1] === c;
                return (
                  <Cell key={column.id} column={column} value={row[column.name]} label={TABLES.cell(column.name, String(row.id))} isCurrent={isCurrent} isEdited={isCurrent && isEdited && canWrite}
                    onFocus={() => { setAt([r, c]); setEdited(false); }} onEdit={(next) => { setAt([r, c]); setEdited(next && canWrite); if (!next) focus([r, c]); }}
                    onChange={(value) => onChange(row, column, value)} onWrong={(why) => complain(new Error(why))} />
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
