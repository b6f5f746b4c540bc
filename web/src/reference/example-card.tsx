// An example of a step: what it is given, and what comes out.

import { REFERENCE } from "../texts/reference";
import { Button } from "../ui";
import type { Example } from "./kinds";

export function ExampleCard({ example, onUse }: { example: Example; onUse: () => void }) {
  const text = (value: unknown) => JSON.stringify(value, null, 2);
  return (
    <section className="card pad">
      <div className="row spread"><h3>{example.title}</h3><Button isSmall aria-label={`${REFERENCE.use}: ${example.title}`} onClick={onUse}>{REFERENCE.use}</Button></div>
      <div className="reference-example">
        <div><h4>{REFERENCE.json}</h4><pre tabIndex={0}>{text(example.params)}</pre></div>
        <div><h4>{REFERENCE.input}</h4><pre tabIndex={0}>{text(example.input)}</pre></div>
        <div><h4>{REFERENCE.output}</h4><pre tabIndex={0}>{text(example.output)}</pre></div>
      </div>
    </section>
  );
}
