// The few parts that every page is made of: states, notes, confirmations, a frame.

import { useId, useState, type ComponentProps, type ReactNode } from "react";
import { Problem, messageOf, type ExecutionStatus, type RunStatus, type Verdict } from "../api";
import { Icon, type IconName } from "../icons";
import { Link } from "../router";
import { ago, date } from "../time";

type Look = { mark: IconName; word: string; tone: "ok" | "running" | "error" | "waiting" | "quiet" };
export type State = ExecutionStatus | RunStatus | "published" | "changed" | "draft" | "not run" | "disabled";

const LOOKS: Record<State, Look> = {
  ready: { mark: "clock", word: "Queued", tone: "waiting" },
  running: { mark: "play", word: "Running", tone: "running" },
  waiting: { mark: "pause", word: "Waiting", tone: "waiting" },
  success: { mark: "check", word: "Success", tone: "ok" },
  error: { mark: "cross", word: "Error", tone: "error" },
  dead: { mark: "off", word: "Gave up", tone: "error" },
  canceled: { mark: "stop", word: "Canceled", tone: "quiet" },
  published: { mark: "full", word: "Published", tone: "ok" },
  changed: { mark: "half", word: "Published, newer draft", tone: "running" },
  draft: { mark: "ring", word: "Draft", tone: "quiet" },
  "not run": { mark: "dash", word: "Not run", tone: "quiet" },
  disabled: { mark: "stop", word: "Disabled", tone: "quiet" },
};

const VERDICTS: Record<Verdict, Look> = {
  exact: { mark: "check", word: "Runs unchanged", tone: "ok" },
  approximate: { mark: "about", word: "Runs with differences", tone: "running" },
  missing: { mark: "cross", word: "Not supported", tone: "error" },
  unreadable: { mark: "cross", word: "Cannot be read", tone: "error" },
};

function Badge({ look }: { look: Look | undefined }) {
  if (look === undefined) return null;
  return (
    <span className={`badge tone-${look.tone}`}>
      <Icon name={look.mark} />
      {look.word}
    </span>
  );
}

/** A state by icon, word and colour. */
export function StateBadge({ state }: { state: State }) {
  return <Badge look={LOOKS[state] ?? { mark: "dash", word: state, tone: "quiet" }} />;
}

export function VerdictBadge({ verdict }: { verdict: Verdict }) {
  return <Badge look={VERDICTS[verdict] ?? { mark: "dash", word: verdict, tone: "quiet" }} />;
}

/** The kind of a node; one that this program does not have carries the name it came with. */
export function Kind({ kind }: { kind: string }) {
  return <code>{kind.replace(MISSING, "")}</code>;
}

export function isMissing(kind: string): boolean {
  return MISSING.test(kind);
}

const MISSING = /^missing:/;

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
        <Icon name="cross" />
        <Words text={sentence(messageOf(error))} />
      </p>
      {fields.length > 0 && (
        <ul>
          {fields.map((f, i) => (
            <li key={i}>
              <code>{f.field}</code> <Words text={f.problem} />
            </li>
          ))}
        </ul>
      )}
      {children}
    </div>
  );
}

/** A message of the server: what it puts between backticks is code. */
export function Words({ text }: { text: string }) {
  const parts = text.split("`");
  if (parts.length % 2 === 0) return <>{text}</>;
  return <>{parts.map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part))}</>;
}

/** A page that cannot be shown, with its heading and a way out. */
export function PageFailure({ title, error, back }: { title: string; error: unknown; back: { to: string; label: string } }) {
  return (
    <>
      <Back to={back.to} label={back.label} />
      <h1>{title}</h1>
      <Failure error={error} />
    </>
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

/** The way up to the list that a page belongs to. */
export function Back({ to, label }: { to: string; label: string }) {
  return (
    <p className="back">
      <Link to={to}>
        <Icon name="back" />
        {label}
      </Link>
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
