// One execution on a page of its own.

import { go } from "../router";
import { ExecutionView } from "../run-view";

export function ExecutionPage({ id }: { id: string }) {
  return <ExecutionView id={id} heading="h1" onStarted={(started) => go(`/executions/${started}`)} />;
}
