import { useMemo } from 'preact/hooks';
import type { Zoom } from './use-zoom.js';

interface MinimapProps {
  drawing: SVGSVGElement;
  /** Ids of the states that are active. */
  lit: readonly string[];
  zoom: Zoom;
}

const LONGEST_PX = 150;

/** Where in a large drawing one is; a click or a drag goes elsewhere. By keyboard the drawing scrolls itself. */
export function Minimap({ drawing, lit, zoom: { seen, centre } }: MinimapProps) {
  const { width, height } = drawing.viewBox.baseVal;
  const boxes = useMemo(() => boxesOf(drawing), [drawing]);
  const scale = LONGEST_PX / Math.max(width, height);
  const goTo = (event: PointerEvent) => {
    if (event.buttons === 0) return;
    const { left, top } = (event.currentTarget as Element).getBoundingClientRect();
    centre((event.clientX - left) / scale, (event.clientY - top) / scale);
  };
  return (
    <svg
      class="minimap"
      aria-hidden="true"
      viewBox={`0 0 ${width} ${height}`}
      width={width * scale}
      height={height * scale}
      onPointerDown={(event) => {
        (event.currentTarget as Element).setPointerCapture(event.pointerId);
        goTo(event);
      }}
      onPointerMove={goTo}
    >
      {boxes.map(({ id, isParent, ...rect }) => (
        <rect key={id} {...rect} class={lit.includes(id) ? 'lit' : isParent ? 'parent' : ''} />
      ))}
      <rect class="seen" x={seen.x} y={seen.y} width={seen.width} height={seen.height} />
    </svg>
  );
}

function boxesOf(drawing: SVGSVGElement) {
  return [...drawing.querySelectorAll<SVGGElement>('[data-state]')].map((state) => {
    const box = state.querySelector('.box');
    const value = (name: string) => Number(box?.getAttribute(name));
    return {
      id: state.dataset.state ?? '',
      isParent: state.classList.contains('parent'),
      ...{ x: value('x'), y: value('y'), width: value('width'), height: value('height') },
    };
  });
}
