// The place of schedules.

import type { Places } from "../router/places";

export const places: Places = [
  { path: "/schedules", title: "Schedules", load: () => import("./schedules-page"), nav: { label: "Schedules", order: 30 } },
];
