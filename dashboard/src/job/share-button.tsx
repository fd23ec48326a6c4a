import { useState } from 'preact/hooks';
import { call, messageOf } from '../api/client.js';
import { say } from '../ui/toasts.js';

/** Saves the page of a job as one file, as the server makes it. */
export function ShareButton({ id }: { id: string }) {
  const [isMaking, setMaking] = useState(false);
  const save = async () => {
    setMaking(true);
    try {
      const response = await call(`/jobs/${encodeURIComponent(id)}/share`);
      const link = document.createElement('a');
      link.href = URL.createObjectURL(await response.blob());
      link.download = `job-${id}.html`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (error) {
      say(messageOf(error), 'bad');
    } finally {
      setMaking(false);
    }
  };
  return (
    <button
      type="button"
      disabled={isMaking}
      title="Save this page as one file, without secrets, for a ticket"
      onClick={() => void save()}
    >
      Share
    </button>
  );
}
