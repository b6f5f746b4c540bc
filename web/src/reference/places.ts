// The reference of steps.

import type { Places } from "../router/places";

export const places: Places = [
  { path: "/reference", title: "Steps", load: () => import("./reference-page"), nav: { label: "Steps", order: 45 }, within: "/reference" },
  { path: "/reference/:kind", title: "Step", load: () => import("./kind-page") },
];
