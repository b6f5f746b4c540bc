// The few parts that every page is made of: states, notes, confirmations, a frame.

import { useId, useState, type ComponentProps, type ReactNode } from "react";
import { Problem, messageOf, type ExecutionStatus, type RunStatus, type Verdict } from "./api";
import { ago, date } from "./time";

type Look = { mark: string; word: string; tone: "ok" | "running" | "error" | "waiting" | "quiet" };
export type State = ExecutionStatus | RunStatus | "published" | "changed" | "draft" | "not run" | "disabled";

const LOOKS: Record<State, Look> = {
  ready: { mark: "◷", word: "Queued", tone: "waiting" },
  running: { mark: "▶", word: "Running", tone: "running" },
  waiting: { mark: "⏸", word: "Waiting", tone: "waiting" },
  success: { mark: "✓", word: "Success", tone: "ok" },
  error: { mark: "✕", word: "Error", tone: "error" },
  dead: { mark: "☠", word: "Gave up", tone: "error" },
  canceled: { mark: "⊘", word: "Canceled", tone: "quiet" },
  published: { mark: "●", word: "Published", tone: "ok" },
  changed: { mark: "◐", word: "Published, newer draft", tone: "running" },
  draft: { mark: "○", word: "Draft", tone: "quiet" },
  "not run": { mark: "·", word: "Not run", tone: "quiet" },
  disabled: { mark: "⊘", word: "Disabled", tone: "quiet" },
};

const VERDICTS: Record<Verdict, Look> = {
  exact: { mark: "✓", word: "Runs unchanged", tone: "ok" },
  approximate: { mark: "≈", word: "Runs with differences", tone: "running" },
  missing: { mark: "✕", word: "Not supported", tone: "error" },
  unreadable: { mark: "✕", word: "Cannot be read", tone: "error" },
};

function Badge({ look }: { look: Look | undefined }) {
  if (look === undefined) return null;
  return (
    <span className={`badge tone-${look.tone}`}>
      <span aria-hidden="true">{look.mark}</span> {look.word}
    </span>
  );
}

/** A state by icon, word and colour. */
export function StateBadge({ state }: { state: State }) {
  return <Badge look={LOOKS[state] ?? { mark: "?", word: state, tone: "quiet" }} />;
}

export function VerdictBadge({ verdict }: { verdict: Verdict }) {
  return <Badge look={VERDICTS[verdict] ?? { mark: "?", word: verdict, tone: "quiet" }} />;
}

export function publishState(row: { published_version: number | null; version: number }): State {
  if (row.published_version === null) return "draft";
  return row.published_version === row.version ? "published" : "changed";
}

/** A moment, with the exact time on hover. */
export function Ago({ at }: { at: number | null | undefined }) {
  if (at === null || at === undefined) return <>–</>;
  return (
    <time dateTime={new Date(at).toISOString()} title={date(at)}>
      {ago(at, Date.now())}
    </time>
  );
}

/** What failed, in whole sentences, with each field that has to be changed. */
export function Failure({ error, children }: { error: unknown; children?: ReactNode }) {
  const fields = error instanceof Problem ? error.errors : [];
  return (
    <div role="alert" className="note note-error">
      <p>
        <span aria-hidden="true">✕ </span>
        {sentence(messageOf(error))}
      </p>
      {fields.length > 0 && (
        <ul>
          {fields.map((f, i) => (
            <li key={i}>
              <code>{f.field}</code> {f.problem}
            </li>
          ))}
        </ul>
      )}
      {children}
    </div>
  );
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

export function Loading({ what }: { what: string }) {
  return (
    <p role="status" className="quiet pad">
      Loading {what} …
    </p>
  );
}

type FieldProps = { label: string; hint?: string } & ComponentProps<"input">;

export function Field({ label, hint, ...input }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} aria-describedby={hint === undefined ? undefined : `${id}-hint`} {...input} />
      {hint !== undefined && (
        <small id={`${id}-hint`} className="quiet">
          {hint}
        </small>
      )}
    </div>
  );
}

type ConfirmProps = { label: string; question: string; yes: string; isBusy: boolean; onYes: () => void };

/** A button that asks once more, in place, before something is lost. */
export function Confirm({ label, question, yes, isBusy, onYes }: ConfirmProps) {
  const [isAsking, setAsking] = useState(false);
  if (!isAsking) {
    return (
      <button type="button" onClick={() => setAsking(true)} disabled={isBusy}>
        {label}
      </button>
    );
  }
  const answer = () => {
    setAsking(false);
    onYes();
  };
  return (
    <span className="confirm" role="group" aria-label={question}>
      <span>{question}</span>
      <button type="button" className="danger" autoFocus onClick={answer}>
        {yes}
      </button>
      <button type="button" onClick={() => setAsking(false)}>
        Keep
      </button>
    </span>
  );
}

type MoreProps = { hasMore: boolean; isBusy: boolean; onMore: () => void; n: number; what: string };

export function More({ hasMore, isBusy, onMore, n, what }: MoreProps) {
  return (
    <p className="more">
      <span className="quiet" role="status">
        {n} {what}
        {hasMore ? " shown" : ""}
      </span>
      {hasMore && (
        <button type="button" onClick={onMore} disabled={isBusy}>
          {isBusy ? "Loading …" : "Show more"}
        </button>
      )}
    </p>
  );
}

/** Copies a text; says so. */
export function Copy({ text, label }: { text: string; label: string }) {
  const [said, setSaid] = useState<"ready" | "done" | "refused">("ready");
  const copy = () => {
    const done = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"));
    done.then(() => setSaid("done")).catch(() => setSaid("refused"));
  };
  const words = { ready: "Copy", done: "Copied", refused: "Select and copy it by hand" };
  return (
    <button type="button" className="small" onClick={copy} aria-label={`${words[said]}: ${label}`}>
      {words[said]}
    </button>
  );
}
