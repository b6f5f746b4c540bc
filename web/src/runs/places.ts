// The pages about executions.

import type { Places } from "../router/places";

export const places: Places = [
  { path: "/executions", title: "Executions", load: () => import("./executions-page"), nav: { label: "Executions", order: 20 }, within: "/executions" },
  { path: "/executions/compare", title: "Compare executions", load: () => import("./compare-page") },
  { path: "/executions/:id", title: "Execution", load: () => import("./execution-page"), frame: "wide" },
];
