// The sentence about a field, behind a mark beside its label.

import { CircleHelp } from "lucide-react";
import { FORMS } from "../../texts/forms";
import { Tip } from "../../ui/tooltip";
import type { Field } from "../types";

export function AboutField({ field }: { field: Field }) {
  if (field.about === "") return null;
  return (
    <Tip text={field.about}>
      <button type="button" className="bare form-about" aria-label={`${FORMS.more(field.label)}: ${field.about}`}><CircleHelp size={13} aria-hidden /></button>
    </Tip>
  );
}
