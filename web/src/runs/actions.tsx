// What can be done with an execution: stop it, run it again in several ways, hold it against another.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ChevronDown } from "lucide-react";
import { call, hasEnded, newKey, query, type ExecutionDetail, type List, type Execution, type WorkflowDetail } from "../api";
import { go } from "../router";
import { RUNS } from "../texts/runs";
import { Button, Confirm, Failure, Menu, useMay, type MenuItem } from "../ui";

export type RetryWish = { from: "start" | "failed" | "node"; node?: string; run?: number; version?: number };

/** Starts an execution again; goes to the new one. */
export function useRetry(id: string, onStarted: (id: string) => void) {
  return useMutation({
    mutationFn: (wish: RetryWish) =>
      call<{ execution_id: string }>(`/executions/${id}/retry`, { method: "POST", body: wish, headers: { "idempotency-key": newKey() } }),
    onSuccess: (started) => onStarted(started.execution_id),
  });
}

type Props = { execution: ExecutionDetail; isOver: boolean; node: string; retry: ReturnType<typeof useRetry> };

export function Actions({ execution, isOver, node, retry }: Props) {
  const cache = useQueryClient();
  const mayRun = useMay("execute");
  const cancel = useMutation({
    mutationFn: () => call<unknown>(`/executions/${execution.id}/cancel`, { method: "POST" }),
    onSettled: () => cache.invalidateQueries({ queryKey: ["execution", execution.id] }),
  });
  const hasFailed = execution.status === "error" || execution.status === "dead";
  const more = useMore(execution, isOver, node, retry.mutate);
  return (
    <>
      <div className="row">
        {mayRun && !isOver && <Confirm label={RUNS.stop} question={RUNS.stopQuestion} yes={RUNS.stopYes} isBusy={cancel.isPending} onYes={() => cancel.mutate()} />}
        {mayRun && isOver && hasFailed && <Button look="primary" disabled={retry.isPending} onClick={() => retry.mutate({ from: "failed" })}>{RUNS.retryFailed}</Button>}
        {mayRun && isOver && <Button disabled={retry.isPending} onClick={() => retry.mutate({ from: "start" })}>{RUNS.retryStart}</Button>}
        {more.length > 0 && <Menu label={RUNS.retryMore} items={more} className="icon-button"><ChevronDown size={16} aria-hidden /></Menu>}
      </div>
      {cancel.isError && <Failure error={cancel.error} />}
      {retry.isError && <Failure error={retry.error} />}
    </>
  );
}

/** Retries of one node and on the newest version, and what it can be compared with. */
function useMore(execution: ExecutionDetail, isOver: boolean, node: string, retry: (wish: RetryWish) => void): MenuItem[] {
  const mayRun = useMay("execute");
  const { id, workflow_id } = execution;
  const workflow = useQuery({ queryKey: ["workflow", workflow_id], queryFn: () => call<WorkflowDetail>(`/workflows/${workflow_id}`), enabled: isOver, retry: false });
  const success = useQuery({
    queryKey: ["last-success", workflow_id],
    queryFn: () => call<List<Execution>>(`/executions${query({ workflow: workflow_id, status: "success", limit: 2 })}`),
    enabled: isOver,
    staleTime: 30_000,
  });
  const items: MenuItem[] = [];
  const newest = workflow.data?.version;
  const has = (execution.runs[node]?.length ?? 0) > 0;
  if (mayRun && isOver) {
    if (has) items.push({ label: `${RUNS.retryNode}: ${node}`, onChoose: () => retry({ from: "node", node }) });
    if (newest !== undefined && newest !== execution.version) {
      const hint = RUNS.retryNew(newest);
      if (hasEnded(execution.status) && execution.status !== "success") items.push({ label: RUNS.retryFailed, hint, onChoose: () => retry({ from: "failed", version: newest }) });
      if (has) items.push({ label: `${RUNS.retryNode}: ${node}`, hint, onChoose: () => retry({ from: "node", node, version: newest }) });
      items.push({ label: RUNS.retryStart, hint, onChoose: () => retry({ from: "start", version: newest }) });
    }
  }
  const compare = (other: string) => () => go(`/executions/compare${query({ a: other, b: id })}`);
  const last = success.data?.items.find((one) => one.id !== id);
  if (items.length > 0 && (execution.retry_of !== null || last !== undefined)) items.push("line");
  if (execution.retry_of !== null) items.push({ label: RUNS.compareEarlier, onChoose: compare(execution.retry_of) });
  if (last !== undefined) items.push({ label: RUNS.compareLast, onChoose: compare(last.id) });
  return items;
}
