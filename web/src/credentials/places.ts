// The places of credentials.

import type { Places } from "../router/places";

export const places: Places = [
  { path: "/credentials", title: "Credentials", load: () => import("./credentials-page"), nav: { label: "Credentials", order: 50, group: "Data" }, within: "/credentials" },
  { path: "/oauth2/callback", title: "Connecting", load: () => import("./callback-page") },
];
