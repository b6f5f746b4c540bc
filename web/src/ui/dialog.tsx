// A dialog over the page, by the browser's own element: it keeps the focus, and Esc closes it.

import { useEffect, useId, useRef, type FormEvent, type ReactNode } from "react";
import { createPortal } from "react-dom";
import { X } from "lucide-react";
import { TEXTS } from "../texts/ui";
import { Button, IconButton } from "./button";

type DialogProps = {
  title: string;
  onClose: () => void;
  children: ReactNode;
  /** The buttons below. */
  footer?: ReactNode;
  size?: "small" | "middle" | "wide";
  /** At the right edge and as high as the window, for what is filled in beside the page. */
  isDrawer?: boolean;
  /** With it the dialog is a form. */
  onSubmit?: () => void;
};

export function Dialog({ title, onClose, children, footer, size = "middle", isDrawer = false, onSubmit }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    if (dialog !== null && !dialog.open) {
      dialog.showModal();
      // By itself it would choose the button that closes it. What is asked for comes first, else the answer that changes nothing.
      const field = dialog.querySelector<HTMLElement>(".dialog-body :is(input, textarea, select)");
      (field ?? dialog.querySelector<HTMLElement>(".dialog-foot button"))?.focus();
    }
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    // The dialog may belong to something that lies in a form of the page.
    event.stopPropagation();
    onSubmit?.();
  };
  const body = (
    <>
      <div className="dialog-head">
        <h2 id={id}>{title}</h2>
        <IconButton name={TEXTS.close} onClick={onClose}><X size={16} aria-hidden /></IconButton>
      </div>
      <div className="dialog-body">{children}</div>
      {footer !== undefined && <div className="dialog-foot">{footer}</div>}
    </>
  );
  return createPortal(
    <dialog ref={ref} aria-labelledby={id} className={`dialog dialog-${size} ${isDrawer ? "drawer" : ""}`}
      onCancel={(event) => { event.preventDefault(); onClose(); }}
      onKeyDown={(event) => event.stopPropagation()}
      onPointerDown={(event) => { if (event.target === ref.current) onClose(); }}>
      {onSubmit === undefined ? body : <form onSubmit={submit} noValidate={false}>{body}</form>}
    </dialog>,
    document.body,
  );
}

type AskProps = { title: string; children?: ReactNode; yes: string; isBusy?: boolean; onYes: () => void; onNo: () => void; isDanger?: boolean };

/** Asks once more before something is lost. */
export function Ask({ title, children, yes, isBusy = false, onYes, onNo, isDanger = true }: AskProps) {
  const footer = (
    <>
      <Button onClick={onNo} autoFocus>{TEXTS.keep}</Button>
      <Button look={isDanger ? "danger" : "primary"} type="submit" disabled={isBusy}>{yes}</Button>
    </>
  );
  return (
    <Dialog title={title} onClose={onNo} footer={footer} size="small" onSubmit={onYes}>
      {children}
    </Dialog>
  );
}
