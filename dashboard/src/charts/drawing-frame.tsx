import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from '../api/client.js';
import { importDrawing, readDrawing } from './drawing.js';
import { Minimap } from './minimap.js';
import { type Seen, useZoom } from './use-zoom.js';

interface DrawingFrameProps {
  /** Whoever asks what is in it, such as a card beside the pointer. */
  frame?: RefObject<HTMLDivElement | null>;
  drawing: SVGSVGElement | undefined;
  label: string;
  /** Ids of what is lit in it. */
  lit: readonly string[];
  /** Read out as it changes. */
  words: string;
  /** Buttons besides those that move and scale. */
  tools?: ComponentChildren;
  children?: ComponentChildren;
}

/** A drawing to move about in. */
export function DrawingFrame({ frame, drawing, label, lit, words, tools, children }: DrawingFrameProps) {
  const scroller = useRef<HTMLElement>(null);
  const place = useRef<HTMLDivElement>(null);
  // Before it is measured.
  useLayoutEffect(() => place.current?.replaceChildren(...(drawing ? [drawing] : [])), [drawing]);
  const zoom = useZoom(scroller, drawing);
  return (
    <div ref={frame ?? null} class="state-chart-frame" aria-busy={!drawing}>
      <div class="chart-tools">
        <span class="quiet">{zoom.isCut && 'Drag or scroll to see the rest.'}</span>
        {tools}
        <button type="button" class="small" aria-pressed={zoom.isFit} onClick={zoom.toggleFit}>
          Fit
        </button>
        <button
          type="button"
          class="small square"
          aria-label="Zoom out"
          title="Zoom out (-)"
          onClick={zoom.zoomOut}
        >
          −
        </button>
        <button
          type="button"
          class="small square"
          aria-label="Zoom in"
          title="Zoom in (+)"
          onClick={zoom.zoomIn}
        >
          +
        </button>
      </div>
      <div class={`chart-window ${drawing ? cutSides(zoom.seen, drawing) : ''}`}>
        <section
          ref={scroller}
          class="state-chart"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
          tabIndex={0}
          aria-label={label}
        >
          <div ref={place} class="drawing" />
          <p class="off-screen" aria-live="polite">
            {words}
          </p>
        </section>
        {drawing && zoom.isCut && <Minimap drawing={drawing} lit={lit} zoom={zoom} />}
      </div>
      {children}
    </div>
  );
}

/**
 * A drawing of the API, read once for each `key`.
 * @param prepare called with it before it is shown
 */
export function useDrawing(
  path: string,
  key: string,
  prepare: (drawing: SVGSVGElement) => void,
): { drawing: SVGSVGElement | undefined; error: string } {
  const [drawing, setDrawing] = useState<SVGSVGElement | undefined>(undefined);
  const [error, setError] = useState('');
  useEffect(() => {
    let isStale = false;
    setError('');
    readDrawing(path, key).then(
      (text) => {
        if (isStale) return;
        const svg = importDrawing(text);
        if (svg) prepare(svg);
        else setError('The drawing could not be read.');
        setDrawing(svg);
      },
      (reason) => !isStale && setError(messageOf(reason)),
    );
    return () => {
      isStale = true;
    };
  }, [path, key]);
  return { drawing, error };
}

/** Where there is more of it, as classes that show a shadow. */
function cutSides({ x, y, width, height }: Seen, { viewBox: { baseVal: whole } }: SVGSVGElement): string {
  const sides = [
    x > 1 && 'more-left',
    y > 1 && 'more-above',
    x + width < whole.width - 1 && 'more-right',
    y + height < whole.height - 1 && 'more-below',
  ];
  return sides.filter(Boolean).join(' ');
}
