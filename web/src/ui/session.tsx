// Who is signed in, and what they may do. The server decides; this only spares them refusals.

import { createContext, useContext } from "react";
import type { Role, Session } from "../api";

export type Need = "read" | "execute" | "write" | "admin";

const RANK: Record<Role, number> = { viewer: 0, operator: 1, editor: 2, admin: 3, owner: 4 };
const NEEDED: Record<Need, number> = { read: 0, execute: 1, write: 2, admin: 3 };

export function rankOf(role: Role): number {
  return RANK[role];
}

export function may(role: Role, need: Need): boolean {
  return RANK[role] >= NEEDED[need];
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("pages are drawn for somebody who is signed in");
  return session;
}

/** Whether whoever is signed in may do it. */
export function useMay(need: Need): boolean {
  return may(useSession().role, need);
}
