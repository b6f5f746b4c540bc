// What happens on the server, as it happens: one socket for the page, opened while somebody
// watches. It resumes where it broke off; when it cannot, watchers are told to read anew.
// It never is the only source: every page also reads by HTTP.

import { useCallback, useEffect, useRef, useSyncExternalStore } from "react";
import { isRecord } from "./api";

export type LiveEvent = {
  seq: number;
  type: string;
  at: number;
  execution_id: string | null;
  workflow_id: string | null;
  data: Record<string, unknown>;
};
export type Heard =
  | { is: "hello"; seq: number; feed: string }
  | { is: "event"; event: LiveEvent }
  | { is: "resync"; seq: number | null }
  | { is: "away" }
  | { is: "other" };
export type Watcher = { topic: string; onEvent: (event: LiveEvent) => void; onResync: () => void };

const WAIT_MS_MIN = 500;
const WAIT_MS_MAX = 15_000;

/** Reads one message of the server. */
export function hear(text: string): Heard {
  const said = parse(text);
  if (!isRecord(said) || typeof said["type"] !== "string") return { is: "other" };
  const seq = said["seq"];
  if (said["type"] === "away") return { is: "away" };
  if (said["type"] === "resync") return { is: "resync", seq: typeof seq === "number" ? seq : null };
  if (typeof seq !== "number") return { is: "other" };
  if (said["type"] === "hello") return { is: "hello", seq, feed: String(said["feed"] ?? said["instance"] ?? "") };
  const id = (value: unknown) => (typeof value === "string" ? value : null);
  const data = isRecord(said["data"]) ? said["data"] : {};
  const at = typeof said["at"] === "number" ? said["at"] : 0;
  const event = { seq, type: said["type"], at, execution_id: id(said["execution_id"]), workflow_id: id(said["workflow_id"]), data };
  return { is: "event", event };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether an event belongs to a topic. */
export function belongs(event: LiveEvent, topic: string): boolean {
  if (topic === "executions") return event.type.startsWith("execution.") || event.type.startsWith("workflow.");
  const [kind, id] = topic.split(":");
  return id === (kind === "execution" ? event.execution_id : event.workflow_id);
}

class Live {
  private socket: WebSocket | null = null;
  private watchers = new Set<Watcher>();
  private listeners = new Set<() => void>();
  private seq: number | null = null;
  private feed: string | null = null;
  private waitMs = WAIT_MS_MIN;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isOpen = false;
  /** Whether events come by it: not while the server itself hears nothing. */
  isLive = false;

  watch(watcher: Watcher): () => void {
    this.watchers.add(watcher);
    this.changed();
    if (this.isOpen) this.subscribe();
    else this.connect();
    return () => {
      this.watchers.delete(watcher);
      this.changed();
      // Effects of the next page run in the same moment; only a lasting silence closes the socket.
      if (this.watchers.size === 0) setTimeout(() => this.closeIfAlone(), 5_000);
    };
  }

  onChange = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private closeIfAlone(): void {
    if (this.watchers.size > 0) return;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  private connect(): void {
    if (this.socket !== null) return;
    clearTimeout(this.timer);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws`);
    this.socket = socket;
    socket.onmessage = (message) => this.take(hear(String(message.data)));
    socket.onclose = () => this.lost();
  }

  private lost(): void {
    this.socket = null;
    this.isOpen = false;
    this.tell(false);
    if (this.watchers.size === 0) return;
    // Spread out, so that not every page comes back in the same moment after a restart.
    const waitMs = this.waitMs * (0.5 + Math.random());
    this.waitMs = Math.min(this.waitMs * 2, WAIT_MS_MAX);
    this.timer = setTimeout(() => this.connect(), waitMs);
  }

  private take(heard: Heard): void {
    if (heard.is === "hello") this.greet(heard.seq, heard.feed);
    else if (heard.is === "away") this.tell(false);
    else if (heard.is === "resync") {
      // What lies before this number is read by HTTP; after a restart it may be lower than ours.
      this.seq = heard.seq;
      this.tell(true);
      this.resync();
    }
    else if (heard.is === "event") this.pass(heard.event);
  }

  private greet(seq: number, feed: string): void {
    // Numbers of another feed mean nothing here. Instances of one cluster share theirs.
    const isOther = this.feed !== null && this.feed !== feed;
    if (this.seq === null || isOther) this.seq = seq;
    this.feed = feed;
    this.waitMs = WAIT_MS_MIN;
    this.isOpen = true;
    this.tell(true);
    this.subscribe();
    if (isOther) this.resync();
  }

  private subscribe(): void {
    const topics = [...new Set([...this.watchers].map((w) => w.topic))];
    this.socket?.send(JSON.stringify({ type: "subscribe", topics, since: this.seq ?? undefined }));
  }

  private pass(event: LiveEvent): void {
    if (this.seq !== null && event.seq <= this.seq) return;
    this.seq = event.seq;
    for (const watcher of this.watchers) if (belongs(event, watcher.topic)) watcher.onEvent(event);
  }

  private resync(): void {
    for (const watcher of this.watchers) watcher.onResync();
  }

  private tell(isLive: boolean): void {
    if (this.isLive === isLive) return;
    this.isLive = isLive;
    this.changed();
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }

  /** Whether a page on the screen wants to know of changes. */
  isWatched(): boolean {
    return this.watchers.size > 0;
  }
}

const live = new Live();

/** Whether events arrive by the socket; while not, pages ask by HTTP. */
export function useIsLive(): boolean {
  return useSyncExternalStore(live.onChange, () => live.isLive);
}

/** Whether something on the screen changes with the server at all. */
export function useIsWatched(): boolean {
  return useSyncExternalStore(live.onChange, () => live.isWatched());
}

/** Watches a topic while the component is on the screen. */
export function useLive(topic: string | null, onEvent: (event: LiveEvent) => void, onResync: () => void): void {
  const latest = useRef({ onEvent, onResync });
  useEffect(() => {
    latest.current = { onEvent, onResync };
  });
  useEffect(() => {
    if (topic === null) return;
    return live.watch({
      topic,
      onEvent: (event) => latest.current.onEvent(event),
      onResync: () => latest.current.onResync(),
    });
  }, [topic]);
}

/** Does it once, a moment after the first of many calls. */
export function useSoon(act: () => void, waitMs: number): () => void {
  const latest = useRef(act);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    latest.current = act;
  });
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );
  return useCallback(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      latest.current();
    }, waitMs);
  }, [waitMs]);
}
