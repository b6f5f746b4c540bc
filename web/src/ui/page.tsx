// The head of a place: its name, a sentence, and what one can do there.

import type { ReactNode } from "react";

export function PageHead({ title, about, children }: { title: string; about?: ReactNode; children?: ReactNode }) {
  return (
    <div className="page-head">
      <div className="row spread">
        <h1>{title}</h1>
        {children !== undefined && <div className="row">{children}</div>}
      </div>
      {about !== undefined && <p className="quiet">{about}</p>}
    </div>
  );
}
