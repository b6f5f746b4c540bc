// Where the canvas looks: what fits, and how to bring a step into sight. Pure; computed before anything is drawn,
// because a canvas that has to measure its cards first draws all of them once.

import { around, type Box } from "../document/geometry";

export type Window = { width: number; height: number };
export type Lens = { x: number; y: number; zoom: number };

export const ZOOM_MIN = 0.04;
export const ZOOM_MAX = 2;
/** Below it the overview is drawn instead of cards. */
export const ZOOM_FAR = 0.38;
const MARGIN = 48;

/** The lens that shows all of these boxes, no closer than they are. */
export function fit(boxes: Iterable<Box>, window: Window, zoomMax = 1): Lens {
  const box = around(boxes);
  if (box === null) return { x: window.width / 3, y: window.height / 3, zoom: 1 };
  const wide = (window.width - 2 * MARGIN) / Math.max(1, box.width);
  const high = (window.height - 2 * MARGIN) / Math.max(1, box.height);
  const zoom = Math.min(zoomMax, Math.max(ZOOM_MIN, Math.min(wide, high)));
  return { zoom, x: window.width / 2 - (box.x + box.width / 2) * zoom, y: window.height / 2 - (box.y + box.height / 2) * zoom };
}

/** How a workflow opens: everything when that can be read, else its beginning. */
export function opening(boxes: readonly Box[], window: Window): Lens {
  const whole = fit(boxes, window);
  if (whole.zoom >= 0.5) return whole;
  const box = around(boxes);
  const zoom = 0.75;
  const first = boxes.reduce<Box | null>((left, other) => (left === null || other.x < left.x ? other : left), box);
  if (first === null) return whole;
  return { zoom, x: MARGIN - first.x * zoom, y: window.height / 2 - (first.y + first.height / 2) * zoom };
}

/** The lens itself when it shows the box, else one that has it in the middle. */
export function reveal(box: Box, lens: Lens, window: Window): Lens {
  const zoom = Math.max(lens.zoom, ZOOM_FAR + 0.12);
  const left = box.x * lens.zoom + lens.x;
  const top = box.y * lens.zoom + lens.y;
  const isSeen = left >= 0 && top >= 0 && left + box.width * lens.zoom <= window.width && top + box.height * lens.zoom <= window.height;
  if (isSeen && zoom === lens.zoom) return lens;
  return { zoom, x: window.width / 2 - (box.x + box.width / 2) * zoom, y: window.height / 2 - (box.y + box.height / 2) * zoom };
}
