// How one goes from address to address. Addresses carry the state that is worth a link: filters, the
// run that is looked at. Which page an address means is in `places.ts`.

import { useEffect, useState, useSyncExternalStore, type MouseEvent, type ReactNode } from "react";

const MOVED = "linkflow:moved";

/** Goes to another address of this page. */
export function go(to: string, how: "push" | "replace" = "push"): void {
  if (how === "push") history.pushState(null, "", to);
  else history.replaceState(null, "", to);
  window.dispatchEvent(new Event(MOVED));
}

function onMove(listener: () => void): () => void {
  window.addEventListener("popstate", listener);
  window.addEventListener(MOVED, listener);
  return () => {
    window.removeEventListener("popstate", listener);
    window.removeEventListener(MOVED, listener);
  };
}

export function usePath(): string {
  return useSyncExternalStore(onMove, () => location.pathname);
}

/** One parameter of the address, and how to change it. */
export function useParam(name: string): [string, (value: string, how?: "push" | "replace") => void] {
  const search = useSyncExternalStore(onMove, () => location.search);
  const set = (value: string, how: "push" | "replace" = "push") => {
    const params = new URLSearchParams(location.search);
    if (value === "") params.delete(name);
    else params.set(name, value);
    const text = params.toString();
    go(location.pathname + (text === "" ? "" : `?${text}`), how);
  };
  return [new URLSearchParams(search).get(name) ?? "", set];
}

type LinkProps = { to: string; children: ReactNode; className?: string; current?: boolean; title?: string };

/** A link within this page. Other keys and buttons keep their usual meaning. */
export function Link({ to, children, className, title, current = false }: LinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={to} onClick={follow} className={className} title={title} aria-current={current ? "page" : undefined}>
      {children}
    </a>
  );
}

/** Goes elsewhere as soon as it is shown. */
export function Redirect({ to }: { to: string }) {
  useEffect(() => go(to, "replace"), [to]);
  return null;
}

/** The value, once it has rested for a moment. */
export function useRested<T>(value: T, ms: number): T {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return rested;
}
