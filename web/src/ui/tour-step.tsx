// One page of the look around.

import { TOUR } from "../texts/tour";
import { Button } from "./button";
import { Dialog } from "./dialog";

export default function TourStep({ at, onMove, onEnd }: { at: number; onMove: (at: number) => void; onEnd: () => void }) {
  const step = TOUR.steps[at];
  const isLast = at === TOUR.steps.length - 1;
  const footer = (
    <>
      <span className="quiet left">{TOUR.at(at + 1, TOUR.steps.length)}</span>
      {at > 0 && <Button onClick={() => onMove(at - 1)}>{TOUR.back}</Button>}
      <Button look="primary" autoFocus onClick={() => (isLast ? onEnd() : onMove(at + 1))}>{isLast ? TOUR.done : TOUR.next}</Button>
    </>
  );
  return (
    <Dialog title={TOUR.title} onClose={onEnd} footer={footer} size="small">
      <div aria-live="polite" className="tour-text"><h3>{step?.title}</h3><p>{step?.text}</p></div>
    </Dialog>
  );
}
