import { describe, expect, it } from "vitest";
import { problemOf, query, type Document, type ExecutionDetail } from "./api";
import { inOrder, withEvent } from "./graph";
import { inputOf } from "./input";
import { belongs, hear, type LiveEvent } from "./live";
import { findPlace, match } from "./router/places";
import { ago, length } from "./time";

/** A document of "a>b" edges; a name alone is a node without any. */
function document(edges: string): Document {
  const pairs = edges.split(" ").map((edge) => edge.split(">"));
  const names = [...new Set(pairs.flat())];
  return {
    nodes: names.map((name) => ({ id: name, name, kind: "no_op" })),
    edges: pairs.flatMap(([from, to]) => (from && to ? [{ from: { node: from }, to: { node: to } }] : [])),
  };
}

describe("the order of nodes", () => {
  const check = (edges: string, expected: string) =>
    expect(inOrder(document(edges)).map((step) => step.node.name).join(" ")).toBe(expected);

  it("goes from the trigger onward, wherever the file names it", () => check("b>c a>b", "a b c"));
  it("names each node once when branches meet again", () => check("a>b a>c b>d c>d", "a b c d"));
  it("ends in a circle, and keeps nodes that only a circle leads to", () => check("a>b b>a c", "c a b"));
});

describe("an execution that is watched", () => {
  const execution = { status: "ready", started_at: null, finished_at: null, order: [], runs: {} } as unknown as ExecutionDetail;
  const event = (type: string, data: LiveEvent["data"], at = 10): LiveEvent => ({ seq: 1, type, at, execution_id: "e", workflow_id: "w", data });
  const check = (events: LiveEvent[], expected: string) => {
    const end = events.reduce(withEvent, execution);
    const runs = end.order.map((name) => `${name} ${end.runs[name]?.map((r) => `${r.status}[${r.outputs.map((o) => o.n_items)}]`)}`);
    expect([end.status, ...runs].join("; ")).toBe(expected);
  };

  it("shows a node while it runs", () =>
    check([event("execution.started", {}), event("step.started", { node: "A", run: 0 })], "running; A running[]"));
  it("counts the items of each output when a node has ended", () =>
    check([event("step.started", { node: "A", run: 0 }), event("step.finished", { node: "A", run: 0, n_items: [2, 0] })], "ready; A success[2,0]"));
  it("keeps the runs of a loop apart", () =>
    check([event("step.finished", { node: "A", run: 0, n_items: [1] }), event("step.started", { node: "A", run: 1 })], "ready; A success[1],running[]"));
  it("ends as the server says", () => check([event("execution.finished", { status: "error" })], "error"));
  it("is not changed by an event that nobody knows", () => check([event("step.new", { node: 7 })], "ready"));
});

describe("messages of the socket", () => {
  it("are passed over when they make no sense", () => {
    for (const text of ["", "null", "[]", "{", '{"type":1}', '{"type":"pong"}']) expect(hear(text).is).toBe("other");
  });
  it("carry the number to resume from", () => {
    expect(hear('{"type":"resync","seq":7}')).toEqual({ is: "resync", seq: 7 });
    expect(hear('{"type":"hello","seq":3,"instance":"a"}')).toEqual({ is: "hello", seq: 3, feed: "a" });
    const shared = '{"type":"hello","seq":3,"instance":"a","feed":"shared"}';
    expect(hear(shared)).toEqual({ is: "hello", seq: 3, feed: "shared" });
    expect(hear('{"type":"away"}')).toEqual({ is: "away" });
  });
  it("reach only those who watch their topic", () => {
    const heard = hear('{"type":"step.started","seq":1,"at":2,"execution_id":"e","workflow_id":"w","data":{}}');
    if (heard.is !== "event") throw new Error("an event was expected");
    const topics = ["executions", "execution:e", "execution:w", "workflow:w"];
    expect(topics.filter((topic) => belongs(heard.event, topic))).toEqual(["execution:e", "workflow:w"]);
  });
});

describe("the input of a run", () => {
  const check = (text: string, expected: unknown) => {
    const input = inputOf(text);
    expect(input.is === "good" ? input.items : input.why).toEqual(expected);
  };
  it("may be nothing", () => check(" ", []));
  it("may be one object", () => check('{"a":1}', [{ a: 1 }]));
  it("may be a list of objects", () => check("[{},{}]", [{}, {}]));
  it("names the item that is none", () => check("[{},3]", 'Item 2 must be an object, such as {"name": "Ada"}.'));
  it("says when it is not JSON", () => expect(inputOf("{a}").is).toBe("bad"));
});

describe("addresses", () => {
  const check = (path: string, expected: string) => expect(findPlace(path)?.place.path ?? "nowhere").toBe(expected);
  it("lead to their pages", () => {
    check("/", "/");
    check("/workflows/1", "/workflows/:id");
    check("/executions/1/", "/executions/:id");
    check("/settings/api-keys", "/settings/api-keys");
  });
  it("that nobody knows lead nowhere", () => check("/workflows/1/2", "nowhere"));
  it("give their variable parts, decoded where that is possible", () => {
    expect(match("/workflows/:id/versions/:range", "/workflows/7/versions/1..2")).toEqual({ id: "7", range: "1..2" });
    expect(match("/a/:name", "/a/x%20y")).toEqual({ name: "x y" });
    expect(match("/a/:name", "/a/%")).toEqual({ name: "%" });
  });
});

describe("words", () => {
  it("a problem of a proxy still says what happened", () =>
    expect(problemOf(502, "<html>").message).toBe("The server answered with status 502."));
  it("a problem names the fields to change", () =>
    expect(problemOf(422, '{"detail":"no","errors":[{"field":"a","problem":"b"},3]}').errors).toEqual([{ field: "a", problem: "b" }]));
  it("a query leaves out what is not given", () => expect(query({ a: "", b: null, c: 0, d: "x y" })).toBe("?c=0&d=x+y"));
  it("times are short", () => {
    expect([length(999), length(1_500), length(125_000), ago(0, 7_200_000)]).toEqual(["999 ms", "1.5 s", "2 min 5 s", "2 h ago"]);
  });
});
