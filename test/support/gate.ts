/** Something that waits until a test lets it go on. */
export interface Gate {
  open: () => void;
  /** Resolves once it is open. */
  opened: Promise<void>;
}

export function gate(): Gate {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}
