/** The colours of a drawing that stands by itself. */
const COLOURS = {
  light: {
    page: '#ffffff',
    box: '#f6f8fa',
    border: '#8c959f',
    text: '#1f2328',
    dim: '#59636e',
    line: '#6e7781',
    lit: '#0969da',
    'lit-box': '#ddf4ff',
    final: '#eef1f4',
    good: '#1a7f37',
    bad: '#cf222e',
  },
  dark: {
    page: '#0d1117',
    box: '#161b22',
    border: '#6e7681',
    text: '#e6edf3',
    dim: '#9198a1',
    line: '#8b949e',
    lit: '#4493f8',
    'lit-box': '#12304f',
    final: '#1c2128',
    good: '#3fb950',
    bad: '#f85149',
  },
} as const;

const RULES = `
.page{fill:var(--page)}
.box,.inner{fill:var(--box);stroke:var(--border)}
.parent>.box{fill:none}
.region>.box{stroke-dasharray:5 4}
.more:not(.lit)>:is(.line,.head),.edge:not(.lit)>.again{display:none}
.parent>.name{paint-order:stroke;stroke:var(--page);stroke-width:4px;stroke-linejoin:round}
.final>.box,.final>.inner{fill:var(--final)}
.any>.box{stroke-dasharray:4 3}
.name{fill:var(--text)}
.detail,.label{fill:var(--dim)}
.count{fill:var(--lit)}
.line{stroke:var(--line)}
.head,.start>circle{fill:var(--line)}
.lit>.box{stroke:var(--lit);stroke-width:2}
.lit:not(.parent)>.box{fill:var(--lit-box)}
.lit>.inner{fill:none;stroke:var(--lit)}
.edge.lit>.line{stroke:var(--lit);stroke-width:2}
.edge.lit>.head{fill:var(--lit)}
.edge.lit>.label{fill:var(--lit);font-weight:600}
.job.completed>.box{stroke:var(--good)}
.job.completed>.stand{fill:var(--good)}
.job.failed>.box{stroke:var(--bad);stroke-width:2}
.job.failed>.stand{fill:var(--bad)}
.job:is(.blocked,.dropped)>.box{stroke-dasharray:4 3}
.edge.loose>.line{stroke-dasharray:6 4}
`;

/** The style sheet of one theme, or of both, as the viewer prefers. */
export function chartStyle(theme?: 'light' | 'dark'): string {
  if (theme) return `.chart{${variables(theme)}}${RULES}`;
  return `.chart{${variables('light')}}@media (prefers-color-scheme:dark){.chart{${variables('dark')}}}${RULES}`;
}

function variables(theme: 'light' | 'dark'): string {
  return Object.entries(COLOURS[theme])
    .map(([name, colour]) => `--${name}:${colour};`)
    .join('');
}
