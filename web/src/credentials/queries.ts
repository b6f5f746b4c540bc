// What is asked of the server about credentials.

import { useQuery } from "@tanstack/react-query";
import { call, type List } from "../api";
import type { CredentialDetail, CredentialRow, CredentialType } from "./types";

export function useCredentials() {
  return useQuery({ queryKey: ["credentials"], queryFn: () => call<List<CredentialRow>>("/credentials"), staleTime: 10_000 });
}

export function useCredentialTypes() {
  return useQuery({ queryKey: ["credential-types"], queryFn: () => call<List<CredentialType>>("/credential-types"), staleTime: Infinity });
}

/** With its fields; secrets are stars. */
export function useCredential(id: string | null) {
  return useQuery({ queryKey: ["credential", id], queryFn: () => call<CredentialDetail>(`/credentials/${id ?? ""}`), enabled: id !== null, staleTime: 0, gcTime: 0 });
}
