// What keeps the workflow from running, each with a way to the place and, where there is one, what puts it right.

import { changeNode, removeNodes } from "../document/nodes";
import { disconnect } from "../document/links";
import type { Id } from "../document/types";
import { EDITOR } from "../texts/editor";
import { Words } from "../ui/basics";
import { Button } from "../ui/button";
import type { Actions } from "./actions";
import type { Fix, Problem } from "./problems";
import { useEditor } from "./store";

export function ProblemsTab({ actions, onRename }: { actions: Actions; onRename: (id: Id) => void }) {
  const problems = useEditor((state) => state.problems);
  const doc = useEditor((state) => state.doc);
  const canWrite = useEditor((state) => state.canWrite);
  const show = useEditor((state) => state.show);
  if (problems === null) return <p className="quiet pad" role="status">{EDITOR.checking}</p>;
  if (problems.length === 0) return <p className="quiet pad" role="status">{EDITOR.noProblems}</p>;
  const go = (id: Id) => {
    actions.choose(id);
    show("step");
  };
  return (
    <ul className="editor-problems">
      {problems.map((problem, i) => (
        <li key={i}>
          <span className="tone-error editor-problem-what">
            {problem.node !== null && <strong>{doc.nodes[problem.node]?.name}</strong>}
            {problem.node === null ? <code>{problem.field}</code> : problem.param !== "" && <code>{problem.param}</code>}
          </span>
          <span className="editor-problem-text"><Words text={problem.text} /></span>
          <span className="editor-problem-ways">
            {problem.node !== null && <Button isSmall onClick={() => go(problem.node ?? "")}>{EDITOR.goThere}</Button>}
            {canWrite && problem.fixes.map((fix) => <FixButton key={fix} fix={fix} problem={problem} onRename={onRename} />)}
          </span>
        </li>
      ))}
    </ul>
  );
}

function FixButton({ fix, problem, onRename }: { fix: Fix; problem: Problem; onRename: (id: Id) => void }) {
  const change = useEditor((state) => state.change);
  const id = problem.node ?? "";
  const put = () => {
    if (fix === "rename") onRename(id);
    else if (fix === "removeNode") change(EDITOR.names.remove(1), (doc) => removeNodes(doc, [id]));
    else if (fix === "disableNode") change(EDITOR.names.toggle, (doc) => changeNode(doc, id, { disabled: true }));
    else if (problem.edge !== undefined) change(EDITOR.names.disconnect(1), (doc) => disconnect(doc, problem.edge === undefined ? [] : [problem.edge]));
  };
  return <Button isSmall onClick={put}>{EDITOR.fixes[fix]}</Button>;
}
