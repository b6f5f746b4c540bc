// Who may see what: the owner's set-up, the sign-in, or the pages with their frame.

import { Suspense, lazy, useEffect, useRef, type ReactNode } from "react";
import { useQuery } from "@tanstack/react-query";
import { Problem, call, type Role, type Session, type Setup } from "./api";
import { Mark } from "./icons";
import { ImportZone } from "./import";
import { Link, Redirect, usePath } from "./router";
import { findPlace, type Found } from "./router/places";
import { Failure, Loading } from "./ui";
import { rankOf } from "./ui/session";
import { Shell } from "./ui/shell";
import { TEXTS } from "./texts/ui";

// Who is signed in already does not need them.
const LoginPage = lazy(async () => ({ default: (await import("./pages/sign-in")).LoginPage }));
const SetupPage = lazy(async () => ({ default: (await import("./pages/sign-in")).SetupPage }));

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
      <Suspense fallback={<Loading what="Linkflow" />}>{children}</Suspense>
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
    <Shell session={session} version={version} path={path} isWide={found?.place.frame === "wide"}>
      <ImportZone>
        <main id="main" tabIndex={-1} className={found?.place.frame ?? "column"}>
          <Suspense fallback={<Loading what="the page" />}>
            <Page found={found} path={path} role={session.role} />
          </Suspense>
        </main>
      </ImportZone>
    </Shell>
  );
}

/** Only addresses of this page are followed. */
function afterSignIn(): string {
  const next = new URLSearchParams(location.search).get("next") ?? "";
  return /^\/[^/\\]/.test(next) ? next : "/workflows";
}

function Page({ found, path, role }: { found: Found | null; path: string; role: Role }) {
  if (found?.place.role !== undefined && rankOf(role) < rankOf(found.place.role)) {
    return (
      <div className="card pad">
        <h1>{found.place.title}</h1>
        <p role="alert">{TEXTS.notAllowed(role, found.place.role)} <Link to="/workflows">Go to the workflows</Link></p>
      </div>
    );
  }
  if (found !== null) return <found.place.page params={found.params} />;
  return (
    <div className="card pad">
      <h1>Not found</h1>
      <p>There is no page at <code>{path}</code>. <Link to="/workflows">Go to the workflows</Link></p>
    </div>
  );
}
