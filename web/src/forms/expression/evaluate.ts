// What expressions give, asked of the server: those that are on the screen go together in one request.

import { useEffect, useState } from "react";
import { call, messageOf } from "../../api";
import type { Scope } from "../types";

export type Evaluated = { value: unknown; type: string | null; error: string | null };
export type Evaluation = { at: "asking" } | { at: "given"; given: Evaluated } | { at: "failed"; why: string };

const REST_MS = 200;
const TOGETHER_MS = 20;
const TOGETHER_MAX = 50;
const KEPT_MAX = 500;
/** Items of each other node that go along. */
const ITEMS_MAX = 20;

type Waiting = { expression: string; done: (given: Evaluated) => void; failed: (error: unknown) => void };
const waiting = new Map<Scope, Waiting[]>();
const kept = new Map<string, Evaluated>();

/** Evaluates an expression; others that are asked for in the same moment go along. */
export function evaluate(expression: string, scope: Scope): Promise<Evaluated> {
  const key = `${scope.key}\n${expression}`;
  const known = kept.get(key);
  if (known !== undefined) return Promise.resolve(known);
  const asked = new Promise<Evaluated>((done, failed) => {
    const list = waiting.get(scope) ?? [];
    if (list.length === 0) setTimeout(() => void send(scope), TOGETHER_MS);
    waiting.set(scope, [...list, { expression, done, failed }]);
  });
  return asked.then((given) => {
    if (kept.size >= KEPT_MAX) kept.clear();
    // What a clock or chance gives is not the same the next time.
    if (!/\$now|\$today|random|DateTime/i.test(expression)) kept.set(key, given);
    return given;
  });
}

async function send(scope: Scope): Promise<void> {
  const list = waiting.get(scope) ?? [];
  waiting.delete(scope);
  for (let i = 0; i < list.length; i += TOGETHER_MAX) {
    const part = list.slice(i, i + TOGETHER_MAX);
    try {
      const body = { expressions: part.map((one) => one.expression), ...(scope.json === null ? {} : { json: scope.json }), context: contextOf(scope) };
      const { items } = await call<{ items: Evaluated[] }>("/expressions/evaluate", { method: "POST", body });
      part.forEach((one, n) => (items[n] === undefined ? one.failed(new Error("the answer is too short")) : one.done(items[n])));
    } catch (error) {
      for (const one of part) one.failed(error);
    }
  }
}

function contextOf(scope: Scope): Record<string, unknown> {
  const nodes = Object.fromEntries(Object.entries(scope.nodes).map(([name, node]) => [name, { items: node.items.slice(0, ITEMS_MAX) }]));
  const { itemIndex, workflow, timezone } = scope;
  return { nodes, ...(workflow === undefined ? {} : { workflow }), ...(timezone === undefined ? {} : { timezone }), ...(itemIndex === undefined ? {} : { itemIndex: Math.min(itemIndex, ITEMS_MAX - 1) }) };
}

/** What an expression gives, once it has rested for a moment. */
export function useEvaluation(expression: string, scope: Scope): Evaluation {
  const [state, setState] = useState<Evaluation>({ at: "asking" });
  useEffect(() => {
    let isOver = false;
    const timer = setTimeout(() => {
      evaluate(expression, scope).then(
        (given) => !isOver && setState({ at: "given", given }),
        (error: unknown) => !isOver && setState({ at: "failed", why: messageOf(error) }),
      );
    }, REST_MS);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [expression, scope]);
  return state;
}
