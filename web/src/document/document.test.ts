import { describe, expect, it } from "vitest";
import { alignNodes, spreadNodes } from "./arrange";
import { copyText, paste, readText } from "./clip";
import { compare, isSame } from "./compare";
import { readFile, writeFile } from "./file";
import { boxAt, cardSize, freePlace, overlaps } from "./geometry";
import { begin, redo, STEPS_MAX, take, undo } from "./history";
import { portsOf } from "./kinds";
import { layout } from "./layout";
import { connect, disconnect, downstream, inFlow, linksOf, upstream } from "./links";
import { merge } from "./merge";
import { addNode, changeNode, moveNodes, pinItems, removeNodes, renameNode, toggleDisabled } from "./nodes";
import { EDITS, KINDS, randomDoc, randomOf } from "./random";
import { isRefusal, nodeNamed, nodesOf, type Doc } from "./types";

const SEED = Number(process.env["LINKFLOW_SEED"] ?? Date.now() % 1_000_000);
/** Machines that test are slow, and `LINKFLOW_SEEDS` may ask for many. */
const SLOW_MS = 600_000;
const RUNS = Number(process.env["LINKFLOW_SEEDS"] ?? 40);
console.info(`documents: LINKFLOW_SEED=${SEED}`);

/** "A>B A>C" as a document; ids are the names, and `kinds` says which kind a name has. */
function draw(picture: string, kinds: Record<string, string> = {}): Doc {
  const pairs = picture.split(" ").map((pair) => pair.split(">"));
  const names = [...new Set(pairs.flat())].filter((name) => name !== "");
  const doc = readFile({
    name: "w",
    nodes: names.map((name, i) => ({ id: name, name, kind: kinds[name] ?? "set", position: [i * 300, 0] })),
    edges: pairs.flatMap(([from, to]) => (from && to ? [{ from: { node: from }, to: { node: to } }] : [])),
  });
  if (isRefusal(doc)) throw new Error(doc.refused);
  return doc;
}

function picture(doc: Doc): string {
  const links = doc.edges.map((e) => `${doc.nodes[e.from.node]?.name}>${doc.nodes[e.to.node]?.name}`);
  const tied = new Set(doc.edges.flatMap((e) => [e.from.node, e.to.node]));
  return [...links, ...doc.order.filter((id) => !tied.has(id)).map((id) => doc.nodes[id]?.name)].join(" ");
}

function sound(doc: Doc | { refused: string }): Doc {
  if ("refused" in doc) throw new Error(doc.refused);
  return doc;
}

describe("any sequence of edits", () => {
  it("is taken back step by step to the same document, and done again to the same", () => {
    for (let seed = SEED; seed < SEED + RUNS; seed++) {
      const random = randomOf(seed);
      let history = begin(randomDoc(random, 12));
      const seen = [history.doc];
      for (let n = 0; n < 40; n++) {
        const edit = EDITS[Math.floor(random() * EDITS.length)]!;
        history = take(history, edit.name, edit.apply(history.doc, random), n * 5_000);
        if (history.doc !== seen.at(-1)) seen.push(history.doc);
      }
      const files = seen.map((doc) => JSON.stringify(writeFile(doc)));
      for (const file of [...files].reverse().slice(1)) {
        history = undo(history);
        expect(JSON.stringify(writeFile(history.doc)), `LINKFLOW_SEED=${seed}`).toBe(file);
      }
      for (const file of files.slice(1)) {
        history = redo(history);
        expect(JSON.stringify(writeFile(history.doc)), `LINKFLOW_SEED=${seed}`).toBe(file);
      }
    }
  }, SLOW_MS);

  it("leaves a document whose links lead somewhere, whose names differ, and that reads back as itself", () => {
    for (let seed = SEED; seed < SEED + RUNS; seed++) {
      const doc = randomDoc(randomOf(seed), 60);
      const names = nodesOf(doc).map((node) => node.name);
      expect(new Set(names).size, `LINKFLOW_SEED=${seed}`).toBe(names.length);
      expect(new Set(doc.order).size).toBe(Object.keys(doc.nodes).length);
      for (const edge of doc.edges) expect([edge.from.node, edge.to.node].every((id) => doc.nodes[id] !== undefined), `LINKFLOW_SEED=${seed}`).toBe(true);
      for (const name of Object.keys(doc.pinned)) expect(names, `LINKFLOW_SEED=${seed}`).toContain(name);
      const again = sound(readFile(JSON.parse(JSON.stringify(writeFile(doc)))));
      expect(again, `LINKFLOW_SEED=${seed}`).toEqual(doc);
    }
  }, SLOW_MS);

  it("of two people that touch different nodes merges without a question, whoever comes first", () => {
    for (let seed = SEED; seed < SEED + RUNS; seed++) {
      const random = randomOf(seed);
      const base = randomDoc(random, 25);
      const [a, b] = base.order;
      if (a === undefined || b === undefined) continue;
      const mine = changeNode(base, a, { notes: "mine", params: { mine: random() } });
      const theirs = changeNode(base, b, { notes: "theirs", params: { theirs: random() } });
      const merged = merge(base, mine, theirs);
      expect(merged.conflicts, `LINKFLOW_SEED=${seed}`).toEqual([]);
      expect(isSame(merged.doc, merge(base, theirs, mine).doc), `LINKFLOW_SEED=${seed}`).toBe(true);
      expect([merged.doc.nodes[a]?.notes, merged.doc.nodes[b]?.notes]).toEqual(["mine", "theirs"]);
    }
  }, SLOW_MS);
});

