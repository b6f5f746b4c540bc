// What every field of a form needs to know of it.

import { createContext, useContext } from "react";
import type { Field, FormKind, Params, Scope } from "./types";
import { pathText, type Key } from "./values";

export type Form = {
  kind: FormKind;
  params: Params;
  roots: Field[];
  scope: Scope;
  isReadOnly: boolean;
  problems: Record<string, string>;
  timezone: string | undefined;
  /** `what` names the change; `undefined` takes the value away. */
  set: (path: Key[], value: unknown, what: string) => void;
};

export const FormContext = createContext<Form | null>(null);

export function useForm(): Form {
  const form = useContext(FormContext);
  if (form === null) throw new Error("fields stand in a form");
  return form;
}

export function useProblem(path: Key[]): string | undefined {
  return useForm().problems[pathText(path)];
}

/** What a widget is given. */
export type WidgetProps = {
  field: Field;
  /** Where its value is. */
  path: Key[];
  value: unknown;
  set: (value: unknown) => void;
  control: { id: string; "aria-describedby": string | undefined; "aria-invalid": true | undefined };
};
