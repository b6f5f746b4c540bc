// Short words about what was done or went wrong. They go by themselves; errors stay until closed.

import { useSyncExternalStore } from "react";
import { X } from "lucide-react";
import { messageOf } from "../api";
import { TEXTS } from "../texts/ui";
import { IconButton } from "./button";

export type Toast = { id: number; tone: "ok" | "error"; text: string; action?: { label: string; onChoose: () => void } };

const SHOWN_MS = 5_000;
const SHOWN_MAX = 4;

let toasts: Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

function set(next: Toast[]): void {
  toasts = next.slice(-SHOWN_MAX);
  for (const listener of listeners) listener();
}

export function closeToast(id: number): void {
  set(toasts.filter((toast) => toast.id !== id));
}

function add(toast: Omit<Toast, "id">): void {
  const id = ++last;
  set([...toasts, { ...toast, id }]);
  if (toast.tone === "ok") setTimeout(() => closeToast(id), toast.action === undefined ? SHOWN_MS : SHOWN_MS * 2);
}

/** Says that something was done. */
export function say(text: string, action?: Toast["action"]): void {
  add({ tone: "ok", text, ...(action === undefined ? {} : { action }) });
}

/** Says that something went wrong, in the words of the error. */
export function complain(error: unknown): void {
  add({ tone: "error", text: messageOf(error) });
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toasts() {
  const shown = useSyncExternalStore(listen, () => toasts);
  return (
    <section className="toasts" aria-label={TEXTS.messages}>
      {shown.map((toast) => (
        <div key={toast.id} className={`toast note note-${toast.tone}`} role={toast.tone === "error" ? "alert" : "status"}>
          <span>{toast.text}</span>
          {toast.action !== undefined && (
            <button type="button" className="small" onClick={() => { toast.action?.onChoose(); closeToast(toast.id); }}>{toast.action.label}</button>
          )}
          <IconButton name={TEXTS.close} onClick={() => closeToast(toast.id)}><X size={14} aria-hidden /></IconButton>
        </div>
      ))}
    </section>
  );
}
