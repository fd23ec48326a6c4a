import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { hasToken, saveToken, signInWanted } from '../api/client.js';
import { session } from '../api/session.js';
import { Link, usePlace } from '../router.js';
import { useStore } from '../store.js';
import { Banner, LiveSign } from './banner.js';
import { Icon } from './icons.js';
import { KeyboardHelp, useShortcuts } from './keyboard.js';
import { lazy } from './lazy.js';
import { usePages } from './pages.js';
import { isPaletteOpen } from './palette-key.js';
import { SearchBox } from './search-box.js';
import { switchTheme, theme } from './theme.js';

const Palette = lazy(async () => (await import('../palette/palette.js')).Palette);
const THEME_ICONS = { system: 'system', light: 'sun', dark: 'moon' } as const;

/** The frame around every page. */
export function Shell({ children }: { children: ComponentChildren }) {
  const [isMenuOpen, setMenuOpen] = useState(false);
  const [isHelpOpen, setHelpOpen] = useState(false);
  const { path } = usePlace();
  const chosen = useStore(theme);
  const own = useStore(session);
  const pages = usePages();
  const isSeeking = useStore(isPaletteOpen);
  useShortcuts(() => setHelpOpen(true));
  useEffect(() => setMenuOpen(false), [path]);
  const signOut = () => {
    saveToken('');
    session.set(undefined);
    signInWanted.set(true);
  };
  return (
    <div class="shell">
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="top">
        <button
          type="button"
          class="ghost square menu-button"
          aria-label="Menu"
          aria-expanded={isMenuOpen}
          aria-controls="menu"
          onClick={() => setMenuOpen(!isMenuOpen)}
        >
          <Icon name={isMenuOpen ? 'close' : 'menu'} />
        </button>
        <Link to="/" class="brand">
          <Logo /> Jetfleet
        </Link>
        {own?.environment && (
          <span class={`environment ${/^prod/i.test(own.environment) ? 'production' : ''}`}>
            {own.environment}
          </span>
        )}
        <SearchBox />
        <div class="top-end">
          <LiveSign />
          <button
            type="button"
            class="ghost square"
            aria-label={`Theme: ${chosen}. Switch it`}
            title={`Theme: ${chosen}`}
            onClick={switchTheme}
          >
            <Icon name={THEME_ICONS[chosen]} />
          </button>
          <button
            type="button"
            class="ghost square wide-only"
            aria-label="Keyboard shortcuts"
            title="Keyboard shortcuts (?)"
            onClick={() => setHelpOpen(true)}
          >
            <Icon name="help" />
          </button>
        </div>
      </header>
      <nav id="menu" class={isMenuOpen ? 'side open' : 'side'} aria-label="Pages">
        <ul>
          {pages.map(([to, label, icon]) => (
            <li key={to}>
              <Link to={to} aria-current={isWithin(path, to) ? 'page' : undefined}>
                <Icon name={icon} />
                <span>{label}</span>
              </Link>
            </li>
          ))}
        </ul>
        <p class="side-foot">
          {own?.namespace && <span>namespace {own.namespace}</span>}
          <span>
            {own?.role} · v{own?.version}
          </span>
          {hasToken() && (
            <button type="button" class="link" onClick={signOut}>
              Sign out
            </button>
          )}
        </p>
      </nav>
      <main id="content" tabIndex={-1}>
        <Banner />
        {children}
      </main>
      {isHelpOpen && <KeyboardHelp onClose={() => setHelpOpen(false)} />}
      {isSeeking && (
        <Palette
          onClose={() => isPaletteOpen.set(false)}
          actions={{ help: () => setHelpOpen(true), signOut: hasToken() ? signOut : undefined }}
        />
      )}
    </div>
  );
}

function isWithin(path: string, link: string): boolean {
  return path === link || (link !== '/' && path.startsWith(`${link}/`));
}

function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="9" />
      <path d="M8 21.5l8-12 8 12-8-4z" />
    </svg>
  );
}
