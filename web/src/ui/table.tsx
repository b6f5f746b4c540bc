// A list as a table; on a narrow screen each row is a card.

import type { ReactNode } from "react";

export type Column<T> = { label: string; cell: (row: T) => ReactNode; isHidden?: boolean; isName?: boolean; className?: string };
type TableProps<T> = { caption: string; columns: Column<T>[]; rows: T[]; keyOf: (row: T) => string };

export function Table<T>({ caption, columns, rows, keyOf }: TableProps<T>) {
  return (
    <table className="cards">
      <caption className="hidden">{caption}</caption>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column.label} scope="col">{column.isHidden === true ? <span className="hidden">{column.label}</span> : column.label}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>
            {columns.map((column) => <Cell key={column.label} column={column} row={row} />)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Cell<T>({ column, row }: { column: Column<T>; row: T }) {
  const content = column.cell(row);
  if (column.isName === true) return <th scope="row">{content}</th>;
  return (
    <td data-label={column.isHidden === true ? undefined : column.label} className={column.className}
      data-empty={content === null || content === "" ? "" : undefined}>
      {content}
    </td>
  );
}
