// Where something that opens at a control lies on the screen. Pure.

export type Box = { left: number; top: number; bottom: number; right: number };
export type Spot = { left: number; top: number; maxHeight: number };

const GAP = 4;
const MARGIN = 8;

/** Below the control, or above it where there is more room; never outside the window. */
export function spotAt(anchor: Box, size: { width: number; height: number }, view: { width: number; height: number }): Spot {
  const below = view.height - anchor.bottom - GAP - MARGIN;
  const above = anchor.top - GAP - MARGIN;
  const isBelow = size.height <= below || below >= above;
  const maxHeight = Math.max(80, isBelow ? below : above);
  const height = Math.min(size.height, maxHeight);
  const left = Math.max(MARGIN, Math.min(anchor.left, view.width - size.width - MARGIN));
  return { left, top: isBelow ? anchor.bottom + GAP : Math.max(MARGIN, anchor.top - GAP - height), maxHeight };
}
