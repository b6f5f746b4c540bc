// Entry: the query cache, and the page on the screen.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { Problem } from "./api";
import { App } from "./app";
import { applyTheme } from "./theme";
import "./styles.css";

applyTheme();

const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => {
      // The session has ended meanwhile: ask again who is signed in, which leads to the sign-in page.
      const isOver = error instanceof Problem && error.status === 401 && query.queryKey[0] !== "session";
      if (isOver) void queryClient.invalidateQueries({ queryKey: ["session"] });
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      retry: (n, error) => n < 2 && (!(error instanceof Problem) || error.status === 0 || error.status === 503),
    },
  },
});

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
