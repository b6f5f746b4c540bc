// Import of workflow files: dropped anywhere on the page or chosen by a button, each with a report
// that says of every node whether it runs.

import { Suspense, createContext, lazy, useContext, useEffect, useRef, useState, type ReactNode } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call, newKey, type Imported, type List } from "./api";
import { Failure } from "./ui";

const Report = lazy(() => import("./import-report"));

const FILES_MAX = 100;
const BYTES_MAX = 12 * 1024 * 1024;

type Take = (files: File[]) => void;
const TakeFiles = createContext<Take>(() => {});

async function send(files: File[]): Promise<Imported[]> {
  if (files.length > FILES_MAX) throw new Error(`At most ${FILES_MAX} files at once, got ${files.length}.`);
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  if (bytes > BYTES_MAX) throw new Error(`At most ${BYTES_MAX / 1024 / 1024} MB at once. Import fewer files.`);
  const read = async (file: File) => ({ name: file.name, content: await file.text() });
  const body = { files: await Promise.all(files.map(read)) };
  const headers = { "idempotency-key": newKey() };
  return (await call<List<Imported>>("/workflows/import", { method: "POST", body, headers })).items;
}

/** Takes dropped files, and shows what became of them above the page. */
export function ImportZone({ children }: { children: ReactNode }) {
  const cache = useQueryClient();
  const [isOver, setOver] = useState(false);
  const run = useMutation({
    mutationFn: send,
    onSuccess: () => cache.invalidateQueries({ queryKey: ["workflows"] }),
  });
  useDrop(setOver, (files) => run.mutate(files));
  return (
    <TakeFiles.Provider value={(files) => run.mutate(files)}>
      {isOver && <div className="drop" aria-hidden="true">Drop workflow files to import them</div>}
      {run.isPending && <p role="status" className="report card pad">Importing …</p>}
      {run.isError && (
        <div className="report"><Failure error={run.error}><button type="button" onClick={run.reset}>Close</button></Failure></div>
      )}
      {run.data !== undefined && <Suspense><Report items={run.data} onClose={run.reset} /></Suspense>}
      {children}
    </TakeFiles.Provider>
  );
}

function useDrop(setOver: (isOver: boolean) => void, take: Take): void {
  const latest = useRef(take);
  useEffect(() => {
    latest.current = take;
  });
  useEffect(() => {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") === true;
    const over = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(false);
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length > 0) latest.current(files);
    };
    window.addEventListener("dragover", over);
    window.addEventListener("dragleave", leave);
    window.addEventListener("drop", drop);
    return () => {
      window.removeEventListener("dragover", over);
      window.removeEventListener("dragleave", leave);
      window.removeEventListener("drop", drop);
    };
  }, [setOver]);
}

/** The way to import without a mouse. */
export function ImportButton({ className }: { className?: string }) {
  const take = useContext(TakeFiles);
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input ref={input} type="file" accept=".json,application/json" multiple hidden
        onChange={(e) => {
          const files = [...(e.target.files ?? [])];
          e.target.value = "";
          if (files.length > 0) take(files);
        }} />
      <button type="button" className={className} onClick={() => input.current?.click()}>Import files</button>
    </>
  );
}
