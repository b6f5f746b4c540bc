// Runs of a part, for the step that is edited: the step alone, up to it, from it on.

import { CirclePlay, SkipForward, StepForward } from "lucide-react";
import { RUNS } from "../texts/runs";
import { Button } from "../ui";
import "./runs.css";
import { runFrom, runStep, runTo, type Part } from "./start";

type Props = {
  node: string;
  /** The execution that is shown; null when nothing has run. */
  execution: string | null;
  isBusy: boolean;
  onRun: (part: Part) => void;
};

export function RunPart({ node, execution, isBusy, onRun }: Props) {
  return (
    <span className="row runs-part" role="group" aria-label={RUNS.runStep}>
      <Button isSmall disabled={isBusy} title={RUNS.runStepHint} onClick={() => onRun(runStep(node, execution))}><CirclePlay size={14} aria-hidden /> {RUNS.runStep}</Button>
      <Button isSmall disabled={isBusy} title={RUNS.runToHint} onClick={() => onRun(runTo(node))}><StepForward size={14} aria-hidden /> {RUNS.runTo}</Button>
      {execution !== null && (
        <Button isSmall disabled={isBusy} title={RUNS.runFromHint} onClick={() => onRun(runFrom(node, execution))}><SkipForward size={14} aria-hidden /> {RUNS.runFrom}</Button>
      )}
    </span>
  );
}
