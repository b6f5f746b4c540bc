// Connecting by OAuth 2: a window for the consent, and what it tells when it is done.

import { useEffect, useState } from "react";
import { call } from "../api";
import { CHANNEL, type Connected } from "./types";

type Begun = { url: string; redirect_url: string };
export type Connecting = { at: "idle" } | { at: "waiting"; url: string } | { at: "failed"; why: string };

/** `onDone` is called when the service has given a token for this credential. */
export function useConnect(onDone: (name: string) => void): { state: Connecting; begin: (id: string) => Promise<void> } {
  const [state, setState] = useState<Connecting>({ at: "idle" });
  const [id, setId] = useState<string | null>(null);
  useEffect(() => {
    if (id === null) return;
    const channel = new BroadcastChannel(CHANNEL);
    channel.onmessage = (message: MessageEvent<Connected>) => {
      const told = message.data;
      if (told.is === "failed") setState({ at: "failed", why: told.why });
      else if (told.id === id) {
        setState({ at: "idle" });
        onDone(told.name);
      }
    };
    return () => channel.close();
  }, [id, onDone]);
  const begin = async (credential: string) => {
    const begun = await call<Begun>(`/credentials/${credential}/connect`, { method: "POST" });
    setId(credential);
    setState({ at: "waiting", url: begun.url });
    // Where the browser keeps it shut, the address is offered as a link.
    window.open(begun.url, "linkflow-oauth2", "popup,width=640,height=760");
  };
  return { state, begin };
}
