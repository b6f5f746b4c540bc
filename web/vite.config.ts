import { defineConfig } from "vite";

const server = process.env["LINKFLOW_URL"] ?? "http://127.0.0.1:8090";

export default defineConfig({
  build: {
    // Nothing is put into the page itself: its policy forbids inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  server: {
    proxy: {
      "/api": server,
      "/ws": { target: server, ws: true },
    },
  },
});
