// The first run, which makes the owner, and the sign-in of everybody.

import { useState, type FormEvent } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call, type Setup, type User } from "../api";
import { Failure, Field } from "../ui";

export function SetupPage() {
  const cache = useQueryClient();
  const [owner, setOwner] = useState({ name: "", email: "", password: "" });
  const create = useMutation({
    mutationFn: () => call<User>("/setup", { method: "POST", body: owner }),
    onSuccess: () => {
      cache.setQueryData<Setup>(["setup"], (setup) => setup && { ...setup, needs_owner: false });
      void cache.invalidateQueries({ queryKey: ["session"] });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <form className="card pad" onSubmit={submit}>
      <h1>Set up this server</h1>
      <p className="quiet">Nobody is here yet. Whoever fills this in becomes the owner.</p>
      <Field label="Your name" required maxLength={200} autoComplete="name" autoFocus value={owner.name}
        onChange={(e) => setOwner({ ...owner, name: e.target.value })} />
      <Field label="Email" type="email" required maxLength={254} autoComplete="username" value={owner.email}
        onChange={(e) => setOwner({ ...owner, email: e.target.value })} />
      <Field label="Password" type="password" required minLength={8} maxLength={1000} autoComplete="new-password"
        hint="At least 8 characters." value={owner.password}
        onChange={(e) => setOwner({ ...owner, password: e.target.value })} />
      {create.isError && <Failure error={create.error} />}
      <button className="primary" disabled={create.isPending}>{create.isPending ? "Setting up …" : "Become the owner"}</button>
    </form>
  );
}

export function LoginPage() {
  const cache = useQueryClient();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const signIn = useMutation({
    mutationFn: () => call<User>("/session", { method: "POST", body: { email, password } }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["session"] }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  return (
    <form className="card pad" onSubmit={submit}>
      <h1>Sign in</h1>
      <Field label="Email" type="email" required autoComplete="username" autoFocus value={email}
        onChange={(e) => setEmail(e.target.value)} />
      <Field label="Password" type="password" required autoComplete="current-password" value={password}
        onChange={(e) => setPassword(e.target.value)} />
      {signIn.isError && <Failure error={signIn.error} />}
      <button className="primary" disabled={signIn.isPending}>{signIn.isPending ? "Signing in …" : "Sign in"}</button>
    </form>
  );
}
