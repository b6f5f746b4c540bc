// What opens at a control and lies over everything else: menus, lists of suggestions, tips.

import { useLayoutEffect, useRef, useState, type ComponentProps, type RefObject } from "react";
import { createPortal } from "react-dom";
import { spotAt, type Spot } from "./place";

type FloatingProps = { anchor: RefObject<HTMLElement | null>; onAway?: () => void; isAsWide?: boolean } & ComponentProps<"div">;

/** `onAway` is called when something else is pressed. */
export function Floating({ anchor, onAway, isAsWide = false, className = "", style, ...rest }: FloatingProps) {
  const ref = useRef<HTMLDivElement>(null);
  const [spot, setSpot] = useState<Spot & { minWidth: number }>();
  useLayoutEffect(() => {
    const place = () => {
      const at = anchor.current?.getBoundingClientRect();
      const own = ref.current;
      if (at === undefined || own === null) return;
      const size = { width: Math.max(own.offsetWidth, isAsWide ? at.width : 0), height: own.scrollHeight + 2 };
      setSpot({ ...spotAt(at, size, { width: innerWidth, height: innerHeight }), minWidth: isAsWide ? at.width : 0 });
    };
    place();
    const away = (event: PointerEvent) => {
      const target = event.target as Node;
      if (ref.current?.contains(target) === true || anchor.current?.contains(target) === true) return;
      onAway?.();
    };
    window.addEventListener("scroll", place, true);
    window.addEventListener("resize", place);
    document.addEventListener("pointerdown", away, true);
    return () => {
      window.removeEventListener("scroll", place, true);
      window.removeEventListener("resize", place);
      document.removeEventListener("pointerdown", away, true);
    };
  }, [anchor, onAway, isAsWide]);
  // An open modal dialog makes everything outside of it inert, so what opens in it lies in it; elsewhere it
  // stays within the landmark that it belongs to.
  const host = anchor.current?.closest("dialog, main, header") ?? document.body;
  const at = spot === undefined ? { visibility: "hidden" as const } : spot;
  return createPortal(<div ref={ref} className={`floating ${className}`} style={{ ...at, ...style }} {...rest} />, host);
}
