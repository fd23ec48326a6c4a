/** Line icons on a grid of 24, drawn with the colour of the text. */
const PATHS = {
  overview: 'M4 13h6V4H4zM14 20h6V4h-6zM4 20h6v-3H4z',
  jobs: 'M4 6h16M4 12h16M4 18h10',
  history: 'M4 20V4M4 20h16M8 16l4-5 3 3 5-7',
  schedules: 'M12 4a8 8 0 100 16 8 8 0 000-16zM12 8v4l3 2',
  limits: 'M4 18a8 8 0 1116 0M12 18l4-6',
  money:
    'M12 3v18M16.500 7.500c-1-1.500-2.500-2-4.500-2-2.500 0-4.500 1-4.500 3.200s2 2.800 4.500 3.300 4.500 1.300 4.500 3.500-2 3-4.500 3c-2.200 0-3.800-.7-4.700-2.200',
  machines: 'M6 3v6M6 9a3 3 0 100 6 3 3 0 000-6zM9 12h6M18 9a3 3 0 100 6 3 3 0 000-6zM18 15v6',
  workers: 'M4 5h16v6H4zM4 14h16v6H4zM8 8h.01M8 17h.01',
  webhooks: 'M12 3a9 9 0 109 9M12 12l8-8M14 4h6v6',
  endpoints: 'M4 12h9M9 8l4 4-4 4M14 4h6v16h-6',
  dead: 'M12 8v5M12 16.5v.01M10.3 3.9L2.6 17.3A2 2 0 004.3 20.3h15.4a2 2 0 001.7-3L13.7 3.9a2 2 0 00-3.4 0z',
  audit: 'M6 3h12v18H6zM9 8h6M9 12h6M9 16h3',
  api: 'M8 6l-6 6 6 6M16 6l6 6-6 6',
  search: 'M11 4a7 7 0 100 14 7 7 0 000-14zM16 16l5 5',
  sun: 'M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4',
  moon: 'M20 14.5A8.5 8.5 0 119.5 4a7 7 0 0010.5 10.5z',
  system: 'M3 5h18v11H3zM9 20h6M12 16v4',
  plus: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6L6 18',
  menu: 'M4 7h16M4 12h16M4 17h16',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  play: 'M7 4l13 8-13 8z',
  pause: 'M8 5v14M16 5v14',
  retry: 'M4 11a8 8 0 0114-4.5L20 9M20 4v5h-5M20 13a8 8 0 01-14 4.5L4 15M4 20v-5h5',
  help: 'M9 9a3 3 0 115 2.2c-1.2.9-2 1.500-2 2.800M12 17.500v.01',
  right: 'M9 5l7 7-7 7',
  left: 'M15 5l-7 7 7 7',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13',
  check: 'M4 12.500l5.500 5.500L20 7',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
