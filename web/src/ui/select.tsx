// Choices: the browser's own list where a list is short, one that is searched where it is long.

import { useId, useRef, useState, type ComponentProps, type KeyboardEvent } from "react";
import { TEXTS } from "../texts/ui";
import { Floating } from "./floating";
import { target } from "./menu";

export type Option = { value: string; label: string; hint?: string };

type SelectProps = { options: Option[]; value: string; onPick: (value: string) => void } & Omit<ComponentProps<"select">, "onChange" | "value">;

/** A value that no option has is kept and shown as it is. */
export function Select({ options, value, onPick, ...rest }: SelectProps) {
  const isKnown = options.some((option) => option.value === value);
  return (
    <select value={value} onChange={(e) => onPick(e.target.value)} {...rest}>
      {!isKnown && <option value={value}>{value === "" ? TEXTS.choose : value}</option>}
      {options.map((option) => <option key={option.value} value={option.value}>{option.label}</option>)}
    </select>
  );
}

type ComboboxProps = {
  value: string;
  options: Option[];
  onPick: (value: string) => void;
  /** Called with what is typed, when any text may be the value. */
  onType?: (text: string) => void;
  placeholder?: string;
  id?: string;
  "aria-label"?: string;
  "aria-describedby"?: string;
  disabled?: boolean;
};

const SHOWN_MAX = 100;

/** A text field with a list that what is typed narrows. */
export function Combobox({ value, options, onPick, onType, placeholder, id, disabled, ...aria }: ComboboxProps) {
  const own = useId();
  const input = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState<string | null>(null);
  const [at, setAt] = useState(0);
  const shownText = typed ?? options.find((option) => option.value === value)?.label ?? value;
  const fitting = options.filter((option) => fits(option, typed ?? "")).slice(0, SHOWN_MAX);
  const isOpen = typed !== null && fitting.length > 0;
  const pick = (option: Option | undefined) => {
    if (option === undefined) return;
    onPick(option.value);
    setTyped(null);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape" && isOpen) { event.stopPropagation(); event.preventDefault(); setTyped(null); }
    if (event.key === "Enter" && isOpen) { event.preventDefault(); pick(fitting[at]); }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    if (!isOpen) { setTyped(""); setAt(0); } else setAt(target(event.key, at, fitting.map((o) => o.label)) ?? 0);
  };
  return (
    <>
      <input ref={input} id={id} role="combobox" aria-expanded={isOpen} aria-controls={`${own}-list`} aria-autocomplete="list"
        aria-activedescendant={isOpen ? `${own}-${at}` : undefined} autoComplete="off" spellCheck={false} placeholder={placeholder} disabled={disabled}
        value={shownText} onClick={() => setTyped(typed ?? "")} onBlur={() => setTyped(null)} onKeyDown={onKeyDown}
        onChange={(e) => { setTyped(e.target.value); setAt(0); onType?.(e.target.value); }} {...aria} />
      {isOpen && (
        <Floating anchor={input} isAsWide className="menu" onPointerDown={(e) => e.preventDefault()}>
          <ul role="listbox" id={`${own}-list`} aria-label={aria["aria-label"] ?? TEXTS.suggestions}>
            {fitting.map((option, i) => (
              <li key={option.value} id={`${own}-${i}`} role="option" aria-selected={i === at} className="menu-item" onClick={() => pick(option)}>
                <span>{option.label}</span>
                {option.hint !== undefined && <small className="quiet">{option.hint}</small>}
              </li>
            ))}
          </ul>
        </Floating>
      )}
    </>
  );
}

function fits(option: Option, text: string): boolean {
  const words = text.toLowerCase().split(/\s+/);
  const all = `${option.label} ${option.value} ${option.hint ?? ""}`.toLowerCase();
  return words.every((word) => all.includes(word));
}
