// A heading over fields that belong together.

import type { ReactNode } from "react";
import type { Field } from "../types";
import { AboutField } from "./about-field";

export function Section({ field, children, aside }: { field: Field; children: ReactNode; aside?: ReactNode }) {
  return (
    <fieldset className="form-section">
      <legend>{field.label} <AboutField field={field} /></legend>
      {aside}
      {children}
    </fieldset>
  );
}
