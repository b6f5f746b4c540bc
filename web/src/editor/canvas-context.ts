// What cards and links on a canvas are told beside their own data.

import { createContext } from "react";
import type { Kinds } from "../document/kinds";
import type { Edge, Id } from "../document/types";

export type CanvasWorld = {
  kinds: Kinds;
  canWrite: boolean;
  isPinned: (name: string) => boolean;
  nProblems: (id: Id) => number;
  onAddAfter: (id: Id) => void;
  onAddInto: (edge: Edge) => void;
  onFold: (id: Id) => void;
  onResize: (id: Id, size: { width: number; height: number }, at: { x: number; y: number }) => void;
  /** How a step differs from the version it is compared with. */
  stateOf?: (id: Id) => string | null;
};

const nothing = () => {};

export const CanvasContext = createContext<CanvasWorld>({
  kinds: new Map(), canWrite: false, isPinned: () => false, nProblems: () => 0, onAddAfter: nothing, onAddInto: nothing, onFold: nothing, onResize: nothing,
});
