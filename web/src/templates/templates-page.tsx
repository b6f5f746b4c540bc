// Workflows that come with the program, to begin with.

import { useState } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { LayoutTemplate } from "lucide-react";
import { call, newKey, type Imported, type List } from "../api";
import { go } from "../router";
import { TEMPLATES } from "../texts/workspace";
import { Button, Failure, Loading, PageHead, complain, useMay } from "../ui";
import "./templates.css";

type Template = { id: string; name: string; description: string; n_nodes: number; kinds: string[] };

/** Makes a workflow of a template; gives its id. */
async function use(id: string): Promise<string> {
  const { content, name } = await call<Template & { content: unknown }>(`/templates/${id}`);
  const body = { files: [{ name: `${name}.json`, content }] };
  const { items } = await call<List<Imported>>("/workflows/import", { method: "POST", body, headers: { "idempotency-key": newKey() } });
  const made = items[0];
  if (made === undefined || made.workflow_id === null) throw new Error(made?.error ?? TEMPLATES.failed);
  return made.workflow_id;
}

export default function TemplatesPage() {
  const list = useQuery({ queryKey: ["templates"], queryFn: () => call<List<Template>>("/templates"), staleTime: Infinity });
  const [text, setText] = useState("");
  const words = text.toLowerCase().split(/\s+/);
  const fitting = (list.data?.items ?? []).filter((template) => {
    const all = `${template.name} ${template.description} ${template.kinds.join(" ").replace(/_/g, " ")}`.toLowerCase();
    return words.every((word) => all.includes(word));
  });
  return (
    <>
      <PageHead title={TEMPLATES.title} about={TEMPLATES.about} />
      <div className="row filters" role="search"><input type="search" aria-label={TEMPLATES.search} placeholder={TEMPLATES.search} value={text} onChange={(e) => setText(e.target.value)} /></div>
      {list.isError && <Failure error={list.error} />}
      {list.isPending && <Loading what={TEMPLATES.title} />}
      {list.isSuccess && fitting.length === 0 && <p className="card pad" role="status">{TEMPLATES.none}</p>}
      <ul className="ways">{fitting.map((template) => <TemplateCard key={template.id} template={template} />)}</ul>
    </>
  );
}

function TemplateCard({ template }: { template: Template }) {
  const cache = useQueryClient();
  const canWrite = useMay("write");
  const make = useMutation({
    mutationFn: () => use(template.id),
    onSuccess: (id) => {
      void cache.invalidateQueries({ queryKey: ["workflows"] });
      go(`/workflows/${id}`);
    },
    onError: complain,
  });
  return (
    <li className="card">
      <h2 className="template-name"><LayoutTemplate size={16} aria-hidden />{template.name}</h2>
      <p>{template.description}</p>
      <p className="template-kinds"><small>{TEMPLATES.steps(template.n_nodes)}: {template.kinds.map((kind) => kind.replace(/_/g, " ")).join(", ")}</small></p>
      {canWrite && <Button disabled={make.isPending} aria-label={`${TEMPLATES.use}: ${template.name}`} onClick={() => make.mutate()}>{make.isPending ? TEMPLATES.using : TEMPLATES.use}</Button>}
    </li>
  );
}
