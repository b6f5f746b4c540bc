// People of the workspace and their roles.

import { useMemo, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { Plus, Trash2 } from "lucide-react";
import { call, type List } from "../api";
import { PEOPLE, ROLES } from "../texts/workspace";
import { Ago, Button, Failure, IconButton, Loading, PageHead, Removal, Table, Tip, useCommands, useMay, useSession } from "../ui";
import { PersonDialog, type Person } from "./person-dialog";

export default function PeoplePage() {
  const list = useQuery({ queryKey: ["users"], queryFn: () => call<List<Person>>("/users") });
  const isAdmin = useMay("admin");
  const session = useSession();
  const [open, setOpen] = useState<Person | "new" | null>(null);
  const [leaving, setLeaving] = useState<Person | null>(null);
  useCommands(useMemo(() => (isAdmin ? [{ id: "new person", title: PEOPLE.make, run: () => setOpen("new") }] : []), [isAdmin]));
  // Owners are changed by owners only.
  const mayChange = (person: Person) => isAdmin && (person.role !== "owner" || session.role === "owner");
  const role = (person: Person) => ROLES.find((one) => one.value === person.role);
  return (
    <>
      <PageHead title={PEOPLE.title} about={isAdmin ? PEOPLE.about : PEOPLE.onlyAdmins}>
        {isAdmin && <Button look="primary" onClick={() => setOpen("new")}><Plus size={14} aria-hidden /> {PEOPLE.make}</Button>}
      </PageHead>
      {list.isError && <Failure error={list.error} />}
      {list.isPending && <Loading what={PEOPLE.title} />}
      {list.isSuccess && (
        <Table caption={PEOPLE.title} rows={list.data.items} keyOf={(person) => person.id} columns={[
          { label: PEOPLE.name, isName: true, cell: (person) => <>{mayChange(person) ? <button type="button" className="link" onClick={() => setOpen(person)}>{person.name}</button> : person.name}{person.id === session.user.id && <span className="tag quiet">{PEOPLE.you}</span>}</> },
          { label: PEOPLE.email, cell: (person) => <span className="wrap">{person.email}</span> },
          { label: PEOPLE.role, cell: (person) => <Tip text={role(person)?.about}><span tabIndex={0}>{role(person)?.label ?? person.role}</span></Tip> },
          { label: PEOPLE.seen, cell: (person) => person.last_seen_at === null ? PEOPLE.never : <Ago at={person.last_seen_at} /> },
          { label: PEOPLE.remove, isHidden: true, cell: (person) => mayChange(person) && person.id !== session.user.id && <IconButton name={`${PEOPLE.remove}: ${person.name}`} onClick={() => setLeaving(person)}><Trash2 size={16} aria-hidden /></IconButton> },
        ]} />
      )}
      {open !== null && <PersonDialog person={open === "new" ? null : open} onClose={() => setOpen(null)} />}
      {leaving !== null && (
        <Removal title={PEOPLE.removeAsk(leaving.name)} yes={PEOPLE.remove} path={`/users/${leaving.id}`} done={PEOPLE.removed(leaving.name)} queries={["users"]} onClose={() => setLeaving(null)}>
          <p>{PEOPLE.removeWarning}</p>
        </Removal>
      )}
    </>
  );
}
