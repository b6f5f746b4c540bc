// Fields that are dragged out of items, as forms take them. Whoever shows items puts them on (`items/drag.ts`).

import type { DragEvent } from "react";

/** Carries the path alone, such as `$json.customer.name`. */
const TYPE = "application/x-linkflow-path";

export function hasPath(event: DragEvent): boolean {
  return event.dataTransfer.types.includes(TYPE);
}

/** The path on a drag; null when there is none. */
export function pathOn(event: DragEvent): string | null {
  const path = event.dataTransfer.getData(TYPE);
  return path === "" ? null : path;
}
