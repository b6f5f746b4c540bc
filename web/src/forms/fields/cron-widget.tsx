// A cron expression, with some to begin with. The form shows when it is due next.

import { FORMS } from "../../texts/forms";
import { useForm, type WidgetProps } from "../context";

export function CronWidget({ value, set, control }: WidgetProps) {
  const { isReadOnly } = useForm();
  const text = typeof value === "string" ? value : "";
  return (
    <>
      <input type="text" className="mono" autoComplete="off" spellCheck={false} {...control} readOnly={isReadOnly} value={text} placeholder="0 9 * * 1-5" onChange={(e) => set(e.target.value)} />
      <small className="quiet">{FORMS.cronHint}</small>
      <div className="row">
        {Object.entries(FORMS.cronExamples).map(([cron, words]) => (
          <button key={cron} type="button" className="small" disabled={isReadOnly} aria-pressed={text === cron} title={cron} onClick={() => set(cron)}>{words}</button>
        ))}
      </div>
    </>
  );
}
