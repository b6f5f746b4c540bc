// The place of tags.

import type { Places } from "../router/places";

export const places: Places = [
  { path: "/tags", title: "Tags", load: () => import("./tags-page"), nav: { label: "Tags", order: 80, group: "Data" } },
];
