// The code editor, in a chunk of its own. Languages that are large come when they are needed.

import { useEffect, useRef } from "react";
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { HighlightStyle, bracketMatching, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Language, Scope } from "../types";
import { complete, type NameGroup } from "../expression/complete";
import { useNames } from "../expression/expression-input";

type CodeEditorProps = { label: string; language: Language; text: string; onChange: (text: string) => void; isReadOnly: boolean; scope: Scope };

async function languageOf(language: Language): Promise<Extension> {
  if (language === "javascript") return (await import("@codemirror/lang-javascript")).javascript();
  if (language === "json") return (await import("@codemirror/lang-json")).json();
  if (language === "python") return (await import("@codemirror/lang-python")).python();
  return [];
}

const LOOK = syntaxHighlighting(
  HighlightStyle.define([
    { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword], color: "var(--waiting)" },
    { tag: [tags.string, tags.special(tags.string), tags.regexp], color: "var(--ok)" },
    { tag: [tags.number, tags.bool, tags.null], color: "var(--running)" },
    { tag: [tags.comment], color: "var(--quiet)", fontStyle: "italic" },
    { tag: [tags.propertyName, tags.function(tags.variableName)], color: "var(--accent)" },
    { tag: [tags.invalid], color: "var(--error)" },
  ]),
);

const FRAME = EditorView.theme({
  "&": { fontSize: "12px", backgroundColor: "var(--surface)", color: "var(--ink)", border: "1px solid var(--edge)", borderRadius: "6px", maxHeight: "420px" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", minHeight: "120px" },
  ".cm-gutters": { backgroundColor: "var(--background)", color: "var(--quiet)", border: "0" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--tint) 50%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "var(--tint)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 25%, transparent) !important" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--ink)", border: "1px solid var(--line)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--tint)", color: "var(--ink)" },
});

export default function CodeEditor({ label, language, text, onChange, isReadOnly, scope }: CodeEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const groups = useNames();
  const latest = useRef({ onChange, scope, groups });
  latest.current = { onChange, scope, groups };
  useEffect(() => {
    if (host.current === null) return;
    const spoken = new Compartment();
    const editor = new EditorView({
      parent: host.current,
      state: EditorState.create({ doc: text, extensions: [basics(label, isReadOnly), spoken.of([]), suggestions(language, () => latest.current), EditorView.updateListener.of((update) => {
        if (update.docChanged) latest.current.onChange(update.state.doc.toString());
      })] }),
    });
    view.current = editor;
    void languageOf(language).then((extension) => view.current === editor && editor.dispatch({ effects: spoken.reconfigure(extension) }));
    return () => {
      view.current = null;
      editor.destroy();
    };
    // The text of the first moment only: later ones come from the editor itself, or below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [label, language, isReadOnly]);
  useEffect(() => {
    const editor = view.current;
    if (editor === null || editor.state.doc.toString() === text) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
  }, [text]);
  return <div ref={host} className="form-code" />;
}

function basics(label: string, isReadOnly: boolean): Extension {
  return [
    lineNumbers(), history(), drawSelection(), indentOnInput(), bracketMatching(), closeBrackets(), highlightActiveLine(), LOOK, FRAME, EditorView.lineWrapping,
    EditorState.readOnly.of(isReadOnly), EditorView.contentAttributes.of({ "aria-label": label }),
    // Esc leaves the field, so that the tab key does not hold people in it.
    keymap.of([{ key: "Escape", run: (editor) => { editor.contentDOM.blur(); return true; } }, ...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap, indentWithTab]),
  ];
}

/** The same suggestions as in expressions, for JavaScript. */
function suggestions(language: Language, now: () => { scope: Scope; groups: NameGroup[] }): Extension {
  if (language !== "javascript") return [];
  const source = (context: CompletionContext): CompletionResult | null => {
    const { scope, groups } = now();
    const line = context.state.doc.lineAt(context.pos);
    const found = complete(line.text, context.pos - line.from, scope, groups, true);
    if (found === null || (!context.explicit && !/[$.\w]$/.test(line.text.slice(0, context.pos - line.from)))) return null;
    const options = found.suggestions.map(({ label, about, insert, is }) => ({ label, detail: about.slice(0, 60), apply: insert, type: is === "method" ? "method" : is === "field" ? "property" : "variable" }));
    return { from: line.from + found.from, options, filter: false };
  };
  return autocompletion({ override: [source] });
}
