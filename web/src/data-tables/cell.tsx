// A cell of the grid: shown, or typed into.

import { useState, type KeyboardEvent } from "react";
import { cellText, readCell, type Column } from "./types";

type CellProps = {
  column: Column;
  value: unknown;
  label: string;
  isCurrent: boolean;
  isEdited: boolean;
  onEdit: (isEdited: boolean) => void;
  onFocus: () => void;
  /** Nothing is told when what was typed is what was there. */
  onChange: (value: unknown) => void;
  onWrong: (why: string) => void;
};

export function Cell({ column, value, label, isCurrent, isEdited, onEdit, onFocus, onChange, onWrong }: CellProps) {
  if (isEdited) return <Typed column={column} value={value} label={label} onEdit={onEdit} onChange={onChange} onWrong={onWrong} />;
  return (
    <td role="gridcell" tabIndex={isCurrent ? 0 : -1} aria-label={`${label}: ${cellText(value)}`} className={column.type === "number" ? "grid-number" : undefined}
      onFocus={onFocus} onDoubleClick={() => onEdit(true)}>
      {cellText(value)}
    </td>
  );
}

function Typed({ column, value, label, onEdit, onChange, onWrong }: Pick<CellProps, "column" | "value" | "label" | "onEdit" | "onChange" | "onWrong">) {
  const [text, setText] = useState(cellText(value));
  const keep = () => {
    const read = readCell(text, column.type);
    if (read.is === "wrong") return onWrong(read.why);
    if (cellText(read.value) !== cellText(value)) onChange(read.value);
    onEdit(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.key === "Enter") { event.preventDefault(); keep(); }
    if (event.key === "Escape") { event.preventDefault(); onEdit(false); }
  };
  return (
    <td role="gridcell" className="grid-typed">
      <input aria-label={label} autoFocus autoComplete="off" spellCheck={false} value={text} onFocus={(e) => e.target.select()} onChange={(e) => setText(e.target.value)} onKeyDown={onKeyDown} onBlur={keep} />
    </td>
  );
}
