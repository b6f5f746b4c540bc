// The workflow as one picture, behind the canvas while it is far away, and as the small map in the corner.

import { useCallback, useEffect, useRef, type PointerEvent } from "react";
import { useStoreApi } from "@xyflow/react";
import { EDITOR } from "../texts/editor";
import { fit, ZOOM_FAR, type Lens } from "./lens";
import { inkOf, paint, type Ink, type Scene } from "./paint";

/** Draws the scene with the canvas' own lens, once a frame at most, and only when something changed. */
export function Overview({ scene }: { scene: Scene }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const flow = useStoreApi();
  const now = useRef(scene);
  now.current = scene;
  const draw = useDraw(canvas, useCallback((element: HTMLCanvasElement, ink: Ink) => {
    const [x, y, zoom] = flow.getState().transform;
    if (zoom < ZOOM_FAR) paint(element, now.current, { x, y, zoom }, ink);
  }, [flow]));
  useEffect(() => flow.subscribe((state, before) => { if (state.transform !== before.transform || state.width !== before.width) draw(); }), [flow, draw]);
  useEffect(draw, [scene, draw]);
  return <canvas ref={canvas} className="editor-overview" aria-hidden="true" />;
}

/** The whole in the corner; pressing it goes there. */
export function SmallMap({ scene, onGo }: { scene: Scene; onGo: (x: number, y: number) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const flow = useStoreApi();
  const now = useRef(scene);
  now.current = scene;
  const lens = useRef<Lens>({ x: 0, y: 0, zoom: 1 });
  const place = useCallback(() => {
    const { transform: [x, y, zoom], width, height } = flow.getState();
    if (frame.current === null) return;
    const at = lens.current;
    const style = frame.current.style;
    style.transform = `translate(${(-x / zoom) * at.zoom + at.x}px, ${(-y / zoom) * at.zoom + at.y}px)`;
    style.width = `${(width / zoom) * at.zoom}px`;
    style.height = `${(height / zoom) * at.zoom}px`;
  }, [flow]);
  const draw = useDraw(canvas, useCallback((element: HTMLCanvasElement, ink: Ink) => {
    lens.current = fit(now.current.view.boxes.values(), { width: element.clientWidth + 80, height: element.clientHeight + 80 }, 0.15);
    lens.current = { ...lens.current, x: lens.current.x - 40, y: lens.current.y - 40 };
    paint(element, now.current, lens.current, ink);
    place();
  }, [place]));
  useEffect(() => flow.subscribe((state, before) => { if (state.transform !== before.transform) place(); }), [flow, place]);
  useEffect(draw, [scene, draw]);
  const go = (event: PointerEvent<HTMLDivElement>) => {
    if (event.buttons !== 1) return;
    const box = event.currentTarget.getBoundingClientRect();
    onGo((event.clientX - box.left - lens.current.x) / lens.current.zoom, (event.clientY - box.top - lens.current.y) / lens.current.zoom);
  };
  return (
    <div className="editor-map" title={EDITOR.overview} aria-hidden="true" onPointerDown={go} onPointerMove={go}>
      <canvas ref={canvas} />
      <div ref={frame} className="editor-map-frame" />
    </div>
  );
}

/** A function that has the canvas drawn with the next frame, also when its size or the colours change. */
function useDraw(canvas: React.RefObject<HTMLCanvasElement | null>, onDraw: (canvas: HTMLCanvasElement, ink: Ink) => void): () => void {
  const due = useRef(0);
  const draw = useCallback(() => {
    if (due.current !== 0) return;
    due.current = requestAnimationFrame(() => {
      due.current = 0;
      if (canvas.current !== null) onDraw(canvas.current, inkOf(canvas.current));
    });
  }, [canvas, onDraw]);
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const sizes = new ResizeObserver(draw);
    sizes.observe(element);
    const themes = new MutationObserver(draw);
    themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      sizes.disconnect();
      themes.disconnect();
      scheme.removeEventListener("change", draw);
      cancelAnimationFrame(due.current);
      due.current = 0;
    };
  }, [canvas, draw]);
  return draw;
}
