// The words of the reference of steps.

export const REFERENCE = {
  title: "Steps",
  about: "What workflows are made of. Each page has a form to try, and examples.",
  search: "Search steps",
  none: "No step is called that.",
  all: "All steps",
  categories: { trigger: "Triggers", flow: "Flow", data: "Data", files: "Files", network: "Network", code: "Code", service: "Services", other: "Others" } as Record<string, string>,
  try: "Try it",
  tryAbout: "Nothing here is saved or run. Drag a field of the item into a parameter.",
  json: "As it is stored",
  item: "The item",
  examples: "Examples",
  use: "Fill in",
  input: "Input",
  output: "Output",
  noExamples: "There are no examples.",
  outputs: "Outputs",
  also: "Also found as",
  outside: "It changes or asks something outside: it is written down before it happens.",
} as const;
