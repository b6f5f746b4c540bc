// A credential is made or changed: its name, its fields, a test, and the consent of OAuth 2.

import { useCallback, useState } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { CircleCheck, CircleX } from "lucide-react";
import { Problem, call, messageOf } from "../api";
import { CREDENTIALS } from "../texts/credentials";
import { TEXTS } from "../texts/ui";
import { Button, Copy, Dialog, Labeled, Loading, problemOfField, say } from "../ui";
import { useConnect } from "./connect";
import { CredentialField } from "./credential-field";
import "./credentials.css";
import { useCredential } from "./queries";
import type { Checked, CredentialDetail, CredentialRow, CredentialType } from "./types";

type EditorProps = { type: CredentialType; id: string | null; firstName: string; onClose: () => void; onSaved: (row: CredentialRow) => void };

export function CredentialEditor(props: EditorProps) {
  const before = useCredential(props.id);
  if (props.id !== null && before.data === undefined) {
    return (
      <Dialog title={props.type.title} onClose={props.onClose} isDrawer>
        {before.isError ? <p className="problem" role="alert">{messageOf(before.error)}</p> : <Loading what={props.type.title} />}
      </Dialog>
    );
  }
  return <Editor {...props} before={before.data ?? null} />;
}

function Editor({ type, id, firstName, onClose, onSaved, before }: EditorProps & { before: CredentialDetail | null }) {
  const cache = useQueryClient();
  const [name, setName] = useState(before?.name ?? firstName);
  const [data, setData] = useState<Record<string, string>>(before?.data ?? {});
  // Made at the first saving, so that testing and connecting do not make another one.
  const [row, setRow] = useState<CredentialRow | null>(before);
  const [checked, setChecked] = useState<Checked | null>(null);
  const done = useCallback((connectedName: string) => {
    say(CREDENTIALS.connected(connectedName));
    void cache.invalidateQueries({ queryKey: ["credentials"] });
    onClose();
  }, [cache, onClose]);
  const { state: connecting, begin } = useConnect(done);
  const store = async () => {
    const made = row === null
      ? await call<CredentialRow>("/credentials", { method: "POST", body: { name, type: type.type, data } })
      : await call<CredentialRow>(`/credentials/${row.id}`, { method: "PUT", body: { name, data }, headers: { "if-match": `"${row.version}"` } });
    setRow(made);
    await cache.invalidateQueries({ queryKey: ["credentials"] });
    onSaved(made);
    return made;
  };
  const save = useMutation({ mutationFn: store, onSuccess: (made) => { say(CREDENTIALS.saved(made.name)); onClose(); } });
  const test = useMutation({
    mutationFn: async () => call<Checked>(`/credentials/${(await store()).id}/test`, { method: "POST" }),
    onSuccess: setChecked,
  });
  const connect = useMutation({ mutationFn: async () => begin((await store()).id) });
  const error = save.error ?? test.error ?? connect.error;
  const isBusy = save.isPending || test.isPending || connect.isPending;
  const footer = (
    <>
      {type.can_test && <Button className="left" disabled={isBusy} onClick={() => test.mutate()}>{test.isPending ? CREDENTIALS.testing : CREDENTIALS.testSaves}</Button>}
      <Button onClick={onClose}>{TEXTS.cancel}</Button>
      <Button look="primary" type="submit" disabled={isBusy || name.trim() === ""}>{save.isPending ? CREDENTIALS.saving : CREDENTIALS.save}</Button>
    </>
  );
  return (
    <Dialog title={id === null ? CREDENTIALS.newOf(type.title) : CREDENTIALS.change(before?.name ?? type.title)} onClose={onClose} isDrawer footer={footer} onSubmit={() => save.mutate()}>
      <Labeled label={CREDENTIALS.name} problem={problemOfField(error, "name")}>
        {(control) => <input {...control} required maxLength={200} autoFocus autoComplete="off" value={name} onChange={(e) => setName(e.target.value)} />}
      </Labeled>
      {type.fields.map((field) => (
        <CredentialField key={field.name} type={type.type} name={field.name} isSecret={field.secret} value={data[field.name] ?? ""} problem={problemOfField(error, `data.${field.name}`)}
          onChange={(value) => { setData({ ...data, [field.name]: value }); setChecked(null); }} />
      ))}
      {type.fields.some((field) => field.name === "authorization_url") && (
        <ConnectPart url={connecting.at === "waiting" ? connecting.url : null} why={connecting.at === "failed" ? connecting.why : null} isBusy={isBusy || name.trim() === ""} hasToken={(data["access_token"] ?? "") !== ""} onConnect={() => connect.mutate()} />
      )}
      {checked !== null && <CheckResult checked={checked} />}
      {error !== null && !isOfField(error) && <p className="problem" role="alert">{error instanceof Problem && error.status === 412 ? CREDENTIALS.conflict : messageOf(error)}</p>}
    </Dialog>
  );
}

function isOfField(error: unknown): boolean {
  return error instanceof Problem && (error.field === "name" || error.field?.startsWith("data.") === true);
}

function CheckResult({ checked }: { checked: Checked }) {
  const Mark = checked.works ? CircleCheck : CircleX;
  return (
    <p className={`note note-${checked.works ? "ok" : "error"} credential-checked`} role="status">
      <Mark size={16} aria-hidden />{checked.works ? CREDENTIALS.works(checked.message) : CREDENTIALS.fails(checked.message)}
    </p>
  );
}

type ConnectPartProps = { url: string | null; why: string | null; isBusy: boolean; hasToken: boolean; onConnect: () => void };

function ConnectPart({ url, why, isBusy, hasToken, onConnect }: ConnectPartProps) {
  const redirect = `${location.origin}/oauth2/callback`;
  return (
    <section className="note credential-connect">
      <p>{CREDENTIALS.connectAbout}</p>
      <p className="row"><span>{CREDENTIALS.redirect}</span><code className="wrap">{redirect}</code><Copy text={redirect} label={CREDENTIALS.redirect} /></p>
      <p className="row"><Button disabled={isBusy} onClick={onConnect}>{CREDENTIALS.connect}</Button><span className="quiet">{hasToken ? CREDENTIALS.tokenThere : CREDENTIALS.noToken}</span></p>
      {url !== null && <p role="status">{CREDENTIALS.waiting} <a href={url} target="_blank" rel="noreferrer">{CREDENTIALS.openHere}</a></p>}
      {why !== null && <p className="problem" role="alert">{why}</p>}
    </section>
  );
}
