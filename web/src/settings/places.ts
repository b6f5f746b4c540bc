// Settings, people and API keys.

import type { Places } from "../router/places";

export const places: Places = [
  { path: "/users", title: "People", load: () => import("./people-page"), nav: { label: "People", order: 100, group: "Server" } },
  { path: "/settings/api-keys", title: "API keys", load: () => import("./api-keys-page"), nav: { label: "API keys", order: 110, group: "Server" }, role: "admin" },
  { path: "/settings", title: "Settings", load: () => import("./settings-page"), nav: { label: "Settings", order: 120, group: "Server" } },
];
