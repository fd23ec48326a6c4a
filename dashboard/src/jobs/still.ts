import { useEffect, useState } from 'preact/hooks';

/** Further down than this somebody reads. */
const SCROLLED_PX = 8;

interface Stillness {
  /** Whether rows must not move: the mouse is over them, the page is scrolled, or a key has led to one of them. */
  isStill: boolean;
  /** For the element around the rows. */
  handlers: {
    onPointerEnter(event: PointerEvent): void;
    onPointerLeave(): void;
    onFocusIn(event: FocusEvent): void;
    onFocusOut(): void;
  };
}

export function useStill(): Stillness {
  const [isUnderMouse, setUnderMouse] = useState(false);
  const [hasFocus, setFocus] = useState(false);
  const [isScrolled, setScrolled] = useState(false);
  useEffect(() => {
    const look = () => setScrolled(window.scrollY > SCROLLED_PX);
    look();
    window.addEventListener('scroll', look, { passive: true });
    return () => window.removeEventListener('scroll', look);
  }, []);
  return {
    isStill: isUnderMouse || hasFocus || isScrolled,
    handlers: {
      // A finger that has left the screen is nowhere.
      onPointerEnter: ({ pointerType }) => setUnderMouse(pointerType === 'mouse'),
      onPointerLeave: () => setUnderMouse(false),
      onFocusIn: ({ target }) => setFocus(target instanceof Element && target.closest('tbody') !== null),
      onFocusOut: () => setFocus(false),
    },
  };
}
