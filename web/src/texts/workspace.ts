// The words of the smaller places: variables, tags, templates, people, settings.

export const VARIABLES = {
  title: "Variables",
  about: "Values that all workflows read with $vars.name.",
  make: "New variable",
  change: (name: string) => `Change ${name}`,
  emptyTitle: "No variables yet",
  empty: "A variable is a value that several workflows share, such as the address of a service.",
  name: "Name",
  nameHint: "Letters, digits and _; in expressions it is $vars.name.",
  value: "Value",
  changed: "Changed",
  use: "In expressions",
  saved: (name: string) => `“${name}” is saved.`,
  removed: (name: string) => `“${name}” is deleted.`,
  remove: "Delete",
  removeAsk: (name: string) => `Delete “${name}”?`,
  removeWarning: "Expressions that use it give nothing from then on.",
} as const;

export const TAGS = {
  title: "Tags",
  about: "Words that workflows carry, so that they are found together.",
  make: "New tag",
  rename: (name: string) => `Rename ${name}`,
  emptyTitle: "No tags yet",
  empty: "Tags are made here, or by naming them at a workflow.",
  name: "Name",
  workflows: "Workflows",
  saved: (name: string) => `“${name}” is saved.`,
  removed: (name: string) => `“${name}” is deleted.`,
  remove: "Delete",
  removeAsk: (name: string) => `Delete “${name}”?`,
  removeWarning: (n: number) => (n === 0 ? "No workflow carries it." : `${n} ${n === 1 ? "workflow loses" : "workflows lose"} it.`),
} as const;

export const TEMPLATES = {
  title: "Templates",
  about: "Workflows to begin with. Each is a copy of your own from the first moment.",
  use: "Use it",
  using: "Making it …",
  steps: (n: number) => `${n} ${n === 1 ? "step" : "steps"}`,
  search: "Search templates",
  none: "No template fits.",
  failed: "The template could not be imported.",
} as const;

export const PEOPLE = {
  title: "People",
  about: "Who may sign in, and what they may do.",
  make: "Add a person",
  change: (name: string) => `Change ${name}`,
  name: "Name",
  email: "Email",
  password: "Password",
  newPassword: "New password",
  passwordHint: "At least 8 characters. Tell it to them yourself.",
  passwordKept: "Left empty it stays as it is. Another one ends their sessions.",
  role: "Role",
  seen: "Last seen",
  never: "never",
  you: "you",
  saved: (name: string) => `“${name}” is saved.`,
  removed: (name: string) => `“${name}” is removed.`,
  remove: "Remove",
  removeAsk: (name: string) => `Remove “${name}”?`,
  removeWarning: "Their sessions and API keys end at once. Their workflows stay.",
  onlyAdmins: "Admins add and change people.",
} as const;

export const ROLES = [
  { value: "viewer", label: "Viewer", about: "Looks at everything but secrets." },
  { value: "operator", label: "Operator", about: "Also starts, cancels and retries executions." },
  { value: "editor", label: "Editor", about: "Also changes and publishes workflows." },
  { value: "admin", label: "Admin", about: "Also manages people and API keys." },
  { value: "owner", label: "Owner", about: "Also manages owners." },
];

export const SETTINGS = {
  title: "Settings",
  you: "You",
  name: "Name",
  email: "Email",
  role: "Role",
  theme: "Theme",
  server: "This server",
  version: "Version",
  workspace: "Workspace",
  address: "Address",
  api: "API",
  apiText: "Its description",
  apiKeys: "API keys",
  people: "People",
  configText: "Settings of the server are made where it is started; linkflow config shows them all with where each comes from.",
} as const;
