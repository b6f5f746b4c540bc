// A person is added, or gets another name, role or password.

import { useState } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call, messageOf, type Role } from "../api";
import { PEOPLE, ROLES } from "../texts/workspace";
import { TEXTS } from "../texts/ui";
import { Button, Dialog, Labeled, Select, problemOfField, say, useSession } from "../ui";

export type Person = { id: string; email: string; name: string; role: Role; created_at: number; last_seen_at: number | null };

export function PersonDialog({ person, onClose }: { person: Person | null; onClose: () => void }) {
  const cache = useQueryClient();
  const session = useSession();
  const [given, setGiven] = useState({ name: person?.name ?? "", email: person?.email ?? "", role: person?.role ?? ("editor" as Role), password: "" });
  const set = (part: Partial<typeof given>) => setGiven({ ...given, ...part });
  const save = useMutation({
    mutationFn: () => {
      const { password, ...rest } = given;
      if (person === null) return call<Person>("/users", { method: "POST", body: given });
      return call<Person>(`/users/${person.id}`, { method: "PATCH", body: { ...rest, ...(password === "" ? {} : { password }) } });
    },
    onSuccess: async (saved) => {
      say(PEOPLE.saved(saved.name));
      onClose();
      await Promise.all([cache.invalidateQueries({ queryKey: ["users"] }), cache.invalidateQueries({ queryKey: ["session"] })]);
    },
  });
  const problem = (field: string) => problemOfField(save.error, field);
  const isElsewhere = save.isError && !["name", "email", "role", "password"].some((field) => problem(field) !== undefined);
  const roles = session.role === "owner" ? ROLES : ROLES.filter((role) => role.value !== "owner");
  const footer = (
    <>
      <Button onClick={onClose}>{TEXTS.cancel}</Button>
      <Button look="primary" type="submit" disabled={save.isPending}>{TEXTS.save}</Button>
    </>
  );
  return (
    <Dialog title={person === null ? PEOPLE.make : PEOPLE.change(person.name)} onClose={onClose} footer={footer} onSubmit={() => save.mutate()}>
      <Labeled label={PEOPLE.name} problem={problem("name")}>{(control) => <input {...control} required maxLength={200} autoFocus autoComplete="off" value={given.name} onChange={(e) => set({ name: e.target.value })} />}</Labeled>
      <Labeled label={PEOPLE.email} problem={problem("email")}>{(control) => <input {...control} type="email" required maxLength={254} autoComplete="off" value={given.email} onChange={(e) => set({ email: e.target.value })} />}</Labeled>
      <Labeled label={PEOPLE.role} hint={ROLES.find((role) => role.value === given.role)?.about} problem={problem("role")}>{(control) => <Select {...control} options={roles} value={given.role} onPick={(role) => set({ role: role as Role })} />}</Labeled>
      <Labeled label={person === null ? PEOPLE.password : PEOPLE.newPassword} hint={person === null ? PEOPLE.passwordHint : PEOPLE.passwordKept} problem={problem("password")}>
        {(control) => <input {...control} type="password" required={person === null} minLength={8} maxLength={1000} autoComplete="new-password" value={given.password} onChange={(e) => set({ password: e.target.value })} />}
      </Labeled>
      {isElsewhere && <p className="problem" role="alert">{messageOf(save.error)}</p>}
    </Dialog>
  );
}
