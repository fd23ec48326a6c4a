import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ApiError, hasToken, messageOf, saveToken } from '../api/client.js';
import { loadSession } from '../api/session.js';

/** Asks for a token when the server wants one; it is kept until the tab closes. */
export function SignIn() {
  const input = useRef<HTMLInputElement>(null);
  const [error, setError] = useState(hasToken() ? 'The token of this tab is not valid any more.' : '');
  useLayoutEffect(() => {
    document.title = 'Sign in · Jetfleet';
    input.current?.focus();
  }, []);
  const signIn = async (event: SubmitEvent) => {
    event.preventDefault();
    saveToken(input.current?.value.trim() ?? '');
    try {
      await loadSession();
    } catch (reason) {
      saveToken('');
      const isRefused = reason instanceof ApiError && reason.status === 401;
      setError(isRefused ? 'The server does not know this token.' : messageOf(reason));
      input.current?.select();
    }
  };
  return (
    <main class="alone">
      <form class="panel sign-in" onSubmit={signIn}>
        <h1>Sign in to Jetfleet</h1>
        <p class="quiet">
          Use one of the tokens that the server was started with (<code>JETFLEET_HTTP_TOKEN</code>). It stays
          in this tab only.
        </p>
        <label>
          Token
          <input ref={input} type="password" name="token" autocomplete="current-password" required />
        </label>
        {error && (
          <p class="form-error" role="alert">
            {error}
          </p>
        )}
        <button type="submit" class="primary">
          Sign in
        </button>
      </form>
    </main>
  );
}
