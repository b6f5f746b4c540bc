// Which page an address means. Each area of the page names its places in a file of its own,
// `src/<area>/places.ts`; they are gathered here, so that no list of all of them has to be kept.

import { lazy, type ComponentType } from "react";
import type { Role } from "../api";

/** What a page is given: the parts of its address that begin with a colon. */
export type PageProps = { params: Record<string, string> };
export type Page = ComponentType<PageProps>;

export type PlaceOf<P> = {
  /** The address, such as `/workflows/:id`. */
  path: string;
  /** What the browser's tab says. */
  title: string;
  /** The page, in a chunk of its own: `() => import("./page")`, whose default export it is. */
  load: () => Promise<{ default: P }>;
  /** `wide` pages take the whole window and do their own scrolling; the others stand in a column. */
  frame?: "column" | "wide";
  /** Its entry in the main navigation. Entries stand in the order of their numbers. */
  nav?: { label: string; order: number; group?: string };
  /** Addresses below which its entry counts as the current one, beside its own. */
  within?: string;
  /** The least role that may see it. */
  role?: Role;
};
export type Place = PlaceOf<Page> & { page: Page };

/** What a `places.ts` exports as `places`. */
export type Places = PlaceOf<Page>[];

export type Found = { place: Place; params: Record<string, string> };

const FILES = import.meta.glob<{ places: Places }>("../*/places.ts", { eager: true });

/** Every place, those without variable parts first: `/settings/tags` goes before `/settings/:name`. */
export const PLACES: Place[] = Object.entries(FILES)
  .filter(([file]) => file !== "./places.ts" && file !== "../router/places.ts")
  .flatMap(([, file]) => file.places)
  .map((place) => ({ ...place, page: lazy(place.load) }))
  .sort((a, b) => variables(a.path) - variables(b.path));

function variables(path: string): number {
  return path.split("/").filter((part) => part.startsWith(":")).length;
}

/** The place of an address, and what stands for its variable parts. */
export function findPlace(path: string, places: Place[] = PLACES): Found | null {
  for (const place of places) {
    const params = match(place.path, path);
    if (params !== null) return { place, params };
  }
  return null;
}

/** What an address has in place of a pattern's variable parts; null when it does not fit. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = parts(pattern);
  const given = parts(path);
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const value = given[i] ?? "";
    if (part.startsWith(":")) params[part.slice(1)] = decoded(value);
    else if (part !== value) return null;
  }
  return params;
}

function parts(path: string): string[] {
  return path.split("/").filter((part) => part !== "");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
