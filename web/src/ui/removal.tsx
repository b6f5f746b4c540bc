// Deleting one thing of a list, after one more question.

import type { ReactNode } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "../api";
import { Ask } from "./dialog";
import { complain, say } from "./toast";

type RemovalProps = { title: string; children?: ReactNode; yes: string; path: string; done: string; queries: string[]; onClose: () => void; onDone?: () => void };

/** `path` is what is deleted at the server; `queries` are read anew afterwards. */
export function Removal({ title, children, yes, path, done, queries, onClose, onDone }: RemovalProps) {
  const cache = useQueryClient();
  const remove = useMutation({
    mutationFn: () => call<void>(path, { method: "DELETE" }),
    onSuccess: () => {
      say(done);
      onDone?.();
    },
    onError: complain,
    onSettled: async () => {
      onClose();
      await Promise.all(queries.map((key) => cache.invalidateQueries({ queryKey: [key] })));
    },
  });
  return <Ask title={title} yes={yes} isBusy={remove.isPending} onYes={() => remove.mutate()} onNo={onClose}>{children}</Ask>;
}
