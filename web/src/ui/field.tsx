// A labelled control, with a hint and what is wrong with it.

import { useId, type ReactNode } from "react";
import { CircleAlert } from "lucide-react";

type LabeledProps = {
  label: ReactNode;
  hint?: ReactNode;
  problem?: string | undefined;
  /** Beside the label: a switch, a menu. */
  aside?: ReactNode;
  className?: string;
  children: (control: { id: string; "aria-describedby": string | undefined; "aria-invalid": true | undefined }) => ReactNode;
};

export function Labeled({ label, hint, problem, aside, className = "", children }: LabeledProps) {
  const id = useId();
  const ids = [hint === undefined ? "" : `${id}-hint`, problem === undefined ? "" : `${id}-problem`].filter((part) => part !== "");
  return (
    <div className={`field ${className}`}>
      <div className="field-head">
        <label htmlFor={id}>{label}</label>
        {aside}
      </div>
      {children({ id, "aria-describedby": ids.length === 0 ? undefined : ids.join(" "), "aria-invalid": problem === undefined ? undefined : true })}
      {hint !== undefined && <small id={`${id}-hint`} className="quiet">{hint}</small>}
      {problem !== undefined && <FieldProblem id={`${id}-problem`}>{problem}</FieldProblem>}
    </div>
  );
}

export function FieldProblem({ id, children }: { id?: string; children: ReactNode }) {
  return (
    <small id={id} className="problem">
      <CircleAlert size={12} aria-hidden />
      <span>{children}</span>
    </small>
  );
}

type ToggleProps = { label: ReactNode; hint?: ReactNode; isOn: boolean; onChange: (isOn: boolean) => void; isDisabled?: boolean };

/** On or off. */
export function Toggle({ label, hint, isOn, onChange, isDisabled = false }: ToggleProps) {
  const id = useId();
  return (
    <div className="toggle">
      <input type="checkbox" role="switch" id={id} checked={isOn} disabled={isDisabled} onChange={(e) => onChange(e.target.checked)}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`} />
      <label htmlFor={id}>{label}</label>
      {hint !== undefined && <small id={`${id}-hint`} className="quiet">{hint}</small>}
    </div>
  );
}
