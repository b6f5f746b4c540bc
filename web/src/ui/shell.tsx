// The frame around every page: where one is, where one can go, who one is. At the left on a wide
// screen, above the page on a narrow one.

import { useEffect, useMemo, useState, type ReactNode } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { BookOpen, Braces, CalendarClock, Circle, Gauge, KeyRound, LayoutTemplate, Lock, LogOut, Menu as MenuIcon, Search, Settings, SquarePlay, Table2, Tags, Users, Workflow } from "lucide-react";
import { call, type Session } from "../api";
import { Icon, Mark } from "../icons";
import { useIsLive, useIsWatched } from "../live";
import { Link, go } from "../router";
import { PLACES } from "../router/places";
import { TEXTS } from "../texts/ui";
import { useTheme, type Theme } from "../theme";
import { CommandPalette, openCommands, useCommands, type Command } from "./commands";
import { SessionContext, rankOf } from "./session";
import { Toasts } from "./toast";
import { Tour } from "./tour";

const ICONS: Record<string, typeof Circle> = {
  "/workflows": Workflow, "/executions": SquarePlay, "/reference": BookOpen, "/schedules": CalendarClock, "/templates": LayoutTemplate, "/credentials": Lock,
  "/variables": Braces, "/data-tables": Table2, "/tags": Tags, "/ops": Gauge, "/users": Users, "/settings/api-keys": KeyRound, "/settings": Settings,
};

type Entry = { path: string; label: string; group: string; within: string | undefined };

/** The entries of the navigation that somebody of this role sees, in their groups. */
function entriesFor(session: Session): Entry[] {
  return PLACES.filter((place) => place.nav !== undefined && (place.role === undefined || rankOf(session.role) >= rankOf(place.role)))
    .sort((a, b) => (a.nav?.order ?? 0) - (b.nav?.order ?? 0))
    .map((place) => ({ path: place.path, label: place.nav?.label ?? place.title, group: place.nav?.group ?? "", within: place.within }));
}

type ShellProps = { session: Session; version: string; path: string; isWide: boolean; children: ReactNode };

export function Shell({ session, version, path, isWide, children }: ShellProps) {
  const entries = useMemo(() => entriesFor(session), [session]);
  usePlaceCommands(entries);
  return (
    <SessionContext value={session}>
      <a className="skip" href="#main">{TEXTS.skip}</a>
      <div className={isWide ? "shell shell-rail" : "shell"}>
        <Sidebar entries={entries} path={path} session={session} version={version} />
        <div className="shell-page">{children}</div>
      </div>
      <CommandPalette />
      <Toasts />
    </SessionContext>
  );
}

/** Every place can be reached by its name. */
function usePlaceCommands(entries: Entry[]): void {
  const commands = useMemo<Command[]>(
    () => entries.map(({ path, label }) => ({ id: `go ${path}`, title: TEXTS.goTo(label), group: TEXTS.places, run: () => go(path) })),
    [entries],
  );
  useCommands(commands);
}

type SidebarProps = { entries: Entry[]; path: string; session: Session; version: string };

function Sidebar({ entries, path, session, version }: SidebarProps) {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => setOpen(false), [path]);
  return (
    <header className={isOpen ? "side is-open" : "side"}>
      <div className="side-head">
        <Link to="/workflows" className="brand"><Mark /><span>Linkflow</span></Link>
        <button type="button" className="bare icon-button side-toggle" aria-expanded={isOpen} aria-label={TEXTS.menu} onClick={() => setOpen(!isOpen)}>
          <MenuIcon size={18} aria-hidden />
        </button>
      </div>
      <button type="button" className="side-search" onClick={openCommands} title={`${TEXTS.commands} (Ctrl+K)`}>
        <Search size={14} aria-hidden /><span>{TEXTS.commands}</span><kbd>Ctrl K</kbd>
      </button>
      <nav aria-label={TEXTS.mainNavigation}>
        {entries.map((entry, i) => (
          <NavEntry key={entry.path} entry={entry} isCurrent={isAt(entry, path)} isFirst={i > 0 && entry.group !== entries[i - 1]?.group} />
        ))}
      </nav>
      <div className="side-foot">
        <Connection />
        <Tour />
        <div className="side-who" title={`${session.user.email}, ${session.role}, Linkflow ${version}`}>
          <strong>{session.user.name}</strong><span className="quiet">{session.role}</span>
        </div>
        <div className="side-tools"><ThemeChoice /><SignOut /></div>
      </div>
    </header>
  );
}

function isAt(entry: Entry, path: string): boolean {
  return path === entry.path || (entry.within !== undefined && path.startsWith(`${entry.within}/`)) || (path === "/" && entry.path === "/workflows");
}

function NavEntry({ entry, isCurrent, isFirst }: { entry: Entry; isCurrent: boolean; isFirst: boolean }) {
  const Picture = ICONS[entry.path] ?? Circle;
  return (
    <>
      {isFirst && <p className="side-group" aria-hidden>{entry.group}</p>}
      <Link to={entry.path} current={isCurrent} title={entry.label}><Picture size={16} aria-hidden /><span>{entry.label}</span></Link>
    </>
  );
}

function Connection() {
  const isLive = useIsLive();
  if (!useIsWatched()) return null;
  return (
    <span className={`badge ${isLive ? "tone-ok" : "tone-quiet"}`} role="status" title={isLive ? TEXTS.liveHint : TEXTS.pollingHint}>
      <Icon name={isLive ? "full" : "ring"} />
      <span>{isLive ? TEXTS.live : TEXTS.polling}</span>
    </span>
  );
}

function ThemeChoice() {
  const [theme, choose] = useTheme();
  return (
    <select className="slim" aria-label={TEXTS.theme} title={TEXTS.themeHint} value={theme} onChange={(e) => choose(e.target.value as Theme)}>
      {Object.entries(TEXTS.themes).map(([value, label]) => <option key={value} value={value}>{label}</option>)}
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
    <button type="button" className="slim side-out" onClick={() => out.mutate()} disabled={out.isPending} title={TEXTS.signOut}>
      <LogOut size={14} aria-hidden /><span>{out.isError ? TEXTS.signOutFailed : TEXTS.signOut}</span>
    </button>
  );
}
