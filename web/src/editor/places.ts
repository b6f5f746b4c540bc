// The places of the editor.

import type { Places } from "../router/places";

export const places: Places = [
  { path: "/workflows/:id", title: "Workflow", load: () => import("./editor-page"), frame: "wide" },
  { path: "/workflows/:id/versions", title: "Versions", load: () => import("./versions-page") },
  { path: "/workflows/:id/versions/:range", title: "Versions", load: () => import("./versions-page") },
];
