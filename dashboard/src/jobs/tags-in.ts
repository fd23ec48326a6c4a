/** Tags that somebody has written, parted by commas or spaces. */
export function tagsIn(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}
