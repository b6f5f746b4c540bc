// The place of variables.

import type { Places } from "../router/places";

export const places: Places = [
  { path: "/variables", title: "Variables", load: () => import("./variables-page"), nav: { label: "Variables", order: 70, group: "Data" } },
];
