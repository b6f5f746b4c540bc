// Tabs: arrows move between them, and the panel follows.

import { useId, useRef, type KeyboardEvent, type ReactNode } from "react";
import { target } from "./menu";

export type Tab<Id extends string = string> = { id: Id; label: ReactNode; panel: () => ReactNode };
type TabsProps<Id extends string> = { label: string; tabs: Tab<Id>[]; at: Id; onMove: (id: Id) => void; aside?: ReactNode; className?: string };

/** The panel of the chosen tab is drawn, the others are not. */
export function Tabs<Id extends string>({ label, tabs, at, onMove, aside, className = "" }: TabsProps<Id>) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const index = Math.max(0, tabs.findIndex((tab) => tab.id === at));
  const onKeyDown = (event: KeyboardEvent) => {
    const key = { ArrowRight: "ArrowDown", ArrowLeft: "ArrowUp", Home: "Home", End: "End" }[event.key];
    const to = key === undefined ? null : target(key, index, tabs.map(() => ""));
    const tab = to === null ? undefined : tabs[to];
    if (tab === undefined) return;
    event.preventDefault();
    onMove(tab.id);
    list.current?.querySelectorAll<HTMLElement>('[role="tab"]')[to ?? 0]?.focus();
  };
  return (
    <div className={`tabs ${className}`}>
      <div className="tabs-bar">
        <div ref={list} role="tablist" aria-label={label} onKeyDown={onKeyDown}>
          {tabs.map((tab, i) => (
            <button key={tab.id} type="button" role="tab" id={`${id}-${tab.id}`} aria-selected={i === index}
              aria-controls={i === index ? `${id}-panel` : undefined} tabIndex={i === index ? 0 : -1} onClick={() => onMove(tab.id)}>
              {tab.label}
            </button>
          ))}
        </div>
        {aside}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${tabs[index]?.id ?? ""}`} tabIndex={0}>
        {tabs[index]?.panel()}
      </div>
    </div>
  );
}
