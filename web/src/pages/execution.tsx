// One execution on a page of its own.

import { go } from "../router";
import type { PageProps } from "../router/places";
import { ExecutionView } from "../run-view";

export default function ExecutionPage({ params }: PageProps) {
  const id = params["id"] ?? "";
  return <Execution key={id} id={id} />;
}

function Execution({ id }: { id: string }) {
  return <ExecutionView id={id} heading="h1" onStarted={(started) => go(`/executions/${started}`)} />;
}
