// API keys: how programs call the API. A new key is shown once.

import { useState, type FormEvent } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { call, type ApiKey, type List, type Scope } from "../api";
import { Ago, Confirm, Copy, Failure, Field, Loading } from "../ui";

const SCOPES: { scope: Scope; means: string }[] = [
  { scope: "read", means: "see workflows and executions" },
  { scope: "write", means: "change and publish workflows" },
  { scope: "execute", means: "start, retry and cancel executions" },
  { scope: "admin", means: "manage people, keys and credentials" },
];
const DAY_MS = 86_400_000;

export default function ApiKeysPage() {
  const keys = useQuery({ queryKey: ["api-keys"], queryFn: () => call<List<ApiKey>>("/api-keys") });
  return (
    <>
      <h1>API keys</h1>
      <NewKey />
      {keys.isError && <Failure error={keys.error} />}
      {keys.isPending && <Loading what="keys" />}
      {keys.data !== undefined && <Keys keys={keys.data.items} />}
    </>
  );
}

function NewKey() {
  const cache = useQueryClient();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<Scope[]>(["read", "execute"]);
  const [days, setDays] = useState("90");
  const make = useMutation({
    mutationFn: () => {
      const expires_at = days === "" ? undefined : Date.now() + Number(days) * DAY_MS;
      return call<ApiKey & { key: string }>("/api-keys", { method: "POST", body: { name, scopes, expires_at } });
    },
    onSuccess: () => {
      setName("");
      return cache.invalidateQueries({ queryKey: ["api-keys"] });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  const toggle = (scope: Scope) =>
    setScopes(scopes.includes(scope) ? scopes.filter((s) => s !== scope) : [...scopes, scope]);
  return (
    <form className="card pad" onSubmit={submit}>
      <h2>New key</h2>
      <div className="row">
        <Field label="Name" required maxLength={200} value={name} onChange={(e) => setName(e.target.value)} />
        <div className="field">
          <label htmlFor="expires">Ends</label>
          <select id="expires" value={days} onChange={(e) => setDays(e.target.value)}>
            <option value="30">in 30 days</option>
            <option value="90">in 90 days</option>
            <option value="365">in a year</option>
            <option value="">never</option>
          </select>
        </div>
      </div>
      <fieldset>
        <legend>It may</legend>
        {SCOPES.map(({ scope, means }) => (
          <label key={scope} className="check">
            <input type="checkbox" checked={scopes.includes(scope)} onChange={() => toggle(scope)} />
            <span><code>{scope}</code> – {means}</span>
          </label>
        ))}
      </fieldset>
      {make.isError && <Failure error={make.error} />}
      <button className="primary" disabled={make.isPending || scopes.length === 0}>Make the key</button>
      {make.data !== undefined && (
        <div className="note note-ok" role="status">
          <p>Copy the key of “{make.data.name}” now. It is not shown again.</p>
          <p className="row"><code className="wrap">{make.data.key}</code> <Copy text={make.data.key} label="the key" /></p>
        </div>
      )}
    </form>
  );
}

function Keys({ keys }: { keys: ApiKey[] }) {
  const cache = useQueryClient();
  const remove = useMutation({
    mutationFn: (id: string) => call<void>(`/api-keys/${id}`, { method: "DELETE" }),
    onSettled: () => cache.invalidateQueries({ queryKey: ["api-keys"] }),
  });
  if (keys.length === 0) return <p className="card pad quiet">There are no keys. Programs cannot call the API yet.</p>;
  return (
    <>
      {remove.isError && <Failure error={remove.error} />}
      <table className="cards">
        <caption className="hidden">API keys</caption>
        <thead>
          <tr><th>Name</th><th>Begins with</th><th>May</th><th>Made</th><th>Last used</th><th>Ends</th><th><span className="hidden">Actions</span></th></tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <tr key={key.id}>
              <th scope="row">{key.name}</th>
              <td data-label="Begins with"><code>{key.prefix}…</code></td>
              <td data-label="May">{key.scopes.join(", ")}</td>
              <td data-label="Made"><Ago at={key.created_at} /></td>
              <td data-label="Last used">{key.last_used_at === null ? "never" : <Ago at={key.last_used_at} />}</td>
              <td data-label="Ends">{key.expires_at === null ? "never" : new Date(key.expires_at).toLocaleDateString()}</td>
              <td>
                <Confirm label="Delete" question={`Delete “${key.name}”? Programs that use it stop working.`} yes="Delete"
                  isBusy={remove.isPending} onYes={() => remove.mutate(key.id)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
