// All kinds of steps, by what they are for.

import { Failure, Loading, PageHead } from "../ui";
import { Link, useParam } from "../router";
import { REFERENCE } from "../texts/reference";
import { useKindList, type Kind } from "./kinds";
import "./reference.css";

export default function ReferencePage() {
  const kinds = useKindList();
  const [text, setText] = useParam("search");
  const words = text.toLowerCase().split(/\s+/);
  const fitting = (kinds.data?.items ?? []).filter((kind) => {
    const all = `${kind.title} ${kind.kind} ${kind.summary} ${kind.aliases.join(" ")}`.toLowerCase();
    return words.every((word) => all.includes(word));
  });
  const categories = [...new Set([...Object.keys(REFERENCE.categories), ...fitting.map((kind) => kind.category)])];
  return (
    <>
      <PageHead title={REFERENCE.title} about={REFERENCE.about} />
      <div className="row filters" role="search"><input type="search" aria-label={REFERENCE.search} placeholder={REFERENCE.search} value={text} onChange={(e) => setText(e.target.value, "replace")} /></div>
      {kinds.isError && <Failure error={kinds.error} />}
      {kinds.isPending && <Loading what={REFERENCE.title} />}
      {kinds.isSuccess && fitting.length === 0 && <p className="card pad" role="status">{REFERENCE.none}</p>}
      {categories.map((category) => <Category key={category} category={category} kinds={fitting.filter((kind) => kind.category === category)} />)}
    </>
  );
}

function Category({ category, kinds }: { category: string; kinds: Kind[] }) {
  if (kinds.length === 0) return null;
  return (
    <section>
      <h2>{REFERENCE.categories[category] ?? category}</h2>
      <ul className="reference-list">
        {kinds.map((kind) => <li key={kind.kind}><Link to={`/reference/${kind.kind}`}>{kind.title}</Link><span className="quiet">{kind.summary}</span></li>)}
      </ul>
    </section>
  );
}
