// Names of parameters and values as words: `httpMethod` is "HTTP method". Pure.

const SHORT = new Map(
  ["API", "BOM", "CSS", "CSV", "HMAC", "HTML", "HTTP", "HTTPS", "ID", "IP", "JSON", "JWT", "PDF", "RSS", "SQL", "SSL", "TLS", "TTL", "UID", "URL", "UTC", "UUID", "XML", "iCal"].map((word) => [word.toLowerCase(), word]),
);
const SPECIAL: Record<string, string> = {
  jsCode: "JavaScript", pythonCode: "Python", javaScript: "JavaScript", python: "Python", toJson: "JSON", toText: "Text", xlsx: "Excel (xlsx)", xls: "Excel (xls)",
  httpBasicAuth: "Basic auth", httpBearerAuth: "Bearer token", httpDigestAuth: "Digest auth", httpHeaderAuth: "Header", httpQueryAuth: "Query parameter", httpCustomAuth: "Custom",
  oAuth2Api: "OAuth 2", oAuth1Api: "OAuth 1", jwtAuth: "JWT", keypair: "Fields", onReceived: "At once", lastNode: "When the last node ends", responseNode: "By a Respond node",
  genericCredentialType: "A credential", predefinedCredentialType: "A credential of a service", cronExpression: "Cron expression", fromIcs: "iCal", autodetect: "Found out by itself",
};

/** A key or a value as words. */
export function words(name: string): string {
  const special = SPECIAL[name];
  if (special !== undefined) return special;
  if (!/^[A-Za-z][A-Za-z0-9_-]*$/.test(name) || name === name.toUpperCase()) return name;
  const parts = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2").split(/[\s_-]+/);
  const text = parts.map((part) => SHORT.get(part.toLowerCase()) ?? part.toLowerCase()).join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** One of a list that is called this: "Header parameters" gives "header parameter". */
export function nounOf(list: string): string {
  const label = words(list).replace(/ (UI|values)$/i, "");
  const one = label.replace(/ies$/, "y").replace(/([^s])s$/, "$1");
  return /^[A-Z][a-z]/.test(one) ? one.charAt(0).toLowerCase() + one.slice(1) : one;
}

/** A description as a hint: one paragraph without the marks of code. */
export function hintOf(description: unknown): string {
  return typeof description === "string" ? description.replace(/\s*\n\s*/g, " ").trim() : "";
}
