// The kinds that this person used lately, which the palette shows first.

const KEY = "linkflow:recent-kinds";
const KEPT_MAX = 6;

export function recent(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((kind): kind is string => typeof kind === "string") : [];
  } catch {
    return [];
  }
}

export function remember(kind: string): void {
  try {
    localStorage.setItem(KEY, JSON.stringify([kind, ...recent().filter((other) => other !== kind)].slice(0, KEPT_MAX)));
  } catch {
    // Without a place to keep it, the palette begins with everything.
  }
}
