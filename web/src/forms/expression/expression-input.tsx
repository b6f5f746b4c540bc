// A text field for an expression: suggestions while one types, what it gives below, fields are dropped into it.

import { useId, useLayoutEffect, useRef, useState, type DragEvent, type KeyboardEvent } from "react";
import { useQuery } from "@tanstack/react-query";
import { call, type List } from "../../api";
import { FORMS } from "../../texts/forms";
import { Floating } from "../../ui/floating";
import { target } from "../../ui/menu";
import type { Scope } from "../types";
import { complete, type Completion, type NameGroup, type Suggestion } from "./complete";
import { hasPath, pathOn } from "./drag";
import { Preview } from "./preview";

type ExpressionInputProps = {
  /** Without the sign of equality. */
  source: string;
  onChange: (source: string) => void;
  scope: Scope;
  id?: string;
  "aria-label"?: string;
  "aria-describedby"?: string;
  isReadOnly?: boolean;
};

/** The names that expressions can use; they do not change while the page is open. */
export function useNames(): NameGroup[] {
  const names = useQuery({ queryKey: ["expression-names"], queryFn: () => call<List<NameGroup>>("/expressions/names"), staleTime: Infinity });
  return names.data?.items ?? [];
}

export function ExpressionInput({ source, onChange, scope, id, isReadOnly = false, ...aria }: ExpressionInputProps) {
  const own = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const groups = useNames();
  const [open, setOpen] = useState<{ completion: Completion; at: number } | null>(null);
  const caret = useRef<number | null>(null);
  useLayoutEffect(() => {
    const input = area.current;
    if (input === null) return;
    input.style.height = "auto";
    input.style.height = `${Math.min(240, input.scrollHeight + 2)}px`;
    if (caret.current === null) return;
    input.setSelectionRange(caret.current, caret.current);
    caret.current = null;
  }, [source]);

  const suggest = (text: string, position: number) => {
    const completion = complete(text, position, scope, groups);
    setOpen(completion === null ? null : { completion, at: 0 });
  };
  const edit = (text: string, position: number) => {
    const typed = closed(text, position, source);
    if (typed !== text) caret.current = position;
    onChange(typed);
    suggest(typed, position);
  };
  const insert = (from: number, to: number, what: string) => {
    caret.current = from + what.length - (what.endsWith("()") ? 1 : 0);
    onChange(source.slice(0, from) + what + source.slice(to));
    setOpen(null);
    area.current?.focus();
  };
  const pick = (suggestion: Suggestion | undefined) => {
    if (suggestion !== undefined && open !== null) insert(open.completion.from, open.completion.to, suggestion.insert);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.ctrlKey && event.key === " ") { event.preventDefault(); suggest(source, event.currentTarget.selectionStart); return; }
    if (open === null) return;
    if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); setOpen(null); }
    if (event.key === "Enter" || event.key === "Tab") { event.preventDefault(); pick(open.completion.suggestions[open.at]); }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    setOpen({ ...open, at: target(event.key, open.at, open.completion.suggestions.map((s) => s.label)) ?? 0 });
  };
  const onDrop = (event: DragEvent<HTMLTextAreaElement>) => {
    const path = pathOn(event);
    if (path === null || isReadOnly) return;
    event.preventDefault();
    const at = event.currentTarget.selectionStart;
    const isInside = source.lastIndexOf("{{", at - 1) > source.lastIndexOf("}}", at - 1);
    insert(at, at, isInside ? path : `{{ ${path} }}`);
  };
  return (
    <div className="form-expression">
      <textarea ref={area} id={id} rows={1} spellCheck={false} autoComplete="off" readOnly={isReadOnly} value={source} placeholder="{{ $json.name }}"
        aria-controls={open === null ? undefined : `${own}-list`} aria-autocomplete="list" aria-haspopup="listbox"
        aria-activedescendant={open === null ? undefined : `${own}-${open.at}`} onChange={(e) => edit(e.target.value, e.target.selectionStart)}
        onKeyDown={onKeyDown} onBlur={() => setOpen(null)} onDrop={onDrop} onDragOver={(e) => { if (hasPath(e)) e.preventDefault(); }} {...aria} />
      {open !== null && (
        <Floating anchor={area} isAsWide className="menu form-suggestions" onPointerDown={(e) => e.preventDefault()}>
          <ul role="listbox" id={`${own}-list`} aria-label={FORMS.expression}>
            {open.completion.suggestions.map((suggestion, i) => (
              <li key={`${suggestion.is} ${suggestion.label}`} id={`${own}-${i}`} role="option" aria-selected={i === open.at} className="menu-item"
                ref={i === open.at ? (item) => { item?.scrollIntoView({ block: "nearest" }); } : undefined} onClick={() => pick(suggestion)}>
                <code>{suggestion.label}</code>
                <small className="quiet">{suggestion.about}</small>
              </li>
            ))}
          </ul>
        </Floating>
      )}
      {source.trim() !== "" && <Preview source={source} scope={scope} />}
    </div>
  );
}

/** Two opening braces that were just typed get their closing ones. */
export function closed(text: string, position: number, before: string): string {
  const isTyped = text.length === before.length + 1 && text.slice(0, position).endsWith("{{");
  return isTyped && !text.slice(position).startsWith("}}") ? `${text.slice(0, position)}  }}${text.slice(position)}`.replace("{{  }}", "{{  }}") : text;
}
