// A button that opens a menu: arrows move, Enter chooses, Esc goes back, letters jump.

import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { Floating } from "./floating";

export type MenuItem =
  | { label: string; icon?: ReactNode; hint?: string; isDanger?: boolean; isDisabled?: boolean; onChoose: () => void }
  | "line";

type MenuProps = { label: string; items: MenuItem[]; children: ReactNode; className?: string; isDisabled?: boolean };

/** `label` is what the button is called for those who do not see it. */
export function Menu({ label, items, children, className = "bare icon-button", isDisabled = false }: MenuProps) {
  const [isOpen, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const close = () => setOpen(false);
  const back = () => {
    close();
    button.current?.focus();
  };
  return (
    <>
      <button ref={button} type="button" aria-label={label} title={label} aria-haspopup="menu" aria-expanded={isOpen} className={className}
        disabled={isDisabled} onClick={() => setOpen(!isOpen)}
        onKeyDown={(e) => { if (e.key === "ArrowDown") { e.preventDefault(); setOpen(true); } }}>
        {children}
      </button>
      {isOpen && (
        <Floating anchor={button} onAway={close} className="menu">
          <MenuList label={label} items={items} onClose={back} />
        </Floating>
      )}
    </>
  );
}

/** The list of a menu by itself, for menus at the pointer. */
export function MenuList({ label, items, onClose }: { label: string; items: MenuItem[]; onClose: () => void }) {
  const list = useRef<HTMLDivElement>(null);
  const buttons = () => [...(list.current?.querySelectorAll<HTMLButtonElement>("button:not(:disabled)") ?? [])];
  useEffect(() => {
    // Once it has its place: until then it is hidden, and what is hidden takes no focus.
    const frame = requestAnimationFrame(() => buttons()[0]?.focus({ preventScroll: true }));
    return () => cancelAnimationFrame(frame);
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    const all = buttons();
    const at = all.indexOf(document.activeElement as HTMLButtonElement);
    const to = target(event.key, at, all.map((b) => b.innerText));
    if (event.key === "Escape" || event.key === "Tab") onClose();
    if (to === null && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    if (to !== null) all[to]?.focus();
  };
  return (
    <div ref={list} role="menu" aria-label={label} onKeyDown={onKeyDown}>
      {items.map((item, i) =>
        item === "line" ? (
          <hr key={i} />
        ) : (
          <button key={i} type="button" role="menuitem" tabIndex={-1} disabled={item.isDisabled}
            className={item.isDanger === true ? "menu-item is-danger" : "menu-item"}
            onClick={() => { onClose(); item.onChoose(); }}>
            {item.icon}
            <span>{item.label}</span>
            {item.hint !== undefined && <kbd>{item.hint}</kbd>}
          </button>
        ),
      )}
    </div>
  );
}

/** Where a key leads in a list, or null when it leads nowhere. */
export function target(key: string, at: number, labels: string[]): number | null {
  const n = labels.length;
  if (n === 0) return null;
  if (key === "ArrowDown") return (at + 1) % n;
  if (key === "ArrowUp") return (at - 1 + n) % n;
  if (key === "Home") return 0;
  if (key === "End") return n - 1;
  if (key.length !== 1 || key === " ") return null;
  const order = labels.map((_, i) => (at + 1 + i) % n);
  return order.find((i) => labels[i]?.toLowerCase().startsWith(key.toLowerCase())) ?? null;
}
