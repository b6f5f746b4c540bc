// The words of the look around, which few read and so come when they are asked for.

export const TOUR = {
  title: "A look around",
  next: "Next",
  back: "Back",
  done: "Begin",
  later: "Not now",
  at: (n: number, of: number) => `${n} of ${of}`,
  steps: [
    { title: "Workflows", text: "A workflow is a row of steps. A trigger starts it: a call from outside, a clock, or you. Templates are a good beginning, and files from n8n can be dropped anywhere on the page." },
    { title: "Steps and their parameters", text: "Choose a step, and its input, parameters and output lie side by side. Any parameter can be an expression: press fx beside its name, or drag a field of the input into it." },
    { title: "Runs", text: "Executions shows what ran, how long each step took, and what went through it. A failed one is opened, understood and tried again from the step that failed." },
    { title: "Credentials", text: "Passwords and tokens have a place of their own. They are stored encrypted, and nobody reads them in a workflow." },
    { title: "By keyboard", text: "Ctrl+K finds every command and every place by its name. Press ? in the editor for its keys." },
  ],
} as const;
