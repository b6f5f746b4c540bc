// The icons: drawn here, as the glyphs of a font are missing on some machines.

import type { ReactNode } from "react";

const SHAPES = {
  check: <path d="M3 8.5 6.5 12 13 4.5" />,
  cross: <path d="m4 4 8 8m0-8-8 8" />,
  clock: <><circle cx="8" cy="8" r="6" /><path d="M8 4.5V8l2.5 1.5" /></>,
  play: <path d="M5 3.5v9l7.5-4.5z" fill="currentColor" />,
  pause: <path d="M5.5 3.5v9m5-9v9" />,
  stop: <><circle cx="8" cy="8" r="6" /><path d="m4 12 8-8" /></>,
  off: <><path d="M5.2 2h5.6L14 5.2v5.6L10.8 14H5.2L2 10.8V5.2z" /><path d="m5.8 5.8 4.4 4.4m0-4.4-4.4 4.4" /></>,
  full: <circle cx="8" cy="8" r="4.5" fill="currentColor" />,
  half: <><circle cx="8" cy="8" r="4.5" /><path d="M8 3.5a4.5 4.5 0 0 1 0 9z" fill="currentColor" /></>,
  ring: <circle cx="8" cy="8" r="4.5" />,
  dash: <path d="M4.5 8h7" />,
  about: <path d="M2.5 6.5c2-2.5 3.7-1.5 5.5 0s3.5 2 5.5-.5m-11 5c2-2.5 3.7-1.5 5.5 0s3.5 2 5.5-.5" />,
  back: <path d="M9.5 3.5 5 8l4.5 4.5" />,
  open: <path d="m6 3.5 4.5 4.500L6 12.5" />,
  file: <path d="M4 1.500h5.500L12.5 5v9.500H4zM9 1.500V5.500h3.5" />,
  command: <path d="m3 4.5 4 3.5-4 3.500m5.5.5h5" />,
  spark: <path d="M3 4.500h4.500v7H13M3 4.500h.01M13 11.500h.01" strokeWidth="3" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof SHAPES;

/** A picture beside a word that says the same. */
export function Icon({ name, className = "" }: { name: IconName; className?: string }) {
  return (
    <svg className={`icon ${className}`} viewBox="0 0 16 16" aria-hidden="true" fill="none" stroke="currentColor"
      strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round">
      {SHAPES[name]}
    </svg>
  );
}

/** The sign of the program: two nodes and the link between them. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="var(--accent)" />
      <path d="M7 10h7v12h11" fill="none" stroke="var(--on-accent)" strokeWidth="3" strokeLinejoin="round" />
      <circle cx="7" cy="10" r="3" fill="var(--on-accent)" />
      <circle cx="25" cy="22" r="3" fill="var(--on-accent)" />
    </svg>
  );
}
