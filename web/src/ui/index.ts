// The parts that pages are made of.

export { Button, IconButton } from "./button";
export { Ask, Dialog } from "./dialog";
export { problemOfField } from "./problem";
export { Removal } from "./removal";
export { Empty } from "./empty";
export { FieldProblem, Labeled, Toggle } from "./field";
export { Floating } from "./floating";
export { Menu, MenuList, type MenuItem } from "./menu";
export { PageHead } from "./page";
export { Combobox, Select, type Option } from "./select";
export { may, useMay, useSession, type Need } from "./session";
export { Table, type Column } from "./table";
export { Tabs, type Tab } from "./tabs";
export { complain, say, Toasts } from "./toast";
export { Tip } from "./tooltip";
export { useCommands, type Command } from "./commands";
export * from "./basics";
