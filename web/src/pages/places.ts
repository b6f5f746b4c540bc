// The places that no other area has taken over yet.

import type { Places } from "../router/places";

export const places: Places = [
  { path: "/", title: "Workflows", load: () => import("./workflows") },
  { path: "/workflows", title: "Workflows", load: () => import("./workflows"), nav: { label: "Workflows", order: 10 }, within: "/workflows" },
  { path: "/workflows/:id/details", title: "Workflow", load: () => import("./workflow") },
];
