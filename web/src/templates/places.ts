// The place of templates.

import type { Places } from "../router/places";

export const places: Places = [
  { path: "/templates", title: "Templates", load: () => import("./templates-page"), nav: { label: "Templates", order: 40 } },
];
