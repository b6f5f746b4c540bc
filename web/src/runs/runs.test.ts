// What is known of an execution, its timeline, and how two of them differ: without a browser.

import { describe, expect, it } from "vitest";
import type { ExecutionDetail } from "../api";
import type { LiveEvent } from "../live";
import { chartOf } from "./chart";
import { pairsOf } from "./compare";
import { asked, fits, type Filters } from "./filters";
import { layoutOf } from "./map-layout";
import { merged, modelAt, modelOf, take } from "./run-model";
import { errorLine, rowAfter } from "./row";
import { RunStore } from "./run-store";
import { runStep } from "./start";

const T = 1_000_000;
const WORKFLOW = {
  nodes: [{ id: "s", name: "Start", kind: "manual_trigger" }, { id: "a", name: "Ask", kind: "http_request", position: [300, 40] as [number, number] }],
  edges: [{ from: { node: "s" }, to: { node: "a" } }],
};

function execution(more: Partial<ExecutionDetail> = {}): ExecutionDetail {
  return {
    id: "x", workflow_id: "w", workflow_name: "Rates", version: 1, status: "running", mode: "manual", attempt: 1, created_at: T, started_at: T,
    finished_at: null, duration_ms: null, error: null, retry_of: null, parent: null, workflow: WORKFLOW, order: ["Start"], custom_data: null,
    runs: { Start: [{ step: 0, run: 0, status: "success", started_at: T, ended_at: T, inputs: [], outputs: [{ n_items: 2 }], error: null, logs: [] }] },
    ...more,
  };
}

let seq = 0;
function event(type: string, at: number, data: Record<string, unknown>): LiveEvent {
  return { seq: ++seq, type, at: T + at, execution_id: "x", workflow_id: "w", data };
}
const started = (at: number, run = 0) => event("step.started", at, { node: "Ask", step: 1 + run, run, status: "running" });
const finished = (at: number, more: object = {}, run = 0) => event("step.finished", at, { node: "Ask", step: 1 + run, run, status: "success", n_items: [5], ...more });

describe("an execution by events", () => {
  it("a step begins, is tried again, and ends; what comes late or twice changes nothing", () => {
    const model = modelOf(execution());
    const events = [started(10), finished(20, { status: "error", retry_at: T + 50, error: "down", attempt: 1, n_items: undefined }), started(50), finished(70)];
    for (const one of [...events, events[1]!, events[0]!]) take(model, one);
    const run = model.runs.get("Ask")?.[0];
    expect(run).toMatchObject({ status: "success", counts: [5], started_at: T + 10, ended_at: T + 70 });
    expect(run?.attempts.map((tried) => [tried.attempt, tried.error])).toEqual([[1, "down"]]);
    expect(model.order).toEqual(["Start", "Ask"]);
  });

  it("what is read while it runs does not take back what events have told", () => {
    const known = modelOf(execution());
    take(known, started(10));
    take(known, finished(70));
    const behind = modelOf(execution());
    expect(merged(known, behind).runs.get("Ask")?.[0]?.status).toBe("success");
    expect(merged(known, behind).order).toEqual(["Start", "Ask"]);
  });

  it("once it has ended, what is read counts alone", () => {
    const known = modelOf(execution());
    take(known, finished(70));
    const read = modelOf(execution({ status: "canceled", finished_at: T + 80 }));
    expect(merged(known, read).runs.has("Ask")).toBe(false);
  });

  it("an end that was told is not taken back by an answer that was on its way", () => {
    const known = modelOf(execution());
    take(known, event("execution.finished", 90, { status: "error", error: { message: "no luck", node: "Ask" } }));
    expect(merged(known, modelOf(execution())).head).toMatchObject({ status: "error", error: { message: "no luck", node: "Ask" } });
  });

  it("at a time of the past, later steps have not begun and open ones run", () => {
    const model = modelOf(execution({ status: "success", finished_at: T + 100 }));
    take(model, started(10));
    take(model, finished(70));
    expect(modelAt(model, T + 5).runs.has("Ask")).toBe(false);
    expect(modelAt(model, T + 40).runs.get("Ask")?.[0]).toMatchObject({ status: "running", counts: [] });
    expect(modelAt(model, T + 40).head.status).toBe("running");
    expect(modelAt(model, T + 100).runs.get("Ask")?.[0]?.status).toBe("success");
  });
});

