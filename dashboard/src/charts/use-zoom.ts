import type { RefObject } from 'preact';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** At 1 its small text is 11 px: it opens like that, and scrolls where there is no room. */
const OPEN_AT = 1;
const RANGE = { least: 0.1, most: 4 };
const STEP = 1.25;
/** Of the turn of a wheel, in pixels. */
const WHEEL = 0.002;

/** The part of a drawing that is seen, in units of the drawing. */
export interface Seen {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Zoom {
  scale: number;
  seen: Seen;
  /** Whether some of it is out of sight. */
  isCut: boolean;
  zoomIn(): void;
  zoomOut(): void;
  /** All of it, however small; or as it opens. */
  toggleFit(): void;
  isFit: boolean;
  /** Brings a point of the drawing into the middle. */
  centre(x: number, y: number): void;
}

/** Moves and scales a drawing in an element that scrolls: by mouse, wheel and keys, as well as natively. */
export function useZoom(scroller: RefObject<HTMLElement | null>, drawing: SVGSVGElement | undefined): Zoom {
  const [scale, setScale] = useState(OPEN_AT);
  const [isFit, setFit] = useState(false);
  const [seen, setSeen] = useState<Seen>({ x: 0, y: 0, width: 0, height: 0 });
  const current = useRef(OPEN_AT);

  const note = useCallback(() => {
    if (scroller.current && drawing) setSeen(seenOf(scroller.current, drawing, current.current));
  }, [drawing]);

  const resize = useCallback(
    (wanted: number, at?: { x: number; y: number }) => {
      const box = scroller.current;
      if (!box || !drawing) return;
      const next = Math.min(RANGE.most, Math.max(RANGE.least, wanted));
      const outer = box.getBoundingClientRect();
      const { x, y } = at ?? { x: outer.left + outer.width / 2, y: outer.top + outer.height / 2 };
      const before = drawing.getBoundingClientRect();
      const point = { x: (x - before.left) / current.current, y: (y - before.top) / current.current };
      current.current = next;
      size(drawing, next);
      const after = drawing.getBoundingClientRect();
      box.scrollBy({
        left: after.left + point.x * next - x,
        top: after.top + point.y * next - y,
        behavior: 'instant',
      });
      setScale(next);
      note();
    },
    [drawing, note],
  );

  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box || !drawing) return;
    size(drawing, current.current);
    note();
    const resized = new ResizeObserver(() => (isFit ? resize(fitting(box, drawing)) : note()));
    resized.observe(box);
    box.addEventListener('scroll', note, { passive: true });
    return () => {
      resized.disconnect();
      box.removeEventListener('scroll', note);
    };
  }, [drawing, isFit, resize, note]);

  useEffect(() => {
    const box = scroller.current;
    if (!box || !drawing) return;
    const free = (wanted: number, at?: { x: number; y: number }) => {
      setFit(false);
      resize(wanted, at);
    };
    const onWheel = (event: WheelEvent) => {
      // A page that scrolls must scroll on; a pinch on a touchpad comes as a wheel with Ctrl.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      free(current.current * Math.exp(-event.deltaY * WHEEL), { x: event.clientX, y: event.clientY });
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target !== box) return;
      if (event.key === '+' || event.key === '=') free(current.current * STEP);
      else if (event.key === '-') free(current.current / STEP);
      else if (event.key === '0') free(OPEN_AT);
      else return;
      event.preventDefault();
    };
    const stopDragging = dragging(box);
    box.addEventListener('wheel', onWheel, { passive: false });
    box.addEventListener('keydown', onKey);
    return () => {
      stopDragging();
      box.removeEventListener('wheel', onWheel);
      box.removeEventListener('keydown', onKey);
    };
  }, [drawing, resize]);

  const by = (factor: number) => () => {
    setFit(false);
    resize(current.current * factor);
  };
  return {
    scale,
    seen,
    isFit,
    isCut: drawing !== undefined && isCut(seen, drawing),
    zoomIn: by(STEP),
    zoomOut: by(1 / STEP),
    toggleFit: () => {
      const box = scroller.current;
      if (!box || !drawing) return;
      setFit(!isFit);
      resize(isFit ? OPEN_AT : fitting(box, drawing));
    },
    centre: (x, y) => {
      const box = scroller.current;
      if (!box) return;
      const left = x * current.current - box.clientWidth / 2;
      box.scrollTo({ left, top: y * current.current - box.clientHeight / 2, behavior: 'instant' });
    },
  };
}

function size(drawing: SVGSVGElement, scale: number): void {
  const { width, height } = drawing.viewBox.baseVal;
  drawing.setAttribute('width', String(width * scale));
  drawing.setAttribute('height', String(height * scale));
}

/** The scale at which all of it is seen; never larger than it was drawn. */
function fitting(box: HTMLElement, drawing: SVGSVGElement): number {
  const { width, height } = drawing.viewBox.baseVal;
  const tallest = Number.parseFloat(getComputedStyle(box).maxHeight) || box.clientHeight;
  return Math.min(OPEN_AT, box.clientWidth / width, tallest / height);
}

function seenOf(box: HTMLElement, drawing: SVGSVGElement, scale: number): Seen {
  const { width, height } = drawing.viewBox.baseVal;
  return {
    x: box.scrollLeft / scale,
    y: box.scrollTop / scale,
    width: Math.min(width, box.clientWidth / scale),
    height: Math.min(height, box.clientHeight / scale),
  };
}

function isCut(seen: Seen, drawing: SVGSVGElement): boolean {
  const { width, height } = drawing.viewBox.baseVal;
  return seen.width > 0 && (seen.width < width - 1 || seen.height < height - 1);
}

/** The drawing goes along with the mouse while its button is held; a finger scrolls by itself. */
function dragging(box: HTMLElement): () => void {
  let last: { x: number; y: number } | undefined;
  const onDown = (event: PointerEvent) => {
    const isOverflowing = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    // Neither the scroll bars nor a finger.
    const isInside = event.offsetX < box.clientWidth || event.target !== box;
    if (event.pointerType !== 'mouse' || event.button !== 0 || !isOverflowing || !isInside) return;
    last = { x: event.clientX, y: event.clientY };
    box.setPointerCapture(event.pointerId);
    box.classList.add('dragged');
  };
  const onMove = (event: PointerEvent) => {
    if (!last) return;
    box.scrollBy({ left: last.x - event.clientX, top: last.y - event.clientY, behavior: 'instant' });
    last = { x: event.clientX, y: event.clientY };
  };
  const onUp = () => {
    last = undefined;
    box.classList.remove('dragged');
  };
  box.addEventListener('pointerdown', onDown);
  box.addEventListener('pointermove', onMove);
  box.addEventListener('pointerup', onUp);
  box.addEventListener('pointercancel', onUp);
  return () => {
    box.removeEventListener('pointerdown', onDown);
    box.removeEventListener('pointermove', onMove);
    box.removeEventListener('pointerup', onUp);
    box.removeEventListener('pointercancel', onUp);
  };
}