describe("history", () => {
  it("keeps the last steps only", () => {
    let history = begin(draw("A"));
    for (let n = 0; n < STEPS_MAX + 20; n++) history = take(history, "move", moveNodes(history.doc, new Map([["A", [n, n + 1]]])), n * 2_000);
    expect(history.past.length).toBe(STEPS_MAX);
  });
  it("counts what is typed at one go as one step, and does not keep what changed nothing", () => {
    let history = begin(draw("A"));
    for (const [i, text] of ["h", "he", "hey"].entries()) history = take(history, "Change A", changeNode(history.doc, "A", { notes: text }), i * 100, "A.notes");
    history = take(history, "nothing", history.doc, 400);
    expect(history.past.map((step) => step.name)).toEqual(["Change A"]);
    expect(undo(history).doc.nodes["A"]?.notes).toBeUndefined();
  });
  it("forgets what was taken back once something else is done", () => {
    const first = take(begin(draw("A")), "one", draw("A B"), 0);
    expect(redo(take(undo(first), "two", draw("A C"), 5_000)).doc.order).toEqual(["A", "C"]);
  });
});

describe("nodes", () => {
  it("come in behind an output, or into a link", () => {
    const after = addNode(draw("A>B"), { kind: "set", name: "A", position: [0.4, 9.6] }, { after: { node: "B", port: 0 } });
    expect(picture(after.doc)).toBe("A>B B>A 2");
    expect(after.doc.nodes[after.id]?.position).toEqual([0, 10]);
    const doc = draw("A>B");
    expect(picture(addNode(doc, { kind: "set", name: "C", position: [0, 0] }, { into: doc.edges[0]! }).doc)).toBe("A>C C>B");
  });
  it("that go leave a link where the way is clear", () => {
    expect(picture(removeNodes(draw("A>B B>C"), ["B"]))).toBe("A>C");
    expect(picture(removeNodes(draw("A>B B>C B>D"), ["B"]))).toBe("A C D");
    expect(picture(removeNodes(draw("A>B B>C C>D"), ["B", "C"]))).toBe("A>D");
    expect(picture(removeNodes(draw("A>B B>C A>C"), ["B"]))).toBe("A>C");
  });
  it("are renamed with everything that speaks of them", () => {
    const params = {
      a: "={{ $('A').item.json.x + $(\"A\").first() }}",
      b: { deep: ["={{ $node[\"A\"].json.y }} {{ $node.A.json }} {{ $items('A') }}"] },
      c: "A stays, and so does $('AA')",
    };
    const doc = pinItems(changeNode(draw("A>B"), "B", { params }), "A", [{ json: {} }]);
    const after = sound(renameNode(doc, "A", "It's"));
    expect(after.nodes["B"]?.params).toEqual({
      a: "={{ $('It\\'s').item.json.x + $(\"It's\").first() }}",
      b: { deep: ["={{ $node[\"It's\"].json.y }} {{ $node[\"It's\"].json }} {{ $items('It\\'s') }}"] },
      c: "A stays, and so does $('AA')",
    });
    expect(Object.keys(after.pinned)).toEqual(["It's"]);
    expect(sound(renameNode(after, "A", "A")).nodes["B"]?.params["a"]).toBe(params.a);
  });
  it("keep their names apart", () => {
    const check = (wish: string, why: RegExp) => expect((renameNode(draw("A>B"), "A", wish) as { refused: string }).refused).toMatch(why);
    check("B", /named “B” already/);
    check("  ", /must have a name/);
    check("x".repeat(201), /200 characters/);
  });
  it("are switched off together, and on when all are off", () => {
    const half = changeNode(draw("A>B"), "A", { disabled: true });
    const off = toggleDisabled(half, ["A", "B"]);
    expect(nodesOf(off).map((node) => node.disabled)).toEqual([true, true]);
    expect(nodesOf(toggleDisabled(off, ["A", "B"])).map((node) => "disabled" in node)).toEqual([false, false]);
  });
});

