import { CopyButton } from '../ui/copy.js';
import { Dialog } from '../ui/dialog.js';

/** A secret, which the server shows one time. */
export interface ShownSecret {
  id: string;
  secret: string;
}

export function SecretDialog({ id, secret, onClose }: ShownSecret & { onClose(): void }) {
  return (
    <Dialog title={`Secret of ${id}`} onClose={onClose}>
      <div class="dialog-body">
        <p>Its receiver verifies webhooks with this secret. It is not shown again.</p>
        <p class="badges">
          <code class="id">{secret}</code>
          <CopyButton text={secret} what="the secret" />
        </p>
      </div>
      <footer>
        <button type="button" class="primary" onClick={onClose}>
          I have copied it
        </button>
      </footer>
    </Dialog>
  );
}
