// One field of a credential, by its name.

import { useState } from "react";
import { Eye, EyeOff } from "lucide-react";
import { CREDENTIALS, FIELDS } from "../texts/credentials";
import { words } from "../forms/words";
import { IconButton, Labeled, Select, Toggle, type Option } from "../ui";
import { HIDDEN } from "./types";

const LONG = new Set(["json", "ca", "private_key", "public_key", "sign_private_key"]);
const FLAGS = new Set(["allow_unauthorized_certs", "disable_tls_verification"]);
const CHOICES: Record<string, Option[]> = {
  authentication: [{ value: "", label: "In a header" }, { value: "body", label: "In the body" }],
  key_type: [{ value: "", label: "A secret" }, { value: "pemKey", label: "A pair of keys" }],
};
const SSL: Record<string, Option[]> = {
  postgres: [{ value: "", label: "None" }, { value: "allow", label: "Where the server offers it" }, { value: "require", label: "Always" }],
  redis: [{ value: "", label: "None" }, { value: "true", label: "Always" }],
};

type CredentialFieldProps = { type: string; name: string; isSecret: boolean; value: string; problem: string | undefined; onChange: (value: string) => void };

export function CredentialField({ type, name, isSecret, value, problem, onChange }: CredentialFieldProps) {
  const [isSeen, setSeen] = useState(false);
  const { label = words(name), hint } = FIELDS[name] ?? {};
  const choices = name === "ssl" ? SSL[type] : CHOICES[name];
  if (FLAGS.has(name)) return <Toggle label={label} hint={hint} isOn={value === "true"} onChange={(isOn) => onChange(isOn ? "true" : "")} />;
  const isKept = isSecret && value === HIDDEN;
  return (
    <Labeled label={label} hint={isKept ? CREDENTIALS.secretKept : hint} problem={problem}>
      {(control) => {
        if (choices !== undefined) return <Select {...control} options={choices} value={value} onPick={onChange} />;
        const shared = { ...control, value: isKept ? "" : value, placeholder: isKept ? "••••••••" : undefined, autoComplete: "off", spellCheck: false };
        if (LONG.has(name)) return <textarea rows={4} {...shared} onChange={(e) => onChange(e.target.value)} />;
        if (!isSecret) return <input type="text" {...shared} onChange={(e) => onChange(e.target.value)} />;
        return (
          <div className="credential-secret">
            <input type={isSeen ? "text" : "password"} {...shared} autoComplete="new-password" onChange={(e) => onChange(e.target.value)} />
            <IconButton name={`${isSeen ? CREDENTIALS.hide : CREDENTIALS.show}: ${label}`} onClick={() => setSeen(!isSeen)}>{isSeen ? <EyeOff size={16} aria-hidden /> : <Eye size={16} aria-hidden />}</IconButton>
          </div>
        );
      }}
    </Labeled>
  );
}
