// Why something cannot be done with a workflow, in sentences.

export const TEXTS = {
  noSuchNode: "This step is not there any more.",
  nameEmpty: "A step must have a name.",
  nameLong: (max: number) => `A name may have ${max} characters.`,
  nameTaken: (name: string) => `Another step is named “${name}” already.`,
  notesHaveNoLinks: "Notes have no links.",
  linkedAlready: (from: string, to: string) => `“${from}” leads to “${to}” already.`,
  noInput: (name: string) => `“${name}” starts the workflow: nothing can lead to it.`,
  noSuchPort: (name: string, port: number) => `“${name}” has no port ${port + 1}.`,
  notJson: (why: string) => `This is not JSON: ${why}`,
  notAWorkflow: "This is no workflow: it has no list of nodes.",
  badNode: (i: number, why: string) => `Node ${i + 1} ${why}.`,
  nothingToPaste: "There is nothing to paste: copy some steps first.",
} as const;
