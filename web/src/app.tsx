// Who may see what: the owner's set-up, the sign-in, or the pages with their frame.

import { useEffect, useRef, type ReactNode } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Problem, call, type Session, type Setup } from "./api";
import { Icon, Mark } from "./icons";
import { ImportZone } from "./import";
import { useIsLive } from "./live";
import { ApiKeysPage } from "./pages/api-keys";
import { ExecutionPage } from "./pages/execution";
import { ExecutionsPage } from "./pages/executions";
import { LoginPage, SetupPage } from "./pages/sign-in";
import { WorkflowPage } from "./pages/workflow";
import { WorkflowsPage } from "./pages/workflows";
import { Link, Redirect, placeOf, usePath, type Place } from "./router";
import { useTheme, type Theme } from "./theme";
import { Failure, Loading } from "./ui";

type Gate =
  | { at: "asking" }
  | { at: "failed"; error: unknown; again: () => void }
  | { at: "setup" }
  | { at: "login" }
  | { at: "inside"; session: Session; version: string };

/** The session, or null when nobody is signed in. */
async function readSession(): Promise<Session | null> {
  try {
    return await call<Session>("/session");
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return null;
    throw error;
  }
}

function useGate(): Gate {
  const setup = useQuery({ queryKey: ["setup"], queryFn: () => call<Setup>("/setup"), staleTime: Infinity });
  const isReady = setup.data?.needs_owner === false;
  const session = useQuery({ queryKey: ["session"], queryFn: readSession, enabled: isReady, staleTime: 60_000 });
  if (setup.isError) return { at: "failed", error: setup.error, again: () => void setup.refetch() };
  if (setup.data === undefined) return { at: "asking" };
  if (setup.data.needs_owner) return { at: "setup" };
  if (session.data === null) return { at: "login" };
  if (session.data !== undefined) return { at: "inside", session: session.data, version: setup.data.version };
  if (session.isError) return { at: "failed", error: session.error, again: () => void session.refetch() };
  return { at: "asking" };
}

export function App() {
  const gate = useGate();
  const place = placeOf(usePath());
  switch (gate.at) {
    case "asking":
      return <Outside><Loading what="Linkflow" /></Outside>;
    case "failed":
      return (
        <Outside>
          <Failure error={gate.error}>
            <button type="button" onClick={gate.again}>Try again</button>
          </Failure>
        </Outside>
      );
    case "setup":
      return place.at === "setup" ? <Outside><SetupPage /></Outside> : <Redirect to="/setup" />;
    case "login":
      return place.at === "login" ? <Outside><LoginPage /></Outside> : <Redirect to={loginAddress()} />;
    case "inside":
      return <Inside place={place} session={gate.session} version={gate.version} />;
  }
}

/** The sign-in page, which leads back to where one wanted to go. */
function loginAddress(): string {
  const here = location.pathname + location.search;
  const isWorthIt = !["/", "/login", "/setup"].includes(location.pathname);
  return isWorthIt ? `/login?next=${encodeURIComponent(here)}` : "/login";
}

function Outside({ children }: { children: ReactNode }) {
  return (
    <main className="outside">
      <p className="brand"><Mark />Linkflow</p>
      {children}
    </main>
  );
}

function Inside({ place, session, version }: { place: Place; session: Session; version: string }) {
  const path = usePath();
  const shown = useRef<string | null>(null);
  useEffect(() => {
    document.title = `${TITLES[place.at]} – Linkflow`;
    if (shown.current === path) return;
    // Whoever reads with a screen reader hears that the page is another one.
    if (shown.current !== null) document.getElementById("main")?.focus({ preventScroll: true });
    shown.current = path;
    window.scrollTo(0, 0);
  }, [path, place.at]);
  if (place.at === "login" || place.at === "setup") return <Redirect to={afterSignIn()} />;
  return (
    <>
      <a className="skip" href="#main">Skip to content</a>
      <Header place={place} session={session} version={version} />
      <ImportZone>
        <main id="main" tabIndex={-1}>
          <Page place={place} />
        </main>
      </ImportZone>
    </>
  );
}

/** Only addresses of this page are followed. */
function afterSignIn(): string {
  const next = new URLSearchParams(location.search).get("next") ?? "";
  return /^\/[^/\\]/.test(next) ? next : "/workflows";
}

const TITLES: Record<Place["at"], string> = {
  setup: "Set-up",
  login: "Sign in",
  workflows: "Workflows",
  workflow: "Workflow",
  executions: "Executions",
  execution: "Execution",
  "api-keys": "API keys",
  nowhere: "Not found",
};

function Page({ place }: { place: Place }) {
  switch (place.at) {
    case "workflows":
      return <WorkflowsPage />;
    case "workflow":
      return <WorkflowPage key={place.id} id={place.id} />;
    case "executions":
      return <ExecutionsPage />;
    case "execution":
      return <ExecutionPage key={place.id} id={place.id} />;
    case "api-keys":
      return <ApiKeysPage />;
    case "nowhere":
      return (
        <div className="card pad">
          <h1>Not found</h1>
          <p>There is no page at <code>{place.path}</code>. <Link to="/workflows">Go to the workflows</Link></p>
        </div>
      );
    case "login":
    case "setup":
      return null;
  }
}

function Header({ place, session, version }: { place: Place; session: Session; version: string }) {
  const isAt = (...places: Place["at"][]) => places.includes(place.at);
  return (
    <header className="top">
      <Link to="/workflows" className="brand"><Mark />Linkflow</Link>
      <nav aria-label="Main">
        <Link to="/workflows" current={isAt("workflows", "workflow")}>Workflows</Link>
        <Link to="/executions" current={isAt("executions", "execution")}>Executions</Link>
        <Link to="/settings/api-keys" current={isAt("api-keys")}>API keys</Link>
      </nav>
      <div className="tools">
        {place.at !== "api-keys" && <Connection />}
        <ThemeChoice />
        <span className="quiet who" title={`${session.user.email}, ${session.role}, Linkflow ${version}`}>{session.user.name}</span>
        <SignOut />
      </div>
    </header>
  );
}

function Connection() {
  const isLive = useIsLive();
  return (
    <span className={`badge ${isLive ? "tone-ok" : "tone-quiet"}`} role="status" title={isLive ? "Changes arrive at once" : "Changes are asked for every few seconds"}>
      <Icon name={isLive ? "full" : "ring"} />
      {isLive ? "Live" : "Polling"}
    </span>
  );
}

function ThemeChoice() {
  const [theme, choose] = useTheme();
  return (
    <select className="slim" aria-label="Theme" title="Light or dark" value={theme} onChange={(e) => choose(e.target.value as Theme)}>
      <option value="system">Automatic</option>
      <option value="light">Light</option>
      <option value="dark">Dark</option>
    </select>
  );
}

function SignOut() {
  const cache = useQueryClient();
  const out = useMutation({
    mutationFn: () => call<void>("/session", { method: "DELETE" }),
    onSuccess: () => {
      cache.removeQueries({ predicate: (query) => query.queryKey[0] !== "setup" && query.queryKey[0] !== "session" });
      cache.setQueryData(["session"], null);
    },
  });
  return (
    <button type="button" className="slim" onClick={() => out.mutate()} disabled={out.isPending}>
      {out.isError ? "Sign out failed, try again" : "Sign out"}
    </button>
  );
}
