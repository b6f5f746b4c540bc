// What runs, for those who draw it: the canvas asks for one node or one link and hears only of that.
// It lies outside the workflow's document, so hundreds of events a second draw nothing but what changed.
//
// The canvas uses it like this:
//   <RunContext value={store}> ... </RunContext>
//   const state = useNodeState(node.id);                 // NodeState | null
//   const link = useLinkState(edge.from.node, port);     // LinkState | null
// Nodes are known by their id in the version that runs, so a node that is renamed meanwhile keeps its state.

import type { Document, ExecutionDetail, RunStatus } from "../api";
import type { LiveEvent } from "../live";
import { merged, modelAt, modelOf, take, type Head, type NodeRun, type RunModel } from "./run-model";

/** How a node stands: its last run, and how many items its outputs gave in all runs. */
export type NodeState = {
  name: string;
  status: RunStatus;
  n_runs: number;
  /** Items by output, all runs together. */
  items: readonly number[];
  /** How long the last run took or has taken so far; null while that is not known. */
  started_at: number | null;
  ended_at: number | null;
  error: string | null;
  /** Tries of the last run that failed before it. */
  n_failed_tries: number;
};

/** What went along a link: items in all runs, and whether its source still runs. */
export type LinkState = { items: number; status: RunStatus };

type Listener = () => void;
type Schedule = (flush: () => void) => void;

const onFrame: Schedule = (flush) => {
  // A tab in the background draws no frames, but its store goes on.
  if (typeof requestAnimationFrame === "undefined" || document.hidden) setTimeout(flush, 50);
  else requestAnimationFrame(flush);
};

/** Events that are kept until the execution has been read. */
const EARLY_MAX = 5_000;
const NONE: ReadonlyMap<string, NodeRun[]> = new Map();

export class RunStore {
  private model: RunModel | null = null;
  private shown: RunModel | null = null;
  private names = new Map<string, string>();
  private at: number | null = null;
  private states = new Map<string, NodeState | null>();
  private links = new Map<string, LinkState | null>();
  private byNode = new Map<string, Set<Listener>>();
  private all = new Set<Listener>();
  private dirty = new Set<string>();
  private isWhole = false;
  /** What came before the execution was read; it is taken in then. */
  private early: LiveEvent[] = [];
  private isDue = false;
  /** Grows with every change that listeners hear of. */
  version = 0;

  constructor(private readonly schedule: Schedule = onFrame) {}

  /** Takes in what HTTP read. */
  load(execution: ExecutionDetail): void {
    const model = merged(this.model, modelOf(execution));
    this.model = model;
    this.early.splice(0).forEach((event) => take(model, event));
    if (execution.workflow !== null) this.name(execution.workflow);
    this.change(null);
  }

  /** Takes in an event; those of other executions are left out. */
  take(event: LiveEvent): void {
    if (this.model === null) {
      if (this.early.length < EARLY_MAX) this.early.push(event);
      return;
    }
    if (event.execution_id !== this.model.head.id) return;
    this.change(take(this.model, event));
  }

  /** Shows the execution as it was at a time; as it is, when it is null. */
  show(at: number | null): void {
    if (this.at === at) return;
    this.at = at;
    this.change(null);
  }

  /** Forgets the execution. */
  clear(): void {
    if (this.model !== null) this.early = [];
    this.model = null;
    this.at = null;
    this.change(null);
  }

  head(): Head | null {
    return this.model?.head ?? null;
  }

  /** The runs of each node as they are now, by the node's name. */
  byName(): ReadonlyMap<string, NodeRun[]> {
    return this.model?.runs ?? NONE;
  }

  /** All node runs as they are now, whatever time is shown, in the order in which they were entered. */
  runs(): NodeRun[] {
    const all = [...(this.model?.runs.values() ?? [])].flat();
    return all.sort((a, b) => a.step - b.step);
  }

  node(id: string): NodeState | null {
    const known = this.states.get(id);
    if (known !== undefined) return known;
    const state = this.stateOf(this.names.get(id));
    this.states.set(id, state);
    return state;
  }

  link(id: string, output: number): LinkState | null {
    const key = `${id}/${output}`;
    const known = this.links.get(key);
    if (known !== undefined) return known;
    const state = this.node(id);
    const items = state?.items[output];
    const link = state === null || items === undefined ? null : { items, status: state.status };
    this.links.set(key, link);
    return link;
  }

  /** Hears of one node, and of the links that leave it. */
  onNode(id: string, listener: Listener): () => void {
    const listeners = this.byNode.get(id) ?? new Set();
    this.byNode.set(id, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Hears of everything. */
  onChange = (listener: Listener): (() => void) => {
    this.all.add(listener);
    return () => this.all.delete(listener);
  };

  private name(workflow: Document): void {
    this.names = new Map((workflow.nodes ?? []).map((node) => [node.id, node.name]));
  }

  private stateOf(name: string | undefined): NodeState | null {
    const runs = name === undefined ? undefined : this.shown?.runs.get(name);
    const last = runs?.at(-1);
    if (name === undefined || runs === undefined || last === undefined) return null;
    const items: number[] = [];
    for (const run of runs) run.counts.forEach((n, output) => (items[output] = (items[output] ?? 0) + n));
    const { status, started_at, ended_at, error } = last;
    return { name, status, n_runs: runs.length, items, started_at, ended_at, error, n_failed_tries: last.attempts.length };
  }

  /** `node` has changed, or everything when it is null; said once a frame. */
  private change(node: string | null): void {
    if (node === null) this.isWhole = true;
    else this.dirty.add(node);
    if (this.isDue) return;
    this.isDue = true;
    this.schedule(() => this.flush());
  }

  private flush(): void {
    this.isDue = false;
    this.version += 1;
    // At a time of the past, what comes meanwhile changes nothing that is shown.
    this.shown = this.model === null || this.at === null ? this.model : modelAt(this.model, this.at);
    const changed = this.isWhole ? [...this.byNode.keys()] : [...this.byNode.keys()].filter((id) => this.dirty.has(this.names.get(id) ?? ""));
    if (this.isWhole) {
      this.states.clear();
      this.links.clear();
    } else {
      changed.forEach((id) => this.forget(id));
      for (const [id, name] of this.names) if (this.dirty.has(name)) this.forget(id);
    }
    this.dirty.clear();
    this.isWhole = false;
    for (const id of changed) this.byNode.get(id)?.forEach((listener) => listener());
    this.all.forEach((listener) => listener());
  }

  private forget(id: string): void {
    this.states.delete(id);
    for (const key of this.links.keys()) if (key.startsWith(`${id}/`)) this.links.delete(key);
  }
}
