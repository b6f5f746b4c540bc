// Who may see what: the owner's set-up, the sign-in, or the pages with their frame.

import { Suspense, useEffect, useRef, type ReactNode } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Problem, call, type Session, type Setup } from "./api";
import { Icon, Mark } from "./icons";
import { ImportZone } from "./import";
import { useIsLive } from "./live";
import { LoginPage, SetupPage } from "./pages/sign-in";
import { Link, Redirect, usePath } from "./router";
import { PLACES, findPlace, type Found } from "./router/places";
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
  const path = usePath();
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
      return path === "/setup" ? <Outside><SetupPage /></Outside> : <Redirect to="/setup" />;
    case "login":
      return path === "/login" ? <Outside><LoginPage /></Outside> : <Redirect to={loginAddress()} />;
    case "inside":
      return <Inside session={gate.session} version={gate.version} />;
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

function Inside({ session, version }: { session: Session; version: string }) {
  const path = usePath();
  const found = findPlace(path);
  const title = found?.place.title ?? "Not found";
  const shown = useRef<string | null>(null);
  useEffect(() => {
    document.title = `${title} – Linkflow`;
    if (shown.current === path) return;
    // Whoever reads with a screen reader hears that the page is another one.
    if (shown.current !== null) document.getElementById("main")?.focus({ preventScroll: true });
    shown.current = path;
    window.scrollTo(0, 0);
  }, [path, title]);
  if (path === "/login" || path === "/setup") return <Redirect to={afterSignIn()} />;
  return (
    <>
      <a className="skip" href="#main">Skip to content</a>
      <Header path={path} session={session} version={version} />
      <ImportZone>
        <main id="main" tabIndex={-1} className={found?.place.frame ?? "column"}>
          <Suspense fallback={<Loading what="the page" />}>
            <Page found={found} path={path} />
          </Suspense>
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

function Page({ found, path }: { found: Found | null; path: string }) {
  if (found !== null) return <found.place.page params={found.params} />;
  return (
    <div className="card pad">
      <h1>Not found</h1>
      <p>There is no page at <code>{path}</code>. <Link to="/workflows">Go to the workflows</Link></p>
    </div>
  );
}

const NAV = PLACES.flatMap(({ nav, path, within }) => (nav === undefined ? [] : [{ ...nav, path, within }])).sort((a, b) => a.order - b.order);

function Header({ path, session, version }: { path: string; session: Session; version: string }) {
  const isAt = (entry: (typeof NAV)[number]) => path === entry.path || (entry.within !== undefined && path.startsWith(`${entry.within}/`));
  return (
    <header className="top">
      <Link to="/workflows" className="brand"><Mark />Linkflow</Link>
      <nav aria-label="Main">
        {NAV.map((entry) => <Link key={entry.path} to={entry.path} current={isAt(entry)}>{entry.label}</Link>)}
      </nav>
      <div className="tools">
        {!path.startsWith("/settings") && <Connection />}
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
