// Credentials as the server shows them.

export type CredentialRow = { id: string; name: string; type: string; version: number; created_at: number; updated_at: number };
export type CredentialDetail = CredentialRow & { data: Record<string, string> };
export type CredentialType = { type: string; title: string; fields: { name: string; secret: boolean }[]; kinds: string[]; can_test: boolean };
export type Checked = { works: boolean; message: string };

/** What stands for a secret that is kept; sent back, it stays. */
export const HIDDEN = "***";

/** What is told between the window in which somebody agrees and the one that waits. */
export type Connected = { is: "connected"; id: string; name: string } | { is: "failed"; why: string };
export const CHANNEL = "linkflow-oauth2";
