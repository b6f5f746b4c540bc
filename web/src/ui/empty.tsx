// What a place shows while nothing is there yet: what it is for, and the way to the first one.

import type { ReactNode } from "react";

export function Empty({ icon, title, children, action }: { icon?: ReactNode; title: string; children: ReactNode; action?: ReactNode }) {
  return (
    <section className="empty card pad">
      {icon}
      <h2>{title}</h2>
      <p className="quiet">{children}</p>
      {action}
    </section>
  );
}
