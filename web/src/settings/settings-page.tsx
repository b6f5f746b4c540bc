// Who one is, and which server this is.

import { useQuery } from "@tanstack/react-query";
import { call, type Setup } from "../api";
import { Link } from "../router";
import { ROLES, SETTINGS } from "../texts/workspace";
import { TEXTS } from "../texts/ui";
import { useTheme } from "../theme";
import { PageHead, useMay, useSession, type Option, Labeled, Select } from "../ui";
import "./settings.css";

const THEMES: Option[] = Object.entries(TEXTS.themes).map(([value, label]) => ({ value, label }));

export default function SettingsPage() {
  const session = useSession();
  const isAdmin = useMay("admin");
  const [theme, choose] = useTheme();
  const setup = useQuery({ queryKey: ["setup"], queryFn: () => call<Setup>("/setup"), staleTime: Infinity });
  const role = ROLES.find((one) => one.value === session.role);
  return (
    <>
      <PageHead title={SETTINGS.title} />
      <section className="card pad">
        <h2>{SETTINGS.you}</h2>
        <dl className="settings-facts">
          <dt>{SETTINGS.name}</dt><dd>{session.user.name}</dd>
          <dt>{SETTINGS.email}</dt><dd>{session.user.email}</dd>
          <dt>{SETTINGS.role}</dt><dd>{role?.label ?? session.role}. <span className="quiet">{role?.about}</span></dd>
        </dl>
        <Labeled label={SETTINGS.theme} className="settings-theme">
          {(control) => <Select {...control} options={THEMES} value={theme} onPick={(next) => choose(next as typeof theme)} />}
        </Labeled>
      </section>
      <section className="card pad">
        <h2>{SETTINGS.server}</h2>
        <dl className="settings-facts">
          <dt>{SETTINGS.version}</dt><dd>{setup.data?.version ?? "…"}</dd>
          <dt>{SETTINGS.workspace}</dt><dd>{session.workspace.name}</dd>
          <dt>{SETTINGS.address}</dt><dd><code>{location.origin}</code></dd>
          <dt>{SETTINGS.api}</dt><dd><a href="/api/v1/openapi.json" target="_blank" rel="noreferrer">{SETTINGS.apiText}</a></dd>
        </dl>
        <p className="quiet">{SETTINGS.configText}</p>
        <p className="row"><Link to="/users">{SETTINGS.people}</Link>{isAdmin && <Link to="/settings/api-keys">{SETTINGS.apiKeys}</Link>}</p>
      </section>
    </>
  );
}
