// The layout in a worker: a thousand steps must not keep the page from answering.

import { layout } from "../document/layout";
import type { Order } from "./lay-out";

self.onmessage = (message: MessageEvent<Order>) => {
  self.postMessage([...layout(message.data.nodes, message.data.edges)]);
};
