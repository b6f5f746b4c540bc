// Waits for one call of a webhook or a form in the editor: test addresses are open meanwhile, and what a call
// starts is shown.

import { useEffect, useState } from "react";
import { useMutation } from "@tanstack/react-query";
import { Radio } from "lucide-react";
import { useLive } from "../live";
import { RUNS } from "../texts/runs";
import { Button, Copy, complain } from "../ui";
import { listen, stopListening, type Listening } from "./start";
import "./runs.css";

type Props = {
  workflow: string;
  /** Saves first, so that what is on the screen listens; false when that failed. */
  onSave: () => Promise<boolean>;
  onStarted: (execution: string) => void;
};

export function ListenPanel({ workflow, onSave, onStarted }: Props) {
  const [open, setOpen] = useState<Listening | null>(null);
  const begin = useMutation({
    mutationFn: async () => ((await onSave()) ? listen(workflow) : null),
    onSuccess: setOpen,
    onError: complain,
  });
  const end = () => {
    setOpen(null);
    void stopListening(workflow).catch(complain);
  };
  useEffect(() => {
    if (open === null) return;
    const timer = setTimeout(() => setOpen(null), Math.max(0, open.until - Date.now()));
    return () => clearTimeout(timer);
  }, [open]);
  useLive(
    open === null ? null : `workflow:${workflow}`,
    (event) => {
      if (event.type !== "execution.accepted" || event.execution_id === null) return;
      end();
      onStarted(event.execution_id);
    },
    () => {},
  );
  if (open === null) {
    return <Button isSmall className="runs-listen" title={RUNS.listenHint} disabled={begin.isPending} onClick={() => begin.mutate()}><Radio size={14} aria-hidden /> {RUNS.listen}</Button>;
  }
  return (
    <div className="note note-ok" role="status">
      <p>{RUNS.listening}. {RUNS.listenUntil(new Date(open.until).toLocaleTimeString())}</p>
      <ul className="plain">
        {open.urls.map((url) => (
          <li key={`${url.method} ${url.url}`} className="row">
            <strong>{url.method}</strong> <code className="wrap">{url.url}</code> <Copy text={url.url} label={RUNS.listenCopy(url.node)} />
          </li>
        ))}
      </ul>
      <Button isSmall onClick={end}>{RUNS.listenStop}</Button>
    </div>
  );
}
