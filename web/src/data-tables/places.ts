// The places of data tables.

import type { Places } from "../router/places";

export const places: Places = [
  { path: "/data-tables", title: "Data tables", load: () => import("./tables-page"), nav: { label: "Data tables", order: 60, group: "Data" }, within: "/data-tables" },
  { path: "/data-tables/:id", title: "Data table", load: () => import("./table-page") },
];
