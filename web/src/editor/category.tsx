// The look of a kind's category: a picture, and the colour of the card's spine. The picture and the card's words
// say the same as the colour.

import { Braces, CircleHelp, Database, FileText, GitBranch, Globe, Plug, StickyNote, Zap, type LucideIcon } from "lucide-react";
import type { Kinds } from "../document/kinds";

const LOOKS: Record<string, LucideIcon> = {
  trigger: Zap, flow: GitBranch, data: Database, code: Braces, files: FileText, network: Globe, service: Plug, note: StickyNote,
};

export function categoryOf(kind: string, kinds: Kinds): string {
  return kinds.get(kind)?.category ?? "unknown";
}

export function CategoryIcon({ category, size = 16 }: { category: string; size?: number }) {
  const Picture = LOOKS[category] ?? CircleHelp;
  return <Picture size={size} aria-hidden className={`editor-icon editor-of-${category}`} />;
}