describe("links", () => {
  const refusal = (doc: Doc, from: string, to: string, port = 0) => (connect(doc, { node: from, port }, { node: to, port: 0 }, KINDS) as { refused?: string }).refused ?? "linked";
  it("are refused with the reason", () => {
    const doc = draw("A>B N T", { N: "sticky_note", T: "manual_trigger" });
    expect(refusal(doc, "A", "B")).toMatch(/already/);
    expect(refusal(doc, "A", "T")).toMatch(/nothing can lead to it/);
    expect(refusal(doc, "A", "N")).toMatch(/Notes/);
    expect(refusal(doc, "A", "B", 1)).toMatch(/no port 2/);
    expect(refusal(doc, "B", "A")).toBe("linked");
  });
  it("are counted, followed and taken away", () => {
    const doc = draw("A>B B>C B>D C>D");
    expect([...downstream(doc, "B")].sort().join("")).toBe("CD");
    expect([...upstream(doc, "C")].sort().join("")).toBe("AB");
    expect(linksOf(doc, "D").incoming.length).toBe(2);
    expect(picture(disconnect(doc, [doc.edges[0]!]))).toBe("B>C B>D C>D A");
  });
  it("give the order in which people read a workflow", () => {
    expect(inFlow(draw("B>C A>B C>A2")).join(" ")).toBe("A B C A2");
    expect(inFlow(draw("A>B A>C B>D C>D")).join(" ")).toBe("A B D C");
    expect(inFlow(draw("A>B B>A")).join(" ")).toBe("A B");
  });
});

describe("ports", () => {
  const check = (kind: string, params: Record<string, unknown>, expected: string, on_error?: "continue_error_output") => {
    const ports = portsOf({ kind, params, ...(on_error === undefined ? {} : { on_error }) }, KINDS);
    expect(`${ports.inputs} | ${ports.outputs}`).toBe(expected);
  };
  it("follow the parameters", () => {
    check("merge", { numberInputs: 3 }, "input 1,input 2,input 3 | main");
    check("merge", { mode: "combine", numberInputs: 3 }, "input 1,input 2 | main");
    check("switch", { rules: { values: [{ outputKey: "big", renameOutput: true }, {}] }, options: { fallbackOutput: "extra" } }, "main | big,1,fallback");
    check("switch", { mode: "expression", numberOutputs: 2 }, "main | 0,1");
    check("switch", {}, "main | ");
    check("set", {}, "main | main,error", "continue_error_output");
    check("missing:n8n-nodes-base.slack", {}, "main | main");
  });
});

describe("copies", () => {
  it("go into another document under free names, and speak of each other", () => {
    const source = changeNode(draw("A>B B>C"), "B", { params: { x: "={{ $('A').item }} {{ $('C').item }}" }, webhook_id: "secret" });
    const read = readText(copyText(source, ["A", "B"]));
    if (read.is !== "ours") throw new Error(read.is);
    const { doc, ids } = paste(draw("A>B"), read.part, [100, 200], randomOf(1));
    expect(picture(doc)).toBe("A>B A 2>B 2");
    expect(nodeNamed(doc, "B 2")?.params["x"]).toBe("={{ $('A 2').item }} {{ $('C').item }}");
    expect(nodeNamed(doc, "B 2")?.webhook_id).toBeUndefined();
    expect(doc.nodes[ids[0]!]?.position).toEqual([100, 200]);
  });
  it("of other programs are told from ours, and nonsense is refused", () => {
    const check = (text: string, is: string) => expect(readText(text).is).toBe(is);
    check('{"nodes":[{"name":"A","type":"n8n-nodes-base.set","parameters":{}}],"connections":{}}', "foreign");
    check('{"nodes":[{"id":"a","name":"A","kind":"set"}]}', "ours");
    for (const text of ["", "{", "3", "[]", "null", '{"nodes":3}', '{"nodes":[3]}', '{"nodes":[{"id":"a"}]}']) check(text, "refused");
  });
});

describe("comparing", () => {
  it("names what was added, removed, changed and only moved", () => {
    const before = draw("A>B B>C");
    const moved = moveNodes(removeNodes(before, ["C"]), new Map([["A", [7, 7]]]));
    const after = addNode(changeNode(moved, "B", { params: { url: "x" } }), { kind: "set", name: "D", position: [0, 0] }).doc;
    const said = compare(before, after);
    expect(said.nodes.map(({ name, state }) => `${name} ${state}`).sort()).toEqual(["A moved", "B changed", "C removed", "D added"]);
    expect(said.nodes.find(({ name }) => name === "B")?.fields).toEqual([{ path: ["node", "B", "params", "url"], before: undefined, after: "x" }]);
    expect(said.links.map(({ state }) => state)).toEqual(["removed"]);
    expect(compare(before, before)).toEqual({ nodes: [], links: [], rest: [] });
  });
});

