// Where a service leads back to after somebody agreed, or did not.

import { useEffect, useRef, useState } from "react";
import { call, messageOf } from "../api";
import { Link } from "../router";
import { CREDENTIALS } from "../texts/credentials";
import { CHANNEL, type Connected } from "./types";

type State = { at: "busy" } | { at: "odd" } | { at: "done"; name: string } | { at: "failed"; why: string };
type Finished = { credential_id: string; name: string };
const CLOSES_AFTER_MS = 1_500;

function tell(connected: Connected): void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage(connected);
  channel.close();
}

export default function CallbackPage() {
  const [state, setState] = useState<State>({ at: "busy" });
  const hasBegun = useRef(false);
  useEffect(() => {
    // A code is good once; drawing the page twice must not spend it twice.
    if (hasBegun.current) return;
    hasBegun.current = true;
    const given = new URLSearchParams(location.search);
    const [code, consent, error] = [given.get("code"), given.get("state"), given.get("error")];
    const fail = (why: string) => { setState({ at: "failed", why }); tell({ is: "failed", why }); };
    if (error !== null) return fail(CREDENTIALS.callbackRefused(given.get("error_description") ?? error));
    if (code === null || consent === null) return setState({ at: "odd" });
    call<Finished>("/oauth2/finish", { method: "POST", body: { code, state: consent } }).then(
      ({ credential_id, name }) => {
        setState({ at: "done", name });
        tell({ is: "connected", id: credential_id, name });
        // Only windows that were opened by a page may be closed by one.
        setTimeout(() => window.close(), CLOSES_AFTER_MS);
      },
      (problem: unknown) => fail(messageOf(problem)),
    );
  }, []);
  return (
    <div className="card pad">
      <h1>{CREDENTIALS.callbackTitle}</h1>
      {state.at === "busy" && <p role="status">{CREDENTIALS.callbackBusy}</p>}
      {state.at === "odd" && <p role="alert">{CREDENTIALS.callbackOdd}</p>}
      {state.at === "done" && <p className="note note-ok" role="status">{CREDENTIALS.callbackDone(state.name)}</p>}
      {state.at === "failed" && <div className="note note-error" role="alert"><p>{CREDENTIALS.callbackFailed}</p><p>{state.why}</p></div>}
      {state.at !== "busy" && <p><Link to="/credentials">{CREDENTIALS.toCredentials}</Link></p>}
    </div>
  );
}
