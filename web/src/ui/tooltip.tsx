// A few words about a control, when the pointer rests on it or the focus is on it.

import { useId, useRef, useState, type ReactNode } from "react";
import { Floating } from "./floating";

type TipProps = { text: ReactNode; children: ReactNode; className?: string };

/** The child should be able to have the focus, or nobody without a pointer reads the tip. */
export function Tip({ text, children, className = "" }: TipProps) {
  const [isShown, setShown] = useState(false);
  const anchor = useRef<HTMLSpanElement>(null);
  const id = useId();
  const show = () => setShown(true);
  const hide = () => setShown(false);
  return (
    <span ref={anchor} className={`tip-of ${className}`} aria-describedby={isShown ? id : undefined} onPointerEnter={show} onPointerLeave={hide}
      onFocus={show} onBlur={hide} onKeyDown={(e) => { if (e.key === "Escape" && isShown) { e.stopPropagation(); hide(); } }}>
      {children}
      {isShown && <Floating anchor={anchor} role="tooltip" id={id} className="tip">{text}</Floating>}
    </span>
  );
}