describe("those who draw it", () => {
  const store = () => {
    const due: (() => void)[] = [];
    const made = new RunStore((flush) => due.push(flush));
    const frame = () => due.splice(0).forEach((flush) => flush());
    made.load(execution());
    frame();
    return { made, frame, due };
  };

  it("a node is told once a frame, however many events came, and the others are not", () => {
    const { made, frame, due } = store();
    let asks = 0;
    let starts = 0;
    made.onNode("a", () => asks++);
    made.onNode("s", () => starts++);
    for (let run = 0; run < 240; run++) {
      made.take(started(run, run));
      made.take(finished(run + 1, {}, run));
    }
    expect(due.length).toBe(1);
    const before = made.node("s");
    frame();
    expect([asks, starts]).toEqual([1, 0]);
    expect(made.node("s")).toBe(before);
    expect(made.node("a")).toMatchObject({ n_runs: 240, items: [1_200], status: "success" });
    expect(made.link("a", 0)).toEqual({ items: 1_200, status: "success" });
  });

  it("what is told before the execution has been read is not lost", () => {
    const due: (() => void)[] = [];
    const made = new RunStore((flush) => due.push(flush));
    made.take(started(10));
    made.clear();
    made.load(execution());
    due.splice(0).forEach((flush) => flush());
    expect(made.node("a")?.status).toBe("running");
  });

  it("states are the same objects until they change", () => {
    const { made } = store();
    expect(made.node("a")).toBeNull();
    expect(made.node("s")).toBe(made.node("s"));
    expect(made.link("s", 0)).toBe(made.link("s", 0));
  });

  it("while a time of the past is shown, news change nothing that is seen", () => {
    const { made, frame } = store();
    made.show(T + 5);
    frame();
    made.take(started(10));
    made.take(finished(20));
    frame();
    expect(made.node("a")).toBeNull();
    made.show(null);
    frame();
    expect(made.node("a")?.status).toBe("success");
  });
});

it("a timeline joins bars that lie close, and marks what was taken over", () => {
  const model = modelOf(execution({ status: "success", finished_at: T + 10_000 }));
  for (let run = 0; run < 100; run++) {
    take(model, started(run * 10, run));
    take(model, finished(run * 10 + 9, {}, run));
  }
  take(model, started(9_000, 100));
  take(model, finished(10_000, {}, 100));
  const chart = chartOf([...model.runs.values()].flat(), T + 1, T + 10_000, 0);
  expect(chart.rows.map((row) => [row.node, row.isTakenOver])).toEqual([["Start", true], ["Ask", false]]);
  expect(chart.rows[1]?.bars.map((bar) => bar.n)).toEqual([100, 1]);
  expect(chart.rows[1]?.busy_ms).toBe(100 * 9 + 1_000);
});

it("two executions differ by state, items and time, and what only one of them ran is named", () => {
  const left = modelOf(execution());
  const right = modelOf(execution());
  for (const one of [started(0), finished(100)]) take(left, one);
  for (const one of [started(0), finished(900, { n_items: [6] })]) take(right, one);
  right.runs.delete("Start");
  const found = Object.fromEntries(pairsOf(left, right).map((pair) => [pair.node, pair.differences]));
  expect(found).toEqual({ Start: ["only left"], Ask: ["items", "time"] });
});

it("filters ask for whole minutes, and know which news belong to them", () => {
  const none: Filters = { status: "", workflow: "", search: "", custom: "", time: "" };
  expect(asked({ ...none, time: "1h", custom: "order=17" }, 3_600_000 + 61_000, "c")).toBe("?custom=order%3D17&from=60000&limit=50&cursor=c");
  expect(fits(event("execution.accepted", 0, { status: "ready" }), none)).toBe(true);
  expect(fits(event("execution.finished", 0, { status: "error" }), { ...none, status: "error,dead" })).toBe(true);
  expect(fits(event("execution.finished", 0, { status: "success" }), { ...none, status: "error,dead" })).toBe(false);
  expect(fits(event("execution.accepted", 0, { status: "ready" }), { ...none, workflow: "other" })).toBe(false);
});

it("a row follows its events, and what has ended stays ended", () => {
  const waiting = rowAfter(execution(), event("execution.waiting", 5, {}));
  const ended = rowAfter(waiting, event("execution.finished", 30, { status: "error", error: { message: "no luck" } }));
  expect([waiting.status, ended.status, ended.duration_ms, errorLine(ended)]).toEqual(["waiting", "error", 30, "no luck"]);
  expect(rowAfter(ended, event("execution.started", 40, {}))).toBe(ended);
  expect(rowAfter({ ...ended, id: "other", status: "running" }, event("execution.finished", 50, {})).status).toBe("running");
});

it("the map has a card per node and a link between them, and leaves notes out", () => {
  const notes = { ...WORKFLOW, nodes: [...WORKFLOW.nodes, { id: "n", name: "Note", kind: "sticky_note" }] };
  const layout = layoutOf(notes);
  expect(layout.cards.map((card) => [card.node.name, card.x, card.y])).toEqual([["Start", 24, 24], ["Ask", 324, 64]]);
  expect(layout.lines.map((line) => line.path)).toEqual(["M208 52H266V92H324"]);
});

it("a run of one step takes over what is known, and begins at the trigger when nothing is", () => {
  expect(runStep("Ask", null)).toEqual({ until: "Ask" });
  expect(runStep("Ask", "x")).toEqual({ until: "Ask", reuse: { execution: "x", node: "Ask" } });
});
