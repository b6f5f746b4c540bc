// What a browser has to load before a page stands, gzipped: the page is built, and the chunks counted.

import { gzipSync } from "node:zlib";
import { resolve } from "node:path";
import { build, type Rolldown } from "vite";
import { beforeAll, expect, it } from "vitest";

type Chunk = Rolldown.OutputChunk;
let chunks: Map<string, Chunk>;

beforeAll(async () => {
  const root = resolve(import.meta.dirname, "..");
  const built = await build({ root, logLevel: "silent", mode: "production", define: { "process.env.NODE_ENV": '"production"' }, build: { write: false } });
  const outputs = (Array.isArray(built) ? built : [built]) as Rolldown.RolldownOutput[];
  const all = outputs.flatMap((output) => output.output).filter((file): file is Chunk => file.type === "chunk");
  chunks = new Map(all.map((chunk) => [chunk.fileName, chunk]));
}, 300_000);

/** The chunks without which a chunk does not start. */
function needs(chunk: Chunk, found = new Set<Chunk>()): Set<Chunk> {
  if (found.has(chunk)) return found;
  found.add(chunk);
  for (const name of chunk.imports) {
    const next = chunks.get(name);
    if (next !== undefined) needs(next, found);
  }
  return found;
}

function kilobytes(these: Iterable<Chunk>): number {
  return [...these].reduce((sum, chunk) => sum + gzipSync(chunk.code).length, 0) / 1024;
}

/** The chunk that a source file is the beginning of. */
function chunkOf(end: string): Chunk | undefined {
  return [...chunks.values()].find((chunk) => chunk.facadeModuleId?.endsWith(end) === true);
}

/** How much a page takes with everything it needs, the frame included. */
function pageSize(end: string): number {
  const entry = [...chunks.values()].find((chunk) => chunk.isEntry);
  const page = chunkOf(end);
  if (entry === undefined || page === undefined) throw new Error(`no chunk begins with ${end}`);
  return kilobytes(new Set([...needs(entry), ...needs(page)]));
}

it("the list of workflows loads at most 130 KB of script", () => expect(pageSize("src/pages/workflows.tsx")).toBeLessThan(130));
it("the editor loads at most 210 KB of script", () => expect(pageSize("src/editor/editor-page.tsx")).toBeLessThan(210));
it("everything together is at most 700 KB", () => expect(kilobytes(chunks.values())).toBeLessThan(700));
