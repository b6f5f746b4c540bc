// Buttons: with words, or with a picture and a name for those who do not see it.

import type { ComponentProps, ReactNode } from "react";

type Look = "plain" | "primary" | "danger" | "bare";
type ButtonProps = { look?: Look; isSmall?: boolean } & ComponentProps<"button">;

export function Button({ look = "plain", isSmall = false, type = "button", className = "", ...rest }: ButtonProps) {
  const classes = [look === "plain" ? "" : look, isSmall ? "small" : "", className].filter((c) => c !== "").join(" ");
  return <button type={type} className={classes === "" ? undefined : classes} {...rest} />;
}

type IconButtonProps = { name: string; children: ReactNode } & Omit<ComponentProps<"button">, "name" | "aria-label">;

/** A button that is only a picture: `name` is read aloud, and shown when the pointer rests on it. */
export function IconButton({ name, children, className = "", ...rest }: IconButtonProps) {
  return (
    <button type="button" aria-label={name} title={name} className={`bare icon-button ${className}`} {...rest}>
      {children}
    </button>
  );
}