describe("merging", () => {
  const base = changeNode(draw("A>B B>C"), "A", { params: { url: "old", method: "GET" } });
  const of = (change: (doc: Doc) => Doc) => change(base);
  it("brings both sides' changes together, field by field", () => {
    const merged = merge(base, of((d) => changeNode(d, "A", { params: { url: "mine", method: "GET" } })), of((d) => changeNode(d, "A", { params: { url: "old", method: "POST" } })));
    expect(merged.conflicts).toEqual([]);
    expect(merged.doc.nodes["A"]?.params).toEqual({ url: "mine", method: "POST" });
  });
  it("asks where both changed the same field, and does as chosen", () => {
    const [mine, theirs] = [of((d) => changeNode(d, "A", { params: { url: "mine" } })), of((d) => changeNode(d, "A", { params: { url: "theirs", method: "GET" } }))];
    const asked = merge(base, mine, theirs);
    expect(asked.conflicts.map(({ path }) => path.join("."))).toEqual(["node.A.params.url"]);
    expect(asked.doc.nodes["A"]?.params).toEqual({ url: "mine" });
    expect(merge(base, mine, theirs, { [asked.conflicts[0]!.key]: "theirs" }).doc.nodes["A"]?.params["url"]).toBe("theirs");
  });
  it("asks whether a node stays that one removed and the other changed", () => {
    const [mine, theirs] = [of((d) => removeNodes(d, ["A"])), of((d) => changeNode(d, "A", { notes: "keep me" }))];
    const asked = merge(base, mine, theirs);
    expect(asked.conflicts.map(({ path }) => path.join("."))).toEqual(["node.A"]);
    expect(asked.doc.nodes["A"]).toBeUndefined();
    expect(merge(base, mine, theirs, { [asked.conflicts[0]!.key]: "theirs" }).doc.nodes["A"]?.notes).toBe("keep me");
  });
  it("gives nodes that both added under one name a name each", () => {
    const add = (id: string) => of((d) => addNode(d, { kind: "set", name: "New", position: [0, 0] }, undefined, randomOf(id.length)).doc);
    expect(nodesOf(merge(base, add("a"), add("bb")).doc).map((node) => node.name)).toEqual(["A", "B", "C", "New", "New 2"]);
  });
});

describe("places", () => {
  const boxes = new Map([["A", { x: 0, y: 0, width: 100, height: 40 }], ["B", { x: 50, y: 200, width: 60, height: 40 }], ["C", { x: 300, y: 90, width: 100, height: 40 }]]);
  const at = (doc: Doc) => nodesOf(doc).map((node) => node.position.join(",")).join(" ");
  it("are brought onto one line, and apart evenly", () => {
    expect(at(alignNodes(draw("A B C"), boxes, "right"))).toBe("300,0 340,200 300,90");
    expect(at(alignNodes(draw("A B C"), boxes, "middle"))).toBe("0,100 50,100 300,100");
    expect(at(spreadNodes(draw("A B C"), boxes, "x"))).toBe("0,0 170,200 300,90");
  });
  it("that are taken are avoided", () => expect(freePlace([0, 0], cardSize(1), [boxAt([0, 0], cardSize(1)), boxAt([0, 90], cardSize(1))])[1]).toBeGreaterThan(150));
});

describe("the layout", () => {
  const size = cardSize(1);
  const laid = (doc: Doc) => layout(nodesOf(doc).map(({ id }) => ({ id, ...size })), doc.edges.map(({ from, to }) => ({ from: from.node, to: to.node, fromPort: from.port })));
  it("goes from left to right, and puts branches in the order of their outputs", () => {
    const places = laid(draw("A>B A>C B>D C>D"));
    const x = (id: string) => places.get(id)![0];
    expect([x("A") < x("B"), x("B") === x("C"), x("C") < x("D")]).toEqual([true, true, true]);
    expect(places.get("B")![1]).toBeLessThan(places.get("C")![1]);
  });
  it("survives circles and lone nodes", () => expect(laid(draw("A>B B>A C")).size).toBe(3));
  it("places a random graph without overlap", () => {
    for (let seed = SEED; seed < SEED + RUNS; seed++) {
      const doc = randomDoc(randomOf(seed), 50);
      const boxes = [...laid(doc).values()].map((point) => boxAt(point, size));
      const hit = boxes.some((box, i) => boxes.slice(i + 1).some((other) => overlaps(box, other, -1)));
      expect(hit, `LINKFLOW_SEED=${seed}`).toBe(false);
    }
  }, SLOW_MS);
});
